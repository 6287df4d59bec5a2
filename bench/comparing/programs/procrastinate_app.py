"""The Procrastinate application: coroutines, as its documentation has it for tasks that run at once in one worker."""

import os

import httpx
from procrastinate import App, PsycopgConnector

from bench.comparing.programs import timing
from bench.comparing.programs.counting import Counter

app = App(
    connector=PsycopgConnector(
        conninfo=os.environ["COMPARE_DATABASE_URL"], min_size=2, max_size=int(os.environ["COMPARE_POOL"])
    )
)
counters: list[Counter] = []
clients: list[httpx.AsyncClient] = []


@app.task(name="compared.noop", queue="main")
async def noop(n: int) -> None:
    """Does nothing but be counted."""
    counters[0].add()


@app.task(name="compared.stamp", queue="main")
async def stamp(sent_at: float) -> None:
    timing.write_stamp(sent_at)


@app.task(name="compared.fetch", queue="main")
async def fetch(url: str) -> None:
    (await clients[0].get(url)).raise_for_status()
    counters[0].add()

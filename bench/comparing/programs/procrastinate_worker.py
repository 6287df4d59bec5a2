"""A worker process: python -m bench.comparing.programs.procrastinate_worker NUMBER CONCURRENCY.

It warms up on a queue of its own, says that it is ready, and takes from the main queue when the file `go` is there.
"""

import asyncio
import sys

import httpx

from bench.comparing.programs import timing
from bench.comparing.programs.counting import Counter
from bench.comparing.programs.procrastinate_app import app, clients, counters, noop

WARM_UP = 100
_GO_POLL = 0.005


async def main(number: int, concurrency: int) -> None:
    counters[:] = [Counter(timing.FOLDER)]
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=60) as client, app.open_async():
        clients[:] = [client]
        queue = f"warm_up_{number}"
        await noop.configure(queue=queue).batch_defer_async(*[{"n": each} for each in range(WARM_UP)])
        await app.run_worker_async(queues=[queue], wait=False, concurrency=concurrency)
        (timing.FOLDER / f"ready_{number}").touch()
        while not (timing.FOLDER / "go").exists():
            await asyncio.sleep(_GO_POLL)
        await app.run_worker_async(queues=["main"], concurrency=concurrency, shutdown_graceful_timeout=2)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))

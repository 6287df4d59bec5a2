"""The tasks of both Celery applications, and what tells when their worker is ready."""

import httpx
from celery import shared_task
from celery.signals import worker_process_init, worker_ready

from bench.comparing.programs import timing
from bench.comparing.programs.counting import Counter

_counters: list[Counter] = []
_clients: list[httpx.Client] = []


@worker_process_init.connect
def _begin(**_: object) -> None:
    _counters[:] = [Counter(timing.FOLDER)]
    _clients[:] = [httpx.Client(trust_env=False)]


@worker_ready.connect
def _say_ready(**_: object) -> None:
    (timing.FOLDER / "ready").touch()


@shared_task(name="compared.noop")
def noop(n: int) -> None:
    """Does nothing but be counted."""
    _counters[0].add()


@shared_task(name="compared.stamp")
def stamp(sent_at: float) -> None:
    timing.write_stamp(sent_at)


@shared_task(name="compared.fetch")
def fetch(url: str) -> int:
    status = _clients[0].get(url).raise_for_status().status_code
    _counters[0].add()
    return status

"""What is measured: each measure a function that returns its figures, after it has seen that the work was done."""

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
from django.db import transaction
from django.db.models import Max

from bench import clients, stopping
from bench.installation import Installation, Mode, Part
from bench.percentile import percentile
from bench.processes import BenchFailed, output_of
from tasks import database
from tasks.models import Leadership, Task, TaskAttempt
from tasks.services import submit_task, submit_tasks
from tasks.states import BACKLOG, TaskStatus

DRAIN_WITHIN = 300.0  # seconds, as a bound for every wait here
WARM_UP = 2_000
SINGLES = 100
HTTP_CALLS = 1_000
BARE_MESSAGES = 3_000
CLIENTS = 8
REQUESTS = 2_000  # of all clients together
TURNS = 4
WARM_UP_REQUESTS = 200
POLL = 0.1
UNFINISHED = [*BACKLOG, TaskStatus.PROCESSING, TaskStatus.RETRYING]

Progress = Callable[[float], None]  # 0 to 1
Given = dict[str, object]


@dataclass(frozen=True)
class Round:
    """One run of a measure."""

    installation: Installation
    tasks: int
    progress: Progress


@dataclass(frozen=True)
class Figure:
    title: str
    unit: str


@dataclass(frozen=True)
class Measure:
    name: str
    needs: frozenset[Part]
    figures: dict[str, Figure]
    run: Callable[[Round], dict[str, float]]
    modes: Sequence[Mode] = field(default=("full", "embedded"))


# --- Submitting, with nothing else running ----------------------------------------------------------------------------


def bulk_submit(this: Round) -> dict[str, float]:
    given = noops("sample.noop", this.tasks)
    began = time.perf_counter()
    submit_tasks(given)
    seconds = time.perf_counter() - began
    expect(Task.objects.count(), this.tasks, "rows")
    return {"rate": this.tasks / seconds}


def bulk_submit_by_api(this: Round) -> dict[str, float]:
    where = this.installation
    body = json.dumps(noops("sample.noop", this.tasks)).encode()
    with httpx.Client(base_url=where.web_url, timeout=120, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {_token(where)}", "Content-Type": "application/json"}
        # The first request of a process imports and compiles; whoever sends 10,000 tasks has sent others before.
        client.post("/api/tasks/bulk/", content=json.dumps(noops("sample.noop", 10)), headers=headers)
        began = time.perf_counter()
        answer = client.post("/api/tasks/bulk/", content=body, headers=headers)
        seconds = time.perf_counter() - began
    if answer.status_code != 201:
        raise BenchFailed(f"POST /api/tasks/bulk/ answered {answer.status_code}: {answer.text[:300]}")
    expect(Task.objects.count(), this.tasks + 10, "rows")
    return {"seconds": seconds}


def single_submits_by_api(this: Round) -> dict[str, float]:
    """Both views in turns, so that a disturbance meets both."""
    paths = {"own": "/api/tasks/", "bare": "/bench/bare/"}
    body = json.dumps({"type": "sample.noop", "payload": {"n": 1}, "name": "one of many", "priority": 5}).encode()
    token, seconds, latencies = _token(this.installation), dict.fromkeys(paths, 0.0), []

    def post(path: str, requests: int) -> clients.Load:
        url = this.installation.web_url + path
        return clients.post(url, body, token=token, clients=CLIENTS, requests=requests)

    for path in paths.values():
        post(path, WARM_UP_REQUESTS)
    for turn in range(TURNS):
        for name, path in paths.items():
            load = post(path, REQUESTS // TURNS)
            seconds[name] += load.seconds
            latencies += [each * 1000 for each in load.latencies] if name == "own" else []
        this.progress((turn + 1) / TURNS)
    expect(Task.objects.count(), REQUESTS + WARM_UP_REQUESTS, "rows")
    latencies.sort()
    return {
        "rate": REQUESTS / seconds["own"],
        "bare": REQUESTS / seconds["bare"],
        "ratio": seconds["bare"] / seconds["own"] * 100,
        "p50": percentile(latencies, 50),
        "p99": percentile(latencies, 99),
    }


def _token(where: Installation) -> str:
    login = {"username": where.submitter, "password": where.password}
    answer = httpx.post(f"{where.web_url}/api/auth/token/", json=login, timeout=30, trust_env=False)
    return str(answer.raise_for_status().json()["access"])


def bare_celery_submit(this: Round) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.bare_celery", str(BARE_MESSAGES)]
    code, output = output_of(command, within=DRAIN_WITHIN)
    if code:
        raise BenchFailed(f"the bare Celery loop ended with code {code}")
    return {"rate": float(output)}


# --- Draining ---------------------------------------------------------------------------------------------------------


def drain_plain(this: Round) -> dict[str, float]:
    return _drain(this, "sample.noop")


def drain_coroutines(this: Round) -> dict[str, float]:
    return _drain(this, "sample.async_noop")


def _drain(this: Round, type_name: str) -> dict[str, float]:
    warm_up(this, noops(type_name, min(WARM_UP, this.tasks)))
    used_before = this.installation.processes.cpu_seconds()
    seconds = _submit_and_drain(this, noops(type_name, this.tasks))
    used = this.installation.processes.cpu_seconds() - used_before
    return {"rate": this.tasks / seconds, "cpu": used / this.tasks * 1e6}


def http_calls(this: Round) -> dict[str, float]:
    calls: list[Given] = [{"type": "http_request", "payload": {"url": this.installation.slow_url}}] * HTTP_CALLS
    warm_up(this, calls[:200])
    return {"seconds": _submit_and_drain(this, calls)}


def warm_up(this: Round, given: list[Given]) -> None:
    """Makes both pool processes import what they need, and the dispatcher learn how long the type takes."""
    _submit_and_drain(this, given, progress=False)
    stopping.sleep(1.0)  # the workers tell a mean at once, the dispatcher reads it within half a second
    empty_tables()
    await_idle(this.installation)


def _submit_and_drain(this: Round, given: list[Given], *, progress: bool = True) -> float:
    """Returns the seconds from the submit's commit until the last task was finished, by the database's clock."""
    with transaction.atomic():
        submit_tasks(given)
    committed_at = database.now()  # at once: what a submit does after its commit would be counted out

    def is_drained() -> bool:
        if progress:
            this.progress(TaskAttempt.objects.count() / len(given))
        return not Task.objects.filter(status__in=UNFINISHED).exists()

    this.installation.processes.wait_until(
        is_drained, f"{len(given):,} tasks are done", within=DRAIN_WITHIN, every=POLL
    )
    expect(Task.objects.filter(status=TaskStatus.COMPLETED).count(), len(given), "completed tasks")
    expect(TaskAttempt.objects.count(), len(given), "attempts")
    finished_at = Task.objects.aggregate(last=Max("finished_at"))["last"]
    return float((finished_at - committed_at).total_seconds())


# --- From submit to start ---------------------------------------------------------------------------------------------


def submit_to_start(this: Round) -> dict[str, float]:
    """Single submits, each when the dispatcher has said that it is idle."""
    return _singles(this, lambda: await_idle(this.installation))


def submit_to_start_anyhow(this: Round) -> dict[str, float]:
    """Single submits at odd times: the dispatcher is idle or on the way there."""
    return _singles(this, lambda: stopping.sleep(random.uniform(0.05, 0.95)))


def _singles(this: Round, pause: Callable[[], None]) -> dict[str, float]:
    warm_up(this, noops("sample.noop", 20))
    for number in range(SINGLES):
        pause()
        stopping.sleep(random.uniform(0.0, 0.1))  # else all of them would meet the polls at the same phase
        submit_task(type="sample.noop")
        this.progress((number + 1) / SINGLES)
    this.installation.processes.wait_until(
        lambda: not Task.objects.filter(status__in=UNFINISHED).exists(), "the single tasks are done", within=30
    )
    rows = Task.objects.filter(status=TaskStatus.COMPLETED).values_list("created_at", "started_at")
    waited = sorted((started - created).total_seconds() * 1000 for created, started in rows if started)
    expect(len(waited), SINGLES, "completed tasks")
    return {"p50": percentile(waited, 50), "p99": percentile(waited, 99)}


def await_idle(installation: Installation) -> None:
    """Waits until all work is done and the dispatcher has gone to sleep after it."""

    def is_idle() -> bool:
        # In this order: until the dispatcher has taken up the newest task, it stands there as idle.
        return not Task.objects.filter(status__in=UNFINISHED).exists() and Leadership.objects.filter(idle=True).exists()

    installation.processes.wait_until(is_idle, "the dispatcher is idle", within=15, every=0.02)


# --- Parts ------------------------------------------------------------------------------------------------------------


def empty_tables() -> None:
    """Removes all tasks and what belongs to them, so that each round begins alike."""
    tables = ("tasks_task", "tasks_taskattempt", "tasks_tasklog", "tasks_taskevent", "tasks_deadletter")
    if database.is_postgresql():
        database.run(f"TRUNCATE {', '.join(tables)}")
        return
    with database.one_transaction():
        for table in tables:
            database.run(f"DELETE FROM {table}")


def noops(type_name: str, count: int) -> list[Given]:
    return [{"type": type_name, "payload": {"n": number}} for number in range(count)]


def expect(found: int, wanted: int, what: str) -> None:
    """Raises BenchFailed where something is missing or too much."""
    if found != wanted:
        raise BenchFailed(f"there are {found:,} {what} where {wanted:,} were expected")


def _drained(kind: str) -> dict[str, Figure]:
    return {
        "rate": Figure(f"drain, {kind} no-ops", "tasks/s"),
        "cpu": Figure(f"drain, {kind} no-ops: CPU of coordinator and workers", "µs/task"),
    }


_POSTED = {
    "rate": Figure(f"single submits, POST /api/tasks/, {CLIENTS} clients", "requests/s"),
    "bare": Figure(f"bare DRF view that inserts a row, {CLIENTS} clients", "requests/s"),
    "ratio": Figure("single submits as a share of the bare view", "%"),
    "p50": Figure("single submits, answer, p50", "ms"),
    "p99": Figure("single submits, answer, p99", "ms"),
}


def _waited(when: str) -> dict[str, Figure]:
    return {name: Figure(f"submit to start, {when}, {name}", "ms") for name in ("p50", "p99")}


_ALONE: frozenset[Part] = frozenset()
_WEB: frozenset[Part] = frozenset({"web"})
_ENGINE: frozenset[Part] = frozenset({"engine"})
_ENGINE_AND_SLOW: frozenset[Part] = frozenset({"engine", "slow server"})

# In the order in which they are run: those that need the same processes stand together.
MEASURES = [
    Measure("bare", _ALONE, {"rate": Figure("bare Celery, apply_async in a loop, confirms", "messages/s")},
            bare_celery_submit, modes=["full"]),
    Measure("submit", _ALONE, {"rate": Figure("bulk submit, submit_tasks", "rows/s")}, bulk_submit),
    Measure("api", _WEB, {"seconds": Figure("bulk submit, POST /api/tasks/bulk/", "s")}, bulk_submit_by_api),
    Measure("singles", _WEB, _POSTED, single_submits_by_api),
    Measure("drain", _ENGINE, _drained("plain"), drain_plain),
    Measure("async", _ENGINE, _drained("coroutine"), drain_coroutines),
    Measure("idle", _ENGINE, _waited("idle"), submit_to_start),
    Measure("odd", _ENGINE, _waited("at odd times"), submit_to_start_anyhow),
    Measure("http", _ENGINE_AND_SLOW, {"seconds": Figure(f"{HTTP_CALLS:,} HTTP calls of 100 ms", "s")}, http_calls),
]  # fmt: skip

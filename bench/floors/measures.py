"""What is measured against a floor: each measure a function that returns its figures."""

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench import stopping
from bench.floors import draining, memory, plans, rows
from bench.floors.draining import WINDOW
from bench.floors.floor import Figure
from bench.installation import Installation
from bench.measures import empty_tables
from bench.processes import BenchFailed
from tasks import database
from tasks.models import Task, TaskAttempt
from tasks.services import submit_tasks

ROUNDS = 3
WINDOWS = 5  # of 10,000 tasks, of what is pending
WITHIN = 30.0  # per cent that a rate may lose
BULK = 10_000

Progress = Callable[[str, float], None]  # what is being done, and how much of it, 0 to 1


@dataclass(frozen=True)
class Round:
    installation: Installation
    scale: float  # of the numbers of rows
    progress: Progress
    notes: dict[str, Any] = field(default_factory=dict)  # for the JSON: what stands behind the figures

    def rows(self, whole: int) -> int:
        return max(WINDOW, int(whole * self.scale))


# --- What a pool process keeps ----------------------------------------------------------------------------------------


def pool_memory(this: Round) -> list[Figure]:
    """One pool process a worker executes no-ops; what it has after the first tenth is what it may have at the end."""
    this.installation.restart({"engine"}, pool_processes=1)
    figures: list[Figure] = []
    for worker, type_name in (("plain", "sample.noop"), ("async", "sample.async_noop")):
        [pid] = memory.children(this.installation.processes.pid(worker))
        sizes = []
        for count in (5_000, 45_000):
            _execute(this, type_name, count)
            sizes.append(memory.usage(pid))
        if memory.children(this.installation.processes.pid(worker)) != [pid]:
            raise BenchFailed(f"the pool process of {worker} is another one than at the beginning")
        before, after = sizes
        this.notes[f"memory of {worker}"] = [vars(before), vars(after)]
        title = f"pool process, {type_name}"
        figures += [
            Figure(f"{title}: PSS after 5,000 tasks", before.pss, "MiB"),
            Figure(f"{title}: growth of PSS until 50,000", 100 * (after.pss / before.pss - 1), "%", most=10),
            Figure(f"{title}: growth of RSS until 50,000", 100 * (after.rss / before.rss - 1), "%", most=10),
        ]
    return figures


def _execute(this: Round, type_name: str, count: int) -> None:
    for start in range(0, count, BULK):
        this.progress(f"memory: {type_name}", start / count)
        submit_tasks([{"type": type_name, "payload": {"n": n}} for n in range(min(BULK, count - start))])
        draining.await_done(this.installation)
    stopping.sleep(2.0)  # the last outcomes are written, and their objects let go
    empty_tables()


# --- Much that waits --------------------------------------------------------------------------------------------------


def many_pending(this: Round) -> list[Figure]:
    """Alternates between a window alone and windows with much behind them."""
    count = this.rows(1_000_000)
    _fresh_engine(this)
    coordinator = this.installation.processes.pid("coordinator")
    alone, among, sizes = _Drains(), _Drains(), []
    for _ in range(ROUNDS):
        _drain_pending(this, WINDOW, 1, alone)
        _drain_pending(this, count, WINDOWS, among)
        sizes.append(memory.usage(coordinator).rss)
    this.notes.update({"backlog: alone": vars(alone), "backlog: among many": vars(among)})
    usual, slow = statistics.median(alone.rates), statistics.median(among.rates)
    return [
        Figure(f"coordinator with {count:,} pending: RSS", max(sizes), "MiB", most=250),
        Figure("drain of 10,000 pending", usual, "tasks/s"),
        Figure(f"drain of 10,000 of {count:,} pending", slow, "tasks/s", least=usual * (1 - WITHIN / 100)),
        Figure("coordinator's CPU, 10,000 pending", statistics.median(alone.cpu), "µs/task"),
        Figure(f"coordinator's CPU, {count:,} pending", statistics.median(among.cpu), "µs/task"),
    ]


@dataclass
class _Drains:
    rates: list[float] = field(default_factory=list)  # tasks a second, of each window
    cpu: list[float] = field(default_factory=list)  # µs a task


def _drain_pending(this: Round, count: int, windows: int, drains: _Drains) -> None:
    processes = this.installation.processes
    draining.empty(this.installation)
    rows.add_pending(count, lambda part: this.progress(f"backlog: storing {count:,}", part))
    since, used_before = database.now(), processes.cpu_seconds("coordinator")
    drains.rates += draining.rates(this.installation, since, windows)
    used = processes.cpu_seconds("coordinator") - used_before
    drains.cpu.append(used / (windows * WINDOW) * 1e6)


# --- Much that is done ------------------------------------------------------------------------------------------------


def many_finished(this: Round) -> list[Figure]:
    """Drains on empty tables, on full ones and on empty ones again, and compares the plans."""
    count = this.rows(10_000_000)
    _fresh_engine(this)
    draining.empty(this.installation)
    empty = [_drain_more(this) for _ in range(ROUNDS)]
    before = plans.shapes()
    rows.add_history(count, lambda part: this.progress(f"history: storing {count:,}", part))
    full = [_drain_more(this) for _ in range(ROUNDS)]
    after = plans.shapes()
    stored = _stored()
    draining.empty(this.installation)
    empty += [_drain_more(this) for _ in range(ROUNDS - 1)]
    different = plans.changed(before, after)
    this.notes["history: rates"] = {"empty": empty, "full": full}
    this.notes.update({"history: stored": stored, "plans that changed": different, "plans": after})
    usual, slow = statistics.median(empty), statistics.median(full)
    title = f"{stored['tasks']:,} tasks and {stored['attempts']:,} attempts stored"
    return [
        Figure("size of the database with the history", stored["bytes"] / 2**30, "GiB"),
        Figure("drain of 10,000 on empty tables", usual, "tasks/s"),
        Figure(f"drain of 10,000, {title}", slow, "tasks/s", least=usual * (1 - WITHIN / 100)),
        Figure(f"hot statements whose plan changes, of {len(after)}", len(different), "plans", most=1),
    ]


def _drain_more(this: Round) -> float:
    rows.add_pending(WINDOW, lambda part: None)
    since = database.now()
    [rate] = draining.rates(this.installation, since, 1)
    return rate


def _stored() -> dict[str, int]:
    return {
        "tasks": Task.objects.count(),
        "attempts": TaskAttempt.objects.count(),
        "bytes": database.run("SELECT pg_database_size(current_database())")[0][0],
    }


# --- Much at once -----------------------------------------------------------------------------------------------------


def bulk_by_api(this: Round) -> list[Figure]:
    """Each request stores 10,000 tasks; the first of them has warmed the process up."""
    where = this.installation
    where.run_only({"web"})
    empty_tables()
    body = json.dumps([{"type": "sample.noop", "payload": {"n": n}} for n in range(BULK)]).encode()
    seconds, growth = [], []
    pid = where.processes.pid("web")
    with httpx.Client(base_url=where.web_url, timeout=120, trust_env=False) as client:
        login = {"username": where.submitter, "password": where.password}
        token = client.post("/api/auth/token/", json=login).raise_for_status().json()["access"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        small = json.dumps([{"type": "sample.noop"}] * 10)
        client.post("/api/tasks/bulk/", content=small, headers=headers).raise_for_status()
        for number in range(ROUNDS):
            memory.forget_peak(pid)
            before = memory.usage(pid).rss
            answer = client.post("/api/tasks/bulk/", content=body, headers=headers)
            if answer.status_code != 201:
                raise BenchFailed(f"POST /api/tasks/bulk/ answered {answer.status_code}: {answer.text[:300]}")
            seconds.append(answer.elapsed.total_seconds())
            growth.append(memory.peak(pid) - before)
            this.progress("api", (number + 1) / ROUNDS)
    if Task.objects.count() != ROUNDS * BULK + 10:
        raise BenchFailed("not all tasks of the requests are stored")
    this.notes["api"] = {"seconds": seconds, "growth": growth}
    return [
        Figure("POST /api/tasks/bulk/ with 10,000 tasks", statistics.median(seconds), "s", most=2),
        Figure("… growth of the web process's RSS at its peak", max(growth), "MiB", most=150),
    ]


# --- Parts ------------------------------------------------------------------------------------------------------------


def _fresh_engine(this: Round) -> None:
    """Starts the processes anew, and has the dispatcher learn how long a no-op takes."""
    empty_tables()
    this.installation.restart({"engine"})
    for _ in range(2):
        submit_tasks([{"type": "sample.noop", "payload": {"n": n}} for n in range(2_000)])
        draining.await_done(this.installation)
        stopping.sleep(1.0)  # the workers tell a mean at once, the dispatcher reads it within half a second


# In the order in which they are run: the quick ones first.
MEASURES: dict[str, Callable[[Round], list[Figure]]] = {
    "api": bulk_by_api,
    "memory": pool_memory,
    "backlog": many_pending,
    "history": many_finished,
}

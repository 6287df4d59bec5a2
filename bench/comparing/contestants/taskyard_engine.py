"""Taskyard itself, as bench/run has it: the coordinator and the workers of its mode."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Max

from bench import stopping
from bench.comparing.contestants.contestant import Contestant, idle_figures
from bench.comparing.programs.timing import SINGLES
from bench.installation import Installation
from bench.measures import (
    DRAIN_WITHIN,
    UNFINISHED,
    WARM_UP,
    Given,
    Round,
    await_idle,
    empty_tables,
    expect,
    noops,
    warm_up,
)
from tasks import database
from tasks.models import Task, TaskAttempt
from tasks.services import pause_queue, resume_queue, submit_task, submit_tasks
from tasks.states import TaskStatus

NOOP, CLOCK = "sample.noop", "sample.clock"
QUEUE = "default"  # that of both types


class TaskyardContestant(Contestant):
    def __init__(self, installation: Installation) -> None:
        super().__init__("taskyard", "Taskyard", installation)

    @property
    def measures(self) -> Sequence[str]:
        return ["work"] if self.installation.mode == "embedded" else ["work", "idle", "http"]

    def prepare(self) -> None:
        """Its database and namespace are the installation's."""

    def start(self, measure: str) -> None:
        self.installation.run_only({"engine", "slow server"})
        empty_tables()

    def stop(self) -> None:
        self.installation.run_only({"slow server"})

    def run(self, measure: str, count: int) -> dict[str, float]:
        return {"work": self._work, "idle": self._idle, "http": self._http}[measure](count)

    def _work(self, count: int) -> dict[str, float]:
        warm_up(self._round(count), noops(NOOP, min(WARM_UP, count)))
        one_by_one = self._submit_and_drain(count, _submit_one_by_one)
        empty_tables()
        await_idle(self.installation)
        in_bulk = self._submit_and_drain(count, submit_tasks)
        return {
            "submit_one": one_by_one[0],
            "submit_bulk": in_bulk[0],
            "drain_one": one_by_one[1],
            "drain_bulk": in_bulk[1],
        }

    def _submit_and_drain(self, count: int, submit: Callable[[list[dict[str, Any]]], object]) -> tuple[float, float]:
        """Submits to a paused queue and resumes it. Returns tasks a second of both."""
        given: list[dict[str, Any]] = [{"type": NOOP, "payload": {"n": number}} for number in range(count)]
        pause_queue(QUEUE)
        try:
            began = time.perf_counter()
            submit(given)
            submitted = time.perf_counter() - began
            expect(Task.objects.filter(status=TaskStatus.PENDING).count(), count, "waiting tasks")
            released_at = database.now()
        finally:
            resume_queue(QUEUE)
        self._await_done(count)
        finished_at = Task.objects.aggregate(last=Max("finished_at"))["last"]
        return count / submitted, count / (finished_at - released_at).total_seconds()

    def _idle(self, count: int) -> dict[str, float]:
        warm_up(self._round(count), [{"type": CLOCK}] * 20)
        sent = {}
        for _ in range(SINGLES):
            await_idle(self.installation)
            stopping.sleep(random.uniform(0.0, 0.1))
            at = time.time()
            sent[submit_task(type=CLOCK).id] = at
        self._await_done(SINGLES)
        started: dict[Any, Any] = dict(TaskAttempt.objects.values_list("task_id", "result"))
        return idle_figures([(started[task] - at) * 1000 for task, at in sent.items()])

    def _http(self, count: int) -> dict[str, float]:
        calls: list[Given] = [{"type": "http_request", "payload": {"url": self.installation.slow_url}}] * count
        warm_up(self._round(count), calls[:200])
        began_at = database.now()
        submit_tasks(calls)
        self._await_done(count)
        finished_at = Task.objects.aggregate(last=Max("finished_at"))["last"]
        return {"http": (finished_at - began_at).total_seconds()}

    def _await_done(self, count: int) -> None:
        self.installation.processes.wait_until(
            lambda: not Task.objects.filter(status__in=UNFINISHED).exists(),
            f"{count:,} tasks are done",
            within=DRAIN_WITHIN,
            every=0.1,
        )
        expect(Task.objects.filter(status=TaskStatus.COMPLETED).count(), count, "completed tasks")
        expect(TaskAttempt.objects.count(), count, "attempts")

    def _round(self, count: int) -> Round:
        return Round(self.installation, count, lambda fraction: None)


def _submit_one_by_one(given: list[dict[str, Any]]) -> None:
    for each in given:
        submit_task(**each)

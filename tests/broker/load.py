"""A load that goes on while a fault happens: it counts what it submits, and its sums are held to the rows."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.broker.installation import Installation
from tests.broker.processes import wait_until
from tests.broker.verdict import assert_sound


class Load:
    """Keeps submitting to both kinds of a queue's lines, in a thread of its own, while its block lasts.

    Each request has a plain task and a coroutine that write to the ledger, and one that returns its number.
    """

    def __init__(self, installation: Installation, ledger: Path, *, queue: str = "default", pause: float = 0.1) -> None:
        self.ids: list[str] = []
        self.submitted: Counter[str] = Counter()
        self.total = 0  # of the numbers that `sample.echo` was given
        self.slowest = 0.0  # seconds that a request took
        self._installation, self._ledger, self._queue, self._pause = installation, str(ledger), queue, pause
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._submit, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.await_completed(30, within=60)
        except BaseException:
            self._stop.set()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _submit(self) -> None:
        noted = {"seconds": 0.002, "ledger": self._ledger}
        try:
            while not self._stop.wait(self._pause):
                number = len(self.ids)
                tasks: list[dict[str, Any]] = [
                    {"type": "sample.work", "payload": noted},
                    {"type": "sample.async_work", "payload": noted},
                    {"type": "sample.echo", "payload": {"n": number}},
                ]
                self.add(tasks)
                self.total += number
        except BaseException as error:
            self._error = error

    def add(self, tasks: list[dict[str, Any]]) -> list[str]:
        """Submits these beside the others and returns their ids: they are to complete as well."""
        began = time.monotonic()
        ids = self._installation.submit_all([{"queue": self._queue, **task} for task in tasks])
        with self._lock:
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.ids += ids
            self.submitted.update(task["type"] for task in tasks)
        return ids

    def await_submitted(self, more: int, *, within: float = 30) -> None:
        """Waits until so many more have been submitted: the fault lasts while work comes in."""
        goal = len(self.ids) + more
        wait_until(lambda: len(self.ids) >= goal or self._error, within=within, what=f"{more} more are submitted")
        if self._error is not None:
            raise AssertionError("a request of the load failed") from self._error

    def await_completed(self, more: int, *, within: float) -> None:
        """Waits until so many have completed of what is submitted from now on, on each kind of line."""
        known = len(self.ids)

        def completed() -> bool:
            if self._error is not None:
                raise AssertionError("a request of the load failed") from self._error
            done = dict(
                self._installation.rows(
                    """SELECT type, count(*) FROM tasks_task WHERE status = 'completed' AND id = ANY(%s::uuid[])
                    GROUP BY type""",
                    [self.ids[known:]],
                )
            )
            return all(done.get(each, 0) * 3 >= more for each in ("sample.work", "sample.async_work"))

        try:
            wait_until(completed, within=within, what=f"{more} more have completed")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._installation.statuses(self.ids)}") from error

    def assert_all_completed(self, *, within: float) -> None:
        """Waits for the end of everything, after the block, and gives the verdict."""
        assert not self._thread.is_alive()
        assert self._error is None, self._error
        self._installation.await_ended(self.ids, within=within)
        verdict = assert_sound(self._installation, self.ids, Path(self._ledger))
        assert verdict == {"completed": len(self.ids)}
        by_type = """SELECT type, count(*) FROM tasks_taskattempt JOIN tasks_task ON tasks_task.id = task_id
            WHERE task_id = ANY(%s::uuid[]) AND outcome = 'completed' GROUP BY type"""
        assert dict(self._installation.rows(by_type, [self.ids])) == self.submitted
        total = """SELECT sum((result->>'n')::bigint) FROM tasks_taskattempt
            WHERE task_id = ANY(%s::uuid[]) AND outcome = 'completed'"""
        assert self._installation.value(total, [self.ids]) == self.total


@contextmanager
def lasting(installation: Installation, *, pools: bool = True) -> Iterator[None]:
    """Asserts that nobody is started anew: each process that runs before, by default pool processes too, runs after."""

    def pids() -> dict[str, list[int]]:
        processes = installation.processes
        return {
            name: [process.pid, *(sorted(processes.children(name)) if pools else ())]
            for name, process in processes.running.items()
            if process.poll() is None
        }

    def pools_are_full() -> bool:
        workers = installation.rows("SELECT name, pid, processes FROM tasks_worker WHERE stopped_at IS NULL")
        wanted = {(name.rpartition("@")[0], pid): processes for name, pid, processes in workers}
        return all(len(found) > wanted.get((name, found[0]), 0) for name, found in pids().items())

    if pools:
        wait_until(pools_are_full, within=20, what="each worker has its pool processes")
    before = pids()
    yield
    after = pids()
    assert after == before, f"the processes were {before} and are {after}"

"""A load that goes on through a fault, and knows exactly what it submitted."""

import itertools
import threading
import uuid
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.broker.installation import Installation
from tests.broker.processes import wait_until
from tests.broker.verdict import assert_sound

KINDS = ("sample.work", "sample.async_work")
LIST_EVERY, LIST_LENGTH = 5, 6
LONGEST_SILENCE = 90.0  # seconds without an answer, after which the web counts as gone


class StubbornLoad:
    """Submits tasks of both kinds, one by one and in short lists, from a thread, until it is told to stop.

    Each task has an idempotency key, and is sent again until the web has said its id: whatever an answer's loss hides,
    the ids are all that may be in the database.
    """

    def __init__(self, installation: Installation, ledger: Path, *, pause: float = 0.06, **options: Any) -> None:
        self.installation, self.ledger = installation, ledger
        self.name = f"load {uuid.uuid4().hex[:12]}"
        self.ids: list[str] = []
        self.repeated = 0  # requests whose answer did not come, or was that the database is away
        self._pause, self._options = pause, options
        self._stop = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.await_more(20, within=20)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()
        if kind is None:
            self._thread.join(LONGEST_SILENCE)
            assert not self._thread.is_alive(), "a request is still unanswered"
            self._raise_problem()

    def await_more(self, count: int, *, within: float) -> None:
        """Waits until `count` more tasks have been submitted."""
        wanted = len(self.ids) + count

        def are_there() -> bool:
            self._raise_problem()
            return len(self.ids) >= wanted

        wait_until(are_there, within=within, what=f"{count} more tasks are submitted")

    def await_completed(self, count: int, *, within: float) -> None:
        """Waits until `count` more tasks have been completed."""
        completed = "SELECT count(*) FROM tasks_task WHERE name = %s AND status = 'completed'"
        wanted = self.installation.value(completed, [self.name]) + count

        def are_there() -> bool:
            self._raise_problem()
            return bool(self.installation.value(completed, [self.name]) >= wanted)

        wait_until(are_there, within=within, what=f"{count} more tasks are completed")

    def judge(self, *, within: float) -> Counter[str]:
        """Waits until everything has ended and holds it all against each other. Returns how many ended in which way."""
        assert not self._thread.is_alive(), "it still submits"
        self.installation.await_ended(self.ids, within=within)
        stored = self.installation.value("SELECT count(*) FROM tasks_task WHERE name = %s", [self.name])
        assert stored == len(set(self.ids)) == len(self.ids), "what was submitted is not what is stored"
        return assert_sound(self.installation, self.ids, self.ledger)

    def _run(self) -> None:
        try:
            for turn in itertools.count():
                if self._stop.wait(self._pause):
                    return
                length = LIST_LENGTH if turn % LIST_EVERY == 0 else 1
                tasks = [self._task(turn, index) for index in range(length)]
                self.ids += self._until_answered(tasks)
        except BaseException as error:
            self._problem = error

    def _task(self, turn: int, index: int) -> dict[str, Any]:
        seconds = 0.7 if turn % 20 in (7, 12) else 0.02  # one of each kind is held until its lease is renewed
        return {
            "type": KINDS[(turn + index) % 2],
            "payload": {"seconds": seconds, "ledger": str(self.ledger)},
            "name": self.name,
            "idempotency_key": f"{self.name} {turn} {index}",
            **self._options,
        }

    def _until_answered(self, tasks: list[dict[str, Any]]) -> list[str]:
        def ids() -> list[str]:
            try:
                answer = self.installation.send(tasks[0] if len(tasks) == 1 else tasks)
            except httpx.TransportError:
                self.repeated += 1
                return []
            if answer.status_code == 503:
                self.repeated += 1
                return []
            assert answer.status_code in (200, 201), answer.text
            found = answer.json()
            return [str(each) for each in (found["ids"] if "ids" in found else [found["id"]])]

        return wait_until(ids, within=LONGEST_SILENCE, what="the web answers the load")

    def _raise_problem(self) -> None:
        if self._problem is not None:
            raise AssertionError(f"the load ended: {self._problem}") from self._problem

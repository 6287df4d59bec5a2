"""Tasks whose type no online worker knows: set aside, taken up again, given up in the end."""

from datetime import timedelta
from typing import Any

import pytest

from tasks import database
from tasks.maintenance import abandon_unknown_types
from tasks.models import DeadLetter, Task, TaskEvent, Worker
from tasks.services import retry_tasks
from tasks.states import EventKind, TaskStatus
from tasks.transitions import cancel, park_unknown, unpark_known
from tasks.transitions.parking import AT_ONCE
from tests.tasks.desk import NOOP, Desk, a_worker
from tests.tasks.rows import LEADER, TERM, lead, queues, tasks

S = TaskStatus
KNOWN = [NOOP, "sample.echo"]
GRACE = 3600


@pytest.fixture
def leading(db: None) -> None:
    lead()
    queues("default", "http")


def parked() -> int:
    return Task.objects.exclude(parked="").count()


@pytest.mark.database
@pytest.mark.usefixtures("leading")
class TestMoves:
    def test_only_the_unknown_ones_of_the_queue_are_parked_with_the_reason(self) -> None:
        tasks(3, type="new.one")
        tasks(2, type=NOOP)
        tasks(1, type="new.one", queue="http")
        tasks(1, S.QUEUED, type="new.one")
        assert park_unknown("default", KNOWN, **LEADER) == 3
        rows = Task.objects.exclude(parked="")
        assert {(row.status, row.queue) for row in rows} == {(S.PENDING, "default")}
        assert {row.parked for row in rows} == {"no online worker of the queue default knows the type new.one"}
        assert TaskEvent.objects.filter(kind=EventKind.PARKED).count() == 3
        assert park_unknown("default", KNOWN, **LEADER) == 0

    def test_a_worker_that_knows_nothing_parks_all(self) -> None:
        tasks(2)
        assert park_unknown("default", [], **LEADER) == 2

    def test_they_are_taken_up_when_the_type_is_known(self) -> None:
        tasks(3, type="new.one")
        tasks(2, type="newer.one")
        park_unknown("default", KNOWN, **LEADER)
        assert unpark_known("default", [*KNOWN, "new.one"], **LEADER) == 3
        assert set(Task.objects.exclude(parked="").values_list("type", flat=True)) == {"newer.one"}

    def test_another_term_moves_nothing(self) -> None:
        tasks(2, type="new.one")
        assert park_unknown("default", KNOWN, role="coordinator", term=TERM - 1) == 0
        park_unknown("default", KNOWN, **LEADER)
        assert unpark_known("default", ["new.one"], role="coordinator", term=TERM - 1) == 0
        assert parked() == 2


@pytest.mark.database
@pytest.mark.usefixtures("leading")
class TestGrace:
    @pytest.fixture(autouse=True)
    def _grace(self, settings: Any) -> None:
        settings.UNKNOWN_TYPE_GRACE_SECONDS = GRACE

    def park(self, ago: float = GRACE + 60) -> list[Any]:
        """Parks two as if so many seconds ago; they were due long before."""
        ids = tasks(2, type="new.one", run_at=database.now() - timedelta(days=3))
        park_unknown("default", KNOWN, **LEADER)
        Task.objects.exclude(parked="").update(parked_at=database.now() - timedelta(seconds=ago))
        return ids

    def test_after_it_they_are_dead_letters_of_their_own_category(self) -> None:
        a_worker()
        ids = self.park()
        assert abandon_unknown_types(**LEADER) == 2
        rows = Task.objects.filter(id__in=ids)
        assert {(row.status, row.parked, row.attempt) for row in rows} == {(S.FAILED, "", 0)}
        letters = DeadLetter.objects.filter(resolution="")
        assert {(letter.task_id, letter.category, letter.type) for letter in letters} == {
            (each, "unknown_type", "new.one") for each in ids
        }

    def test_before_it_they_wait(self) -> None:
        a_worker()
        self.park(ago=GRACE - 60)
        assert abandon_unknown_types(**LEADER) == 0

    def test_a_retried_one_has_the_whole_grace_again(self) -> None:
        a_worker()
        ids = self.park()
        abandon_unknown_types(**LEADER)
        retry_tasks(ids)
        park_unknown("default", KNOWN, **LEADER)
        assert (parked(), abandon_unknown_types(**LEADER)) == (2, 0)

    def test_a_worker_that_comes_after_a_weekend_without_any_gives_nothing_up_at_once(self) -> None:
        tasks(2, type="new.one", run_at=database.now() - timedelta(days=3))
        a_worker()
        park_unknown("default", KNOWN, **LEADER)
        assert (parked(), abandon_unknown_types(**LEADER)) == (2, 0)

    def test_a_worker_that_was_seen_within_it_counts_though_it_is_gone(self) -> None:
        a_worker()
        a_worker("w2@test", types={"new.one": "plain"}, stopped_at=database.now())
        self.park()
        assert abandon_unknown_types(**LEADER) == 0

    def test_one_that_knows_the_type_on_another_queue_does_not(self) -> None:
        a_worker()
        a_worker("w2@test", types={"new.one": "plain"}, queues=["http.plain"])
        self.park()
        assert abandon_unknown_types(**LEADER) == 2

    @pytest.mark.parametrize("ago", [GRACE + 60, None])
    def test_while_no_worker_serves_the_queue_nothing_is_given_up(self, ago: int | None) -> None:
        a_worker()
        self.park()
        if ago is None:
            Worker.objects.all().delete()
        else:
            Worker.objects.update(heartbeat_at=database.now() - timedelta(seconds=ago))
        assert abandon_unknown_types(**LEADER) == 0

    def test_what_was_cancelled_stands_in_nobodys_way(self) -> None:
        a_worker()
        first = tasks(AT_ONCE, type="new.one", run_at=database.now() - timedelta(seconds=2 * GRACE))
        assert park_unknown("default", KNOWN, **LEADER) == AT_ONCE
        cancel(first)
        assert parked() == 0
        self.park()
        assert abandon_unknown_types(**LEADER) == 2


class TestDispatcher:
    def test_what_is_parked_is_sent_as_soon_as_a_worker_brings_the_type(self, desk: Desk) -> None:
        a_worker()
        ids = tasks(3, type="new.one", priority=9)
        [known] = tasks(1)
        desk.turn()
        assert [sent for sent, _, _ in desk.received()] == [[known]]
        assert parked() == 3
        a_worker("w2@test", types={NOOP: "plain", "new.one": "plain"}, means={"new.one": 1.0})
        desk.turn()
        assert [sent for sent, _, _ in desk.received()] == [ids]
        assert parked() == 0

    def test_more_than_one_statement_takes_are_all_taken_up(self, desk: Desk) -> None:
        a_worker()
        tasks(AT_ONCE + 5, type="new.one")
        while desk.turn():
            pass
        assert parked() == AT_ONCE + 5
        a_worker(types={"new.one": "plain"})
        desk.turn()
        assert parked() == 0

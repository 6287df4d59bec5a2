"""The plans of what the coordinator and people do set-wise: by an index, whatever the statistics say."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from tasks import database, transitions
from tasks.ageing import by_age, outwaited
from tasks.explaining.line_ahead import ahead_of, running_groups
from tasks.fronts import Fronts
from tasks.models import Queue, Task
from tasks.pending import first_due
from tasks.selectors import Line, lost_messages, seconds_until_due, under_way, unknown_messages
from tasks.states import Kind, TaskStatus
from tests.tasks.rows import LEADER, lead, queues
from tests.tasks.transitions.test_plans import EACH, analyze, fill, plan, statements_of, ways

pytestmark = [pytest.mark.broker, pytest.mark.django_db]

S = TaskStatus
ALL = (S.PENDING, S.QUEUED, S.PROCESSING, S.COMPLETED, S.FAILED, S.SCHEDULED, S.BLOCKED)


@pytest.fixture(params=["stale", "fresh"])
def _filled(request: pytest.FixtureRequest, db: None) -> None:
    lead()
    queues("default", "http")
    if request.param == "stale":
        analyze()
    for status in ALL:
        fill(status)
    if request.param == "fresh":
        analyze()


def ids(status: TaskStatus, count: int = 200) -> list[Any]:
    return list(Task.objects.filter(status=status).values_list("id", flat=True)[:count])


def of_paused() -> int:
    Queue.objects.update(paused=True)
    return transitions.return_paused(**LEADER)


def parked_ones() -> None:
    Task.objects.filter(id__in=ids(S.PENDING)).update(parked="x", parked_at=database.now() - timedelta(days=2))


def unpark() -> int:
    parked_ones()
    return transitions.unpark_known("default", ["sample.noop"], **LEADER)


def abandon() -> Any:
    parked_ones()
    return transitions.abandon_parked("default", ["other"], grace=60.0, **LEADER)


def lost() -> list[Any]:
    Task.objects.filter(id__in=ids(S.QUEUED)).update(queued_at=database.now() - timedelta(hours=1))
    line = Line("default", Kind.PLAIN, 2, {"sample.noop"})
    return lost_messages(line, queue_is_gone=False, broker_is_empty=False, patience=30.0)


def ahead(status: TaskStatus) -> int:
    line = Line("default", Kind.PLAIN, 2, {"sample.noop"})
    return ahead_of(Task.objects.filter(status=status).order_by("-id")[0], line, database.now()).tasks


CALLS: dict[str, Callable[[], Any]] = {
    "promote": lambda: transitions.promote_due(**LEADER, limit=500),
    "lose": lambda: (
        Task.objects.filter(id__in=ids(S.PROCESSING)).update(lease_expires_at=database.now() - timedelta(hours=1)),
        transitions.lose_expired(**LEADER, max_losses=3, limit=100),
    ),
    "park": lambda: transitions.park_unknown("default", ["other"], **LEADER),
    "unpark": unpark,
    "abandon": abandon,
    "return paused": of_paused,
    "return of queue": lambda: transitions.return_of_queue("default"),
    "revive": lambda: transitions.revive(ids(S.FAILED), actor_id=None),
    "hurry": lambda: transitions.hurry(ids(S.SCHEDULED)),
    "edit": lambda: transitions.edit({each: {"priority": 3} for each in ids(S.PENDING)}),
    "heads": lambda: Fronts().heads(),
    "due": lambda: seconds_until_due() + 1,
    "under way": lambda: under_way("default"),
    "by age": lambda: by_age("default", ["sample.noop"], first_due("default", None)[0], limit=100),
    "outwaited": lambda: [outwaited("default")],
    "lost messages": lost,
    "ahead in line": lambda: [ahead(S.PENDING)],
    "ahead in the broker": lambda: [ahead(S.QUEUED)],
    "running": running_groups,
    "unknown messages": lambda: [unknown_messages("default", {"sample.noop"}, patience=30.0)],
}


@pytest.mark.usefixtures("_filled")
def test_no_statement_reads_the_whole_table() -> None:
    assert EACH * len(ALL) > 30_000
    scans = {}
    for name, call in CALLS.items():
        with transaction.atomic():
            # What the ORM says, in quotes, is this test's own preparation.
            said = [statement for statement in statements_of(call) if '"tasks_task"' not in statement]
            assert said, name
            scans[name] = [statement[:300] for statement in said if "Seq Scan" in ways(statement)]
            transaction.set_rollback(True)
    assert scans == {name: [] for name in CALLS}


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize(
    ("call", "index", "column"),
    [(CALLS["promote"], "task_waiting_for_time", "run_at"), (lost, "task_finished", "finished_at")],
    ids=["what is due", "what was finished lately"],
)
def test_what_is_chosen_by_its_time_is_found_by_its_time(call: Callable[[], Any], index: str, column: str) -> None:
    said = [statement for statement in statements_of(call) if '"tasks_task"' not in statement]
    scans = [node for statement in said for node in plan(statement) if node.get("Index Name") == index]
    assert scans
    assert all(column in node.get("Index Cond", "") for node in scans)

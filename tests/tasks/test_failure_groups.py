"""Groups of dead letters: counted within a second of a death, opened again when what was resolved comes back."""

import uuid
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import database, failure_groups, transitions
from tasks.failure_groups import fold_changes, forget_old, hour_of
from tasks.models import DeadLetter, FailureGroup, FailureGroupChange, Task, Worker
from tasks.services import discard_dead_letters, retry_tasks
from tasks.states import GroupState, TaskStatus
from tests.tasks.rows import HOLDER, claimed, ending

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def die(count: int = 1, **fields: Any) -> list[uuid.UUID]:
    """Lets tasks fail for good in one go."""
    attempts = claimed(count)
    transitions.finish([ending(each, TaskStatus.FAILED, **fields) for each in attempts], incarnation=HOLDER)
    return [each.id for each in attempts]


def the_group() -> FailureGroup:
    fold_changes()
    return FailureGroup.objects.get()


def judge(state: GroupState) -> None:
    FailureGroup.objects.update(state=state, state_at=database.now())


def test_equal_deaths_are_one_group_that_counts_what_is_open_and_what_ever_died() -> None:
    first = die(3, message="it broke at 17")
    assert the_group().message == "it broke at 17"
    second = die(1, message="it broke at 18")
    group = the_group()
    assert (group.type, group.error_class, group.message) == ("sample.noop", "ValueError", "it broke at 17")
    assert (group.open_count, group.total_count, group.queues) == (4, 4, {"default": 4})
    assert group.hours == {str(hour_of(group.last_seen)): 4}
    assert group.first_seen < group.last_seen
    retry_tasks(first)
    discard_dead_letters(DeadLetter.objects.filter(task_id__in=second), reason="old")
    assert (the_group().open_count, the_group().total_count) == (0, 4)
    assert not FailureGroupChange.objects.exists()


def test_other_failures_are_other_groups() -> None:
    die(2)
    die(1, error_class="KeyError")
    fold_changes()
    assert sorted(FailureGroup.objects.values_list("error_class", "open_count")) == [("KeyError", 1), ("ValueError", 2)]


def test_deaths_cost_one_statement_more_and_no_death_none() -> None:
    def cost(count: int, status: TaskStatus) -> int:
        attempts = claimed(count)
        with CaptureQueriesContext(connection) as queries:
            transitions.finish([ending(each, status) for each in attempts], incarnation=HOLDER)
        assert sum("failuregroup" in query["sql"] for query in queries) == (status == TaskStatus.FAILED)
        return len(queries)

    assert cost(1, TaskStatus.FAILED) == cost(40, TaskStatus.FAILED)
    assert cost(3, TaskStatus.RETRYING) == cost(3, TaskStatus.FAILED) - 2  # the letters and the note


def test_the_fold_costs_the_same_for_many_groups() -> None:
    counts = []
    for number in (2, 30):
        attempts = claimed(number)
        endings = [ending(each, TaskStatus.FAILED, error_class=f"E{number}x{i}") for i, each in enumerate(attempts)]
        transitions.finish(endings, incarnation=HOLDER)
        with CaptureQueriesContext(connection) as queries:
            assert fold_changes() == number
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_resolved_group_that_comes_back_opens_and_says_since_when_and_where() -> None:
    now = database.now()
    Worker.objects.create(
        name="w1@test", host="h", pid=1, group="g", release="2.0", processes=1, started_at=now, heartbeat_at=now
    )
    die()
    assert the_group().state == GroupState.OPEN
    judge(GroupState.RESOLVED)
    resolved_at = FailureGroup.objects.get().state_at
    die(2)
    group = the_group()
    assert (group.state, group.open_count, group.returned_worker) == (GroupState.OPEN, 3, "w1@test")
    assert (group.returned_release, group.returned_after) == ("2.0", resolved_at)
    assert group.returned_at == group.last_seen == group.state_at


def test_a_death_from_before_the_resolution_does_not_open_it() -> None:
    die()
    fold_changes()
    die()  # noted, and not counted yet, when somebody resolves the group
    judge(GroupState.RESOLVED)
    group = the_group()
    assert (group.state, group.open_count, group.returned_at) == (GroupState.RESOLVED, 2, None)


def test_an_ignored_group_counts_on_and_stays_ignored() -> None:
    die()
    fold_changes()
    judge(GroupState.IGNORED)
    die(2)
    assert (the_group().state, the_group().open_count) == (GroupState.IGNORED, 3)


def test_a_count_that_is_wrong_is_mended_and_what_is_not_counted_yet_stays_out_of_it() -> None:
    die(3)
    fold_changes()
    die(1)
    FailureGroup.objects.update(open_count=17)
    assert transitions.recount_groups() == 1
    assert FailureGroup.objects.get().open_count == 3
    assert transitions.recount_groups() == 0
    assert the_group().open_count == 4


def test_hours_of_more_than_seven_days_ago_are_forgotten() -> None:
    die()
    old = database.now() - timedelta(days=8)
    FailureGroupChange.objects.create(fingerprint=FailureGroupChange.objects.get().fingerprint, at=old, died=5)
    group = the_group()
    assert (group.total_count, list(group.hours.values()), group.first_seen) == (6, [1], old)


def test_what_has_long_been_over_is_forgotten_but_for_judgements() -> None:
    ids = die()
    retry_tasks(ids)
    fold_changes()
    FailureGroup.objects.update(last_seen=database.now() - timedelta(days=2))
    assert forget_old(3 * 86_400) == 0
    judge(GroupState.IGNORED)
    assert forget_old(86_400) == 0
    judge(GroupState.OPEN)
    assert forget_old(86_400) == 1


def test_what_is_left_of_a_task_that_is_gone_harms_nothing() -> None:
    die()
    Task.objects.all().delete()
    assert the_group().total_count == 1


def test_more_than_fits_in_one_go_is_taken_all_the_same(monkeypatch: Any) -> None:
    monkeypatch.setattr(failure_groups, "CHANGES_AT_ONCE", 2)
    for number in range(5):
        die(1, error_class=f"E{number}")
    assert fold_changes() == 5
    assert FailureGroup.objects.count() == 5


def test_what_died_before_there_were_groups_is_counted_too() -> None:
    first = die(3)
    die(1, error_class="KeyError")
    retry_tasks(first[:1])
    FailureGroupChange.objects.all().delete()  # as if it had been an earlier release
    import_module("tasks.migrations.0006_failure_groups_and_rules").note_what_died_before(apps, None)
    fold_changes()
    rows = FailureGroup.objects.order_by("error_class").values_list("error_class", "open_count", "total_count")
    assert list(rows) == [("KeyError", 1, 1), ("ValueError", 2, 3)]

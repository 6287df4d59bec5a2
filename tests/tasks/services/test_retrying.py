"""Dead tasks that get another chance: one, many, with another payload, not all at the same moment."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import database
from tasks.exceptions import IllegalTransition, InvalidSubmission, TaskMissing
from tasks.models import DeadLetter, Task, TaskEvent
from tasks.models.task import new_id
from tasks.services import discard_dead_letters, reprocess_dead_letters, retry_tasks, retrying
from tasks.services.patching import merged
from tasks.states import EventKind, TaskStatus
from tasks.transitions import finish
from tests.tasks.family import end, submit
from tests.tasks.rows import HOLDER, a_task, claimed, ending, queues

pytestmark = [pytest.mark.database, pytest.mark.django_db]

S = TaskStatus


def dead(count: int, **fields: Any) -> list[Any]:
    held = claimed(count, type="http_request", payload={"url": "https://a.test/", "method": "POST"}, **fields)
    finish([ending(each, S.FAILED) for each in held], incarnation=HOLDER)
    return [each.id for each in held]


def test_failed_tasks_come_back_and_the_others_are_skipped_with_their_status() -> None:
    ids = dead(3)
    running, missing = a_task(S.PROCESSING).id, new_id()
    report = retry_tasks([*ids, running, missing, *ids])
    assert set(report.done) == set(ids)
    assert report.skipped == {running: ("processing", ""), missing: ("", "there is no such task")}
    assert set(Task.objects.filter(id__in=ids).values_list("status", flat=True)) == {S.PENDING}
    assert not DeadLetter.objects.filter(resolution="").exists()


@pytest.mark.parametrize("status", sorted(set(S) - {S.FAILED}))
def test_one_in_another_state_is_refused_with_that(status: TaskStatus) -> None:
    task = a_task(status)
    with pytest.raises(IllegalTransition, match=f"a {status} task cannot be retried") as caught:
        retry_tasks([task.id]).of_one("retried")
    assert caught.value.status == status


def test_one_that_does_not_exist_is_missing() -> None:
    with pytest.raises(TaskMissing):
        retry_tasks([new_id()]).of_one("retried")


def test_who_did_it_and_why_stands_with_the_task(ann: User) -> None:
    [task_id] = dead(1)
    retry_tasks([task_id], actor=ann, reason="the server is back")
    event = TaskEvent.objects.get(task_id=task_id)
    assert (event.kind, event.actor_id, event.reason) == (EventKind.REVIVED, ann.pk, "the server is back")


def test_a_spread_draws_the_moment_of_each() -> None:
    ids = dead(40)
    retry_tasks(ids, spread=3600)
    times = sorted(Task.objects.filter(id__in=ids, status=S.SCHEDULED).values_list("run_at", flat=True))
    assert len(times) == 40
    now = database.now()
    assert now - timedelta(seconds=60) < times[0] < times[20] < times[-1] < now + timedelta(seconds=3600)
    assert times[-1] - times[0] > timedelta(minutes=20)  # of 40 draws from an hour


class TestPatch:
    def test_a_patch_is_merged_into_each_payload(self) -> None:
        ids = dead(2)
        retry_tasks(ids, patch={"url": "https://b.test/", "method": None})
        for row in Task.objects.filter(id__in=ids):
            assert (row.payload, row.status) == ({"url": "https://b.test/"}, S.PENDING)
            assert row.payload_bytes == len('{"url":"https://b.test/"}')

    def test_what_does_not_come_back_keeps_its_payload(self) -> None:
        queues("default")
        parent, child = submit({}, {"depends_on": [0]})
        end(parent, status=S.FAILED)
        assert set(retry_tasks([child], patch={"n": 1}).skipped) == {child}
        assert Task.objects.get(id=child).payload == {}
        assert not TaskEvent.objects.filter(task=child, kind=EventKind.EDITED).exists()

    def test_a_payload_that_would_be_invalid_changes_nothing(self) -> None:
        ids = dead(2)
        before = list(Task.objects.order_by("id").values())
        with pytest.raises(InvalidSubmission) as caught:
            retry_tasks(ids, patch={"method": "NONSENSE"})
        assert {error["attr"] for error in caught.value.errors} == {f"{each}.payload.method" for each in ids}
        assert list(Task.objects.order_by("id").values()) == before
        assert DeadLetter.objects.filter(resolution="").count() == 2

    def test_a_payload_of_the_last_part_that_would_be_invalid_changes_nothing_in_the_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retrying, "AT_ONCE", 2)
        ids = dead(5)
        Task.objects.filter(id=ids[-1]).update(payload={"url": "https://a.test/", "timeout": "long"})
        before = list(Task.objects.order_by("id").values())
        letters = DeadLetter.objects.filter(task_id__in=ids)
        calls: list[Callable[[], Any]] = [
            lambda: retry_tasks(ids, patch={"method": "GET"}),
            lambda: reprocess_dead_letters(letters, patch={"method": "GET"}),
        ]
        for call in calls:
            with pytest.raises(InvalidSubmission, match=f"{ids[-1]}.payload.timeout"):
                call()
            assert list(Task.objects.order_by("id").values()) == before
            assert DeadLetter.objects.filter(resolution="").count() == 5
        assert set(retry_tasks(ids[:-1], patch={"method": "GET"}).done) == set(ids[:-1])
        assert {row.payload["method"] for row in Task.objects.filter(id__in=ids[:-1])} == {"GET"}

    @pytest.mark.parametrize(
        ("value", "patch", "expected"),
        [
            ({"a": "b"}, {"a": "c"}, {"a": "c"}),
            ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
            ({"a": "b"}, {"a": None}, {}),
            ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
            ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
            ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
            ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
            ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
            (["a", "b"], ["c", "d"], ["c", "d"]),
            ({"a": "b"}, ["c"], ["c"]),
            ({"a": "foo"}, None, None),
            ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
            ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
            ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ],
    )
    def test_the_examples_of_the_specification(self, value: Any, patch: Any, expected: Any) -> None:
        """RFC 7396, appendix A."""
        assert merged(value, patch) == expected


class TestDeadLetters:
    def test_everything_that_a_filter_matches_is_reprocessed_and_the_rest_stays(self) -> None:
        ids = dead(3)
        held = claimed(2)
        finish([ending(each, S.FAILED, error_class="Other") for each in held], incarnation=HOLDER)
        report = reprocess_dead_letters(DeadLetter.objects.filter(error_class="ValueError"))
        assert set(report.done) == set(ids)
        assert DeadLetter.objects.filter(resolution="").count() == 2

    def test_a_message_of_no_task_is_skipped_and_can_be_discarded(self, ann: User) -> None:
        stray = DeadLetter.objects.create(category="invalid_payload", fingerprint="x", created_at=database.now())
        report = reprocess_dead_letters(DeadLetter.objects.all())
        assert (report.done, list(report.skipped)) == ([], [stray.id])
        assert discard_dead_letters(DeadLetter.objects.all(), actor=ann, reason="garbage").done == [stray.id]
        stray.refresh_from_db()
        assert (stray.resolution, stray.resolved_by_id) == ("discarded", ann.pk)

    def test_a_discarded_one_leaves_its_task_dead_with_the_reason(self, ann: User) -> None:
        [task_id] = dead(1)
        letter = DeadLetter.objects.get()
        assert discard_dead_letters(DeadLetter.objects.all(), actor=ann, reason=" obsolete ").done == [letter.id]
        again = discard_dead_letters(DeadLetter.objects.all(), reason="twice")
        assert (again.done, again.skipped) == ([], {letter.id: ("discarded", "it is resolved already")})
        assert Task.objects.get(id=task_id).status == S.FAILED
        event = TaskEvent.objects.get(task_id=task_id)
        assert (event.kind, event.reason, event.actor_id) == (EventKind.DISCARDED, "obsolete", ann.pk)

    def test_a_resolved_one_is_not_reprocessed_again(self) -> None:
        dead(1)
        discard_dead_letters(DeadLetter.objects.all(), reason="old")
        report = reprocess_dead_letters(DeadLetter.objects.all())
        assert (report.done, list(report.skipped.values())) == ([], [("discarded", "it is resolved already")])

    @pytest.mark.parametrize("reason", ["", "  \n"])
    def test_nothing_is_discarded_without_a_reason(self, reason: str) -> None:
        dead(1)
        with pytest.raises(InvalidSubmission, match="reason: say why"):
            discard_dead_letters(DeadLetter.objects.all(), reason=reason)
        assert DeadLetter.objects.get().resolution == ""

"""Undoing what was done: what its submission named, what its type declares; once."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from pydantic import BaseModel, ConfigDict

from tasks import registry
from tasks.exceptions import AlreadyCompensated, IllegalTransition, InvalidSubmission, NotCompensable, TaskMissing
from tasks.models import Task, TaskAttempt, TaskEvent
from tasks.models.task import new_id
from tasks.services import cancel_tasks, compensate_task, submit_task
from tasks.states import EventKind, TaskStatus
from tests.tasks.pool_process import PoolProcess
from tests.tasks.rows import a_task, queues
from tests.tasks.threads import together

pytestmark = [pytest.mark.django_db]

S = TaskStatus
UNDO = {"type": "http_request", "payload": {"url": "https://a.test/undo", "method": "DELETE"}}


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    at: datetime
    id: UUID
    kind: TaskStatus


@pytest.fixture(autouse=True)
def _queues(db: None) -> None:
    queues("default", "http", "compensation")


@pytest.fixture
def charge(add_type: Callable[..., str]) -> tuple[str, list[Any]]:
    """A type that can be undone, and what was undone."""
    undone: list[Any] = []

    def do(ctx: Any, payload: Any) -> dict[str, Any]:
        return {"charged": payload.amount}

    def undo(ctx: Any, payload: Any, result: Any) -> dict[str, Any]:
        undone.append((payload.amount, result))
        return {"refunded": result["charged"]}

    return add_type(do, compensate=undo), undone


class TestAsking:
    def test_a_declared_undo_becomes_a_task_of_the_type_compensation(self, charge: Any, ann: User) -> None:
        task = a_task(S.COMPLETED, type=charge[0], priority=8)
        undo = Task.objects.get(id=compensate_task(task.id, actor=ann, reason="sent back").id)
        assert (undo.type, undo.queue, undo.payload) == ("compensation", "compensation", {"task": str(task.id)})
        assert (undo.compensates_id, undo.created_by_id, undo.priority) == (task.id, ann.pk, 8)
        event = TaskEvent.objects.get(task_id=task.id)
        assert (event.kind, event.reason) == (EventKind.COMPENSATED, f"by task {undo.id}: sent back")

    def test_what_the_submission_named_goes_before_what_the_type_declares(self, charge: Any) -> None:
        task_id = submit_task(type=charge[0], compensate=UNDO).id
        Task.objects.filter(id=task_id).update(status=S.COMPLETED, finished_at="2026-01-01T00:00:00Z")
        undo = Task.objects.get(id=compensate_task(task_id).id)
        assert (undo.type, undo.payload, undo.compensates_id) == (UNDO["type"], UNDO["payload"], task_id)

    @pytest.mark.parametrize("status", sorted(set(S) - {S.COMPLETED}))
    def test_only_what_is_completed_can_be_undone(self, charge: Any, status: TaskStatus) -> None:
        with pytest.raises(IllegalTransition, match="only what is completed can be undone"):
            compensate_task(a_task(status, type=charge[0]).id)

    def test_a_type_without_an_undo_is_refused(self) -> None:
        with pytest.raises(NotCompensable, match=r"sample\.noop"):
            compensate_task(a_task(S.COMPLETED).id)

    def test_a_missing_task_is_missing(self) -> None:
        with pytest.raises(TaskMissing):
            compensate_task(new_id())

    @pytest.mark.parametrize(
        ("undo", "path"),
        [
            ({"type": "nobody.knows"}, "compensate.type"),
            ({"type": "http_request", "payload": {}}, "compensate.payload.url"),
            ({"payload": {}}, "compensate.type"),
            ([], "compensate"),
        ],
    )
    def test_an_undo_that_could_not_run_is_refused_at_submit(self, undo: Any, path: str) -> None:
        with pytest.raises(InvalidSubmission) as caught:
            submit_task(type="sample.noop", compensate=undo)
        assert caught.value.errors[0]["attr"] == path


class TestOnce:
    def test_a_second_one_is_refused_by_either_way_in(self, charge: Any) -> None:
        task = a_task(S.COMPLETED, type=charge[0])
        compensate_task(task.id)
        with pytest.raises(AlreadyCompensated):
            compensate_task(task.id)
        with pytest.raises(AlreadyCompensated):
            submit_task(type="compensation", payload={"task": str(task.id)})
        assert Task.objects.filter(compensates=task.id).count() == 1
        assert TaskEvent.objects.filter(task_id=task.id).count() == 1

    def test_one_that_was_cancelled_makes_room_for_another(self, charge: Any) -> None:
        task = a_task(S.COMPLETED, type=charge[0])
        cancel_tasks([compensate_task(task.id).id])
        compensate_task(task.id)

    @pytest.mark.database
    @pytest.mark.django_db(transaction=True)
    def test_two_who_ask_at_once_make_one(self) -> None:
        queues("default", "http")
        task = a_task(S.COMPLETED, compensation=UNDO)

        def ask() -> bool:
            try:
                compensate_task(task.id)
            except AlreadyCompensated:
                return False
            return True

        assert sorted(together(ask, ask, ask)) == [False, False, True]


class TestRunning:
    def undo(self, process: PoolProcess, task: Task) -> tuple[Task, TaskAttempt]:
        done = process.run("compensation", {"task": str(task.id)}, max_attempts=1)
        return done, TaskAttempt.objects.get(task_id=done.id)

    @pytest.mark.parametrize("is_async", [False, True])
    def test_the_undo_gets_payload_and_result(
        self, process: PoolProcess, add_type: Callable[..., str], is_async: bool
    ) -> None:
        undone: list[Any] = []

        def do(ctx: Any, payload: Any) -> None: ...

        def plain(ctx: Any, payload: Any, result: Any) -> dict[str, int]:
            undone.append((payload.amount, result, ctx.idempotency_key))
            return {"refunded": payload.amount}

        async def coroutine(ctx: Any, payload: Any, result: Any) -> dict[str, int]:
            return plain(ctx, payload, result)

        name = add_type(do, compensate=coroutine if is_async else plain)
        task = a_task(S.COMPLETED, type=name, payload={"amount": 5})
        TaskAttempt.objects.create(
            task=task, number=1, outcome="completed", worker="w", result={"charged": 5},
            started_at=task.created_at, finished_at=task.created_at,
        )  # fmt: skip
        done, attempt = self.undo(process, task)
        assert (done.status, attempt.result) == (S.COMPLETED, {"refunded": 5})
        assert undone == [(5, {"charged": 5}, str(done.id))]

    @pytest.mark.usefixtures("add_type")  # it forgets what a test has registered
    def test_a_payload_is_read_as_strictly_as_when_it_was_submitted(self, process: PoolProcess) -> None:
        seen: list[Strict] = []

        @registry.handler("test.strict", payload=Strict, compensate=lambda ctx, payload, result: seen.append(payload))
        def strict(ctx: Any, payload: Strict) -> None: ...

        given = {"at": "2026-01-31T08:00:00Z", "id": str(new_id()), "kind": "failed"}
        task_id = submit_task(type="test.strict", payload=given).id
        Task.objects.filter(id=task_id).update(status=S.COMPLETED, finished_at="2026-01-01T00:00:00Z")
        done, _ = self.undo(process, Task.objects.get(id=task_id))
        assert done.status == S.COMPLETED
        assert [each.model_dump(mode="json") for each in seen] == [given]

    @pytest.mark.parametrize("status", [S.FAILED, S.PENDING, S.CANCELLED])
    def test_what_is_not_completed_by_then_fails_for_good(self, process: PoolProcess, status: TaskStatus) -> None:
        done, attempt = self.undo(process, a_task(status))
        assert (done.status, attempt.category) == (S.FAILED, "invalid_payload")
        assert "only what is completed can be undone" in attempt.error_message

    def test_an_undo_that_fails_is_tried_again(self, process: PoolProcess, add_type: Callable[..., str]) -> None:
        def do(ctx: Any, payload: Any) -> None: ...

        def undo(ctx: Any, payload: Any, result: Any) -> None:
            raise ConnectionError("not now")

        task = a_task(S.COMPLETED, type=add_type(do, compensate=undo))
        done = process.run("compensation", {"task": str(task.id)}, max_attempts=3)
        assert done.status == S.RETRYING

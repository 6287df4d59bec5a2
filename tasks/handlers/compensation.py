"""The type `compensation`: undoes what a completed task did, by what its type declares."""

import asyncio
import inspect
import json
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from tasks import registry
from tasks.context import TaskContext
from tasks.exceptions import TaskFailed
from tasks.models import Task, TaskAttempt
from tasks.registry import COMPENSATION, handler
from tasks.states import FailureCategory, Outcome, TaskStatus


class Compensation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    task: UUID = Field(description="The completed task whose effects are undone")


@handler(COMPENSATION, payload=Compensation, queue="compensation", max_attempts=10)
def compensation(ctx: TaskContext, payload: Compensation) -> Any:
    """Undoes a completed task: calls what its type declares with its payload and result, and returns what that does.

    A task is undone by one compensation only: a constraint of the table refuses a second one.
    """
    task = Task.objects.filter(id=payload.task).first()
    if task is None:
        raise _hopeless(f"there is no task {payload.task}")
    if task.status != TaskStatus.COMPLETED:
        raise _hopeless(f"task {task.id} is {task.status}: only what is completed can be undone")
    undo = registry.get(task.type).compensate
    if undo is None:
        raise _hopeless(f"the type {task.type!r} declares nothing that undoes it")
    done = TaskAttempt.objects.filter(task_id=task.id, outcome=Outcome.COMPLETED).order_by("-number").first()
    # As JSON, which is how it was found valid: a strict model takes a time or an id as text from nothing else.
    original = registry.get(task.type).payload.model_validate_json(json.dumps(task.payload))
    ctx.log.info("undoing", task=str(task.id), type=task.type)
    value = undo(ctx, original, done.result if done else None)
    if not inspect.iscoroutine(value):
        return value
    return asyncio.run(value)  # this process runs plain code: there is no loop whose others it could hold up


def _hopeless(why: str) -> TaskFailed:
    return TaskFailed(why, category=FailureCategory.INVALID_PAYLOAD, retryable=False)

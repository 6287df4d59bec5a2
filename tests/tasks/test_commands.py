"""`manage.py submit`: the same service as the other doors, with errors of one line."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tasks import transitions
from tasks.models import Task
from tasks.states import TaskStatus
from tests.tasks.rows import HOLDER, ending, lead

pytestmark = pytest.mark.django_db


def submit(*words: str) -> Task:
    out = StringIO()
    call_command("submit", *words, stdout=out)
    return Task.objects.get(id=out.getvalue().split()[0])


def test_a_type_alone_is_enough() -> None:
    task = submit("sample.noop")
    assert (task.type, task.payload, task.status, task.created_by) == ("sample.noop", {}, TaskStatus.PENDING, None)


def test_each_option_reaches_the_row() -> None:
    task = submit(
        "sample.echo", '{"a": 1}', "--name", "Echo", "--queue", "data", "--priority", "9", "--max-attempts", "7",
        "--timeout", "12.5", "--retry", '{"kind": "fixed", "base": 3}', "--tag", "x", "--tag", "y",
        "--idempotency-key", "k", "--run-at", "2100-01-01T00:00:00+01:00",
    )  # fmt: skip
    assert (task.name, task.queue, task.priority, task.max_attempts, task.timeout) == ("Echo", "data", 9, 7, 12.5)
    assert (task.tags, task.idempotency_key, task.retry["kind"], task.retry["base"]) == (["x", "y"], "k", "fixed", 3)
    assert (task.status, task.run_at) == (TaskStatus.SCHEDULED, datetime(2099, 12, 31, 23, tzinfo=UTC))


def test_a_delay_schedules() -> None:
    task = submit("sample.noop", "--delay", "60")
    assert task.status == TaskStatus.SCHEDULED
    assert 59 < (task.run_at - task.created_at).total_seconds() < 61


def test_the_same_key_again_prints_the_first_task() -> None:
    words = ("sample.noop", "--idempotency-key", "k")
    assert submit(*words).id == submit(*words).id


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no.such.type"], "no handler is installed for the type 'no.such.type'"),
        (["sample.noop", "{"], "the payload is not JSON"),
        (["sample.noop", "[1]"], "the payload must be a JSON object"),
        (["sample.noop", "--priority", "10"], "priority: Input should be less than or equal to 9"),
        (["sample.noop", "--queue", "nowhere"], "there is no queue 'nowhere'"),
        (["sample.noop", "--delay", "-1"], "delay: "),
        (["sample.work", '{"seconds": "long"}'], "payload.seconds: "),
    ],
)
def test_a_mistake_is_said_and_nothing_is_stored(words: list[str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("submit", *words)
    assert message in str(caught.value)
    assert not Task.objects.exists()


def finish(status: TaskStatus, **fields: Any) -> None:
    """Takes the newest task to its end, as a worker would."""
    lead()
    task = Task.objects.latest("created_at")
    transitions.enqueue([task.id], queue=task.queue, role="coordinator", term=7)
    claim = transitions.claim([task.id], queue=task.queue, worker="w", incarnation=HOLDER, lease=30, alone=False)
    transitions.finish([ending(claim[0], status, **fields)], incarnation=HOLDER)


def test_waiting_prints_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: finish(TaskStatus.COMPLETED, result='{"a": 1}'))
    out = StringIO()
    call_command("submit", "sample.noop", "--wait", stdout=out)
    assert json.loads(out.getvalue().split("\n", 1)[1]) == {"a": 1}


def test_waiting_for_a_task_that_fails_ends_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: finish(TaskStatus.FAILED))
    with pytest.raises(CommandError, match="failed: ValueError: it broke"):
        call_command("submit", "sample.noop", "--wait", stdout=StringIO())

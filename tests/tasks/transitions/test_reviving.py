"""A dead task that gets another chance."""

import pytest
from django.contrib.auth.models import User

from tasks import database
from tasks.models import DeadLetter, Task
from tasks.states import TaskStatus
from tasks.transitions import cancel, claim, finish, renew, revive
from tests.tasks.rows import HOLDER, a_task, claimed, ending

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_a_revived_task_has_a_fresh_budget_on_top_of_its_attempts() -> None:
    task = a_task(TaskStatus.FAILED, attempt=5, uncounted=2, budget=3, max_attempts=3, losses=2, returns=4)
    assert revive([task.id], actor_id=None) == {task.id}
    task.refresh_from_db()
    assert (task.status, task.attempt, task.failures, task.max_attempts) == (TaskStatus.PENDING, 5, 3, 6)
    assert (task.losses, task.returns, task.finished_at, task.queued_at) == (0, 0, None, None)
    assert task.run_at <= database.now()


def test_reviving_closes_the_open_letter_in_the_name_of_who_did_it() -> None:
    user = User.objects.create_user("operator")
    revived, other = claimed(2)
    finish([ending(each, TaskStatus.FAILED) for each in (revived, other)], incarnation=HOLDER)
    revive([revived.id], actor_id=user.pk)
    letter = DeadLetter.objects.get(task_id=revived.id)
    assert (letter.resolution, letter.resolved_by_id) == ("reprocessed", user.pk)
    assert letter.resolved_at is not None
    assert DeadLetter.objects.get(task_id=other.id).resolution == ""


def test_a_revived_task_forgets_that_it_should_have_been_cancelled() -> None:
    [held] = claimed()
    cancel([held.id])
    finish([ending(held, TaskStatus.FAILED)], incarnation=HOLDER)
    revive([held.id], actor_id=None)
    Task.objects.update(status=TaskStatus.QUEUED)
    claim([held.id], queue="default", worker="w1@test", incarnation=HOLDER, lease=30, alone=False)
    assert renew([(held.id, 2)], incarnation=HOLDER, lease=30) == {(held.id, 2): False}

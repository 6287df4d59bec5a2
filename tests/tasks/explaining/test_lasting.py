"""What holds a task back until somebody does something: the sentence, its evidence and what mends it."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tasks.exceptions import IllegalTransition
from tasks.explaining import Cause, Explanation, Remedy, why_not_running
from tasks.models import Leadership, Queue, Task, TaskDependency, Worker
from tasks.services import pause_queue, submit_task
from tasks.states import OnDependencyFailure, TaskStatus
from tests.tasks.desk import NOOP, a_worker
from tests.tasks.explaining.conftest import ago, ahead, lead
from tests.tasks.rows import a_task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

S = TaskStatus
START = Remedy("Start a coordinator: manage.py coordinator")


def why(task: Task) -> Explanation:
    return why_not_running(Task.objects.get(pk=task.pk))


def said(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"


def test_a_task_that_is_due_later_says_when() -> None:
    task = a_task(S.SCHEDULED, run_at=ahead(7_200))
    found = why(task)
    assert (found.cause, found.sentence) == (Cause.DUE_LATER, f"It is not due before {said(task.run_at)} (in 2 h).")
    assert found.evidence == {"not_before": task.run_at}
    assert found.remedy == Remedy("Run it now", "task", "run-now", str(task.pk))
    assert found.also == ()


def test_a_task_that_is_tried_again_says_which_attempt_that_will_be() -> None:
    task = a_task(S.RETRYING, run_at=ahead(90), attempt=2)
    assert why(task).sentence == f"Attempt 2 failed, and attempt 3 is not due before {said(task.run_at)} (in 1 min)."


@pytest.mark.parametrize("status", [S.SCHEDULED, S.RETRYING])
def test_a_task_whose_time_has_come_is_taken_up_at_once(status: TaskStatus) -> None:
    task = a_task(status, run_at=ago(3))
    found = why(task)
    assert found.cause is Cause.NEXT
    assert found.sentence == (
        f"It is due since {said(task.run_at)} (3 s ago): the dispatcher takes it up with its next turn, within a"
        " second."
    )


class TestDependencies:
    def test_those_that_are_missing_are_named_with_their_states(self) -> None:
        parents = [a_task(status, name=f"step {status}") for status in (S.PROCESSING, S.PENDING, S.COMPLETED)]
        task = Task.objects.get(pk=submit_task(type=NOOP, depends_on=[each.pk for each in parents]).id)
        found = why(task)
        assert found.cause is Cause.DEPENDENCIES
        assert found.sentence == ('It waits for 2 tasks: "step processing" is processing, "step pending" is pending.')
        assert [each["id"] for each in found.evidence["waits_for"]] == [parents[0].pk, parents[1].pk]
        assert found.remedy == Remedy('Look at "step processing"', "task", "change", str(parents[0].pk))

    def test_the_dead_come_first_and_are_what_has_to_be_mended(self) -> None:
        waits = {"unmet": 5, "on_dependency_failure": OnDependencyFailure.WAIT}
        task = a_task(S.BLOCKED, **waits)
        for number, status in enumerate([S.PENDING, S.PENDING, S.PENDING, S.PENDING, S.FAILED]):
            parent = a_task(status, name=f"number {number}", has_dependents=True)
            TaskDependency.objects.create(child=task, parent=parent)
        found = why(task)
        assert found.sentence == (
            'It waits for 5 tasks: "number 4" is failed, "number 0" is pending, "number 1" is pending and 2 more.'
            " What is dead holds it until that is retried, or this one is told not to wait."
        )
        assert found.remedy == Remedy('Retry "number 4"', "task", "retry", str(parent.pk))
        Task.objects.filter(pk=parent.pk).delete()
        TaskDependency.objects.create(child=task, parent=a_task(S.CANCELLED))
        assert why(task).remedy == Remedy("Let it run all the same", "task", "edit", str(task.pk))

    def test_what_has_ended_meanwhile_is_only_to_be_noted(self) -> None:
        task = a_task(S.BLOCKED, unmet=1)
        TaskDependency.objects.create(child=task, parent=a_task(S.COMPLETED))
        assert why(task).sentence == (
            "All that it waits for is completed: the coordinator has yet to take note of it, which should take a"
            " second, and ten minutes at the most."
        )


class TestLeader:
    def test_one_whose_lease_ran_out(self) -> None:
        since = ago(185)
        lead(expires_at=since)
        found = why(a_task())
        assert found.cause is Cause.NO_LEADER
        assert found.sentence == (
            f"No coordinator leads since {said(since)} (3 min ago): nothing is dispatched until one does."
        )
        assert (found.evidence["last_leader"], found.remedy) == ("here:1:abc", START)

    def test_none_ever(self) -> None:
        Leadership.objects.all().delete()
        found = why(a_task())
        assert found.sentence == "No coordinator has ever led here: nothing is dispatched until one does."

    def test_one_of_a_release_that_did_not_note_its_end(self) -> None:
        lead(expires_at=None)
        assert why(a_task()).sentence == (
            "No coordinator leads: the last one, here:1:abc, has stopped: nothing is dispatched until one does."
        )


def test_a_queue_that_does_not_exist() -> None:
    task = a_task(queue="gone")
    found = why(task)
    assert (found.cause, found.sentence) == (
        Cause.NO_QUEUE, 'There is no queue "gone": nothing looks at what is in it.'
    )  # fmt: skip
    assert found.remedy == Remedy("Move it to another queue", "task", "edit", str(task.pk))


class TestWorkers:
    def test_none_ever_listened(self) -> None:
        found = why(a_task(queue="http"))
        assert (found.cause, found.sentence) == (
            Cause.NO_WORKER, "No worker listens on the queue http: none ever did."
        )  # fmt: skip
        assert found.remedy == Remedy("Start a worker that listens on it", "worker")

    @pytest.mark.parametrize(
        ("stopped", "words"), [(False, "was last heard of 2 h ago"), (True, "was stopped 1 h ago")]
    )
    def test_the_last_one_is_named(self, stopped: bool, words: str) -> None:
        a_worker("w7@there", queues=["http.plain"], heartbeat_at=ago(7_300), stopped_at=ago(3_700) if stopped else None)
        found = why(a_task(queue="http"))
        assert found.sentence == f"No worker listens on the queue http: the last one, w7@there, {words}."
        assert found.evidence["last_worker"] == "w7@there"

    def test_a_message_waits_for_one_as_well(self) -> None:
        assert why(a_task(S.QUEUED, queue="http")).cause is Cause.NO_WORKER

    def test_a_type_that_is_not_known_is_about_to_be_set_aside(self) -> None:
        found = why(a_task(type="reports.nightly"))
        assert found.cause is Cause.UNKNOWN_TYPE
        assert found.sentence == (
            'No online worker of the queue default knows the type "reports.nightly": it is set aside when its turn'
            " comes, and given up 1 d later unless one comes."
        )
        assert found.remedy == Remedy("Start workers of a release that has this type", "worker")

    def test_a_parked_one_says_since_when_and_until_when(self) -> None:
        since = ago(3_700)
        found = why(a_task(type="reports.nightly", parked="no worker", parked_at=since))
        assert found.sentence == (
            f'No online worker of the queue default knows the type "reports.nightly": it is parked since {said(since)}'
            f" (1 h ago), and given up at {said(found.evidence['gives_up_at'])} unless one comes."
        )
        assert (found.evidence["gives_up_at"] - since).total_seconds() == 86_400

    def test_workers_of_another_queue_may_know_it(self) -> None:
        a_worker("w9@there", queues=["http.plain"], types={"reports.nightly": "plain"})
        task = a_task(type="reports.nightly")
        found = why(task)
        assert found.sentence.endswith(" w9@there knows it, but does not listen there.")
        assert found.remedy == Remedy("Move it to a queue of theirs", "task", "edit", str(task.pk))

    def test_a_parked_one_without_any_worker(self) -> None:
        Worker.objects.all().delete()
        found = why(a_task(parked="no worker", parked_at=ago(9)))
        assert found.sentence == "No worker listens on the queue default: none ever did; it is set aside meanwhile."


def test_a_broker_that_is_away_is_told_as_the_coordinator_noted_it() -> None:
    lead(broker_error="[Errno 111] Connection refused: amqp://ada:s3cret@broker//")
    found = why(a_task())
    assert (found.cause, found.sentence) == (
        Cause.BROKER,
        "The coordinator cannot reach the broker: [Errno 111] Connection refused: amqp://***@broker//.",
    )
    assert "s3cret" not in str(found.evidence)


class TestPause:
    def test_by_whom_since_when_and_why(self, ada: User) -> None:
        pause_queue("default", actor=ada, reason="The target is down.")
        since = ago(7_300)
        Queue.objects.filter(name="default").update(paused_at=since)
        for status in (S.PENDING, S.QUEUED):
            found = why(a_task(status))
            assert found.cause is Cause.PAUSED
            assert found.sentence == (
                f"The queue default is paused by ada since {said(since)} (2 h ago): The target is down."
            )
            assert found.remedy == Remedy("Resume the queue", "queue", "resume", "default")
        assert found.evidence == {
            "queue": "default", "since": since, "by": "ada", "reason": "The target is down."
        }  # fmt: skip

    def test_by_nobody_that_is_known(self) -> None:
        Queue.objects.filter(name="default").update(paused=True)
        assert why(a_task()).sentence == "The queue default is paused; no reason was given."


def test_what_comes_first_is_said_first_and_the_rest_after_it() -> None:
    """In the order in which the dispatcher comes to it: mending one thing, an operator sees the next."""
    Queue.objects.filter(name="default").update(paused=True)
    Worker.objects.all().delete()
    lead(broker_error="gone")
    task = a_task(S.SCHEDULED, run_at=ahead(7_200))
    found = why(task)
    assert found.cause is Cause.DUE_LATER
    worker, broker, pause = found.also
    assert worker.startswith("No worker listens")
    assert broker == "The coordinator cannot reach the broker: gone."
    assert pause == "The queue default is paused; no reason was given."
    lead(expires_at=ago(61))
    found = why(a_task())
    assert (found.cause, len(found.also)) == (Cause.NO_LEADER, 2)  # without a leader nobody knows of the broker


@pytest.mark.parametrize("status", [S.PROCESSING, S.COMPLETED, S.FAILED, S.CANCELLED])
def test_a_task_that_does_not_wait_is_not_explained(status: TaskStatus) -> None:
    with pytest.raises(IllegalTransition, match=f"a {status} task cannot be asked why it is not running"):
        why(a_task(status))


def test_names_cannot_turn_the_sentence_round() -> None:
    parent = a_task(name="up\u202edown\x1b[31m\n<b>" + "x" * 150)
    task = Task.objects.get(pk=submit_task(type=NOOP, depends_on=[parent.pk]).id)
    sentence = why(task).sentence
    assert sentence.startswith('It waits for 1 task: "up\\u202edown\\u001b[31m <b>xxx')
    assert len(sentence) < 100

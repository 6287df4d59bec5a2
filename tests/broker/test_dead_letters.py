"""Dead letters and the dead-letter exchange: each dead task is announced once, and garbage ends where it is seen."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.broker.installation import Installation
from tests.broker.messages import EXECUTE, await_taken_in, publish
from tests.broker.processes import wait_until

pytestmark = pytest.mark.broker

DEAD = {"fail_until": 9, "category": "http_5xx"}


@contextmanager
def listening(installation: Installation, pattern: str) -> Iterator[Any]:
    """Binds a queue of our own to the dead-letter exchange, as another system would."""
    name = f"{installation.namespace}.listener"
    with installation.channel() as channel:
        channel.queue_declare(name, durable=False, auto_delete=False)
        channel.queue_bind(name, f"{installation.namespace}.dlx", pattern)
        try:
            yield lambda: channel.basic_get(name, no_ack=True)
        finally:
            channel.queue_delete(name)


def test_each_dead_task_is_announced_once_with_its_story(installation: Installation) -> None:
    with listening(installation, "sample.work.http_5xx") as take:
        ids = installation.submit_all([{"type": "sample.work", "payload": DEAD, "max_attempts": 2}] * 20)
        others = installation.submit_all([{"type": "sample.async_work", "payload": DEAD, "max_attempts": 1}] * 3)
        assert installation.await_ended([*ids, *others], within=20) == {"failed": 23}
        # Announced in the order of their deaths: when the last one is there, a repeat of the first would be as well.
        last = installation.submit("sample.work", DEAD, max_attempts=1)
        messages: list[Any] = []
        while not messages or messages[-1].headers["task"] != last:
            messages.append(wait_until(take, within=30, what="another announcement"))
    assert sorted(message.headers["task"] for message in messages[:-1]) == sorted(ids)
    letters = {
        task_id: (str(letter), created)
        for task_id, letter, created in installation.rows("SELECT task_id::text, id, created_at FROM tasks_deadletter")
    }
    for message in messages[:-1]:
        letter, created = letters[message.headers["task"]]
        facts = {
            "dead_letter": letter,
            "task": message.headers["task"],
            "type": "sample.work",
            "category": "http_5xx",
            "attempts": 2,
            "first_death": created.isoformat(),
        }
        assert message.headers == {"x-taskyard-dead-letter": letter, **facts}
        assert json.loads(message.body) == facts


def test_an_announcement_that_comes_again_changes_nothing(installation: Installation) -> None:
    with listening(installation, "sample.work.*") as take:
        task = installation.submit("sample.work", DEAD, max_attempts=1)
        message = wait_until(take, within=30, what="its announcement")
    count = "SELECT count(*) FROM tasks_deadletter WHERE task_id = %s"
    for _ in range(3):
        publish(installation, message.body, message.headers)
    await_taken_in(installation)
    assert installation.value(count, [task]) == 1

    installation.rows("DELETE FROM tasks_deadletter WHERE task_id = %s", [task])
    for _ in range(3):
        publish(installation, message.body, message.headers)
    await_taken_in(installation)
    restored = "SELECT category, attempts, resolution FROM tasks_deadletter WHERE task_id = %s"
    assert installation.rows(restored, [task]) == [("http_5xx", 1, "")]


NOBODY = [uuid.uuid4().hex]
GARBAGE: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "not JSON": (b"\xff{", {"task": EXECUTE, "id": "1"}, "application/json"),
    "pickled": (b"\x80\x04N.", {"task": EXECUTE, "id": "1"}, "application/x-python-serialize"),
    "no Celery task": (b'{"hello": 1}', {}, "application/json"),
    "an unknown Celery task": (b"[[], {}, {}]", {"task": "no.such.task", "id": "1"}, "application/json"),
    "no ids": (b"[[], {}, {}]", {"task": EXECUTE, "id": "1"}, "application/json"),
    "other arguments": (b'[[1, 2, 3], {"x": 1}, {}]', {"task": EXECUTE, "id": "1"}, "application/json"),
    "an empty body": (b"[]", {"task": EXECUTE, "id": "1"}, "application/json"),
    "a body of another form": (b'{"ids": []}', {"task": EXECUTE, "id": "1"}, "application/json"),
    "three names": (b'{"a": [], "b": {}, "c": {}}', {"task": EXECUTE, "id": "1"}, "application/json"),
    "a null body": (b"null", {"task": EXECUTE, "id": "1"}, "application/json"),
    "no message id": (b"[[], {}, {}]", {"task": EXECUTE}, "application/json"),
    "another task without a message id": (b"[[], {}, {}]", {"task": "celery.backend_cleanup"}, "application/json"),
    "an unknown task without a message id": (b"[[], {}, {}]", {"task": "no.such.task"}, "application/json"),
    "an unknown task with a long id": (
        b"[[], {}, {}]",
        {"task": "no.such.task", "id": "x" * 9_999},
        "application/json",
    ),
    "ids that are none": (b'[[], {"ids": ["x"]}, {}]', {"task": EXECUTE, "id": "1"}, "application/json"),
    "ids of another sort": (b'[[], {"ids": 5}, {}]', {"task": EXECUTE, "id": "1"}, "application/json"),
    "ids of nobody": (json.dumps([[], {"ids": NOBODY}, {}]).encode(), {"task": EXECUTE, "id": "1"}, "application/json"),
}


@pytest.mark.parametrize("line", ["default.plain", "default.async"])
def test_garbage_becomes_dead_letters_and_the_worker_goes_on(installation: Installation, line: str) -> None:
    name = line.rpartition(".")[2]
    pid = installation.processes.running[name].pid
    before = installation.value("SELECT count(*) FROM tasks_deadletter WHERE task_id IS NULL")
    for body, headers, content_type in GARBAGE.values():
        publish(installation, body, headers, line=line, content_type=content_type)
    strays = (
        "SELECT type, category, queue, body, x_death FROM tasks_deadletter WHERE task_id IS NULL ORDER BY id OFFSET %s"
    )
    wait_until(lambda: len(installation.rows(strays, [before])) >= len(GARBAGE), within=15, what="all are taken in")
    letters = installation.rows(strays, [before])
    assert len(letters) == len(GARBAGE)
    for type_name, category, queue, body, x_death in letters:
        assert category == ("invalid_payload" if type_name in ("", EXECUTE) else "unknown_type")
        assert queue == line
        assert x_death[0]["reason"] == "rejected"
        assert body
    task = installation.submit("sample.noop" if name == "plain" else "sample.async_noop")
    assert installation.await_ended([task], within=30) == {"completed": 1}
    assert installation.processes.is_alive(name)
    assert installation.processes.running[name].pid == pid


def test_a_message_that_the_broker_gave_up_sends_its_tasks_again(installation: Installation) -> None:
    installation.add_queue("nobody")
    task = installation.submit("sample.noop", queue="nobody")
    installation.rows("UPDATE tasks_task SET status = 'queued', queued_at = now() WHERE id = %s", [task])
    publish(installation, json.dumps([[], {"ids": [uuid.UUID(task).hex]}, {}]), {"task": EXECUTE, "id": "1"})
    sent_back = "SELECT 1 FROM tasks_task WHERE id = %s AND status = 'pending' AND returns = 1"
    installation.await_row(sent_back, [task], within=30, what="the task is pending again")
    assert installation.rows("SELECT 1 FROM tasks_deadletter WHERE task_id = %s", [task]) == []

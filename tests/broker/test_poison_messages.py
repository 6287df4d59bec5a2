"""Messages that nobody of ours sent, among work that goes on: set aside where operators see them, and nothing stops."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker.conftest import opened
from tests.broker.installation import Databases, Installation
from tests.broker.load import Load, lasting
from tests.broker.messages import EXECUTE, await_taken_in, publish
from tests.broker.processes import wait_until

pytestmark = pytest.mark.broker

LINES = ("default.plain", "default.async")
LETTERS = "SELECT length(body), x_death FROM tasks_deadletter WHERE task_id IS NULL AND queue = %s ORDER BY id"


def body(ids: Any, *arguments: Any, options: Any = None, **named: Any) -> bytes:
    return json.dumps([arguments, {"ids": ids, **named}, {} if options is None else options]).encode()


def one() -> list[str]:
    return [uuid.uuid4().hex]


# Each by what is wrong with it: the body, headers beside the usual ones, and what else is said of the message.
POISON: dict[str, tuple[bytes, dict[str, Any], dict[str, str]]] = {
    "ten megabytes of nothing": (b"\x00" * 10_000_000, {}, {}),
    "ten megabytes of ids": (body([uuid.uuid4().hex for _ in range(300_000)]), {}, {}),
    "a hundred thousand brackets": (b"[" * 100_000, {}, {}),
    "deep arguments": (b'[[], {"ids": ' + b"[" * 5_000 + b"]" * 5_000 + b"}, {}]", {}, {}),
    "not text": (bytes(range(256)), {}, {}),
    "pickle": (
        b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94.",
        {},
        {"content_type": "application/x-python-serialize"},
    ),
    "YAML": (b"!!python/object/apply:os.system [true]", {}, {"content_type": "application/x-yaml"}),
    "plain text": (body(one()), {}, {"content_type": "text/plain"}),
    "no content type": (b"{}", {}, {"content_type": ""}),
    "another Celery task": (b'[[], {}, {"callbacks": null}]', {"task": "celery.no_such_thing"}, {}),
    "a task of no name": (body(one()), {"task": ""}, {}),
    "a task that is a number": (body(one()), {"task": 7}, {}),
    "no named arguments": (b"[[], null, {}]", {}, {}),
    "an argument too many": (body(one(), unheard_of=1), {}, {}),
    "an argument without a name": (body(one(), "again"), {}, {}),
    "options of another form": (body(one(), options=5), {}, {}),
    "ids that are no UUIDs": (body(["' OR 1=1 --"]), {}, {}),
    "ids that are numbers": (body([1, 2, 3]), {}, {}),
    "an id that is a list": (body([[]]), {}, {}),
    "ids that do not exist": (body([uuid.uuid4().hex for _ in range(200)]), {}, {}),
    "a flag of another form": (body(one(), alone={"a": []}), {}, {}),
    "a time that is none": (body(one()), {"eta": "tomorrow"}, {}),
    "a time far away": (body(one()), {"eta": "2999-01-01T00:00:00+00:00"}, {}),
    "an end that is over": (body(one()), {"expires": "2001-01-01T00:00:00+00:00"}, {}),
    "limits of another form": (body(one()), {"timelimit": "soon"}, {}),
    "repeats of another form": (body(one()), {"retries": "many"}, {}),
}


@pytest.fixture(scope="module")
def neighbour(databases: Databases, shared: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A task of another installation on the same broker."""
    made = Installation(
        databases.make("neighbour"), shared.broker_url, f"{shared.namespace}_next", tmp_path_factory.mktemp("neighbour")
    )
    with opened(made):
        made.start_web()
        made.log_in()
        yield made.submit("sample.noop")


@pytest.mark.parametrize("line", LINES)
def test_poison_is_set_aside_while_the_work_goes_on(
    installation: Installation, ledger: Path, line: str, neighbour: str
) -> None:
    poison = {**POISON, "a task of another installation": (body([neighbour]), {}, {})}
    before = len(installation.rows(LETTERS, [line]))
    with lasting(installation):
        with Load(installation, ledger) as load:
            for text, headers, options in poison.values():
                publish(installation, text, {"task": EXECUTE, "id": uuid.uuid4().hex, **headers}, line=line, **options)
            load.await_completed(90, within=60)
            wait_until(
                lambda: len(installation.rows(LETTERS, [line])) >= before + len(poison), within=20, what="all set aside"
            )
        load.assert_all_completed(within=60)
    letters = installation.rows(LETTERS, [line])[before:]
    assert len(letters) == len(poison)
    assert {x_death[0]["reason"] for _, x_death in letters} == {"rejected"}
    assert max(length for length, _ in letters) <= 16_000
    # Where operators look.
    assert installation.count(f"/api/dlq/tasks/?queue={line}") >= len(poison)


@pytest.mark.parametrize("line", LINES)
def test_of_known_and_unknown_ids_the_known_are_executed(installation: Installation, ledger: Path, line: str) -> None:
    """The row says when it is done: a message that we did not send makes it neither sooner nor twice."""
    before = len(installation.rows(LETTERS, [line]))
    kind = "sample.work" if line.endswith("plain") else "sample.async_work"
    with lasting(installation):
        with Load(installation, ledger) as load:
            known = load.add([{"type": kind, "payload": {"ledger": str(ledger)}} for _ in range(50)])
            for each in known:
                publish(installation, body([*one(), each, *one()]), {"task": EXECUTE, "id": "1"}, line=line)
            load.await_completed(60, within=60)
        load.assert_all_completed(within=60)
    await_taken_in(installation)
    assert len(installation.rows(LETTERS, [line])) == before


def test_a_message_that_came_by_no_line_is_set_aside(installation: Installation) -> None:
    """Somebody bound an exchange of their own to the queue: the routing key says nothing then."""
    exchange = f"{installation.namespace}.by-the-way"
    before = len(installation.rows(LETTERS, ["default.plain"]))
    with lasting(installation), installation.channel() as channel:
        channel.exchange_declare(exchange, "fanout", durable=False, auto_delete=False)
        try:
            channel.queue_bind(f"{installation.namespace}.default.plain", exchange)
            message = channel.prepare_message(
                body(one()),
                headers={"task": EXECUTE, "id": uuid.uuid4().hex},
                content_type="application/json",
                content_encoding="utf-8",
            )
            channel.basic_publish(message, exchange, "somewhere")
            wait_until(
                lambda: len(installation.rows(LETTERS, ["default.plain"])) > before, within=20, what="it is set aside"
            )
        finally:
            channel.exchange_delete(exchange)


FORGED: dict[str, dict[str, Any]] = {
    "deaths of another form": {"x-death": "often"},
    "a death of another form": {"x-death": ["once", 2]},
    "an announcement of nothing": {"x-taskyard-dead-letter": "x", "task": "no id"},
    "an announcement of a number": {"x-taskyard-dead-letter": 1, "task": 1},
    "NUL in the task's name": {"task": "a\x00b"},
}


def test_forged_dead_letters_do_not_hold_up_the_others(installation: Installation) -> None:
    failed = installation.submit("sample.work", {"fail_until": 9}, max_attempts=1)
    assert installation.await_ended([failed], within=20) == {"failed": 1}
    installation.await_row(
        "SELECT 1 FROM tasks_deadletter WHERE task_id = %s AND announced_at IS NOT NULL", [failed], within=30,
        what="its announcement",
    )  # fmt: skip
    await_taken_in(installation)
    installation.rows("DELETE FROM tasks_deadletter WHERE task_id = %s", [failed])
    for headers in FORGED.values():
        publish(installation, b"forged", headers)
    publish(installation, b"[" * 100_000, {"task": EXECUTE})
    publish(installation, b"{}", {"x-taskyard-dead-letter": "x", "task": failed, "category": "of no known sort " * 9})
    await_taken_in(installation)
    # It is a letter all the same, under a category that exists.
    found = installation.rows("SELECT category FROM tasks_deadletter WHERE task_id = %s", [failed])
    assert found == [("code_error",)]

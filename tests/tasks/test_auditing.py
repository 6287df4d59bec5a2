"""What an entry of the audit trail holds."""

import threading
import uuid
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from tasks import auditing
from tasks.models import AuditEntry
from tasks.states import Door

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def ann() -> User:
    return User.objects.create(username="ann")


def test_it_says_who_did_what_through_which_door_and_why(ann: User) -> None:
    with auditing.through("api"):
        auditing.record(
            verb="limit", kind="queue", target="http", actor=ann, reason="too fast",
            before={"rate_limit": None}, after={"rate_limit": 5.0},
        )  # fmt: skip
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.actor_name, entry.door, entry.verb, entry.kind) == (ann, "ann", "api", "limit", "queue")
    assert (entry.target, entry.count, entry.reason) == ("http", 1, "too fast")
    assert (entry.before, entry.after) == ({"rate_limit": None}, {"rate_limit": 5.0})
    assert entry.at is not None


def test_without_an_actor_it_is_the_user_of_the_request(ann: User) -> None:
    request = SimpleNamespace(user=ann, auth=SimpleNamespace(prefix="ty_abcdefgh"))
    with auditing.through("api", request):
        auditing.record(verb="pause", kind="queue", actor=None)
    assert (AuditEntry.objects.get().actor, AuditEntry.objects.get().key) == (ann, "ty_abcdefgh")


def test_on_the_command_line_it_is_the_account_of_the_machine() -> None:
    with auditing.through("command line"):
        auditing.record(verb="pause", kind="queue", actor=None)
    assert "@" in AuditEntry.objects.get().actor_name


def test_a_thread_of_its_own_comes_through_no_door_of_others() -> None:
    found: list[Door] = []
    with auditing.through("admin"):
        thread = threading.Thread(target=lambda: found.append(auditing.door()))
        thread.start()
        thread.join()
    assert found == [Door.SYSTEM]


def test_secrets_and_what_no_database_holds_are_kept_out(ann: User) -> None:
    before = {"password": "hunter2", "payload": {"headers": {"Authorization": "Bearer abc123def"}, "text": "a\x00b"}}
    reason = "see https://ann:hunter2@example.com/\x00"
    auditing.record(verb="edit", kind="task", actor=ann, reason=reason, before=before, after={"ann": ann})
    entry = AuditEntry.objects.get()
    assert "hunter2" not in f"{entry.before} {entry.reason}"
    assert "abc123def" not in str(entry.before)
    assert (entry.before or {})["payload"]["text"] == "a\\u0000b"
    assert entry.after == {"ann": "ann"}


def test_what_is_too_large_is_left_out_and_the_rest_stays(ann: User) -> None:
    auditing.record(
        verb="edit", kind="task", actor=ann, after={"name": "x", "payload": {"text": "a" * 100_000}, "n": 1}
    )
    assert AuditEntry.objects.get().after == {"name": "x", "payload": "… left out: it is too large", "n": 1}


def test_an_operation_of_several_transactions_is_one_entry(ann: User) -> None:
    ids = [uuid.uuid4() for _ in range(50)]
    operation = auditing.Operation(verb="retry", kind="task", actor=ann)
    operation.add([])
    assert not AuditEntry.objects.exists()
    for part in (ids[:15], ids[15:]):
        with transaction.atomic():
            operation.add(part)
    entry = AuditEntry.objects.get()
    assert (entry.count, entry.ids, entry.target) == (50, [str(each) for each in ids[:20]], "")


def test_an_operation_on_one_names_it(ann: User) -> None:
    one = uuid.uuid4()
    auditing.Operation(verb="retry", kind="task", actor=ann).add([one])
    assert AuditEntry.objects.get().target == str(one)


def test_what_is_part_of_another_operation_is_not_noted(ann: User) -> None:
    with auditing.as_part_of_another():
        auditing.record(verb="retry", kind="task", actor=ann)
    assert not AuditEntry.objects.exists()


def test_only_differences_are_kept() -> None:
    assert auditing.differences({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == ({"b": 2, "c": None}, {"b": 3, "c": 4})

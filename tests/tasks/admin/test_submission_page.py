"""The form that submits a task."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tasks import registry
from tasks.admin.submission_form import SubmissionForm
from tasks.admin.task_admin import TaskAdmin
from tasks.models import Queue, Task
from tasks.services.submission_form import Submission
from tasks.states import TaskStatus
from tests.tasks.rows import a_task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ADD = "/admin/tasks/task/add/"
GOOD = {"type": "http_request", "payload": '{"url": "https://example.com"}'}


def refused(client: Client, **fields: Any) -> dict[str, list[str]]:
    """Sends the form, sees that nothing was stored, and returns the errors by field."""
    before, entries = Task.objects.count(), LogEntry.objects.count()
    response = client.post(ADD, GOOD | fields)
    assert response.status_code == 200
    assert Task.objects.count() == before
    assert LogEntry.objects.count() == entries
    errors: dict[str, list[str]] = response.context["adminform"].form.errors
    assert errors
    for messages in errors.values():
        for message in messages:
            assert message[:12] in response.content.decode().replace("&#x27;", "'").replace("&quot;", '"')
    return errors


def test_its_fields_are_those_of_a_submission() -> None:
    assert set(SubmissionForm.base_fields) == set(Submission.model_fields)


class TestGood:
    def test_the_least_is_a_type_and_its_payload(self, root: Client) -> None:
        response = root.post(ADD, GOOD)
        task = Task.objects.get()
        assert response["Location"] == reverse("admin:tasks_task_change", args=[task.pk])
        assert (task.type, task.payload, task.status) == (
            "http_request",
            {"url": "https://example.com"},
            TaskStatus.PENDING,
        )
        assert (task.queue, task.priority, task.max_attempts, task.tags) == ("http", 5, 3, [])
        assert task.created_by == User.objects.get(is_superuser=True)
        assert "The task was submitted." in root.get(response["Location"]).content.decode()

    def test_everything_is_passed_on(self, root: Client) -> None:
        Queue.objects.create(name="reports")
        fields = {
            "name": "Call the shop",
            "queue": "reports",
            "priority": "0",
            "run_at": "2040-01-31T08:00",
            "max_attempts": "7",
            "timeout": "12.5",
            "retry": '{"kind": "fixed", "base": 3}',
            "tags": " billing, nightly,, ",
            "idempotency_key": "k-1",
        }
        assert root.post(ADD, GOOD | fields).status_code == 302
        task = Task.objects.get()
        assert (task.name, task.queue, task.priority, task.tags) == (
            "Call the shop",
            "reports",
            0,
            ["billing", "nightly"],
        )
        assert (task.max_attempts, task.timeout, task.idempotency_key) == (7, 12.5, "k-1")
        assert task.retry["kind"] == "fixed"
        assert (task.status, task.run_at) == (TaskStatus.SCHEDULED, datetime(2040, 1, 31, 8, tzinfo=UTC))

    def test_a_delay_counts_from_now(self, root: Client) -> None:
        root.post(ADD, GOOD | {"delay": "3600"})
        task = Task.objects.get()
        assert task.status == TaskStatus.SCHEDULED
        assert round((task.run_at - task.created_at).total_seconds()) == 3600

    def test_a_time_with_its_zone_is_taken_as_it_is(self, root: Client) -> None:
        root.post(ADD, GOOD | {"run_at": "2040-01-31T08:00:00+02:00"})
        assert Task.objects.get().run_at == datetime(2040, 1, 31, 6, tzinfo=UTC)

    def test_a_log_entry_says_who_made_it(self, root: Client) -> None:
        root.post(ADD, GOOD)
        entry = LogEntry.objects.get()
        assert (entry.object_id, entry.action_flag) == (str(Task.objects.get().pk), ADDITION)
        assert entry.user == User.objects.get(is_superuser=True)

    def test_there_is_no_task_without_its_log_entry(self, root: Client, monkeypatch: Any) -> None:
        def fail(*_: Any) -> None:
            raise RuntimeError("no log today")

        monkeypatch.setattr(TaskAdmin, "log_addition", fail)
        with pytest.raises(RuntimeError):
            root.post(ADD, GOOD)
        assert not Task.objects.exists()

    def test_a_reused_key_leads_to_the_first_task(self, root: Client) -> None:
        first = root.post(ADD, GOOD | {"idempotency_key": "k-1"})
        second = root.post(ADD, GOOD | {"idempotency_key": "k-1"})
        assert second["Location"] == first["Location"]
        assert (Task.objects.count(), LogEntry.objects.count()) == (1, 1)
        assert "was used before" in root.get(second["Location"]).content.decode()

    def test_who_may_add_and_not_view_goes_to_the_index(self, sign_in: Any) -> None:
        response = sign_in("tasks.add_task").post(ADD, GOOD)
        assert response["Location"] == reverse("admin:index")
        assert Task.objects.count() == 1


class TestBad:
    def test_a_type_has_to_be_chosen(self, root: Client) -> None:
        assert set(refused(root, type="")) == {"type"}
        assert set(refused(root, type="no.such")) == {"type"}

    @pytest.mark.parametrize("payload", ['{"url": ', "[1, 2]", '"text"', "NaN", "[" * 100_000, "nonsense"])
    def test_a_payload_is_a_json_object(self, payload: str, root: Client) -> None:
        assert set(refused(root, payload=payload)) == {"payload"}

    def test_the_error_of_a_payload_names_the_path(self, root: Client) -> None:
        assert refused(root, payload="{}")["payload"] == ["payload.url: Field required"]
        errors = refused(root, payload='{"url": "https://example.com", "headers": {"a": 1}, "more": 2}')["payload"]
        assert [error.partition(":")[0] for error in errors] == ["payload.headers.a", "payload.more"]

    def test_numbers_that_json_does_not_have(self, root: Client) -> None:
        assert set(refused(root, type="cleanup", payload='{"older_than_days": Infinity}')) == {"payload"}

    def test_a_payload_over_the_limit(self, root: Client, settings: Any) -> None:
        settings.PAYLOAD_LIMIT = 1024
        payload = json.dumps({"url": "https://example.com", "body": "x" * 2000})
        (error,) = refused(root, payload=payload)["payload"]
        assert "the limit is 1,024 bytes" in error

    def test_a_key_with_another_body(self, root: Client) -> None:
        root.post(ADD, GOOD | {"idempotency_key": "k-1"})
        (error,) = refused(root, idempotency_key="k-1", priority="9")["idempotency_key"]
        assert "used before with another body" in error

    def test_what_cannot_be_undone_and_who_may_not_ask_for_that(self, root: Client, sign_in: Any) -> None:
        given = {"type": "compensation", "payload": json.dumps({"task": str(a_task().id)})}
        (error,) = refused(root, **given)["payload"]
        assert "only what is completed can be undone" in error
        (error,) = refused(sign_in("tasks.add_task"), **given)["type"]
        assert "tasks.change_task" in error

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("priority", "10"),
            ("priority", "high"),
            ("delay", "-1"),
            ("delay", "nan"),
            ("run_at", "tomorrow"),
            ("max_attempts", "0"),
            ("timeout", "0"),
            ("retry", '{"kind": "sometimes"}'),
            ("retry", "[]"),
            ("retry", '{"base": 10, "max": 1}'),
            ("queue", "nowhere"),
            ("name", "n" * 201),
            ("name", "nul\x00"),
            ("tags", "t" * 51),
            ("tags", ",".join(f"t{n}" for n in range(21))),
            ("idempotency_key", "k" * 201),
        ],
    )
    def test_each_error_is_at_its_field(self, field: str, value: str, root: Client) -> None:
        assert set(refused(root, **{field: value})) == {field}

    def test_two_times_are_one_too_many(self, root: Client) -> None:
        errors = refused(root, delay="5", run_at="2040-01-31T08:00")
        assert errors["__all__"] == ["Give delay or run_at, not both"]

    def test_what_was_typed_is_still_there(self, root: Client) -> None:
        response = root.post(ADD, GOOD | {"priority": "10", "name": "<script>alert(1)</script>"})
        text = response.content.decode()
        assert "https://example.com" in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "<script>alert" not in text


def test_the_page_tells_of_every_type(root: Client) -> None:
    response = root.get(ADD)
    text = response.content.decode()
    assert {each["name"] for each in response.context["types"]} == {each.name for each in registry.handlers()}
    for handler in registry.handlers():
        assert f'<option value="{handler.name}">' in text
    assert 'id="type-facts"' in text

"""A request full of secrets is executed for real, and then looked at in every place that shows something of it."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.urls import reverse

from config.logs import MaskingFormatter
from tasks import dead_letters
from tasks.exceptions import InvalidSubmission
from tasks.models import DeadLetter, Task, TaskAttempt, TaskEvent, TaskLog
from tasks.publishing import execution
from tasks.services import submit_task
from tasks.states import EventKind, Kind, TaskStatus
from tests.tasks.handlers.http_server import Answer, Site
from tests.tasks.pool_process import PoolProcess, until

SECRET = "s3cret"


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    site = Site()
    yield site
    site.close()


def payload_for(site: Site, path: str) -> dict[str, Any]:
    return {
        "method": "POST",
        "url": site.url(f"{path}?token={SECRET}&page=2").replace("//", f"//ada:{SECRET}@"),
        "headers": {"X-Api-Key": SECRET, "Cookie": f"sid={SECRET}", "X-Master-Key": SECRET},
        "json": {"user": "shown", "password": SECRET},
    }


@pytest.fixture
def told(site: Site, process: PoolProcess) -> list[Task]:
    """A task that came through and one that died; both were answered with secrets of the server's own."""
    body = json.dumps({"access_token": SECRET, "next": f"https://h/?sig={SECRET}", "page": "shown"}).encode()
    headers = {"Content-Type": "application/json", "Set-Cookie": f"a={SECRET}"}
    site.answers |= {"/good": Answer(200, headers, body), "/bad": Answer(404, headers, body)}
    site.answers["/moved"] = Answer(307, {"Location": f"/bad?token={SECRET}"})
    tasks = [process.submit("http_request", payload_for(site, path)) for path in ("/good", "/moved")]
    process.take(*tasks, kind=Kind.ASYNC)
    until(lambda: TaskAttempt.objects.count() == 2)
    process.settle()
    # The server was sent the real ones.
    assert site.received[0].headers["X-Api-Key"] == SECRET
    assert json.loads(site.received[0].body)["password"] == SECRET
    return [Task.objects.get(id=each) for each in tasks]


@pytest.fixture
def root(told: list[Task]) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def older_rows(told: list[Task]) -> None:
    """Rows as they were written before secrets were masked at the writing."""
    text = f"GET https://ada:{SECRET}@h/?token={SECRET} with Authorization: Bearer {SECRET}"
    TaskAttempt.objects.update(error_message=f"{text} shown", traceback=text)
    DeadLetter.objects.update(message=text, traceback=text, body=text, x_death=[{"password": SECRET}])
    for task in told:
        TaskLog.objects.create(
            task=task, attempt=1, at=task.created_at, level="info", message=text, fields={"token": SECRET, "text": text}
        )
        TaskEvent.objects.create(task=task, attempt=1, at=task.created_at, kind=EventKind.RETURNED, reason=text)
    Task.objects.update(progress=0.5, progress_text=text)


def test_the_api_shows_no_secret(told: list[Task], older_rows: None, root: Client) -> None:
    good, bad = told
    letter = DeadLetter.objects.get()
    places = ["tasks/", f"tasks/{good.id}/", f"tasks/{bad.id}/", f"tasks/{bad.id}/attempts/", f"tasks/{good.id}/logs/"]
    places += [f"tasks/{good.id}/attempts/", "dlq/tasks/", f"dlq/tasks/{letter.id}/"]
    for place in places:
        response = root.get(f"/api/{place}")
        assert response.status_code == 200
        assert SECRET not in response.content.decode(), place
    shape = root.get(f"/api/tasks/{good.id}/").json()
    assert shape["payload"]["json"] == {"user": "shown", "password": "***"}
    assert shape["payload"]["headers"] == {"X-Api-Key": "***", "Cookie": "***", "X-Master-Key": "***"}
    assert shape["result"]["json"] == {"access_token": "***", "next": "https://h/?sig=***", "page": "shown"}


def test_the_answer_to_a_submit_shows_no_secret(root: Client, site: Site) -> None:
    body = {"type": "http_request", "payload": payload_for(site, "/x")}
    response = root.post("/api/tasks/", body, content_type="application/json")
    assert response.status_code == 201
    assert SECRET not in response.content.decode()
    assert Task.objects.get(id=response.json()["id"]).payload == body["payload"]


def test_the_admin_shows_no_secret(told: list[Task], older_rows: None, root: Client) -> None:
    pages = [reverse("admin:tasks_task_change", args=[task.id]) for task in told]
    pages += [reverse("admin:tasks_taskattempt_change", args=[each.pk]) for each in TaskAttempt.objects.all()]
    pages += [reverse("admin:tasks_deadletter_change", args=[DeadLetter.objects.get().pk])]
    lists = [reverse(f"admin:tasks_{name}_changelist") for name in ("task", "taskattempt", "deadletter")]
    for place in pages + lists:
        response = root.get(place)
        assert response.status_code == 200
        assert [line for line in response.content.decode().splitlines() if SECRET in line] == [], place
    page = root.get(pages[0]).content.decode()
    assert "shown" in page
    assert "***" in page


def test_what_is_written_of_a_failure_holds_no_secret(told: list[Task]) -> None:
    rows: list[Any] = [*TaskAttempt.objects.values("error_message", "traceback")]
    rows += [*DeadLetter.objects.values("message", "traceback", "body"), *TaskLog.objects.values("message", "fields")]
    assert [row for row in rows if row.get("message")]
    assert SECRET not in repr(rows)


def test_what_a_handler_logs_and_raises_is_written_without_secrets(
    process: PoolProcess, add_type: Callable[..., str]
) -> None:
    def careless(ctx: Any, payload: Any) -> None:
        said = f"asking https://u:{SECRET}@h/"
        ctx.log.info(said, token=SECRET, urls=[f"https://h/?sig={SECRET}"], rows=3)
        password = SECRET
        raise ValueError(f"refused: password={password} at https://u:{SECRET}@h/?key={SECRET}")

    task = process.run(add_type(careless), max_attempts=1)
    attempt, line, letter = task.attempts.get(), TaskLog.objects.get(), DeadLetter.objects.get()
    assert line.fields == {"token": "***", "urls": ["https://h/?sig=***"], "rows": 3}
    assert attempt.error_message == "refused: password=*** at https://***@h/?key=***"
    assert "Traceback" in attempt.traceback
    assert SECRET not in repr([line.message, attempt.traceback, letter.message, letter.traceback])


def test_the_broker_is_given_ids_and_no_contents(told: list[Task]) -> None:
    sent = execution("http.async", [told[0].id], priority=5, alone=False)
    assert told[0].id.hex in sent.body.decode()
    announced = dead_letters._announcement(DeadLetter.objects.get())
    assert str(told[1].id) in announced.body.decode()
    for message in (sent, announced):  # Flower shows a message's headers and arguments
        text = message.body.decode() + repr(message.headers)
        assert SECRET not in text
        assert "password" not in text
        assert "payload" not in text


@pytest.mark.parametrize(("path", "status"), [("/good", "completed"), ("/bad", "failed")])
def test_waiting_on_the_command_line_shows_no_secret(
    path: str, status: str, site: Site, told: list[Task], process: PoolProcess
) -> None:
    out, complaint = StringIO(), ""
    gone = threading.Event()

    def work() -> None:
        try:
            until(lambda: Task.objects.filter(status=TaskStatus.PENDING).exists() or gone.is_set())
            ids = list(Task.objects.filter(status=TaskStatus.PENDING).values_list("id", flat=True))
            Task.objects.filter(id__in=ids).update(status=TaskStatus.QUEUED, queue="default")
            process.take(*ids, kind=Kind.ASYNC)
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        call_command("submit", "http_request", json.dumps(payload_for(site, path)), "--wait", stdout=out)
    except CommandError as error:
        complaint = str(error)
    finally:
        gone.set()
        worker.join()
    assert complaint.startswith(f"{status}: ") or status == "completed"
    assert ("shown" in out.getvalue()) == (status == "completed")
    assert SECRET not in out.getvalue() + complaint


@pytest.mark.parametrize(
    "payload",
    [
        {"url": f"ftp://u:{SECRET}@h/"},
        {"url": f"https://u:{SECRET}@h:port/?token={SECRET}"},
        {"url": "https://h/", "headers": {f"Authorization: Bearer {SECRET}1": ""}},
        {"url": "https://h/", "headers": {f"Cookie: {SECRET}": 5}},
        {"url": "https://h/", "headers": {"X-Api-Key": f"{SECRET}\n"}},
        {"url": "https://h/", "headers": {"X-Api-Key": [SECRET]}},
        {"url": "https://h/", "expected_status": f"token={SECRET}"},
        {"url": "https://h/", f"password={SECRET}": 1},
        {"url": [f"https://u:{SECRET}@h"]},
        {"url": "https://h/", "sign": f"whsec_{SECRET}"},
    ],
)
@pytest.mark.django_db
def test_what_is_wrong_with_a_submission_is_said_without_its_secrets(payload: dict[str, Any]) -> None:
    with pytest.raises(InvalidSubmission) as caught:
        submit_task(type="http_request", payload=payload)
    assert SECRET not in repr(caught.value.errors) + str(caught.value)
    with pytest.raises(CommandError) as complaint:
        call_command("submit", "http_request", json.dumps(payload))
    assert SECRET not in str(complaint.value)
    assert caught.value.errors[0]["attr"].startswith("payload")


def test_a_line_of_the_log_is_written_without_secrets_and_so_is_its_traceback() -> None:
    try:
        raise ValueError(f"https://u:{SECRET}@h/")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 1, "asked %s", (f"h/?token={SECRET}",), (ValueError, error, error.__traceback__)
        )
    text = MaskingFormatter("%(levelname)s %(message)s").format(record)
    assert text.startswith("ERROR asked h/?token=***\nTraceback")
    assert text.endswith("ValueError: https://***@h/")


def test_every_line_of_the_process_goes_through_the_masking(settings: Any) -> None:
    formatters = {each["formatter"] for each in settings.LOGGING["handlers"].values()}
    assert {settings.LOGGING["formatters"][name]["()"] for name in formatters} == {"config.logs.MaskingFormatter"}
    for name in ("httpcore", "httpx"):  # they write other servers' headers and whole URLs
        assert not logging.getLogger(f"{name}.http11").isEnabledFor(logging.DEBUG)

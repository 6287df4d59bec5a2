"""Signed webhooks, checked by the specification's own example and by a verifier that shares no code with the signer."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from pydantic import ValidationError

from tasks.handlers.http_payload import HttpRequest
from tasks.handlers.http_signing import signed_headers
from tasks.models import Task, TaskAttempt
from tasks.services import submit_task
from tasks.states import Kind, TaskStatus
from tests.tasks.handlers.http_server import Answer, Received, Site
from tests.tasks.handlers.http_task import fail, make_context, send
from tests.tasks.pool_process import PoolProcess, until

NEW, OLD = b"n" * 24, b"o" * 64


@pytest.fixture(autouse=True)
def keys(settings: LazySettings) -> None:
    settings.WEBHOOK_SECRETS = {"billing": (NEW,), "rotated": (NEW, OLD)}


def is_signed(received: Received, secret: bytes) -> bool:
    """Verifies as a receiver does, by the text of the specification."""
    headers, body = received.headers, received.body
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        return False
    content = headers["webhook-id"].encode() + b"." + headers["webhook-timestamp"].encode() + b"." + body
    expected = hmac.new(secret, content, hashlib.sha256).digest()
    pairs = [each.split(",", 1) for each in headers["webhook-signature"].split(" ")]
    return any(version == "v1" and base64.b64decode(given) == expected for version, given in pairs)


def test_the_published_example_is_signed_as_published() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(
        [secret], message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=b'{"test": 2432232314}'
    )
    assert headers["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "body", [{"json": {"é": [1]}}, {"form": {"a": "b c"}}, {"body": "ö\x00"}, {}], ids=["json", "form", "text", "none"]
)
def test_the_body_is_signed_as_it_is_sent(body: dict[str, Any], site: Site) -> None:
    ctx = make_context()
    send(ctx, method="post", url=site.url("/hook?a=b"), sign="billing", **body)
    (received,) = site.received
    assert is_signed(received, NEW)
    assert not is_signed(received, OLD)
    assert received.headers["webhook-id"] == ctx.idempotency_key
    received.body += b" "
    assert not is_signed(received, NEW)


def test_each_secret_of_a_key_signs(site: Site) -> None:
    send(method="post", url=site.url(), sign="rotated", json={"a": 1})
    (received,) = site.received
    assert received.headers["webhook-signature"].count("v1,") == 2
    assert is_signed(received, NEW)
    assert is_signed(received, OLD)


def test_a_request_without_a_key_is_not_signed(site: Site) -> None:
    send(method="post", url=site.url(), json={"a": 1})
    assert not [name for name in site.received[0].headers if name.lower().startswith("webhook-")]


def test_a_key_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="there is no key 'orders' in WEBHOOK_SECRETS"):
        HttpRequest(url="https://h/", sign="orders")


def test_a_key_that_was_taken_away_fails_for_good(site: Site, settings: LazySettings) -> None:
    payload = HttpRequest(method="POST", url=site.url(), sign="billing").model_dump()
    settings.WEBHOOK_SECRETS = {}
    with pytest.raises(ValidationError, match="WEBHOOK_SECRETS"):
        send(**payload)
    assert site.received == []


@pytest.mark.parametrize("name", ["Webhook-Id", "webhook-timestamp", "WEBHOOK-SIGNATURE"])
def test_a_header_of_the_signature_is_not_given_besides(name: str) -> None:
    HttpRequest(url="https://h/", headers={name: "x"})
    with pytest.raises(ValidationError, match="is set by Taskyard where sign names a key"):
        HttpRequest(url="https://h/", headers={name: "x"}, sign="billing")


def test_a_redirect_keeps_the_signature_with_its_body_only(site: Site, other_site: Site) -> None:
    site.answers["/same"] = Answer(307, {"Location": "/kept"})
    site.answers["/get"] = Answer(303, {"Location": "/dropped"})
    site.answers["/away"] = Answer(307, {"Location": other_site.url("/x")})
    for path in ("/same", "/get", "/away"):
        send(method="post", url=site.url(path), sign="billing", json={"a": 1})
    signed = {each.path: "webhook-signature" in each.headers for each in site.received + other_site.received}
    assert signed == {"/same": True, "/kept": True, "/get": True, "/dropped": False, "/away": True, "/x": False}
    assert is_signed(site.received[1], NEW)


def test_the_signature_is_shown_nowhere(site: Site) -> None:
    site.answers["/x"] = Answer(500)
    failure = fail(method="post", url=site.url("/x"), sign="billing", json={"a": 1})
    shown = repr([failure, str(failure), failure.details])
    assert site.received[0].headers["webhook-signature"] not in shown


@pytest.mark.django_db
def test_the_secret_stands_in_no_row() -> None:
    task = Task.objects.get(id=submit_task(type="http_request", payload={"url": "https://h/", "sign": "billing"}).id)
    assert task.payload == {"url": "https://h/", "sign": "billing"}
    assert "nnnn" not in json.dumps(task.payload)


@pytest.fixture
def process(start_process: Callable[[], PoolProcess]) -> PoolProcess:
    return start_process()


def test_each_attempt_is_signed_anew_under_the_same_id(site: Site, process: PoolProcess) -> None:
    site.answers["/hook"] = Answer(503)
    payload = {"method": "POST", "url": site.url("/hook"), "json": {"a": 1}, "sign": "billing"}
    task_id = process.submit("http_request", payload)
    for attempt in (1, 2):
        process.take(task_id, kind=Kind.ASYNC)
        until(lambda n=attempt: TaskAttempt.objects.filter(task_id=task_id, number=n).exists())  # type: ignore[misc]
        process.settle()
        began = int(time.time())
        until(lambda since=began: int(time.time()) > since)  # type: ignore[misc]
        Task.objects.filter(id=task_id).update(status=TaskStatus.QUEUED)
    first, second = site.received
    assert is_signed(first, NEW)
    assert is_signed(second, NEW)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == str(task_id)
    assert int(first.headers["webhook-timestamp"]) < int(second.headers["webhook-timestamp"])
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]

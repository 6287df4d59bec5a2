"""Who reads a task, edits it and sends it back has masks in the place of its secrets: those stay."""

from typing import Any

import pytest

from tasks.exceptions import InvalidSubmission
from tasks.masking import masked
from tasks.models import Task
from tasks.services import clone_task, edit_task
from tests.tasks.rows import a_task

pytestmark = pytest.mark.django_db

PAYLOAD: dict[str, Any] = {
    "url": "https://ada:s3cret@h.test/?token=s3cret",
    "headers": {"Authorization": "Bearer s3cret"},
    "method": "GET",
}


def test_masks_that_were_left_keep_the_secrets() -> None:
    task = a_task(type="http_request", payload=PAYLOAD)
    edit_task(task.id, {"payload": {**masked(PAYLOAD), "method": "PUT"}})
    assert Task.objects.get(id=task.id).payload == {**PAYLOAD, "method": "PUT"}


def test_a_copy_keeps_them_too() -> None:
    task = a_task(type="http_request", payload=PAYLOAD)
    copy = clone_task(task.id, {"payload": {**masked(PAYLOAD), "method": "PUT"}})
    assert Task.objects.get(id=copy.id).payload == {**PAYLOAD, "method": "PUT"}


def test_a_mask_without_a_secret_is_refused_by_its_path() -> None:
    task = a_task(type="http_request", payload=PAYLOAD)
    with pytest.raises(InvalidSubmission, match="there is none here to keep") as caught:
        edit_task(task.id, {"payload": {**masked(PAYLOAD), "headers": {"X-Api-Key": "***"}}})
    assert [each["attr"] for each in caught.value.errors] == ["payload.headers.X-Api-Key"]
    assert Task.objects.get(id=task.id).payload == PAYLOAD

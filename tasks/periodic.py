"""The Celery task with which django-celery-beat's periodic tasks submit tasks. Beat itself writes the row."""

from datetime import UTC, datetime
from typing import Any

from celery import Task, shared_task

from tasks.services.submission import submit_given
from tasks.services.ticks import submit_tick

SUBMIT = "taskyard.submit"
OF_BEAT = "celery_beat_task"  # the header that beat adds, and "run now" in the admin does not


class _Submit(Task):
    """Does its work where it is called: a tick needs no broker, and none is lost while that is away."""

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        headers = options.get("headers") or {}
        given = dict(kwargs or {})
        if headers.get(OF_BEAT):
            submitted = submit_tick(name=headers["periodic_task_name"], given=given, at=datetime.now(UTC))
        else:
            submitted = submit_given(given)
        return self.AsyncResult(str(submitted.id)) if submitted else None


@shared_task(name=SUBMIT, base=_Submit, ignore_result=True)
def submit(**given: Any) -> None:
    """Submits a task; the keyword arguments are a submission: type, payload, queue and so on."""
    submit_given(given)

"""A task's kin: what made it, what it was made of, what was made of it, what undoes it."""

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django_celery_beat.models import PeriodicTask

from tasks.admin.attempt_admin import task_link
from tasks.models import Task, TaskEvent
from tasks.states import EventKind, TaskStatus
from tasks.wording import visible

COPIES_SHOWN = 5

_TICK = re.compile(r"periodic (\d{1,9}) (.+)")  # the key that `services.ticks` gives
_COPY = re.compile(r"as task ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")  # the event that `services.copying` writes


def kin(request: HttpRequest, task: Task, events: Iterable[TaskEvent]) -> list[tuple[str, SafeString | str]]:
    """Returns links for the page's facts. `events` come newest first."""
    facts: list[tuple[str, SafeString | str]] = _tick(request, task)
    if task.clone_of_id:
        facts.append(("Copy of", task_link(task.clone_of_id, task.clone_of_id)))
    copies = [found[1] for each in events if each.kind == EventKind.CLONED and (found := _COPY.match(each.reason))]
    if copies:
        links = format_html_join(", ", "{}", ((task_link(UUID(each), each),) for each in copies[:COPIES_SHOWN]))
        more = f" and {len(copies) - COPIES_SHOWN} more" if len(copies) > COPIES_SHOWN else ""
        facts.append(("Copied as", format_html("{}{}", links, more)))
    if task.compensates_id:
        facts.append(("Undoes", task_link(task.compensates_id, task.compensates_id)))
    if task.status == TaskStatus.COMPLETED:
        undone_by = Task.objects.filter(compensates_id=task.pk).exclude(status=TaskStatus.CANCELLED)
        found_id = undone_by.values_list("pk", flat=True).first()
        if found_id is not None:
            facts.append(("Undone by", task_link(found_id, found_id)))
    return facts


def _tick(request: HttpRequest, task: Task) -> list[tuple[str, Any]]:
    """Returns the periodic task whose slot this one was submitted for. Nobody who signs in can make such a task."""
    found = _TICK.fullmatch(task.idempotency_key or "") if task.created_by_id is None else None
    if found is None:
        return []
    name = PeriodicTask.objects.filter(pk=int(found[1])).values_list("name", flat=True).first()
    words: SafeString | str = visible(name) if name is not None else f"number {found[1]}, which is gone"
    if name is not None and request.user.has_perm("django_celery_beat.view_periodictask"):
        address = reverse("admin:django_celery_beat_periodictask_change", args=[found[1]])
        words = format_html('<a class="text-link" href="{}">{}</a>', address, words)
    return [("Periodic task", words), ("Slot", visible(found[2]))]

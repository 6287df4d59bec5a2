"""What the page of one queue shows: its figures, what a pause has brought, its types, its newest failures."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from tasks import machinery, registry, selectors
from tasks.admin.contents import error_line, shortened
from tasks.admin.queue_face import Face, tasks_address
from tasks.admin.times import age, stamp_and_age
from tasks.admin.verb_forms import LimitsForm
from tasks.models import DeadLetter

LOOKED_AT, SHOWN = 5_000, 10  # of the newest dead letters: of one queue alone there is no index


def queue_page(request: HttpRequest, queue: Any) -> dict[str, Any]:
    face: Face = queue.face
    may_change = request.user.has_perm("tasks.change_queue")
    return {
        "face": face,
        "pause": _pause(queue, face) if queue.paused else None,
        "limits_form": LimitsForm(row=queue, request=request) if may_change else None,
        "limits_address": reverse("admin:tasks_queue_limit", args=[queue.pk]),
        "types": _types(queue.name),
        "failures": _failures(queue) if request.user.has_perm("tasks.view_deadletter") else None,
        "looked_at": LOOKED_AT,
        "tasks_address": tasks_address(queue=queue.name),
        "letters_address": f"{reverse('admin:tasks_deadletter_changelist')}?queue={queue.name}",
    }


def _pause(queue: Any, face: Face) -> dict[str, Any]:
    sent, running = face.figures.sent, face.figures.running
    leads = machinery.coordinator().is_leading
    if not sent:
        dispatch = "yes: nothing of it is with the broker"
    elif leads:
        dispatch = f"nearly: {sent:,} are still with the broker, and the coordinator takes them back"
    else:
        dispatch = f"not yet: {sent:,} are still with the broker, and no coordinator leads that would take them back"
    return {
        "asked": stamp_and_age(queue.paused_at, queue.seen_at),
        "by": queue.paused_by,
        "reason": queue.pause_reason,
        "dispatch": dispatch,
        "is_dispatch": not sent,
        "claim": "yes: no worker begins anything of it, whatever it was sent",
        "running": running,
    }


def _types(name: str) -> list[dict[str, Any]]:
    known = {type_name for line in selectors.online_lines() if line.queue == name for type_name in line.types}
    return [
        {
            "name": handler.name,
            "kind": handler.kind.value,
            "timeout": handler.timeout,
            "attempts": handler.max_attempts,
            "is_known": handler.name in known,
            "address": tasks_address(queue=name, type=handler.name),
        }
        for handler in registry.handlers()
        if handler.queue == name
    ]


def _failures(queue: Any) -> list[dict[str, Any]]:
    newest = DeadLetter.objects.order_by("-created_at").values("id")[:LOOKED_AT]
    rows = DeadLetter.objects.filter(id__in=newest, queue=queue.name).order_by("-created_at")
    return [
        {
            "at": age(letter.created_at, queue.seen_at),
            "type": letter.type,
            "error": shortened(error_line(letter.error_class, letter.message), 120),
            "category": letter.get_category_display(),
            "is_open": not letter.resolution,
            "address": reverse("admin:tasks_deadletter_change", args=[letter.pk]),
        }
        for letter in rows.defer("traceback", "body", "x_death")[:SHOWN]
    ]

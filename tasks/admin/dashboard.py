"""The dashboard, which is the admin's index: whether the machinery runs, what waits and runs, what failed of late."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from tasks import database, machinery, queue_figures, task_figures
from tasks.admin.contents import error_line, shortened
from tasks.admin.queue_face import Face, number, rate, tasks_address
from tasks.admin.times import age, span
from tasks.machinery import Coordinator
from tasks.models import DeadLetter, FailureGroup
from tasks.overload import Rule
from tasks.queue_figures import Picture
from tasks.states import GroupState, TaskStatus, WorkerState
from tasks.wording import number_of

SHOWN = 8
REFRESHES = "X-Refresh"  # the header of a request that wants the middle of the page alone


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds to the index's context what the user may see. The number of statements does not grow with the rows."""
    user: Any = request.user
    now = database.now()
    picture = queue_figures.picture() if user.has_perm("tasks.view_queue") else None
    context |= {
        "title": "Dashboard",
        "frame": "admin/tasks/bare.html" if REFRESHES in request.headers else "admin/base_site.html",
        "signs": _signs(now, picture, sees_workers=user.has_perm("tasks.view_worker")),
        "tiles": _tiles(picture, user),
        "queues": _queues(picture) if picture else None,
        "letters": None,
        "groups": None,
    }
    if user.has_perm("tasks.view_deadletter"):
        context |= {"letters": _letters(now), "groups": _groups(now)}
    return context


def _signs(now: Any, picture: Picture | None, *, sees_workers: bool) -> list[dict[str, str]]:
    """Returns the signs of life: what, how it is, the colour, more about it, and where that is shown."""
    coordinator = machinery.coordinator()
    signs = [_leading(coordinator), _broker(coordinator)]
    if sees_workers:
        signs.append(_workers(now))
    if picture:
        signs.append(_load(picture))
    return signs


def _sign(what: str, words: str, colour: str, more: str, address: str = "") -> dict[str, str]:
    return {"what": what, "words": words, "colour": colour, "more": more, "address": address}


def _leading(coordinator: Coordinator) -> dict[str, str]:
    if coordinator.is_leading:
        return _sign("Coordinator", "Leads", "success", coordinator.holder.rpartition(":")[0])
    away = coordinator.seconds_away
    since = "" if away is None else f" since {span(away)}"
    return _sign("Coordinator", "None leads", "danger", f"nothing is dispatched{since}")


def _broker(coordinator: Coordinator) -> dict[str, str]:
    if coordinator.broker_answers is None:
        return _sign("Broker", "Unknown", "", "only the leading coordinator talks to it")
    if coordinator.broker_answers:
        return _sign("Broker", "Answers", "success", "embedded" if settings.EMBEDDED_BROKER else "RabbitMQ")
    return _sign("Broker", "Does not answer", "danger", coordinator.broker_error)


def _workers(now: Any) -> dict[str, str]:
    by_state = machinery.workers_by_state(now)
    alive, suspected, gone = (
        len(by_state[state]) for state in (WorkerState.ALIVE, WorkerState.SUSPECTED, WorkerState.GONE)
    )
    processes = sum(worker.processes for worker in by_state[WorkerState.ALIVE])
    said = [number_of(processes, "process", "processes")]
    said += [f"{suspected} suspected"] if suspected else []
    said += [f"{gone} gone"] if gone else []
    colour = "danger" if not alive else "warning" if suspected or gone else "success"
    words = f"{alive} alive" if alive else "None is alive"
    return _sign("Workers", words, colour, ", ".join(said), reverse("admin:tasks_worker_changelist"))


def _load(picture: Picture) -> dict[str, str]:
    rule = Rule.of_settings()
    over = [
        queue.name
        for queue, figures in zip(picture.queues, picture.figures, strict=True)
        if rule.reasons(queue, figures)
    ]
    paused = [queue.name for queue in picture.queues if queue.paused]
    address = reverse("admin:tasks_queue_changelist")
    if over or rule.reasons_in_all(picture.whole):
        return _sign("Queues", "Overloaded", "danger", ", ".join(over) or "all together", address)
    if paused:
        return _sign("Queues", f"{len(paused)} paused", "warning", ", ".join(paused), address)
    flow = f"{rate(picture.whole.in_per_second)} in, {rate(picture.whole.out_per_second)} out"
    return _sign("Queues", "Keep up", "success", flow, address)


def _tiles(picture: Picture | None, user: Any) -> list[dict[str, str]]:
    """Returns the counts: what, how many, and the list of those."""
    if picture is None or not user.has_perm("tasks.view_task"):
        return []
    whole = picture.whole
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    today = task_figures.ended_since(midnight)

    def tile(what: str, status: TaskStatus, **filters: str) -> dict[str, str]:
        if filters:
            count, is_cut = today.numbers[status], status in today.at_least
        else:
            count, is_cut = whole.counts[status], status in whole.at_least
        address = tasks_address(status=status.value, **filters)
        return {"what": what, "number": number(count, is_cut=is_cut), "address": address, "status": status.value}

    since = {"finished_after": midnight.isoformat(timespec="seconds")}
    return [
        tile("Pending", TaskStatus.PENDING),
        tile("With the broker", TaskStatus.QUEUED),
        tile("Running", TaskStatus.PROCESSING),
        tile("Scheduled", TaskStatus.SCHEDULED),
        tile("Blocked", TaskStatus.BLOCKED),
        tile("Retrying", TaskStatus.RETRYING),
        tile("Failed today", TaskStatus.FAILED, **since),
        tile("Completed today", TaskStatus.COMPLETED, **since),
    ]


def _queues(picture: Picture) -> list[Face]:
    faces = [Face(queue, figures) for queue, figures in zip(picture.queues, picture.figures, strict=True)]
    return sorted(faces, key=lambda face: face.worst)[:SHOWN]


def _letters(now: Any) -> list[dict[str, Any]]:
    newest = DeadLetter.objects.filter(resolution="").order_by("-created_at")
    return [
        {
            "address": reverse("admin:tasks_deadletter_change", args=[letter.pk]),
            "type": letter.type or "message",
            "error": shortened(error_line(letter.error_class, letter.message), 100),
            "at": age(letter.created_at, now),
        }
        for letter in newest.only("id", "type", "error_class", "message", "created_at")[:SHOWN]
    ]


def _groups(now: Any) -> list[dict[str, Any]]:
    newest = FailureGroup.objects.filter(state=GroupState.OPEN, open_count__gt=0).order_by("-last_seen")
    return [
        {
            "address": f"{reverse('admin:tasks_deadletter_changelist')}?fingerprint={group.fingerprint}",
            "count": f"{group.open_count:,}",
            "type": group.type or "message",
            "error": shortened(error_line(group.error_class, group.message), 100),
            "at": age(group.last_seen, now),
        }
        for group in newest[:SHOWN]
    ]

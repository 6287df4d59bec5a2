"""What the admin's frame shows of the installation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

# Title of the group -> title, icon, app and model of each page in it.
_PAGES = {
    "Work": [
        ("Tasks", "list_alt", "tasks", "task"),
        ("Attempts", "replay", "tasks", "taskattempt"),
        ("Dead letters", "report", "tasks", "deadletter"),
        ("Bulk actions", "checklist", "tasks", "bulkaction"),
    ],
    "Machinery": [
        ("Queues", "stacks", "tasks", "queue"),
        ("Workers", "memory", "tasks", "worker"),
        ("Periodic tasks", "schedule", "django_celery_beat", "periodictask"),
        ("Celery results", "task_alt", "django_celery_results", "taskresult"),
    ],
    "Access": [
        ("Users", "person", "auth", "user"),
        ("Groups", "group", "auth", "group"),
    ],
}


def environment_badge(request: HttpRequest) -> list[str]:
    """Returns the environment's name and the colour of its badge."""
    colour = {"production": "danger", "staging": "warning"}.get(settings.ENVIRONMENT, "info")
    return [settings.ENVIRONMENT, colour]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Returns the sidebar's groups, with the pages that the user may open."""
    groups = []
    for title, pages in _PAGES.items():
        items = [
            {"title": name, "icon": icon, "link": reverse(f"admin:{app}_{model}_changelist")}
            for name, icon, app, model in pages
            if request.user.has_perm(f"{app}.view_{model}")
        ]
        if items:
            groups.append({"title": title, "items": items})
    return groups

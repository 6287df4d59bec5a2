"""What the admin's frame shows of the installation: its environment, and the pages by what they are used for."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

# Title of the group -> title and icon of each page, and its model or the name of its address. What is not installed is
# not listed, nor what the user may not open.
_PAGES = {
    "": [
        ("Dashboard", "monitoring", "admin:index"),
    ],
    "Work": [
        ("Tasks", "list_alt", "tasks.task"),
        ("Dead letters", "report", "tasks.deadletter"),  # their groups and the rules over them are its tabs
        ("Bulk actions", "checklist", "tasks.bulkaction"),
        ("Attempts", "replay", "tasks.taskattempt"),
    ],
    "Machinery": [
        ("Queues", "stacks", "tasks.queue"),
        ("Workers", "memory", "tasks.worker"),
        ("Flower", "local_florist", "FLOWER_URL"),
        ("Periodic tasks", "schedule", "django_celery_beat.periodictask"),
        ("Celery results", "task_alt", "django_celery_results.taskresult"),
    ],
    "Access": [
        ("API docs", "api", "docs"),
        ("API keys", "key", "tasks.apikey"),
        ("Users", "person", "auth.user"),
        ("Groups", "group", "auth.group"),
        ("Audit trail", "history", "tasks.auditentry"),
    ],
}


def environment_badge(request: HttpRequest) -> list[str]:
    """Returns the environment's name and the colour of its badge."""
    colour = {"production": "danger", "staging": "warning"}.get(settings.ENVIRONMENT, "info")
    return [settings.ENVIRONMENT, colour]


def may_see_dead_letters(request: HttpRequest) -> bool:
    return request.user.has_perm("tasks.view_deadletter")


def may_see_failure_rules(request: HttpRequest) -> bool:
    return request.user.has_perm("tasks.view_failurerule")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Returns the sidebar's groups, with the pages that there are and that the user may open."""
    groups = []
    for title, pages in _PAGES.items():
        items = [
            # By the frame's own comparison, every page would be below the root of another host.
            {"title": name, "icon": icon, "link": link} | ({"active": False} if "://" in link else {})
            for name, icon, target in pages
            if (link := _address(request, target)) is not None
        ]
        if items:
            groups.append({"title": title, "items": items})
    return groups


def _address(request: HttpRequest, target: str) -> str | None:
    if target == "FLOWER_URL":
        return settings.FLOWER_URL or None
    app, _, model = target.partition(".")
    if not model:
        try:
            return reverse(target)
        except NoReverseMatch:
            return None
    try:
        page = admin.site.get_model_admin(apps.get_model(app, model))
    except (LookupError, NotRegistered):
        return None
    return reverse(f"admin:{app}_{model}_changelist") if page.has_view_or_change_permission(request) else None

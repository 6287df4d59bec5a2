"""Wires the app: checks, and the rows of the queues that its types need."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _make_queues(sender: Any, **_: Any) -> None:
    from tasks.services.queues import make_missing_queues

    make_missing_queues()


class TasksConfig(AppConfig):
    name = "tasks"

    def ready(self) -> None:
        from tasks import checks, deployment_checks  # noqa: F401  (register themselves)

        post_migrate.connect(_make_queues, sender=self)

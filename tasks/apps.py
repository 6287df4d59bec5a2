"""Wires the app: checks, the rows of the queues that its types need, and the rights of the roles."""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.db.models.signals import post_migrate


def _make_queues(sender: Any, **_: Any) -> None:
    from tasks.services.queues import make_missing_queues

    make_missing_queues()


def _grant_rights(sender: AppConfig, apps: Any = global_apps, **_: Any) -> None:
    from tasks.services.granting import grant_rights

    grant_rights(apps, sender.label)


class TasksConfig(AppConfig):
    name = "tasks"

    def ready(self) -> None:
        from tasks import checks, deployment_checks, receivers  # noqa: F401  (register themselves)

        receivers.watch()
        post_migrate.connect(_make_queues, sender=self)
        # Of whatever app: Django's own receiver, which makes its permissions, was connected before this one.
        post_migrate.connect(_grant_rights)

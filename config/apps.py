"""How Django's admin is set up here: its pages are found where they are needed, which is in the web and in checks."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class AdminConfig(SimpleAdminConfig):
    """`config.urls` finds the pages. Workers and coordinators never do: a third of their start, and 22 MiB of each."""

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_pages, checks.Tags.admin)


def check_pages(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[checks.CheckMessage]:
    admin.autodiscover()  # whether or not another check has loaded the addresses before
    return list(check_admin_app(app_configs, **options))

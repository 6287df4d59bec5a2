"""System checks of the engine, with stable ids."""

from typing import Any

from django.conf import settings
from django.core.checks import Tags, Warning, register


@register(Tags.security, deploy=True)
def check_embedded_in_production(**kwargs: Any) -> list[Warning]:
    """tasks.W001: files and SQLite are for trying and for one machine."""
    if settings.EMBEDDED_BROKER:
        return [
            Warning(
                "the embedded broker serves one machine and loses a killed worker's message for half a minute",
                hint="Set BROKER_URL to a RabbitMQ and DATABASE_URL to a PostgreSQL.",
                id="tasks.W001",
            )
        ]
    return []

"""System checks of the engine, with stable ids."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured


@register(Tags.security)
def check_allowed_private_hosts(**kwargs: Any) -> list[Error]:
    """tasks.E001: each entry of HTTP_ALLOWED_PRIVATE_HOSTS can be read."""
    from tasks.handlers.address_guard import AllowedHost  # the coordinator does without the handlers

    errors = []
    for entry in settings.HTTP_ALLOWED_PRIVATE_HOSTS:
        try:
            AllowedHost.parse(entry)
        except ImproperlyConfigured as error:
            errors.append(Error(str(error), id="tasks.E001"))
    return errors


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

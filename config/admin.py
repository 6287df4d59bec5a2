"""What the admin's frame shows of the installation."""

from django.conf import settings
from django.http import HttpRequest


def environment_badge(request: HttpRequest) -> list[str]:
    """Returns the environment's name and the colour of its badge."""
    colour = {"production": "danger", "staging": "warning"}.get(settings.ENVIRONMENT, "info")
    return [settings.ENVIRONMENT, colour]

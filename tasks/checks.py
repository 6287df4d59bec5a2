"""System checks of the settings, with stable ids. Those that matter in production only: deployment_checks.py."""

import difflib
import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured

SETTINGS = "settings"
_ALIKE = 0.87  # LEASE_SECOND is to LEASE_SECONDS as 0.96; no two settings of ours come that close to a usual variable
_SHORTEST = 6  # characters: shorter names resemble too much


@register(Tags.security)
def check_allowed_private_hosts(**kwargs: Any) -> list[Error]:
    """taskyard.E001: each entry of HTTP_ALLOWED_PRIVATE_HOSTS can be read."""
    from tasks.handlers.address_guard import AllowedHost  # the coordinator does without the handlers

    errors = []
    for entry in settings.HTTP_ALLOWED_PRIVATE_HOSTS:
        try:
            AllowedHost.parse(entry)
        except ImproperlyConfigured as error:
            errors.append(Error(str(error), id="taskyard.E001"))
    return errors


@register(SETTINGS)
def check_misspelt_variables(**kwargs: Any) -> list[Warning]:
    """taskyard.W001: a variable that resembles a setting and is none does nothing. Its value is not said."""
    return [
        Warning(
            f"the variable {name} is none of Taskyard's settings: {meant} is",
            hint=f"Rename it to {meant}, or remove it.",
            id="taskyard.W001",
        )
        for name, meant in misspelt(os.environ, settings.VARIABLES)
    ]


def misspelt(names: Iterable[str], known: frozenset[str]) -> list[tuple[str, str]]:
    """Returns the names that are no setting, each with the setting that was probably meant."""
    others = sorted(set(names) - known)
    return [(name, meant) for name in others if (meant := _meant(name, known)) is not None]


def _meant(name: str, known: frozenset[str]) -> str | None:
    plain = name.upper().replace("-", "_").removeprefix("TASKYARD_")
    if plain in known:
        return plain
    if len(plain) < _SHORTEST:
        return None
    close = difflib.get_close_matches(plain, known, n=1, cutoff=_ALIKE)
    return close[0] if close else None

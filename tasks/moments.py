"""Conditions by an exact time. SQLite compares times as texts, and holds one in several: with more or fewer zeros."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, TextField
from django.db.models import Value as Constant

from tasks import database


def at(column: str, lookup: str, moment: datetime) -> Q:
    """Returns how a column compares with the time; the lookup is exact, lt, lte, gt or gte."""
    if database.is_postgresql():
        return Q((f"{column}__{lookup}", moment))
    shortest, longest = _texts(moment)
    if lookup == "exact":
        return Q((f"{column}__gte", shortest), (f"{column}__lte", longest))
    return Q((f"{column}__{lookup}", shortest if lookup in ("lt", "gte") else longest))


def _texts(moment: datetime) -> tuple[Any, Any]:
    """Returns the first and the last in order of the texts that mean the time: with no zeros at its end, and with all.

    The engine's statements write three digits, Django six or none.
    """
    longest = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}".zfill(26)
    shortest = longest.rstrip("0").removesuffix(".") if moment.microsecond else longest.removesuffix(".000000")
    return Constant(shortest, output_field=TextField()), Constant(longest, output_field=TextField())

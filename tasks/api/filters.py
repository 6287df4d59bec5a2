"""Filters of the lists. A word that is none of the vocabulary is answered with the words that are."""

from datetime import UTC
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField
from rest_framework.exceptions import ValidationError

from tasks import selectors
from tasks.models import DeadLetter, Task
from tasks.states import FailureCategory, TaskStatus


class TimeField(IsoDateTimeField):
    def to_python(self, value: Any) -> Any:
        time = super().to_python(value)
        try:
            return time and time.astimezone(UTC)
        except OverflowError:  # a time at the edge of the calendar, which is none in UTC
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None


class TimeFilter(django_filters.IsoDateTimeFilter):
    field_class = TimeField


class StableOrdering(django_filters.OrderingFilter):
    """Tasks of one submission share their times, and pages must neither repeat nor lose one: the id decides."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().filter(qs, value)
        return rows.order_by(*rows.query.order_by, "-id") if value else rows


class TaskFilter(django_filters.FilterSet):
    status = django_filters.CharFilter(method="by_status")
    type = django_filters.CharFilter()
    queue = django_filters.CharFilter()
    worker = django_filters.CharFilter()
    tag = django_filters.CharFilter(method="by_tag")
    created_after = TimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = TimeFilter(field_name="created_at", lookup_expr="lt")
    ordering = StableOrdering(fields=["created_at", "finished_at", "priority", "run_at"])

    class Meta:
        model = Task
        fields: tuple[str, ...] = ()

    def by_status(self, rows: QuerySet[Task], name: str, value: str) -> QuerySet[Task]:
        return rows.filter(status__in=_words(name, value, TaskStatus.values))

    def by_tag(self, rows: QuerySet[Task], name: str, value: str) -> QuerySet[Task]:
        return rows.filter(selectors.has_tag(value))


class DeadLetterFilter(django_filters.FilterSet):
    type = django_filters.CharFilter()
    queue = django_filters.CharFilter()
    fingerprint = django_filters.CharFilter()
    category = django_filters.CharFilter(method="by_category")
    open = django_filters.CharFilter(method="by_open")
    created_after = TimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = TimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = DeadLetter
        fields: tuple[str, ...] = ()

    def by_category(self, rows: QuerySet[DeadLetter], name: str, value: str) -> QuerySet[DeadLetter]:
        return rows.filter(category__in=_words(name, value, FailureCategory.values))

    def by_open(self, rows: QuerySet[DeadLetter], name: str, value: str) -> QuerySet[DeadLetter]:
        wanted = set(_words(name, value, ["true", "false"]))
        if len(wanted) != 1:
            return rows
        return rows.filter(resolution="") if "true" in wanted else rows.exclude(resolution="")


def _words(name: str, value: str, known: list[Any]) -> list[str]:
    """Returns the words of a list separated by commas, in small letters."""
    words = [word.strip().lower() for word in value.split(",") if word.strip()]
    wrong = [word for word in words if word not in known]
    if wrong:
        raise ValidationError({name: [f"{wrong[0]!r} is not one of {', '.join(known)}"]})
    return words

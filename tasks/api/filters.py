"""Filters of the lists. A word that is none of the vocabulary is answered with the words that are."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError

from tasks import selectors
from tasks.models import DeadLetter, Task
from tasks.states import FailureCategory, TaskStatus


class TaskFilter(django_filters.FilterSet):
    status = django_filters.CharFilter(method="by_status")
    type = django_filters.CharFilter()
    queue = django_filters.CharFilter()
    worker = django_filters.CharFilter()
    tag = django_filters.CharFilter(method="by_tag")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    ordering = django_filters.OrderingFilter(fields=["created_at", "finished_at", "priority", "run_at"])

    class Meta:
        model = Task
        fields: tuple[str, ...] = ()

    def by_status(self, rows: QuerySet[Task], name: str, value: str) -> QuerySet[Task]:
        return rows.filter(status__in=_words(name, value, TaskStatus.values))

    def by_tag(self, rows: QuerySet[Task], name: str, value: str) -> QuerySet[Task]:
        return selectors.with_tag(rows, value)


class DeadLetterFilter(django_filters.FilterSet):
    type = django_filters.CharFilter()
    queue = django_filters.CharFilter()
    fingerprint = django_filters.CharFilter()
    category = django_filters.CharFilter(method="by_category")
    open = django_filters.BooleanFilter(method="by_open")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = DeadLetter
        fields: tuple[str, ...] = ()

    def by_category(self, rows: QuerySet[DeadLetter], name: str, value: str) -> QuerySet[DeadLetter]:
        return rows.filter(category__in=_words(name, value, FailureCategory.values))

    def by_open(self, rows: QuerySet[DeadLetter], name: str, value: bool) -> QuerySet[DeadLetter]:
        return rows.filter(resolution="") if value else rows.exclude(resolution="")


def _words(name: str, value: str, known: list[Any]) -> list[str]:
    """Returns the words of a list separated by commas, in small letters."""
    words = [word.strip().lower() for word in value.split(",") if word.strip()]
    wrong = [word for word in words if word not in known]
    if wrong:
        raise ValidationError({name: [f"{wrong[0]!r} is not one of {', '.join(known)}"]})
    return words

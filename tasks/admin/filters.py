"""Filters of the lists: fields, and links for what is chosen most. What they find, `searching` knows.

Choices come from what is installed and not from a scan of the rows.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tasks.admin.badges import OPEN
from tasks.searching import known
from tasks.states import FailureCategory, Resolution, TaskStatus

Choices = Sequence[tuple[str, str]]


class SelectionFilter(SimpleListFilter):
    """Shows a value and keeps it in the address. `selection_list` makes rows of all of them and the search at once."""

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], admin: Any) -> None:
        super().__init__(request, params, model, admin)
        # A form that is sent leads to the first page: what stands here, unfold does not send again.
        self.used_parameters.setdefault(PAGE_VAR, "")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset

    def has_output(self) -> bool:
        return True

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        return ()


class LinkFilter(SelectionFilter):
    template = "admin/tasks/filters/links.html"


class FieldFilter(SelectionFilter):
    template = "admin/tasks/filters/field.html"
    hint = ""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        name = str(self.parameter_name)
        form = forms.Form({name: self.value()})
        form.fields[name] = self.field()
        yield {"form": form}

    def field(self) -> forms.Field:
        label = str(self.title).capitalize()
        if self.lookup_choices:
            found = self.value() or ""
            choices = [("", "Any"), *self.lookup_choices]
            if found not in dict(choices):
                choices.append((found, found))  # several with commas, or a name that nothing here has
            return forms.ChoiceField(label=label, choices=choices, required=False, widget=UnfoldAdminSelectWidget)
        widget = UnfoldAdminTextInputWidget(attrs={"placeholder": self.hint, "autocomplete": "off"})
        return forms.CharField(label=label, required=False, widget=widget)


def links(name: str, lookups: Callable[[], Choices]) -> type[LinkFilter]:
    members = {"title": name, "parameter_name": name, "lookups": lambda self, request, model_admin: lookups()}
    return type(f"{name.title()}Links", (LinkFilter,), members)


def choice(name: str, lookups: Callable[[], Choices]) -> type[FieldFilter]:
    title = name.replace("_", " ")
    members = {"title": title, "parameter_name": name, "lookups": lambda self, request, model_admin: lookups()}
    return type(f"{name.title()}Choice", (FieldFilter,), members)


def text(name: str, hint: str = "") -> type[FieldFilter]:
    members = {"title": name.replace("_", " "), "parameter_name": name, "hint": hint}
    return type(f"{name.title()}Text", (FieldFilter,), members)


def _same(names: Callable[[], Sequence[str]]) -> Callable[[], Choices]:
    return lambda: [(name, name) for name in names()]


_A_TIME, _A_SPAN = "2026-07-01 or 2026-07-01T14:30", "90s, 5m, 2h"

TYPE, QUEUE = links("type", _same(known.types)), links("queue", _same(known.queues))
CATEGORY = choice("category", lambda: FailureCategory.choices)
CREATED = (text("created_after", _A_TIME), text("created_before", _A_TIME))

TASK_FILTERS = (
    links("status", lambda: TaskStatus.choices),
    TYPE,
    QUEUE,
    choice("priority", _same(known.priorities)),
    text("worker"),
    text("tag"),
    text("attempt", "0, >=2 or 1..3"),
    CATEGORY,
    *CREATED,
    text("finished_after", _A_TIME),
    text("finished_before", _A_TIME),
    text("min_duration", _A_SPAN),
    text("max_duration", _A_SPAN),
)
LETTER_FILTERS = (
    links("resolution", lambda: [(OPEN, OPEN.capitalize()), *Resolution.choices]),
    TYPE,
    QUEUE,
    CATEGORY,
    text("error_class"),
    text("fingerprint"),
    *CREATED,
)

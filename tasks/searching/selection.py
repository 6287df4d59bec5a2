"""Rows as somebody chose them, by a search and filters: for a list, an export, or a bulk action that runs tomorrow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, cast

from django.db.models import Q, QuerySet

from tasks import moments
from tasks.models import DeadLetter, Task
from tasks.searching.grammar import Term
from tasks.searching.hints import hints
from tasks.searching.looking import Look
from tasks.searching.messages import InvalidSearch
from tasks.searching.reading import Kind, conditions_of, is_deep, read_terms
from tasks.states import FINAL, TaskStatus

TASKS: Kind = "tasks"
DEAD_LETTERS: Kind = "dead_letters"

NEWEST_LOOKED_AT = 100_000
_LOOKED_INTO = {TASKS: "Payloads, errors and durations", DEAD_LETTERS: "Payloads and errors"}


@dataclass(frozen=True)
class Selection:
    """`q` is a search in the grammar of docs/search.md, `filters` are values by the names of `FILTERS`; "" is none.

    Nothing is checked before `rows`, which raises InvalidSearch.
    """

    kind: Kind
    q: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "q", self.q.strip())
        object.__setattr__(self, "filters", {name: text for name, text in self.filters.items() if text.strip()})

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "q": self.q, "filters": dict(self.filters)}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises InvalidSearch for what `as_json` does not make."""
        match value:
            case {"kind": "tasks" | "dead_letters" as kind, "q": str(q), "filters": dict(filters)}:
                if len(value) == 3 and all(isinstance(each, str) for pair in filters.items() for each in pair):
                    return cls(cast(Kind, kind), q, filters)
        detail = "a selection is an object of kind, q and filters, {name: text}"
        raise InvalidSearch([{"code": "invalid", "detail": detail, "attr": ""}])

    def rows(self, user: Any) -> QuerySet[Any]:
        """Returns what is selected, in no order. Raises InvalidSearch, also where the user may not search so.

        What lies in payloads and errors, and how long something ran, which has no index, is looked for in the newest
        NEWEST_LOOKED_AT of what the rest matches; a query of its own finds where those begin.
        """
        return self.within(DeadLetter.objects.all() if self.kind == DEAD_LETTERS else Task.objects.all(), user)

    def within(self, rows: QuerySet[Any], user: Any) -> QuerySet[Any]:
        """Returns what is selected of these rows."""
        terms = self._terms()
        conditions = conditions_of(self.kind, terms, user)
        time = _time(terms)
        rows = rows.filter(conditions.outside)
        if time == "finished_at":
            rows = rows.filter(finished_at__isnull=False)  # it says nothing more, and lets the index on it be used
        return _newest(rows, time).filter(conditions.inside) if conditions.inside else rows

    @property
    def order(self) -> tuple[str, str]:
        """The newest first: what has ended by its end, where nothing else is selected. Raises InvalidSearch."""
        return f"-{_time(self._terms())}", "-id"

    def notes_for(self, user: Any) -> list[str]:
        """Returns what the user should know of the result, in sentences. Raises InvalidSearch."""
        terms = self._terms()
        said = hints([term for _, term in terms])
        if any(term.word == "error" for _, term in terms) and not Look(user).sees_payload:
            said.append("Messages of errors were not searched: that needs the permission tasks.view_payload.")
        if any(is_deep(self.kind, term) for _, term in terms):
            said.append(
                f"{_LOOKED_INTO[self.kind]} were searched in the newest {NEWEST_LOOKED_AT:,} "
                "of what the other words match."
            )
        return said

    def in_words(self) -> str:
        """Returns what is selected as a phrase, for people who confirm it."""
        noun = "dead letters" if self.kind == DEAD_LETTERS else "tasks"
        parts = [f"{name.replace('_', ' ')} {text.strip()}" for name, text in self.filters.items()]
        parts += [f"search {self.q}"] if self.q else []
        return f"{noun} with {', '.join(parts)}" if parts else f"all {noun}"

    def _terms(self) -> list[tuple[str, Term]]:
        return read_terms(self.kind, self.q, self.filters)


def _newest(rows: QuerySet[Any], time: str) -> QuerySet[Any]:
    by_time = rows.order_by(f"-{time}", "-id").values_list(time, "id")
    last = by_time[NEWEST_LOOKED_AT - 1 : NEWEST_LOOKED_AT].first()
    if last is None:
        return rows
    # The first condition says nothing more, but is one that an index answers.
    return rows.filter(moments.at(time, "gte", last[0]), moments.at(time, "gt", last[0]) | Q(id__gte=last[1]))


def _time(terms: list[tuple[str, Term]]) -> str:
    """Returns the column that tells what is new.

    The newest completed tasks may have been submitted long before what is waiting now: by `created_at`, all of that
    would be read first. Failed and cancelled ones each have an index of their own.
    """
    wanted = [term for _, term in terms if not term.is_negated]
    if any(term.word == "finished" for term in wanted):
        return "finished_at"
    asked = [{value.text.lower() for value in term.values} for term in wanted if term.word == "status"]
    statuses = set.intersection(*asked) if asked else set()
    is_indexed = len(statuses) == 1 and TaskStatus.COMPLETED not in statuses
    return "finished_at" if statuses and statuses <= FINAL and not is_indexed else "created_at"

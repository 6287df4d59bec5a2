"""What the addresses of lists take: filters, a search and an order. Whatever else they hold is refused."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from tasks.searching import FILTERS, InvalidSearch, Kind, Selection
from tasks.searching.grammar import LONGEST
from tasks.searching.messages import did_you_mean, quoted
from tasks.states import FailureCategory, Resolution, TaskStatus

SEARCH, ORDERING = "q", "ordering"
PAGING = ("page", "limit", "cursor")
TASK_ORDERS = ("created_at", "finished_at", "priority", "run_at")

_WORDS = {
    SEARCH: "A search in the grammar of docs/search.md, such as `status:failed payload.order_id:42`",
    ORDERING: "Columns with commas, each with a `-` for the largest first: {}. What has no `finished_at` comes last; "
    "by `priority` and `run_at`, pages have the newest 100,000 of what matches, and cursors all of it",
    "tag": "One tag, whole",
    "worker": "The name of a worker, whole",
    "attempt": "The number of the newest attempt: `2`, `>=2` or `1..3`",
    "priority": "`9`, `>=7` or `0..3`, several with commas",
    "min_duration": "Seconds, or such as `5m`",
    "max_duration": "Seconds, or such as `5m`",
    "open": "`true` or `false`: whether it is not resolved yet",
    "error_class": "The class of the error, whole",
}
_CHOICES: dict[str, list[str]] = {
    "status": TaskStatus.values,
    "category": FailureCategory.values,
    "resolution": ["open", *Resolution.values],
    "open": ["true", "false"],
}
_NUMBERS = {"priority": "[0-9]", "attempt": "[0-9]{1,9}"}
_A_TIME = "A time in ISO 8601; of a day, its beginning"
_A_LIST = "One or several with commas"

# An empty value is none: forms send those.
A_TIME: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "date"},
        {"type": "string", "const": ""},
    ]
}
A_TEXT: dict[str, Any] = {
    "type": "string",
    "maxLength": LONGEST,
    "pattern": r"^[^\u0000-\u0008\u000e-\u001f\u007f]*$",
}


class SelectionFilter(BaseFilterBackend):
    """Narrows a list by the `Selection` that its address holds. The view says which kind in `selects`."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        orders = getattr(view, "orders", ())
        chosen = selection_of(view.selects, request, also=(ORDERING, *PAGING) if orders else PAGING)
        view.selection = chosen  # for what is said of it beside the rows
        order = ordering_of(request.query_params.get(ORDERING, ""), orders) or chosen.order
        return chosen.within(queryset, request.user).order_by(*order)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        orders = getattr(view, "orders", ())
        names = [SEARCH, *FILTERS[view.selects], *(["open"] if view.selects == "dead_letters" else [])]
        found = [described(name, _words_of(name), schema_of(name)) for name in names]
        if orders:
            words = _WORDS[ORDERING].format(", ".join(orders))
            found.append(described(ORDERING, words, _several(f"-?({'|'.join(orders)})")))
        return found


def selection_of(kind: Kind, request: Request, *, also: Iterable[str] = ()) -> Selection:
    """Returns what the address selects. Raises InvalidSearch for parameters that there are not, or that come twice."""
    known = [SEARCH, *FILTERS[kind], *(["open"] if kind == "dead_letters" else []), *also]
    errors = []
    for name, values in request.query_params.lists():
        if name not in known:
            detail = f"there is no parameter {quoted(name)}{did_you_mean(name, known)}"
            errors.append({"code": "unknown_parameter", "detail": detail, "attr": name})
        elif len(values) > 1:
            errors.append({"code": "given_twice", "detail": "it is given more than once", "attr": name})
    if errors:
        raise InvalidSearch(errors)
    given = request.query_params.dict()
    filters = {name: given[name] for name in FILTERS[kind] if name in given}
    if given.get("open"):
        filters.setdefault("resolution", resolutions_of(given["open"]))
    return Selection(kind, given.get(SEARCH, ""), filters)


def resolutions_of(text: str) -> str:
    """From `open` to `resolution`. Raises InvalidSearch."""
    words = {word.strip().lower() for word in text.split(",") if word.strip()}
    wrong = sorted(words - {"true", "false"})
    if wrong:
        detail = f"{quoted(wrong[0])} is not one of true, false"
        raise InvalidSearch([{"code": "unknown_value", "detail": detail, "attr": "open"}])
    chosen = (["open"] if "true" in words else []) + (Resolution.values if "false" in words else [])
    return ",".join(chosen)


def ordering_of(text: str, orders: Iterable[str]) -> tuple[str, ...]:
    """Returns the columns of an order that is the same each time; nothing where none is asked for."""
    columns = [column.strip() for column in text.split(",") if column.strip()]
    for column in columns:
        if column.removeprefix("-") not in orders:
            detail = f"{quoted(column)} is no order; there are {', '.join(orders)}, each also with a -"
            raise InvalidSearch([{"code": "unknown_value", "detail": detail, "attr": ORDERING}])
    # Tasks of one submission share their times, and pages must neither repeat nor lose one: the id decides.
    return (*dict.fromkeys(columns), "-id") if columns else ()


def _words_of(name: str) -> str:
    return _WORDS.get(name) or (_A_TIME if name.endswith(("_after", "_before")) else _A_LIST)


def schema_of(name: str) -> dict[str, Any]:
    """Returns what a value looks like; words are taken in any case, and times without their zone or their hour too."""
    if name in _CHOICES:
        return words_of(_CHOICES[name])
    if name in _NUMBERS:
        number = _NUMBERS[name]
        return _several(rf"((>=|<=|>|<)?{number}|{number}\.\.{number})")
    if name.endswith(("_after", "_before")):
        return A_TIME
    if name.endswith("_duration"):
        number = r"[0-9]{1,3}(\.[0-9]{1,6})?"
        return {"type": "string", "pattern": rf"^({number}|({number}(ms|min|[smhdw])){{1,4}})?$"}
    return A_TEXT


def words_of(known: Iterable[str]) -> dict[str, Any]:
    """Returns what one of these words looks like, or several with commas."""
    return _several(f"({'|'.join(known)})")


def _several(one: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^({one}(,{one})*)?$"}


def described(name: str, words: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Returns a parameter of an address, which may be left out."""
    return {"name": name, "in": "query", "required": False, "description": words, "schema": schema}

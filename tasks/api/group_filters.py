"""What the address of the groups' list takes: filters and an order. Whatever else it holds is refused."""

from typing import Annotated, Any

from django.db.models import QuerySet
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from tasks.api import bodies
from tasks.api.filters import described, words_of
from tasks.services.submission_form import Text, iso_time
from tasks.states import FailureCategory, GroupState

ORDERS = {"count": "open_count", "total": "total_count", "first_seen": "first_seen", "last_seen": "last_seen"}
_WORDS = {"state": GroupState.values, "category": FailureCategory.values, "open": ["true", "false"]}


Moment = Annotated[AwareDatetime, BeforeValidator(iso_time)]


class GroupQuery(BaseModel):
    """The parameters of the address, whose values are texts."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[Text, Field(description="One or several with commas")] = ""
    open: Annotated[Text, Field(description="`true`: with open dead letters; `false`: without")] = ""
    type: Text = ""
    queue: Annotated[Text, Field(description="Where some of them died")] = ""
    category: Annotated[Text, Field(description="One or several with commas")] = ""
    error_class: Annotated[Text, Field(description="The class of the error, whole")] = ""
    fingerprint: Text = ""
    seen_after: Annotated[Moment | None, Field(description="Of the newest death")] = None
    seen_before: Annotated[Moment | None, Field(description="Of the newest death")] = None
    ordering: Annotated[Text, Field(description=f"{', '.join(ORDERS)}; with a `-` the largest first")] = ""

    @field_validator("state", "category", "open")
    @classmethod
    def _are_words(cls, text: str, info: Any) -> str:
        known = _WORDS[info.field_name]
        wrong = [word for word in words(text) if word not in known]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not one of {', '.join(known)}")
        return text

    @field_validator("ordering")
    @classmethod
    def _is_an_order(cls, text: str) -> str:
        if text and text.removeprefix("-") not in ORDERS:
            raise ValueError(f"{text!r} is not one of {', '.join(ORDERS)}, each also with a -")
        return text


def _schema_of(name: str) -> dict[str, Any]:
    if name in _WORDS:
        return words_of(_WORDS[name])
    if name == "ordering":
        return {"type": "string", "pattern": f"^(-?({'|'.join(ORDERS)}))?$"}
    if name.startswith("seen_"):
        return {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "const": ""}]}
    return {"type": "string", "pattern": r"^[^\u0000]*$"}


def words(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(",") if word.strip()]


def narrowed(rows: QuerySet[Any], query: GroupQuery) -> QuerySet[Any]:
    """Returns those of the groups that are asked for, in the order that is asked for."""
    for name in ("type", "error_class", "fingerprint"):
        if value := getattr(query, name):
            rows = rows.filter(**{name: value})
    for name in ("state", "category"):
        if chosen := words(getattr(query, name)):
            rows = rows.filter(**{f"{name}__in": chosen})
    if query.queue:
        rows = rows.filter(queues__has_key=query.queue)
    if len(asked := set(words(query.open))) == 1:
        rows = rows.filter(open_count__gt=0) if "true" in asked else rows.filter(open_count__lte=0)
    if query.seen_after:
        rows = rows.filter(last_seen__gte=query.seen_after)
    if query.seen_before:
        rows = rows.filter(last_seen__lt=query.seen_before)
    if query.ordering:
        column = ORDERS[query.ordering.removeprefix("-")]
        rows = rows.order_by(f"-{column}" if query.ordering.startswith("-") else column, "fingerprint")
    return rows


class GroupFilter(BaseFilterBackend):
    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        given = {name: value for name, value in request.query_params.items() if name not in ("page", "limit")}
        query = bodies.read(GroupQuery, {name: value for name, value in given.items() if value != ""})
        return narrowed(queryset, query)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            described(name, field.description or "Whole", _schema_of(name))
            for name, field in GroupQuery.model_fields.items()
        ]

"""What the bodies of bulk actions may say; the service reads options and guard."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.api.answers import word_of
from tasks.api.bodies import LONGEST_REASON, Reasoned
from tasks.api.filters import schema_of
from tasks.canary import LARGEST_CANARY
from tasks.searching import DEAD_LETTERS, FILTERS, TASKS, Selection
from tasks.services.bulk_actions import BulkOptions
from tasks.services.submission_form import WHOLE, Text
from tasks.states import OF_DEAD_LETTERS, BulkVerb

_FILTERS: dict[str, Any] = {
    "properties": {name: schema_of(name) for names in FILTERS.values() for name in names},
    "additionalProperties": False,
}


class Selected(BaseModel):
    """What a list with this search and these filters shows."""

    model_config = ConfigDict(extra="forbid", strict=True)

    q: Annotated[Text, Field(description="A search in the grammar of the lists")] = ""
    filters: Annotated[
        dict[str, Text], Field(description="As the parameters of the lists", json_schema_extra=_FILTERS)
    ] = {}


class GuardGiven(BaseModel):
    """How it tries a few first. What is left out is as the settings have it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    canary: Annotated[int, Field(ge=1, le=LARGEST_CANARY, description="Tasks that are tried first"), WHOLE] | None = (
        None
    )
    rate: (
        Annotated[float, Field(ge=0.01, le=100_000, allow_inf_nan=False, description="Tasks a second, then")] | None
    ) = None
    failure_share: (
        Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, description="Above it, it stops by itself")] | None
    ) = None


def _dry_or_said(schema: dict[str, Any]) -> None:
    """A dry run needs no more than the verb; to start one, it is said why and how many are expected."""
    schema["anyOf"] = [
        {"properties": {"dry_run": {"const": True}}, "required": ["dry_run"]},
        {
            "properties": {
                "reason": {"minLength": 1, "pattern": r"^[^\u0000]*[^\u0000\s][^\u0000]*$"},
                "expected_count": {"type": "integer", "minimum": 1},
            },
            "required": ["reason", "expected_count"],
        },
    ]


class BulkAsked(Reasoned):
    """`verb` is done to all that is selected when the request comes; what comes to match later is not touched."""

    model_config = ConfigDict(json_schema_extra=_dry_or_said)

    verb: Annotated[Text, word_of(BulkVerb)]
    selection: Selected = Selected()
    reason: Annotated[Text, Field(max_length=LONGEST_REASON, description="Required to start one")] = ""
    options: BulkOptions = BulkOptions()
    guard: Annotated[GuardGiven | None, Field(description="A reprocess has one unless `unguarded`")] = None
    unguarded: bool = False
    expected_count: (
        Annotated[int, Field(ge=0, description="What the dry run said; required to start one"), WHOLE] | None
    ) = None
    dry_run: Annotated[bool, Field(description="Counts, and starts nothing")] = False

    def wanted_guard(self) -> dict[str, Any] | Literal[False] | None:
        """Returns what is said of it; None where nothing is."""
        if self.unguarded:
            return False
        return None if self.guard is None else self.guard.model_dump(exclude_none=True)

    def selected(self) -> Selection:
        kind = DEAD_LETTERS if self.verb in OF_DEAD_LETTERS else TASKS
        return Selection(kind, self.selection.q, self.selection.filters)

"""What the API answers of bulk actions, as types and as shapes of rows."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from tasks.api.answers import Hidden, word_of
from tasks.api.shapes import name_of
from tasks.masking import masked, masked_text
from tasks.models import BulkAction, BulkActionItem
from tasks.services.bulk_actions import Preview
from tasks.states import BulkStatus, BulkVerb, ItemState, Watched

Counts = dict[str, int]


class BulkSelectionShape(TypedDict):
    kind: str
    q: str
    filters: dict[str, str]


class BulkActionOptionsShape(TypedDict):
    priority: int | None
    patch: Annotated[dict[str, Any] | None, Hidden]
    spread: Annotated[float, Field(description="In seconds")]


class GuardShape(TypedDict):
    canary: int
    rate: Annotated[float, Field(description="Tasks a second")]
    failure_share: Annotated[float, Field(description="0 to 1")]


class BulkActionShape(TypedDict):
    """One verb, done to everything that was selected when it was started."""

    id: uuid.UUID
    verb: Annotated[str, word_of(BulkVerb)]
    selection: BulkSelectionShape
    selection_in_words: str
    options: BulkActionOptionsShape
    guard: GuardShape | None
    reason: str
    status: Annotated[str, word_of(BulkStatus)]
    note: Annotated[str | None, Field(description="Why it is in that status, or what it waits for")]
    total: int
    counts: Annotated[Counts, Field(description="Items by state")]
    breakdown: Annotated[Counts, Field(description="Items by the status that they had at the start")]
    skip_reasons: Counts
    ended: Annotated[Counts, Field(description="How those ended that a guarded one has brought back")]
    created_by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class BulkItemShape(TypedDict):
    """What a bulk action has done to one task or dead letter."""

    position: int
    target: Annotated[uuid.UUID, Field(description="The task or the dead letter")]
    task: uuid.UUID | None
    state: Annotated[str, word_of(ItemState)]
    reason: Annotated[str | None, Field(description="Why it was skipped or failed")]
    outcome: Annotated[
        Annotated[str, word_of(Watched)] | None, Field(description="How its task ended then, if guarded")
    ]
    at: datetime | None


class BulkPreviewShape(TypedDict):
    """What a bulk action would touch; `count` is to be confirmed as `expected_count`."""

    count: int
    touchable: Annotated[int, Field(description="How many are in a state that allows the verb by now")]
    breakdown: Annotated[Counts, Field(description="By status, or by resolution")]
    classes: Annotated[Counts, Field(description="By type, or by category of failure")]
    selection_in_words: str
    notes: list[str]


def action_shape(action: BulkAction, *, with_payload: bool) -> BulkActionShape:
    options, patch = action.options, action.options.get("patch")
    return {
        "id": action.id,
        "verb": action.verb,
        "selection": action.selection,
        "selection_in_words": masked_text(action.words),
        "options": {
            "priority": options.get("priority"),
            "patch": masked(patch) if patch and with_payload else None,
            "spread": options.get("spread", 0.0),
        },
        "guard": action.guard,
        "reason": masked_text(action.reason),
        "status": action.status,
        "note": masked_text(action.note) or None,
        "total": action.total,
        "counts": {
            ItemState.WAITING: action.left,
            ItemState.DONE: action.done,
            ItemState.SKIPPED: action.skipped,
            ItemState.FAILED: action.failed,
        },
        "breakdown": action.breakdown,
        "skip_reasons": action.skip_reasons,
        "ended": action.ended,
        "created_by": name_of(action.actor),
        "created_at": action.created_at,
        "started_at": action.started_at,
        "finished_at": action.finished_at,
    }


def item_shape(item: BulkActionItem) -> BulkItemShape:
    return {
        "position": item.position,
        "target": item.target,
        "task": item.task_id,
        "state": item.state,
        "reason": masked_text(item.reason) or None,
        "outcome": item.outcome or None,
        "at": item.at,
    }


def preview_shape(preview: Preview, words: str) -> BulkPreviewShape:
    return {
        "count": preview.count,
        "touchable": preview.touchable,
        "breakdown": preview.breakdown,
        "classes": preview.classes,
        "selection_in_words": masked_text(words),
        "notes": preview.notes,
    }

"""What a bulk action would touch: how many in which state, and what a merge patch makes of some of their payloads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet

from tasks.exceptions import InvalidSubmission
from tasks.masking import masked, masked_text
from tasks.models import Task
from tasks.searching import Selection
from tasks.services.bulk_actions.verbs import VIEW_PAYLOAD, check_may_use, touchable
from tasks.services.patching import merged, patch_errors
from tasks.states import OF_DEAD_LETTERS, BulkVerb

SAMPLES = 3
CHECKED = 20  # payloads that a patch is tried on before anything starts
TRIED = 200  # payloads that a preview tries a patch on
ERRORS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """`touchable` of the `count` are in a state that allows the verb by now; the others would be skipped."""

    count: int
    touchable: int
    breakdown: dict[str, int]  # by status, or by resolution
    classes: dict[str, int] = field(default_factory=dict)  # by type, or by category of failure
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sample:
    """One payload before and after a patch, with secrets masked; `error` says what the patch makes wrong."""

    task: Any
    before: Any
    after: Any
    error: str


@dataclass(frozen=True, slots=True)
class PatchPreview:
    """What a patch makes of the `tried` payloads, at most TRIED and of each type some; `invalid` of them it breaks."""

    tried: int = 0
    invalid: int = 0
    errors: list[tuple[Any, str]] = field(default_factory=list)  # of the first tasks, with what is wrong
    samples: list[Sample] = field(default_factory=list)  # invalid ones first


def check_kind(verb: BulkVerb, selection: Selection) -> None:
    """Raises InvalidSubmission where the selection is of something else than the verb is for."""
    kind = "dead_letters" if verb in OF_DEAD_LETTERS else "tasks"
    if str(selection.kind) != kind:
        detail = f"{verb} is for {kind.replace('_', ' ')}"
        raise InvalidSubmission([{"code": "wrong_kind", "detail": detail, "attr": "selection.kind"}])


def preview_bulk_action(*, verb: BulkVerb, selection: Selection, actor: Any) -> Preview:
    """Counts what the verb would touch now. Raises InvalidSearch, InvalidSubmission, PermissionDenied."""
    check_kind(verb, selection)
    check_may_use(actor, verb)
    rows = selection.rows(actor).order_by()
    by = "resolution" if verb in OF_DEAD_LETTERS else "status"
    class_of = "category" if verb in OF_DEAD_LETTERS else "type"
    check_size(rows)
    breakdown: dict[str, int] = {}
    classes: dict[str, int] = {}
    touched = 0
    counts = {"number": Count("pk"), "touched": Count("pk", filter=touchable(verb))}  # in one look: there may be many
    for state, kind, number, of_them in rows.values_list(by, class_of).annotate(**counts):
        touched += of_them
        breakdown[state or "open"] = breakdown.get(state or "open", 0) + number
        classes[kind] = classes.get(kind, 0) + number
    return Preview(
        count=sum(breakdown.values()),
        touchable=touched,
        breakdown=_largest_first(breakdown),
        classes=_largest_first(classes),
        notes=selection.notes_for(actor),
    )


def check_size(rows: "QuerySet[Any]") -> None:
    """Raises InvalidSubmission where it is more than one action takes. It counts no further than that."""
    limit = settings.BULK_ACTION_LIMIT
    if rows.values("pk")[: limit + 1].count() > limit:
        detail = f"more than {limit:,} match, which is the most at once (BULK_ACTION_LIMIT): narrow the search"
        raise InvalidSubmission([{"code": "too_many", "detail": detail, "attr": "selection"}])


def preview_patch(*, verb: BulkVerb, selection: Selection, patch: Mapping[str, Any], actor: Any) -> PatchPreview:
    """Tries the patch on some payloads, and changes nothing. It tries none without the right to see payloads."""
    if actor is not None and not actor.has_perm(VIEW_PAYLOAD):
        return PatchPreview()
    ids = _some_tasks(verb, selection, actor, TRIED)
    wrong = {task_id: masked_text(said) for task_id, said in patch_errors(ids, patch).items()}
    ids.sort(key=lambda task_id: (task_id not in wrong, task_id))
    payloads = dict(Task.objects.filter(pk__in=ids[:SAMPLES]).values_list("id", "payload"))
    samples = [
        Sample(each, masked(payloads[each]), masked(merged(payloads[each], patch)), wrong.get(each, ""))
        for each in ids[:SAMPLES]
        if each in payloads
    ]
    return PatchPreview(len(ids), len(wrong), sorted(wrong.items())[:ERRORS_SHOWN], samples)


def check_patch(verb: BulkVerb, selection: Selection, patch: Mapping[str, Any], actor: Any) -> None:
    """Raises InvalidSubmission where the patch makes every payload wrong that it is tried on: it is the patch then."""
    ids = _some_tasks(verb, selection, actor, CHECKED)
    wrong = patch_errors(ids, patch)
    if ids and len(wrong) == len(ids):
        detail = f"no payload is valid with it: {next(iter(wrong.values()))}"
        raise InvalidSubmission([{"code": "invalid_patch", "detail": detail, "attr": "options.patch"}])


def _some_tasks(verb: BulkVerb, selection: Selection, actor: Any, most: int) -> list[Any]:
    """Returns ids of tasks that would be touched, the first of each type first: what suits one may not suit another."""
    rows = selection.rows(actor).filter(touchable(verb)).order_by()
    column = "task_id" if verb in OF_DEAD_LETTERS else "pk"
    types = list(rows.values_list("type", flat=True).distinct()[:most])
    ids: list[Any] = []
    for type_name in types:
        ids += rows.filter(type=type_name).order_by("pk").values_list(column, flat=True)[: most // len(types)]
    rest = most - len(ids)
    if len(types) > 1 and rest > 0:
        others = rows.exclude(**{f"{column}__in": ids})
        ids += others.order_by("pk").values_list(column, flat=True)[:rest]
    return ids


def _largest_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))

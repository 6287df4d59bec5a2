"""What a bulk action would touch: how many in which state, and what a merge patch makes of some of their payloads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet

from tasks.exceptions import InvalidSubmission
from tasks.masking import masked
from tasks.models import Task
from tasks.searching import Selection
from tasks.services.bulk_actions.verbs import VIEW_PAYLOAD, check_may_use, touchable
from tasks.services.patching import merged, patch_errors
from tasks.states import OF_DEAD_LETTERS, BulkVerb

SAMPLES = 3
CHECKED = 20  # payloads that a patch is tried on before anything starts


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


def preview_patch(*, verb: BulkVerb, selection: Selection, patch: Mapping[str, Any], actor: Any) -> list[Sample]:
    """Shows what the patch makes of some payloads, those first that it makes wrong. None without the right to see."""
    if actor is not None and not actor.has_perm(VIEW_PAYLOAD):
        return []
    tasks = _tasks_of(verb, selection, actor)
    wrong = patch_errors([task.id for task in tasks], patch)
    tasks.sort(key=lambda task: task.id not in wrong)
    return [
        Sample(task.id, masked(task.payload), masked(merged(task.payload, patch)), wrong.get(task.id, ""))
        for task in tasks[:SAMPLES]
    ]


def check_patch(verb: BulkVerb, selection: Selection, patch: Mapping[str, Any], actor: Any) -> None:
    """Raises InvalidSubmission where the patch makes every payload wrong that it is tried on: it is the patch then."""
    tasks = _tasks_of(verb, selection, actor)
    wrong = patch_errors([task.id for task in tasks], patch)
    if tasks and len(wrong) == len(tasks):
        detail = f"no payload is valid with it: {next(iter(wrong.values()))}"
        raise InvalidSubmission([{"code": "invalid_patch", "detail": detail, "attr": "options.patch"}])


def _tasks_of(verb: BulkVerb, selection: Selection, actor: Any) -> list[Task]:
    """Returns up to CHECKED of the tasks that would be touched, of each type some: what suits one may not another."""
    rows = selection.rows(actor).filter(touchable(verb)).order_by()
    column = "task_id" if verb in OF_DEAD_LETTERS else "pk"
    types = list(rows.values_list("type", flat=True).distinct()[:CHECKED])
    ids: list[Any] = []
    for type_name in types:
        ids += rows.filter(type=type_name).order_by("pk").values_list(column, flat=True)[: CHECKED // len(types)]
    return list(Task.objects.filter(pk__in=ids).only("id", "type", "payload").order_by("pk"))


def _largest_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))

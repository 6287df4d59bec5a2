"""Verbs on all dead letters that match, once the caller has confirmed how many: at once, or as a bulk action."""

import uuid
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from rest_framework import status
from rest_framework.response import Response

from tasks import services
from tasks.api import bodies, shapes
from tasks.api.bulk_answers import action_shape
from tasks.api.errors import Conflict
from tasks.api.permissions import check_may_change_payload, may_see_payload
from tasks.models import DeadLetter, Task
from tasks.searching import DEAD_LETTERS, Selection
from tasks.services import Report
from tasks.states import BulkVerb

SKIPPED_SHOWN = 1_000
AT_ONCE = 5_000

Ids = list[uuid.UUID] | None


def options_of(body: bodies.Retried, user: Any, task: Task | None = None) -> dict[str, Any]:
    """Returns what the service is told of a reprocess. Raises PermissionDenied or InvalidSubmission for its patch."""
    patch = body.payload
    if patch is not None:
        check_may_change_payload(user)
        patch = services.with_secrets(patch, task.payload if task else {})
    return {"actor": user, "reason": body.reason, "spread": body.spread, "patch": patch}


def reprocess_confirmed(filters: dict[str, str], ids: Ids, confirm_count: int, options: dict[str, Any]) -> Response:
    user = options["actor"]
    found = _confirmed(filters, ids, confirm_count, user)
    if len(found) > settings.BULK_LIMIT:
        how = {"patch": options["patch"], "spread": options["spread"]}
        how = {name: value for name, value in how.items() if value}
        # Spread is what the caller wants instead of the guard's rate.
        guard = False if options["spread"] else None
        return _started(BulkVerb.REPROCESS, filters, len(found), user, options["reason"], how, guard)
    whole = Report()
    for letters in _parts(found):
        report = services.reprocess_dead_letters(letters, **options)
        whole.done += report.done
        whole.skipped |= report.skipped
    return _answer(whole)


def discard_confirmed(filters: dict[str, str], ids: Ids, confirm_count: int, user: Any, reason: str) -> Response:
    reason = services.required_reason(reason)  # before the count: nothing may be found, and it is needed all the same
    found = _confirmed(filters, ids, confirm_count, user)
    if len(found) > settings.BULK_LIMIT:
        return _started(BulkVerb.DISCARD, filters, len(found), user, reason, {}, None)
    whole = Report()
    for letters in _parts(found):
        report = services.discard_dead_letters(letters, actor=user, reason=reason)
        whole.done += report.done
        whole.skipped |= report.skipped
    return _answer(whole)


def matching(filters: dict[str, str], ids: Ids, user: Any) -> QuerySet[DeadLetter]:
    """Returns the open dead letters that the filters match, among those ids where there are some."""
    rows = DeadLetter.objects.filter(resolution="")
    rows = rows if ids is None else rows.filter(id__in=ids)
    found: QuerySet[DeadLetter] = _selection(filters).within(rows, user)
    return found


def _selection(filters: dict[str, str]) -> Selection:
    by_name = {name: value for name, value in filters.items() if name != "q"}
    return Selection(DEAD_LETTERS, filters.get("q", ""), by_name | {"resolution": "open"})


def _confirmed(filters: dict[str, str], ids: Ids, confirm_count: int, user: Any) -> list[uuid.UUID]:
    """Returns the open dead letters that match, by id: nothing dies into them. Raises Conflict for another number."""
    found = list(matching(filters, ids, user).order_by("created_at", "id").values_list("id", flat=True))
    if len(found) != confirm_count:
        detail = f"confirm_count: the filter matches {len(found):,} open dead letters, not {confirm_count:,}"
        raise Conflict(detail, "count_differs", {"count": len(found)})
    return found


def _parts(found: list[uuid.UUID]) -> list[QuerySet[DeadLetter]]:
    parts = (found[start : start + AT_ONCE] for start in range(0, len(found), AT_ONCE))
    return [DeadLetter.objects.filter(id__in=part) for part in parts]


def _started(
    verb: BulkVerb, filters: dict[str, str], count: int, user: Any, reason: str, options: dict[str, Any], guard: Any
) -> Response:
    """Leaves it to the coordinator: it is more than a request should wait for."""
    action = services.start_bulk_action(
        verb=verb,
        selection=_selection(filters),
        actor=user,
        reason=reason,
        options=options,
        expected_count=count,
        guard=guard,
    )
    shape = action_shape(action, with_payload=may_see_payload(user))
    return Response(shape, status=status.HTTP_202_ACCEPTED)


def _answer(report: Report) -> Response:
    skipped = shapes.skipped_shape(report, SKIPPED_SHOWN)
    return Response({"count": len(report.done), "skipped_count": len(report.skipped), "skipped": skipped})

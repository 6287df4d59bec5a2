"""Starts a bulk action: checks it, freezes what it will touch, and leaves the doing to the coordinator."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from django.conf import settings
from django.db import IntegrityError

from tasks import auditing, database, transitions
from tasks.canary import Guard, canary_first
from tasks.exceptions import BulkActionUnderWay, IdempotencyConflict, InvalidSubmission, SetChanged
from tasks.models import BulkAction
from tasks.searching import Selection
from tasks.services.bulk_actions.options import default_guard, read_guard, read_options
from tasks.services.bulk_actions.previewing import check_kind, check_patch, check_size
from tasks.services.bulk_actions.verbs import check_may_patch, check_may_use
from tasks.states import BULK_OPEN, OF_DEAD_LETTERS, BulkVerb
from tasks.storable import storable_text
from tasks.transitions import NewItem

LONGEST_REASON = 1_000
LONGEST_TOKEN = 200


def start_bulk_action(
    *,
    verb: BulkVerb | str,
    selection: Selection,
    actor: Any,
    reason: str,
    options: Mapping[str, Any],
    expected_count: int | None,
    guard: Guard | Mapping[str, Any] | Literal[False] | None = None,
    token: str | None = None,
) -> BulkAction:
    """Starts the verb on what the selection matches now; what comes to match it later is not touched.

    `expected_count` is what the confirmation showed; None takes whatever there is. `guard` is that of the settings
    where nothing is said of it and the verb is reprocess; False is none. The same actor's same `token` starts one
    action, which then is returned with `is_new` False.

    Raises InvalidSubmission, InvalidSearch, PermissionDenied, SetChanged where the number has changed by more than
    BULK_ACTION_TOLERANCE, BulkActionUnderWay, or IdempotencyConflict; then nothing has been started.
    """
    verb = read_verb(verb)
    check_kind(verb, selection)
    check_may_use(actor, verb)
    _check_words(reason)
    check_token(token)
    read = read_options(verb, options)
    if guard is None and verb == BulkVerb.REPROCESS:
        guard = default_guard()
    watched = None if guard is False else read_guard(verb, guard)
    if watched is not None and read.spread:
        detail = "a guarded action has a rate instead"
        raise InvalidSubmission([{"code": "unexpected", "detail": detail, "attr": "options.spread"}])
    if read.patch:
        check_may_patch(actor)
    action = BulkAction(
        verb=verb,
        selection=selection.as_json(),
        words=selection.in_words(),
        selection_hash=_hash(selection.as_json()),
        options=read.model_dump(mode="json", exclude_defaults=True),
        guard=watched and watched.model_dump(mode="json"),
        reason=reason.strip(),
        actor=actor,
        door=auditing.door(),
        token=token,
        expected=expected_count,
        created_at=database.now(),
    )
    if (same := _of_token(action)) is not None:
        return same
    if read.patch:
        check_patch(verb, selection, read.patch, actor)
    try:
        with database.one_transaction():
            _freeze(action, selection, actor, watched)
    except IntegrityError:
        if (same := _of_token(action)) is not None:  # sent twice in the same moment
            return same
        raise _under_way(action) from None
    action.is_new = True
    return action


def _freeze(action: BulkAction, selection: Selection, actor: Any, guard: Guard | None) -> None:
    rows = selection.rows(actor).order_by()
    check_size(rows)
    of_letters = action.verb in OF_DEAD_LETTERS
    columns = ("pk", "task_id", "fingerprint", "resolution") if of_letters else ("pk", "pk", "type", "status")
    found = list(rows.order_by("pk").values_list(*columns))
    _check_count(action.expected, len(found))
    items = [NewItem(target, task_id) for target, task_id, _, _ in found]
    if guard is not None:
        items = canary_first(items, [each[2] for each in found], guard.canary)
    action.total = len(items)
    for _, _, _, state in found:
        action.breakdown[state or "open"] = action.breakdown.get(state or "open", 0) + 1
    transitions.insert_bulk_action(action, items)
    auditing.record(
        verb=action.verb,
        kind="bulk action",
        target=str(action.id),
        count=action.total,
        actor=actor,
        reason=action.reason,
        after={"selection": action.words, "guard": action.guard, **_shown(action.options)},
    )


def _shown(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options as the audit trail has them: a patch is for those who may see payloads."""
    return {"payload" if name == "patch" else name: value for name, value in options.items()}


def _check_count(expected: int | None, found: int) -> None:
    if found == 0 and expected:
        raise SetChanged(expected, found)
    if found == 0:
        detail = "nothing matches by now: there is nothing to do"
        raise InvalidSubmission([{"code": "empty", "detail": detail, "attr": "selection"}])
    if expected is not None and abs(found - expected) > expected * settings.BULK_ACTION_TOLERANCE // 100:
        raise SetChanged(expected, found)


def read_verb(word: str) -> BulkVerb:
    """Raises InvalidSubmission for what is none."""
    try:
        return BulkVerb(word)
    except ValueError:
        detail = f"{word!r} is not one of {', '.join(BulkVerb.values)}"
        raise InvalidSubmission([{"code": "unknown_verb", "detail": detail, "attr": "verb"}]) from None


def _check_words(reason: str) -> None:
    errors = []
    if not reason.strip():
        errors.append({"code": "required", "detail": "say why: it is kept with what was done", "attr": "reason"})
    if len(reason) > LONGEST_REASON or storable_text(reason, LONGEST_REASON) != reason:
        detail = f"give up to {LONGEST_REASON:,} characters, without NUL characters and lone surrogates"
        errors.append({"code": "invalid", "detail": detail, "attr": "reason"})
    if errors:
        raise InvalidSubmission(errors)


def check_token(token: str | None) -> None:
    """Raises InvalidSubmission for what is none."""
    if token is not None and (not token or len(token) > LONGEST_TOKEN or storable_text(token, LONGEST_TOKEN) != token):
        detail = f"give from 1 to {LONGEST_TOKEN} characters"
        raise InvalidSubmission([{"code": "invalid", "detail": detail, "attr": "idempotency_key"}])


def _hash(selection: Any) -> str:
    return hashlib.sha256(json.dumps(selection, sort_keys=True).encode()).hexdigest()


def _of_token(action: BulkAction) -> BulkAction | None:
    """Returns the action that this token has started. Raises IdempotencyConflict where that was another one."""
    if action.token is None:
        return None
    same = BulkAction.objects.filter(actor=action.actor, token=action.token).first()
    if same is not None and _body(same) != _body(action):
        raise IdempotencyConflict(action.token, "idempotency_key")
    return same


def _body(action: BulkAction) -> tuple[Any, ...]:
    return action.verb, action.selection_hash, action.options, action.guard, action.reason, action.expected


def _under_way(action: BulkAction) -> BulkActionUnderWay | IntegrityError:
    rows = BulkAction.objects.filter(verb=action.verb, selection_hash=action.selection_hash, status__in=BULK_OPEN)
    other = rows.select_related("actor").first()
    if other is None:
        return BulkActionUnderWay(action.id, "somebody else, and has ended in this moment")
    return BulkActionUnderWay(other.id, str(other.actor or "the system"))

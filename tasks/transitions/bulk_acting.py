"""The moves of a bulk action and of its items. What is done to the tasks themselves is the other modules' business."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks import database
from tasks.models import BulkAction, BulkActionItem
from tasks.states import BULK_ACTIVE, BULK_FINAL, BULK_MOVES, FINAL, BulkMove, BulkStatus, ItemState, Watched
from tasks.transitions.waiting import LEADS

ITEMS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class NewItem:
    target: uuid.UUID
    task_id: uuid.UUID | None


def insert_bulk_action(action: BulkAction, items: Sequence[NewItem]) -> None:
    """Stores a waiting action with its items in this order: from then on nothing else is touched by it."""
    action.status = BulkStatus.WAITING
    with database.one_transaction():
        action.save(force_insert=True)
        for start in range(0, len(items), ITEMS_AT_ONCE):
            part = items[start : start + ITEMS_AT_ONCE]
            rows = [
                {"position": start + place, "target": each.target, "task_id": each.task_id}
                for place, each in enumerate(part)
            ]
            database.run(
                f"""WITH {database.given(position="integer", target="uuid", task_id="uuid")}
                INSERT INTO tasks_bulkactionitem (action_id, position, target, task_id, state, reason, outcome)
                SELECT {"%s::uuid" if database.is_postgresql() else "%s"}, v_position, v_target, v_task_id, %s, '', ''
                FROM v""",
                [database.as_rows(rows), _id(action.id), ItemState.WAITING],
            )


def move_bulk_action(action_id: uuid.UUID, move: BulkMove, *, note: str = "") -> bool:
    """Moves one action where its status allows that. False, and nothing has changed, where it does not."""
    sources, target = BULK_MOVES[move]
    now = database.now()
    times: dict[str, Any] = {"finished_at": now} if target in BULK_FINAL else {}
    if move == BulkMove.RESUME:
        times["next_at"] = now  # the time that it was paused for is not made up
    rows = BulkAction.objects.filter(id=action_id, status__in=sources)
    return bool(rows.update(status=target, note=note, **times))


def hold_bulk_action(action_id: uuid.UUID, *, role: str, term: int) -> BulkAction | None:
    """Locks an action that is to be worked on until the transaction's end, and starts it. None where it is not."""
    sources = ", ".join(f"'{status}'" for status in sorted(BULK_ACTIVE))
    held = database.run(
        f"""SELECT id FROM tasks_bulkaction WHERE id = %s AND status IN ({sources}) AND {LEADS} {database.lock()}""",
        [_id(action_id), role, term],
    )
    if not held:
        return None
    sources_of_start, running = BULK_MOVES[BulkMove.START]
    starting = BulkAction.objects.filter(id=action_id, status__in=sources_of_start)
    starting.filter(started_at__isnull=True).update(started_at=database.now())
    starting.update(status=running, note="")
    return BulkAction.objects.get(id=action_id)


def write_items(items: Mapping[int, tuple[ItemState, str]], *, awaited: Collection[int] = ()) -> None:
    """Writes what became of items, by their ids, with the reason; `awaited` ones are watched until they end.

    Belongs into the transaction in which it happened to them.
    """
    rows = [
        {
            "id": item_id,
            "state": state.value,
            "reason": reason,
            "outcome": Watched.AWAITED.value if item_id in awaited else "",
        }
        for item_id, (state, reason) in items.items()
    ]
    database.run(
        f"""WITH {database.given(id="bigint", state="text", reason="text", outcome="text")}
        UPDATE tasks_bulkactionitem SET state = v_state, reason = v_reason, outcome = v_outcome,
            at = {database.clock()}
        FROM v WHERE id = v_id AND {database.is_in("v_id", "v")}""",
        [database.as_rows(rows)],
    )


def note_ended(action_id: uuid.UUID) -> list[str]:
    """Writes how those of the awaited tasks ended that have by now. Returns how, the first one to end first."""
    final = ", ".join(f"'{status}'" for status in sorted(FINAL))
    ended = database.run(
        f"""SELECT i.id, coalesce(t.status, %s) FROM tasks_bulkactionitem i
        LEFT JOIN tasks_task t ON t.id = i.task_id
        WHERE i.action_id = %s AND i.outcome = '{Watched.AWAITED.value}' AND (t.id IS NULL OR t.status IN ({final}))
        ORDER BY t.finished_at, i.position""",
        [Watched.GONE, _id(action_id)],
    )
    if ended:
        rows = [{"id": item_id, "outcome": outcome} for item_id, outcome in ended]
        database.run(
            f"""WITH {database.given(id="bigint", outcome="text")}
            UPDATE tasks_bulkactionitem SET outcome = v_outcome
            FROM v WHERE id = v_id AND {database.is_in("v_id", "v")}""",
            [database.as_rows(rows)],
        )
    return [outcome for _, outcome in ended]


def forget_bulk_actions(older_than: float) -> int:
    """Removes actions that ended so many seconds ago, with their items. Returns how many."""
    rows = database.run(
        f"SELECT id FROM tasks_bulkaction WHERE finished_at < {database.clock_plus('-%s')} ORDER BY id LIMIT 20",
        [older_than],
    )
    ids = database.ids_of(rows)
    BulkActionItem.objects.filter(action_id__in=ids).delete()
    BulkAction.objects.filter(id__in=ids).delete()
    return len(ids)


def _id(value: uuid.UUID) -> Any:
    return value if database.is_postgresql() else value.hex

"""The only writer of a task's status: one guarded, set-wise statement a move, which returns what it moved.

In statements that are driven by ids the guard is written `coalesce(status, '')`: the plain form implies the predicate
of a partial index, and the planner then reads all of that index instead of the primary key.
"""

from tasks.transitions.bulk_acting import (
    NewItem,
    forget_bulk_actions,
    hold_bulk_action,
    insert_bulk_action,
    move_bulk_action,
    note_ended,
    write_items,
)
from tasks.transitions.cancelling import Cancelled, cancel
from tasks.transitions.claiming import Claimed, cancel_requests, claim, renew
from tasks.transitions.depending import add_edges, lock_parents
from tasks.transitions.editing import Edited, edit, hurry
from tasks.transitions.events import write_events
from tasks.transitions.finishing import Ending, finish
from tasks.transitions.grouping import note_closed, note_deaths, recount_groups
from tasks.transitions.parking import abandon_parked, park_unknown, unpark_known
from tasks.transitions.reaping import lose_expired
from tasks.transitions.reviving import revive
from tasks.transitions.settling import repair_blocked, settle_rest
from tasks.transitions.submitting import NewTask, Stored, copy_in, insert
from tasks.transitions.waiting import enqueue, promote_due, return_of_queue, return_paused, return_queued

__all__ = [
    "Cancelled",
    "Claimed",
    "Edited",
    "Ending",
    "NewItem",
    "NewTask",
    "Stored",
    "abandon_parked",
    "add_edges",
    "cancel",
    "cancel_requests",
    "claim",
    "copy_in",
    "edit",
    "enqueue",
    "finish",
    "forget_bulk_actions",
    "hold_bulk_action",
    "hurry",
    "insert",
    "insert_bulk_action",
    "lock_parents",
    "lose_expired",
    "move_bulk_action",
    "note_closed",
    "note_deaths",
    "note_ended",
    "park_unknown",
    "promote_due",
    "recount_groups",
    "renew",
    "repair_blocked",
    "return_of_queue",
    "return_paused",
    "return_queued",
    "revive",
    "settle_rest",
    "unpark_known",
    "write_events",
    "write_items",
]

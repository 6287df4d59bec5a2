"""The only writer of a task's status: one guarded, set-wise statement a move, which returns what it moved.

In statements that are driven by ids the guard is written `coalesce(status, '')`: the plain form implies the predicate
of a partial index, and the planner then reads all of that index instead of the primary key.
"""

from tasks.transitions.cancelling import cancel
from tasks.transitions.claiming import Claimed, claim, renew
from tasks.transitions.finishing import Ending, finish
from tasks.transitions.reaping import lose_expired
from tasks.transitions.reviving import revive
from tasks.transitions.submitting import NewTask, copy_in, insert
from tasks.transitions.waiting import enqueue, promote_due, return_queued

__all__ = [
    "Claimed",
    "Ending",
    "NewTask",
    "cancel",
    "claim",
    "copy_in",
    "enqueue",
    "finish",
    "insert",
    "lose_expired",
    "promote_due",
    "renew",
    "return_queued",
    "revive",
]

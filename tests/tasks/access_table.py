"""Who gets what at which address: the one table of expected answers. An address that is not in it fails the tests.

A column is a person: nobody signed in, and a member of each role's group. Rows are asked with the body of BODIES, on a
dead task and its dead letter, each as if it was the first. Methods that are in no row are refused to everybody.
"""

import uuid
from typing import Any

WHO = ("anonymous", "viewer", "operator", "administrator")
NOBODY = uuid.UUID(int=0)

# --- The API, below /api/ ---------------------------------------------------------------------------------------------

#    method    address                              anonymous viewer operator administrator
API: list[tuple[str, str, int, int, int, int]] = [
    ("GET",    "health/live/",                          200, 200, 200, 200),
    ("GET",    "health/ready/",                         200, 200, 200, 200),
    ("GET",    "schema/",                               401, 200, 200, 200),
    ("GET",    "docs/",                                 401, 200, 200, 200),
    ("POST",   "auth/token/",                           400, 400, 400, 400),  # the body has no password
    ("POST",   "auth/token/refresh/",                   400, 400, 400, 400),
    ("GET",    "auth/keys/",                            401, 200, 200, 200),
    ("GET",    "auth/keys/?all=true",                   401, 403, 403, 200),
    ("POST",   "auth/keys/",                            401, 201, 201, 201),
    ("DELETE", "auth/keys/{key}/",                      401, 204, 404, 204),  # it is the viewer's
    ("GET",    "audit/",                                401, 403, 200, 200),
    # tasks
    ("GET",    "task-types/",                           401, 200, 200, 200),
    ("GET",    "tasks/",                                401, 200, 200, 200),
    ("HEAD",   "tasks/",                                401, 200, 200, 200),
    ("POST",   "tasks/",                                401, 403, 201, 201),
    ("POST",   "tasks/bulk/",                           401, 403, 201, 201),
    ("GET",    "tasks/stats/",                          401, 200, 200, 200),
    ("GET",    "tasks/export/?format=json",             401, 200, 200, 200),
    ("GET",    "tasks/{task}/",                         401, 200, 200, 200),
    ("PATCH",  "tasks/{task}/",                         401, 403, 409, 409),  # it is dead, and not edited
    ("DELETE", "tasks/{task}/",                         401, 403, 409, 409),
    ("GET",    "tasks/{task}/attempts/",                401, 200, 200, 200),
    ("GET",    "tasks/{task}/logs/",                    401, 403, 200, 200),  # needs view_payload
    ("GET",    "tasks/{task}/timeline/",                401, 200, 200, 200),
    ("GET",    "tasks/{task}/why/",                     401, 409, 409, 409),  # it waits for nothing
    ("POST",   "tasks/{task}/cancel/",                  401, 403, 409, 409),
    ("POST",   "tasks/{task}/retry/",                   401, 403, 200, 200),
    ("POST",   "tasks/{task}/clone/",                   401, 403, 201, 201),
    ("POST",   "tasks/{task}/compensate/",              401, 403, 409, 409),
    ("POST",   "tasks/{task}/run-now/",                 401, 403, 409, 409),
    ("POST",   "tasks/{task}/priority/",                401, 403, 409, 409),
    ("POST",   "tasks/cancel/",                         401, 403, 200, 200),
    ("POST",   "tasks/retry/",                          401, 403, 200, 200),
    ("POST",   "tasks/priority/",                       401, 403, 200, 200),
    ("POST",   "tasks/run-now/",                        401, 403, 200, 200),
    # dead letters
    ("GET",    "dlq/groups/{group}/",                   401, 200, 200, 200),
    ("POST",   "dlq/groups/{group}/resolve/",           401, 403, 200, 200),
    ("POST",   "dlq/groups/{group}/ignore/",            401, 403, 200, 200),
    ("POST",   "dlq/groups/{group}/reopen/",            401, 403, 409, 409),  # it is open
    ("POST",   "dlq/groups/{group}/reprocess/",         401, 403, 200, 200),
    ("POST",   "dlq/groups/{group}/discard/",           401, 403, 200, 200),
    ("GET",    "dlq/rules/",                            401, 200, 200, 200),
    ("POST",   "dlq/rules/",                            401, 403, 201, 201),
    ("POST",   "dlq/rules/try/",                        401, 200, 200, 200),  # it changes nothing
    ("GET",    "dlq/rules/{rule}/",                     401, 200, 200, 200),
    ("PATCH",  "dlq/rules/{rule}/",                     401, 403, 200, 200),
    ("DELETE", "dlq/rules/{rule}/",                     401, 403, 204, 204),
    ("POST",   "dlq/reprocess/preview/",                401, 403, 200, 200),
    ("GET",    "dlq/tasks/",                            401, 200, 200, 200),
    ("GET",    "dlq/tasks/export/?format=json",         401, 200, 200, 200),
    ("GET",    "dlq/groups/",                           401, 200, 200, 200),
    ("GET",    "dlq/stats/",                            401, 200, 200, 200),
    ("GET",    "dlq/tasks/{letter}/",                   401, 200, 200, 200),
    ("POST",   "dlq/tasks/{letter}/reprocess/",         401, 403, 200, 200),
    ("POST",   "dlq/tasks/{letter}/discard/",           401, 403, 200, 200),
    ("POST",   "dlq/reprocess/",                        401, 403, 200, 200),
    ("POST",   "dlq/discard/",                          401, 403, 200, 200),
    # bulk actions
    ("GET",    "bulk-actions/",                         401, 200, 200, 200),
    ("POST",   "bulk-actions/",                         401, 403, 201, 201),
    ("GET",    "bulk-actions/{bulk}/",                  401, 200, 200, 200),
    ("GET",    "bulk-actions/{bulk}/items/",            401, 200, 200, 200),
    ("POST",   "bulk-actions/{bulk}/pause/",            401, 403, 200, 200),
    ("POST",   "bulk-actions/{bulk}/resume/",           401, 403, 409, 409),  # it is not paused
    ("POST",   "bulk-actions/{bulk}/abort/",            401, 403, 200, 200),
    # queues
    ("GET",    "queue-manager/status/",                 401, 200, 200, 200),
    ("GET",    "queue-manager/overloaded/",             401, 200, 200, 200),
    ("GET",    "queue-manager/failed-count/",           401, 200, 200, 200),
    ("GET",    "queue-manager/pending-count/",          401, 200, 200, 200),
    ("GET",    "queue-manager/queues/",                 401, 200, 200, 200),
    ("GET",    "queue-manager/queues/{queue}/",         401, 200, 200, 200),
    ("PATCH",  "queue-manager/queues/{queue}/",         401, 403, 200, 200),
    ("POST",   "queue-manager/queues/{queue}/pause/",   401, 403, 200, 200),
    ("POST",   "queue-manager/queues/{queue}/resume/",  401, 403, 200, 200),
    # what is not there, and what cannot be done
    ("GET",    "tasks/{nobody}/",                       401, 404, 404, 404),
    ("PATCH",  "tasks/{nobody}/",                       401, 403, 404, 404),
    ("DELETE", "tasks/{nobody}/",                       401, 403, 404, 404),
    ("GET",    "tasks/{nobody}/attempts/",              401, 404, 404, 404),
    ("GET",    "tasks/{nobody}/logs/",                  401, 404, 404, 404),
    ("GET",    "tasks/{nobody}/timeline/",              401, 404, 404, 404),
    ("GET",    "tasks/{nobody}/why/",                   401, 404, 404, 404),
    *(("POST", f"tasks/{{nobody}}/{verb}/",             401, 403, 404, 404)
      for verb in ("cancel", "retry", "clone", "compensate", "run-now", "priority")),
    ("GET",    "dlq/tasks/{nobody}/",                   401, 404, 404, 404),
    ("POST",   "dlq/tasks/{nobody}/reprocess/",         401, 403, 404, 404),
    ("POST",   "dlq/tasks/{nobody}/discard/",           401, 403, 404, 404),
    ("GET",    "bulk-actions/{nobody}/",                401, 404, 404, 404),
    ("GET",    "bulk-actions/{nobody}/items/",          401, 404, 404, 404),
    *(("POST", f"bulk-actions/{{nobody}}/{verb}/",      401, 403, 404, 404) for verb in ("pause", "resume", "abort")),
    ("GET",    "dlq/groups/nothing/",                   401, 404, 404, 404),
    *(("POST", f"dlq/groups/nothing/{verb}/",           401, 403, 404, 404)
      for verb in ("resolve", "ignore", "reopen", "reprocess", "discard")),
    ("GET",    "dlq/rules/999999/",                     401, 404, 404, 404),
    ("PATCH",  "dlq/rules/999999/",                     401, 403, 404, 404),
    ("DELETE", "dlq/rules/999999/",                     401, 403, 404, 404),
    ("GET",    "queue-manager/queues/nowhere/",         401, 404, 404, 404),
    ("PATCH",  "queue-manager/queues/nowhere/",         401, 403, 404, 404),
    ("POST",   "queue-manager/queues/nowhere/pause/",   401, 403, 404, 404),
    ("POST",   "queue-manager/queues/nowhere/resume/",  401, 403, 404, 404),
    ("DELETE", "auth/keys/0/",                          401, 404, 404, 404),
    ("DELETE", f"auth/keys/{10**30}/",                  401, 404, 404, 404),
    ("OPTIONS", "tasks/",                               401, 405, 405, 405),
    ("OPTIONS", "task-types/",                          401, 405, 405, 405),
    ("GET",    "no/such/address/",                      401, 404, 404, 404),
    ("POST",   "no/such/address/",                      401, 404, 404, 404),
]  # fmt: skip

# What somebody who is signed in gets without any role: 403 everywhere but here.
NEEDS_NO_RIGHT = ("health/", "schema/", "docs/", "auth/", "task-types/", "no/such/address/")

_NO_ONE = {"ids": [str(NOBODY)]}
_REASON = {"reason": "no use"}
_ONE = {"confirm_count": 1}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "auth/keys/"): {"name": "a program"},
    ("POST", "auth/token/"): {},
    ("POST", "auth/token/refresh/"): {},
    ("POST", "tasks/"): {"type": "sample.noop"},
    ("POST", "tasks/bulk/"): [{"type": "sample.noop"}],
    ("PATCH", "tasks/{task}/"): {"name": "x"},
    ("POST", "tasks/{task}/priority/"): {"priority": 9},
    ("POST", "tasks/{nobody}/priority/"): {"priority": 9},
    ("POST", "tasks/cancel/"): _NO_ONE,
    ("POST", "tasks/retry/"): _NO_ONE,
    ("POST", "tasks/priority/"): {**_NO_ONE, "priority": 9},
    ("POST", "tasks/run-now/"): _NO_ONE,
    ("POST", "dlq/reprocess/"): _ONE,
    ("POST", "dlq/discard/"): _ONE | _REASON,
    ("POST", "dlq/tasks/{letter}/discard/"): _REASON,
    ("POST", "dlq/tasks/{nobody}/discard/"): _REASON,
    **{("POST", f"dlq/groups/{which}/ignore/"): _REASON for which in ("{group}", "nothing")},
    **{("POST", f"dlq/groups/{which}/reprocess/"): _ONE for which in ("{group}", "nothing")},
    **{("POST", f"dlq/groups/{which}/discard/"): _ONE | _REASON for which in ("{group}", "nothing")},
    ("POST", "bulk-actions/"): {"verb": "cancel", "reason": "r", "expected_count": 1},
    ("POST", "dlq/rules/"): {"type": "a", "verdict": "die"},
    ("POST", "dlq/rules/try/"): {"type": "a", "verdict": "die"},
    ("PATCH", "dlq/rules/{rule}/"): {"enabled": False},
    ("PATCH", "queue-manager/queues/{queue}/"): {"rate_limit": 5},
}


def body_of(method: str, address: str) -> Any:
    """Returns what the address is asked with; None is no body."""
    return BODIES.get((method, address), None if method in ("GET", "HEAD", "DELETE", "OPTIONS") else {})

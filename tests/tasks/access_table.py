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


# --- The admin, below /admin/ -----------------------------------------------------------------------------------------

# Whoever is not signed in, or is no member of staff, is led to the login page. A changing POST that was done leads away
# as well; one that was refused is 403.

_SHOWN_ONLY = [  # what a user can do to their rows has addresses of its own
    ("task", "{task}"), ("taskattempt", "{attempt}"), ("deadletter", "{letter}"), ("failuregroup", "{group}"),
    ("bulkaction", "{bulk}"), ("queue", "{queue}"), ("worker", "{worker}"),
]  # fmt: skip
_SCHEDULES = ("intervalschedule", "crontabschedule", "clockedschedule", "solarschedule")
_ASKED_AND_DONE = (("GET", 200), ("POST", 302))

#    method    address                              anonymous viewer operator administrator
ADMIN: list[tuple[str, str, int, int, int, int]] = [
    ("GET",    "",                                      302, 200, 200, 200),
    ("GET",    "login/",                                200, 302, 302, 302),
    ("POST",   "login/",                                200, 200, 200, 200),  # the body has no password
    ("POST",   "logout/",                               302, 200, 200, 200),
    ("GET",    "password_change/",                      302, 200, 200, 200),
    ("POST",   "password_change/",                      302, 200, 200, 200),  # neither has this
    ("GET",    "password_change/done/",                 302, 200, 200, 200),
    ("GET",    "jsi18n/",                               302, 200, 200, 200),
    ("GET",    "search/?s=task",                        302, 200, 200, 200),
    ("GET",    "autocomplete/",                         302, 403, 403, 403),  # no list here is completed by it
    ("GET",    "r/0/0/",                                302, 404, 404, 404),  # no row here has another page
    ("GET",    "tasks/",                                302, 200, 200, 200),
    ("GET",    "auth/",                                 302, 404, 404, 200),
    ("GET",    "no/such/page/",                         302, 404, 404, 404),
    # what the engine writes is added, edited and deleted by nobody
    *(row for model, pk in _SHOWN_ONLY for row in (
        ("GET",  f"tasks/{model}/",                     302, 200, 200, 200),
        ("GET",  f"tasks/{model}/{pk}/",                302, 302, 302, 302),  # to its page
        ("GET",  f"tasks/{model}/{pk}/change/",         302, 200, 200, 200),
        ("POST", f"tasks/{model}/{pk}/change/",         302, 403, 403, 403),
        ("POST", f"tasks/{model}/{pk}/delete/",         302, 403, 403, 403),
        ("GET",  f"tasks/{model}/{pk}/history/",        302, 200, 200, 200),
        *([("POST", f"tasks/{model}/add/",              302, 403, 403, 403)] if model != "task" else []),
    )),
    # tasks
    ("GET",    "tasks/task/complete/?q=st",             302, 200, 200, 200),
    ("GET",    "tasks/task/export/?format=json",        302, 200, 200, 200),
    ("GET",    "tasks/task/add/",                       302, 403, 200, 200),
    ("POST",   "tasks/task/add/",                       302, 403, 302, 302),
    *((method, f"tasks/task/{which}/{verb}/",           302, 403, code, code)
      for which, verb in (("{task}", "retry"), ("{task}", "mend"), ("{task}", "clone"), ("{scheduled}", "run-now"),
                          ("{scheduled}", "edit"), ("{scheduled}", "priority"), ("{scheduled}", "cancel"),
                          ("{completed}", "compensate"))
      for method, code in _ASKED_AND_DONE),
    *(("POST", f"tasks/task/selected/{verb}/",          302, 403, 302, 302)
      for verb in ("retry", "run-now", "priority", "cancel")),
    # dead letters, their groups and rules
    ("GET",    "tasks/deadletter/complete/?q=ty",       302, 200, 200, 200),
    ("GET",    "tasks/deadletter/export/?format=json",  302, 200, 200, 200),
    *((method, f"tasks/deadletter/{{letter}}/{verb}/",  302, 403, code, code)
      for verb in ("reprocess", "discard") for method, code in _ASKED_AND_DONE),
    *(("POST", f"tasks/deadletter/selected/{verb}/",    302, 403, 302, 302) for verb in ("reprocess", "discard")),
    *((method, f"tasks/failuregroup/{which}/{verb}/",   302, 403, code, code)
      for which, verb in (("{group}", "resolve"), ("{group}", "ignore"), ("{ignored}", "reopen"))
      for method, code in _ASKED_AND_DONE),
    ("GET",    "tasks/failurerule/",                    302, 200, 200, 200),
    ("GET",    "tasks/failurerule/add/",                302, 403, 200, 200),
    ("POST",   "tasks/failurerule/add/",                302, 403, 302, 302),
    ("GET",    "tasks/failurerule/{rule}/",             302, 302, 302, 302),  # to its page
    ("GET",    "tasks/failurerule/{rule}/change/",      302, 200, 200, 200),
    ("POST",   "tasks/failurerule/{rule}/change/",      302, 403, 302, 302),
    ("GET",    "tasks/failurerule/{rule}/remove/",      302, 403, 200, 200),
    ("POST",   "tasks/failurerule/{rule}/remove/",      302, 403, 302, 302),
    ("POST",   "tasks/failurerule/{rule}/delete/",      302, 403, 403, 403),  # removed, it is
    ("GET",    "tasks/failurerule/{rule}/history/",     302, 200, 200, 200),
    # bulk actions
    ("GET",    "tasks/bulkaction/{bulk}/live/",         302, 200, 200, 200),
    *(("GET",  f"tasks/bulkaction/start/{verb}/",       302, 403, 200, 200)
      for verb in ("cancel", "retry", "run_now", "change_priority", "reprocess", "discard")),
    ("POST",   "tasks/bulkaction/start/cancel/",        302, 403, 302, 302),
    ("POST",   "tasks/bulkaction/start/reprocess/",     302, 403, 302, 302),
    ("GET",    "tasks/bulkaction/start/explode/",       302, 404, 404, 404),
    *((method, f"tasks/bulkaction/{which}/{verb}/",     302, 403, code, code)
      for which, verb in (("{bulk}", "pause"), ("{paused_bulk}", "resume"), ("{bulk}", "abort"))
      for method, code in _ASKED_AND_DONE),
    # queues
    *((method, f"tasks/queue/{which}/{verb}/",          302, 403, code, code)
      for which, verb in (("{queue}", "pause"), ("{paused_queue}", "resume"), ("{queue}", "limit"),
                          ("{queue}", "describe"))
      for method, code in _ASKED_AND_DONE),
    # API keys: the key is the viewer's, and others do not learn that there is one
    ("GET",    "tasks/apikey/",                         302, 200, 200, 200),
    ("GET",    "tasks/apikey/add/",                     302, 200, 200, 200),
    ("POST",   "tasks/apikey/add/",                     302, 200, 200, 200),  # the page that shows it once
    ("GET",    "tasks/apikey/{key}/",                   302, 302, 302, 302),
    ("GET",    "tasks/apikey/{key}/change/",            302, 200, 302, 200),
    ("POST",   "tasks/apikey/{key}/change/",            302, 403, 403, 403),
    ("GET",    "tasks/apikey/{key}/revoke/",            302, 200, 302, 200),
    ("POST",   "tasks/apikey/{key}/revoke/",            302, 302, 302, 302),
    ("POST",   "tasks/apikey/selected/revoke/",         302, 302, 302, 302),
    ("POST",   "tasks/apikey/{key}/delete/",            302, 403, 403, 403),
    ("GET",    "tasks/apikey/{key}/history/",           302, 200, 302, 200),
    # the audit trail
    ("GET",    "tasks/auditentry/",                     302, 403, 200, 200),
    ("POST",   "tasks/auditentry/add/",                 302, 403, 403, 403),
    ("GET",    "tasks/auditentry/{entry}/",             302, 302, 302, 302),
    ("GET",    "tasks/auditentry/{entry}/change/",      302, 403, 200, 200),
    ("POST",   "tasks/auditentry/{entry}/change/",      302, 403, 403, 403),
    ("POST",   "tasks/auditentry/{entry}/delete/",      302, 403, 403, 403),
    ("GET",    "tasks/auditentry/{entry}/history/",     302, 403, 200, 200),
    # users and groups
    *(row for model, pk in (("user", "{user}"), ("group", "{users}")) for row in (
        ("GET",  f"auth/{model}/",                      302, 403, 403, 200),
        ("GET",  f"auth/{model}/add/",                  302, 403, 403, 200),
        ("POST", f"auth/{model}/add/",                  302, 403, 403, 302),
        ("GET",  f"auth/{model}/{pk}/",                 302, 302, 302, 302),
        ("GET",  f"auth/{model}/{pk}/change/",          302, 403, 403, 200),
        ("POST", f"auth/{model}/{pk}/change/",          302, 403, 403, 302),
        ("GET",  f"auth/{model}/{pk}/history/",         302, 403, 403, 200),
    )),
    ("GET",    "auth/user/{user}/password/",            302, 403, 403, 200),
    ("POST",   "auth/user/{user}/password/",            302, 403, 403, 302),
    ("POST",   "auth/user/{user}/delete/",              302, 403, 403, 403),  # made inactive, they are
    ("POST",   "auth/group/{users}/delete/",            302, 403, 403, 302),
    # periodic tasks and their schedules, and results of Celery tasks
    *(row for model in ("periodictask", *_SCHEDULES) for row in (
        ("GET",  f"django_celery_beat/{model}/",                     302, 200, 200, 200),
        ("GET",  f"django_celery_beat/{model}/add/",                 302, 403, 403, 200),
        ("POST", f"django_celery_beat/{model}/add/",                 302, 403, 403, 302),
        ("GET",  f"django_celery_beat/{model}/{{{model}}}/",         302, 302, 302, 302),
        ("GET",  f"django_celery_beat/{model}/{{{model}}}/change/",  302, 200, 200, 200),
        ("POST", f"django_celery_beat/{model}/{{{model}}}/change/",  302, 403, 403, 302),
        ("POST", f"django_celery_beat/{model}/{{{model}}}/delete/",  302, 403, 403, 302),
        ("GET",  f"django_celery_beat/{model}/{{{model}}}/history/", 302, 200, 200, 200),
    )),
    ("GET",    "django_celery_results/taskresult/",                      302, 200, 200, 200),
    ("POST",   "django_celery_results/taskresult/add/",                  302, 403, 403, 403),
    ("GET",    "django_celery_results/taskresult/{taskresult}/",         302, 302, 302, 302),
    ("GET",    "django_celery_results/taskresult/{taskresult}/change/",  302, 200, 200, 200),
    ("POST",   "django_celery_results/taskresult/{taskresult}/change/",  302, 403, 403, 403),
    ("POST",   "django_celery_results/taskresult/{taskresult}/delete/",  302, 403, 403, 302),
    ("GET",    "django_celery_results/taskresult/{taskresult}/history/", 302, 200, 200, 200),
]  # fmt: skip

# What staff without any role gets: 403 everywhere but here.
ADMIN_NEEDS_NO_RIGHT = ("login/", "logout/", "password_change/", "jsi18n/", "search/", "r/", "tasks/apikey/")

_SECRET = {"password1": "tr0ub4dor&3", "password2": "tr0ub4dor&3", "usable_password": "true"}
_SCHEDULED = {f"periodictask_set-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")}
_PERIODIC = {"task": "some.task", "interval": "{intervalschedule}", "args": "[]", "kwargs": "{}", "headers": "{}"}
_CRONTAB = dict.fromkeys(("hour", "day_of_week", "day_of_month", "month_of_year"), "*") | {"timezone": "UTC"}
_FORMS: dict[str, dict[str, str]] = {
    "task": {"type": "sample.noop"},
    "failurerule": {"order": "7", "type": "a*", "message_match": "contains", "verdict": "die"},
    "apikey": {"name": "a program"},
    "user": {"username": "grace", **_SECRET, "date_joined_0": "2026-01-01", "date_joined_1": "00:00"},
    "group": {"name": "Day shift"},
    "periodictask": {"name": "Each five", **_PERIODIC},
    "intervalschedule": {"every": "7", "period": "minutes", **_SCHEDULED},
    "crontabschedule": {"minute": "7", **_CRONTAB, **_SCHEDULED},
    "clockedschedule": {"clocked_time_0": "2099-01-01", "clocked_time_1": "00:00", **_SCHEDULED},
    "solarschedule": {"event": "sunrise", "latitude": "1", "longitude": "1", **_SCHEDULED},
}
_VERB_FORMS: dict[str, dict[str, str]] = {
    "mend": {"payload": '{"what": "else"}'},
    "edit": {"name": "x"},
    "priority": {"priority": "9"},
    "limit": {"rate_limit": "5"},
    "describe": {"description": "x"},
    "password": _SECRET,
    "delete": {"post": "yes"},
    "start/cancel": {"expected": "{tasks}"},
    "start/reprocess": {"expected": "1"},
}
_SELECTED = {"run-now": "{scheduled}", "priority": "{scheduled}", "cancel": "{scheduled}", "retry": "{task}"}


def form_of(address: str) -> dict[str, str]:
    """Returns what is sent to an address of the admin by POST; a value that names a place in braces stands for it."""
    _, _, rest = address.partition("/")
    model, _, rest = rest.partition("/")
    verb = rest.rpartition("/")[0].rpartition("/")[2]
    if verb in ("add", "change"):
        return _FORMS.get(model, {})
    found = {"reason": "no use", **_VERB_FORMS.get(f"start/{verb}" if rest.startswith("start/") else verb, {})}
    if rest.startswith("selected/"):
        of_model = {"deadletter": "{letter}", "apikey": "{key}"}
        found["ids"] = of_model.get(model) or _SELECTED[verb]
    return found

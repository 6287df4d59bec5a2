"""What is asked for: pages of the admin and answers of the API, as people and programs open them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from bench.browsing import rows
from tasks import database
from tasks.models import DeadLetter, FailureGroup
from tasks.states import TaskStatus as S

TASKS, LETTERS, GROUPS = "/admin/tasks/task/", "/admin/tasks/deadletter/", "/admin/tasks/failuregroup/"


@dataclass(frozen=True)
class Asked:
    part: str  # of the table
    title: str
    address: str
    is_fragment: bool = False  # what an open page fetches by itself

    @property
    def is_api(self) -> bool:
        return self.address.startswith("/api/")


def all_asked() -> list[Asked]:
    """Returns everything; the rows have been made."""
    return [*_task_lists(), *_others(), *_single(), *_api()]


def _task_lists() -> Iterator[Asked]:
    now = database.now()
    yesterday, long_ago = ((now - timedelta(days=days)).date().isoformat() for days in (1, 20))
    yield Asked("tasks", "all", TASKS)
    for page in (100, 200):
        yield Asked("tasks", f"all, page {page}", f"{TASKS}?p={page}")
    values = {
        "status": [each.value for each in S],
        "type": ["http_request", "sample.type1"],
        "queue": ["http", "data"],
        "priority": ["9"],
        "worker": ["w3@host", "nobody"],
        "tag": ["nightly", "nothing"],
        "attempt": ["3"],
        "category": ["timeout"],
        "created_after": [yesterday],
        "created_before": [long_ago],
        "finished_after": [yesterday],
        "finished_before": [long_ago],
        "min_duration": ["5m", "1d"],
        "max_duration": ["1s"],
    }
    for name, texts in values.items():
        for text in texts:
            yield Asked("tasks, filter", f"{name} {text}", f"{TASKS}?{name}={quote(text)}")
    yield Asked("tasks, filter", "status completed, page 200", f"{TASKS}?status=completed&p=200")
    yield Asked("tasks, filter", "status failed, queue http, page 3", f"{TASKS}?status=failed&queue=http&p=3")
    for q in SEARCHES:
        yield Asked("tasks, search", q, f"{TASKS}?q={quote(q)}")
    yield Asked("tasks, search", "completion of tag:", f"{TASKS}complete/?q=tag:")


SEARCHES = [
    "status:failed type:http_request",
    "status:failed type:http_request payload.json.order_id:42 error:timeout",
    "payload.json.order_id:42",
    "payload.json.total:>990",
    "error:timeout",
    "error:nothing-like-it",
    "category:timeout",
    "-category:timeout",
    "duration:>1h",
    "duration:>1d",
    "duration:>1m",
    "duration:..1s",
    "-duration:..10s",
    "type:http_request duration:>5m",
    "tag:nightly",
    "-tag:nightly",
    "created:today",
    "finished:yesterday",
    "age:>20d",
    "age:<2h",
    "attempt:7",
    "order",
    "name:4711",
    "nothing-like-it",
    "priority:9 queue:data",
    "-status:completed -status:failed",
]


def _others() -> Iterator[Asked]:
    yield Asked("dead letters", "all", LETTERS)
    yield Asked("dead letters", "all, page 200", f"{LETTERS}?p=200")
    day = (database.now() - timedelta(days=1)).date().isoformat()
    for query in (
        "resolution=open", "resolution=discarded", "type=http_request", "type=nothing", "queue=http",
        "category=timeout", "error_class=KeyError", f"fingerprint={1:016x}", f"created_after={day}", "q=error:orders",
        "q=error:nothing-like-it", "q=payload.json.order_id:42", "q=order", "q=nothing-like-it", "q=name:4711",
        "q=resolution:open category:timeout type:http_request", "q=-resolution:open",
    ):  # fmt: skip
        yield Asked("dead letters", query.replace("=", " ", 1), f"{LETTERS}?{query}")
    yield Asked("groups", "all", GROUPS)
    for query in (
        "state=open",
        "category=timeout",
        "type=http_request",
        "q=orders",
        "q=nothing-like-it",
        "o=-4",
        "p=20",
    ):
        yield Asked("groups", query.replace("=", " ", 1), f"{GROUPS}?{query}")
    yield Asked("dashboard", "the page", "/admin/")
    yield Asked("dashboard", "what an open one fetches", "/admin/", is_fragment=True)
    yield Asked("queues", "the list", "/admin/tasks/queue/")
    yield Asked("queues", "the list, as an open one fetches it", "/admin/tasks/queue/", is_fragment=True)
    yield Asked("queues", "one", "/admin/tasks/queue/http/change/")
    yield Asked("workers", "the list", "/admin/tasks/worker/")
    yield Asked("workers", "one", "/admin/tasks/worker/w3%40host/change/")
    yield Asked(
        "others",
        "bulk action on what failed, confirmation",
        "/admin/tasks/bulkaction/start/retry/?status=failed&queue=http",
    )
    yield Asked("others", "bulk actions", "/admin/tasks/bulkaction/")
    yield Asked("others", "audit trail", "/admin/tasks/auditentry/")


def _single() -> Iterator[Asked]:
    for status in (S.COMPLETED, S.FAILED, S.PENDING, S.PROCESSING, S.BLOCKED, S.RETRYING):
        yield Asked("one", f"task, {status}", f"{TASKS}{rows.newest(status=status)}/change/")
    letter = DeadLetter.objects.filter(resolution="").order_by("-created_at")[5:6].get()
    group = FailureGroup.objects.order_by("-total_count")[0:1].get()
    yield Asked("one", "dead letter", f"{LETTERS}{letter.pk}/change/")
    yield Asked("one", f"group of {group.total_count:,}", f"{GROUPS}{group.pk}/change/")


def _api() -> Iterator[Asked]:
    task, group = rows.newest(status=S.FAILED), FailureGroup.objects.order_by("-total_count")[0:1].get().pk
    letter = DeadLetter.objects.filter(resolution="").order_by("-created_at")[5:6].get().pk
    for address in (
        "tasks/", "tasks/?limit=100", "tasks/?page=1000&limit=100", "tasks/?cursor=", "tasks/?status=failed",
        "tasks/?status=completed&queue=http", "tasks/?q=payload.json.order_id:42", "tasks/?q=error:timeout",
        "tasks/?q=duration:>1h", "tasks/?q=status:failed type:http_request", "tasks/?q=nothing-like-it",
        "tasks/?min_duration=5m", "tasks/?ordering=created_at", "tasks/?ordering=finished_at",
        "tasks/?ordering=-finished_at", "tasks/?ordering=priority", "tasks/?ordering=-priority",
        "tasks/?ordering=run_at", "tasks/?ordering=-run_at", "tasks/?status=pending&ordering=-priority,run_at",
        "tasks/?status=failed&ordering=-priority",
        "tasks/stats/", f"tasks/{task}/", f"tasks/{task}/attempts/", f"tasks/{task}/logs/", f"tasks/{task}/timeline/",
        f"tasks/{rows.newest(status=S.PENDING)}/why/",
        "dlq/tasks/", "dlq/tasks/?open=true&limit=100", "dlq/tasks/?q=error:orders", f"dlq/tasks/{letter}/",
        "dlq/stats/", "dlq/groups/", "dlq/groups/?queue=http", "dlq/groups/?ordering=-last_seen&state=open",
        f"dlq/groups/{group}/",
        "queue-manager/status/", "queue-manager/overloaded/", "queue-manager/failed-count/",
        "queue-manager/pending-count/", "queue-manager/queues/", "queue-manager/queues/http/",
        "bulk-actions/", "audit/",
    ):  # fmt: skip
        yield Asked("API", _without_ids(address), f"/api/{quote(address, safe='/?=&:,')}")


def _without_ids(address: str) -> str:
    path, mark, query = address.partition("?")
    return re.sub(r"[0-9a-f]{16}|[0-9a-f-]{36}", "{id}", path) + mark + query

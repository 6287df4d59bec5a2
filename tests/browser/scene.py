"""The rows of an installation in a bad hour of its night, for pages that are looked at: a shop's, always the same."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from tasks import database
from tasks.failure_groups import hour_of
from tasks.leadership import COORDINATOR
from tasks.models import (
    BulkAction,
    DeadLetter,
    FailureGroup,
    FailureRule,
    Leadership,
    Queue,
    Task,
    TaskAttempt,
    TaskDependency,
    TaskLog,
)
from tasks.states import BulkVerb, Door, FailureCategory, ItemState, Outcome, TaskStatus, Watched
from tasks.transitions import NewItem, insert_bulk_action
from tests.tasks.desk import a_worker
from tests.tasks.rows import task_in

S, C = TaskStatus, FailureCategory
RETRY = {"kind": "exponential", "base": 10.0, "max": 600.0}
KINDS = {
    "http_request": ("http", "Send the order to the warehouse", "async"),
    "invoice.send": ("default", "Send the invoice", "plain"),
    "payment.charge": ("default", "Charge the card", "plain"),
    "data_processing": ("data", "Revenue by country", "plain"),
    "stock.sync": ("http", "Ask for the stock", "async"),
    "cleanup": ("default", "Remove what ended a month ago", "plain"),
}
# Type -> the category, class and message of the failure that it has tonight, and how often.
FAILURES = {
    "http_request": (C.HTTP_5XX, "TaskFailed", "POST https://wms.example/orders answered 503 Service Unavailable", 21),
    "invoice.send": (C.CODE_ERROR, "KeyError", "'vat_id'", 8),
    "payment.charge": (C.TIMEOUT, "TimeoutError", "It ran longer than its 30 s", 3),
    "data_processing": (C.INVALID_PAYLOAD, "TaskFailed", "sales-07.csv: column amount holds n/a in line 4,112", 2),
}  # fmt: skip
TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/invoices/handlers.py", line 41, in send_invoice
    lines = render(payload.customer, payload.lines)
  File "/srv/shop/invoices/rendering.py", line 17, in render
    return TEMPLATE.format(vat_id=customer["vat_id"], lines=lines)
                                  ~~~~~~~~^^^^^^^^^^
KeyError: 'vat_id'
"""


@dataclass(frozen=True)
class Scene:
    failed: Task
    waiting: Task
    letter: DeadLetter
    group: FailureGroup
    rule: FailureRule
    stopped: BulkAction


def night(olga: User) -> Scene:
    """Stores it all, as it is now. `olga` is the operator."""
    now, dice = database.now(), random.Random(7)
    _machinery(now, olga)
    _done_and_waiting(now, dice)
    letters = {kind: _dead(now, dice, kind) for kind in FAILURES}
    failed = _failed(now, letters["invoice.send"][0])
    waiting = _task(
        now, S.PENDING, "data_processing", 24, name="Revenue of June by country", created_by=olga, tags=["monthly"],
        payload_bytes=64, payload={"source": {"path": "sales-06.csv"}, "sink": {"path": "june.csv"}},
    )  # fmt: skip
    waiting.save(force_insert=True)
    group = FailureGroup.objects.get(type="http_request")
    rule = FailureRule.objects.create(
        order=10, type="http_request", message="503 Service Unavailable", category=C.HTTP_5XX, verdict="retry",
        delay=120, note="The warehouse restarts each night and is back in minutes.", changed_at=now - timedelta(days=9),
    )  # fmt: skip
    FailureRule.objects.create(
        order=20, type="payment.charge", error_class="CardDeclined", category=C.INVALID_PAYLOAD, verdict="die",
        note="Trying again does not make a card valid.", changed_at=now - timedelta(days=40),
    )  # fmt: skip
    _bulk(now, olga, letters["payment.charge"], BulkVerb.DISCARD)
    stopped = _bulk(now, olga, letters["http_request"], BulkVerb.REPROCESS)
    return Scene(failed, waiting, letters["invoice.send"][0], group, rule, stopped)


def _machinery(now: datetime, olga: User) -> None:
    queues = {
        "default": "",
        "http": "Calls of other systems",
        "data": "Tables and files",
        "compensation": "",
        "mail": "",
    }
    Queue.objects.bulk_create(
        [Queue(name=name, description=words) for name, words in queues.items()], ignore_conflicts=True
    )
    Queue.objects.filter(name="http").update(rate_limit=20, concurrency_limit=40)
    Queue.objects.filter(name="data").update(
        paused=True, paused_at=now - timedelta(minutes=52), paused_by=olga, pause_reason="The disk is being changed"
    )
    Leadership.objects.update_or_create(
        role=COORDINATOR, defaults={"term": 12, "holder": "shop-1:4101:a7", "expires_at": now + timedelta(hours=1)}
    )
    kinds = {name: kind for name, (_, _, kind) in KINDS.items()}
    for name, host, lines, processes, silent in (
        ("async@shop-1", "shop-1", ["http.async", "default.async"], 2, 1),
        ("plain@shop-1", "shop-1", ["default.plain", "compensation.plain", "http.plain"], 5, 2),
        ("plain@shop-2", "shop-2", ["default.plain", "data.plain", "compensation.plain"], 5, 1),
        ("plain@shop-3", "shop-3", ["data.plain"], 5, 4_000),
    ):
        a_worker(
            name, host=host, pid=4_100 + processes, queues=lines, types=kinds, processes=processes, release="2026.7.1",
            group="http" if "async" in name else "default", started_at=now - timedelta(hours=31),
            means={"http_request": 240.0, "invoice.send": 85.0}, last_task_at=now - timedelta(seconds=silent + 1),
            heartbeat_at=now - timedelta(seconds=silent),
        )  # fmt: skip


def _task(now: datetime, status: TaskStatus, kind: str, minutes: float, **fields: Any) -> Task:
    """Returns an unsaved task that was submitted so many minutes ago and ran at once."""
    queue, name, _ = KINDS[kind]
    submitted = now - timedelta(minutes=minutes)
    values: dict[str, Any] = {"type": kind, "queue": queue, "name": name, "retry": RETRY, "run_at": submitted}
    task = task_in(status, now=submitted, **values | fields)
    if task.started_at:
        task.worker = "async@shop-1" if queue == "http" else "plain@shop-2"
    if task.finished_at and "finished_at" not in fields:
        task.finished_at = submitted + timedelta(seconds=0.08 + minutes % 1)
    return task


def _done_and_waiting(now: datetime, dice: random.Random) -> None:
    kinds, some = list(KINDS), []
    for number in range(160):
        minutes = 3 + number * 1.5 * dice.random()
        kind = dice.choices(kinds, (9, 5, 4, 1, 3, 0.3))[0]
        some.append(_task(now, S.COMPLETED, kind, minutes, name=f"{KINDS[kind][1]} {20_417 - number}"))
    some += [
        _task(now, S.PENDING, "http_request", 1 + number / 9, name=f"Send order {20_418 + number}")
        for number in range(34)
    ]
    some += [
        _task(now, S.PENDING, "data_processing", 30 + number, priority=dice.choice((2, 5, 7))) for number in range(11)
    ]
    for number in range(4):
        lease = now + timedelta(minutes=20)
        part = {"progress": number / 4, "progress_text": f"{number * 2_500:,} of 10,000 rows"} if number > 1 else {}
        kind = ("http_request", "stock.sync", "payment.charge", "invoice.send")[number]
        some.append(_task(now, S.PROCESSING, kind, 0.2 + number / 5, lease_expires_at=lease, **part))
    for number in range(3):
        due = now + timedelta(minutes=2 + number)
        some.append(
            _task(now, S.RETRYING, "http_request", 6, attempt=2, run_at=due, name=f"Send order {20_401 + number}")
        )
    some += [
        _task(now, S.SCHEDULED, "cleanup", 300, run_at=now + timedelta(hours=3 + 24 * day), priority=1)
        for day in range(6)
    ]
    Task.objects.bulk_create(some)


def _dead(now: datetime, dice: random.Random, kind: str) -> list[DeadLetter]:
    category, of_class, message, count = FAILURES[kind]
    died = [now - timedelta(minutes=2 + 4 * number + 3 * dice.random()) for number in range(count)]
    tasks = [
        _task(
            now, S.FAILED, kind, (now - at).total_seconds() / 60 + 1, attempt=3, finished_at=at,
            name=f"{KINDS[kind][1]} {20_380 + number}", payload={"order": 20_380 + number},
        )
        for number, at in enumerate(died)
    ]  # fmt: skip
    Task.objects.bulk_create(tasks)
    print_of = f"{len(kind):x}{kind.encode().hex()}"[:16]
    error: dict[str, Any] = {"category": category, "error_class": of_class}
    TaskAttempt.objects.bulk_create(
        TaskAttempt(
            task=task, number=3, outcome=Outcome.FAILED, worker=task.worker, error_message=message,
            started_at=at - timedelta(seconds=0.3), finished_at=at, **error,
        )
        for task, at in zip(tasks, died, strict=True)
    )  # fmt: skip
    letters = DeadLetter.objects.bulk_create(
        DeadLetter(
            task=task, type=kind, queue=task.queue, message=message, fingerprint=print_of, attempts=3,
            created_at=at, announced_at=at, **error,
        )
        for task, at in zip(tasks, died, strict=True)
    )  # fmt: skip
    hours = {str(hour_of(now) - ago): max(0, count // (ago + 1) - dice.randrange(3)) for ago in range(30)}
    FailureGroup.objects.create(
        fingerprint=print_of, type=kind, message=message, open_count=count, total_count=sum(hours.values()),
        hours=hours, first_seen=now - timedelta(hours=29), last_seen=died[0],
        queues={tasks[0].queue: sum(hours.values())}, **error,
    )  # fmt: skip
    return letters


def _failed(now: datetime, letter: DeadLetter) -> Task:
    """Gives the task of a dead letter its whole story."""
    task = letter.task
    assert task is not None
    assert task.finished_at is not None
    task.payload = {
        "order": 20_380, "customer": {"name": "Nordlicht GmbH", "country": "DE"}, "api_key": "k-1f9a77",
        "lines": [{"sku": "TEA-250", "amount": 2}, {"sku": "CUP-04", "amount": 6}],
    }  # fmt: skip
    task.tags, task.payload_bytes, task.has_dependents = ["shop", "b2b"], 171, True
    task.created_at = task.finished_at - timedelta(seconds=58)
    task.run_at, task.started_at = task.created_at, task.finished_at - timedelta(seconds=4)
    task.save()
    TaskAttempt.objects.filter(task=task).delete()
    for number, (begun, took) in enumerate(((1, 2), (14, 3), (54, 4)), start=1):
        at = task.created_at + timedelta(seconds=begun)
        TaskAttempt.objects.create(
            task=task, number=number, outcome=Outcome.FAILED, category=C.CODE_ERROR, worker="plain@shop-2",
            error_class="KeyError", error_message="'vat_id'", traceback=TRACEBACK,
            started_at=at, finished_at=at + timedelta(seconds=took),
        )  # fmt: skip
        TaskLog.objects.create(
            task=task, attempt=number, at=at, level="info", message="rendering", fields={"customer": "Nordlicht GmbH"}
        )
        TaskLog.objects.create(
            task=task, attempt=number, at=at + timedelta(seconds=1), level="warning", message="no address for the copy"
        )
    for name in ("Book the invoice", "Tell the customer"):
        child = _task(now, S.BLOCKED, "http_request", 5, name=name, unmet=1, on_dependency_failure="wait")
        child.save(force_insert=True)
        TaskDependency.objects.create(parent=task, child=child)
    DeadLetter.objects.filter(pk=letter.pk).update(traceback=TRACEBACK)
    return task


def _bulk(now: datetime, olga: User, letters: list[DeadLetter], verb: BulkVerb) -> BulkAction:
    """Stores a reprocess that its guard has stopped, or a discard that is done."""
    kind, count = letters[0].type, len(letters)
    action = BulkAction(
        verb=verb, selection={"kind": "dead_letters", "q": f"type:{kind} resolution:open", "filters": {}},
        words=f"dead letters of the search type:{kind} resolution:open", selection_hash=f"of {verb}", actor=olga,
        reason="The warehouse says that it is up again", door=Door.ADMIN, total=count, expected=count,
        created_at=now - timedelta(minutes=4), breakdown={"open": count},
        guard={"canary": 5, "rate": 10.0, "failure_share": 0.2} if verb == BulkVerb.REPROCESS else None,
    )  # fmt: skip
    insert_bulk_action(action, [NewItem(letter.pk, letter.task_id) for letter in letters])
    rows = BulkAction.objects.filter(pk=action.pk)
    times = {"started_at": now - timedelta(minutes=4), "finished_at": now - timedelta(minutes=3)}
    if verb == BulkVerb.DISCARD:
        rows.update(status="completed", cursor=count, done=count, reason="The shop charged these by hand", **times)
        action.items.update(state=ItemState.DONE, at=times["finished_at"])
    else:
        rows.update(
            status="stopped", cursor=5, done=5, ended={Watched.FAILED: 4, Watched.COMPLETED: 1},
            note=f"4 of the canary's 5 failed: its guard allows 20 % of them. {count - 5} dead letters not touched.",
            **times,
        )  # fmt: skip
        tried = action.items.filter(position__lt=5)
        tried.update(state=ItemState.DONE, outcome=Watched.FAILED, at=times["finished_at"])
        tried.filter(position=2).update(outcome=Watched.COMPLETED)
    return action

"""The shapes of the plans of the hot statements: which nodes, by which indexes. What is stored must not change them."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bench.processes import BenchFailed
from tasks import ageing, database, pending, selectors, transitions
from tasks.fronts import Fronts
from tasks.leadership import COORDINATOR
from tasks.models import Leadership, Task
from tasks.services import submit_tasks
from tasks.states import Kind
from tasks.states import TaskStatus as S
from tests.tasks.rows import HOLDER, ending, tasks

EACH = 200  # tasks of each status that is on the hot path
TYPES = ["sample.async_noop", "sample.echo", "sample.noop"]

Shapes = dict[str, list[str]]


def shapes() -> Shapes:
    """Returns the shape of each hot statement's plan, by name. What it stores for that is rolled back."""
    found: Shapes = {}
    with _some_of_each():
        for name, call in _hot().items():
            with transaction.atomic():
                with CaptureQueriesContext(connection) as queries:
                    call()
                said = [each["sql"] for each in queries if re.search(r"\btasks_\w+", each["sql"])]
                if not said:
                    raise BenchFailed(f"{name!r} says nothing to the database: its plan cannot be seen")
                found |= {f"{name} {number}": _shape(sql) for number, sql in enumerate(map(_explained, said), 1)}
                transaction.set_rollback(True)
    return found


def changed(before: Shapes, after: Shapes) -> dict[str, tuple[list[str], list[str]]]:
    names = sorted({*before, *after})
    return {name: (before.get(name, []), after.get(name, [])) for name in names if before.get(name) != after.get(name)}


@contextmanager
def _some_of_each() -> Iterator[None]:
    with transaction.atomic():
        Leadership.objects.filter(role=COORDINATOR).update(term=7, expires_at=database.now() + timedelta(hours=1))
        for status in (S.PENDING, S.QUEUED, S.PROCESSING, S.RETRYING, S.SCHEDULED):
            tasks(EACH, status)
        database.run("ANALYZE tasks_task")
        yield
        transaction.set_rollback(True)


# What runs with each turn, message, outcome or poll; not what runs each ten minutes, or after a loss only.
def _hot() -> dict[str, Callable[[], Any]]:
    leader: dict[str, Any] = {"role": COORDINATOR, "term": 7}
    ids = {status: list(Task.objects.filter(status=status).values_list("id", flat=True)[:EACH]) for status in S}
    running = list(Task.objects.filter(status=S.PROCESSING, incarnation=HOLDER)[:EACH])
    pairs = [(task.id, task.attempt) for task in running]
    line = selectors.Line("default", Kind.PLAIN, 2, set(TYPES))
    return {
        "submit": lambda: submit_tasks([{"type": "sample.noop"}] * 10),
        "promote": lambda: transitions.promote_due(**leader),
        "until due": selectors.seconds_until_due,
        "heads and candidates": lambda: _next(line),
        "by age": lambda: ageing.by_age("default", TYPES, pending.first_due("default", TYPES)[0], limit=1_000),
        "enqueue": lambda: transitions.enqueue(ids[S.PENDING], queue="default", **leader),
        "return": lambda: transitions.return_queued(ids[S.QUEUED], **leader),
        "claim": lambda: transitions.claim(
            ids[S.QUEUED], queue="default", worker="w", incarnation=HOLDER, lease=30, alone=False
        ),
        "renew": lambda: transitions.renew(pairs, incarnation=HOLDER, lease=30),
        "requests to cancel": lambda: transitions.cancel_requests(pairs, incarnation=HOLDER),
        "finish": lambda: transitions.finish([ending(task, S.COMPLETED) for task in running], incarnation=HOLDER),
        "fail": lambda: transitions.finish([ending(task, S.FAILED) for task in running], incarnation=HOLDER),
        "retry": lambda: transitions.finish([ending(task, S.RETRYING) for task in running], incarnation=HOLDER),
        "reap": lambda: transitions.lose_expired(**leader, max_losses=3),
        "settle": transitions.settle_rest,
        "under way": lambda: selectors.under_way("default"),
        "lost messages": lambda: selectors.lost_messages(
            line, queue_is_gone=False, broker_is_empty=False, patience=30.0
        ),
        "lost of an empty queue": lambda: selectors.lost_messages(
            line, queue_is_gone=False, broker_is_empty=True, patience=30.0
        ),
        "unknown messages": lambda: selectors.unknown_messages("default", set(TYPES), patience=30.0),
        "outwaited": lambda: ageing.outwaited("default"),
        "recently queued": lambda: selectors.recently_queued(10.0),
        "unpark": lambda: transitions.unpark_known("default", TYPES, **leader),
    }


def _next(line: selectors.Line) -> None:
    fronts = Fronts()
    fronts.heads()
    fronts.candidates(line, limit=1_000)


def _explained(sql: str) -> dict[str, Any]:
    if not re.match(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\b", sql):
        return {"Node Type": sql.split()[0]}
    content = database.run(f"EXPLAIN (FORMAT JSON) {sql.replace('%', '%%')}")[0][0]
    plan: dict[str, Any] = (json.loads(content) if isinstance(content, str) else content)[0]["Plan"]
    return plan


def _shape(plan: dict[str, Any]) -> list[str]:
    """Returns the kinds of the plan's nodes with their indexes or tables, indented by their depth."""
    on = plan.get("Index Name") or plan.get("Relation Name")
    own = f"{plan['Node Type']} {on}" if on else plan["Node Type"]
    return [own, *(f"  {line}" for part in plan.get("Plans", []) for line in _shape(part))]

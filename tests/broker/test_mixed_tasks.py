"""A thousand tasks of every sort through every part of the machine, and nothing is lost, repeated or unexplained."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker.installation import Installation
from tests.tasks.handlers.http_server import Answer, Site

pytestmark = pytest.mark.broker

DELAY = 1.0

Sorts = dict[str, list[dict[str, Any]]]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.answers["/answer"] = Answer(200, {"Content-Type": "application/json"}, b'{"worth": 3}')
    yield site
    site.close()


def a_thousand(ledger: Path, site: Site) -> Sorts:
    noted = {"ledger": str(ledger)}
    dead = {**noted, "fail_until": 99, "category": "connection"}
    call = {"url": site.url("/answer"), "method": "POST"}
    rows = [{"k": "a", "n": 1}, {"k": "b", "n": 2}, {"k": "a", "n": 4}]
    total = [{"op": "aggregate", "by": ["k"], "metrics": {"total": "sum(n)"}}, {"op": "sort", "by": ["k"]}]
    return {
        "plain": [{"type": "sample.echo", "payload": {"n": n}, "priority": n % 10} for n in range(200)],
        "async": [{"type": "sample.async_noop", "priority": n % 10} for n in range(200)],
        "noted": [{"type": "sample.work", "payload": noted} for _ in range(150)],
        "noted async": [{"type": "sample.async_work", "payload": noted} for _ in range(100)],
        "failing once": [{"type": "sample.work", "payload": {**noted, "fail_until": 1}} for _ in range(100)],
        "dying": [{"type": "sample.async_work", "payload": dead, "max_attempts": 2} for _ in range(100)],
        "delayed": [{"type": "sample.work", "payload": noted, "delay": DELAY} for _ in range(50)],
        "http": [{"type": "http_request", "payload": call} for _ in range(50)],
        "data": [{"type": "data_processing", "payload": {"source": {"rows": rows}, "steps": total}} for _ in range(50)],
    }


COMPLETED = [("completed", "")]
ENDS = {
    "failing once": ("completed", [("failed", "code_error"), ("completed", "")]),
    "dying": ("failed", [("failed", "connection"), ("failed", "connection")]),
}


def test_a_thousand_mixed_tasks_run_to_their_right_ends(installation: Installation, ledger: Path, site: Site) -> None:
    sorts = a_thousand(ledger, site)
    ids = installation.submit_all([{"payload": {}, **task} for tasks in sorts.values() for task in tasks])
    assert len(set(ids)) == 1000
    assert installation.await_ended(ids, within=60) == {"completed": 900, "failed": 100}

    left = iter(ids)
    by_sort = {sort: [next(left) for _ in tasks] for sort, tasks in sorts.items()}
    statuses = dict(installation.rows("SELECT id::text, status FROM tasks_task WHERE id = ANY(%s::uuid[])", [ids]))
    attempts = attempts_of(installation, ids)
    for sort, its_ids in by_sort.items():
        status, story = ENDS.get(sort, ("completed", COMPLETED))
        for each in its_ids:
            assert (sort, statuses[each]) == (sort, status)
            # Every attempt is explained: their numbers have no gap, and each has its outcome and category.
            assert (sort, attempts[each]) == (sort, [(n, *end) for n, end in enumerate(story, start=1)])
    assert_results(installation, by_sort)
    assert_ledger(ledger, by_sort)
    assert Counter(each.path for each in site.received) == {"/answer": 50}
    assert len({each.headers["Idempotency-Key"] for each in site.received}) == 50
    early = (
        f"SELECT count(*) FROM tasks_task WHERE id = ANY(%s::uuid[]) AND started_at < created_at + interval '{DELAY} s'"
    )
    assert installation.value(early, [by_sort["delayed"]]) == 0
    letters = "SELECT task_id::text, attempts FROM tasks_deadletter WHERE task_id = ANY(%s::uuid[])"
    assert sorted(installation.rows(letters, [ids])) == sorted((each, 2) for each in by_sort["dying"])


def attempts_of(installation: Installation, ids: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    statement = """SELECT task_id::text, number, outcome, category FROM tasks_taskattempt
        WHERE task_id = ANY(%s::uuid[]) ORDER BY number"""
    for task_id, *rest in installation.rows(statement, [ids]):
        found.setdefault(task_id, []).append(tuple(rest))
    return found


def assert_results(installation: Installation, by_sort: dict[str, list[str]]) -> None:
    def results(sort: str) -> list[Any]:
        statement = """SELECT result FROM tasks_taskattempt
            WHERE task_id = ANY(%s::uuid[]) AND outcome = 'completed'"""
        return [row[0] for row in installation.rows(statement, [by_sort[sort]])]

    assert sorted(each["n"] for each in results("plain")) == list(range(200))
    assert [each["rows"] for each in results("data")] == [[{"k": "a", "total": 5}, {"k": "b", "total": 2}]] * 50
    assert sum(each["json"]["worth"] for each in results("http")) == 150


def assert_ledger(ledger: Path, by_sort: dict[str, list[str]]) -> None:
    """What the handlers wrote themselves agrees with the rows: each began as often as it should and ended once."""
    starts: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    for line in ledger.read_text().splitlines():
        word, task_id, _attempt, _pid = line.split()
        (starts if word == "start" else ends)[task_id] += 1
    once = [*by_sort["noted"], *by_sort["noted async"], *by_sort["delayed"]]
    twice = [*by_sort["failing once"], *by_sort["dying"]]
    assert starts == {**dict.fromkeys(once, 1), **dict.fromkeys(twice, 2)}
    assert ends == dict.fromkeys([*once, *by_sort["failing once"]], 1)

"""How many statements the hot path costs: a number that does not grow with the chunk."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tasks import recording
from tasks.states import Kind
from tests.tasks.pool_process import PoolProcess, on_keepers_connections, statuses

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

# Neither counts: what a transaction is made of, and what happens by the clock.
ASIDE = re.compile(
    r"^(BEGIN|COMMIT|SAVEPOINT|RELEASE)|UPDATE tasks_task SET lease_expires_at|INSERT INTO tasks_worker|AND cancel_req"
    r"|tasks_failurerule"
)
TYPES = pytest.mark.parametrize("type_name", ["sample.noop", "sample.async_noop"])
Cost = Callable[[int], list[str]]


@pytest.fixture
def cost(start_process: Callable[[], PoolProcess], request: pytest.FixtureRequest) -> Any:
    """Returns a function that executes a chunk of queued tasks and returns the statements from claim to finish."""
    seen: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not ASIDE.search(sql):
            seen.append(sql)
        return execute(sql, *rest)

    def cost(type_name: str, count: int) -> list[str]:
        ids = process.submit(type_name, count=count)
        seen.clear()
        process.take(*ids, kind=Kind.ASYNC if "async" in type_name else Kind.PLAIN)
        process.settle()
        assert set(statuses(ids)) == {"completed"}
        return list(seen)

    with on_keepers_connections(note):
        process = start_process()
        for type_name in ("sample.noop", "sample.async_noop"):
            assert cost(type_name, 2)  # the process knows how long they take
        yield cost


@TYPES
def test_a_quick_chunk_of_a_hundred_costs_at_most_eight_statements(cost: Any, type_name: str) -> None:
    # The least of three: on a machine that is busy with other things endings are written in more lots.
    assert min(len(cost(type_name, 100)) for _ in range(3)) <= 8


@TYPES
def test_the_number_does_not_grow_with_the_chunk(cost: Any, type_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "RECORD_WITHIN", 0.35)  # one lot, however slow the machine is
    assert len(cost(type_name, 50)) == len(cost(type_name, 200))

"""A state machine drives the moves over several connections against a dictionary model of a task's life.

Each run takes the same examples. For a long search with new ones, which makes small what fails, set their number:
`TRANSITIONS_EXAMPLES=5000 bin/test broker tests/tasks/transitions/machine`, or `unit` for SQLite. It may take
TRANSITIONS_SECONDS, 900 unless set, for each of the two machines.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.tasks.transitions.machine.machine import Frame
from tests.tasks.transitions.machine.pairs import Pairs
from tests.tasks.transitions.machine.workers import WorkersAndPeople

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(float(os.environ.get("TRANSITIONS_SECONDS", "900"))),
]

EXAMPLES = int(os.environ.get("TRANSITIONS_EXAMPLES", "0"))
CONNECTIONS, STEPS = 3, 40


@pytest.fixture(autouse=True)
def _connections(transactional_db: None) -> Iterator[None]:
    Frame.connections = [ThreadPoolExecutor(1) for _ in range(CONNECTIONS)]
    yield
    for each in Frame.connections:
        each.submit(lambda: connection.close()).result()
        each.shutdown()


def drive(machine: type[Frame], examples: int) -> None:
    chosen = settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        database=None,
        stateful_step_count=STEPS,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=chosen)


def test_rows_live_as_the_model_does_over_several_connections() -> None:
    drive(WorkersAndPeople, 80 if connection.vendor == "postgresql" else 60)


def test_two_moves_at_once_end_as_one_after_the_other() -> None:
    drive(Pairs, 60 if connection.vendor == "postgresql" else 10)

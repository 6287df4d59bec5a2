"""How a machine is run: each time with the same examples, or in a long search with new ones."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.tasks.transitions.machine.machine import Frame

EXAMPLES = int(os.environ.get("TRANSITIONS_EXAMPLES", "0"))
STEPS = 40

MARKS = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(float(os.environ.get("TRANSITIONS_SECONDS", "900"))),
]


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

"""A state machine drives the moves over several connections against a dictionary model of a task's life.

Each run takes the same examples. For a long search with new ones, which makes small what fails, set their number:
`TRANSITIONS_EXAMPLES=5000 bin/test broker tests/tasks/transitions/machine`, or `unit` for SQLite. It may take
TRANSITIONS_SECONDS, 900 unless set, for each of the two machines.
"""

import pytest
from django.db import connection

from tests.tasks.transitions.machine.driving import MARKS, drive
from tests.tasks.transitions.machine.workers import WorkersAndPeople

pytestmark = [pytest.mark.database, *MARKS]


def test_rows_live_as_the_model_does_over_several_connections() -> None:
    drive(WorkersAndPeople, 50 if connection.vendor == "postgresql" else 40)

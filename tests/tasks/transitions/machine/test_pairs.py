"""Two moves at once on several connections: they end as one after the other would. Long searches: test_machine."""

import pytest
from django.db import connection

from tests.tasks.transitions.machine.driving import MARKS, drive
from tests.tasks.transitions.machine.pairs import Pairs

pytestmark = [pytest.mark.database, *MARKS]


def test_two_moves_at_once_end_as_one_after_the_other() -> None:
    drive(Pairs, 40 if connection.vendor == "postgresql" else 10)

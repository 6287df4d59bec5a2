"""The contract of what is below /api/dlq/."""

import pytest

from tests.contract.conftest import Live
from tests.contract.running import holds

SHARE = r"^/api/dlq/"


@pytest.mark.contract
@pytest.mark.timeout(900)  # a minute of computing
@pytest.mark.django_db(transaction=True)
def test_the_operations_of_dead_letters_do_as_the_schema_says(live: Live) -> None:
    holds(live, SHARE)

"""Work goes on beside other work: coroutines in one process, plain tasks in several."""

import time

import pytest

from tests.broker.installation import Installation

pytestmark = pytest.mark.broker


def test_a_thousand_coroutines_of_100_ms_do_not_wait_for_one_another(installation: Installation) -> None:
    tasks = [{"type": "sample.async_work", "payload": {"seconds": 0.1}}] * 1000
    began = time.monotonic()
    ids = installation.submit_all(tasks)
    assert installation.await_ended(ids, within=30) == {"completed": 1000}
    assert time.monotonic() - began < 20  # in turn they would take 50 s on two processes


def test_quick_tasks_are_not_held_up_by_a_long_one_of_their_message(installation: Installation) -> None:
    # Once its mean is known to be small, the tasks of a type travel together.
    quick = {"type": "sample.work", "payload": {}}
    assert installation.await_ended(installation.submit_all([quick] * 50), within=20) == {"completed": 50}
    long, *others = installation.submit_all([{"type": "sample.work", "payload": {"seconds": 4}}, *[quick] * 20])
    assert installation.await_ended(others, within=3.5) == {"completed": 20}
    assert installation.statuses([long]) == {"processing": 1}
    returned = "SELECT count(*) FROM tasks_task WHERE id = ANY(%s::uuid[]) AND returns > 0"
    assert installation.value(returned, [others]) == 0, "the sweep for lost messages had to bring them back"
    assert installation.await_ended([long], within=10) == {"completed": 1}

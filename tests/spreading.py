"""How tests are spread over several processes: a file's stay together, and a process keeps to one type of queue, since
each installation takes seconds to start."""

import re

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

# The files that take longest, in the order they are begun in, so that no process is left alone with one at the end.
LONGEST = (
    "tests/broker/test_broker_away.py",
    "tests/broker/test_tls.py",
    "tests/broker/test_messages_lost_under_load.py",
    "tests/broker/test_broker_troubles.py",
    "tests/tasks/transitions/machine/test_machine.py",
    "tests/broker/test_lost_workers.py",
    "tests/tasks/transitions/machine/test_pairs.py",
    "tests/broker/test_reconnecting.py",
    "tests/broker/test_database_outages.py",
    "tests/broker/test_partitions.py",
    "tests/broker/test_two_beats.py",
    "tests/test_servers.py",
    "tests/broker/test_poison.py",
    "tests/broker/test_two_coordinators.py",
    "tests/broker/test_kill_points.py",
    "tests/broker/test_pgbouncer.py",
    "tests/deploy/test_running.py",
    "tests/broker/test_full_mode.py",
    "tests/broker/test_dying_dispatchers.py",
    "tests/broker/test_database_full.py",
)
LONG = "tests/broker/"  # they wait for servers and processes, the others for nothing


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> "ByQueueType":
    return ByQueueType(config, log)


class ByQueueType(LoadFileScheduling):
    """Units of work are the tests of one file on one type of queue; most files know no types and are one unit."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        self._kept: dict[WorkerController, str] = {}  # the type of queue that a process has an installation of

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        found = re.search(r"[\[-](classic|quorum)[\]-]", nodeid)
        return f"{file} {found[1]}" if found else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Assigns the longest unit that is left; and what needs another installation only when nothing else is left."""
        kept = self._kept.get(node, "")
        taken = list(self._kept.values())

        def rank(unit: str) -> tuple[bool, int, int]:
            file, _, needed = unit.partition(" ")
            another = bool(needed and kept and needed != kept)
            place = LONGEST.index(file) if file in LONGEST else len(LONGEST) + (not file.startswith(LONG))
            return another, place, taken.count(needed)

        chosen = min(self.workqueue, key=rank)
        self.workqueue.move_to_end(chosen, last=False)
        self._kept[node] = queue_type(chosen) or kept
        super()._assign_work_unit(node)


def queue_type(unit: str) -> str:
    return unit.partition(" ")[2]

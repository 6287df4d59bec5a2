"""Several test processes: each works with one type of queue while it can, and the tests that wait are begun first."""

from types import SimpleNamespace

import pytest

from tests.spreading import ByQueueType, queue_type

QUICK = [f"tests/tasks/test_{letter}.py::test_it" for letter in "abcdef"]
LONG = [f"tests/broker/test_{letter}.py::test_it[{kind}]" for letter in "uvwxyz" for kind in ("classic", "quorum")]


class Process:
    """Stands for a process of pytest-xdist: notes what it is sent."""

    shutting_down = False

    def __init__(self) -> None:
        self.gateway = SimpleNamespace(id="a process")
        self.sent: list[int] = []

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.sent += numbers

    def shutdown(self) -> None:
        self.shutting_down = True


@pytest.fixture
def processes(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """Two processes that have shared all tests, each having the next one when it has done one."""
    monkeypatch.setattr(pytestconfig.option, "tx", ["2*popen"])
    monkeypatch.setattr(pytestconfig.option, "loadscopereorder", False)
    processes = [Process(), Process()]
    scheduler = ByQueueType(pytestconfig, None)
    for process in processes:
        scheduler.add_node(process)
        scheduler.add_node_collection(process, [*QUICK, *LONG])
    scheduler.schedule()
    for step in range(len(QUICK + LONG)):
        for process in processes:
            if step < len(process.sent):
                scheduler.mark_test_complete(process, process.sent[step])
    return processes


def test_each_process_keeps_to_one_type_and_the_quick_tests_come_last(processes: list[Process]) -> None:
    shares = [[[*QUICK, *LONG][number] for number in process.sent] for process in processes]
    assert sorted(shares[0] + shares[1]) == sorted([*QUICK, *LONG])
    for share, kind in zip(shares, ("classic", "quorum"), strict=True):
        first, rest = share[:6], share[6:]
        assert all(f"[{kind}]" in test and test in LONG for test in first)
        assert all(test in QUICK for test in rest)


def test_only_files_with_both_types_are_divided(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytestconfig.option, "tx", ["2*popen"])
    split = ByQueueType(pytestconfig, None)._split_scope
    file = "tests/broker/test_u.py"
    assert queue_type(split(f"{file}::test_it[default.plain-quorum]")) == "quorum"
    assert queue_type(split(f"{file}::test_it[classic-default.plain]")) == "classic"
    assert split(f"{file}::test_it") == split(f"{file}::TestIt::test_other[classical]") == file

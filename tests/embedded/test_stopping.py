"""bin/up when it is asked to stop: soon, with nothing left running and nothing lost."""

import signal
import time
from pathlib import Path

import pytest

from tests.embedded.running import processes_of, taskyard

STOP_SECONDS = 30  # on a busy machine; the work itself would go on for longer

pytestmark = pytest.mark.embedded


def test_a_stop_hands_running_work_back_and_leaves_no_process(tmp_path: Path) -> None:
    with taskyard(tmp_path, "--empty") as first:
        first.log_in()
        assert sum(first.call("GET", "/api/tasks/stats/")[1]["by_status"].values()) == 0
        for kind in ("sample.work", "sample.async_work"):
            first.call("POST", "/api/tasks/", {"type": kind, "payload": {"seconds": 60}})
        while first.call("GET", "/api/tasks/stats/")[1]["by_status"]["processing"] < 2:
            time.sleep(0.1)
        assert first.stop(signal.SIGTERM) < STOP_SECONDS
        assert processes_of(tmp_path) == []
    began = time.monotonic()
    with taskyard(tmp_path) as second:
        assert time.monotonic() - began < 20
        second.log_in()
        tasks = second.call("GET", "/api/tasks/")[1]["results"]
        assert len(tasks) == 2, "a second start loads no demo"
        for task in tasks:
            attempts = second.call("GET", f"/api/tasks/{task['id']}/attempts/")[1]["results"]
            assert [attempt["outcome"] for attempt in attempts] == ["released"]
        assert second.stop(signal.SIGINT) < STOP_SECONDS
        assert processes_of(tmp_path) == []

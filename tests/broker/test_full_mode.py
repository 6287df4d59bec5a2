"""bin/up with both URLs set: PostgreSQL, RabbitMQ, a worker for each kind."""

import os
from pathlib import Path

import pytest

from tests.broker.conftest import namespace
from tests.broker.installation import Databases, remove_names
from tests.broker.processes import Processes
from tests.embedded.running import processes_of, taskyard

pytestmark = pytest.mark.broker

STOP_SECONDS = 30  # on a busy machine


def test_bin_up_runs_a_thousand_mixed_tasks_and_stops_soon(databases: Databases, tmp_path: Path, ledger: Path) -> None:
    guard = Processes(tmp_path, {})
    noted = {"ledger": str(ledger)}
    dying = {"type": "sample.async_work", "payload": {"fail_until": 9}, "max_attempts": 2}
    variables = {
        "DATABASE_URL": databases.make_empty("up"),
        "BROKER_URL": os.environ["BROKER_URL"],
        "BROKER_NAMESPACE": namespace("up"),
        "WORKER_CONCURRENCY": "2",
    }
    try:
        with taskyard(tmp_path, "--empty", **variables) as running:
            running.log_in()
            tasks = [
                *({"type": "sample.echo", "payload": {"n": n}, "priority": n % 10} for n in range(300)),
                *({"type": "sample.async_noop", "payload": {}} for _ in range(300)),
                *({"type": "sample.work", "payload": noted} for _ in range(200)),
                *({"type": "sample.work", "payload": {**noted, "fail_until": 1}} for _ in range(100)),
                *(dying for _ in range(90)),
                *({"type": "http_request", "payload": {"url": "/api/health/live/"}} for _ in range(10)),
            ]
            status, answer = running.call("POST", "/api/tasks/bulk/", tasks)
            assert (status, answer["count"]) == (201, 1000)
            counts = running.await_all_ended(within=60)
            assert {name: number for name, number in counts.items() if number} == {"completed": 910, "failed": 90}
            ends = [line.split()[1] for line in ledger.read_text().splitlines() if line.startswith("end ")]
            assert len(ends) == len(set(ends)) == 300
            workers = {
                row["worker"].partition("@")[0] for row in running.call("GET", "/api/tasks/?limit=200")[1]["results"]
            }
            assert workers == {"plain", "async"}
            assert running.stop() < STOP_SECONDS
            assert processes_of(tmp_path) == []
    finally:
        guard.close()
        remove_names(
            variables["BROKER_URL"], variables["BROKER_NAMESPACE"], ["default", "http", "data", "compensation"]
        )

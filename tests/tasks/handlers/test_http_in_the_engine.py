"""http_request as a pool process runs it: when it is tried again, and what is left when the process ends."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tasks.models import DeadLetter, Task, TaskAttempt
from tasks.states import FailureCategory, Kind, TaskStatus
from tests.tasks.handlers.http_server import Answer, Site, SocketServer, replying
from tests.tasks.pool_process import PoolProcess, until

NONE = {"kind": "none"}
FIXED = {"kind": "fixed", "base": 300, "max": 300, "jitter": False}


def run(process: PoolProcess, url: str, *, retry: dict[str, Any] = NONE, **fields: Any) -> Task:
    task_id = process.submit("http_request", {"url": url}, retry=retry, **fields)
    assert process.take(task_id, kind=Kind.ASYNC)
    until(lambda: TaskAttempt.objects.filter(task_id=task_id).exists())
    process.settle()
    return Task.objects.get(id=task_id)


def wait_of(task: Task) -> float:
    return (task.run_at - TaskAttempt.objects.get(task=task).finished_at).total_seconds()


def date_in(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("status", "given", "retry", "least", "most"),
    [
        (429, "120", NONE, 120, 150),
        (503, "120", NONE, 120, 150),
        (403, "120", NONE, 120, 150),
        (429, 3600, NONE, 3540, 3660),
        (429, -3600, NONE, 0, 30),
        (429, -3600, FIXED, 300, 330),
        (429, "0", FIXED, 300, 330),
        (429, "1", FIXED, 300, 330),
        (429, "999999999", NONE, 86_400, 86_430),
        (429, 10**9, NONE, 86_400, 86_430),
        (429, "soon", FIXED, 300, 330),
    ],
)
def test_the_next_attempt_waits_as_long_as_the_server_asked(
    status: int, given: str | int, retry: dict[str, Any], least: float, most: float, site: Site, process: PoolProcess
) -> None:
    value = given if isinstance(given, str) else date_in(given)  # a number stands for a date so far from now
    site.answers["/x"] = Answer(status, {"Retry-After": value})
    task = run(process, site.url("/x"), retry=retry)
    assert task.status == TaskStatus.RETRYING
    # It is counted from the moment at which the ending is written.
    assert least <= wait_of(task) < most


def test_a_status_that_is_final_dies_with_its_answer(site: Site, process: PoolProcess) -> None:
    site.answers["/x"] = Answer(404, {"Content-Type": "text/plain"}, b"gone")
    task = run(process, site.url("/x"))
    assert task.status == TaskStatus.FAILED
    assert DeadLetter.objects.get(task=task).category == FailureCategory.HTTP_4XX
    result: Any = TaskAttempt.objects.get(task=task).result
    assert result["text"] == "gone"


def test_the_last_attempt_dies_whatever_the_server_asked(site: Site, process: PoolProcess) -> None:
    site.answers["/x"] = Answer(429, {"Retry-After": "120"})
    task = run(process, site.url("/x"), max_attempts=1)
    assert task.status == TaskStatus.FAILED
    assert DeadLetter.objects.get(task=task).category == FailureCategory.RATE_LIMITED


def test_a_hanging_server_is_named_by_the_timeout(
    socket_server: Callable[..., SocketServer], process: PoolProcess
) -> None:
    url = f"http://127.0.0.1:{socket_server(replying(b'')).port}/x"
    task = run(process, url, timeout=0.5)
    attempt = TaskAttempt.objects.get(task=task)
    assert (task.status, attempt.category) == (TaskStatus.RETRYING, FailureCategory.TIMEOUT)
    assert attempt.error_message == f"GET {url} failed: the server did not answer in time"


def test_a_process_that_ends_closes_its_idle_connections(site: Site, start_process: Callable[[], PoolProcess]) -> None:
    process = start_process()
    assert run(process, site.url("/x")).status == TaskStatus.COMPLETED
    assert len(connections_to(site)) == 1
    process.end()
    assert connections_to(site) == []


def connections_to(site: Site) -> list[str]:
    """Returns this process's own ends of connections to the site, from the kernel's table."""
    mine = set()
    for each in os.listdir("/proc/self/fd"):
        try:
            mine.add(os.readlink(f"/proc/self/fd/{each}"))
        except OSError:
            continue
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return [row[1] for row in rows if row[2].endswith(f":{site.port:04X}") and f"socket:[{row[9]}]" in mine]

"""A process with a handler that nothing can stop ends itself, rather than go on with work that others have by then."""

import os
import subprocess
import sys
import uuid

import pytest
from django.db import connection

from tasks.guarding import WEDGED_EXIT
from tasks.models import Task, TaskAttempt
from tasks.states import FailureCategory, Outcome, TaskStatus
from tests.tasks.pool_process import statuses
from tests.tasks.rows import tasks

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = """
import signal, sys, time, uuid
import django
from django.conf import settings

settings.DATABASES["default"]["NAME"] = sys.argv[1]
settings.LEASE_SECONDS = float(sys.argv[2])
django.setup()

from tasks import holding, registry
from tests.sample_app import harm
from tests.tasks.pool_process import PoolProcess

@registry.handler("test.deaf")
def deaf(ctx, payload):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(60)

@registry.handler("test.holds_the_gil")
def holds_the_gil(ctx, payload):
    harm.hold_the_gil()

holding.GRACE = 0.2
process, ids = PoolProcess(), [uuid.UUID(each) for each in sys.argv[3:]]
for quick in ids[:2]:  # each by itself: on a busy machine it may use up the time of its message
    process.take(quick)
process.take(*ids[2:])  # all at once: what came before was of a known type
"""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(connection.settings_dict["NAME"]), *map(str, arguments)],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def queued(type_name: str, count: int, timeout: float) -> list[uuid.UUID]:
    quick = tasks(2, TaskStatus.QUEUED, type="sample.noop")
    return quick + tasks(count, TaskStatus.QUEUED, type=type_name, timeout=timeout)


def test_a_handler_that_hears_nothing_is_timed_out_with_its_process() -> None:
    *quick, deaf, waiting = queued("test.deaf", 2, timeout=1)
    ended = run(30, *quick, deaf, waiting)
    assert ended.returncode == WEDGED_EXIT, ended.stderr
    assert statuses(quick) == [TaskStatus.COMPLETED] * 2
    assert statuses([deaf, waiting]) == [TaskStatus.RETRYING, TaskStatus.PENDING]
    assert TaskAttempt.objects.get(task_id=deaf).category == FailureCategory.TIMEOUT
    assert TaskAttempt.objects.get(task_id=waiting).outcome == Outcome.RELEASED


def test_a_process_whose_threads_stand_still_ends_before_its_leases_do() -> None:
    *quick, holder = queued("test.holds_the_gil", 1, timeout=0.3)
    ended = run(3, *quick, holder)
    assert ended.returncode != 0
    assert "holds_the_gil" in ended.stderr  # whose fault it was
    assert Task.objects.get(id=holder).status == TaskStatus.PROCESSING  # the reaper's

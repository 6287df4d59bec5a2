"""How quickly the engine gets through a window of what waits, whatever waits behind it and has been done before."""

import itertools
from datetime import datetime

from bench import stopping
from bench.installation import Installation
from bench.measures import UNFINISHED, empty_tables
from tasks.models import Task
from tasks.services.queues import pause_queue, resume_queue
from tasks.states import TaskStatus

WINDOW = 10_000  # tasks
WITHIN = 300.0  # seconds, as a bound for every wait
_WITH_WORKERS = (TaskStatus.QUEUED, TaskStatus.PROCESSING)


def rates(installation: Installation, since: datetime, windows: int) -> list[float]:
    """Waits until so many windows are completed. Returns the tasks a second of each, by the database's clock."""
    wanted = windows * WINDOW
    installation.processes.wait_until(
        lambda: len(_ends(since, wanted)) == wanted, f"{wanted:,} tasks are completed", within=WITHIN, every=0.25
    )
    marks = [since, *_ends(since, wanted)[WINDOW - 1 :: WINDOW]]
    return [WINDOW / (later - earlier).total_seconds() for earlier, later in itertools.pairwise(marks)]


def _ends(since: datetime, most: int) -> list[datetime]:
    completed = Task.objects.filter(status=TaskStatus.COMPLETED, finished_at__gt=since)
    return [each for each in completed.order_by("finished_at").values_list("finished_at", flat=True)[:most] if each]


def await_done(installation: Installation) -> None:
    installation.processes.wait_until(
        lambda: not Task.objects.filter(status__in=UNFINISHED).exists(), "everything is done", within=WITHIN
    )


def empty(installation: Installation) -> None:
    """Removes all tasks while the engine runs: first nothing more is started, and what runs comes to its end."""
    pause_queue("default")
    installation.processes.wait_until(
        lambda: not Task.objects.filter(status__in=_WITH_WORKERS).exists(), "the workers are idle", within=60
    )
    stopping.sleep(1.0)  # messages that have become void are still read
    empty_tables()
    resume_queue("default")

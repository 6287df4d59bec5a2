"""Who is compared. Each knows how its processes are started, what it is told to do, and how that is verified."""

from bench.comparing.contestants.celery_prefork import CeleryContestant
from bench.comparing.contestants.contestant import Contestant
from bench.comparing.contestants.procrastinate_workers import ProcrastinateContestant
from bench.comparing.contestants.taskyard_engine import TaskyardContestant
from bench.installation import Installation

__all__ = ["Contestant", "contestants_of"]


def contestants_of(installation: Installation) -> list[Contestant]:
    """Returns those that can be compared in the installation's mode, in the order in which they take turns."""
    if installation.mode == "embedded":
        return [
            TaskyardContestant(installation),
            CeleryContestant("celery-results", "Celery + django-celery-results", installation, stores=True),
        ]
    return [
        TaskyardContestant(installation),
        CeleryContestant("celery-results", "Celery + django-celery-results", installation, stores=True),
        CeleryContestant("celery", "bare Celery", installation),
        CeleryContestant("celery-unconfirmed", "bare Celery, no confirms", installation, confirms=False),
        ProcrastinateContestant(installation),
    ]

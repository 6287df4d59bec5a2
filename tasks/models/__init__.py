"""What is stored. One file a model; what moves a row is in `transitions.py`."""

from tasks.models.attempt import TaskAttempt
from tasks.models.dead_letter import DeadLetter
from tasks.models.dependency import TaskDependency
from tasks.models.event import TaskEvent
from tasks.models.leadership import Leadership
from tasks.models.log import TaskLog
from tasks.models.queue import Queue
from tasks.models.task import Task
from tasks.models.worker import Worker

__all__ = [
    "DeadLetter",
    "Leadership",
    "Queue",
    "Task",
    "TaskAttempt",
    "TaskDependency",
    "TaskEvent",
    "TaskLog",
    "Worker",
]

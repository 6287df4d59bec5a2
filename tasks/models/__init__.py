"""What is stored. One file a model; what moves a row is in `transitions.py`."""

from tasks.models.api_key import ApiKey
from tasks.models.attempt import TaskAttempt
from tasks.models.audit_entry import AuditEntry
from tasks.models.bulk_action import BulkAction, BulkActionItem
from tasks.models.dead_letter import DeadLetter
from tasks.models.dependency import TaskDependency
from tasks.models.event import TaskEvent
from tasks.models.failed_login import FailedLogin
from tasks.models.failure_group import FailureGroup, FailureGroupChange
from tasks.models.failure_rule import FailureRule
from tasks.models.leadership import Leadership
from tasks.models.log import TaskLog
from tasks.models.queue import Queue
from tasks.models.role_grant import RoleGrant
from tasks.models.task import Task
from tasks.models.worker import Worker

__all__ = [
    "ApiKey",
    "AuditEntry",
    "BulkAction",
    "BulkActionItem",
    "DeadLetter",
    "FailedLogin",
    "FailureGroup",
    "FailureGroupChange",
    "FailureRule",
    "Leadership",
    "Queue",
    "RoleGrant",
    "Task",
    "TaskAttempt",
    "TaskDependency",
    "TaskEvent",
    "TaskLog",
    "Worker",
]

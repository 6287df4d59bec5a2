"""The admin's pages, one file a screen. They read rows and call services; they never write a task's row."""

from tasks.admin import (
    attempt_admin,
    audit_admin,
    bulk_action_admin,
    dead_letter_admin,
    failure_group_admin,
    failure_rule_admin,
    key_admin,
    queue_admin,
    task_admin,
    third_party,
    worker_admin,
)

__all__ = [
    "attempt_admin",
    "audit_admin",
    "bulk_action_admin",
    "dead_letter_admin",
    "failure_group_admin",
    "failure_rule_admin",
    "key_admin",
    "queue_admin",
    "task_admin",
    "third_party",
    "worker_admin",
]

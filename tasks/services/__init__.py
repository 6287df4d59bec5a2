"""The use cases. Admin, API and commands call these, so that all three doors behave alike."""

from tasks.services.bulk_actions import (
    abort_bulk_action,
    pause_bulk_action,
    preview_bulk_action,
    resume_bulk_action,
    start_bulk_action,
)
from tasks.services.cancelling import cancel_tasks
from tasks.services.compensating import compensate_task
from tasks.services.copying import clone_task
from tasks.services.dead_letters import (
    discard_dead_letters,
    discard_letters,
    reprocess_dead_letters,
    reprocess_letters,
    required_reason,
)
from tasks.services.editing import change_priority, edit_task, run_now
from tasks.services.failure_groups import ignore_group, reopen_group, resolve_group
from tasks.services.failure_rules import change_rule, create_rule, remove_rule, try_rule
from tasks.services.mending import retry_with_payload
from tasks.services.previewing import preview_reprocess
from tasks.services.queues import describe_queue, limit_queue, pause_queue, resume_queue
from tasks.services.reports import Report
from tasks.services.retrying import retry_tasks
from tasks.services.secrets import with_secrets
from tasks.services.storing import Submitted
from tasks.services.submission import submit_given, submit_task, submit_tasks

__all__ = [
    "Report",
    "Submitted",
    "abort_bulk_action",
    "cancel_tasks",
    "change_priority",
    "change_rule",
    "clone_task",
    "compensate_task",
    "create_rule",
    "describe_queue",
    "discard_dead_letters",
    "discard_letters",
    "edit_task",
    "ignore_group",
    "limit_queue",
    "pause_bulk_action",
    "pause_queue",
    "preview_bulk_action",
    "preview_reprocess",
    "remove_rule",
    "reopen_group",
    "reprocess_dead_letters",
    "reprocess_letters",
    "required_reason",
    "resolve_group",
    "resume_bulk_action",
    "resume_queue",
    "retry_tasks",
    "retry_with_payload",
    "run_now",
    "start_bulk_action",
    "submit_given",
    "submit_task",
    "submit_tasks",
    "try_rule",
    "with_secrets",
]

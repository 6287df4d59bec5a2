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
from tasks.services.dead_letters import discard_dead_letters, reprocess_dead_letters
from tasks.services.editing import change_priority, edit_task, run_now
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
    "clone_task",
    "compensate_task",
    "describe_queue",
    "discard_dead_letters",
    "edit_task",
    "limit_queue",
    "pause_bulk_action",
    "pause_queue",
    "preview_bulk_action",
    "reprocess_dead_letters",
    "resume_bulk_action",
    "resume_queue",
    "retry_tasks",
    "run_now",
    "start_bulk_action",
    "submit_given",
    "submit_task",
    "submit_tasks",
    "with_secrets",
]

"""One verb for everything that a search matches: previewed, started, steered; done by the coordinator."""

from tasks.services.bulk_actions.options import BulkOptions, default_guard
from tasks.services.bulk_actions.previewing import (
    TRIED,
    PatchPreview,
    Preview,
    Sample,
    preview_bulk_action,
    preview_patch,
)
from tasks.services.bulk_actions.running import bulk_duties
from tasks.services.bulk_actions.starting import check_token, read_verb, start_bulk_action
from tasks.services.bulk_actions.steering import abort_bulk_action, pause_bulk_action, resume_bulk_action
from tasks.services.bulk_actions.verbs import may_use, nouns

__all__ = [
    "TRIED",
    "BulkOptions",
    "PatchPreview",
    "Preview",
    "Sample",
    "abort_bulk_action",
    "bulk_duties",
    "check_token",
    "default_guard",
    "may_use",
    "nouns",
    "pause_bulk_action",
    "preview_bulk_action",
    "preview_patch",
    "read_verb",
    "resume_bulk_action",
    "start_bulk_action",
]

"""Looks at tasks and does to them what the admin does."""

from tasks.command_line import bulk, exports, task_reads, task_verbs
from tasks.command_line.command import VerbCommand


class Command(VerbCommand):
    help = "Lists, shows, explains, exports and changes tasks: `tasks VERB --help`. See docs/command-line.md."
    verbs = (*task_reads.VERBS, exports.TASKS_VERB, *task_verbs.VERBS, bulk.VERB)

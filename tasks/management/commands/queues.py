"""Looks at queues, pauses, resumes and limits them."""

from tasks.command_line import queues
from tasks.command_line.command import VerbCommand


class Command(VerbCommand):
    help = "Shows, pauses, resumes and limits queues: `queues VERB --help`. See docs/command-line.md."
    verbs = queues.VERBS

"""Looks at dead letters and their groups, and resolves them."""

from tasks.command_line import dead_letter_reads, dead_letter_verbs, failure_groups
from tasks.command_line.command import VerbCommand


class Command(VerbCommand):
    help = "Lists, groups, reprocesses and discards dead letters: `deadletters VERB --help`. See docs/command-line.md."
    verbs = (*dead_letter_reads.VERBS, *failure_groups.VERBS, *dead_letter_verbs.VERBS)

"""Looks at dead letters and their groups, and resolves them."""

from tasks.command_line import dead_letter_reads, dead_letter_verbs, exports, failure_groups
from tasks.command_line.command import VerbCommand


class Command(VerbCommand):
    help = "Lists, exports, groups and resolves dead letters: `deadletters VERB --help`. See docs/command-line.md."
    verbs = (*dead_letter_reads.VERBS, exports.DEAD_LETTERS_VERB, *failure_groups.VERBS, *dead_letter_verbs.VERBS)

"""Dead letters: tasks that are finally dead, and messages that could not be executed at all."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from tasks.admin.attempt_admin import task_link
from tasks.admin.badges import OPEN, RESOLUTION_COLOURS
from tasks.admin.contents import error_line, may_see_contents, pretty, shortened
from tasks.admin.dead_letter_verbs import VERBS
from tasks.admin.filters import LETTER_FILTERS
from tasks.admin.selection_list import SelectionList
from tasks.admin.times import age, stamp_and_age
from tasks.masking import masked_text
from tasks.models import DeadLetter
from tasks.searching import DEAD_LETTERS


@admin.register(DeadLetter)
class DeadLetterAdmin(SelectionList):
    selects = DEAD_LETTERS
    verbs = VERBS
    breakdown = "resolution"
    list_display = ("badge", "kind", "category", "error", "queue", "attempts", "died")
    list_display_links = ("badge", "error")
    list_filter = LETTER_FILTERS
    list_defer = ("traceback", "body", "x_death")
    search_help_text = "resolution:open category:timeout"

    @display(description="Resolution", label=RESOLUTION_COLOURS)
    def badge(self, letter: DeadLetter) -> tuple[str, str]:
        return resolution_of(letter)

    @display(description="Type")
    def kind(self, letter: DeadLetter) -> SafeString | str:
        return task_link(letter.task_id, letter.type) if letter.task_id else letter.type or "message"

    @display(description="Error")
    def error(self, letter: DeadLetter) -> str:
        return shortened(error_line(letter.error_class, letter.message), 90) or letter.category

    @display(description="Died")
    def died(self, letter: Any) -> SafeString | None:
        return age(letter.created_at, letter.seen_at)

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        seen = may_see_contents(request)
        resolution, words = resolution_of(row)
        return {
            "badges": [(words, RESOLUTION_COLOURS.get(resolution, ""))],
            "facts": [
                ("Task", task_link(row.task_id, row.task_id) if row.task_id else None),
                ("Type", row.type),
                ("Queue", row.queue),
                ("Category", row.get_category_display()),
                ("Attempts", row.attempts),
                ("Died", stamp_and_age(row.created_at, row.seen_at)),
                ("Announced", stamp_and_age(row.announced_at, row.seen_at)),
                ("Fingerprint", row.fingerprint),
                ("Resolved", stamp_and_age(row.resolved_at, row.seen_at)),
                ("Resolved by", row.resolved_by),
            ],
            "error": error_line(row.error_class, row.message),
            "contents": [
                ("Traceback", masked_text(row.traceback) if seen else ""),
                *([("Message as it came", masked_text(row.body) if seen else "")] if row.body else []),
                *([("The broker's account (x-death)", pretty(row.x_death) if seen else "")] if row.x_death else []),
            ],
        }


def resolution_of(letter: DeadLetter) -> tuple[str, str]:
    """Returns the resolution and its words; an open dead letter has none in its row."""
    if not letter.resolution:
        return OPEN, OPEN.capitalize()
    return letter.resolution, letter.get_resolution_display()

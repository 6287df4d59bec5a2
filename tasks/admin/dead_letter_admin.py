"""Dead letters: tasks that are finally dead, and messages that could not be executed at all."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from tasks.admin.attempt_admin import task_link
from tasks.admin.badges import OPEN, RESOLUTION_COLOURS
from tasks.admin.contents import error_line, may_see_contents, pretty, shortened
from tasks.admin.dead_letter_evidence import evidence_of, would_do
from tasks.admin.dead_letter_verbs import VERBS
from tasks.admin.filters import LETTER_FILTERS
from tasks.admin.selection_list import SelectionList
from tasks.admin.times import age, stamp_and_age
from tasks.masking import masked_text
from tasks.models import DeadLetter, FailureGroup
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
    list_select_related = ("resolved_by",)
    change_form_template = "admin/tasks/dead_letter_page.html"

    class Media:
        css: ClassVar = {"all": ["tasks/deadletters.css"]}

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
                ("Task", task_link(row.task_id, row.task) if row.task_id else None),
                ("Type", row.type),
                ("Queue", row.queue),
                ("Category", row.get_category_display()),
                ("Attempts", row.attempts),
                ("Died", stamp_and_age(row.created_at, row.seen_at)),
                ("Announced", stamp_and_age(row.announced_at, row.seen_at)),
                ("Group", group_link(row)),
                ("Resolved", stamp_and_age(row.resolved_at, row.seen_at)),
                ("Resolved by", row.resolved_by),
            ],
            "error": error_line(row.error_class, row.message),
            "would": would_do(row) if not row.resolution else "",
            "folded": [
                ("Traceback", masked_text(row.traceback) if seen else ""),
                *([("Message as it came", masked_text(row.body) if seen else "")] if row.body else []),
                *([("The broker's account (x-death)", pretty(row.x_death) if seen else "")] if row.x_death else []),
            ],
            "tables": evidence_of(row),
        }


def group_link(letter: DeadLetter) -> SafeString | str:
    """Returns a link to the letter's group; of one that is not counted yet, its fingerprint."""
    if not FailureGroup.objects.filter(pk=letter.fingerprint).exists():
        return letter.fingerprint
    address = reverse("admin:tasks_failuregroup_change", args=[letter.fingerprint])
    return format_html('<a class="text-link" href="{}">{}</a>', address, letter.fingerprint)


def resolution_of(letter: DeadLetter) -> tuple[str, str]:
    """Returns the resolution and its words; an open dead letter has none in its row."""
    if not letter.resolution:
        return OPEN, OPEN.capitalize()
    return letter.resolution, letter.get_resolution_display()

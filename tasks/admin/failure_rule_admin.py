"""Rules over failures: edited by operators, and tried on failures of late before they are in force."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.forms import AdminForm

from tasks import services
from tasks.admin.attempt_admin import task_link
from tasks.admin.contents import error_line, shortened
from tasks.admin.failure_rule_form import FailureRuleForm
from tasks.admin.times import age, stamp_and_age
from tasks.admin.verb_forms import VersionedForm
from tasks.admin.verb_pages import VerbPages
from tasks.admin.verbs import Done, Verb
from tasks.exceptions import InvalidSubmission, TaskyardError
from tasks.masking import masked_text
from tasks.models import FailureRule
from tasks.services.failure_rules import Trial
from tasks.states import FailureCategory

ON, OFF = "on", "off"
COLOURS = {ON: "success", OFF: "grey"}
ROWS = [
    ("order", "enabled"),
    ("type", "error_class"),
    ("message", "message_match"),
    ("category", "verdict"),
    ("delay", "note"),
]


def _remove(rule: FailureRule, values: dict[str, Any], user: Any) -> Done:
    services.remove_rule(rule.pk, actor=user, version=values["version"])
    return Done("The rule was removed.")


@admin.register(FailureRule)
class FailureRuleAdmin(VerbPages):
    verbs = (
        Verb(
            name="remove",
            label="Remove",
            past="removed",
            explanation="Failures of the future are judged without it. To keep it for later, switch it off instead.",
            permission="tasks.delete_failurerule",
            form=VersionedForm,
            run=_remove,
            is_grave=True,
        ),
    )
    list_display = ("badge", "order", "matches", "makes", "note_line", "changed")
    list_display_links = ("badge", "matches")
    list_filter = ("enabled",)
    ordering = ("order", "id")
    add_form_template = change_form_template = "admin/tasks/failure_rule_page.html"

    class Media:
        css: ClassVar = {"all": ["tasks/deadletters.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tasks.add_failurerule")

    @display(description="In force", label=COLOURS)
    def badge(self, rule: FailureRule) -> tuple[str, str]:
        return (ON, "On") if rule.enabled else (OFF, "Off")

    @display(description="Failures")
    def matches(self, rule: FailureRule) -> str:
        return matches_in_words(rule)

    @display(description="Become")
    def makes(self, rule: FailureRule) -> str:
        return makes_in_words(rule)

    @display(description="Note")
    def note_line(self, rule: FailureRule) -> str:
        return shortened(rule.note, 60)

    @display(description="Changed")
    def changed(self, rule: Any) -> SafeString | None:
        return age(rule.changed_at, rule.seen_at)

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        _, words = self.badge(row)
        return {
            "badges": [(words, COLOURS[ON if row.enabled else OFF])],
            "facts": [
                ("Failures", matches_in_words(row)),
                ("Become", makes_in_words(row)),
                ("Order", row.order),
                ("Changed", stamp_and_age(row.changed_at, row.seen_at)),
                ("Note", row.note),
            ],
        }

    # --- The form ----------------------------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._edit(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        rule = self.get_object(request, object_id)
        if rule is None or not request.user.has_perm("tasks.change_failurerule"):
            response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
            return response
        return self._edit(request, rule)

    def verb_view(self, request: HttpRequest, object_id: str, verb: Verb) -> HttpResponse:
        response = super().verb_view(request, object_id, verb)
        if request.method == "POST" and response.status_code == 302 and self.get_object(request, object_id) is None:
            return HttpResponseRedirect(reverse("admin:tasks_failurerule_changelist"))
        return response

    def _edit(self, request: HttpRequest, rule: Any) -> HttpResponse:
        form = FailureRuleForm(request.POST if request.method == "POST" else None, rule=rule)
        trial: Trial | None = None
        if request.method == "POST" and form.is_valid():
            try:
                if "_try" in request.POST:
                    trial = services.try_rule(form.given(), instead_of=None if rule is None else rule.pk)
                else:
                    return self._save(request, form, rule)
            except InvalidSubmission as error:
                form.refuse(error)
            except TaskyardError as error:
                self.message_user(request, f"Nothing was changed: {error}.", messages.ERROR)
        adminform = AdminForm(form, [(None, {"fields": ROWS})], {}, (), model_admin=self)
        context = {
            **self.admin_site.each_context(request),
            "title": "Add a rule over failures" if rule is None else str(rule).capitalize(),
            "adminform": adminform,
            "form": form,
            "media": self.media + adminform.media,
            "errors": form.errors,
            "inline_admin_formsets": [],
            "preserved_filters": self.get_preserved_filters(request),
            "is_popup": False,
            "is_editable": True,
            "original": rule,
            "trial": trial and _trial(trial),
        }
        response: HttpResponse = self.render_change_form(
            request, context, add=rule is None, change=rule is not None, obj=rule
        )
        return response

    def _save(self, request: HttpRequest, form: FailureRuleForm, rule: Any) -> HttpResponse:
        if rule is None:
            services.create_rule(form.given(), actor=request.user)
            words = "The rule was made; workers obey it within seconds."
        else:
            version = form.cleaned_data["seen"] or None
            services.change_rule(rule.pk, form.given(), actor=request.user, version=version)
            words = "The rule was changed; workers obey it within seconds."
        self.message_user(request, words, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:tasks_failurerule_changelist"))


def matches_in_words(rule: FailureRule) -> str:
    said = [f"type {rule.type}"] if rule.type else []
    said += [f"class {rule.error_class}"] if rule.error_class else []
    if rule.message:
        how = "matches" if rule.message_match == "regex" else "contains"
        said.append(f"message {how} “{shortened(masked_text(rule.message), 60)}”")
    return ", ".join(said)


def makes_in_words(rule: FailureRule) -> str:
    said = [rule.get_category_display()] if rule.category else []
    said += [rule.get_verdict_display()] if rule.verdict else []
    said += [f"after {rule.delay:g} s"] if rule.delay is not None else []
    return ", ".join(said)


def _trial(trial: Trial) -> dict[str, Any]:
    """Returns the trial as the page shows it."""
    label = dict(FailureCategory.choices)
    rows = [
        {
            "task": task_link(each.task_id, each.type) if each.task_id else each.type or "message",
            "error": shortened(error_line(each.error_class, each.message), 100),
            "category": label.get(each.category, each.category),
            "becomes": label.get(each.becomes, each.becomes),
        }
        for each in trial.samples
    ]
    return {
        "checked": trial.checked,
        "matched": trial.matched,
        "taken_before": trial.taken_before,
        "rows": rows,
    }

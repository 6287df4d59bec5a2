"""What the page that starts a bulk action asks for."""

from typing import Any, Literal

from django import forms
from django.http import HttpRequest
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from tasks.admin.contents import may_see_contents
from tasks.admin.submission_form import ObjectField
from tasks.admin.verb_forms import LONGEST_REASON
from tasks.canary import LARGEST_CANARY
from tasks.exceptions import InvalidSubmission
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.services.bulk_actions import default_guard
from tasks.states import GUARDED, BulkVerb

_GUARD = ("guarded", "canary", "failures", "rate")
# Where the service's words for a value are other than the form's.
_FIELDS = {"guard.failure_share": "failures"}


class BulkForm(forms.Form):
    priority = forms.IntegerField(
        min_value=LOWEST_PRIORITY,
        max_value=HIGHEST_PRIORITY,
        widget=UnfoldAdminIntegerFieldWidget({"min": LOWEST_PRIORITY, "max": HIGHEST_PRIORITY}),
        help_text=f"{LOWEST_PRIORITY} to {HIGHEST_PRIORITY}; {HIGHEST_PRIORITY} goes first.",
    )
    patch = ObjectField(
        rows=4,
        required=False,
        label="Change the payloads",
        help_text='A JSON object that is merged into each, such as {"url": "https://…"}; null takes a field away.'
        " Empty: they stay as they are.",
    )
    guarded = forms.BooleanField(
        required=False,
        label="Guarded",
        widget=UnfoldBooleanSwitchWidget,
        help_text="Tries some first, stops by itself if too many of them fail, and lets the rest follow at a rate.",
    )
    canary = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_CANARY,
        label="Canary",
        widget=UnfoldAdminIntegerFieldWidget({"min": 1, "max": LARGEST_CANARY}),
        help_text="Tasks that are tried first, some of each kind of failure. The rest waits until they have ended.",
    )
    failures = forms.FloatField(
        required=False,
        min_value=0,
        max_value=100,
        label="Failures allowed",
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
        help_text="Per cent. Above that it stops, and touches nothing else.",
    )
    rate = forms.FloatField(
        required=False,
        label="Rate",
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
        help_text="Tasks a second, once the canary is through.",
    )
    reason = forms.CharField(
        max_length=LONGEST_REASON, widget=UnfoldAdminTextInputWidget(), help_text="Kept with all that is done."
    )

    def __init__(self, data: Any = None, *, verb: BulkVerb, request: HttpRequest) -> None:
        super().__init__(data)
        self.verb = verb
        if verb != BulkVerb.CHANGE_PRIORITY:
            del self.fields["priority"]
        if verb not in GUARDED or not may_see_contents(request):
            del self.fields["patch"]
        if verb in GUARDED:
            guard = default_guard()
            self.fields["guarded"].initial = verb == BulkVerb.REPROCESS
            self.fields["canary"].initial = guard.canary
            self.fields["failures"].initial = f"{guard.failure_share * 100:g}"
            self.fields["rate"].initial = f"{guard.rate:g}"
        else:
            for name in _GUARD:
                del self.fields[name]

    def fieldsets(self) -> list[tuple[str | None, dict[str, Any]]]:
        plain = [name for name in self.fields if name not in _GUARD]
        guard: list[Any] = ["guarded", ("canary", "failures", "rate")] if "guarded" in self.fields else []
        return [(None, {"fields": [*(name for name in plain if name != "reason"), *guard, "reason"]})]

    def options(self) -> dict[str, Any]:
        given = {name: self.cleaned_data.get(name) for name in ("priority", "patch")}
        return {name: value for name, value in given.items() if value is not None}

    def guard(self) -> dict[str, Any] | Literal[False]:
        """Returns what was given of it; an empty field is as the settings have it."""
        values = self.cleaned_data
        if not values.get("guarded"):
            return False
        found = {name: values[name] for name in ("canary", "rate") if values.get(name) is not None}
        if values.get("failures") is not None:
            found["failure_share"] = values["failures"] / 100
        return found or default_guard().model_dump()

    def refuse(self, error: InvalidSubmission) -> None:
        """Puts each error at the field that it is about."""
        for each in error.errors:
            name = _FIELDS.get(each["attr"], each["attr"].removeprefix("options.").removeprefix("guard."))
            self.add_error(name if name in self.fields else None, f"{each['detail'][:1].upper()}{each['detail'][1:]}.")

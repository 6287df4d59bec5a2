"""The form of a rule over failures. It reads the fields; what they may say, the service decides."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from tasks.exceptions import InvalidSubmission
from tasks.models import FailureRule
from tasks.services.failure_rules import facts_of
from tasks.states import RULED, FailureCategory, MessageMatch, RuleVerdict
from tasks.versions import version_of


def _text(**attributes: Any) -> Any:
    return UnfoldAdminTextInputWidget(attributes)


class FailureRuleForm(forms.Form):
    """Its fields are called as in `services.failure_rules.RuleForm`, so that errors find their way back."""

    order = forms.IntegerField(
        initial=100,
        widget=UnfoldAdminIntegerFieldWidget({"min": 0}),
        help_text="The lowest is asked first; the first rule that matches decides.",
    )
    enabled = forms.BooleanField(required=False, initial=True, widget=UnfoldBooleanSwitchWidget())
    type = forms.CharField(
        required=False, widget=_text(placeholder="http_*"), help_text="May hold * and ?. Empty: every type."
    )
    error_class = forms.CharField(  # type: ignore[assignment]  # Django's own of that name is set in __init__
        required=False,
        label="Error class",
        widget=_text(placeholder="*Timeout"),
        help_text="May hold * and ?. Empty: every class.",
    )
    message = forms.CharField(required=False, strip=False, widget=_text(), help_text="Empty: every message.")
    message_match = forms.ChoiceField(
        label="The message is",
        choices=[
            (MessageMatch.CONTAINS.value, "part of the error's, in any case of letters"),
            (MessageMatch.REGEX.value, "a regular expression (Rust's: without look-around)"),
        ],
        widget=UnfoldAdminSelectWidget(),
    )
    category = forms.ChoiceField(
        required=False,
        label="Set the category",
        choices=[("", "As it is"), *[choice for choice in FailureCategory.choices if choice[0] in RULED]],
        widget=UnfoldAdminSelectWidget(),
    )
    verdict = forms.ChoiceField(
        required=False,
        choices=[("", "As the error says"), *RuleVerdict.choices],
        widget=UnfoldAdminSelectWidget(),
        help_text="Nothing is tried more often than the task's attempts allow.",
    )
    delay = forms.FloatField(
        required=False,
        widget=_text(inputmode="decimal"),
        help_text="Seconds before the next attempt. Empty: by the retry policy.",
    )
    note = forms.CharField(required=False, widget=_text(), help_text="Why, for whoever wonders later.")
    seen = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(self, data: Any = None, *, rule: FailureRule | None = None) -> None:
        initial = {} if rule is None else {**facts_of(rule), "seen": version_of(rule)}
        super().__init__(data, initial=initial)

    def given(self) -> dict[str, Any]:
        """Returns what is given to the service."""
        return {name: value for name, value in self.cleaned_data.items() if name != "seen"}

    def refuse(self, error: InvalidSubmission) -> None:
        for each in error.errors:
            field = each["attr"] if each["attr"] in self.fields else None
            self.add_error(field, each["detail"][:1].upper() + each["detail"][1:])

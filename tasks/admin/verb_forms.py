"""What a verb asks for before it is done: a reason, and for some of them values."""

from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from tasks.admin.contents import may_see_contents
from tasks.admin.submission_form import ObjectField
from tasks.exceptions import InvalidSubmission
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.services import with_secrets
from tasks.services.queues import LONGEST_DESCRIPTION
from tasks.versions import version_of

LONGEST_REASON = 1_000


class VerbForm(forms.Form):
    """`row` is the row that the verb is for, None for a selection."""

    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Kept with the history. May stay empty.",
    )

    def __init__(self, data: Any = None, *, row: Any = None, request: HttpRequest) -> None:
        super().__init__(data)
        self.row, self.request = row, request
        self.prepare()
        self.order_fields([name for name in self.fields if name != "reason"])  # the reason comes last

    def prepare(self) -> None:
        """Fills in what depends on the row and on the user."""

    def values(self) -> dict[str, Any]:
        """Returns what is given to the service. Raises InvalidSubmission for what only the row makes wrong."""
        return dict(self.cleaned_data)

    def refuse(self, error: InvalidSubmission) -> None:
        """Puts each error at the field that its path begins with; a longer path is part of the message."""
        for each in error.errors:
            # A retry names the task first: here there is but one.
            attr = each["attr"].removeprefix(f"{getattr(self.row, 'task_id', None) or getattr(self.row, 'pk', '')}.")
            field = attr.partition(".")[0]
            message = f"{attr}: {each['detail']}" if attr != field else each["detail"][:1].upper() + each["detail"][1:]
            self.add_error(field if field in self.fields else None, message)


class ReasonedForm(VerbForm):
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Kept with the history, for whoever wonders later.",
    )


class PriorityForm(VerbForm):
    priority = forms.IntegerField(
        min_value=LOWEST_PRIORITY,
        max_value=HIGHEST_PRIORITY,
        widget=UnfoldAdminIntegerFieldWidget({"min": LOWEST_PRIORITY, "max": HIGHEST_PRIORITY}),
        help_text=f"{LOWEST_PRIORITY} to {HIGHEST_PRIORITY}; {HIGHEST_PRIORITY} goes first.",
    )

    def prepare(self) -> None:
        if self.row is not None:
            self.fields["priority"].initial = self.row.priority


class RetryForm(VerbForm):
    """A payload can be changed by those who may see it; of many at once, none is."""

    payload = ObjectField(
        rows=4,
        required=False,
        label="Change the payload",
        help_text='A JSON object that is merged into it, such as {"url": "https://…"}; null takes a field away.'
        " Empty: it stays as it is.",
    )

    def prepare(self) -> None:
        if self.row is None or not may_see_contents(self.request):
            del self.fields["payload"]

    def values(self) -> dict[str, Any]:
        values = super().values()
        if values.get("payload"):
            task = getattr(self.row, "task", self.row)
            values["payload"] = with_secrets(values["payload"], task.payload if task else {})
        return values


class PauseForm(VerbForm):
    reason = forms.CharField(
        required=False, max_length=200, widget=UnfoldAdminTextInputWidget(), help_text="Shown with the queue."
    )


class VersionedForm(VerbForm):
    """Carries the version that the row was shown in: of two editors the second one learns of the first."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput())

    def prepare(self) -> None:
        self.fields["seen"].initial = version_of(self.row)

    def values(self) -> dict[str, Any]:
        values = super().values()
        seen = values.pop("seen")
        return {**values, "version": seen or None}


class DescriptionForm(VersionedForm):
    description = forms.CharField(
        required=False, max_length=LONGEST_DESCRIPTION, widget=UnfoldAdminTextInputWidget(), help_text="What it is for."
    )

    def prepare(self) -> None:
        super().prepare()
        self.fields["description"].initial = self.row.description


class LimitsForm(VersionedForm):
    """Called as in `services.limit_queue`, so that errors find their way back."""

    rate_limit = forms.FloatField(
        required=False,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
        help_text="Tasks a second that are started, on all workers together. Empty: no limit.",
    )
    concurrency_limit = forms.IntegerField(
        required=False,
        label="Concurrency limit",
        widget=UnfoldAdminIntegerFieldWidget({"min": 1}),
        help_text="Tasks that run at once, on all workers together. Empty: no limit.",
    )

    def prepare(self) -> None:
        super().prepare()
        for name in ("rate_limit", "concurrency_limit"):
            self.fields[name].initial = getattr(self.row, name)

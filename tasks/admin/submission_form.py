"""The form that submits a task. It reads the fields; what they may say, the service decides."""

import json
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from tasks import registry, selectors
from tasks.admin.contents import shortened
from tasks.exceptions import (
    AlreadyCompensated,
    DependencyEnded,
    IdempotencyConflict,
    IllegalTransition,
    InvalidSubmission,
    NotCompensable,
    PayloadTooLarge,
)
from tasks.models.task import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.services import Submitted, submit_task

_NOT_GIVEN: tuple[Any, ...] = ("", None, [])


class ObjectField(forms.CharField):
    """A JSON object."""

    def __init__(self, rows: int, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget({"rows": rows, "class": "ty-code-input", "spellcheck": "false"})
        super().__init__(widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is not JSON: {error}.", code="not_json") from None
        if not isinstance(found, dict):
            raise forms.ValidationError('Give a JSON object, such as {"key": "value"}.', code="not_an_object")
        return found


class WordsField(forms.CharField):
    """Words separated by commas."""

    def clean(self, value: Any) -> Any:
        return [word.strip() for word in str(super().clean(value)).split(",") if word.strip()]


def _types() -> list[tuple[str, str]]:
    return [("", "Select a type"), *((each.name, _option(each)) for each in registry.handlers())]


def _option(handler: registry.Handler) -> str:
    return f"{handler.name}: {shortened(handler.description, 90)}" if handler.description else handler.name


def _queues() -> list[tuple[str, str]]:
    return [("", "The type's own"), *((name, name) for name in sorted(selectors.queue_names()))]


def _text(**kwargs: Any) -> Any:
    return UnfoldAdminTextInputWidget(kwargs)


class SubmissionForm(forms.Form):
    """Its fields are called as in `tasks.services.submission_form.Submission`, so that errors find their way back."""

    type = forms.ChoiceField(choices=_types, widget=UnfoldAdminSelectWidget())
    payload = ObjectField(rows=9, initial="{}", required=False)
    name = forms.CharField(required=False, widget=_text(), help_text="For people: shown in lists instead of the type.")
    queue = forms.ChoiceField(required=False, choices=_queues, widget=UnfoldAdminSelectWidget())
    priority = forms.IntegerField(
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(
            {"min": LOWEST_PRIORITY, "max": HIGHEST_PRIORITY, "placeholder": DEFAULT_PRIORITY}
        ),
        help_text=f"{LOWEST_PRIORITY} to {HIGHEST_PRIORITY}; {HIGHEST_PRIORITY} goes first.",
    )
    tags = WordsField(required=False, widget=_text(), help_text="Separated by commas.")
    delay = forms.FloatField(required=False, widget=_text(inputmode="decimal"), help_text="Seconds from now.")
    run_at = forms.DateTimeField(
        required=False,
        label="Run at",
        widget=forms.DateTimeInput({"type": "datetime-local", "step": 1, "class": " ".join(INPUT_CLASSES)}),
    )
    max_attempts = forms.IntegerField(
        required=False, widget=UnfoldAdminIntegerFieldWidget({"min": 1}), help_text="The first one included."
    )
    timeout = forms.FloatField(
        required=False, widget=_text(inputmode="decimal"), help_text="Seconds that an attempt may take."
    )
    retry = ObjectField(
        rows=2,
        required=False,
        label="Retry policy",
        help_text='JSON, in seconds, such as {"kind": "exponential", "base": 1, "factor": 2, "max": 600}.'
        " Empty: the type's.",
    )
    depends_on = WordsField(
        required=False,
        label="Waits for",
        widget=_text(),
        help_text="Ids of tasks that have to be completed first, separated by commas.",
    )
    on_dependency_failure = forms.ChoiceField(
        required=False,
        label="If one of those fails",
        choices=[("", "This one fails as well"), ("wait", "Go on waiting"), ("run", "Run all the same")],
        widget=UnfoldAdminSelectWidget(),
    )
    compensate = ObjectField(
        rows=2,
        required=False,
        label="Undone by",
        help_text='JSON: the task that undoes this one, such as {"type": "http_request", "payload": {…}}.'
        " Empty: what the type declares.",
    )
    idempotency_key = forms.CharField(
        required=False, widget=_text(), help_text="A key that you used before leads to the task that it made."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["run_at"].help_text = f"In {timezone.get_current_timezone_name()}. Give this or a delay."

    def submit(self, actor: Any) -> Submitted | None:
        """Submits what was filled in. Returns None where something is wrong with it: the fields then say what."""
        if not self.is_valid():
            return None
        given = {name: value for name, value in self.cleaned_data.items() if value not in _NOT_GIVEN}
        try:
            return submit_task(actor=actor, **given)
        except InvalidSubmission as error:
            for each in error.errors:
                self._refuse(each["attr"], each["detail"])
        except (
            PayloadTooLarge, IdempotencyConflict, DependencyEnded, AlreadyCompensated, IllegalTransition, NotCompensable
        ) as error:  # fmt: skip
            self._refuse(error.attr, str(error))
        except PermissionDenied as error:
            self._refuse("type", str(error))
        return None

    def _refuse(self, attr: str, detail: str) -> None:
        """Puts an error at the field that the path begins with; a longer path is part of the message."""
        field = attr.partition(".")[0]
        message = f"{attr}: {detail}" if attr != field else detail[:1].upper() + detail[1:]
        self.add_error(field if field in self.fields else None, message)


def type_facts() -> list[dict[str, Any]]:
    """Returns what the page tells of each type while one is chosen."""
    return [
        {
            "name": handler.name,
            "description": handler.description,
            "queue": handler.queue,
            "timeout": handler.timeout,
            "max_attempts": handler.max_attempts,
            "schema": handler.payload.model_json_schema(),
        }
        for handler in registry.handlers()
    ]

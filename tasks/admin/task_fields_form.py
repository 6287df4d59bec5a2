"""The fields of a task that exists, to edit it or to make a changed copy: only what was changed is passed on."""

import json
from typing import Any, ClassVar

from django import forms
from unfold.widgets import INPUT_CLASSES

from tasks.admin.contents import may_see_contents, pretty
from tasks.admin.submission_form import ObjectField, SubmissionForm
from tasks.admin.verb_forms import VerbForm
from tasks.masking import masked
from tasks.services import with_secrets
from tasks.states import OnDependencyFailure
from tasks.versions import version_of

# What may be emptied; elsewhere an empty field says nothing.
_MAY_BE_EMPTY = ("name", "tags")


class EditForm(VerbForm, SubmissionForm):
    """Fields that are not shown keep their values: the payload for those who may not see it."""

    left_out: ClassVar[tuple[str, ...]] = ("type", "depends_on", "compensate", "idempotency_key", "delay")

    # Of what was shown: a value that somebody else has changed since then must not be changed back unseen.
    seen = forms.CharField(required=False, widget=forms.HiddenInput())

    def prepare(self) -> None:
        task = self.row
        for name in self.left_out:
            del self.fields[name]
        self.shown = {
            "payload": masked(task.payload),
            "name": task.name,
            "queue": task.queue,
            "priority": task.priority,
            "tags": task.tags,
            "max_attempts": task.max_attempts,
            "timeout": task.timeout,
            "retry": task.retry,
            "run_at": task.run_at.replace(microsecond=0),
            "on_dependency_failure": ""
            if task.on_dependency_failure == OnDependencyFailure.FAIL
            else task.on_dependency_failure,
        }
        self.fields["seen"].initial = version_of(task)
        if not may_see_contents(self.request):
            del self.fields["payload"]
        if not task.unmet:
            self.fields.pop("on_dependency_failure", None)
        for name in self.fields.keys() & self.shown.keys():
            self.fields[name].initial = self._written(name)
        self.fields["retry"].help_text = f"{self.fields['retry'].help_text}".replace(" Empty: the type's.", "")
        if "run_at" in self.fields:
            self.fields["run_at"].widget = forms.DateTimeInput(
                {"type": "datetime-local", "step": 1, "class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%dT%H:%M:%S"
            )
            self.fields["run_at"].help_text = f"{self.fields['run_at'].help_text}".replace(" Give this or a delay.", "")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.pop("seen", "") not in ("", version_of(self.row)):
            raise forms.ValidationError("It was changed since this form was opened: go back and see how it is now.")
        return values

    def _written(self, name: str) -> Any:
        value = self.shown[name]
        if isinstance(self.fields[name], ObjectField):
            return pretty(value) if name == "payload" else json.dumps(value)
        return ", ".join(value) if isinstance(value, list) else value

    def values(self) -> dict[str, Any]:
        changes = {
            name: value
            for name, value in self.cleaned_data.items()
            if name != "reason" and value != self.shown.get(name) and (name in _MAY_BE_EMPTY or value not in (None, ""))
        }
        if self.cleaned_data.get("on_dependency_failure") == "" and self.shown["on_dependency_failure"]:
            changes["on_dependency_failure"] = OnDependencyFailure.FAIL.value
        if "payload" in changes:
            changes["payload"] = with_secrets(changes["payload"], self.row.payload)
        return {"changes": changes, "reason": self.cleaned_data["reason"], "version": self.data.get("seen") or None}


class CloneForm(EditForm):
    """A copy is due at once, unless a delay is given, and waits for nothing."""

    left_out: ClassVar[tuple[str, ...]] = (
        "type",
        "depends_on",
        "compensate",
        "idempotency_key",
        "run_at",
        "on_dependency_failure",
    )

    def prepare(self) -> None:
        super().prepare()
        self.fields["max_attempts"].initial = self.shown["max_attempts"] = self.row.budget


class MendForm(VerbForm):
    """The whole payload of a dead task, to be mended before it is retried. For those who may see payloads."""

    payload = ObjectField(
        rows=16,
        help_text="All of it, checked by the type's schema. A mask stays the secret that it stands for.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput())

    def prepare(self) -> None:
        self.fields["payload"].initial = pretty(self.row.payload)
        self.fields["seen"].initial = version_of(self.row)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("seen", "") not in ("", version_of(self.row)):
            raise forms.ValidationError("It was changed since this form was opened: go back and see how it is now.")
        return values

    def values(self) -> dict[str, Any]:
        return {
            "payload": self.cleaned_data["payload"],
            "reason": self.cleaned_data["reason"],
            "version": self.cleaned_data["seen"] or None,
        }

"""The form that reprocesses dead letters: with another payload only after a look at what would become of them."""

import difflib
import json
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from tasks import services
from tasks.admin.contents import may_see_contents
from tasks.admin.verb_forms import RetryForm
from tasks.exceptions import InvalidSubmission
from tasks.masking import masked, masked_text
from tasks.models import DeadLetter
from tasks.services.previewing import Preview, Sample
from tasks.services.retrying import LONGEST_SPREAD

ERRORS_SHOWN = 10


class ReprocessForm(RetryForm):
    """`preview` is what the template shows of it. `previewed` names what was looked at: anything else is shown anew."""

    spread = forms.FloatField(
        required=False,
        min_value=0,
        max_value=LONGEST_SPREAD,
        label="Spread over",
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
        help_text="Seconds: each comes back at a moment drawn from them. Empty: all at once.",
    )
    previewed = forms.CharField(required=False, widget=forms.HiddenInput())
    preview: dict[str, Any] | None = None

    def prepare(self) -> None:
        if not may_see_contents(self.request):
            del self.fields["payload"]
        if self.row is not None:
            del self.fields["spread"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        patch = cleaned.get("payload")
        if self.errors or not patch:
            return cleaned
        try:
            preview = services.preview_reprocess(self._letters(), patch=self._with_secrets(patch))
        except InvalidSubmission as error:
            for each in error.errors:
                self.add_error("payload", f"{each['attr']}: {each['detail']}")
            return cleaned
        if preview.invalid or cleaned.get("previewed") != preview.digest:
            was_seen = bool(cleaned.get("previewed"))
            self.preview = _shown(preview)
            seen = "" if preview.invalid else preview.digest
            self.data = {**self.data.dict(), "previewed": seen}  # type: ignore[attr-defined]  # a QueryDict; goes out again
            self.add_error(None, _ask(preview, was_seen))
            for each in preview.errors[:ERRORS_SHOWN]:
                # Of several tasks each error says whose it is.
                attr = each["attr"].partition(".")[2] if self.row is not None else each["attr"]
                self.add_error("payload", f"{attr}: {masked_text(each['detail'])}")
        return cleaned

    def values(self) -> dict[str, Any]:
        values = {**super().values(), "spread": self.cleaned_data.get("spread") or 0.0}
        values.pop("previewed", None)
        return values

    def _letters(self) -> Any:
        if self.row is not None:
            return DeadLetter.objects.filter(pk=self.row.pk)
        ids = [each for each in self.data.get("ids", "").split(",") if each]
        return DeadLetter.objects.filter(pk__in=ids)

    def _with_secrets(self, patch: Any) -> Any:
        task = getattr(self.row, "task", None)
        return services.with_secrets(patch, task.payload if task else {})


def _ask(preview: Preview, was_seen: bool) -> str:
    if preview.invalid:
        if preview.looked_at == 1:
            return "Nothing was done: the payload would be refused. Below is why."
        return (
            f"Nothing was done: of {preview.looked_at:,} payloads, {preview.invalid:,} would be refused. Below is why."
        )
    if was_seen:
        return "Something has changed since the preview: look at it again, then press again. Nothing was done yet."
    return "Look at what would change below, then press again. Nothing was done yet."


def _shown(preview: Preview) -> dict[str, Any]:
    """Returns the preview as the page shows it, with secrets masked."""
    return {
        "count": preview.count,
        "comes_back": preview.comes_back,
        "changed": preview.changed,
        "invalid": preview.invalid,
        "held_back": preview.held_back,
        "strays": preview.strays,
        "samples": [
            {
                "task": sample.task_id,
                "type": sample.type,
                "lines": _lines(sample),
                "problems": [f"{each['attr']}: {masked_text(each['detail'])}" for each in sample.errors],
            }
            for sample in preview.samples
        ],
    }


def _lines(sample: Sample) -> list[tuple[str, str]]:
    """Returns the lines of both payloads, each with "gone", "new" or ""."""
    # Without the commas at their ends: a line before a new one has not changed.
    before, after = (
        [line.removesuffix(",") for line in json.dumps(masked(value), indent=2, ensure_ascii=False).splitlines()]
        for value in (sample.before, sample.after)
    )
    words = {"-": "gone", "+": "new", " ": ""}
    return [(words[line[0]], line) for line in difflib.ndiff(before, after) if line[0] in words][:400]

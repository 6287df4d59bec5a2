"""The verbs of groups of failures."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from tasks import services
from tasks.admin.verb_forms import LONGEST_REASON, VerbForm
from tasks.admin.verbs import Done, Verb
from tasks.models import FailureGroup
from tasks.states import GROUP_MOVES

_CHANGE = "tasks.change_deadletter"


class GroupForm(VerbForm):
    """Carries how many deaths the operator has seen: where more come meanwhile, the group is looked at again."""

    seen = forms.IntegerField(required=False, widget=forms.HiddenInput())

    def prepare(self) -> None:
        self.fields["seen"].initial = self.row.total_count


class IgnoreForm(GroupForm):
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Shown with the group, for whoever wonders later.",
    )


def _resolve(group: FailureGroup, values: dict[str, Any], user: Any) -> Done:
    services.resolve_group(group.pk, actor=user, reason=values["reason"], seen=values["seen"])
    return Done("It was resolved. It opens by itself when another one dies like that.")


def _ignore(group: FailureGroup, values: dict[str, Any], user: Any) -> Done:
    services.ignore_group(group.pk, actor=user, reason=values["reason"], seen=values["seen"])
    return Done("It is ignored from now on, and counted on.")


def _reopen(group: FailureGroup, values: dict[str, Any], user: Any) -> Done:
    services.reopen_group(group.pk, actor=user, reason=values["reason"], seen=values["seen"])
    return Done("It is open again.")


VERBS = (
    Verb(
        name="resolve",
        label="Resolve",
        past="resolved",
        explanation="What made these failures is mended. The dead letters stay as they are: reprocess or discard them."
        " When another one dies like that, the group opens by itself and says so.",
        permission=_CHANGE,
        allows=lambda group: group.state in GROUP_MOVES["resolved"][0],
        form=GroupForm,
        run=_resolve,
    ),
    Verb(
        name="ignore",
        label="Ignore",
        past="ignored",
        explanation="It is known, and not worth a look. It is counted on, and stays ignored until somebody reopens it.",
        permission=_CHANGE,
        allows=lambda group: group.state in GROUP_MOVES["ignored"][0],
        form=IgnoreForm,
        run=_ignore,
    ),
    Verb(
        name="reopen",
        label="Reopen",
        past="reopened",
        explanation="It is worth a look again.",
        permission=_CHANGE,
        allows=lambda group: group.state in GROUP_MOVES["reopened"][0],
        form=GroupForm,
        run=_reopen,
    ),
)

"""The page that asks before everything that a list shows is touched: how much that is, why, and how carefully."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin
from unfold.forms import AdminForm

from tasks import services
from tasks.admin import dead_letter_verbs, task_verbs
from tasks.admin.bulk_action_form import BulkForm
from tasks.admin.contents import pretty
from tasks.admin.list_addresses import selection_in
from tasks.admin.verbs import Verb
from tasks.exceptions import BulkActionUnderWay, IdempotencyConflict, InvalidSubmission, SetChanged
from tasks.models import BulkAction
from tasks.searching import DEAD_LETTERS, TASKS, InvalidSearch, Selection
from tasks.services.bulk_actions import TRIED, PatchPreview, Sample, may_use, nouns, preview_patch
from tasks.states import OF_DEAD_LETTERS, BulkVerb

VERBS: dict[BulkVerb, Verb] = {
    verb.bulk: verb for verb in (*task_verbs.VERBS, *dead_letter_verbs.VERBS) if verb.bulk is not None
}
_MOST_SHOWN = 8  # classes


def list_address(verb: BulkVerb, query: str) -> str:
    """Returns the list that a selection came from, with its search and filters."""
    model = "deadletter" if verb in OF_DEAD_LETTERS else "task"
    address = reverse(f"admin:tasks_{model}_changelist")
    return f"{address}?{query}" if query else address


def selection_of(verb: BulkVerb, query: QueryDict) -> Selection:
    """Returns what a list with this address shows. Raises InvalidSearch for what no list has in its address."""
    return selection_in(DEAD_LETTERS if verb in OF_DEAD_LETTERS else TASKS, query)


class BulkActionStart(ModelAdmin):
    """Nothing is done by GET: the address of this page is the list's with all that it filters by."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.start_view)
        return [path("start/<str:verb>/", view, name="tasks_bulkaction_start"), *super().get_urls()]

    def start_view(self, request: HttpRequest, verb: str) -> HttpResponse:
        if verb not in BulkVerb.values:
            raise Http404
        asked = BulkVerb(verb)
        if not may_use(request.user, asked):
            raise PermissionDenied
        back = list_address(asked, request.GET.urlencode())
        try:
            selection = selection_of(asked, request.GET)
            preview = services.preview_bulk_action(verb=asked, selection=selection, actor=request.user)
        except (InvalidSearch, InvalidSubmission) as error:
            for each in error.errors:
                self.message_user(request, f"Nothing was started: {each['detail']}.", messages.ERROR)
            return HttpResponseRedirect(back)
        if not preview.count:
            self.message_user(request, "Nothing matches: there is nothing to do.", messages.WARNING)
            return HttpResponseRedirect(back)
        form = BulkForm(request.POST if request.method == "POST" else None, verb=asked, request=request)
        trial: PatchPreview | None = None
        if request.method == "POST" and form.is_valid():
            if "preview" in request.POST:
                trial = self._try_patch(request, asked, selection, form)
            elif (action := self._start(request, asked, selection, form)) is not None:
                return HttpResponseRedirect(reverse("admin:tasks_bulkaction_change", args=[action.pk]))
            else:  # what has changed is shown as it is by now
                preview = services.preview_bulk_action(verb=asked, selection=selection, actor=request.user)
        adminform = AdminForm(form, form.fieldsets(), {}, (), model_admin=self)
        context = {
            **self.admin_site.each_context(request),
            "title": VERBS[asked].label,
            "verb": VERBS[asked],
            "what": nouns(asked, preview.count),
            "words": selection.in_words(),
            "preview": preview,
            "breakdown": [(name, f"{number:,}") for name, number in preview.breakdown.items()],
            "classes": [(name, f"{number:,}") for name, number in list(preview.classes.items())[:_MOST_SHOWN]],
            "more_classes": max(0, len(preview.classes) - _MOST_SHOWN),
            "skipped": preview.count - preview.touchable,
            "trial": trial,
            "most_tried": TRIED,
            "samples": [_sample(each) for each in trial.samples] if trial else [],
            "form": form,
            "adminform": adminform,
            "token": request.POST.get("token") or uuid.uuid4().hex,
            "media": self.media + adminform.media,
            "opts": self.opts,
            "back": back,
            "action": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/tasks/bulk_action_start.html", context)

    def _start(self, request: HttpRequest, verb: BulkVerb, selection: Selection, form: BulkForm) -> BulkAction | None:
        """Returns the action, or None where the form says what is wrong."""
        expected = request.POST.get("expected", "")
        if not (expected.isascii() and expected.isdigit() and len(expected) < 10):
            form.add_error(None, "The number that was shown is missing: look at it again.")
            return None
        try:
            action = services.start_bulk_action(
                verb=verb,
                selection=selection,
                actor=request.user,
                reason=form.cleaned_data["reason"],
                options=form.options(),
                guard=form.guard(),
                expected_count=int(expected),
                token=request.POST.get("token") or None,
            )
        except InvalidSubmission as error:
            form.refuse(error)
        except InvalidSearch as error:
            form.add_error(None, str(error))
        except SetChanged as error:
            form.add_error(None, f"{error}.".capitalize())
        except BulkActionUnderWay as error:
            form.add_error(None, f"{error}.".capitalize())
        except IdempotencyConflict:
            form.add_error(None, "This form has started an action already: look at the list of bulk actions.")
        else:
            if action.is_new:
                self.log_addition(request, action, f"{VERBS[verb].label}: {action.reason}")
            else:
                self.message_user(request, "This form was sent before: this is what it started.", messages.WARNING)
            return action
        return None

    def _try_patch(
        self, request: HttpRequest, verb: BulkVerb, selection: Selection, form: BulkForm
    ) -> PatchPreview | None:
        patch = form.options().get("patch")
        if not patch:
            form.add_error(None, "There is no patch to preview.")
            return None
        return preview_patch(verb=verb, selection=selection, patch=patch, actor=request.user)


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "task": sample.task,
        "before": pretty(sample.before),
        "after": pretty(sample.after),
        "error": sample.error,
    }

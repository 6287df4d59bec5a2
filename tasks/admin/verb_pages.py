"""The pages of verbs: what will be done and to how many, a form that asks for the rest, then the deed and its report.

Nothing is done by GET. Each change writes the admin's own history beside the engine's events.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import model_ngettext
from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.forms import AdminForm

from tasks.admin.read_only import ReadOnlyAdmin
from tasks.admin.verb_forms import VerbForm
from tasks.admin.verbs import Verb, in_words
from tasks.exceptions import InvalidSubmission, TaskyardError
from tasks.services import Report


class VerbPages(ReadOnlyAdmin):
    """Adds to a screen the buttons of a row and the actions of the list, as the state and the permissions allow."""

    verbs: ClassVar[tuple[Verb, ...]] = ()
    breakdown = ""  # the column by whose words a selection is counted on the page that asks
    has_history = True

    def get_urls(self) -> list[URLPattern]:
        # Selections first: their addresses look like those of a row called "selected".
        own = [self._url_of_selection(verb) for verb in self.verbs if verb.run_many is not None]
        own += [self._url(verb) for verb in self.verbs]
        return [*own, *super().get_urls()]

    def _url(self, verb: Verb) -> Any:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self.verb_view(request, object_id, verb)

        name = f"tasks_{self.opts.model_name}_{verb.name}"
        return path(f"<path:object_id>/{verb.name}/", self.admin_site.admin_view(view), name=name)

    def _url_of_selection(self, verb: Verb) -> Any:
        def view(request: HttpRequest) -> HttpResponse:
            return self.selection_view(request, verb)

        name = f"tasks_{self.opts.model_name}_selected_{verb.name}"
        return path(f"selected/{verb.name}/", self.admin_site.admin_view(view), name=name)

    # --- One row -----------------------------------------------------------------------------------------------------

    def buttons(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        return [
            {"label": verb.label, "address": self._address(verb.name, row.pk, request), "is_grave": verb.is_grave}
            for verb in self.verbs
            if verb.may_be_used_by(request.user) and verb.allows(row)
        ]

    def verb_view(self, request: HttpRequest, object_id: str, verb: Verb) -> HttpResponse:
        row = self.get_object(request, object_id)
        if not (verb.may_be_used_by(request.user) and self.has_view_permission(request, row)):
            raise PermissionDenied
        if row is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        page = self._address("change", row.pk, request)
        form = verb.form(request.POST if request.method == "POST" else None, row=row, request=request)
        if request.method == "POST" and form.is_valid():
            try:
                # The change and the entry that says who made it come together or not at all.
                with transaction.atomic():
                    done = verb.do(row, form.values(), request.user)
                    if done.is_change:
                        self.log_change(request, row, _entry(verb, form))
            except InvalidSubmission as error:
                form.refuse(error)
            except TaskyardError as error:
                self.message_user(request, f"Nothing was done: {error}.", messages.ERROR)
                return HttpResponseRedirect(page)
            else:
                self.message_user(request, done.words, messages.SUCCESS)
                made = reverse("admin:tasks_task_change", args=[done.goes_to]) if done.goes_to else None
                return HttpResponseRedirect(page if made is None else self._keeping(request, made))
        elif request.method != "POST" and not verb.allows(row):
            self.message_user(request, f"Its state does not allow that by now: {verb.label}.", messages.WARNING)
            return HttpResponseRedirect(page)
        return self._ask(request, verb, form, {"original": row, "back": page, "action": request.get_full_path()})

    # --- A selection -------------------------------------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, tuple[Callable[..., Any], str, str]]:
        return {
            verb.name: (self._action(verb), verb.name, verb.label)
            for verb in self.verbs
            if verb.run_many is not None and verb.may_be_used_by(request.user)
        }

    def _action(self, verb: Verb) -> Callable[..., Any]:
        def action(admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
            if verb.bulk is not None and request.POST.get("select_across") == "1":
                # The coordinator does it, to everything that this address selects.
                start = reverse("admin:tasks_bulkaction_start", args=[verb.bulk])
                return HttpResponseRedirect(f"{start}?{request.GET.urlencode()}")
            ids = [str(pk) for pk in rows.values_list("pk", flat=True)[: settings.BULK_LIMIT + 1]]
            if len(ids) > settings.BULK_LIMIT:
                words = f"That is more than {settings.BULK_LIMIT:,} at once (BULK_LIMIT): narrow the list by filters."
                self.message_user(request, words, messages.ERROR)
                return None
            return self._ask_for_selection(request, verb, verb.form(row=None, request=request), ids)

        return action

    def selection_view(self, request: HttpRequest, verb: Verb) -> HttpResponse:
        if not (verb.may_be_used_by(request.user) and self.has_view_permission(request)):
            raise PermissionDenied
        back = self._list(request.POST.get("filters", ""))
        if request.method != "POST":
            return HttpResponseRedirect(back)
        try:
            ids = [self.opts.pk.to_python(each) for each in request.POST.get("ids", "").split(",") if each]
        except ValidationError:
            raise SuspiciousOperation("no list of this admin makes such a selection") from None
        form = verb.form(request.POST, row=None, request=request)
        if not form.is_valid():
            return self._ask_for_selection(request, verb, form, [str(each) for each in ids])
        assert verb.run_many is not None
        try:
            report = verb.run_many(ids[: settings.BULK_LIMIT], form.values(), request.user)
        except InvalidSubmission as error:
            form.refuse(error)
            return self._ask_for_selection(request, verb, form, [str(each) for each in ids])
        self._log(request, report, _entry(verb, form))
        words, all_done = in_words(report, verb, str(self.opts.verbose_name), str(self.opts.verbose_name_plural))
        self.message_user(request, words, messages.SUCCESS if all_done else messages.WARNING)
        return HttpResponseRedirect(back)

    def _log(self, request: HttpRequest, report: Report, entry: str) -> None:
        touched = self.model.objects.filter(pk__in=[*report.done, *report.requested])
        rows = touched.defer(*self.list_defer).select_related(None)
        assert request.user.pk is not None
        LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, change_message=entry)

    # --- The page that asks ------------------------------------------------------------------------------------------

    def _ask_for_selection(self, request: HttpRequest, verb: Verb, form: VerbForm, ids: Sequence[str]) -> HttpResponse:
        # The list's own filters come in its address, and later in the form: they lead back to the same list.
        filters = request.POST.get("filters", request.GET.urlencode())
        context = {
            "ids": ",".join(ids),
            "what": f"{len(ids):,} {model_ngettext(self.opts, len(ids))}",
            "parts": self._parts(ids),
            "filters": filters,
            "back": self._list(filters),
            "action": reverse(f"admin:tasks_{self.opts.model_name}_selected_{verb.name}"),
        }
        return self._ask(request, verb, form, context)

    def _list(self, filters: str) -> str:
        address = reverse(f"admin:tasks_{self.opts.model_name}_changelist")
        return f"{address}?{QueryDict(filters).urlencode()}" if filters else address

    def _parts(self, ids: Sequence[str]) -> str:
        if not self.breakdown:
            return ""
        rows = self.model.objects.filter(pk__in=ids).order_by().values_list(self.breakdown)
        counts = rows.annotate(number=Count("pk")).order_by("-number", self.breakdown)
        return ", ".join(f"{number:,} {word or 'open'}" for word, number in counts)

    def _ask(self, request: HttpRequest, verb: Verb, form: VerbForm, extra: dict[str, Any]) -> HttpResponse:
        adminform = AdminForm(
            form, [(None, {"fields": [field.name for field in form.visible_fields()]})], {}, (), model_admin=self
        )
        context = {
            **self.admin_site.each_context(request),
            "title": verb.label,
            "verb": verb,
            "form": form,
            "adminform": adminform,
            "media": self.media + adminform.media,
            "opts": self.opts,
            **extra,
        }
        return TemplateResponse(request, "admin/tasks/verb.html", context)

    def _address(self, action: str, pk: Any, request: HttpRequest) -> str:
        return self._keeping(request, reverse(f"admin:tasks_{self.opts.model_name}_{action}", args=[pk]))

    def _keeping(self, request: HttpRequest, address: str) -> str:
        """Returns the address with the filters of the list that the user came from: the way back leads there."""
        filters = self.get_preserved_filters(request)
        return f"{address}?{filters}" if filters else address


def _entry(verb: Verb, form: VerbForm) -> str:
    reason = form.cleaned_data.get("reason")
    return f"{verb.label}: {reason}" if reason else verb.label

"""API keys: one's own, and for administrators everybody's. A new key is shown once, on the page that made it."""

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponse
from django.template.response import TemplateResponse
from unfold.decorators import display
from unfold.forms import AdminForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from tasks import database
from tasks.admin.badges import GREY
from tasks.admin.times import age, stamp_and_age
from tasks.admin.verb_pages import VerbPages
from tasks.admin.verbs import Done, Verb
from tasks.exceptions import InvalidSubmission
from tasks.models import ApiKey
from tasks.services.api_keys import make_key, revoke_keys
from tasks.services.reports import Report

LIVES, EXPIRED, REVOKED = "opens", "expired", "revoked"
STATE_COLOURS = {LIVES: "success", EXPIRED: GREY, REVOKED: "danger"}
_DAYS = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("1095", "three years"), ("", "never")]


class KeyForm(forms.Form):
    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget(), help_text="What will use it.")
    expires_in = forms.ChoiceField(
        choices=_DAYS, initial="365", required=False, label="Expires after", widget=UnfoldAdminSelectWidget()
    )
    read_only = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget(), help_text="It opens what you may see, and changes nothing."
    )


def _revoke_one(key: ApiKey, values: dict[str, Any], user: Any) -> Done:
    if not revoke_keys(_keys_of(user).filter(pk=key.pk), actor=user, reason=values["reason"]):
        return Done("It opens nothing already: somebody revoked it before.", is_change=False)
    return Done("It is revoked: whatever used it is refused from now on.")


def _revoke(ids: list[Any], values: dict[str, Any], user: Any) -> Report:
    done = revoke_keys(_keys_of(user).filter(pk__in=ids), actor=user, reason=values["reason"])
    skipped = {each: (REVOKED, "it opens nothing already") for each in ids if each not in done}
    return Report(list[Any](done), [], skipped)


def _keys_of(user: Any, permission: str = "tasks.change_apikey") -> "QuerySet[ApiKey]":
    return ApiKey.objects.all() if user.has_perm(permission) else ApiKey.objects.filter(user=user)


class _RevokeVerb(Verb):
    """Without a permission: everybody may revoke what they see here, and others' keys are seen by administrators."""

    def may_be_used_by(self, user: Any) -> bool:
        return bool(user.is_active and user.is_staff)


@admin.register(ApiKey)
class KeyAdmin(VerbPages):
    verbs = (
        _RevokeVerb(
            name="revoke",
            label="Revoke",
            past="revoked",
            explanation="Whatever uses it is refused from the next request on. It cannot be taken back.",
            permission="",
            allows=lambda key: key.revoked_at is None,
            run=_revoke_one,
            run_many=_revoke,
            is_grave=True,
        ),
    )
    has_history = False
    list_display = ("name", "state", "start", "owner", "reads_only", "created", "expires", "used")
    list_select_related = ("user",)
    list_defer: ClassVar[tuple[str, ...]] = ("hash",)
    ordering = ("-id",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[ApiKey]":
        rows: QuerySet[ApiKey] = super().get_queryset(request)
        return rows if request.user.has_perm("tasks.view_apikey") else rows.filter(user_id=request.user.pk or 0)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return queryset, False

    @display(description="State", label=STATE_COLOURS)
    def state(self, key: Any) -> str:
        if key.revoked_at is not None:
            return REVOKED
        return EXPIRED if key.expires_at is not None and key.expires_at <= key.seen_at else LIVES

    @display(description="Begins with")
    def start(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description="User")
    def owner(self, key: ApiKey) -> str:
        return key.user.get_username()

    @display(description="May")
    def reads_only(self, key: ApiKey) -> str:
        return "read" if key.read_only else "read and change"

    @display(description="Created")
    def created(self, key: Any) -> Any:
        return age(key.created_at, key.seen_at)

    @display(description="Expires")
    def expires(self, key: Any) -> Any:
        return age(key.expires_at, key.seen_at) or "never"

    @display(description="Last used")
    def used(self, key: Any) -> Any:
        return age(key.last_used_at, key.seen_at) or "never"

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        state = self.state(row)
        return {
            "badges": [(state, STATE_COLOURS[state])],
            "facts": [
                ("Name", row.name),
                ("Begins with", self.start(row)),
                ("User", row.user),
                ("May", self.reads_only(row)),
                ("Created", stamp_and_age(row.created_at, row.seen_at)),
                ("Expires", stamp_and_age(row.expires_at, row.seen_at) or "never"),
                ("Last used", stamp_and_age(row.last_used_at, row.seen_at) or "never"),
                ("Revoked", stamp_and_age(row.revoked_at, row.seen_at)),
            ],
        }

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        form = KeyForm(request.POST if request.method == "POST" else None)
        key: tuple[ApiKey, str] | None = None
        if request.method == "POST" and form.is_valid():
            key = self._make(request, form)
        adminform = AdminForm(form, [(None, {"fields": list(form.fields)})], {}, (), model_admin=self)
        context = {
            **self.admin_site.each_context(request),
            "title": "API key" if key else "Make an API key",
            "form": form,
            "adminform": adminform,
            "media": self.media + adminform.media,
            "opts": self.opts,
            "made": key[0] if key else None,
            "secret": key[1] if key else "",
            **(extra_context or {}),
        }
        response = TemplateResponse(request, "admin/tasks/new_key.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def _make(self, request: HttpRequest, form: KeyForm) -> tuple[ApiKey, str] | None:
        values = form.cleaned_data
        days = values["expires_in"]
        try:
            return make_key(
                user=request.user,
                name=values["name"],
                read_only=values["read_only"],
                expires_at=database.now() + timedelta(days=int(days)) if days else None,
                actor=request.user,
            )
        except InvalidSubmission as error:
            for each in error.errors:
                form.add_error(each["attr"] if each["attr"] in form.fields else None, each["detail"])
            return None

"""Pages of other apps, on unfold's ModelAdmin: their own registrations are in the stock admin's clothes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from django_celery_results.admin import TaskResultAdmin as StockTaskResultAdmin
from django_celery_results.models import GroupResult, TaskResult
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tasks import auditing
from tasks.admin.pagination import CappedPaginator
from tasks.roles import may_give

_SCHEDULES = (ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule)

# Celery's groups are not used here: the page of their results would stay empty.
for model in (User, Group, PeriodicTask, *_SCHEDULES, TaskResult, GroupResult):
    admin.site.unregister(model)


# --- Access -----------------------------------------------------------------------------------------------------------


@admin.register(User)
class UserAdmin(StockUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # none when it runs
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What somebody did stays theirs: tasks point to them. Who leaves is made inactive.
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        if obj is None or not allowed or request.user.is_superuser:
            return bool(allowed)
        # Whoever sets the password of somebody who may do more may do as much.
        return not obj.is_superuser and may_give(request.user, obj.get_all_permissions())

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, "is_superuser", "user_permissions")

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and db_field.name == "groups":
            beyond = permissions_beyond(request.user)
            field.queryset = field.queryset.exclude(permissions__in=beyond) if beyond is not None else field.queryset
        return field


@admin.register(Group)
class GroupAdmin(StockGroupAdmin, ModelAdmin):
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and _is_within(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and _is_within(request.user, obj)

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and db_field.name == "permissions":
            beyond = permissions_beyond(request.user)
            if beyond is not None:
                field.queryset = field.queryset.exclude(pk__in=beyond)
        return field


def permissions_beyond(user: Any) -> "QuerySet[Permission] | None":
    """Returns the permissions that the user does not have, and so does not give; None for a superuser."""
    if user.is_superuser:
        return None
    names = [name.partition(".") for name in user.get_all_permissions()]
    own = Q(pk=None)
    for app in {app for app, _, _ in names}:
        codenames = [codename for each, _, codename in names if each == app]
        own |= Q(content_type__app_label=app, codename__in=codenames)
    return Permission.objects.exclude(own).order_by()


def _is_within(user: Any, group: Any) -> bool:
    beyond = permissions_beyond(user)
    return group is None or beyond is None or not group.permissions.filter(pk__in=beyond.values("pk")).exists()


# --- django-celery-beat -----------------------------------------------------------------------------------------------


class CeleryTaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    pass


class PeriodicTaskForm(beat.PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["regtask"].widget = CeleryTaskSelect()
        self.fields["task"].widget = UnfoldAdminTextInputWidget()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, ModelAdmin):
    form = PeriodicTaskForm
    # Without "run now", which publishes from the web: only the coordinator talks to the broker.
    actions = ("enable_tasks", "disable_tasks")
    date_hierarchy = None
    list_display = ("name", "enabled", "task", "scheduler", "start_time", "last_run_at", "one_off")
    list_filter = ("enabled", "one_off")

    def enable_tasks(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        with self._noted("enable", request, queryset.filter(enabled=False), True):
            super().enable_tasks(request, queryset)

    def disable_tasks(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        with self._noted("disable", request, queryset.filter(enabled=True), False):
            super().disable_tasks(request, queryset)

    @contextmanager
    def _noted(self, verb: str, request: HttpRequest, rows: "QuerySet[Any]", enabled: bool) -> Iterator[None]:
        """They are changed by one statement, of which no signal tells the audit trail."""
        with transaction.atomic():
            names = [str(row) for row in rows]
            yield
            auditing.record(
                verb=verb,
                kind="periodic task",
                actor=request.user,
                ids=names,
                before={"enabled": not enabled},
                after={"enabled": enabled},
            )

    enable_tasks.short_description = beat.PeriodicTaskAdmin.enable_tasks.short_description  # type: ignore[attr-defined]
    disable_tasks.short_description = beat.PeriodicTaskAdmin.disable_tasks.short_description  # type: ignore[attr-defined]


class PeriodicTaskInline(beat.PeriodicTaskInline, TabularInline):
    pass


class ScheduleAdmin(ModelAdmin):
    inlines = (PeriodicTaskInline,)


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(ScheduleAdmin, beat.ClockedScheduleAdmin):
    pass


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ScheduleAdmin, beat.CrontabScheduleAdmin):
    pass


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ScheduleAdmin, beat.IntervalScheduleAdmin):
    pass


@admin.register(SolarSchedule)
class SolarScheduleAdmin(ScheduleAdmin, beat.SolarScheduleAdmin):
    pass


# --- django-celery-results --------------------------------------------------------------------------------------------


@admin.register(TaskResult)
class TaskResultAdmin(StockTaskResultAdmin, ModelAdmin):
    """Results of ordinary Celery tasks, which operators start from django-celery-beat. It may be a large table."""

    date_hierarchy = None
    list_filter = ("status",)
    paginator = CappedPaginator
    search_fields = ("=task_id",)
    search_help_text = "Id of a Celery task"
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_queryset(request, TaskResult.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        with transaction.atomic():
            ids = list(queryset.values_list("task_id", flat=True))
            queryset.delete()
            auditing.record(verb="delete", kind="task result", actor=request.user, ids=ids)

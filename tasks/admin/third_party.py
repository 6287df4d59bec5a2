"""Pages of other apps, on unfold's ModelAdmin: their own registrations are in the stock admin's clothes."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User
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

from tasks.admin.pagination import CappedPaginator

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


@admin.register(Group)
class GroupAdmin(StockGroupAdmin, ModelAdmin):
    pass


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

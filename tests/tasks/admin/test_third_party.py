"""Pages of other apps work in unfold's clothes."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from unfold.admin import ModelAdmin

from tasks.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_every_page_of_the_admin_is_unfolds() -> None:
    assert [model for model, page in admin.site._registry.items() if not isinstance(page, ModelAdmin)] == []


class TestUsers:
    def test_one_is_added_and_gets_a_new_password(self, root: Client) -> None:
        fields = {"username": "ada", "usable_password": "true", "password1": "tr0ub4dor&3", "password2": "tr0ub4dor&3"}
        assert root.post("/admin/auth/user/add/", fields).status_code == 302
        ada = User.objects.get(username="ada")
        assert root.get(f"/admin/auth/user/{ada.pk}/change/").status_code == 200
        new = {"usable_password": "true", "password1": "c0rrect-horse", "password2": "c0rrect-horse"}
        assert root.post(f"/admin/auth/user/{ada.pk}/password/", new).status_code == 302
        ada.refresh_from_db()
        assert ada.check_password("c0rrect-horse")


class TestPeriodicTasks:
    @pytest.fixture
    def interval(self) -> Any:
        return IntervalSchedule.objects.create(every=5, period="minutes")

    def test_one_is_added_and_switched_off(self, root: Client, interval: Any) -> None:
        address = "/admin/django_celery_beat/periodictask/"
        assert root.get(f"{address}add/").status_code == 200
        fields = {"name": "Every five", "task": "some.task", "enabled": "on", "interval": interval.pk}
        response = root.post(f"{address}add/", fields | {"args": "[]", "kwargs": "{}", "headers": "{}"})
        assert response.status_code == 302, response.context["errors"]
        task = PeriodicTask.objects.get(name="Every five")
        assert root.get(f"{address}{task.pk}/change/").status_code == 200
        root.post(address, {"action": "disable_tasks", "_selected_action": [task.pk]})
        task.refresh_from_db()
        assert not task.enabled

    def test_none_is_run_from_the_web(self, root: Client, interval: Any) -> None:
        PeriodicTask.objects.create(name="Every five", task="some.task", interval=interval)
        assert "run_tasks" not in root.get("/admin/django_celery_beat/periodictask/").content.decode()

    def test_a_schedule_shows_who_uses_it(self, root: Client) -> None:
        crontab = CrontabSchedule.objects.create(minute="5")
        PeriodicTask.objects.create(name="Five past", task="some.task", crontab=crontab)
        text = root.get(f"/admin/django_celery_beat/crontabschedule/{crontab.pk}/change/").content.decode()
        assert "Five past" in text

    def test_a_schedule_is_deleted_with_who_uses_it_and_both_are_in_the_audit_trail(
        self, root: Client, interval: Any
    ) -> None:
        PeriodicTask.objects.create(name="Every five", task="some.task", interval=interval)
        address = f"/admin/django_celery_beat/intervalschedule/{interval.pk}/delete/"
        assert root.post(address, {"post": "yes"}).status_code == 302
        assert not PeriodicTask.objects.exists()
        assert set(AuditEntry.objects.filter(verb="delete").values_list("target", flat=True)) == {
            "every 5 minutes", "Every five: every 5 minutes",
        }  # fmt: skip

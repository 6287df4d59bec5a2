"""The audit trail and the keys in the admin."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from tasks import auditing
from tasks.models import ApiKey, AuditEntry
from tests.tasks.admin.conftest import NASTY

pytestmark = pytest.mark.django_db

TRAIL, KEYS = "/admin/tasks/auditentry/", "/admin/tasks/apikey/"


def note(**fields: Any) -> AuditEntry:
    auditing.record(**{"verb": "edit", "kind": "task", "actor": None, **fields})
    return AuditEntry.objects.latest("id")


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return str(answer.content.decode())


class TestTrail:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", {"one", "two"}),
            ("?actor=ann", {"one"}),
            ("?verb=pause", {"two"}),
            ("?kind=queue", {"two"}),
            ("?door__exact=api", {"two"}),
            ("?time=hour", {"one", "two"}),
            ("?q=one", {"one"}),
            ("?q=on", set()),
            ("?actor=nobody", set()),
            ("?time=nonsense", {"one", "two"}),
            ("?q=%00", {"one", "two"}),
        ],
    )
    def test_it_is_filtered(self, query: str, found: set[str], root: Client) -> None:
        note(actor=User.objects.create(username="ann"), target="one", reason="reason one")
        with auditing.through("api"):
            note(verb="pause", kind="queue", target="two", reason="reason two")
        text = text_of(root, TRAIL + query)
        assert {each for each in ("one", "two") if f"reason {each}" in text} == found

    def test_what_stands_in_it_is_harmless(self, root: Client) -> None:
        entry = note(target=NASTY, reason=NASTY, before={NASTY: NASTY}, after={"payload": {"a": NASTY}})
        for address in (TRAIL, f"{TRAIL}{entry.pk}/change/"):
            assert NASTY not in text_of(root, address)
        assert "&lt;script&gt;" in text_of(root, f"{TRAIL}{entry.pk}/change/")

    def test_payloads_are_for_those_who_may_see_them(self, sign_in: Any) -> None:
        entry = note(before={"payload": {"to": "a-secret"}, "name": "open"}, after={"payload": {"to": "b-secret"}})
        address = f"{TRAIL}{entry.pk}/change/"
        hidden = text_of(sign_in("tasks.view_auditentry"), address)
        assert "-secret" not in hidden
        assert "open" in hidden
        assert "needs the permission tasks.view_payload" in hidden
        assert "a-secret" in text_of(sign_in("tasks.view_auditentry", "tasks.view_payload"), address)


class TestKeys:
    def make(self, client: Client, **fields: Any) -> Any:
        return client.post(f"{KEYS}add/", {"name": "the shop", "expires_in": "30", **fields})

    def test_a_key_is_shown_once_and_works(self, sign_in: Any) -> None:
        client = sign_in("tasks.view_task")
        answer = self.make(client)
        secret = answer.context["secret"]
        assert secret in answer.content.decode()
        assert "no-store" in answer["Cache-Control"]
        assert Client().get("/api/tasks/", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        assert secret not in text_of(client, KEYS)
        assert secret not in text_of(client, f"{KEYS}{ApiKey.objects.get().pk}/change/")
        assert AuditEntry.objects.get(verb="make").door == "admin"

    def test_a_wrong_form_makes_none(self, sign_in: Any) -> None:
        client = sign_in()
        for fields in ({"name": ""}, {"name": "x" * 101}, {"expires_in": "forever"}):
            assert self.make(client, **fields).status_code == 200
        assert not ApiKey.objects.exists()

    def test_each_sees_and_revokes_their_own_and_administrators_everybodys(self, sign_in: Any) -> None:
        owner, other = sign_in(), sign_in()
        administrator = sign_in("tasks.view_apikey", "tasks.change_apikey")
        self.make(owner)
        key = ApiKey.objects.get()
        assert "the shop" in text_of(owner, KEYS)
        assert "the shop" in text_of(administrator, KEYS)
        assert "the shop" not in text_of(other, KEYS)
        revoke = f"{KEYS}{key.pk}/revoke/"
        other.post(revoke, {"reason": "mine!"})
        other.post(f"{KEYS}selected/revoke/", {"ids": str(key.pk), "reason": "mine!"})
        key.refresh_from_db()
        assert key.revoked_at is None
        assert owner.post(revoke, {"reason": "lost it"}).status_code == 302
        late = administrator.post(revoke, {"reason": "lost it"}, follow=True)
        assert "somebody revoked it before" in late.content.decode()
        entry = AuditEntry.objects.get(verb="revoke")
        assert (entry.reason, entry.target) == ("lost it", f"{key.prefix} the shop")


class TestThirdParty:
    """What Django's and django-celery-beat's own pages change."""

    def test_users_and_groups_before_and_after(self, root: Client) -> None:
        fields = {"username": "ada", "usable_password": "true", "password1": "tr0ub4dor&3", "password2": "tr0ub4dor&3"}
        root.post("/admin/auth/user/add/", fields)
        ada = User.objects.get(username="ada")
        viewers = Group.objects.get(name="Viewer")
        changed = {"username": "ada", "is_staff": "on", "is_active": "on", "groups": [viewers.pk]}
        joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
        answer = root.post(f"/admin/auth/user/{ada.pk}/change/", {**changed, **joined})
        assert answer.status_code == 302, answer.context["errors"]
        added, edited, grouped = AuditEntry.objects.order_by("id")
        assert (added.verb, added.kind, added.target, added.door) == ("add", "user", "ada", "admin")
        assert added.actor is not None
        assert (added.after or {})["password"] == "***"
        assert (edited.before, edited.after) == ({"is_staff": False}, {"is_staff": True})
        assert (grouped.before, grouped.after) == ({"groups": []}, {"groups": ["Viewer"]})

    def test_a_new_password_is_noted_and_not_shown(self, root: Client) -> None:
        ada = User.objects.create_user("ada", password="o1d-password")
        new = {"usable_password": "true", "password1": "c0rrect-horse", "password2": "c0rrect-horse"}
        root.post(f"/admin/auth/user/{ada.pk}/password/", new)
        entry = AuditEntry.objects.get()
        assert (entry.verb, entry.before, entry.after) == ("change", {"password": "***"}, {"password": "***"})

    def test_signing_in_changes_nothing(self) -> None:
        User.objects.create_user("ada", password="s3cret", is_staff=True)
        Client().post("/admin/login/", {"username": "ada", "password": "s3cret", "next": "/admin/"})
        assert User.objects.get().last_login is not None
        assert not AuditEntry.objects.exists()

    def test_rights_of_a_group(self, root: Client) -> None:
        group = Group.objects.get(name="Viewer")
        root.post(f"/admin/auth/group/{group.pk}/change/", {"name": "Viewer", "permissions": []})
        entry = AuditEntry.objects.get()
        assert "tasks.view_task" in (entry.before or {})["permissions"]
        assert (entry.target, entry.after) == ("Viewer", {"permissions": []})

    def test_periodic_tasks_and_schedules(self, root: Client) -> None:
        every = IntervalSchedule.objects.create(every=5, period="minutes")
        task = PeriodicTask.objects.create(name="Every five", task="some.task", interval=every)
        fields = {"name": "Every five", "task": "some.task", "interval": every.pk, "args": "[1]", "enabled": "on"}
        answer = root.post(
            f"/admin/django_celery_beat/periodictask/{task.pk}/change/", {**fields, "kwargs": "{}", "headers": "{}"}
        )
        assert answer.status_code == 302, answer.context["errors"]
        entry = AuditEntry.objects.get()
        assert (entry.kind, entry.before, entry.after) == ("periodic task", {"args": "[]"}, {"args": "[1]"})
        address = "/admin/django_celery_beat/periodictask/"
        for _ in range(2):
            root.post(address, {"action": "disable_tasks", "_selected_action": [task.pk]})
        assert list(AuditEntry.objects.filter(verb="disable").values_list("target", "before", "after")) == [
            (str(task), {"enabled": True}, {"enabled": False})
        ]
        crontab = CrontabSchedule.objects.create(minute="5")
        root.post(f"/admin/django_celery_beat/crontabschedule/{crontab.pk}/delete/", {"post": "yes"})
        entry = AuditEntry.objects.get(verb="delete")
        before = entry.before or {}
        assert (entry.kind, before["minute"], before["timezone"]) == ("crontab", "5", "UTC")

    def test_nobodys_changes_are_not_noted(self) -> None:
        user = User.objects.create(username="ada")
        user.groups.set(Group.objects.all())
        user.delete()
        assert not AuditEntry.objects.exists()


class TestNobodyGivesMoreThanTheyHave:
    @pytest.fixture
    def administrator(self) -> Client:
        user = User.objects.create(username="boss", is_staff=True)
        user.groups.add(Group.objects.get(name="Administrator"))
        client = Client()
        client.force_login(user)
        return client

    FIELDS = {"is_active": "on", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}

    def test_no_superuser_is_made(self, administrator: Client) -> None:
        boss = User.objects.get()
        groups = [each.pk for each in boss.groups.all()]
        address = f"/admin/auth/user/{boss.pk}/change/"
        fields = {"username": "boss", "is_staff": "on", "groups": groups, **self.FIELDS}
        assert administrator.post(address, {**fields, "is_superuser": "on"}).status_code == 302
        boss.refresh_from_db()
        assert (boss.is_superuser, boss.is_staff) == (False, True)

    def test_superusers_and_their_passwords_are_left_to_superusers(self, administrator: Client) -> None:
        root = User.objects.create_user("root", is_superuser=True, password="s3cret")
        assert administrator.get(f"/admin/auth/user/{root.pk}/change/").status_code == 200
        fields = {"username": "mine", **self.FIELDS}
        assert administrator.post(f"/admin/auth/user/{root.pk}/change/", fields).status_code == 403
        new = {"usable_password": "true", "password1": "c0rrect-horse", "password2": "c0rrect-horse"}
        assert administrator.post(f"/admin/auth/user/{root.pk}/password/", new).status_code == 403
        root.refresh_from_db()
        assert (root.username, root.check_password("s3cret")) == ("root", True)

    def test_no_right_beyond_ones_own_is_given_to_a_group(self, administrator: Client) -> None:
        from django.contrib.auth.models import Permission

        beyond, own = (Permission.objects.get(codename=name) for name in ("delete_user", "view_task"))
        address = "/admin/auth/group/add/"
        assert administrator.post(address, {"name": "mine", "permissions": [beyond.pk]}).status_code == 200
        assert not Group.objects.filter(name="mine").exists()
        assert administrator.post(address, {"name": "mine", "permissions": [own.pk]}).status_code == 302
        strong = Group.objects.create(name="strong")
        strong.permissions.add(beyond)
        boss = User.objects.get()
        fields = {"username": "boss", "is_staff": "on", "groups": [strong.pk], **self.FIELDS}
        assert administrator.post(f"/admin/auth/user/{boss.pk}/change/", fields).status_code == 200
        assert not boss.groups.filter(name="strong").exists()
        assert administrator.post(f"/admin/auth/group/{strong.pk}/change/", {"name": "weak"}).status_code == 403
        assert administrator.post(f"/admin/auth/group/{strong.pk}/delete/", {"post": "yes"}).status_code == 403

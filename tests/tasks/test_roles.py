"""The groups of the roles: made once, given their rights once, and left alone after that."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command

from tasks import roles
from tasks.models import FailureGroup, RoleGrant
from tasks.roles import ADMINISTRATOR, OPERATOR, ROLES, VIEWER
from tasks.services.granting import grant_rights

pytestmark = pytest.mark.django_db

APPS = ("tasks", "auth", "django_celery_beat", "django_celery_results")


def held(role: str) -> set[str]:
    rows = Permission.objects.filter(group__name=role).values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in rows}


def take(role: str, permission: str) -> None:
    codename = permission.partition(".")[2]
    Group.objects.get(name=role).permissions.remove(Permission.objects.get(codename=codename))


@pytest.mark.parametrize("role", ROLES)
def test_each_group_has_the_rights_of_its_role(role: str) -> None:
    assert held(role) == set(roles.permissions_of(role))


def test_payloads_are_not_for_viewers() -> None:
    assert "tasks.view_payload" not in roles.permissions_of(VIEWER)
    assert "tasks.view_payload" in roles.permissions_of(OPERATOR)
    assert set(roles.permissions_of(VIEWER)) < set(roles.permissions_of(OPERATOR))
    assert set(roles.permissions_of(OPERATOR)) < set(roles.permissions_of(ADMINISTRATOR))


def test_what_was_taken_from_a_group_or_added_to_it_stays_so() -> None:
    take(OPERATOR, "tasks.view_payload")
    Group.objects.get(name=VIEWER).permissions.add(Permission.objects.get(codename="change_queue"))
    Group.objects.get(name=ADMINISTRATOR).delete()
    for label in APPS:
        grant_rights(apps, label)
    assert "tasks.view_payload" not in held(OPERATOR)
    assert "tasks.change_queue" in held(VIEWER)
    assert not Group.objects.filter(name=ADMINISTRATOR).exists()


def test_a_right_that_is_new_is_given_to_groups_that_were_changed_as_well() -> None:
    take(OPERATOR, "tasks.view_payload")
    take(OPERATOR, "tasks.change_queue")
    RoleGrant.objects.filter(permission="tasks.change_queue").delete()  # as if this release had brought it
    grant_rights(apps, "tasks")
    assert held(OPERATOR) == set(roles.permissions_of(OPERATOR)) - {"tasks.view_payload"}


def test_a_database_without_groups_and_permissions_gets_both() -> None:
    RoleGrant.objects.all().delete()
    Group.objects.all().delete()
    Permission.objects.all().delete()
    call_command("migrate", verbosity=0)
    for role in ROLES:
        assert held(role) == set(roles.permissions_of(role))


def test_a_group_that_had_the_name_already_becomes_the_roles() -> None:
    RoleGrant.objects.all().delete()
    Group.objects.all().delete()
    mine = Group.objects.create(name=VIEWER)
    mine.user_set.add(User.objects.create(username="ann"))
    grant_rights(apps, "tasks")
    assert Group.objects.get(name=VIEWER) == mine
    assert "tasks.view_task" in held(VIEWER)
    assert mine.user_set.count() == 1


def test_every_right_is_one_that_there_is() -> None:
    known = {f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")}
    assert {right.permission for right in roles.RIGHTS} - known == set()


def test_every_page_of_the_admin_is_for_some_role() -> None:
    admin.autodiscover()  # the pages are loaded in the web alone
    pages = {f"{model._meta.app_label}.view_{model._meta.model_name}" for model in admin.site._registry}
    # A group is dead letters: it is for those who may see them.
    assert pages - {right.permission for right in roles.RIGHTS} == {"tasks.view_failuregroup"}
    assert admin.site._registry[FailureGroup].opts.default_permissions == ()


def test_the_documentation_has_the_same_table() -> None:
    text = Path("docs/roles.md").read_text()
    rows = re.findall(r"^\| `([a-z_.]+)` \|[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|$", text, re.MULTILINE)
    written = {
        row[0]: {role for role, cell in zip(ROLES, row[1:], strict=True) if cell.strip() == "yes"} for row in rows
    }
    assert len(rows) == len(written), "a right stands there twice"
    assert written == {right.permission: set(ROLES[ROLES.index(right.since) :]) for right in roles.RIGHTS}

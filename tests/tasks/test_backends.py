"""Permissions by one statement are those that Django finds by two."""

from typing import Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def some(*names: str) -> list[Permission]:
    return list(Permission.objects.filter(content_type__app_label="tasks", codename__in=names))


@pytest.fixture
def user() -> User:
    user = User.objects.create_user("ann")
    user.user_permissions.set(some("view_task", "add_task"))
    for name, permission in (("readers", "view_task"), ("viewers", "view_deadletter"), ("others", "delete_task")):
        group = Group.objects.create(name=name)
        group.permissions.set(some(permission))
        if name != "others":
            user.groups.add(group)
    other = User.objects.create_user("bob")
    other.user_permissions.set(some("change_task"))
    return user


def test_a_user_has_its_own_permissions_and_those_of_its_groups(user: User, django_assert_num_queries: Any) -> None:
    wanted = {"tasks.view_task", "tasks.add_task", "tasks.view_deadletter"}
    with django_assert_num_queries(1):
        assert user.get_all_permissions() == wanted
        assert user.has_perm("tasks.add_task")
        assert not user.has_perm("tasks.change_task")
        assert user.has_module_perms("tasks")
    assert ModelBackend().get_all_permissions(User.objects.get(pk=user.pk)) == wanted


def test_a_permission_that_was_taken_away_is_gone_at_the_next_request(user: User) -> None:
    assert user.has_perm("tasks.add_task")
    user.user_permissions.clear()
    assert not User.objects.get(pk=user.pk).has_perm("tasks.add_task")


def test_who_is_not_active_or_not_signed_in_may_nothing(user: User) -> None:
    user.is_active = False
    assert user.get_all_permissions() == set()
    assert not user.has_perm("tasks.view_task")
    assert AnonymousUser().get_all_permissions() == set()


def test_a_superuser_may_everything() -> None:
    root = User.objects.create_superuser("root")
    assert len(root.get_all_permissions()) == Permission.objects.count()
    assert root.has_perm("tasks.add_task")


def test_of_a_single_object_nothing_is_known(user: User) -> None:
    assert user.get_all_permissions(obj=user) == set()
    assert not user.has_perm("tasks.view_task", user)

"""Gives the groups of the roles their rights: each right once, so that what an operator changed stays changed."""

from typing import Any

from tasks import auditing, roles


def grant_rights(apps: Any, app_label: str) -> None:
    """Gives each role's group what is new among the rights on one app's rows.

    Called when that app's permissions are there (Django makes them after migrating it). A group that was deleted or
    renamed stays so; a role that never had a group gets one. `apps` are the models as the migration left them.
    """
    rights = [right for right in roles.RIGHTS if right.app == app_label]
    try:
        grants = apps.get_model("tasks", "RoleGrant").objects
        groups, permissions = apps.get_model("auth", "Group").objects, apps.get_model("auth", "Permission").objects
    except LookupError:  # migrated to before there were roles
        return
    if not rights:
        return
    wanted = [(role, right) for role in roles.ROLES for right in rights if right.permission in _of(role)]
    given = set(grants.values_list("role", "permission"))
    new = [(role, right) for role, right in wanted if (role, right.permission) not in given]
    if not new:
        return
    codenames = {right.codename for _, right in new}
    rows = permissions.filter(content_type__app_label=app_label, codename__in=codenames)
    known = {permission.codename: permission for permission in rows}
    for role in roles.ROLES:
        found = [right for each, right in new if each == role and right.codename in known]
        if not found:
            continue
        is_new = not any(each == role for each, _ in given)
        group = groups.get_or_create(name=role)[0] if is_new else groups.filter(name=role).first()
        if group is not None:
            with auditing.as_part_of_another():  # it is the release that brings them
                group.permissions.add(*(known[right.codename] for right in found))
            model = grants.model
            grants.bulk_create(
                [model(role=role, permission=right.permission) for right in found], ignore_conflicts=True
            )


def _of(role: str) -> set[str]:
    return set(roles.permissions_of(role))

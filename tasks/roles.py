"""What each role may do, in one table. `docs/roles.md` says the same in words; a test compares the two."""

from dataclasses import dataclass
from typing import Any

VIEWER, OPERATOR, ADMINISTRATOR = "Viewer", "Operator", "Administrator"
ROLES = (VIEWER, OPERATOR, ADMINISTRATOR)  # each may do what those before it may


@dataclass(frozen=True, slots=True)
class Right:
    permission: str  # "app.codename"
    since: str  # the least role that has it

    @property
    def app(self) -> str:
        return self.permission.partition(".")[0]

    @property
    def codename(self) -> str:
        return self.permission.partition(".")[2]


_RIGHTS: dict[str, tuple[str, ...]] = {
    VIEWER: (
        "tasks.view_task",
        "tasks.view_taskattempt",
        "tasks.view_deadletter",
        "tasks.view_bulkaction",
        "tasks.view_failurerule",
        "tasks.view_queue",
        "tasks.view_worker",
        "django_celery_beat.view_periodictask",
        "django_celery_beat.view_clockedschedule",
        "django_celery_beat.view_crontabschedule",
        "django_celery_beat.view_intervalschedule",
        "django_celery_beat.view_solarschedule",
        "django_celery_results.view_taskresult",
    ),
    OPERATOR: (
        "tasks.view_payload",
        "tasks.add_task",
        "tasks.change_task",
        "tasks.change_deadletter",
        "tasks.add_failurerule",
        "tasks.change_failurerule",
        "tasks.delete_failurerule",
        "tasks.change_queue",
        "tasks.view_auditentry",
    ),
    ADMINISTRATOR: (
        "tasks.view_apikey",
        "tasks.add_apikey",
        "tasks.change_apikey",
        "auth.view_user",
        "auth.add_user",
        "auth.change_user",
        "auth.view_group",
        "auth.add_group",
        "auth.change_group",
        "auth.delete_group",
        *(
            f"django_celery_beat.{verb}_{model}"
            for model in (
                "periodictask", "clockedschedule", "crontabschedule", "intervalschedule", "solarschedule",
            )
            for verb in ("add", "change", "delete")
        ),
        "django_celery_results.delete_taskresult",
    ),
}  # fmt: skip

RIGHTS = tuple(Right(permission, role) for role, permissions in _RIGHTS.items() for permission in permissions)


def permissions_of(role: str) -> list[str]:
    """Returns "app.codename" of all that the role may do."""
    least = ROLES.index(role)
    return [right.permission for right in RIGHTS if ROLES.index(right.since) <= least]


def may_give(user: Any, permissions: "set[str]") -> bool:
    """Tells whether the user has all of these: nobody gives to others, or to themselves, what they do not have."""
    return bool(user.is_superuser or permissions <= user.get_all_permissions())

"""What Taskyard hears of Django's users and of django-celery-beat: changes for the audit trail, failed logins.

Only of changes that somebody made through a door: what migrations and beat itself write is nobody's.
"""

from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_login_failed
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save
from django.dispatch import receiver
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from tasks import auditing, logins
from tasks.states import Door

_WATCHED = (User, Group, PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule)
# Written by whoever signs in and by each tick.
_NOT_EDITED = {"id", "last_login", "date_joined", "last_run_at", "total_run_count", "date_changed"}
_LINKS = (
    (User.groups.through, "groups", "users"),
    (User.user_permissions.through, "permissions", "users"),
    (Group.permissions.through, "permissions", "groups"),
)


def watch() -> None:
    """Connects the receivers of each kind of row that is watched."""
    for model in _WATCHED:
        pre_save.connect(_remember, sender=model)
        post_save.connect(_note_saved, sender=model)
        # Not after: a periodic task's name tells its schedule, which was deleted before it if that is why.
        pre_delete.connect(_note_deleted, sender=model)
    for link, _, _ in _LINKS:
        m2m_changed.connect(_note_linked, sender=link)


@receiver(user_login_failed)
def _count_failure(credentials: dict[str, Any], request: Any = None, **_: Any) -> None:
    if request is not None:
        logins.note_failure(request.META.get("REMOTE_ADDR", ""), str(credentials.get("username") or ""))


def _remember(sender: type[Model], instance: Any, update_fields: Any = None, **_: Any) -> None:
    instance._before = None
    if _is_heard(update_fields) and instance.pk is not None:
        stored = sender._default_manager.filter(pk=instance.pk).first()
        instance._before = _values(stored) if stored else None


def _note_saved(sender: type[Model], instance: Any, created: bool, update_fields: Any = None, **_: Any) -> None:
    if not _is_heard(update_fields):
        return
    before, after = auditing.differences({} if created else instance._before or {}, _values(instance))
    if created:
        given = {name: value for name, value in after.items() if value not in (None, "", False)}
        _record("add", instance, None, given)
    elif after:
        _record("change", instance, before, after)


def _note_deleted(sender: type[Model], instance: Any, **_: Any) -> None:
    if _is_heard():
        _record("delete", instance, _values(instance), None)


def _note_linked(sender: Any, instance: Any, action: str, reverse: bool, **_: Any) -> None:
    if not _is_heard():
        return
    forward, backward = next((names[0], names[1]) for link, *names in _LINKS if link is sender)
    label = backward if reverse else forward
    now = _linked(instance, sender, reverse)
    if action.startswith("pre_"):
        instance._links_before = now
    elif now != instance._links_before:
        _record("change", instance, {label: instance._links_before}, {label: now})


def _linked(instance: Any, link: Any, reverse: bool) -> list[str]:
    """Returns the names of what the row is linked to."""
    from django.contrib.auth.models import Permission

    if reverse:
        users = {User.groups.through, User.user_permissions.through}
        return sorted(str(each) for each in (instance.user_set if link in users else instance.group_set).all())
    if link is User.groups.through:
        return sorted(instance.groups.values_list("name", flat=True))
    held = instance.user_permissions if link is User.user_permissions.through else instance.permissions
    rows = Permission.objects.filter(pk__in=held.values("pk")).values_list("content_type__app_label", "codename")
    return sorted(f"{app}.{codename}" for app, codename in rows)


def _is_heard(update_fields: Any = None) -> bool:
    if update_fields is not None and set(update_fields) <= _NOT_EDITED:
        return False
    return auditing.door() != Door.SYSTEM


def _values(row: Model) -> dict[str, Any]:
    fields = [field for field in row._meta.concrete_fields if field.name not in _NOT_EDITED]
    return {
        field.name: field.value_to_string(row) if _is_odd(row, field) else getattr(row, field.attname)
        for field in fields
    }


def _is_odd(row: Model, field: Any) -> bool:
    """Tells whether the value is of a class of its own, such as a time zone."""
    return not isinstance(getattr(row, field.attname), str | int | float | bool | None)


def _record(verb: str, row: Model, before: Any, after: Any) -> None:
    auditing.record(
        verb=verb, kind=str(row._meta.verbose_name), target=str(row), actor=None, before=before, after=after
    )

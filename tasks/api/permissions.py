"""Who may do what: Django's model permissions, reading included."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import DjangoModelPermissions

from tasks.models import DeadLetter

_VIEW, _CHANGE = "%(app_label)s.view_%(model_name)s", "%(app_label)s.change_%(model_name)s"


class ModelPermissions(DjangoModelPermissions):
    """DRF's class lets anyone read who is signed in; here that needs the view permission."""

    perms_map = {**DjangoModelPermissions.perms_map, "GET": [_VIEW], "HEAD": [_VIEW]}


class ReadingPermissions(DjangoModelPermissions):
    """For what is asked by POST, because it is long, and changes nothing."""

    perms_map = {**DjangoModelPermissions.perms_map, "POST": [_VIEW]}


class VerbPermissions(DjangoModelPermissions):
    """Verbs change rows, whatever their HTTP method is, and their answers show them."""

    perms_map = {
        **DjangoModelPermissions.perms_map,
        **{method: [_VIEW] for method in ("GET", "HEAD")},
        **{method: [_VIEW, _CHANGE] for method in ("POST", "PUT", "PATCH", "DELETE")},
    }


class GroupPermissions(VerbPermissions):
    """A group is dead letters: who may see and resolve one may do so with many."""

    def get_required_permissions(self, method: str, model_cls: Any) -> list[str]:
        return super().get_required_permissions(method, DeadLetter)


def may_see_payload(user: Any) -> bool:
    """Payloads, results, logs and tracebacks may hold secrets: they are a permission of their own."""
    return bool(user.has_perm("tasks.view_payload"))


def check_may_change_payload(user: Any) -> None:
    """Raises PermissionDenied for those who may not see payloads.

    A new URL for an old credential would tell them what the payload hides.
    """
    if not may_see_payload(user):
        raise PermissionDenied("changing payloads needs the permission tasks.view_payload")

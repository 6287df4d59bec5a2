"""Who may do what: Django's model permissions, reading included."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import DjangoModelPermissions

_VIEW, _CHANGE = "%(app_label)s.view_%(model_name)s", "%(app_label)s.change_%(model_name)s"


class ModelPermissions(DjangoModelPermissions):
    """DRF's class lets anyone read who is signed in; here that needs the view permission."""

    perms_map = {**DjangoModelPermissions.perms_map, "GET": [_VIEW], "HEAD": [_VIEW]}


class VerbPermissions(DjangoModelPermissions):
    """Verbs change rows, whatever their HTTP method is, and their answers show them."""

    perms_map = {
        **DjangoModelPermissions.perms_map,
        **{method: [_VIEW] for method in ("GET", "HEAD")},
        **{method: [_VIEW, _CHANGE] for method in ("POST", "PUT", "PATCH", "DELETE")},
    }


def may_see_payload(user: Any) -> bool:
    """Payloads, results, logs and tracebacks may hold secrets: they are a permission of their own."""
    return bool(user.has_perm("tasks.view_payload"))


def check_may_change_payload(user: Any) -> None:
    """Raises PermissionDenied for those who may not see payloads.

    A new URL for an old credential would tell them what the payload hides.
    """
    if not may_see_payload(user):
        raise PermissionDenied("changing payloads needs the permission tasks.view_payload")

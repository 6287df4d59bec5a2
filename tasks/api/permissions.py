"""Who may do what: Django's model permissions, reading included."""

from typing import Any

from rest_framework.permissions import DjangoModelPermissions


class ModelPermissions(DjangoModelPermissions):
    """DRF's class lets anyone read who is signed in; here that needs the view permission."""

    perms_map = {
        **DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }


def may_see_payload(user: Any) -> bool:
    """Payloads, results, logs and tracebacks may hold secrets: they are a permission of their own."""
    return bool(user.has_perm("tasks.view_payload"))

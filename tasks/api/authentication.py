"""Signing in by an API key: `Authorization: Bearer ty_…` or `Authorization: Api-Key ty_…`."""

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from tasks.exceptions import KeyRefused
from tasks.models import ApiKey
from tasks.services.api_keys import opened_by


class KeyAuthentication(BaseAuthentication):
    """`request.auth` is the key then. A key that may only read is refused here, whatever the address is."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        scheme, _, value = get_authorization_header(request).decode("latin-1").partition(" ")
        value = value.strip()
        is_ours = scheme.lower() == "api-key" or (scheme.lower() == "bearer" and value.startswith("ty_"))
        if not is_ours:
            return None
        try:
            key = opened_by(value)
        except KeyRefused as error:
            raise AuthenticationFailed(str(error), code="key_refused") from None
        if key.read_only and request.method not in SAFE_METHODS:
            raise PermissionDenied(f"the key {key.prefix} may only read", code="key_reads_only")
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

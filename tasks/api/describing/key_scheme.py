"""How the schema describes signing in by an API key."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "tasks.api.authentication.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        words = "An API key of `auth/keys/`: `Authorization: Bearer ty_…`, or `Authorization: Api-Key ty_…`."
        return {"type": "http", "scheme": "bearer", "description": words}

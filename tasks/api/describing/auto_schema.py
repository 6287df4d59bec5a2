"""Describes one operation: what its annotation says, and what holds for every one by what the view is."""

import copy
from http import HTTPStatus
from typing import Any, get_origin

import uritemplate
from drf_spectacular.openapi import AutoSchema as SpectacularSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from drf_spectacular.utils import OpenApiResponse
from rest_framework.permissions import AllowAny

from tasks.api.answers import Page, SearchedPage
from tasks.api.describing.refusals import REFUSALS
from tasks.api.describing.shapes import Direction, is_shape, schema_of

_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")


class AutoSchema(SpectacularSchema):
    """`@extend_schema` names what one operation takes and answers, by the types of `bodies` and `answers`.

    Refusals that any operation of its kind may meet are added here.
    """

    def get_operation_id(self) -> str:
        names = [f"by_{part[1:-1]}" if part.startswith("{") else part.replace("-", "_") for part in self._parts()]
        return "_".join([self.method.lower(), *names])

    def get_tags(self) -> list[str]:
        first = self._parts()[0]
        return [{"dlq": "dead letters", "queue-manager": "queues", "task-types": "tasks"}.get(first, first)]

    def get_auth(self) -> list[dict[str, Any]]:
        return super().get_auth() if self._needs_login() else []

    def _needs_login(self) -> bool:
        permissions = self.view.get_permissions()
        return bool(permissions) and not any(isinstance(each, AllowAny) for each in permissions)

    def _parts(self) -> list[str]:
        return [part for part in self.path.removeprefix("/api/").split("/") if part]

    # --- What is taken and answered ----------------------------------------------------------------------------------

    def _get_request_for_media_type(self, serializer: Any, direction: Direction = "request") -> tuple[Any, bool]:
        if is_shape(serializer):
            schema = schema_of(serializer, self.registry, direction)
            return schema, _must_be_given(schema, self.registry)
        found: tuple[Any, bool] = super()._get_request_for_media_type(serializer, direction)
        return found

    def _get_response_for_code(
        self, serializer: Any, status_code: str, media_types: Any = None, direction: Direction = "response"
    ) -> dict[str, Any]:
        given = serializer if isinstance(serializer, OpenApiResponse) else OpenApiResponse(serializer)
        refusal = REFUSALS.get(int(status_code))
        if is_shape(given.response):
            if refusal is not None and given.response is refusal.shape and not (given.description or given.examples):
                return self._refusal(int(status_code))
            given = copy.copy(given)
            given.response = schema_of(given.response, self.registry, direction)
        found: dict[str, Any] = super()._get_response_for_code(given, status_code, media_types, direction)
        if not found.get("description"):
            found["description"] = refusal.words if refusal else HTTPStatus(int(status_code)).phrase
        return found

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        found: dict[str, Any] = super()._get_response_bodies(direction)
        for code in self._refused_anyhow():
            found.setdefault(str(code), self._refusal(code))
        return dict(sorted(found.items()))

    # --- Refusals ----------------------------------------------------------------------------------------------------

    def _refused_anyhow(self) -> list[int]:
        codes = [406, 500, 503]
        if self._needs_login():
            codes += [401, 403, 429]
        if uritemplate.variables(self.path) or self._is_list_view():
            codes.append(404)
        if self.method in _WITH_BODY:
            codes += [400, 413, 415]
        if any(each["in"] in ("query", "header") for each in self._get_parameters()):
            codes.append(400)
        return codes

    def _refusal(self, code: int) -> dict[str, Any]:
        refusal = REFUSALS[code]
        component = ResolvedComponent(name=refusal.name, type=ResolvedComponent.RESPONSE, object=refusal.name)
        if component not in self.registry:
            component.schema = {
                "description": refusal.words,
                "content": {
                    "application/json": {
                        "schema": schema_of(refusal.shape, self.registry, "response"),
                        "example": refusal.body(code),
                    }
                },
            }
            if refusal.headers:
                component.schema["headers"] = {
                    name: {
                        "description": words,
                        "schema": {"type": "integer" if name == "Retry-After" else "string"},
                    }
                    for name, words in refusal.headers.items()
                }
            self.registry.register(component)
        return dict(component.ref)

    # --- Pages -------------------------------------------------------------------------------------------------------

    def _is_list_view(self, *serializer: Any) -> bool:
        # Asked for a type, it would be put into a list; asked without, it is about filters and pages.
        return not serializer and self._answers_a_page()

    def _answers_a_page(self) -> bool:
        responses: Any = self.get_response_serializers()  # of what the annotation gives, which the library narrows
        first = responses.get(200) if isinstance(responses, dict) else responses
        first = first.response if isinstance(first, OpenApiResponse) else first
        return get_origin(first) in (Page, SearchedPage)


def _must_be_given(schema: dict[str, Any], registry: ComponentRegistry) -> bool:
    """Tells whether a request without a body lacks something; where nothing is required, it is an empty object."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if not name:
        return True  # a list, or one of several
    found = registry[ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name)]
    return bool(found.schema and any(found.schema.get(word) for word in ("required", "allOf", "anyOf")))

"""API keys: each user's own, and for administrators everybody's. A key itself opens none of this."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, ConfigDict, Field
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from tasks import database
from tasks.api import access_shapes, bodies
from tasks.api.access_answers import KeyShape, ShownKeyShape
from tasks.api.answers import Page
from tasks.api.describing import example
from tasks.api.pagination import CappedPagination
from tasks.api.views.chunked import ReadsChunked
from tasks.exceptions import InvalidSubmission
from tasks.models import ApiKey
from tasks.roles import may_give
from tasks.services.api_keys import make_key, revoke_keys
from tasks.services.submission_form import Text

DEFAULT_LIFE = timedelta(days=365)


class NewKey(BaseModel):
    """Without `expires_at` it expires in a year, with null never. `user` is for administrators."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[Text, Field(min_length=1, max_length=100)]
    read_only: bool = False
    expires_at: Annotated[datetime, Field(strict=False)] | None = None
    user: Annotated[Text, Field(max_length=150)] | None = None


class KeyViewSet(ReadsChunked):
    queryset = ApiKey.objects.all()
    pagination_class = CappedPagination

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if isinstance(request.auth, ApiKey):
            # It would outlive its own expiry, or make of a key that reads one that writes.
            raise PermissionDenied("keys are managed by whoever signs in with a password, and not by a key")

    def get_queryset(self) -> "QuerySet[ApiKey]":
        return ApiKey.objects.filter(user_id=self.request.user.pk or 0).select_related("user").order_by("-id")

    def _everybodys(self, permission: str) -> "QuerySet[ApiKey]":
        """Returns all keys to those with the permission, and to others their own."""
        if self.request.user.has_perm(permission):
            return ApiKey.objects.select_related("user").order_by("-id")
        return self.get_queryset()

    @extend_schema(
        summary="List API keys",
        description="Your own; with `all=true` everybody's, for administrators.",
        parameters=[OpenApiParameter("all", OpenApiTypes.STR, enum=["true", "false"])],
        responses={200: Page[KeyShape]},
    )
    def list(self, request: Request) -> Response:
        rows = self.get_queryset()
        every = request.query_params.get("all", "false")
        if every not in ("true", "false"):
            raise InvalidSubmission([{"code": "invalid", "detail": "true or false", "attr": "all"}])
        if every == "true":
            if not request.user.has_perm("tasks.view_apikey"):
                raise PermissionDenied("everybody's keys need the permission tasks.view_apikey")
            rows = self._everybodys("tasks.view_apikey")
        return self.get_paginated_response([access_shapes.key_shape(key) for key in self.paginate_queryset(rows) or []])

    @extend_schema(
        summary="Make an API key",
        description="The answer shows the key, this once.",
        request=NewKey,
        responses={201: ShownKeyShape},
        examples=[example("A year, reading", {"name": "the shop's dashboard", "read_only": True})],
    )
    def create(self, request: Request) -> Response:
        body = bodies.read(NewKey, bodies.an_object(request))
        expires_at = body.expires_at
        if "expires_at" not in body.model_fields_set:
            expires_at = database.now() + DEFAULT_LIFE
        elif expires_at is not None and expires_at.tzinfo is None:
            detail = "give a time with its zone, such as 2030-01-31T12:00:00Z"
            raise InvalidSubmission([{"code": "no_zone", "detail": detail, "attr": "expires_at"}])
        key, secret = make_key(
            user=self._owner(body.user),
            name=body.name,
            read_only=body.read_only,
            expires_at=expires_at,
            actor=request.user,
        )
        answer = Response({**access_shapes.key_shape(key), "key": secret}, status=status.HTTP_201_CREATED)
        answer["Cache-Control"] = "no-store"
        return answer

    @extend_schema(summary="Revoke an API key", description="Its row stays in the list.", responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        keys = self._everybodys("tasks.change_apikey").filter(pk=pk)
        if not keys.exists():
            raise Http404
        revoke_keys(keys, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _owner(self, name: str | None) -> Any:
        me: Any = self.request.user
        if name is None or name == me.get_username():
            return me
        if not me.has_perm("tasks.add_apikey"):
            raise PermissionDenied("keys for others need the permission tasks.add_apikey")
        user = get_user_model().objects.filter(username=name, is_active=True).first()
        if user is None:
            detail = f"there is no active user {name!r}"
            raise InvalidSubmission([{"code": "unknown_user", "detail": detail, "attr": "user"}])
        if (user.is_superuser and not me.is_superuser) or not may_give(me, user.get_all_permissions()):
            raise PermissionDenied(f"{name} may do more than you: such a key would be more than yours")
        return user

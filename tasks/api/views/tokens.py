"""JSON Web Tokens: the library's views, described."""

from typing import Annotated

from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView
from typing_extensions import TypedDict

from tasks.api.answers import AccessShape, PairShape, RefusalShape
from tasks.api.describing import example
from tasks.api.throttling import LoginThrottle

_REFUSED = {401: RefusalShape}


Word = Annotated[str, Field(min_length=1, json_schema_extra={"pattern": r"^[^\u0000]*[^\u0000\s][^\u0000]*$"})]


class Credentials(TypedDict):
    """For the schema alone, like the next one: the library's serializers read them."""

    username: Word
    password: Word


class RefreshToken(TypedDict):
    refresh: Word


@extend_schema(
    summary="Sign in",
    request=Credentials,
    responses={200: PairShape, **_REFUSED, 429: RefusalShape},
    examples=[example("Sign in", {"username": "integration", "password": "…"})],
)
class TokenView(TokenObtainPairView):
    """Gives an access token, for the header `Authorization: Bearer …`, and a refresh token to get the next with."""

    throttle_classes = [LoginThrottle]


@extend_schema(summary="Get the next access token", request=RefreshToken, responses={200: AccessShape, **_REFUSED})
class RefreshView(TokenRefreshView):
    """Gives another access token for a refresh token that has not expired."""

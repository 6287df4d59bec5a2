"""JWT: how a program signs in."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from tests.tasks.api.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user("ann", password="s3cret", is_superuser=True)


@pytest.fixture
def tokens(ann: User, anonymous: Api) -> dict[str, str]:
    code, body = anonymous.post("auth/token/", {"username": "ann", "password": "s3cret"})
    assert code == 200
    assert set(body) == {"access", "refresh"}
    return body


def with_token(anonymous: Api, token: object) -> tuple[int, Any]:
    return Api(None, anonymous.client, {"Authorization": f"Bearer {token}"}).get("tasks/")


def test_a_password_gives_a_pair_and_the_access_token_opens(tokens: dict[str, str], anonymous: Api) -> None:
    assert anonymous.get("tasks/")[0] == 401
    assert with_token(anonymous, tokens["access"])[0] == 200


def test_the_refresh_token_gives_another_access_token(tokens: dict[str, str], anonymous: Api) -> None:
    code, body = anonymous.post("auth/token/refresh/", {"refresh": tokens["refresh"]})
    assert code == 200
    assert with_token(anonymous, body["access"])[0] == 200


@pytest.mark.parametrize(
    "given", [{"username": "ann", "password": "wrong"}, {"username": "nobody", "password": "s3cret"}], ids=str
)
def test_a_wrong_password_and_an_unknown_name_look_alike(given: dict[str, str], ann: User, anonymous: Api) -> None:
    code, body = anonymous.post("auth/token/", given)
    assert (code, body["errors"][0]["code"], body["errors"][0]["attr"]) == (401, "no_active_account", None)


def test_what_is_missing_is_named(anonymous: Api) -> None:
    code, body = anonymous.post("auth/token/", {})
    assert (code, body["type"]) == (400, "validation_error")
    assert {error["attr"] for error in body["errors"]} == {"username", "password"}
    assert anonymous.post("auth/token/refresh/", {})[1]["errors"][0]["attr"] == "refresh"


def _expired(token: Any) -> Any:
    token.set_exp(from_time=token.current_time - timedelta(days=30))
    return token


WRONG: list[Callable[[User], Any]] = [
    lambda user: "nonsense",
    lambda user: "a.b.c",
    lambda user: "",
    lambda user: RefreshToken.for_user(user),  # the long-lived one opens nothing by itself
    lambda user: _expired(AccessToken.for_user(user)),
    lambda user: str(AccessToken.for_user(user))[:-4] + "AAAA",
    lambda user: AccessToken(),  # names nobody
]


@pytest.mark.parametrize(
    "make", WRONG, ids=["words", "dots", "empty", "refresh", "expired", "another signature", "nobody"]
)
def test_what_is_no_valid_token_opens_nothing(make: Callable[[User], Any], ann: User, anonymous: Api) -> None:
    code, body = with_token(anonymous, make(ann))
    assert (code, body["type"]) == (401, "client_error")


@pytest.mark.parametrize("leave", [lambda user: user.delete(), lambda user: User.objects.update(is_active=False)])
def test_a_token_ends_with_its_user(leave: Any, ann: User, tokens: dict[str, str], anonymous: Api) -> None:
    leave(ann)
    assert with_token(anonymous, tokens["access"])[0] == 401
    assert anonymous.post("auth/token/", {"username": "ann", "password": "s3cret"})[0] == 401
    assert anonymous.post("auth/token/refresh/", {"refresh": tokens["refresh"]})[0] == 401


@pytest.mark.parametrize(
    "make", [lambda user: "nonsense", AccessToken.for_user, lambda u: _expired(RefreshToken.for_user(u))]
)
def test_only_a_living_refresh_token_refreshes(make: Any, ann: User, anonymous: Api) -> None:
    assert anonymous.post("auth/token/refresh/", {"refresh": str(make(ann))})[0] == 401


def test_tokens_last_as_long_as_the_settings_say(ann: User) -> None:
    now = time.time()
    assert 29 * 60 < AccessToken.for_user(ann)["exp"] - now <= 30 * 60
    assert 6.9 * 86_400 < RefreshToken.for_user(ann)["exp"] - now <= 7 * 86_400

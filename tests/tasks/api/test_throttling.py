"""Too many requests, and too many attempts to sign in."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tasks import logins
from tasks.api import throttling
from tasks.api.throttling import Limiter
from tasks.models import FailedLogin
from tests.tasks.api.conftest import Api

pytestmark = pytest.mark.django_db


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_and_bursts_are_let_through() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    assert [limiter.wait("a", 10) for _ in range(40)] == [0.0] * 40  # four seconds' worth
    assert limiter.wait("a", 10) == pytest.approx(0.1)
    assert limiter.wait("b", 10) == 0
    clock.now += 0.1
    assert limiter.wait("a", 10) == 0
    assert limiter.wait("a", 10) > 0
    clock.now += 60
    assert [limiter.wait("a", 10) for _ in range(41)].count(0.0) == 40


def test_who_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "MOST_KNOWN", 10)
    limiter = Limiter()
    for number in range(100):
        limiter.wait(str(number), 1)
    assert len(limiter._full_until) == 10


@pytest.fixture
def slow(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "LIMITER", Limiter(Clock()))
    settings.API_USER_RATE, settings.API_KEY_RATE = 2, 1


def test_a_user_who_sends_too_much_waits_and_others_do_not(slow: None, viewer: Api, operator: Api) -> None:
    answers = [viewer.client.get("/api/tasks/", headers=viewer.headers) for _ in range(9)]
    assert [each.status_code for each in answers] == [200] * 8 + [429]
    assert (answers[-1]["Retry-After"], answers[-1].json()["errors"][0]["code"]) == ("1", "throttled")
    assert operator.get("tasks/")[0] == 200


def test_a_key_has_a_bound_of_its_own_beside_its_users(slow: None, operator: Api) -> None:
    keys = [operator.post("auth/keys/", {"name": name})[1]["key"] for name in "ab"]
    first, second = (Api(None, Client(), {"Authorization": f"Bearer {key}"}) for key in keys)
    assert [first.get("task-types/")[0] for _ in range(5)] == [200] * 4 + [429]
    # Two requests made the keys and five came by the first: of the user's eight one is left.
    assert [second.get("task-types/")[0] for _ in range(2)] == [200, 429]


def test_no_limit_is_none(slow: None, settings: Any, viewer: Api) -> None:
    settings.API_USER_RATE = 0
    assert {viewer.get("task-types/")[0] for _ in range(20)} == {200}


class TestLogins:
    @pytest.fixture
    def ann(self, settings: Any) -> User:
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
        return User.objects.create_user("ann", password="s3cret", is_staff=True)

    def api(self, password: str, name: str = "ann", address: str = "192.0.2.1") -> Any:
        given = {"username": name, "password": password}
        return Client(REMOTE_ADDR=address).post("/api/auth/token/", given, content_type="application/json")

    def admin(self, password: str, address: str = "192.0.2.1") -> Any:
        given = {"username": "ann", "password": password, "next": "/admin/"}
        return Client(REMOTE_ADDR=address).post("/admin/login/", given)

    def test_both_doors_count_and_both_close(self, ann: User) -> None:
        for number in range(logins.BY_PAIR):
            assert (self.api("wrong").status_code == 401) if number % 2 else (self.admin("wrong").status_code == 200)
        refused = self.api("s3cret")
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (429, "throttled")
        assert 290 < int(refused["Retry-After"]) <= 300
        page = self.admin("s3cret")
        assert page.status_code == 429
        assert 290 < int(page["Retry-After"]) <= 300
        assert "Too many attempts" in page.content.decode()
        assert "_auth_user_id" not in page.client.session

    def test_from_elsewhere_and_as_somebody_else_it_goes_on(self, ann: User) -> None:
        User.objects.create_user("bob", password="s3cret")
        for _ in range(logins.BY_PAIR):
            logins.note_failure("192.0.2.1", " ANN ")
        assert self.api("s3cret").status_code == 429
        assert self.api("s3cret", address="192.0.2.2").status_code == 200
        assert self.api("s3cret", name="bob").status_code == 200

    @pytest.mark.database
    def test_an_address_that_tries_many_names_is_stopped(self) -> None:
        for number in range(logins.BY_ADDRESS):
            logins.note_failure("2001:db8::1", f"name-{number}")
        assert logins.wait("2001:db8::ffff", "another") > 0  # the same network
        assert logins.wait("2001:db8:1::1", "another") == 0

    def test_a_name_that_is_tried_from_everywhere_is_stopped(self) -> None:
        for number in range(logins.BY_NAME):
            logins.note_failure(f"192.0.2.{number}", "ann")
        assert logins.wait("198.51.100.1", "ann") > 0

    @pytest.mark.database
    def test_it_ends_by_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(logins.BY_PAIR):
            logins.note_failure("192.0.2.1", "ann")
        assert logins.wait("192.0.2.1", "ann") > 0
        monkeypatch.setattr(logins, "WINDOW", -1.0)
        assert logins.wait("192.0.2.1", "ann") == 0
        logins.note_failure("192.0.2.1", "ann")
        assert set(FailedLogin.objects.values_list("count", flat=True)) == set()  # begun anew, and old by now

    def test_nothing_that_was_typed_is_stored(self, ann: User) -> None:
        self.api("wrong", name="my-password")
        assert "my-password" not in str(list(FailedLogin.objects.values()))

"""What is said of settings that are wrong for production, and that none is said of right ones."""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connections

from tasks.deployment_checks import check_deployment, is_local


def postgresql(host: str = "db.example.com", **options: Any) -> dict[str, Any]:
    usual = {"sslmode": "verify-full", "options": "-c idle_in_transaction_session_timeout=10000"}
    return {
        "default": {"ENGINE": "django.db.backends.postgresql", "HOST": host, "NAME": "x", "OPTIONS": usual | options}
    }


@pytest.fixture
def right(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings of which nothing is said; a test makes one of them wrong."""
    settings.EMBEDDED_BROKER = False
    settings.BROKER_URL = "amqps://taskyard:s3cret@mq.example.com//"
    settings.BROKER_TLS = {"server_hostname": "mq.example.com"}
    monkeypatch.setattr(connections, "settings", postgresql())
    settings.DATABASE_BEHIND_PGBOUNCER = False
    settings.DEBUG = False
    settings.BEHIND_TLS = True
    settings.SECRET_KEY_IS_GENERATED = False
    settings.LEASE_SECONDS, settings.LEADER_LEASE_SECONDS = 30, 8
    settings.PAYLOAD_LIMIT, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024, 2048
    assert check_deployment() == []
    return settings


PLAIN = {"BROKER_URL": "amqp://taskyard:s3cret@mq.example.com//", "BROKER_TLS": {}}
GUEST = {"BROKER_URL": "amqps://guest:guest@mq.example.com//"}
SQLITE = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "x"}}


@pytest.mark.parametrize(
    ("number", "wrong", "said"),
    [
        ("W002", {"EMBEDDED_BROKER": True}, "BROKER_URL"),
        ("W003", {"DATABASES": SQLITE}, "DATABASE_URL"),
        ("W004", {"DATABASES": postgresql(sslmode="prefer")}, "DATABASE_CA_FILE"),
        ("W004", {"DATABASES": postgresql(sslmode="disable")}, "sslmode=verify-full"),
        ("W005", PLAIN, "amqps://"),
        ("W006", {"BROKER_TLS": {"ca_certs": "/x"}}, "BROKER_VERIFY_HOST"),
        ("W007", GUEST, "BROKER_URL"),
        ("W007", {"BROKER_URL": "amqps://mq.example.com//"}, "BROKER_URL"),
        ("W008", {"DEBUG": True}, "DEBUG"),
        ("W009", {"BEHIND_TLS": False}, "BEHIND_TLS"),
        ("W010", {"SECRET_KEY_IS_GENERATED": True}, "SECRET_KEY_FILE"),
        ("W011", {"LEASE_SECONDS": 12, "LEADER_LEASE_SECONDS": 13}, "the lead"),
        ("W012", {"LEASE_SECONDS": 10}, "LEASE_SECONDS"),
        ("W012", {"DATABASES": postgresql(options="")}, "LEASE_SECONDS"),
        ("W012", {"DATABASES": postgresql(options="-c idle_in_transaction_session_timeout=1min")}, "LEASE_SECONDS"),
        ("W012", {"DATABASES": postgresql(options="-c idle_in_transaction_session_timeout=0")}, "LEASE_SECONDS"),
        ("W013", {"PAYLOAD_LIMIT": 4096}, "REQUEST_LIMIT"),
    ],
)
def test_a_wrong_setting_is_said_with_what_to_do(
    number: str, wrong: dict[str, Any], said: str, right: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in wrong.items():
        if name == "DATABASES":
            monkeypatch.setattr(connections, "settings", value)
        else:
            monkeypatch.setattr(right, name, value)
    (warning,) = check_deployment()
    assert warning.id == f"taskyard.{number}"
    assert said in str(warning.hint)
    assert "s3cret" not in str(warning)
    assert warning.msg in {each.msg for each in run_checks(tags=["security"], include_deployment_checks=True)}
    assert warning.msg not in {each.msg for each in run_checks(tags=["security"], include_deployment_checks=False)}


@pytest.mark.parametrize(
    "fine",
    [
        {"DATABASES": postgresql(host="127.0.0.1", sslmode="prefer")},
        {"DATABASES": postgresql(host="/run/postgresql", sslmode="prefer")},
        {"DATABASES": postgresql(sslmode="require")},
        {"BROKER_URL": "amqp://guest:guest@localhost//", "BROKER_TLS": {}},
        {"DATABASES": postgresql(options="-c idle_in_transaction_session_timeout=10s -c x=1")},
        {"DATABASES": postgresql(options=""), "DATABASE_BEHIND_PGBOUNCER": True},
        {"LEASE_SECONDS": 11, "LEADER_LEASE_SECONDS": 11},
    ],
)
def test_nothing_is_said_of_what_is_right(fine: dict[str, Any], right: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in fine.items():
        if name == "DATABASES":
            monkeypatch.setattr(connections, "settings", value)
        else:
            monkeypatch.setattr(right, name, value)
    assert check_deployment() == []


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "/run/postgresql"])
def test_this_machine_is_local(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["db", "10.0.0.1", "localhost.example.com", "2001:db8::1", "0.0.0.0"])
def test_other_machines_are_not(host: str) -> None:
    assert not is_local(host)

"""The settings read the environment: what they make of it, and the one line that a wrong value is answered with."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[2]
DATABASE_URL = "postgres://user:s3cret@db.example.com/taskyard"
BROKER_URL = "amqp://user:s3cret@mq.example.com//"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Reads the settings' file anew, in an environment of its own."""
    for name in configured.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TASKYARD_HOME", str(tmp_path / "home"))

    def read(**variables: str) -> dict[str, Any]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "config" / "settings.py"))

    return read


def test_a_fresh_checkout_needs_no_variable(read: Any, tmp_path: Path) -> None:
    settings = read()
    home = tmp_path / "home"
    assert settings["DATABASES"]["default"]["ENGINE"] == "django.db.backends.sqlite3"
    assert settings["DATABASES"]["default"]["NAME"] == home / "taskyard.sqlite3"
    assert settings["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert settings["EMBEDDED_BROKER"] is True
    assert settings["BROKER_URL"].startswith("taskyard-files://")
    assert settings["WORKER_CONCURRENCY"] == 2
    assert settings["DEBUG"] is False
    assert settings["SECRET_KEY"] == (home / "secret_key").read_text()
    assert [path.name for path in home.iterdir()] == ["secret_key"]


def test_two_urls_make_the_full_mode(read: Any) -> None:
    settings = read(DATABASE_URL=DATABASE_URL, BROKER_URL=BROKER_URL)
    database = settings["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["HOST"], database["NAME"], database["PASSWORD"]) == ("db.example.com", "taskyard", "s3cret")
    assert database["CONN_HEALTH_CHECKS"] is True
    assert database["OPTIONS"]["tcp_user_timeout"] == 5000
    assert "pool" not in database["OPTIONS"]
    assert settings["BROKER_URL"] == BROKER_URL
    assert settings["EMBEDDED_BROKER"] is False
    assert settings["WORKER_CONCURRENCY"] == 5


def test_what_the_database_url_says_goes_before_the_defaults(read: Any) -> None:
    options = read(DATABASE_URL=f"{DATABASE_URL}?connect_timeout=9&sslmode=require")["DATABASES"]["default"]["OPTIONS"]
    assert (str(options["connect_timeout"]), options["sslmode"]) == ("9", "require")


def test_the_pool_is_for_those_who_ask(read: Any) -> None:
    settings = read(DATABASE_URL=DATABASE_URL, DATABASE_POOL="true", DATABASE_POOL_SIZE="3")
    assert settings["DATABASES"]["default"]["OPTIONS"]["pool"]["max_size"] == 3


def test_secrets_come_from_files_too(read: Any, tmp_path: Path) -> None:
    for name, value in (("key", "k" * 50), ("database", DATABASE_URL), ("broker", BROKER_URL)):
        (tmp_path / name).write_text(value + "\n")
    settings = read(
        SECRET_KEY_FILE=str(tmp_path / "key"),
        DATABASE_URL_FILE=str(tmp_path / "database"),
        BROKER_URL_FILE=str(tmp_path / "broker"),
    )
    assert settings["SECRET_KEY"] == "k" * 50
    assert settings["DATABASES"]["default"]["PASSWORD"] == "s3cret"
    assert settings["BROKER_URL"] == BROKER_URL


def test_tls_is_demanded_but_not_of_the_health_checks(read: Any) -> None:
    assert not read()["SECURE_SSL_REDIRECT"]
    settings = read(BEHIND_TLS="true")
    assert settings["SECURE_SSL_REDIRECT"]
    assert settings["SESSION_COOKIE_SECURE"]
    (exempt,) = settings["SECURE_REDIRECT_EXEMPT"]
    assert re.search(exempt, "api/health/live/")
    assert re.search(exempt, "api/health/ready/")
    assert not re.search(exempt, "api/tasks/")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DEBUG": "perhaps"}, "DEBUG='perhaps' is neither true nor false"),
        ({"BEHIND_TLS": "2"}, "BEHIND_TLS='2' is neither true nor false"),
        ({"LEASE_SECONDS": "soon"}, "LEASE_SECONDS='soon' is not a whole number; it must be at least 3"),
        ({"LEASE_SECONDS": "2"}, "LEASE_SECONDS=2 must be at least 3"),
        ({"PAYLOAD_LIMIT": "10"}, "PAYLOAD_LIMIT=10 must be at least 1024"),
        ({"WORKER_CONCURRENCY": "1000"}, "WORKER_CONCURRENCY=1000 must be at least 1 and at most 256"),
        ({"JWT_REFRESH_DAYS": "99999999999"}, "JWT_REFRESH_DAYS=99999999999 must be at least 1 and at most 3650"),
        ({"BROKER_QUEUE_TYPE": "stream"}, "BROKER_QUEUE_TYPE='stream' is not one of classic, quorum"),
        ({"BROKER_NAMESPACE": "a b"}, "BROKER_NAMESPACE='a b' is not 1 to 40 letters, digits, - and _"),
        (
            {"BROKER_NAMESPACE": "x" * 41},
            "BROKER_NAMESPACE='xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' is not 1 to 40 letters, digits, - and _",
        ),
        ({"BROKER_NAMESPACE": ""}, "BROKER_NAMESPACE='' is not 1 to 40 letters, digits, - and _"),
        ({"TIME_ZONE": "Mars"}, "TIME_ZONE='Mars' is no time zone, such as Europe/Berlin"),
        ({"EXTRA_APPS": "tests.sample_app, nowhere"}, "EXTRA_APPS names 'nowhere', which is not installed"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL='loud' is not one of CRITICAL, DEBUG, ERROR, INFO, WARNING"),
        ({"DATABASE_URL": "mysql://u:s3cret@h/d"}, "DATABASE_URL must start with one of postgres://, postgresql://"),
        ({"BROKER_URL": "redis://:s3cret@h/0"}, "BROKER_URL must start with one of amqp://, amqps://, pyamqp://"),
        ({"BROKER_URL": "amqp://u:s3cret@h:port//"}, "BROKER_URL is not a URL: its port is no number"),
        ({"DATABASE_URL": DATABASE_URL, "DATABASE_POOL": "1", "DATABASE_POOL_SIZE": "0"}, "DATABASE_POOL_SIZE=0 must"),
        ({"TASKYARD_HOME": "/dev/null"}, "SECRET_KEY is not set, and /dev/null/secret_key cannot be written: "),
        ({"SECRET_KEY_FILE": "/nowhere"}, "SECRET_KEY_FILE='/nowhere' cannot be read: No such file or directory"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_value_is_one_clear_line(variables: dict[str, str], said: str, read: Any) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read(**variables)
    text = str(caught.value)
    assert text.startswith(said)
    assert "\n" not in text
    assert "s3cret" not in text

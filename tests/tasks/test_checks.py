"""The system checks of the settings."""

from typing import Any

import pytest
from django.core.checks import run_checks

from tasks.checks import check_misspelt_variables, misspelt

KNOWN = frozenset({"LEASE_SECONDS", "DATABASE_URL", "DATABASE_URL_FILE", "BROKER_URL", "LOG_LEVEL", "DEBUG", "PORT"})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LEASE_SECOND", "LEASE_SECONDS"),
        ("LEASE_SECNODS", "LEASE_SECONDS"),
        ("lease_seconds", "LEASE_SECONDS"),
        ("TASKYARD_LEASE_SECONDS", "LEASE_SECONDS"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("BROKER_UR", "BROKER_URL"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("debug", "DEBUG"),
    ],
)
def test_a_name_that_resembles_a_setting_is_said_with_the_one_that_was_meant(name: str, meant: str) -> None:
    assert misspelt([name], KNOWN) == [(name, meant)]


@pytest.mark.parametrize(
    "name",
    ["LEASE_SECONDS", "DATABASE_URL_FILE", "PATH", "HOME", "PORTS", "BROWSER", "TASKYARD_ROOT", "PGDATABASE", "REPORT"],
)
def test_other_names_are_left_alone(name: str) -> None:
    assert misspelt([name], KNOWN) == []


def test_usual_variables_resemble_no_setting(settings: Any) -> None:
    usual = (
        "COLORTERM DBUS_SESSION_BUS_ADDRESS DISPLAY EDITOR HOSTNAME LANG LC_ALL LOGNAME LS_COLORS MAIL OLDPWD PAGER "
        "SHELL SHLVL SSH_AUTH_SOCK TERM TMPDIR TZ USER VIRTUAL_ENV XDG_RUNTIME_DIR DJANGO_SETTINGS_MODULE "
        "PYTHONUNBUFFERED PYTHONPATH CI DEBIAN_FRONTEND SECRET HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE "
        "PGHOST PGPORT PGUSER PGPASSWORD POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB RABBITMQ_DEFAULT_USER "
        "RABBITMQ_DEFAULT_PASS CELERY_BROKER_URL WEB_CONCURRENCY KUBERNETES_SERVICE_HOST KUBERNETES_PORT "
        "CHROMIUM TASKYARD_BIN TASKYARD_ROOT FLOWER_PERSISTENT COVERAGE_FILE GITHUB_TOKEN"
    ).split()
    assert misspelt(usual, settings.VARIABLES) == []


def test_the_warning_names_the_variable_and_not_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEYS", "s3cret")
    (warning,) = [each for each in check_misspelt_variables() if "SECRET_KEYS" in each.msg]
    assert warning.id == "taskyard.W001"
    assert "SECRET_KEY" in (warning.hint or "")
    assert "s3cret" not in str(warning)
    assert warning in run_checks(tags=["settings"])


def test_a_private_host_that_cannot_be_read_is_an_error(settings: Any) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["10.0.0.0/99"]
    (error,) = [each for each in run_checks(tags=["security"]) if each.id == "taskyard.E001"]
    assert "10.0.0.0/99" in error.msg

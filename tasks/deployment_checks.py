"""What `check --deploy` says of settings that are right for trying Taskyard and wrong for running it. Ids stay."""

import ipaddress
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.checks import Tags, Warning, register
from django.db import connections

_Check = Callable[[], tuple[str, str] | None]
_checks: list[tuple[str, _Check]] = []


@register(Tags.security, deploy=True)
def check_deployment(**kwargs: Any) -> list[Warning]:
    """taskyard.W002 and those after it, each a function of this module."""
    found = [(number, check()) for number, check in _checks]
    return [Warning(said[0], hint=said[1], id=f"taskyard.{number}") for number, said in found if said]


def _deployment(number: str) -> Callable[[_Check], _Check]:
    def add(check: _Check) -> _Check:
        _checks.append((number, check))
        return check

    return add


# --- Servers ----------------------------------------------------------------------------------------------------------


@_deployment("W002")
def embedded_broker() -> tuple[str, str] | None:
    if not settings.EMBEDDED_BROKER:
        return None
    return (
        "the embedded broker serves one machine and loses a killed worker's message for half a minute",
        "Set BROKER_URL to a RabbitMQ.",
    )


@_deployment("W003")
def sqlite() -> tuple[str, str] | None:
    if _postgresql():
        return None
    return "SQLite serves one machine and one writer at a time", "Set DATABASE_URL to a PostgreSQL."


@_deployment("W004")
def database_without_tls() -> tuple[str, str] | None:
    database = _database()
    if not _postgresql() or is_local(database["HOST"]) or _options().get("sslmode", "") in _ENCRYPTED:
        return None
    return (
        "the database is on another host, and the connection to it may be without TLS",
        "Set DATABASE_CA_FILE, or add ?sslmode=verify-full to DATABASE_URL.",
    )


@_deployment("W005")
def broker_without_tls() -> tuple[str, str] | None:
    if settings.EMBEDDED_BROKER or settings.BROKER_TLS or is_local(urlsplit(settings.BROKER_URL).hostname or ""):
        return None
    return (
        "the broker is on another host, and the connection to it is without TLS",
        "Let BROKER_URL start with amqps://, and set BROKER_CA_FILE where the system does not know its certificate.",
    )


@_deployment("W006")
def broker_of_any_name() -> tuple[str, str] | None:
    if not settings.BROKER_TLS or "server_hostname" in settings.BROKER_TLS:
        return None
    return (
        "BROKER_VERIFY_HOST is off: whoever has any certificate of the authority can pass for the broker",
        "Give the broker a certificate for the name in BROKER_URL, and remove BROKER_VERIFY_HOST.",
    )


@_deployment("W007")
def guest_elsewhere() -> tuple[str, str] | None:
    parts = urlsplit(settings.BROKER_URL)
    guest = unquote(parts.username or "guest") == "guest" and unquote(parts.password or "guest") == "guest"
    if settings.EMBEDDED_BROKER or not guest or is_local(parts.hostname or ""):
        return None
    return (
        "the broker is on another host and is asked in as guest with the password guest",
        "Make a user of RabbitMQ's for Taskyard and name it in BROKER_URL.",
    )


# --- The web ----------------------------------------------------------------------------------------------------------


@_deployment("W008")
def debug() -> tuple[str, str] | None:
    return ("DEBUG is on: errors show the code and settings to anyone", "Remove DEBUG.") if settings.DEBUG else None


@_deployment("W009")
def no_tls_in_front() -> tuple[str, str] | None:
    if settings.BEHIND_TLS:
        return None
    return (
        "BEHIND_TLS is off: passwords and cookies travel as they are",
        "Put a proxy that speaks TLS before the web, which sets X-Forwarded-Proto, and set BEHIND_TLS.",
    )


@_deployment("W010")
def generated_key() -> tuple[str, str] | None:
    if not settings.SECRET_KEY_IS_GENERATED:
        return None
    return (
        "SECRET_KEY was generated into TASKYARD_HOME: each host makes another, and takes no session of the others",
        "Set SECRET_KEY or SECRET_KEY_FILE, the same on each host.",
    )


# --- Numbers that depend on each other --------------------------------------------------------------------------------


@_deployment("W011")
def lead_outlasts_claims() -> tuple[str, str] | None:
    if settings.LEADER_LEASE_SECONDS <= settings.LEASE_SECONDS:
        return None
    said = (
        f"LEADER_LEASE_SECONDS={settings.LEADER_LEASE_SECONDS} is above LEASE_SECONDS={settings.LEASE_SECONDS}: "
        "after the leader's death nobody takes back what ran out meanwhile"
    )
    return said, "Let the lead end before the claims do."


@_deployment("W012")
def forgotten_transactions() -> tuple[str, str] | None:
    found = re.search(r"idle_in_transaction_session_timeout\s*=\s*(\w+)", str(_options().get("options", "")))
    if not _postgresql() or settings.DATABASE_BEHIND_PGBOUNCER:
        return None
    seconds = _seconds(found[1]) if found else 0.0
    if 0 < seconds < settings.LEASE_SECONDS:
        return None
    limit = f"is {seconds:g} s" if seconds else "is not set"
    said = (
        f"idle_in_transaction_session_timeout {limit}, which is not below LEASE_SECONDS={settings.LEASE_SECONDS}: "
        "a frozen process may hold rows for longer than it holds their claims"
    )
    return said, "Raise LEASE_SECONDS, or lower it by ?options= in DATABASE_URL."


@_deployment("W013")
def payloads_no_request_can_carry() -> tuple[str, str] | None:
    if settings.PAYLOAD_LIMIT < settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return None
    said = (
        f"REQUEST_LIMIT={settings.DATA_UPLOAD_MAX_MEMORY_SIZE} is not above PAYLOAD_LIMIT={settings.PAYLOAD_LIMIT}: "
        "the largest payloads fit into no request"
    )
    return said, "Raise REQUEST_LIMIT, or lower PAYLOAD_LIMIT."


# --- What they ask ----------------------------------------------------------------------------------------------------

_ENCRYPTED = ("require", "verify-ca", "verify-full")
_UNITS = {"": 0.001, "us": 1e-6, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def _database() -> dict[str, Any]:
    return dict(connections.settings["default"])


def _options() -> dict[str, Any]:
    return dict(_database().get("OPTIONS") or {})


def _postgresql() -> bool:
    return str(_database()["ENGINE"]).endswith("postgresql")


def _seconds(duration: str) -> float:
    """Returns PostgreSQL's duration, of which milliseconds are the unit that is left away, in seconds."""
    number, unit = re.fullmatch(r"(\d*)(\w*?)", duration).groups()  # type: ignore[union-attr]  # it was matched by \w+
    return int(number or 0) * _UNITS.get(unit, 0.0)


def is_local(host: str) -> bool:
    """Whether the host is this machine: no name, a socket's folder, localhost or a loopback address."""
    if not host or host.startswith("/") or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

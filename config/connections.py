"""Where the database and the broker are, and how they are spoken to: addresses, certificates, timeouts, PgBouncer."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dj_database_url
from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo

from config import env
from config.env import WrongSetting

_POSTGRESQL = {"postgres", "postgresql"}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

# A default client hangs for minutes in a network partition: these bound each way of hanging.
_BOUNDS = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
# JIT compiles for 300 ms what then runs for 10: to look into attempts is estimated far dearer than it is.
_SESSION = {
    "options": "-c statement_timeout=30000 -c lock_timeout=8000 -c idle_in_transaction_session_timeout=10000 -c jit=off"
}


@dataclass(frozen=True)
class TlsFiles:
    """The root certificate to check a server by, and a certificate and key to show to it; "" where not set."""

    prefix: str
    authority: str
    certificate: str
    key: str

    @classmethod
    def read(cls, prefix: str) -> "TlsFiles":
        """Reads PREFIX_CA_FILE, PREFIX_CERT_FILE and PREFIX_KEY_FILE, and what they name."""
        authority, certificate, key = (env.file(f"{prefix}_{part}_FILE") for part in ("CA", "CERT", "KEY"))
        if bool(certificate) != bool(key):
            raise WrongSetting(f"{prefix}_CERT_FILE and {prefix}_KEY_FILE are set together or not at all")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if authority:
                context.load_verify_locations(authority)
        except (ssl.SSLError, OSError):
            raise WrongSetting(f"{prefix}_CA_FILE={authority!r} holds no certificate (PEM)") from None
        try:
            if certificate:
                # A key with a password would ask for it on the terminal.
                context.load_cert_chain(certificate, key, password="")
        except (ssl.SSLError, OSError, ValueError):
            pair = f"{prefix}_CERT_FILE={certificate!r} and {prefix}_KEY_FILE={key!r}"
            raise WrongSetting(f"{pair} are no certificate and its key without a password (PEM)") from None
        return cls(prefix, authority, certificate, key)

    def refuse(self, why: str) -> None:
        """Raises WrongSetting where one of them is set."""
        for part, path in (("CA", self.authority), ("CERT", self.certificate)):
            if path:
                raise WrongSetting(f"{self.prefix}_{part}_FILE is set, and {why}")


# --- The database -----------------------------------------------------------------------------------------------------


def database(home: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Returns the database, and the one to LISTEN on where that is not the same."""
    url, listen_url = env.url("DATABASE_URL", _POSTGRESQL), env.url("LISTEN_DATABASE_URL", _POSTGRESQL)
    files = TlsFiles.read("DATABASE")
    behind_pgbouncer = env.boolean("DATABASE_BEHIND_PGBOUNCER", False)
    pooled, pool_size = env.boolean("DATABASE_POOL", False), env.integer("DATABASE_POOL_SIZE", 10, least=1)
    if not url:
        files.refuse("DATABASE_URL is not")
        return _sqlite(home), None
    found = _postgresql("DATABASE_URL", url, files, behind_pgbouncer=behind_pgbouncer)
    if pooled:
        # For the web only: under ASGI a request may come in any thread, so connections cannot be kept by thread.
        found["OPTIONS"]["pool"] = {
            "min_size": 1,
            "max_size": pool_size,
            # In an outage a request waits as long for a connection as for connecting. Pauses between attempts to
            # reconnect double: given up soon, an attempt is made anew by the next request instead of a minute later.
            "timeout": 5,
            "reconnect_timeout": 1,
        }
    listened = _postgresql("LISTEN_DATABASE_URL", listen_url, files) if listen_url else None
    return found, listened


def _postgresql(name: str, url: str, files: TlsFiles, *, behind_pgbouncer: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = dict(dj_database_url.parse(url, conn_health_checks=True))
    said = found.get("OPTIONS", {})
    try:
        make_conninfo("", **{key: str(value) for key, value in said.items()})
    except ProgrammingError as error:
        raise WrongSetting(f"{name} has an option that PostgreSQL does not know: {str(error).strip()}") from None
    mode = said.get("sslmode")
    if mode is not None and mode not in _SSL_MODES:
        raise WrongSetting(f"{name} has sslmode={env.shown(mode)}, which is not one of {', '.join(_SSL_MODES)}")
    found["OPTIONS"] = {**_BOUNDS, **({} if behind_pgbouncer else _SESSION), **said, **_database_tls(name, said, files)}
    if behind_pgbouncer:
        # Each transaction may run in another session of the server: nothing may be left in one for the next.
        found["DISABLE_SERVER_SIDE_CURSORS"] = True
        found["OPTIONS"]["prepare_threshold"] = None
    return found


def _database_tls(name: str, said: dict[str, Any], files: TlsFiles) -> dict[str, str]:
    tls: dict[str, str] = {}
    if files.authority:
        mode = said.get("sslmode", "verify-full")
        if not mode.startswith("verify-"):
            raise WrongSetting(f"{name} has sslmode={mode}, which checks no certificate: remove it or DATABASE_CA_FILE")
        tls |= {"sslmode": mode, "sslrootcert": files.authority}
    if files.certificate:
        tls |= {"sslcert": files.certificate, "sslkey": files.key}
    for option in tls:
        if option in said and option != "sslmode":
            raise WrongSetting(f"{name} has {option}, which DATABASE_…_FILE sets as well: remove one of them")
    return tls


def _sqlite(home: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": home / "taskyard.sqlite3",
        "OPTIONS": {
            # A transaction that starts by reading cannot be upgraded while another writes: all of them are IMMEDIATE.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000",
        },
    }


# --- The broker -------------------------------------------------------------------------------------------------------


def broker() -> tuple[str, dict[str, Any]]:
    """Returns the broker's URL, "" for the embedded one, and how to speak TLS to it, nothing where it does not."""
    url = env.url("BROKER_URL", {"amqp", "amqps", "pyamqp"})
    files = TlsFiles.read("BROKER")
    verifies_host = env.boolean("BROKER_VERIFY_HOST", True)
    parts = urlsplit(url)
    if parts.scheme != "amqps":
        files.refuse("BROKER_URL does not start with amqps://")
        return url, {}
    if any(option.startswith("ssl") for option in parse_qs(parts.query)):
        raise WrongSetting("BROKER_URL has options on TLS: BROKER_CA_FILE, BROKER_CERT_FILE and BROKER_KEY_FILE set it")
    if ";" in url:
        raise WrongSetting("BROKER_URL names several brokers: over TLS it takes one")
    tls: dict[str, Any] = {"cert_reqs": ssl.CERT_REQUIRED}
    if verifies_host:
        tls["server_hostname"] = parts.hostname  # py-amqp compares no name where it is told none
    if files.authority:
        tls["ca_certs"] = files.authority
    if files.certificate:
        tls |= {"certfile": files.certificate, "keyfile": files.key}
    return url, tls

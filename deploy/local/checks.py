"""What has to be right before anything is started. Each fault is one line that says what to do."""

import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]


class CannotStart(Exception):
    """One line for whoever called bin/up or another program of this folder's."""


def home() -> Path:
    """Returns TASKYARD_HOME, made if it is missing."""
    path = Path(os.environ.get("TASKYARD_HOME") or ROOT / ".run").resolve()
    try:
        for folder in ("log", "data", "static"):
            (path / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"TASKYARD_HOME={path} cannot be used: {error.strerror}") from None
    return path


def ports() -> tuple[int, int]:
    """Returns PORT and FLOWER_PORT, both free."""
    found = []
    for name, default in (("PORT", 8000), ("FLOWER_PORT", 5555)):
        text = os.environ.get(name) or str(default)
        if not (text.isascii() and text.isdigit() and len(text) <= 5) or not 0 < int(text) < 65536:
            raise CannotStart(f"{name}={text!r} is not a port (1 to 65535)")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", int(text)))
            except OSError as error:
                raise CannotStart(f"port {text} cannot be used ({error.strerror}): set {name} to another one") from None
        found.append(int(text))
    if found[0] == found[1]:
        raise CannotStart(f"PORT and FLOWER_PORT are both {found[0]}")
    return found[0], found[1]


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds the folder's lock: two runs over the same files would harm each other."""
    with open(folder / "up.lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(f"Taskyard already runs from {folder}: set TASKYARD_HOME to another folder") from None
        yield


def prepare_environment(folder: Path, web_port: int, flower_port: int) -> None:
    """Sets what the processes inherit; what is set already stays."""
    own = f"127.0.0.1:{web_port}"
    os.environ["TASKYARD_HOME"] = str(folder)
    os.environ.setdefault("HTTP_BASE_URL", f"http://{own}")
    allowed = [word for word in os.environ.get("HTTP_ALLOWED_PRIVATE_HOSTS", "").split(",") if word.strip()]
    os.environ["HTTP_ALLOWED_PRIVATE_HOSTS"] = ",".join(dict.fromkeys([*allowed, own]))
    os.environ.setdefault("FLOWER_URL", f"http://127.0.0.1:{flower_port}/")
    os.environ.setdefault("PYTHONUNBUFFERED", "1")


def settings(program: str = "bin/up") -> None:
    """Reads Django's settings, and says what may be wrong with them."""
    import django
    from django.core.checks import run_checks

    try:
        django.setup()
    except SystemExit as error:  # config says so in one line, which has its own beginning
        raise CannotStart(str(error.__cause__)) from None
    for message in run_checks(tags=["settings"]):
        print(f"{program}: {message.msg}", file=sys.stderr)


def database() -> None:
    from django.db import Error, connection

    from tasks.database import reason

    try:
        connection.ensure_connection()
    except Error as error:
        place = connection.settings_dict
        where = f"{place['HOST']}:{place['PORT'] or 5432}/{place['NAME']}" if place["HOST"] else place["NAME"]
        raise CannotStart(f"the database {where} (DATABASE_URL) does not answer: {reason(error)}") from None


def broker() -> None:
    from django.conf import settings as configured

    from tasks import broker_connection

    if configured.EMBEDDED_BROKER:
        return
    parts = urlsplit(configured.BROKER_URL)
    try:
        with broker_connection.new_connection(socket_timeout=5) as connection:
            broker_connection.connect(connection)
    except Exception as error:  # noqa: BLE001  (each transport has errors of its own)
        reason = " ".join(str(error).split()) or type(error).__name__
        where = f"{parts.hostname}:{parts.port or (5671 if configured.BROKER_TLS else 5672)}"
        raise CannotStart(f"the broker {where} (BROKER_URL) does not answer: {reason}") from None


def administrator_password() -> str:
    """Returns the one that DJANGO_SUPERUSER_PASSWORD or its file gives, or ""."""
    from config import env

    try:
        return env.text("DJANGO_SUPERUSER_PASSWORD")
    except env.WrongSetting as error:
        raise CannotStart(str(error)) from None

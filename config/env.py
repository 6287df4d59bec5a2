"""Typed readers for the environment. A value that cannot be read stops the start with one clear line.

A reader that takes text takes it from a file as well, which NAME_FILE names: for secrets.
"""

import base64
import importlib.util
import os
import re
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_KEY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")


_SHOWN = 80  # characters of a wrong value

asked: set[str] = set()  # the variables that anybody has asked for


class WrongSetting(ImproperlyConfigured):
    """One line for whoever set it: the variable, its value unless it may be secret, and what is allowed."""


def text(name: str, default: str = "") -> str:
    """Returns the variable, or the content of the file that `NAME_FILE` names without its last line's end."""
    value, path = _read(name), _read(f"{name}_FILE")
    if not path:
        return default if value is None else value
    if value:
        raise WrongSetting(f"{name} and {name}_FILE are both set: remove one of them")
    return _content(f"{name}_FILE", path)


def _read(name: str) -> str | None:
    asked.add(name)
    return os.environ.get(name)


def _content(name: str, path: str) -> str:
    try:
        value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise WrongSetting(f"{name}={path!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongSetting(f"{name}={path!r} cannot be read: it is not UTF-8") from None
    except ValueError:
        raise WrongSetting(f"{name}={path!r} is no path") from None
    if not value:
        raise WrongSetting(f"{name}={path!r} is empty")
    return value


def file(name: str) -> str:
    """Returns the path of a file that can be read, or "" where the variable is not set."""
    path = _read(name) or ""
    if path:
        try:
            with open(path, "rb") as opened:
                opened.read(1)
        except OSError as error:
            raise WrongSetting(f"{name}={path!r} cannot be read: {error.strerror}") from None
    return path


def boolean(name: str, default: bool) -> bool:
    value = _read(name)
    if value is None:
        return default
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise WrongSetting(f"{name}={shown(value)} is neither true nor false")


def integer(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    value = _read(name)
    if value is None or value == "":
        return default
    bounds = f"at least {least}" + (f" and at most {most}" if most is not None else "")
    try:
        number = int(value)
    except ValueError:
        raise WrongSetting(f"{name}={shown(value)} is not a whole number; it must be {bounds}") from None
    if number < least or (most is not None and number > most):
        raise WrongSetting(f"{name}={number} must be {bounds}")
    return number


def shown(value: str) -> str:
    """Returns a wrong value as it stands in a message: quoted, and not at any length."""
    return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")


def words(name: str, default: str = "") -> list[str]:
    """A list separated by commas; blanks around the words do not count."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choice(name: str, default: str, allowed: set[str]) -> str:
    """Returns the allowed word that the variable is, in any case."""
    value = text(name, default)
    for word in allowed:
        if word.lower() == value.lower():
            return word
    raise WrongSetting(f"{name}={shown(value)} is not one of {', '.join(sorted(allowed))}")


def zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise WrongSetting(f"{name}={shown(value)} is no time zone, such as Europe/Berlin") from None
    return value


def modules(name: str) -> list[str]:
    """A list of Python modules, separated by commas, whose packages are installed."""
    found = words(name)
    for module in found:
        if not module.replace(".", "").isidentifier() or importlib.util.find_spec(module.partition(".")[0]) is None:
            raise WrongSetting(f"{name} names {module!r}, which is not installed")
    return found


def url(name: str, schemes: set[str]) -> str:
    """Returns the URL or "" where it is not set. The message never repeats the URL: it may hold a password."""
    value = text(name)
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        # Python's own words may hold a piece of the password: what follows a / in it is taken for the path.
        hint = "its port is no number, or a special character in its password is not percent-encoded"
        raise WrongSetting(f"{name} is not a URL: {hint}") from None
    if parts.scheme not in schemes:
        raise WrongSetting(f"{name} must start with one of {', '.join(sorted(s + '://' for s in schemes))}")
    if not parts.hostname:
        raise WrongSetting(f"{name} names no host")
    return value


def secret(name: str, kept_in: Path) -> str:
    """Returns the variable, else the secret kept in the file, which is made with a random one when it is missing."""
    value = text(name)
    if value:
        return value
    try:
        kept_in.parent.mkdir(parents=True, exist_ok=True)
        if not kept_in.exists():
            _keep(secrets.token_urlsafe(50), kept_in)
    except OSError as error:
        raise WrongSetting(f"{name} is not set, and {kept_in} cannot be written: {error.strerror}") from error
    try:
        value = kept_in.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise WrongSetting(f"{name} is not set, and {kept_in} cannot be read: {error.strerror}") from error
    if not value:
        raise WrongSetting(f"{name} is not set, and {kept_in} is empty: delete it")
    return value


def signing_keys(name: str) -> dict[str, tuple[bytes, ...]]:
    """Reads "key=whsec_… whsec_…, other=whsec_…": names, each with its secrets of 24 to 64 bytes in base64.

    The entries are parted by commas or lines. The messages never repeat a secret.
    """
    keys: dict[str, tuple[bytes, ...]] = {}
    for number, entry in enumerate(re.split(r"[,\n]", text(name)), start=1):
        if not entry.strip():
            continue
        key, equals, given = entry.partition("=")
        key = key.strip()
        if not equals or not _KEY_NAME.fullmatch(key):
            hint = "write NAME=whsec_…, the name being up to 60 letters, digits, '_', '-' and '.'"
            raise ImproperlyConfigured(f"{name}: entry {number} is no key: {hint}")
        if key in keys:
            raise ImproperlyConfigured(f"{name} names the key {key!r} twice: put its secrets after each other")
        if not given.split():
            raise ImproperlyConfigured(f"{name}: the key {key!r} has no secret")
        keys[key] = tuple(_signing_secret(name, key, secret) for secret in given.split())
    return keys


def _signing_secret(name: str, key: str, given: str) -> bytes:
    # The sizes are those of the Standard Webhooks specification.
    prefix, found = given[:6], b""
    if prefix != "whsec_":
        raise ImproperlyConfigured(f"{name}: a secret of the key {key!r} does not start with whsec_")
    try:
        found = base64.b64decode(given[6:], validate=True)
    except ValueError:
        raise ImproperlyConfigured(f"{name}: a secret of the key {key!r} is not base64 after whsec_") from None
    if not 24 <= len(found) <= 64:
        raise ImproperlyConfigured(f"{name}: a secret of the key {key!r} has {len(found)} bytes; 24 to 64 are allowed")
    return found


def _keep(value: str, path: Path) -> None:
    # Linked to its name when it is whole: a process that starts at the same moment must not read half of it.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret-")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(value)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)

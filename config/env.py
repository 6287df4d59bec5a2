"""Typed readers for the environment. A value that cannot be read stops the start with one clear line."""

import importlib.util
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    """Returns the variable; `NAME_FILE` names a file to read it from instead (for secrets)."""
    path = os.environ.get(f"{name}_FILE")
    if path and name not in os.environ:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE={path!r} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise ImproperlyConfigured(f"{name}_FILE={path!r} cannot be read: it is not UTF-8") from None
    return os.environ.get(name, default)


def boolean(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither true nor false")


def integer(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number") from None
    if number < least or (most is not None and number > most):
        bounds = f"at least {least}" + (f" and at most {most}" if most is not None else "")
        raise ImproperlyConfigured(f"{name}={number} must be {bounds}")
    return number


def words(name: str, default: str = "") -> list[str]:
    """A list separated by commas; blanks around the words do not count."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choice(name: str, default: str, allowed: set[str]) -> str:
    """Returns the allowed word that the variable is, in any case."""
    value = text(name, default)
    for word in allowed:
        if word.lower() == value.lower():
            return word
    raise ImproperlyConfigured(f"{name}={value!r} is not one of {', '.join(sorted(allowed))}")


def zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ImproperlyConfigured(f"{name}={value!r} is no time zone, such as Europe/Berlin") from None
    return value


def modules(name: str) -> list[str]:
    """A list of Python modules, separated by commas, whose packages are installed."""
    found = words(name)
    for module in found:
        if not module.replace(".", "").isidentifier() or importlib.util.find_spec(module.partition(".")[0]) is None:
            raise ImproperlyConfigured(f"{name} names {module!r}, which is not installed")
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
        raise ImproperlyConfigured(f"{name} is not a URL: {hint}") from None
    if parts.scheme not in schemes:
        raise ImproperlyConfigured(f"{name} must start with one of {', '.join(sorted(s + '://' for s in schemes))}")
    if not parts.hostname:
        raise ImproperlyConfigured(f"{name} names no host")
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
        raise ImproperlyConfigured(f"{name} is not set, and {kept_in} cannot be written: {error.strerror}") from error
    try:
        value = kept_in.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name} is not set, and {kept_in} cannot be read: {error.strerror}") from error
    if not value:
        raise ImproperlyConfigured(f"{name} is not set, and {kept_in} is empty: delete it")
    return value


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

"""Typed readers for the environment. A value that cannot be read stops the start with one clear line."""

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

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
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}={value!r} is not one of {', '.join(sorted(allowed))}")
    return value


def url(name: str, schemes: set[str]) -> str:
    """Returns the URL or "" where it is not set. The message never repeats the URL: it may hold a password."""
    value = text(name)
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is not a URL: {error}") from None
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
        with os.fdopen(os.open(kept_in, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    except OSError as error:
        raise ImproperlyConfigured(f"{name} is not set, and {kept_in} cannot be written: {error.strerror}") from error
    return kept_in.read_text(encoding="utf-8").strip()

"""Opens files below DATA_ROOT and nowhere else, and makes new ones appear only when they are whole.

A path is resolved and must lie below the root; then it is walked folder by folder from the root without following
links, so that a link put there in between changes nothing.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from django.conf import settings

from tasks.exceptions import TaskFailed
from tasks.states import FailureCategory

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC

_PART = re.compile(r"part-(\d{5})\.")

Identity = tuple[int, int]  # device and inode: equal for two names of one file


def open_source(path: str) -> int:
    """Returns a descriptor for reading.

    Raises TaskFailed: retryable where the file is missing or cannot be read now, because it may still arrive and a
    wrong name costs only the attempts; final for what is no plain file below the root.
    """
    with _failing(path):
        parts = _located(path)
        with _folder(parts[:-1], create=False) as folder:
            # Without NONBLOCK a FIFO would hold up the open until somebody writes to it.
            descriptor = os.open(parts[-1], os.O_RDONLY | os.O_NONBLOCK | _FILE, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _refused(path, "is no plain file")
    return descriptor


def stray_parts(folder: str, count: int) -> str:
    """Returns the name of a part file in the folder whose number is `count` or more, or ""."""
    with _failing(folder):
        try:
            with _folder(_located(folder), create=False) as descriptor:
                found = sorted(os.listdir(descriptor))
        except FileNotFoundError:
            return ""
    return next((name for name in found if (match := _PART.match(name)) and int(match[1]) >= count), "")


def identity(descriptor: int) -> Identity:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


class NewFile:
    """A file that is written beside its target and takes the target's name with `keep()`; without it, it vanishes.

    `draft` names it meanwhile and is the attempt's own: a later attempt names the drafts of those before it in
    `leftovers`, which a killed process could not remove.
    """

    def __init__(self, path: str, *, draft: str, leftovers: list[str]) -> None:
        self._path, self._draft, self._leftovers = path, draft, leftovers
        self._kept = False

    def __enter__(self) -> Self:
        with _failing(self._path):
            parts = _located(self._path)
            self._name = parts[-1]
            with _folder(parts[:-1], create=True) as folder:
                self.replaces = self._check_target(folder)
                for name in self._leftovers:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=folder)
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _FILE
                self.descriptor = os.open(self._draft, flags, 0o666, dir_fd=folder)
                self._folder = os.dup(folder)
        return self

    def _check_target(self, folder: int) -> Identity | None:
        try:
            status = os.stat(self._name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise _refused(self._path, "is there already and no plain file")
        return status.st_dev, status.st_ino

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return os.fstat(self.descriptor).st_size

    def keep(self) -> None:
        """Puts the file under its name, in place of an older one. It survives a loss of power from here on."""
        with _failing(self._path):
            os.fsync(self.descriptor)
            os.replace(self._draft, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._kept = True
            os.fsync(self._folder)

    def __exit__(self, *error: object) -> None:
        if not self._kept:
            with suppress(FileNotFoundError):
                os.unlink(self._draft, dir_fd=self._folder)
        os.close(self.descriptor)
        os.close(self._folder)


def _located(path: str) -> tuple[str, ...]:
    """Returns the parts below the root after all links. Raises TaskFailed where they lead out of it."""
    root = Path(settings.DATA_ROOT).resolve()
    try:
        real = (root / path).resolve()
    except RuntimeError:  # links in a circle
        raise _refused(path, "is a link that leads nowhere") from None
    if real == root or not real.is_relative_to(root):
        raise _refused(path, "lies outside DATA_ROOT")
    return real.relative_to(root).parts


@contextmanager
def _folder(parts: tuple[str, ...], *, create: bool) -> Iterator[int]:
    root = Path(settings.DATA_ROOT).resolve()
    if create:
        root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root, _FOLDER)
    try:
        for part in parts:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            below = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _failing(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise TaskFailed(
            f"there is no file {path!r} below DATA_ROOT", category=FailureCategory.INVALID_PAYLOAD, retryable=True
        ) from error
    except (NotADirectoryError, ValueError) as error:
        raise _refused(path, "is no path to a file") from error
    except OSError as error:
        raise TaskFailed(
            f"{path!r} cannot be opened or written: {error.strerror}", category=FailureCategory.CODE_ERROR
        ) from error


def _refused(path: str, reason: str) -> TaskFailed:
    return TaskFailed(f"{path!r} {reason}", category=FailureCategory.INVALID_PAYLOAD, retryable=False)

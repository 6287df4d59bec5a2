"""Which types of task exist here: a stable name, the function behind it, its payload model and its defaults."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules
from pydantic import BaseModel

from tasks.exceptions import UnknownType
from tasks.retry_policy import DEFAULT_MAX_ATTEMPTS, RetryPolicy
from tasks.states import Kind

ENTRY_POINT_GROUP = "taskyard.handlers"
COMPENSATION = "compensation"  # the type that runs what others declare as their undo
DEFAULT_TIMEOUT = 300.0
NAME_LIMIT = 100
LONGEST_TIMEOUT = 7 * 86_400.0
MOST_ATTEMPTS = 100

_QUEUE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,59}")  # as the model says; a comma would part a worker's list of queues


class NoPayload(BaseModel, extra="forbid"):
    """The payload of a type that takes none."""


@dataclass(frozen=True)
class Handler:
    name: str
    function: Callable[..., Any]
    payload: type[BaseModel]
    queue: str
    retry: RetryPolicy
    timeout: float
    max_attempts: int
    compensate: Callable[..., Any] | None
    description: str

    @property
    def kind(self) -> Kind:
        return Kind.ASYNC if inspect.iscoroutinefunction(self.function) else Kind.PLAIN


_handlers: dict[str, Handler] = {}


def handler(
    name: str,
    *,
    payload: type[BaseModel] = NoPayload,
    queue: str = "default",
    retry: RetryPolicy | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    compensate: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers `def f(ctx, payload)` or `async def f(ctx, payload)` under a stable name; f returns what JSON can hold.

    `timeout` is in seconds. `compensate(ctx, payload, result)` undoes what f did.
    Raises ValueError for what is out of bounds, and where another function has the name already.
    """
    if not name or len(name) > NAME_LIMIT or not name.replace("_", "").replace(".", "").replace("-", "").isalnum():
        raise ValueError(f"{name!r} is no name for a type: up to {NAME_LIMIT} letters, digits, '_', '-' and '.'")
    if not _QUEUE_NAME.fullmatch(queue):
        raise ValueError(f"{name}: {queue!r} is no name for a queue: up to 60 lower-case letters, digits, '_' and '-'")
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise ValueError(f"{name}: timeout must be over 0 and at most {LONGEST_TIMEOUT:,.0f} seconds")
    if not 1 <= max_attempts <= MOST_ATTEMPTS:
        raise ValueError(f"{name}: max_attempts must be from 1 to {MOST_ATTEMPTS}")
    if not issubclass(payload, BaseModel):
        raise ValueError(f"{name}: payload must be a pydantic model")

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        known = _handlers.get(name)
        if known is not None and known.function.__qualname__ + known.function.__module__ != (
            function.__qualname__ + function.__module__
        ):
            raise ValueError(f"the type {name!r} is registered twice: {known.function!r} and {function!r}")
        _handlers[name] = Handler(
            name=name,
            function=function,
            payload=payload,
            queue=queue,
            retry=retry or RetryPolicy(),
            timeout=timeout,
            max_attempts=max_attempts,
            compensate=compensate,
            description=inspect.getdoc(function) or "",
        )
        return function

    return register


_loaded = False


def load() -> None:
    """Imports every installed app's `handlers` module and every entry point of the group `taskyard.handlers`, once.

    Raises ImproperlyConfigured where a package's entry point cannot be loaded.
    """
    global _loaded
    if _loaded:
        return
    autodiscover_modules("handlers")
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            point.load()
        except Exception as error:
            package = point.dist.name if point.dist else "?"
            where = f"the types of the package {package} (entry point {point.name} = {point.value})"
            raise ImproperlyConfigured(f"{where} cannot be loaded: {error}") from error
    _loaded = True


def get(name: str) -> Handler:
    """Returns the handler. Raises UnknownType."""
    load()
    try:
        return _handlers[name]
    except KeyError:
        raise UnknownType(name) from None


def is_async(name: str) -> bool:
    """Tells whether the type is installed here as a coroutine."""
    load()
    return name in _handlers and _handlers[name].kind is Kind.ASYNC


def handlers() -> list[Handler]:
    """Returns all that are installed, by name."""
    load()
    return sorted(_handlers.values(), key=lambda each: each.name)

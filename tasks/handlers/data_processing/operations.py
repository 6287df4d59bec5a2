"""The operations of `data_processing` by name. Packages add theirs with @operation; a payload names one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

DEFAULT = "transform"

Function = Callable[..., dict[str, Any]]


class OperationPayload(BaseModel, extra="forbid"):
    """What the payload of every operation has. Subclasses narrow `operation` to their name."""

    operation: str = DEFAULT


@dataclass(frozen=True)
class Operation:
    name: str
    function: Function
    payload: type[OperationPayload]


_operations: dict[str, Operation] = {}


def operation(name: str, *, payload: type[OperationPayload]) -> Callable[[Function], Function]:
    """Registers `def f(ctx, payload)`, which returns what JSON can hold. Raises ValueError where the name is taken."""

    def register(function: Function) -> Function:
        known = _operations.get(name)
        if known is not None and (known.function.__module__, known.function.__qualname__) != (
            function.__module__,
            function.__qualname__,
        ):
            raise ValueError(f"the operation {name!r} is registered twice: {known.function!r} and {function!r}")
        _operations[name] = Operation(name, function, payload)
        return function

    return register


def find(name: str) -> Operation | None:
    return _operations.get(name)


def operations() -> list[Operation]:
    """Returns all that are installed, by name."""
    return sorted(_operations.values(), key=lambda each: each.name)

"""Short ways to run one http_request."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tasks.context import TaskContext
from tasks.exceptions import TaskFailed
from tasks.handlers.http_payload import HttpRequest
from tasks.handlers.http_request import http_request
from tasks.handlers.http_transports import close_transports


def make_context(timeout: float = 10.0, logged: list[tuple[Any, ...]] | None = None) -> TaskContext:
    lines = logged if logged is not None else []
    return TaskContext(
        task_id=uuid4(), type="http_request", attempt=2, timeout=timeout, write_log=lambda *line: lines.append(line)
    )


async def requested(ctx: TaskContext | None = None, **payload: Any) -> dict[str, Any]:
    result: dict[str, Any] = await http_request(ctx or make_context(), HttpRequest(**payload))
    return result


def send(ctx: TaskContext | None = None, **payload: Any) -> dict[str, Any]:
    """Runs one task in a loop of its own and returns its result."""

    async def run() -> dict[str, Any]:
        try:
            return await requested(ctx, **payload)
        finally:
            await close_transports()

    return asyncio.run(run())


def fail(ctx: TaskContext | None = None, **payload: Any) -> TaskFailed:
    """Runs one task that must fail, and returns how it did."""
    with pytest.raises(TaskFailed) as caught:
        send(ctx, **payload)
    return caught.value

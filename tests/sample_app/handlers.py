"""Types for the tests and the benchmarks. Those that write to a ledger leave a trace outside the database."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.context import TaskContext
from tasks.exceptions import TaskFailed
from tasks.registry import handler
from tasks.retry_policy import Backoff, RetryPolicy
from tasks.states import FailureCategory
from tests.sample_app import harm as harms

AT_ONCE = RetryPolicy(kind=Backoff.NONE)


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


class Work(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: float = 0.0
    until: str = ""  # a file: the plain one works on until it is there
    ledger: str = ""
    fail_until: int = 0
    fail_while: str = ""  # a file: as long as it is there, every attempt fails
    category: FailureCategory = FailureCategory.CODE_ERROR
    retry_after: float | None = None


def _note(path: str, word: str, ctx: TaskContext) -> None:
    if path:
        # One short write to a file opened for appending is whole, whoever else writes.
        with open(Path(path), "ab", buffering=0) as file:
            file.write(f"{word} {ctx.task_id} {ctx.attempt} {os.getpid()}\n".encode())


@handler("sample.noop", payload=Anything)
def noop(ctx: TaskContext, payload: Anything) -> None:
    """Does nothing."""


@handler("sample.async_noop", payload=Anything)
async def async_noop(ctx: TaskContext, payload: Anything) -> None:
    """Does nothing, as a coroutine."""


@handler("sample.echo", payload=Anything)
def echo(ctx: TaskContext, payload: Anything) -> dict[str, Any]:
    """Returns its payload."""
    ctx.log.info("echo", keys=sorted(payload.model_dump()))
    return payload.model_dump()


@handler("sample.work", payload=Work, retry=AT_ONCE)
def work(ctx: TaskContext, payload: Work) -> str:
    """Sleeps, notes itself in the ledger, fails up to an attempt."""
    _note(payload.ledger, "start", ctx)
    time.sleep(payload.seconds)
    while payload.until and not Path(payload.until).exists():
        time.sleep(0.02)
    _fail(ctx, payload)
    _note(payload.ledger, "end", ctx)
    return "done"


@handler("sample.async_work", payload=Work, retry=AT_ONCE)
async def async_work(ctx: TaskContext, payload: Work) -> str:
    """The same as a coroutine."""
    _note(payload.ledger, "start", ctx)
    await asyncio.sleep(payload.seconds)
    _fail(ctx, payload)
    _note(payload.ledger, "end", ctx)
    return "done"


def _fail(ctx: TaskContext, payload: Work) -> None:
    if ctx.attempt <= payload.fail_until:
        raise TaskFailed(f"attempt {ctx.attempt} fails", category=payload.category, retry_after=payload.retry_after)
    if payload.fail_while and Path(payload.fail_while).exists():
        raise TaskFailed("the handler is broken", category=payload.category, retry_after=payload.retry_after)


@handler("sample.progress")
def progress(ctx: TaskContext, payload: BaseModel) -> None:
    """Says how far it is."""
    for step in range(1, 4):
        ctx.progress(step / 4, f"step {step}")
        time.sleep(0.3)


class Returns(BaseModel):
    what: str


@handler("sample.returns", payload=Returns, retry=AT_ONCE, max_attempts=1)
def returns(ctx: TaskContext, payload: Returns) -> Any:
    """Returns what is hard to store."""
    return {
        "set": {1, 2},
        "nan": float("nan"),
        "huge": "x" * 10_000_000,
        "nul": "a\x00b",
        "surrogate": "a\ud800b",
        "deep": None,
    }[payload.what]


class Harm(BaseModel):
    how: str


@handler("sample.harm", payload=Harm, retry=AT_ONCE)
def harm(ctx: TaskContext, payload: Harm) -> None:
    """Does what no handler should do."""
    harms.PLAIN[payload.how]()


@handler("sample.async_harm", payload=Harm, retry=AT_ONCE)
async def async_harm(ctx: TaskContext, payload: Harm) -> None:
    """Does what no coroutine should do."""
    await harms.ASYNC[payload.how]()


class Charge(BaseModel):
    amount: int
    ledger: str = ""


def refund(ctx: TaskContext, payload: Charge, result: Any) -> dict[str, Any]:
    """Undoes a charge."""
    _note(payload.ledger, "end", ctx)
    return {"refunded": payload.amount, "of": result}


@handler("sample.undoable", payload=Charge, retry=AT_ONCE, compensate=refund)
def undoable(ctx: TaskContext, payload: Charge) -> dict[str, Any]:
    """Can be undone."""
    return {"charged": payload.amount}


@handler("sample.clock")
def clock(ctx: TaskContext, payload: BaseModel) -> float:
    """Returns the time by the clock of the machine that it runs on."""
    return time.time()

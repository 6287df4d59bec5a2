"""What a handler gets as `ctx`."""

import math
import uuid
from typing import Any

import pytest

from tasks.context import LEVELS, TaskContext
from tasks.exceptions import CancelRequested
from tasks.models import TaskLog

TASK_ID = uuid.uuid4()


def context(**parts: Any) -> TaskContext:
    return TaskContext(task_id=TASK_ID, type="sample.noop", attempt=2, timeout=60.0, **parts)


def test_it_says_which_attempt_of_what_it_is() -> None:
    ctx = context()
    assert (ctx.task_id, ctx.type, ctx.attempt, ctx.timeout) == (TASK_ID, "sample.noop", 2, 60.0)


def test_the_idempotency_key_is_the_same_in_every_attempt() -> None:
    assert context().idempotency_key == context().idempotency_key == str(TASK_ID)


def test_what_remains_shrinks_and_is_never_negative() -> None:
    ctx = context()
    first = ctx.remaining
    assert 0 < ctx.remaining <= first <= 60
    assert TaskContext(task_id=TASK_ID, type="t", attempt=1, timeout=0.0).remaining == 0


def test_log_lines_have_their_level_and_fields() -> None:
    lines: list[tuple[str, str, dict[str, Any]]] = []
    ctx = context(write_log=lambda *line: lines.append(line))
    for level in LEVELS:
        getattr(ctx.log, level)("said", rows=12)
    assert lines == [(level, "said", {"rows": 12}) for level in LEVELS]


def test_the_levels_are_those_of_the_rows() -> None:
    assert [level for level, _ in TaskLog.LEVELS] == list(LEVELS)


def test_a_field_may_have_any_name() -> None:
    lines: list[tuple[str, str, dict[str, Any]]] = []
    ctx = context(write_log=lambda *line: lines.append(line))
    fields: dict[str, Any] = {"message": "hello", "self": 1, "level": "low", "fields": 3}
    for level in LEVELS:
        getattr(ctx.log, level)("said", **fields)
    assert lines == [(level, "said", fields) for level in LEVELS]


@pytest.mark.parametrize(
    ("given", "shown"), [(0, 0), (0.25, 0.25), (1, 1), (-3, 0), (17, 1), (math.inf, 1), (-math.inf, 0), (math.nan, 0)]
)
def test_progress_is_clipped(given: float, shown: float) -> None:
    seen: list[tuple[float, str]] = []
    context(write_progress=lambda *said: seen.append(said)).progress(given, "half way")
    assert seen == [(shown, "half way")]


def test_the_words_of_progress_are_storable_and_short() -> None:
    seen: list[tuple[float, str]] = []
    context(write_progress=lambda *said: seen.append(said)).progress(0.5, "a\x00\ud800" + "long" * 1_000_000)
    text = seen[0][1]
    text.encode()
    assert "\x00" not in text
    assert len(text) <= 200


def test_a_request_to_cancel_is_raised_where_the_handler_asks_or_reports() -> None:
    requested: list[bool] = []
    seen: list[Any] = []
    ctx = context(is_cancelled=lambda: bool(requested), write_progress=lambda *said: seen.append(said))
    ctx.check_cancelled()
    ctx.progress(0.1)
    requested.append(True)
    with pytest.raises(CancelRequested):
        ctx.check_cancelled()
    with pytest.raises(CancelRequested):
        ctx.progress(0.2)
    assert len(seen) == 1


def test_a_handlers_own_except_does_not_swallow_it() -> None:
    assert not issubclass(CancelRequested, Exception)

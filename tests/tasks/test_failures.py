"""From an exception to what is stored of it."""

import math
from typing import Any

import httpx
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.exceptions import CancelRequested, TaskFailed, TimeoutReached, UnknownType
from tasks.failures import MESSAGE_LIMIT, TRACEBACK_LIMIT, describe, fingerprint
from tasks.models import TaskAttempt
from tasks.retry_policy import LONGEST_DELAY
from tasks.states import NOT_RETRYABLE, FailureCategory


def invalid() -> pydantic.ValidationError:
    with pytest.raises(pydantic.ValidationError) as caught:
        pydantic.TypeAdapter(int).validate_python("many")
    return caught.value


# --- The category -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "category", "retryable"),
    [
        (TimeoutReached("too long"), FailureCategory.TIMEOUT, True),
        (TimeoutError("too long"), FailureCategory.TIMEOUT, True),
        (httpx.ConnectTimeout("too long"), FailureCategory.TIMEOUT, True),
        (httpx.ReadTimeout("too long"), FailureCategory.TIMEOUT, True),
        (httpx.ConnectError("refused"), FailureCategory.CONNECTION, True),
        (httpx.RemoteProtocolError("gone"), FailureCategory.CONNECTION, True),
        (ConnectionRefusedError("refused"), FailureCategory.CONNECTION, True),
        (BrokenPipeError("gone"), FailureCategory.CONNECTION, True),
        (invalid(), FailureCategory.INVALID_PAYLOAD, False),
        (UnknownType("x"), FailureCategory.UNKNOWN_TYPE, True),
        (ValueError("wrong"), FailureCategory.CODE_ERROR, True),
        (MemoryError(), FailureCategory.CODE_ERROR, True),
        (SystemExit(3), FailureCategory.CODE_ERROR, True),
        (KeyboardInterrupt(), FailureCategory.CODE_ERROR, True),
        (ExceptionGroup("both", [ValueError("a"), KeyError("b")]), FailureCategory.CODE_ERROR, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_exception_has_its_category(error: BaseException, category: FailureCategory, retryable: bool) -> None:
    failure = describe(error)
    assert (failure.category, failure.retryable, failure.error_class) == (category, retryable, type(error).__name__)
    assert failure.message
    assert failure.traceback
    assert failure.retry_after is None


@pytest.mark.parametrize("category", FailureCategory)
def test_a_handler_names_its_category_and_that_says_whether_it_is_tried_again(category: FailureCategory) -> None:
    failure = describe(TaskFailed("no", category=category))
    assert failure.category == category
    assert failure.retryable == (category not in NOT_RETRYABLE)


def test_a_handler_may_overrule_what_the_category_implies() -> None:
    assert describe(TaskFailed("408", category=FailureCategory.HTTP_4XX, retryable=True)).retryable
    assert not describe(TaskFailed("never", retryable=False)).retryable


def test_what_a_handler_says_about_its_failure_is_kept() -> None:
    failure = describe(TaskFailed("busy", retry_after=12.5, details={"status": 503}))
    assert (failure.message, failure.retry_after, failure.details) == ("busy", 12.5, {"status": 503})


class _Forgetful(TaskFailed):
    def __init__(self, order: int) -> None:  # as handlers' authors write them, without super().__init__
        self.order = order


def test_an_error_of_a_handlers_own_need_not_call_its_base() -> None:
    failure = describe(_Forgetful(17))
    assert (failure.category, failure.retryable, failure.error_class) == ("code_error", True, "_Forgetful")


@pytest.mark.parametrize("value", ["5", -1, math.nan, math.inf, object(), [], 1e300, 10**400, True])
def test_a_delay_that_is_none_does_no_harm(value: Any) -> None:
    retry_after = describe(TaskFailed("busy", retry_after=value)).retry_after
    assert retry_after is None or 0 <= retry_after <= LONGEST_DELAY


@pytest.mark.parametrize("value", ["sometimes", "x" * 100, None, 17, []])
def test_a_category_that_is_none_is_a_code_error(value: Any) -> None:
    assert describe(TaskFailed("busy", category=value)).category is FailureCategory.CODE_ERROR


def test_a_category_may_be_given_by_its_word() -> None:
    word: Any = "rate_limited"
    assert describe(TaskFailed("busy", category=word)).category is FailureCategory.RATE_LIMITED


# --- The texts --------------------------------------------------------------------------------------------------------


class _Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class _Wordless(Exception):
    def __str__(self) -> Any:
        return 17


def test_a_message_that_cannot_be_read_is_no_reason_to_lose_the_failure() -> None:
    assert describe(_Mute()).message == "_Mute (its message could not be read: RuntimeError)"
    assert describe(_Wordless()).message == "_Wordless (its message could not be read: TypeError)"


def test_an_error_without_words_is_called_by_its_class() -> None:
    assert describe(KeyError()).message == "KeyError"


def test_the_traceback_names_the_cause() -> None:
    def fail() -> None:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner

    with pytest.raises(ValueError, match="outer") as caught:
        fail()
    text = describe(caught.value).traceback
    assert text.index("KeyError: 'inner'") < text.index("ValueError: outer")
    assert "test_failures.py" in text


def test_texts_are_storable_and_bounded() -> None:
    failure = describe(ValueError("a\x00b\ud800" + "long " * 100_000))
    for text, limit in ((failure.message, MESSAGE_LIMIT), (failure.traceback, TRACEBACK_LIMIT)):
        text.encode()
        assert "\x00" not in text
        assert len(text) <= limit


def test_the_name_of_a_class_fits_its_column() -> None:
    error: Exception = type("Long" * 100, (Exception,), {})("x")
    assert describe(error).error_class == ("Long" * 100)[: TaskAttempt._meta.get_field("error_class").max_length]


def test_a_request_to_cancel_has_its_words() -> None:
    assert describe(CancelRequested("cancelled on request")).message == "cancelled on request"


# --- The fingerprint --------------------------------------------------------------------------------------------------

ALIKE = [
    ("order 17 is gone", "order 4711 is gone"),
    ("took 1.5 s", "took 20 s"),
    ("no user 'ann'", "no user 'robert the 3rd'"),
    ('no "left"', 'no "right or so"'),
    ("task 0190b0c4-3c4e-7d2a-9d0e-0123456789ab", "task FFFFFFFF-3c4e-7d2a-9d0e-0123456789ab"),
    ("object at 0x7f1c2d", "object at 0xdeadbeef"),
    ("commit 3f786850e387550fdab836ed7e6dc881de23001b", "commit 89e6c98d92887913cadf06b2adb97f26cde4849b"),
    ("two  lines\nhere", "two lines here"),
    ("Connection REFUSED", "connection refused"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_failures_that_differ_in_variable_parts_only_are_one_group(one: str, other: str) -> None:
    assert fingerprint("http_request", "ValueError", one) == fingerprint("http_request", "ValueError", other)


def test_other_types_classes_and_words_are_other_groups() -> None:
    prints = {
        fingerprint(*parts)
        for parts in (
            ("http_request", "ValueError", "no such order"),
            ("data_processing", "ValueError", "no such order"),
            ("http_request", "KeyError", "no such order"),
            ("http_request", "ValueError", "no such user"),
        )
    }
    assert len(prints) == 4


def test_words_of_letters_that_look_like_hex_are_words() -> None:
    assert fingerprint("t", "E", "defaced facade") != fingerprint("t", "E", "decade faded")


@given(st.text(), st.text(), st.text(st.characters(codec="utf-8")))
def test_a_fingerprint_is_sixteen_hex_digits_and_the_same_each_time(type_name: str, kind: str, message: str) -> None:
    first = fingerprint(type_name, kind, message)
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert fingerprint(type_name, kind, message) == first

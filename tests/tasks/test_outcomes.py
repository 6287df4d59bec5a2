"""From what a handler returned or raised to the ending that is recorded."""

import json
import uuid
from typing import Any

import pytest

from tasks.exceptions import CancelRequested, DrainReached, TaskFailed, TimeoutReached, UnknownType
from tasks.failures import MESSAGE_LIMIT
from tasks.outcomes import Attempt
from tasks.states import FailureCategory, Outcome, TaskStatus
from tasks.transitions import Claimed, Ending

INCARNATION = uuid.UUID(int=1)
FIXED = {"kind": "fixed", "base": 40.0, "max": 600.0, "jitter": False}


def attempt(*, failures: int = 0, max_attempts: int = 3, retry: dict[str, Any] = FIXED, number: int = 7) -> Attempt:
    claimed = Claimed(
        id=uuid.UUID(int=2),
        type="sample.noop",
        attempt=number,
        failures=failures,
        max_attempts=max_attempts,
        timeout=60.0,
        retry=retry,
        payload="{}",
        queue="default",
    )
    return Attempt(claimed, worker="w@here", incarnation=INCARNATION, started=100.0)


def kinds(ending: Ending) -> tuple[str, str, str]:
    return ending.status, ending.outcome, ending.category


def test_every_ending_says_whose_it_is() -> None:
    ending = attempt(failures=1).completed(None, at=102.5)
    assert (ending.id, ending.attempt, ending.type, ending.queue) == (uuid.UUID(int=2), 7, "sample.noop", "default")
    assert (ending.worker, ending.incarnation) == ("w@here", INCARNATION)
    assert (ending.started, ending.ended) == (100.0, 102.5)
    assert ending.failures == 2


# --- It returned ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 0, "", [], {"a": [1, 2.5, None, True]}])
def test_a_value_is_the_result(value: Any) -> None:
    ending = attempt().completed(value, at=101.0)
    assert kinds(ending) == (TaskStatus.COMPLETED, Outcome.COMPLETED, "")
    assert ending.result is not None
    assert json.loads(ending.result) == value


def test_nul_and_surrogates_in_a_result_are_written_out() -> None:
    ending = attempt().completed({"a": "x\x00y\ud800"}, at=101.0)
    assert ending.status == TaskStatus.COMPLETED
    assert json.loads(ending.result or "") == {"a": "x\\u0000y\\ud800"}


class _Raises(dict[str, Any]):
    def items(self) -> Any:
        raise KeyError("lost")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({1, 2}, "JSON cannot hold it: Object of type set is not JSON serializable"),
        (float("nan"), "Out of range float values are not JSON compliant"),
        (_Raises(a=1), "JSON cannot hold it: 'lost'"),
        ("x" * 10_000_000, "it has 10,000,002 bytes; the limit is 1,048,576 bytes"),
    ],
    ids=["set", "nan", "own", "huge"],
)
def test_a_value_that_cannot_be_stored_is_a_failure_that_says_so(value: Any, said: str) -> None:
    ending = attempt().completed(value, at=101.0)
    assert kinds(ending) == (TaskStatus.RETRYING, Outcome.FAILED, FailureCategory.CODE_ERROR)
    assert said in ending.message
    assert "RESULT_LIMIT" in ending.message
    assert ending.result is None
    assert attempt(failures=2).completed(value, at=101.0).status == TaskStatus.FAILED


def test_the_limit_on_results_is_the_settings(settings: Any) -> None:
    settings.RESULT_LIMIT = 10
    assert attempt().completed("x" * 8, at=101.0).status == TaskStatus.COMPLETED
    assert "the limit is 10 bytes" in attempt().completed("x" * 9, at=101.0).message


# --- It raised --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "status"),
    [(0, TaskStatus.RETRYING), (1, TaskStatus.RETRYING), (2, TaskStatus.FAILED), (5, TaskStatus.FAILED)],
)
def test_it_is_tried_again_until_the_budget_is_used_up(failures: int, status: TaskStatus) -> None:
    ending = attempt(failures=failures).raised(ValueError("no"), at=101.0)
    assert kinds(ending) == (status, Outcome.FAILED, FailureCategory.CODE_ERROR)
    assert (ending.error_class, ending.message) == ("ValueError", "no")
    assert ending.delay == (40.0 if status == TaskStatus.RETRYING else 0.0)


def test_the_wait_follows_the_tasks_own_policy_by_its_counted_failures() -> None:
    policy = {"kind": "exponential", "base": 1.0, "factor": 3.0, "max": 600.0, "jitter": False}
    delays = [
        attempt(failures=failures, retry=policy, max_attempts=9, number=50).raised(ValueError(), at=101.0).delay
        for failures in range(4)
    ]
    assert delays == [1, 3, 9, 27]


def test_a_wait_that_the_error_asks_for_is_the_least() -> None:
    assert attempt().raised(TaskFailed("busy", retry_after=90), at=101.0).delay == 90
    assert attempt().raised(TaskFailed("busy", retry_after=9), at=101.0).delay == 40


def test_what_may_not_be_retried_fails_at_once() -> None:
    ending = attempt().raised(TaskFailed("no", category=FailureCategory.HTTP_4XX), at=101.0)
    assert kinds(ending) == (TaskStatus.FAILED, Outcome.FAILED, FailureCategory.HTTP_4XX)


def test_the_details_of_a_failure_are_kept_as_its_result() -> None:
    ending = attempt().raised(TaskFailed("no", details={"status": 500}), at=101.0)
    assert ending.result == '{"status": 500}'


@pytest.mark.parametrize("details", [{1, 2}, float("nan"), _Raises(a=1), "x" * 2_000_000])
def test_details_that_cannot_be_stored_do_not_hide_the_failure(details: Any) -> None:
    ending = attempt().raised(TaskFailed("no", details=details), at=101.0)
    assert kinds(ending) == (TaskStatus.RETRYING, Outcome.FAILED, FailureCategory.CODE_ERROR)
    assert (ending.message, ending.result) == ("no", None)


def test_a_timeout_counts_as_a_failure() -> None:
    ending = attempt().raised(TimeoutReached("it ran longer than its timeout of 60 s"), at=160.0)
    assert kinds(ending) == (TaskStatus.RETRYING, Outcome.FAILED, FailureCategory.TIMEOUT)


def test_a_confirmed_cancellation_is_no_failure() -> None:
    ending = attempt().raised(CancelRequested("cancelled on request"), at=101.0)
    assert kinds(ending) == (TaskStatus.CANCELLED, Outcome.CANCELLED, FailureCategory.CANCELLED)
    assert ending.error_class == ""


def test_what_is_handed_back_does_not_count() -> None:
    for ending in (attempt().released(at=101.0), attempt().raised(DrainReached("the worker is stopping"), at=101.0)):
        assert kinds(ending) == (TaskStatus.PENDING, Outcome.RELEASED, "")
        assert ending.delay == 0


@pytest.mark.parametrize(("number", "delay"), [(3, 5.0), (4, 10.0), (6, 40.0), (7, 60.0), (2_000, 60.0)])
def test_a_type_that_is_unknown_here_waits_for_a_worker_that_knows_it(number: int, delay: float) -> None:
    """It waits longer each time that it was handed back; the two failures before do not count."""
    ending = attempt(failures=2, number=number).raised(UnknownType("x"), at=101.0)
    assert kinds(ending) == (TaskStatus.RETRYING, Outcome.RELEASED, FailureCategory.UNKNOWN_TYPE)
    assert ending.delay == delay


def test_every_message_is_storable() -> None:
    message = attempt().raised(CancelRequested("\x00\ud800" * MESSAGE_LIMIT), at=101.0).message
    message.encode()
    assert "\x00" not in message
    assert len(message) <= MESSAGE_LIMIT

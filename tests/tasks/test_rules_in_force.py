"""Rules of operators in a real pool process: what they make of failures, and what they cost."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import ProgrammingError

from tasks import database, keeper, selectors
from tasks.models import DeadLetter, FailureRule, TaskAttempt
from tasks.states import FailureCategory, TaskStatus
from tests.tasks.pool_process import PoolProcess, on_keepers_connections, until

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

BOTH = pytest.mark.parametrize("work", ["sample.work", "sample.async_work"])
C = FailureCategory


@pytest.fixture(autouse=True)
def quick_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "RULES_EVERY", 0.05)


def rule(**fields: Any) -> FailureRule:
    return FailureRule.objects.create(changed_at=database.now(), **fields)


@BOTH
def test_a_rule_ends_what_would_have_been_tried_again(start_process: Callable[[], PoolProcess], work: str) -> None:
    made = rule(type="sample.*", message="attempt 1 fails", category=C.HTTP_4XX, verdict="die")
    task = start_process().run(work, {"fail_until": 9})
    assert (task.status, task.attempt) == (TaskStatus.FAILED, 1)
    letter, attempt = DeadLetter.objects.get(), TaskAttempt.objects.get()
    assert letter.category == attempt.category == C.HTTP_4XX
    assert f"Taskyard: rule {made.pk} made this http_4xx, dead at once" in letter.traceback


@BOTH
def test_a_rule_tries_again_what_would_have_died_at_its_own_time(
    start_process: Callable[[], PoolProcess], work: str
) -> None:
    rule(message=r"attempt \d fails", message_match="regex", category=C.RATE_LIMITED, verdict="retry", delay=600.0)
    task = start_process().run(work, {"fail_until": 9, "category": "invalid_payload"})
    assert (task.status, TaskAttempt.objects.get().category) == (TaskStatus.RETRYING, C.RATE_LIMITED)
    assert task.started_at is not None
    assert 590 < (task.run_at - task.started_at).total_seconds() < 620
    assert not DeadLetter.objects.exists()


def test_a_rule_gives_no_attempt_beyond_the_last(start_process: Callable[[], PoolProcess]) -> None:
    rule(message="fails", verdict="retry")
    assert start_process().run("sample.work", {"fail_until": 9}, max_attempts=1).status == TaskStatus.FAILED


def test_a_longer_wait_that_the_error_names_is_kept(start_process: Callable[[], PoolProcess]) -> None:
    rule(message="fails", delay=1.0)
    task = start_process().run("sample.work", {"fail_until": 9, "retry_after": 60})
    assert task.started_at is not None
    assert (task.run_at - task.started_at).total_seconds() > 55


def test_a_rule_that_comes_changes_or_goes_is_in_force_within_moments(process: PoolProcess) -> None:
    assert process.run("sample.work", {"fail_until": 9}).status == TaskStatus.RETRYING
    made = rule(message="fails", verdict="die")
    until(lambda: process.keeper._rules._rows)
    assert process.run("sample.work", {"fail_until": 9}).status == TaskStatus.FAILED
    FailureRule.objects.filter(pk=made.pk).update(enabled=False)
    until(lambda: not process.keeper._rules._rows)
    assert process.run("sample.work", {"fail_until": 9}).status == TaskStatus.RETRYING


def test_broken_rules_break_no_attempt(start_process: Callable[[], PoolProcess]) -> None:
    rule(order=1, message="(", message_match="regex", verdict="die")
    rule(order=2, message="fails", category="of a later one")
    rule(order=3, type="[", verdict="die")
    task = start_process().run("sample.work", {"fail_until": 9})
    assert (task.status, TaskAttempt.objects.get().category) == (TaskStatus.RETRYING, C.CODE_ERROR)


def test_rules_that_cannot_be_read_hold_up_nothing(
    start_process: Callable[[], PoolProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Any:
        raise ProgrammingError("there is no such table")

    monkeypatch.setattr(selectors, "failure_rules", fail)
    assert start_process().run("sample.work", {"fail_until": 9}).status == TaskStatus.RETRYING


def test_failures_cost_no_query_for_rules(
    start_process: Callable[[], PoolProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "RULES_EVERY", 60.0)
    rule(message="fails", category=C.TIMEOUT)
    asked = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        if "failurerule" in sql:
            asked.append(sql)
        return execute(sql, *rest)

    with on_keepers_connections(count):
        process = start_process()
        ids = process.submit("sample.work", {"fail_until": 9}, count=30)
        process.take(*ids)
        process.settle()
    assert TaskAttempt.objects.filter(category=C.TIMEOUT).count() == 30
    assert len(asked) == 1

"""Rules over failures: what matches, what they make of it, and that no rule breaks or delays an attempt."""

import time
from typing import Any

import pytest

from tasks.classifying import Pattern, RuleBook, RuleFacts, RulesInForce
from tasks.exceptions import TaskFailed
from tasks.failures import MESSAGE_LIMIT, TRACEBACK_LIMIT, describe
from tasks.states import FailureCategory

C = FailureCategory


def rule(**fields: Any) -> RuleFacts:
    values: dict[str, Any] = {
        "order": 1, "id": 1, "type": "", "error_class": "", "message": "", "message_match": "contains", "category": "",
        "verdict": "", "delay": None,
    }  # fmt: skip
    return RuleFacts(**values | fields)


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ({"type": "http_*"}, True),
        ({"type": "http"}, False),
        ({"type": "HTTP_*"}, False),
        ({"error_class": "ConnectError"}, True),
        ({"error_class": "*Error"}, True),
        ({"error_class": "connecterror"}, False),
        ({"message": "NO ROUTE"}, True),
        ({"message": "no.route"}, False),
        ({"message": r"no\s+route to [a-z.]+$", "message_match": "regex"}, True),
        ({"message": "^route", "message_match": "regex"}, False),
        ({"type": "http_request", "error_class": "Other"}, False),
        ({"type": "http_request", "error_class": "Connect*", "message": "route"}, True),
    ],
)
def test_a_rule_matches_by_all_that_it_names(fields: dict[str, Any], matches: bool) -> None:
    book = RuleBook.of([rule(**fields)])
    assert (book.first("http_request", "ConnectError", "no route to example.com") is not None) is matches


def test_the_first_rule_that_matches_decides() -> None:
    book = RuleBook.of([rule(id=1, type="other"), rule(id=2, message="x"), rule(id=3, message="x")])
    found = book.first("t", "E", "xyz")
    assert found is not None
    assert found.row.id == 2
    assert book.first("t", "E", "abc") is None


def test_what_a_rule_does_not_name_stays() -> None:
    failure = describe(TaskFailed("busy", category=C.RATE_LIMITED, retry_after=7, details={"a": 1}))
    found = RuleBook.of([rule(message="busy", category=C.TIMEOUT)]).apply("t", failure)
    assert (found.category, found.retryable, found.retry_after, found.delay) == (C.TIMEOUT, True, 7, None)
    assert (found.message, found.details) == (failure.message, failure.details)
    assert found.traceback.endswith("Taskyard: rule 1 made this timeout, to be tried again")
    other = describe(TaskFailed("other"))
    assert RuleBook.of([rule(message="busy", category=C.TIMEOUT)]).apply("t", other) is other


def test_the_line_about_the_rule_fits_behind_the_longest_traceback() -> None:
    failure = describe(ValueError("x" * TRACEBACK_LIMIT * 2))
    found = RuleBook.of([rule(message="x", verdict="die")]).apply("t", failure)
    assert len(found.traceback) <= TRACEBACK_LIMIT
    assert found.traceback.endswith("dead at once")


@pytest.mark.parametrize("text", ["[", "(?=a)b", r"(a)\1", r"(\w{100}){100}"])
def test_what_is_no_pattern_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"supported|unclosed|limit") as caught:
        Pattern(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["(a+)+$", "(a|a)*b", "(.*)*x", "(.*a){20}", "(?:a?){50}a{50}"])
def test_no_pattern_runs_for_ever(text: str) -> None:
    began = time.thread_time()
    Pattern(text).is_in("a" * MESSAGE_LIMIT + "!")
    assert time.thread_time() - began < 0.5


def test_a_pattern_of_large_counts_is_known_to_be_slow() -> None:
    assert Pattern(r".{2,2500}y").is_slow
    assert not Pattern(r"timed out after \d+ s").is_slow


def test_a_broken_rule_is_passed_over_and_the_others_hold() -> None:
    book = RuleBook.of(
        [
            rule(id=1, message="(", message_match="regex", verdict="die"),
            rule(id=2, message="x", category="of another release"),
        ]
    )
    assert [each.row.id for each in book.rules] == [2]
    failure = describe(ValueError("x"))
    assert book.apply("t", failure) is failure  # the category is none that this release knows


def test_rules_are_compiled_anew_only_where_they_have_changed() -> None:
    rules = RulesInForce()
    rules.renew([rule(message="x", verdict="die")])
    first = rules._book
    rules.renew([rule(message="x", verdict="die")])
    assert rules._book is first
    rules.renew([])
    assert rules.apply("t", describe(ValueError("x"))).retryable

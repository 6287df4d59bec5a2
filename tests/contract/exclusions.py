"""The one table of what schemathesis finds and is no fault, each with its reason. What is not in it fails the tests."""

import json
import re
from dataclasses import dataclass
from typing import Any

POSITIVE, NEGATIVE, FREED = "positive_data_acceptance", "negative_data_rejection", "use_after_free"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A check of operations is excused where the answer names this code for this attribute, and nothing else.

    Operations, codes and attributes are regular expressions for the whole word; without a code it is about answers that
    are no refusals.
    """

    check: str
    operations: str
    code: str
    attr: str
    reason: str
    is_seldom: bool = False  # the ids in answers differ, and with them what is drawn: a run may do without it

    def is_of(self, operation: str, check: str) -> bool:
        return check == self.check and re.fullmatch(self.operations, operation) is not None

    def excuses(self, error: dict[str, Any]) -> bool:
        return bool(re.fullmatch(self.code, error["code"]) and re.fullmatch(self.attr, error["attr"] or ""))


_TASKS, _LETTERS = "GET /api/tasks/", "GET /api/dlq/tasks/"
_SUBMITTING = r"(POST|PATCH) /api/tasks/(bulk/|\{id\}/|\{id\}/clone/)?"
_BY_FILTER = r"POST /api/dlq/(reprocess|discard|reprocess/preview)/"
_CONFIRMED = r"POST /api/dlq/(reprocess|discard)/"
_BULK, _KEYS = "POST /api/bulk-actions/", "POST /api/auth/keys/"


def _valid(operations: str, code: str, attr: str, reason: str, *, is_seldom: bool = False) -> Exclusion:
    return Exclusion(POSITIVE, operations, code, attr, reason, is_seldom)


EXCLUSIONS = [
    # What one part of a request says of another part of it: OpenAPI describes each by itself.
    _valid(_TASKS, "invalid", "cursor", "a page and a cursor exclude each other; a cursor is the list's own word"),
    _valid(_LETTERS, "invalid", "cursor", "a page and a cursor exclude each other; a cursor is the list's own word"),
    _valid(_BY_FILTER, "given_twice", ".*", "a filter stands in the address or in the body, not in both"),
    _valid(_CONFIRMED, "missing", "confirm_count", "it stands in the address or in the body"),
    _valid("POST /api/tasks/", "two_keys", "idempotency_key", "the header and the body may not name two keys"),
    _valid(
        "PATCH /api/dlq/rules/.*",
        "value_error",
        "delay|non_field_errors",
        "beside what the rule says already",
        is_seldom=True,
    ),
    _valid("POST /api/tasks/bulk/", "circle", ".*depends_on.*", "no tasks wait for each other in a circle"),
    # Numbers and times that are compared, which JSON Schema cannot.
    _valid(_SUBMITTING, "value_error", r"(.*\.)?retry", "`max` is not smaller than `base`"),
    _valid(_SUBMITTING, "value_error", r"(.*\.)?run_at", "the years 1970 to 2999"),
    _valid(_KEYS, "out_of_range", "expires_at", "a time to come, at most ten years from now"),
    # What there is, in this installation and at this moment.
    _valid(_SUBMITTING, "unknown_type", r"(.*\.)?type", "which types there are: task-types/ says it"),
    _valid(_SUBMITTING, ".*", r"(.*\.)?payload.*", "each type has a schema of its own: task-types/ says it"),
    _valid(_SUBMITTING, "unknown_queue", r"(.*\.)?queue", "which queues there are", is_seldom=True),
    _valid(_SUBMITTING, "unknown_task", r"(.*\.)?depends_on.*", "which tasks there are"),
    _valid(
        r"PATCH /api/tasks/\{id\}/",
        "too_few",
        "max_attempts",
        "how often it has failed already",
        is_seldom=True,
    ),
    _valid(_KEYS, "unknown_user", "user", "which users there are"),
    _valid(_BULK, "unexpected|required", r"options\..*|(un)?guard(ed)?", "what means nothing, or all, to the verb"),
    _valid(_BULK, "unknown_parameter", ".*", "some filters are of tasks, others of dead letters, as the verb is"),
    # Words with a grammar of their own.
    _valid(_TASKS, ".*", "q", "a search: docs/search.md", is_seldom=True),
    _valid(_LETTERS, ".*", "q", "a search: docs/search.md", is_seldom=True),
    _valid(_BY_FILTER, ".*", "q", "a search: docs/search.md"),
    _valid(_BULK, ".*", "q", "a search: docs/search.md", is_seldom=True),
    # What DELETE means here.
    Exclusion(
        FREED, r".* /api/tasks/\{id\}/.*", "", "", "DELETE cancels: the row and its history stay", is_seldom=True
    ),
]


def errors_of(answer: bytes) -> list[dict[str, Any]]:
    """Returns what a refusal names; nothing of another answer."""
    try:
        return list(json.loads(answer)["errors"])
    except (ValueError, KeyError, TypeError):
        return []


def excuse(operation: str, check: str, answer: bytes) -> list[Exclusion]:
    """Returns the exclusions that together excuse an answer; none where something of it is not excused."""
    known = [each for each in EXCLUSIONS if each.is_of(operation, check)]
    if not errors_of(answer):
        return [each for each in known if not each.code]
    found = []
    for error in errors_of(answer):
        excuses = [each for each in known if each.excuses(error)]
        if not excuses:
            return []
        found += excuses
    return found

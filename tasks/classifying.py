"""Operators' rules over the failures of attempts: which category, and whether to try again. Pure: no rows, no clock.

A rule may be anything that somebody typed, and runs in the keeper's and the handlers' threads of every worker. So a
pattern is of Rust's regular expressions (pydantic brings them), which take time in proportion to the text whatever the
pattern is, and a rule that breaks is passed over.
"""

import dataclasses
import fnmatch
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic_core import SchemaError, SchemaValidator, core_schema

from tasks.failures import MESSAGE_LIMIT, TRACEBACK_LIMIT, Failure
from tasks.states import FailureCategory, MessageMatch, RuleVerdict

logger = logging.getLogger(__name__)

SLOW = 0.02  # seconds of processor time for a whole message: a pattern that takes more is refused
_WORST_TEXTS = ("a" * MESSAGE_LIMIT, "aé0 " * (MESSAGE_LIMIT // 4), "\u00e9" * MESSAGE_LIMIT)


class RuleFacts(NamedTuple):
    """A rule as it is stored, or as somebody tries one."""

    order: int
    id: int
    type: str
    error_class: str
    message: str
    message_match: str
    category: str
    verdict: str
    delay: float | None


class Pattern:
    """A regular expression that is searched for in linear time."""

    def __init__(self, text: str) -> None:
        """Raises ValueError, in words, for what is no such expression."""
        try:
            self._found = SchemaValidator(core_schema.str_schema(pattern=text, regex_engine="rust-regex"))
        except SchemaError as error:
            raise ValueError(_why(error)) from None

    def is_in(self, text: str) -> bool:
        return self._found.isinstance_python(text)

    @property
    def is_slow(self) -> bool:
        """Tells whether it takes longer than SLOW for one of the worst texts: counters make large automata."""
        for text in _WORST_TEXTS:
            began = time.thread_time()
            self.is_in(text)
            if time.thread_time() - began > SLOW:
                return True
        return False


def _why(error: SchemaError) -> str:
    """Returns what the compiler says: its last lines, without the picture of the place."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith("error:")), lines[-1])
    return said.removeprefix("error:").removeprefix("SchemaError:").strip()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to be asked."""

    row: RuleFacts
    pattern: Pattern | None = None

    @classmethod
    def of(cls, row: RuleFacts) -> "Rule":
        """Raises ValueError where its pattern is none."""
        is_regex = row.message_match == MessageMatch.REGEX and row.message
        return cls(row, Pattern(row.message) if is_regex else None)

    def matches(self, type_name: str, error_class: str, message: str) -> bool:
        row = self.row
        if row.type and not fnmatch.fnmatchcase(type_name, row.type):
            return False
        if row.error_class and not fnmatch.fnmatchcase(error_class, row.error_class):
            return False
        if self.pattern is not None:
            return self.pattern.is_in(message)
        return not row.message or row.message.casefold() in message.casefold()

    def applied_to(self, failure: Failure) -> Failure:
        """Returns the failure as the rule wants it, with a line at the traceback's end that says so."""
        row = self.row
        retryable = failure.retryable if not row.verdict else row.verdict == RuleVerdict.RETRY
        category = FailureCategory(row.category) if row.category else failure.category
        line = f"\nTaskyard: rule {row.id} made this {category}, {'to be tried again' if retryable else 'dead at once'}"
        return dataclasses.replace(
            failure,
            category=category,
            retryable=retryable,
            delay=row.delay,
            traceback=failure.traceback[: TRACEBACK_LIMIT - len(line)] + line,
        )


@dataclass(slots=True)
class RuleBook:
    """The rules in force, in the order in which they are asked."""

    rules: list[Rule] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Iterable[RuleFacts]) -> "RuleBook":
        """Leaves out, and says so, what cannot be understood: another release may have written it."""
        rules = []
        for row in rows:
            try:
                rules.append(Rule.of(row))
            except Exception as error:  # noqa: BLE001
                logger.warning("the failure rule %s is passed over: %s", row.id, error)
        return cls(rules)

    def first(self, type_name: str, error_class: str, message: str) -> Rule | None:
        """Returns the rule that decides."""
        for rule in self.rules:
            try:
                if rule.matches(type_name, error_class, message):
                    return rule
            except Exception as error:  # noqa: BLE001  (whatever it is, the attempt has to end)
                logger.warning("the failure rule %s is passed over: %s", rule.row.id, error)
        return None

    def apply(self, type_name: str, failure: Failure) -> Failure:
        """Returns the failure as the deciding rule wants it. Never raises."""
        try:
            rule = self.first(type_name, failure.error_class, failure.message)
            return failure if rule is None else rule.applied_to(failure)
        except Exception as error:  # noqa: BLE001
            logger.warning("a failure could not be classified by the rules: %s", error)
            return failure


class RulesInForce:
    """A process's rules: the keeper renews them, and the handlers' threads ask them."""

    def __init__(self) -> None:
        self._rows: list[RuleFacts] = []
        self._book = RuleBook()

    def renew(self, rows: list[RuleFacts]) -> None:
        """Takes the enabled rules as they were read; compiles them only where something has changed."""
        if rows != self._rows:
            self._book, self._rows = RuleBook.of(rows), rows

    def apply(self, type_name: str, failure: Failure) -> Failure:
        return self._book.apply(type_name, failure)

"""What can be done to a row, and to a selection of rows: as what, by whom, in which states."""

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.admin.contents import SEE_CONTENTS
from tasks.admin.verb_forms import VerbForm
from tasks.services import Report
from tasks.states import BulkVerb


@dataclass(frozen=True, slots=True)
class Done:
    """What a verb did to one row, in a sentence; `goes_to` is a task that it made."""

    words: str
    goes_to: uuid.UUID | None = None
    is_change: bool = True


def _always(row: Any) -> bool:
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Verb:
    """`run` and `run_many` call the service. Their errors are those of `tasks.exceptions`."""

    name: str  # in addresses
    label: str
    past: str  # "3 tasks were …"
    explanation: str
    permission: str
    needs_contents: bool = False  # also to see payloads: what is hidden cannot be edited
    allows: Callable[[Any], bool] = _always
    form: type[VerbForm] = VerbForm
    run: Callable[[Any, dict[str, Any], Any], Done] | None = None
    run_many: Callable[[list[Any], dict[str, Any], Any], Report] | None = None
    is_grave: bool = False  # cannot be taken back
    bulk: BulkVerb | None = None  # what it is for everything that a list shows

    def may_be_used_by(self, user: Any) -> bool:
        return bool(user.has_perm(self.permission) and (not self.needs_contents or user.has_perm(SEE_CONTENTS)))

    def do(self, row: Any, values: dict[str, Any], user: Any) -> Done:
        """Raises what the service raises; IllegalTransition where the row's state has no such verb."""
        if self.run is not None:
            return self.run(row, values, user)
        assert self.run_many is not None
        report = self.run_many([row.pk], values, user)
        report.of_one(self.past)
        if report.requested:
            return Done("Its worker was asked for that, and confirms it within seconds.")
        return Done(f"It was {self.past}.")


def in_words(report: Report, verb: Verb, noun: str, nouns: str) -> tuple[str, bool]:
    """Returns what was done and what was skipped and why, and whether all of it was done."""
    said = [f"{_number(len(report.done), noun, nouns)} {verb.past}."]
    if report.requested:
        said.append(f"{_number(len(report.requested), noun, nouns)} asked of the worker, which confirms it.")
    if report.skipped:
        why = Counter(
            f"{status}: {words or 'its state does not allow that'}".removeprefix(": ")
            for status, words in report.skipped.values()
        )
        reasons = "; ".join(f"{number} {words}" for words, number in why.most_common(5))
        said.append(f"{len(report.skipped):,} skipped ({reasons}{'; …' if len(why) > 5 else ''}).")
    return " ".join(said), not report.skipped


def _number(count: int, noun: str, nouns: str) -> str:
    return f"{count:,} {noun} was" if count == 1 else f"{count:,} {nouns} were"

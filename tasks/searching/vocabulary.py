"""What a word of the grammar is, and the conditions that words share. The words: `task_words`, `letter_words`."""

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Q

from tasks import moments
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.searching.grammar import Term, Value
from tasks.searching.looking import Look
from tasks.searching.messages import Wrong, did_you_mean, quoted
from tasks.searching.quantities import check_bounds, compared, read_span, read_whole, within

LARGEST = 1_000_000_000
SHORTEST_ID = 8

_ID = re.compile(r"[0-9a-f]{1,32}")

Condition = Callable[[Term, Look], Q]


@dataclass(frozen=True, slots=True)
class Word:
    """`condition` raises Wrong; `known` are the values that completion offers, and `examples` what it offers else.

    A deep word looks into what lies beside the row or inside a document, or at what no index has: only in the newest
    rows (see `selection`).
    """

    name: str
    help: str
    condition: Condition
    known: Callable[[], Iterable[str]] | None = None
    examples: Sequence[str] = field(default_factory=tuple)
    is_deep: bool = False
    has_path: bool = False
    may_be_null: bool = False  # then "not" is written such that it finds the rows that have no such thing
    reads_not: bool = False  # its condition is already that of a negated term, where it is given one


Words = dict[str, Word]


def by_name(*words: Word) -> Words:
    return {word.name: word for word in words}


def each_of(one: Callable[[Value, Look], Q]) -> Condition:
    """Returns the condition of a word any of whose values may hold."""

    def condition(term: Term, look: Look) -> Q:
        found = Q()
        for value in term.values:
            found |= one(value, look)
        return found

    return condition


def equals(column: str) -> Condition:
    def condition(term: Term, look: Look) -> Q:
        texts = list(dict.fromkeys(value.text for value in term.values))
        return Q((column, texts[0])) if len(texts) == 1 else Q((f"{column}__in", texts))

    return condition


def one_of(column: str, known: Sequence[str], *, what: str, stored: dict[str, str] | None = None) -> Condition:
    """Returns the condition of a word whose values are words themselves, in any case.

    `stored` is how those are kept that are kept otherwise. Several are written with OR: each may have its own index.
    """

    def one(value: Value, look: Look) -> Q:
        text = known_word(value.text, known, what=what)
        return Q((column, (stored or {}).get(text, text)))

    return each_of(one)


def known_word(text: str, known: Sequence[str], *, what: str) -> str:
    """Returns the word in lower case. Raises Wrong where it is not one of those that are known."""
    found = text.lower()
    if found not in known:
        hint, all_of_them = did_you_mean(found, known), f": it is one of {', '.join(known)}"
        raise Wrong("unknown_value", f"{quoted(text)} is no {what}{hint or all_of_them}")
    return found


def contains(*columns: str) -> Condition:
    """Returns the condition of texts that stand anywhere in any of the columns, in any case."""

    def one(value: Value, look: Look) -> Q:
        found = Q()
        for column in columns:
            found |= Q((f"{column}__icontains", value.text))
        return found

    return each_of(one)


def number(column: str, least: int, most: int) -> Condition:
    return each_of(lambda value, look: compared(column, value, lambda text: read_whole(text, least, most)))


def priority(column: str = "priority") -> Condition:
    return number(column, LOWEST_PRIORITY, HIGHEST_PRIORITY)


def time(column: str) -> Condition:
    return each_of(lambda value, look: within(column, value, look.now))


def age(column: str) -> Condition:
    """Returns the condition of how long ago a time is: the older, the smaller the time."""
    turned = {">": "lt", ">=": "lte", "<": "gt", "<=": "gte"}

    def one(value: Value, look: Look) -> Q:
        check_bounds(value)
        if value.compare == "=":
            raise Wrong("invalid", "age is compared: age:<2h is younger than two hours, age:>1d older than a day")
        if value.compare == "..":
            found = moments.at(column, "lte", look.now - read_span(value.low)) if value.low else Q()
            return found & (moments.at(column, "gte", look.now - read_span(value.high)) if value.high else Q())
        return moments.at(column, turned[value.compare], look.now - read_span(value.low))

    return each_of(one)


def identity(*columns: str) -> Condition:
    def one(value: Value, look: Look) -> Q:
        found = by_id(value.text, *columns)
        if found is None:
            raise Wrong(
                "invalid", f"{quoted(value.text)} is no id: give a whole one, or its first {SHORTEST_ID} or more"
            )
        return found

    return each_of(one)


def by_id(text: str, *columns: str) -> Q | None:
    """Returns the condition of the ids that begin with the text; None where no id does."""
    digits = text.strip().lower().replace("-", "")
    if len(digits) < SHORTEST_ID or not _ID.fullmatch(digits):
        return None
    first, last = uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))
    found = Q()
    for column in columns:
        found |= Q((column, first)) if first == last else Q((f"{column}__gte", first), (f"{column}__lte", last))
    return found

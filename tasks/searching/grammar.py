"""Reads a search into terms: `-word.path:value,"another value"`, or a free word. Pure; docs/search.md explains it.

Which words and values there are is not known here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.searching.messages import Wrong, quoted

LONGEST, MOST_TERMS, MOST_VALUES = 2_000, 30, 200

_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
_TERM = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+')
_WORD = re.compile(r"(-?)([A-Za-z_][\w-]*)((?:\.[^\s\":,]+)?):(.*)", re.DOTALL)
_PIECE = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^,"])*)(?:,|$)')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_COMPARED = re.compile(r"(>=|<=|>|<)(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Value:
    """One value: `text` for words that take texts; for the others what it is compared with.

    `compare` is "=", ">", ">=", "<", "<=", or ".." for the range from `low` to `high`, where "" is open.
    """

    text: str
    is_quoted: bool = False
    compare: str = "="
    low: str = ""
    high: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A word with its values, any of which may hold; a free word has no `word` and one value."""

    word: str
    values: tuple[Value, ...]
    path: str = ""
    is_negated: bool = False


def parse(text: str) -> list[Term]:
    """Returns the terms, all of which have to hold. Raises Wrong for what cannot be read."""
    check_text(text, "the search")
    terms = [_term(piece) for piece in pieces(text)]
    if len(terms) > MOST_TERMS:
        raise Wrong("too_many_words", f"the search has {len(terms)} words; the limit is {MOST_TERMS}")
    return terms


def check_text(text: str, what: str) -> None:
    """Raises Wrong for what is too long or holds what no stored text can."""
    if len(text) > LONGEST:
        raise Wrong("too_long", f"{what} has {len(text):,} characters; the limit is {LONGEST:,}")
    found = _CONTROL.search(text)
    if found:
        raise Wrong("control_character", f"{what} holds the control character {found.group()!r}")


def pieces(text: str) -> Iterator[str]:
    """Yields what stands between the spaces that are not quoted."""
    place = 0
    for found in _TERM.finditer(text):
        _check_no_quote(text[place : found.start()])
        place = found.end()
        yield found.group()
    _check_no_quote(text[place:])


def values_of(text: str) -> tuple[Value, ...]:
    """Returns the values between the commas, without the empty ones."""
    values = tuple(_value(found[1].strip()) for found in _PIECE.finditer(text) if found[1].strip())
    if len(values) > MOST_VALUES:
        raise Wrong("too_many_values", f"there are {len(values)} values; the limit is {MOST_VALUES}")
    return values


def values_of_filter(text: str) -> tuple[Value, ...]:
    """Does the same for the value of a filter, in which quotes are characters like others."""
    found = [each.strip() for each in text.split(",") if each.strip()]
    if len(found) > MOST_VALUES:
        raise Wrong("too_many_values", f"there are {len(found)} values; the limit is {MOST_VALUES}")
    return tuple(Value(each, is_quoted=True, low=each) if '"' in each else _value(each) for each in found)


def _term(piece: str) -> Term:
    found = _WORD.fullmatch(piece)
    if not found:
        if piece.lstrip("-").startswith(":"):
            raise Wrong("no_word", f"there is no word before the colon in {quoted(piece)}")
        is_negated = piece.startswith("-") and len(piece) > 1
        return Term("", (Value(_unquoted(piece[1:] if is_negated else piece)),), is_negated=is_negated)
    minus, word, path, rest = found.groups()
    values = values_of(rest)
    if not values:
        raise Wrong("no_value", f"{word}{path}: needs a value, without a space after the colon")
    return Term(word.lower(), values, path[1:], bool(minus))


def _value(piece: str) -> Value:
    text, is_quoted = _unquoted(piece), '"' in piece
    found = _COMPARED.fullmatch(piece)
    if found:
        return Value(text, is_quoted, found[1], _unquoted(found[2].strip()))
    if ".." in piece and not is_quoted:
        low, _, high = piece.partition("..")
        return Value(text, is_quoted, "..", low, high)
    return Value(text, is_quoted, "=", text)


def _unquoted(piece: str) -> str:
    return _QUOTED.sub(lambda found: _ESCAPED.sub(r"\1", found[1]), piece)


def _check_no_quote(between: str) -> None:
    if '"' in between:
        raise Wrong("open_quote", 'a quote (") is opened and not closed; within quotes, write \\" for one')

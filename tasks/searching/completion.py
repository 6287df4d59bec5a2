"""What the search box offers while somebody writes: the words, then the values of the word."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tasks.searching import known
from tasks.searching.grammar import LONGEST, check_text
from tasks.searching.messages import Wrong
from tasks.searching.reading import WORDS, Kind
from tasks.searching.vocabulary import Word

MOST = 12

_LAST = re.compile(r'(?:"(?:[^"\\]|\\.)*(?:"|$)|[^\s"])*$')  # what is being written; a quote may be open
_PIECES = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^,"])*,)*')
_NEEDS_QUOTES = re.compile(r'[\s",\\]|\.\.|^[<>]')
_TYPE = re.compile(r"(?:^|\s)type:([\w.-]+)(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` is what the box holds up to its cursor once it is taken; `label` and `help` are what the list shows."""

    text: str
    label: str
    help: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def complete(kind: Kind, text: str, user: Any) -> list[Suggestion]:
    """Returns what the end of the text may become, the likeliest first; `text` ends at the cursor."""
    try:
        check_text(text, "")
    except Wrong:
        return []
    last = _LAST.search(text)
    start = last.start() if last else len(text)
    start += text.startswith("-", start)
    before, written = text[:start], text[start:]
    word, colon, rest = written.partition(":")
    found = _values(kind, before, word, rest, user) if colon else _words(kind, before, word, user)
    return [each for each in found if len(each.text) <= LONGEST][:MOST]


def _words(kind: Kind, before: str, written: str, user: Any) -> Iterator[Suggestion]:
    """Yields the words that begin so, then those that have it anywhere; for one with a path, its paths."""
    name, dot, path = written.partition(".")
    word = WORDS[kind].get(name.lower())
    if dot and word is not None and word.has_path and _may_use(word, user):
        of_type = _TYPE.search(before)
        for each in _matching(known.payload_paths(of_type[1] if of_type else None), path):
            yield Suggestion(f"{before}{word.name}.{each}:", f"{word.name}.{each}:", "of the payload")
        return
    for each in _matching([word.name for word in WORDS[kind].values() if _may_use(word, user)], written):
        word = WORDS[kind][each]
        end = "." if word.has_path else ":"
        yield Suggestion(f"{before}{each}{end}", f"{each}{end}", word.help)


def _values(kind: Kind, before: str, name: str, rest: str, user: Any) -> Iterator[Suggestion]:
    word = WORDS[kind].get(name.partition(".")[0].lower())
    if word is None or not _may_use(word, user):
        return
    pieces = _PIECES.match(rest)
    earlier = pieces[0] if pieces else ""
    written = rest[len(earlier) :].removeprefix('"')
    choices = [*(word.known() if word.known else ()), *word.examples]
    taken = {each.strip('"') for each in earlier.split(",")}
    for each in _matching([each for each in choices if each not in taken], written):
        # An example is meant as it is; a known value may hold anything.
        value = each if each in word.examples else in_quotes(each)
        yield Suggestion(f"{before}{name}:{earlier}{value}", each, "for example" if each in word.examples else "")


def in_quotes(value: str) -> str:
    """Returns the value as a search has to write it."""
    if not _NEEDS_QUOTES.search(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _matching(choices: Iterable[str], written: str) -> list[str]:
    """Returns the choices that begin as written, in any case, and after those the ones that have it elsewhere."""
    small, offered = written.lower(), list(choices)
    first = [each for each in offered if each.lower().startswith(small)]
    return first + [each for each in offered if small in each.lower() and each not in first]


def _may_use(word: Word, user: Any) -> bool:
    return not word.has_path or user.has_perm("tasks.view_payload")

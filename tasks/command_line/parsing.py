"""How the verbs are asked: words and options in any order, ids, searches with their filters, reasons, JSON."""

import argparse
import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.core.management.base import CommandParser

from tasks.command_line.calling import Call, Misused
from tasks.searching import FILTERS, Kind, Selection
from tasks.storable import storable_text

LONGEST_REASON = 1_000

# A word of a search with a minus before it, which is no option.
_NEGATED = re.compile(r"-[A-Za-z_][\w-]*(\.[^\s\":,]+)?:")


class VerbParser(CommandParser):
    """Takes words after options as well as before, and `-status:failed` for a word."""

    _has_verbs = False
    _is_within = False

    def add_subparsers(self, **options: Any) -> Any:
        self._has_verbs = True
        return super().add_subparsers(**options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._has_verbs or self._is_within:
            return super().parse_known_args(args, namespace)
        self._is_within = True
        try:
            return self.parse_known_intermixed_args(_as_words(args), namespace)
        finally:
            self._is_within = False


def _as_words(args: Sequence[str]) -> list[str]:
    """Writes a space before what begins with a minus and is a word: argparse then takes it for one, and we strip it."""
    before = list(args[: args.index("--")]) if "--" in args else list(args)
    after = args[len(before) + 1 :]
    return [f" {arg}" if _NEGATED.match(arg) else arg for arg in before] + [
        f" {arg}" if arg.startswith("-") else arg for arg in after
    ]


def add_ids(parser: CommandParser, noun: str = "task") -> None:
    parser.add_argument("ids", nargs="*", type=_id, metavar="ID", help=f"of each {noun}")


def add_id(parser: CommandParser) -> None:
    parser.add_argument("id", type=_id, metavar="ID")


def add_reason(parser: CommandParser) -> None:
    parser.add_argument("--reason", type=_reason, default="", metavar="TEXT", help="kept with what was done")


def add_payloads(parser: CommandParser) -> None:
    parser.add_argument(
        "--payloads", action="store_true", help="show payloads, results and tracebacks, with secrets masked"
    )


def add_query(parser: CommandParser, kind: Kind) -> None:
    parser.add_argument("query", nargs="*", metavar="QUERY", help="words of a search, such as status:failed queue:http")
    add_filters(parser, kind)


def add_filters(parser: CommandParser, kind: Kind) -> None:
    group = parser.add_argument_group("filters", "as in the lists of the admin and the API")
    for name in FILTERS[kind]:
        add_text(group, name, dest=f"filter_{name}")


def add_text(group: Any, name: str, **options: Any) -> None:
    """Adds an option that is given once, under the API's name as well."""
    names = dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}"))
    group.add_argument(*names, action=Once, metavar="TEXT", **options)


def add_json(parser: Any, name: str, help: str) -> None:
    parser.add_argument(name, type=_json, metavar="JSON", help=help)


class Once(argparse.Action):
    """Refuses a second value, which would take the place of the first one without a word."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: str | None = None) -> None:
        if getattr(namespace, self.dest, None) is not None:
            raise argparse.ArgumentError(self, "it is given more than once")
        setattr(namespace, self.dest, values)


def selection_of(call: Call, kind: Kind, query: str | None = None) -> Selection:
    """Returns what the search and the filters select."""
    words = " ".join(call.options["query"]) if query is None else query
    return Selection(kind, words, filters_of(call.options))


def filters_of(options: Mapping[str, Any]) -> dict[str, str]:
    given = {name.removeprefix("filter_"): value for name, value in options.items() if name.startswith("filter_")}
    return {name: value for name, value in given.items() if value is not None}


def number(least: int, most: int) -> Callable[[str], int]:
    """Returns what reads a whole number within these bounds."""

    def read(text: str) -> int:
        digits = text.replace(",", "").replace("_", "")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 12 and least <= int(digits) <= most):
            raise argparse.ArgumentTypeError(f"give a number from {least:,} to {most:,}")
        return int(digits)

    return read


def of_one_word(text: str, known: Iterable[str], name: str) -> list[str]:
    """Returns the words of a text with commas. Raises Misused for one that is not known."""
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in known:
            raise Misused(f"{name}: {word[:40]!r} is not one of {', '.join(known)}")
    return words


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is no id: give it whole") from None


def _reason(text: str) -> str:
    if len(text) > LONGEST_REASON or storable_text(text, LONGEST_REASON) != text:
        raise argparse.ArgumentTypeError(
            f"give up to {LONGEST_REASON:,} characters, without NUL characters and lone surrogates"
        )
    return text


def _json(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"it is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("it must be a JSON object")
    return value

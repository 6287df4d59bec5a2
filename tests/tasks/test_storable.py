"""Texts and values made such that both databases hold them."""

import enum
import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tasks import database
from tasks.storable import DEEPEST, is_storable_json, storable_json, storable_text

# Every text that Python can hold, with much of what databases refuse.
NASTY = st.sampled_from(["\x00", "\ud800", "\udfff", "\\", "\\u0000", "\\\x00", '"', "\n", "😀", "u0000", "\\ud800"])
TEXTS = st.lists(st.one_of(NASTY, st.text(st.characters(codec=None), max_size=3)), max_size=6).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
BIG = 10_000_000
_AS_STORED = {"postgresql": "SELECT (%s::jsonb)::text", "sqlite": "SELECT json(%s)"}


def written_out(value: Any) -> Any:
    """The value as it is expected back: what cannot be stored stands there as text."""
    if isinstance(value, str):
        return "".join(f"\\u{ord(c):04x}" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, list):
        return [written_out(each) for each in value]
    if isinstance(value, dict):
        return {written_out(key): written_out(each) for key, each in value.items()}
    return value


def nested(depth: int) -> Any:
    value: Any = 0
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


# --- JSON ------------------------------------------------------------------------------------------------------------


@given(VALUES)
@example({"\x00": "\\\x00\x00", "\\u0000": ["\\\\u0000"], "\ud83d": "\ud83d\ude00"})
def test_what_is_stored_loads_back_with_the_unstorable_written_out(value: Any) -> None:
    text = storable_json(value, limit=BIG)
    assert json.loads(text) == written_out(value)
    assert is_storable_json(text)
    text.encode()


@given(VALUES)
def test_what_needs_no_writing_out_is_told_from_what_does(value: Any) -> None:
    raw = json.dumps(value, ensure_ascii=False)
    assert is_storable_json(raw) == (storable_json(value, limit=BIG) == raw)


@pytest.mark.database
@pytest.mark.django_db
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
@example({"\x00": "\\\x00", "\ud800": -0.0, "n": [10**300, 5e-324, 1.7976931348623157e308]})
@example("\\\\\x00")
def test_the_database_takes_it_and_gives_the_same_back(value: Any) -> None:
    text = storable_json(value, limit=BIG)
    (stored,) = database.run(_AS_STORED[connection.vendor], [text])[0]
    # PostgreSQL keeps numbers as decimals, and writes large floats out as whole numbers.
    assert json.loads(stored, parse_int=float) == json.loads(text, parse_int=float)


@pytest.mark.database
@pytest.mark.django_db
def test_the_database_takes_the_deepest_that_is_allowed() -> None:
    text = storable_json(nested(DEEPEST), limit=BIG)
    assert json.loads(database.run(_AS_STORED[connection.vendor], [text])[0][0]) == nested(DEEPEST)


class _Raises(dict[str, Any]):
    def items(self) -> Any:
        raise KeyError("lost")


class _Colour(enum.Enum):
    RED = 1


def _endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def _numbers() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({1, 2}, "JSON cannot hold it: Object of type set is not JSON serializable"),
        ({"at": _numbers()}, "JSON cannot hold it: Object of type generator is not JSON serializable"),
        (_Colour.RED, "JSON cannot hold it: Object of type _Colour is not JSON serializable"),
        ({("a", "b"): 1}, "JSON cannot hold it: keys must be str, int, float, bool or None, not tuple"),
        (math.nan, "JSON cannot hold it: Out of range float values are not JSON compliant"),
        ([math.inf], "JSON cannot hold it: Out of range float values are not JSON compliant"),
        ({math.nan: 1}, "JSON cannot hold it: Out of range float values are not JSON compliant"),
        (10**5000, "JSON cannot hold it: Exceeds the limit"),
        (_endless(), "JSON cannot hold it: Circular reference detected"),
        (nested(DEEPEST + 1), f"it is nested more than {DEEPEST} levels deep"),
        (nested(100_000), "JSON cannot hold it: "),
        (_Raises(a=1), "JSON cannot hold it: 'lost'"),
    ],
    ids=["set", "generator", "enum", "key", "nan", "inf", "nan key", "integer", "circle", "deep", "bottomless", "own"],
)
def test_what_json_cannot_hold_is_said(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(said)):
        storable_json(value, limit=BIG)


def test_the_limit_counts_bytes_and_is_named() -> None:
    assert storable_json("ää", limit=6) == '"ää"'
    with pytest.raises(ValueError, match=r"^it has 6 bytes; the limit is 5 bytes$"):
        storable_json("ää", limit=5)


def test_brackets_in_a_text_are_no_depth() -> None:
    value = ["[{" * DEEPEST, '"' + "[" * DEEPEST, "\\"]
    assert json.loads(storable_json(value, limit=BIG)) == value


def test_what_is_broad_is_not_deep() -> None:
    value: Any = [[{"a": []}]] * (DEEPEST * 2)
    assert json.loads(storable_json(value, limit=BIG)) == value


# --- Text ------------------------------------------------------------------------------------------------------------


@given(TEXTS, st.integers(60, 100))
def test_text_has_neither_nul_nor_surrogates_and_keeps_to_the_limit(text: str, limit: int) -> None:
    stored = storable_text(text * 40, limit)
    stored.encode()
    assert "\x00" not in stored
    assert len(stored) <= limit


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=60))
def test_text_that_can_be_stored_is_not_touched(text: str) -> None:
    assert storable_text(text, 60) == text


def test_text_is_cut_in_its_middle_and_says_how_much_is_gone() -> None:
    cut = storable_text("a" * 5_000 + "z" * 5_000, 200)
    assert cut.startswith("a" * 80 + "\n")
    assert cut.endswith("\n" + "z" * 80)
    assert "… 9,840 characters left out …" in cut


def test_what_cannot_be_stored_is_written_out() -> None:
    assert storable_text("a\x00b\ud800c", 100) == "a\\x00b\\ud800c"

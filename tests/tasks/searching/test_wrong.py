"""What is wrong with a search is said: what it was, and the nearest that there is."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks.searching import InvalidSearch, Selection

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SEARCHES = {
    "stauts:failed": "there is no search word 'stauts'; did you mean status? (to find a text with a colon, quote it)",
    "status:faild": "'faild' is no status; did you mean failed?",
    "status:x": "'x' is no status: it is one of scheduled, blocked, pending, queued",
    "status:": "status: needs a value, without a space after the colon",
    "status:,": "status: needs a value",
    "category:timout": "'timout' is no category; did you mean timeout?",
    ":x": "there is no word before the colon in ':x'",
    '"open': 'a quote (") is opened and not closed',
    'a "b" c"': 'a quote (") is opened and not closed',
    "priority:12": "'12' is no whole number from 0 to 9",
    "priority:high": "'high' is no whole number from 0 to 9",
    "priority:>": "'>' compares with nothing",
    "priority:..": "'..' compares with nothing",
    "attempt:-1": "'-1' is no whole number",
    "attempt:99999999999999999999": "is no whole number",
    "created:2026-13-01": "'2026-13-01' is no time; give one such as 2026-07-01 or 2026-07-01T14:30:00Z",
    "created:9999-12-31": "is no time",
    "created:0001-01-01T00:00+14:00": "is no time",
    'created:"today"': "'today' is no time",
    "finished:>2026-02-30": "is no time",
    "age:2h": "age is compared: age:<2h is younger",
    "age:<999999999999d": "is longer than a hundred years",
    "age:<2x": "'2x' is no length of time; give one such as 90s, 5m, 2h or 1d",
    "duration:5s": "duration is compared",
    "id:xyz": "'xyz' is no id: give a whole one, or its first 8 or more",
    "payload:42": "payload takes the path of one value, as in payload.order_id:42",
    "payload.a..b:42": "payload takes the path of one value",
    "payload." + "a." * 30 + "b:1": "payload takes the path of one value",
    "payload.user.password:x": "payload.user.password looks like a secret: it is neither shown nor searched",
    "payload.n:>x": "payload.n is compared with numbers, and '>x' has none",
    "queue.x:y": "queue takes no path, and 'queue.x' has one",
    "https://example.com": "there is no search word 'https'",
    "x" * 10_000: "the search has 10,000 characters; the limit is 2,000",
    "a " * 40: "the search has 40 words; the limit is 30",
    "type:" + "a," * 300: "there are 300 values; the limit is 200",
    "a\x00b": "the search holds the control character '\\x00'",
    "a\x1bb": "the search holds the control character '\\x1b'",
    "a\ud800b": "the search holds the control character '\\ud800'",
}
FILTERS = {
    "status": ("done", "'done' is no status"),
    "priority": ("10", "is no whole number from 0 to 9"),
    "created_after": ("yesterday", "'yesterday' is no time"),
    "created_before": ("2030-13-01T00:00:00Z", "is no time"),
    "min_duration": ("long", "'long' is no length of time"),
    "worker": ("a\x00b", "the value holds the control character '\\x00'"),
    "tag": ("x" * 10_000, "the value has 10,000 characters; the limit is 2,000"),
    "colour": ("red", "there is no filter 'colour': there are status, type, queue"),
    "stauts": ("failed", "there is no filter 'stauts'; did you mean status?"),
}


def complaint(user: Any, q: str = "", **filters: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidSearch) as caught:
        Selection("tasks", q, filters).rows(user)
    return [(error["attr"], error["detail"]) for error in caught.value.errors]


@pytest.fixture
def root() -> User:
    return User(username="root", is_superuser=True)


@pytest.mark.parametrize(("q", "words"), SEARCHES.items(), ids=[repr(q[:40]) for q in SEARCHES])
def test_a_search_that_is_none_is_said(q: str, words: str, root: User) -> None:
    [(attr, said)] = complaint(root, q)
    assert attr == "q"
    assert words in said


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_that_is_none_is_said(name: str, root: User) -> None:
    text, words = FILTERS[name]
    [(attr, said)] = complaint(root, **{name: text})
    assert attr == name
    assert words in said


def test_everything_that_is_wrong_is_said_at_once(root: User) -> None:
    said = complaint(root, "status:x priority:y", queue="http", created_after="z")
    assert [attr for attr, _ in said] == ["created_after", "q", "q"]


@pytest.mark.parametrize(
    "q", ["%", "_", ".*", "\\", "name:%", "error:_", "' OR 1=1 --", 'type:">x"', "payload.a\\b:c", "payload.%s:1"]
)
def test_what_databases_read_otherwise_is_plain_text(q: str, root: User) -> None:
    assert list(Selection("tasks", q).rows(root)) == []
    assert list(Selection("tasks", f"-{q}" if not q.startswith("'") else q).rows(root)) == []

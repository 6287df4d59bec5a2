"""The words that a search of tasks may hold."""

from django.db.models import Q

from tasks import selectors
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.searching import contents, known
from tasks.searching.durations import duration
from tasks.searching.grammar import Term, Value
from tasks.searching.looking import Look
from tasks.searching.statuses import status
from tasks.searching.vocabulary import (
    LARGEST,
    Word,
    age,
    by_id,
    by_name,
    contains,
    each_of,
    equals,
    identity,
    number,
    time,
)
from tasks.states import FailureCategory, TaskStatus

AGES, TIMES = ("<10m", "<2h", ">1d"), ("today", "yesterday", ">=2026-07-01")


def _tag(value: Value, look: Look) -> Q:
    return selectors.has_tag(value.text)


def free(value: Value, look: Look) -> Q:
    """A free word stands in the name or the type, or begins the id."""
    term, small = Term("", (value,)), value.text.lower()
    if look.types is None:
        found = contains("name", "type")(term, look)
    else:
        # To compare each row's type with few whole ones costs a fraction of a look into it.
        types = [each for each in look.types if small in each.lower()]
        found = contains("name")(term, look) | (Q(type__in=types) if types else Q())
    return found | (by_id(value.text, "id") or Q())


WORDS = by_name(
    Word("status", "what has become of it", status, lambda: TaskStatus.values, reads_not=True),
    Word("type", "the type, whole", equals("type"), known.types),
    Word("queue", "the queue", equals("queue"), known.queues),
    Word(
        "priority",
        "0 to 9, 9 is first",
        number("priority", LOWEST_PRIORITY, HIGHEST_PRIORITY),
        known.priorities,
        (">=7", "0..3"),
    ),
    Word("worker", "the worker of the newest attempt", equals("worker"), known.workers),
    Word("tag", "one of its tags", each_of(_tag), known.tags),
    Word("attempt", "number of the newest attempt", number("attempt", 0, LARGEST), examples=("0", ">=2")),
    Word("category", "why it failed", contents.task_category, lambda: FailureCategory.values, is_deep=True),
    Word("name", "part of the name", contains("name")),
    Word("id", "the id, or how it begins", identity("id")),
    Word("error", "part of the newest error", contents.task_error, is_deep=True),
    Word(
        "payload",
        "a value in the payload: payload.order_id:42",
        contents.payload("payload"),
        is_deep=True,
        has_path=True,
    ),
    Word("created", "when it was submitted", time("created_at"), examples=TIMES),
    Word("finished", "when it ended", time("finished_at"), examples=TIMES, may_be_null=True),
    Word("age", "how long ago it was submitted", age("created_at"), examples=AGES),
    Word("duration", "how long it ran", duration, examples=(">1m", "<1s", "1s..10s"), is_deep=True),
)

"""The words that a search of dead letters may hold."""

from django.db.models import Q

from tasks.searching import contents, known
from tasks.searching.grammar import Term, Value
from tasks.searching.looking import Look
from tasks.searching.task_words import AGES, TIMES
from tasks.searching.vocabulary import (
    LARGEST,
    Word,
    age,
    by_id,
    by_name,
    contains,
    equals,
    identity,
    number,
    one_of,
    time,
)
from tasks.states import FailureCategory, Resolution

OPEN = "open"
RESOLUTIONS = (OPEN, *Resolution.values)


def free(value: Value, look: Look) -> Q:
    """A free word stands in the type, the error's class or the task's name, or begins an id."""
    columns = ("type", "error_class", "task__name")
    return contains(*columns)(Term("", (value,)), look) | (by_id(value.text, "id", "task_id") or Q())


WORDS = by_name(
    Word(
        "resolution",
        "how it was closed",
        one_of("resolution", RESOLUTIONS, what="resolution", stored={OPEN: ""}),
        lambda: RESOLUTIONS,
    ),
    Word("type", "the type, whole", equals("type"), known.types),
    Word("queue", "the queue", equals("queue"), known.queues),
    Word(
        "category",
        "why it died",
        one_of("category", FailureCategory.values, what="category"),
        lambda: FailureCategory.values,
    ),
    Word("class", "the error's class, whole", equals("error_class")),
    Word("fingerprint", "the group of equal failures", equals("fingerprint")),
    Word("name", "part of the task's name", contains("task__name"), may_be_null=True),
    Word("id", "the id or the task's, or how it begins", identity("id", "task_id"), may_be_null=True),
    Word("attempt", "how many attempts there were", number("attempts", 0, LARGEST), examples=("0", ">=2")),
    Word("error", "part of the error", contents.letter_error, is_deep=True),
    Word(
        "payload",
        "a value in the task's payload: payload.order_id:42",
        contents.payload("task__payload"),
        is_deep=True,
        has_path=True,
    ),
    Word("created", "when it died", time("created_at"), examples=TIMES),
    Word("resolved", "when it was closed", time("resolved_at"), examples=TIMES, may_be_null=True),
    Word("age", "how long ago it died", age("created_at"), examples=AGES),
)

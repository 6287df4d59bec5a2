"""The filters beside the search box, named alike in the admin, the API and the commands: each is a word in disguise."""

from collections.abc import Callable

from tasks.searching.grammar import Term, Value, check_text, values_of_filter

Reading = Callable[[str], tuple[Value, ...]]


def _whole(text: str) -> tuple[Value, ...]:
    return (Value(text, is_quoted=True, low=text),)  # it may have commas in it


def _compared(sign: str) -> Reading:
    return lambda text: (Value(text, is_quoted=True, compare=sign, low=text.strip()),)


_SINCE, _UNTIL = _compared(">="), _compared("<")

# For each kind, from the filter to its word and how its value is read.
FILTERS: dict[str, dict[str, tuple[str, Reading]]] = {
    "tasks": {
        "status": ("status", values_of_filter),
        "type": ("type", values_of_filter),
        "queue": ("queue", values_of_filter),
        "priority": ("priority", values_of_filter),
        "worker": ("worker", _whole),
        "tag": ("tag", _whole),
        "attempt": ("attempt", values_of_filter),
        "category": ("category", values_of_filter),
        "created_after": ("created", _SINCE),
        "created_before": ("created", _UNTIL),
        "finished_after": ("finished", _SINCE),
        "finished_before": ("finished", _UNTIL),
        "min_duration": ("duration", _compared(">=")),
        "max_duration": ("duration", _compared("<=")),
    },
    "dead_letters": {
        "resolution": ("resolution", values_of_filter),
        "type": ("type", values_of_filter),
        "queue": ("queue", values_of_filter),
        "category": ("category", values_of_filter),
        "error_class": ("class", _whole),
        "fingerprint": ("fingerprint", values_of_filter),
        "created_after": ("created", _SINCE),
        "created_before": ("created", _UNTIL),
    },
}


def term_of(kind: str, name: str, text: str) -> Term | None:
    """Returns the filter as a term; None where there are but commas. Raises Wrong for what no term can hold."""
    check_text(text, "the value")
    word, read = FILTERS[kind][name]
    values = read(text)
    return Term(word, values) if values else None

"""What may be mistyped in a search that can be read: a type that is not installed, a queue that is none."""

from collections.abc import Callable, Sequence

from tasks.searching import known
from tasks.searching.grammar import Term
from tasks.searching.messages import did_you_mean, quoted

MOST = 5

_NAMES: dict[str, tuple[str, Callable[[], list[str]]]] = {
    "type": ("No installed type is called", known.types),
    "queue": ("There is no queue", known.queues),
}


def hints(terms: Sequence[Term]) -> list[str]:
    """Returns a sentence for each name that nothing here has; rows may have it all the same."""
    said = []
    for word, (words, names) in _NAMES.items():
        given = [value.text for term in terms if term.word == word for value in term.values]
        if given:
            there_are = names()
            unknown = [each for each in given if each not in there_are]
            said += [_sentence(f"{words} {quoted(each)}{did_you_mean(each, there_are)}") for each in unknown[:MOST]]
    return said


def _sentence(words: str) -> str:
    return words if words.endswith("?") else f"{words}."

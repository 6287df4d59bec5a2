"""What the search box offers while somebody writes: the words, then the values of the word."""

from dataclasses import asdict, dataclass
from typing import Any

from tasks.searching.reading import Kind

MOST = 12


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` is what the box holds when it is taken; `label` and `help` are what the list shows."""

    text: str
    label: str
    help: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def complete(kind: Kind, text: str, user: Any) -> list[Suggestion]:
    return []

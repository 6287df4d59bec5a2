"""When a guarded bulk action goes on, waits, or stops by itself. Pure rules; rows and tasks are elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tasks.states import Watched

Item = TypeVar("Item")

LARGEST_CANARY = 1_000
LEAST_WATCHED = 20  # of the latest that have ended: fewer would stop for one failure
FAILED, OTHER = "f", "."  # in a line of the latest endings


class Guard(BaseModel):
    """First `canary` tasks are tried. If no more than the share of them fails, the rest follows at `rate` a second."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    canary: Annotated[int, Field(ge=1, le=LARGEST_CANARY, strict=True)]
    rate: Annotated[float, Field(ge=0.01, le=100_000, allow_inf_nan=False)]
    failure_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

    @property
    def window(self) -> int:
        """How many of the latest endings are looked at once the canary is through."""
        return max(self.canary, LEAST_WATCHED)


class Word(StrEnum):
    GO_ON = "go on"
    WAIT = "wait"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Seen:
    """`brought_back` tasks run or have run, `broken` ones could not even be brought back."""

    total: int
    brought_back: int
    broken: int
    ended: Mapping[str, int]
    recent: str

    @property
    def failures(self) -> int:
        return self.ended.get(Watched.FAILED, 0) + self.broken

    @property
    def known(self) -> int:
        """Of how many it is known how they ended."""
        return sum(self.ended.values()) + self.broken


@dataclass(frozen=True, slots=True)
class Verdict:
    """`most` is how many items may be taken now. `note` says why it waits or stops."""

    word: Word
    most: int = 0
    note: str = ""


def judge(guard: Guard, seen: Seen) -> Verdict:
    """Says what to do next. Failures stop it as soon as they are too many, whatever the rest of the canary does."""
    canary = min(guard.canary, seen.total)
    percent = f"{guard.failure_share * 100:g} %"
    if seen.known <= canary and seen.failures > guard.failure_share * canary:
        of = f"{seen.failures:,} of the canary's {canary:,} failed"
        return Verdict(Word.STOP, note=f"{of}: its guard allows {percent} of them")
    if seen.known < canary:
        tried = seen.brought_back + seen.broken
        if tried < canary:
            return Verdict(Word.GO_ON, most=canary - tried)
        return Verdict(Word.WAIT, note=f"waits for the canary: {seen.known:,} of {canary:,} have ended")
    lately = seen.recent[-guard.window :]
    failures = lately.count(FAILED)
    if failures > guard.failure_share * guard.window:
        of = f"{failures:,} of the latest {len(lately):,} failed"
        return Verdict(Word.STOP, note=f"{of}: its guard allows {percent} of {guard.window:,}")
    return Verdict(Word.GO_ON, most=seen.total)


def canary_first(items: Sequence[Item], classes: Sequence[str], canary: int) -> list[Item]:
    """Returns the items with the canary's in front, drawn evenly from all classes: each has its share of it.

    The others keep their order. Where the canary came from one class alone, it would say nothing of the others.
    """
    if canary >= len(items):
        return list(items)
    by_class = sorted(range(len(items)), key=lambda place: (classes[place], place))
    step = len(items) / canary
    drawn = {by_class[int((number + 0.5) * step)] for number in range(canary)}
    return [items[place] for place in sorted(drawn)] + [item for place, item in enumerate(items) if place not in drawn]

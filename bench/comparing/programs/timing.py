"""What the submitting programs share: waiting, verifying, and the times from submit to start."""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.comparing.programs.counting import read_counters

FOLDER = Path(os.environ.get("COMPARE_FOLDER", "."))
STAMPS = FOLDER / "stamps"
SINGLES = 100
PAUSE = (0.1, 0.2)  # seconds between the end of a single task and the next submit
_WITHIN = 600.0  # seconds
_POLL = 0.02


def write_stamp(sent_at: float) -> None:
    """Notes in a task how long ago it was submitted, by the clock that the submitter used as well."""
    waited = time.time() - sent_at
    with open(STAMPS, "ab", buffering=0) as file:
        file.write(f"{waited:.6f}\n".encode())


def waits_of_singles(submit: Callable[[float], object]) -> dict[str, list[float]]:
    """Submits one at a time to an idle system. Returns the milliseconds from submit to start, one for each."""
    STAMPS.unlink(missing_ok=True)
    for number in range(SINGLES + 1):
        time.sleep(random.uniform(*PAUSE))
        submit(time.time())
        wait_until(lambda number=number: len(_stamps()) > number, "a single task starts")  # type: ignore[misc]
    return {"idle": [waited * 1000 for waited in _stamps()[1:]]}  # the first one connects and declares


def _stamps() -> list[float]:
    return [float(line) for line in STAMPS.read_text().splitlines()] if STAMPS.exists() else []


def wait_until_counted(number: int) -> float:
    """Waits until the workers have counted that many. Returns when the last one was."""
    wait_until(lambda: read_counters(FOLDER)[0] >= number, f"{number:,} tasks are done")
    expect(read_counters(FOLDER)[0], number, "tasks done")
    return read_counters(FOLDER)[1]


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + _WITHIN
    while not is_true():
        if time.monotonic() > until:
            sys.exit(f"{what}: not within {_WITHIN:g} s")
        time.sleep(_POLL)


def expect(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        sys.exit(f"there are {found:,} {what} where {wanted:,} were expected")


def hand_over(figures: dict[str, float] | dict[str, list[float]]) -> None:
    """Prints the figures for bench/compare."""
    print(json.dumps(figures))

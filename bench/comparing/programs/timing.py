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
_PATIENCE = 90.0  # seconds without any progress
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
        wait_for_number(lambda: len(_stamps()), number + 1, "single tasks started")
    return {"idle": [waited * 1000 for waited in _stamps()[1:]]}  # the first one connects and declares


def _stamps() -> list[float]:
    return [float(line) for line in STAMPS.read_text().splitlines()] if STAMPS.exists() else []


def wait_until_counted(number: int) -> float:
    """Waits until the workers have counted that many. Returns when the last one was."""
    wait_for_number(lambda: read_counters(FOLDER)[0], number, "tasks done")
    return read_counters(FOLDER)[1]


def wait_for_number(count: Callable[[], int], wanted: int, what: str) -> None:
    """Waits until it has been reached, however slowly. Ends the program when it stands still, or is exceeded."""
    found, moved_at = count(), time.monotonic()
    while found < wanted:
        time.sleep(_POLL)
        if (now := count()) != found:
            found, moved_at = now, time.monotonic()
        elif time.monotonic() - moved_at > _PATIENCE:
            sys.exit(f"there are {found:,} {what} where {wanted:,} were expected, and for {_PATIENCE:g} s no more came")
    expect(found, wanted, what)


def expect(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        sys.exit(f"there are {found:,} {what} where {wanted:,} were expected")


def hand_over(figures: dict[str, float] | dict[str, list[float]]) -> None:
    """Prints the figures for bench/compare."""
    print(json.dumps(figures))

"""What holds after each step whatever was done, and how rows and model are held against each other."""

from typing import Any

from tasks.states import DEAD, FINAL, Outcome, Resolution, TaskStatus
from tests.tasks.transitions.machine.life import Pictures
from tests.tasks.transitions.machine.model import Model

S = TaskStatus


def assert_same(seen: Pictures, model: Model) -> None:
    assert set(seen) == set(model.lives), "other tasks are stored than should be"
    for task, life in model.lives.items():
        expected = life.picture()
        differing = {
            name: f"row: {seen[task][name]!r}, model: {value!r}"
            for name, value in expected.items()
            if seen[task][name] != value
        }
        assert not differing, f"{task} ({life.status}): {differing}"


def assert_sound(seen: Pictures, before: Pictures) -> None:
    """What needs no model, but the rows and those of the step before."""
    wrong: list[str] = []
    for task, row in seen.items():
        wrong += [f"{task}: {what}: {row}" for what in _wrong(row, seen)]
        if task in before:
            if row["attempt"] < before[task]["attempt"]:
                wrong.append(f"{task}: its attempts were {before[task]['attempt']} and are {row['attempt']}")
            kept = before[task]["attempts"].items() <= row["attempts"].items()
            if not kept:
                wrong.append(f"{task}: a recorded attempt was changed: {before[task]['attempts']}, {row['attempts']}")
    assert not wrong, "\n".join(wrong)


def _wrong(row: dict[str, Any], seen: Pictures) -> list[str]:
    status, attempts = row["status"], row["attempts"]
    opened, unmet = row["letters"].get("", 0), row["unmet"]
    completed = sum(outcome == Outcome.COMPLETED for outcome, _ in attempts.values())
    dead_parents = any(
        not met and parent in seen and seen[parent]["status"] in DEAD for parent, met in row["parents"].items()
    )
    rules = {
        "its attempts are contiguous": sorted(attempts) == list(range(1, row["attempt"] + (status != S.PROCESSING))),
        "it has an end if it is final": row["is_finished"] == (status in FINAL),
        "it was completed once if it is completed": completed == (status == S.COMPLETED),
        "unmet counts its edges": unmet == sum(not met for met in row["parents"].values()),
        "what is blocked waits for something": (status == S.BLOCKED) <= (unmet > 0),
        "what waits for others is blocked or over": (unmet > 0) <= (status in {S.BLOCKED, S.FAILED, S.CANCELLED}),
        "it failed by a dependency below a dead one": (status == S.FAILED and unmet > 0) <= dead_parents,
        "it has one open dead letter at most, and that where it died of itself": opened
        <= (status == S.FAILED and unmet == 0),
        "it has a dead letter where it died of itself": (status == S.FAILED and unmet == 0)
        <= (opened == 1 or row["letters"].get(Resolution.DISCARDED, 0) > 0),
        "its budget is kept": row["attempt"] - row["uncounted"] <= row["max_attempts"],
        "only what is over can be unsettled": row["unsettled"] <= (status in FINAL),
        "only what is pending is parked": row["parked"] <= (status == S.PENDING),
    }
    return [f"not so: {words}" for words, holds in rules.items() if not holds]

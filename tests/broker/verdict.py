"""The verdict on a run with faults: what the handlers wrote outside the database, held against the rows.

Everything that was submitted has ended, nothing is recorded as completed twice, and each repeated execution is
explained by an attempt that was lost, handed back or refused.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.broker.installation import Installation

FINAL = {"completed", "failed", "cancelled"}
NOT_COUNTED = {"lost", "released"}


@dataclass
class Ledger:
    """What the sample types `work` and `async_work` noted: one line `start` or `end`, task, attempt, process."""

    starts: Counter[tuple[str, int]] = field(default_factory=Counter)
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)

    @classmethod
    def read(cls, path: Path) -> "Ledger":
        ledger = cls()
        for line in path.read_text().splitlines():
            word, task, attempt, _ = line.split()
            (ledger.starts if word == "start" else ledger.ends)[task, int(attempt)] += 1
        return ledger


def assert_sound(installation: Installation, ids: Iterable[str], ledger: Path | None = None) -> Counter[str]:
    """Holds the rows of these tasks, and the ledger for those whose payload names it, against each other.

    Returns how many ended in which status. Raises AssertionError with every contradiction found.
    """
    wanted = sorted(ids)
    rows = installation.rows(
        """SELECT id::text, status, attempt, payload->>'ledger'
        FROM tasks_task WHERE id = ANY(%s::uuid[])""",
        [wanted],
    )
    statuses = {task: status for task, status, *_ in rows}
    attempts: dict[str, dict[int, str]] = defaultdict(dict)
    found = installation.rows(
        "SELECT task_id::text, number, outcome FROM tasks_taskattempt WHERE task_id = ANY(%s::uuid[])", [wanted]
    )
    wrong = [f"{task}: not stored" for task in wanted if task not in statuses]
    for task, number, outcome in found:
        if number in attempts[task]:
            wrong.append(f"{task}: attempt {number} is recorded twice, as {attempts[task][number]} and {outcome}")
        attempts[task][number] = outcome
    refused = {
        (task, number)
        for task, number in installation.rows(
            """SELECT task_id::text, attempt FROM tasks_taskevent
            WHERE kind = 'refused' AND task_id = ANY(%s::uuid[])""",
            [wanted],
        )
    }
    letters = Counter(
        row[0]
        for row in installation.rows(
            "SELECT task_id::text FROM tasks_deadletter WHERE resolution = '' AND task_id = ANY(%s::uuid[])", [wanted]
        )
    )
    for task, status, claims, _ in rows:
        outcomes = attempts[task]
        if status not in FINAL:
            wrong.append(f"{task}: still {status}")
        if sorted(outcomes) != list(range(1, claims + 1)):
            wrong.append(f"{task}: it was claimed {claims} times and its attempts are {sorted(outcomes)}")
        completed = sum(outcome == "completed" for outcome in outcomes.values())
        if completed != (status == "completed"):
            wrong.append(f"{task}: {status} with {completed} completed attempts")
        if status == "failed" and outcomes and not letters[task]:
            wrong.append(f"{task}: failed without an open dead letter")
        if status == "completed" and letters[task]:
            wrong.append(f"{task}: completed with an open dead letter")
    if ledger is not None:
        noted = {task: status for task, status, _, its_ledger in rows if its_ledger == str(ledger)}
        assert noted, "none of these tasks wrote to this ledger"
        wrong += _contradictions(Ledger.read(ledger), noted, attempts, refused)
    assert not wrong, "\n".join([f"{len(wrong)} contradictions:", *wrong[:20]])
    return Counter(statuses.values())


def _contradictions(
    ledger: Ledger,
    statuses: dict[str, str],
    attempts: dict[str, dict[int, str]],
    refused: set[tuple[str, int]],
) -> list[str]:
    wrong = [f"{task}: attempt {number} began {n} times" for (task, number), n in ledger.starts.items() if n > 1]
    wrong += [
        f"{task}: attempt {number} ended {n} times and began {ledger.starts[task, number]} times"
        for (task, number), n in ledger.ends.items()
        if n > ledger.starts[task, number]
    ]
    ran: dict[str, set[int]] = defaultdict(set)
    for task, number in ledger.starts:
        ran[task].add(number)
    ended: dict[str, set[int]] = defaultdict(set)
    for task, number in ledger.ends:
        ended[task].add(number)
    for task, status in statuses.items():
        outcomes = attempts[task]
        if status == "completed":
            good = next((number for number, outcome in outcomes.items() if outcome == "completed"), 0)
            if not ledger.ends[task, good]:
                wrong.append(f"{task}: attempt {good} is recorded as completed, and its handler never came to its end")
        wrong += [f"{task}: attempt {number} ran and is not recorded" for number in ran[task] if number not in outcomes]
        # A handler that came to its end is the one recorded, or one whose outcome came too late.
        wrong += [
            f"{task}: attempt {number} came to its end and is recorded as {outcomes.get(number)}"
            for number in ended[task]
            if outcomes.get(number) not in NOT_COUNTED | {"completed"}
        ]
        repeated = sorted(ran[task])[:-1]
        unexplained = [
            number
            for number in repeated
            if outcomes.get(number) not in NOT_COUNTED | {"failed"} and (task, number) not in refused
        ]
        if unexplained:
            wrong.append(f"{task}: attempts {unexplained} were repeated without a reason")
    return wrong

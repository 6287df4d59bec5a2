"""Dead letters counted by fingerprint. Who writes or closes some only notes it; the coordinator adds the notes up.

A worker that counted in the group's row itself would keep its lock until its transaction ends: in a storm of equal
failures, each finish would wait for the one before it. A note is a row of its own, and nobody waits for it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from tasks import database

Place = tuple[str, str]  # fingerprint and queue


def note_deaths(died: Iterable[Place], workers: Mapping[str, str] | None = None) -> None:
    """Notes dead letters that were just written. Belongs into their transaction; `workers` goes by fingerprint."""
    _note(Counter(died), "died", workers or {})


def note_closed(fingerprints: Iterable[str]) -> None:
    """Notes dead letters that were just resolved. Belongs into the transaction that did it."""
    _note(Counter((fingerprint, "") for fingerprint in fingerprints), "closed", {})


def _note(counts: Mapping[Place, int], column: str, workers: Mapping[str, str]) -> None:
    if not counts:
        return
    other = "closed" if column == "died" else "died"
    database.run(
        f"""WITH {database.given(fingerprint="text", queue="text", worker="text", number="integer")}
        INSERT INTO tasks_failuregroupchange (fingerprint, at, queue, worker, {column}, {other})
        SELECT v_fingerprint, {database.clock()}, v_queue, v_worker, v_number, 0 FROM v""",
        [
            database.as_rows(
                {"fingerprint": each, "queue": queue, "worker": workers.get(each, ""), "number": number}
                for (each, queue), number in counts.items()
            )
        ],
    )


def recount_groups() -> int:
    """Mends counts of open dead letters that are not what they should be. Returns how many were not.

    Nothing should ever be found: who closes dead letters notes it. One statement, and so one view of all three tables.
    """
    truth = """(SELECT count(*) FROM tasks_deadletter l WHERE l.fingerprint = g.fingerprint AND l.resolution = '')
        - (SELECT coalesce(sum(c.died - c.closed), 0) FROM tasks_failuregroupchange c
           WHERE c.fingerprint = g.fingerprint)"""
    return len(
        database.run(
            f"""UPDATE tasks_failuregroup SET open_count = counted.truth
            FROM (SELECT g.fingerprint AS name, {truth} AS truth FROM tasks_failuregroup g) AS counted
            WHERE counted.name = fingerprint AND counted.truth <> open_count RETURNING fingerprint"""
        )
    )

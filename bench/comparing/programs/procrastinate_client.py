"""Submits to Procrastinate and measures: python -m bench.comparing.programs.procrastinate_client MEASURE COUNT."""

import os
import sys
import time
from typing import Any

import psycopg

from bench.comparing.programs import timing
from bench.comparing.programs.counting import read_counters
from bench.comparing.programs.procrastinate_app import app, fetch, noop, stamp

_TABLES = "procrastinate_events, procrastinate_jobs, procrastinate_periodic_defers"


def main(measure: str, count: int) -> None:
    with app.open():
        match measure:
            case "schema":
                app.schema_manager.apply_schema()
            case "work":
                timing.hand_over(work(count))
            case "idle":
                let_go()
                timing.hand_over(timing.waits_of_singles(lambda sent_at: stamp.defer(sent_at=sent_at)))
            case "http":
                let_go()
                timing.hand_over(http(count))


def work(count: int) -> dict[str, Any]:
    """Submits one by one and in bulk while the workers are held, then lets them take what was submitted in bulk."""
    empty_tables()
    noop.defer(n=0)  # it connects
    began = time.perf_counter()
    for number in range(count):
        noop.defer(n=number)
    one_by_one = time.perf_counter() - began
    timing.expect(_jobs("todo"), count + 1, "jobs")
    empty_tables()
    given = [{"n": number} for number in range(count)]
    began = time.perf_counter()
    noop.batch_defer(*given)
    in_bulk = time.perf_counter() - began
    timing.expect(_jobs("todo"), count, "jobs")
    before, _ = read_counters(timing.FOLDER)
    released_at = let_go()
    timing.wait_until_counted(before + count)
    drained = _finished_at(count) - released_at
    return {"submit_one": count / one_by_one, "submit_bulk": count / in_bulk, "drain": count / drained}


def http(count: int) -> dict[str, Any]:
    empty_tables()
    before, _ = read_counters(timing.FOLDER)
    began_at = time.time()
    fetch.batch_defer(*[{"url": os.environ["COMPARE_URL"]}] * count)
    timing.wait_until_counted(before + count)
    return {"http": _finished_at(count) - began_at}


def let_go() -> float:
    """Lets the workers take from the main queue. Returns when that was."""
    (timing.FOLDER / "go").touch()
    return time.time()


def empty_tables() -> None:
    _query(f"TRUNCATE {_TABLES}")


def _jobs(status: str) -> int:
    return int(_query("SELECT count(*) FROM procrastinate_jobs WHERE status = %s", status))


def _finished_at(count: int) -> float:
    timing.wait_for_number(lambda: _jobs("succeeded"), count, "jobs that have succeeded")
    return float(_query("SELECT extract(epoch FROM max(at)) FROM procrastinate_events WHERE type = 'succeeded'"))


def _query(statement: str, *parameters: str) -> Any:
    with psycopg.connect(os.environ["COMPARE_DATABASE_URL"], autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), parameters)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

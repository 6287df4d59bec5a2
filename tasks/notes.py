"""What handlers say while they run: log lines and progress, buffered and written set-wise."""

import threading
import time
import uuid
from typing import Any

from tasks import database
from tasks.masking import masked, masked_text
from tasks.states import TaskStatus
from tasks.storable import storable_json, storable_text

Pair = tuple[uuid.UUID, int]

LINES_PER_ATTEMPT = 1_000
MESSAGE_LIMIT = 8_000
FIELDS_LIMIT = 16_000


class Notes:
    """A buffer between the handlers' threads and the keeper."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[tuple[Pair, str, str, str, float]] = []
        self._written: dict[Pair, int] = {}
        self._progress: dict[Pair, tuple[float, str]] = {}

    def log(self, pair: Pair, level: str, message: str, fields: dict[str, Any]) -> None:
        """Takes a line; after LINES_PER_ATTEMPT of an attempt one says so and the rest is dropped."""
        with self._lock:
            number = self._written.get(pair, 0) + 1
            self._written[pair] = number
            if number > LINES_PER_ATTEMPT + 1:
                return
            if number > LINES_PER_ATTEMPT:
                level, message, fields = "warning", f"more than {LINES_PER_ATTEMPT:,} lines: the rest is dropped", {}
            self._lines.append((pair, level, _text(str(message), MESSAGE_LIMIT), _storable(fields), time.monotonic()))

    def progress(self, pair: Pair, fraction: float, text: str) -> None:
        with self._lock:
            self._progress[pair] = (fraction, text)

    def forget(self, pairs: set[Pair]) -> None:
        """Drops the counters of attempts that are over."""
        with self._lock:
            for pair in pairs:
                self._written.pop(pair, None)
                self._progress.pop(pair, None)

    @property
    def is_empty(self) -> bool:
        return not self._lines and not self._progress

    def write(self, incarnation: uuid.UUID) -> None:
        """Writes what has come together: one statement for all lines, one for all progress."""
        with self._lock:
            lines, progress = self._lines, self._progress
            self._lines, self._progress = [], {}
        try:
            if lines:
                _write_lines(lines)
            if progress:
                _write_progress(progress, incarnation)
        except Exception:
            with self._lock:
                self._lines = lines + self._lines
                self._progress = progress | self._progress
            raise


def _write_lines(lines: list[tuple[Pair, str, str, str, float]]) -> None:
    now = time.monotonic()
    cast = "::jsonb" if database.is_postgresql() else ""
    types = {"id": "uuid", "attempt": "integer", "level": "text", "message": "text", "fields": "text"}
    database.run(
        f"""WITH {database.given(**types, ago="double precision")}
        INSERT INTO tasks_tasklog (task_id, attempt, level, message, fields, at)
        SELECT v_id, v_attempt, v_level, v_message, v_fields{cast}, {database.aged("v_ago")} FROM v""",
        [
            database.as_rows(
                {
                    "id": pair[0],
                    "attempt": pair[1],
                    "level": level,
                    "message": message,
                    "fields": fields,
                    "ago": now - at,
                }
                for pair, level, message, fields, at in lines
            )
        ],
    )


def _write_progress(progress: dict[Pair, tuple[float, str]], incarnation: uuid.UUID) -> None:
    types = {"id": "uuid", "attempt": "integer", "fraction": "double precision", "text": "text"}
    database.run(
        f"""WITH {database.given(**types)},
        locked AS (SELECT id FROM tasks_task JOIN v ON id = v_id AND attempt = v_attempt
                   WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') = %s AND incarnation = %s
                   ORDER BY id {database.lock(skip_locked=True)})
        UPDATE tasks_task SET progress = v_fraction, progress_text = v_text
        FROM v WHERE id = v_id AND {database.is_in("id", "locked")}""",
        [
            database.as_rows(
                {"id": pair[0], "attempt": pair[1], "fraction": fraction, "text": text}
                for pair, (fraction, text) in progress.items()
            ),
            TaskStatus.PROCESSING,
            incarnation if database.is_postgresql() else incarnation.hex,
        ],
    )


# Secrets are masked where they are written: rows are read by exports and people with psql.


def _text(text: str, limit: int) -> str:
    return storable_text(masked_text(storable_text(text, 8 * limit)), limit)


def _storable(fields: dict[str, Any]) -> str:
    try:
        return storable_json(masked(fields), limit=FIELDS_LIMIT)
    except (ValueError, RecursionError):
        return storable_json({"fields": _text(repr(fields), FIELDS_LIMIT // 4)}, limit=FIELDS_LIMIT)

"""A process that makes many rows in a database of its own and exports them: it prints its peaks of memory as JSON.

For each format: how many rows, the peak (KiB) up to `EARLY` of them, and the one of all. The formats share the reader,
so one kind is enough for each: tasks cost most to read, dead letters least, and a sheet costs most to write.
"""

import json
import multiprocessing
import sys
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import Model  # noqa: E402

from tasks import database  # noqa: E402
from tasks.exporting import Export, Format  # noqa: E402
from tasks.models import DeadLetter  # noqa: E402
from tasks.searching import DEAD_LETTERS, TASKS, Selection  # noqa: E402
from tasks.states import FailureCategory, TaskStatus  # noqa: E402
from tests.tasks.rows import task_in  # noqa: E402

EARLY = 20_000
EXPORTS = {Format.JSON: TASKS, Format.CSV: DEAD_LETTERS, Format.XLSX: DEAD_LETTERS}


def peak() -> int:
    """Returns the largest size of this process since `forget`, in KiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def forget() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def multiply(row: Model, count: int) -> None:
    """Stores so many copies of the row by one statement, each with an id and a time of its own."""
    row.save(force_insert=True)
    changed = {
        "id": "lower(printf('%%032x', n))",
        "created_at": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', created_at, printf('-%%.3f seconds', n / 10.0))",
    }
    names = [str(field.column) for field in row._meta.concrete_fields]
    values = [changed.get(name, f"row.{name}") for name in names]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)
            INSERT INTO {row._meta.db_table} ({", ".join(names)})
            SELECT {", ".join(values)} FROM {row._meta.db_table} AS row, numbers""",
            [count - 1],
        )


class Watched(Export):
    early = 0

    def _note(self, number: int) -> None:
        super()._note(number)
        if not self.early and self.count >= EARLY:
            self.early = peak()


def fill(count: int) -> None:
    call_command("migrate", verbosity=0)
    multiply(task_in(TaskStatus.COMPLETED, name="an order", payload={"order": 1, "to": "Ada"}), count)
    letter = DeadLetter(
        type="order", queue="http", category=FailureCategory.TIMEOUT, error_class="TimeoutError",
        message="no answer within 30 seconds", traceback="Traceback: …\n" * 5, fingerprint="0" * 16, attempts=3,
        created_at=database.now(),
    )  # fmt: skip
    multiply(letter, count)


def main(count: int) -> None:
    # By another process: migrations leave so much free memory behind that an export might grow into it unseen.
    filling = multiprocessing.get_context("fork").Process(target=fill, args=[count])
    filling.start()
    filling.join()
    assert filling.exitcode == 0
    database.run("PRAGMA cache_size = -2000")  # the settings let SQLite fill 32 MB with pages, whoever reads them
    found = {}
    for form, kind in EXPORTS.items():
        forget()
        export = Watched(Selection(kind), form, actor=None, with_payload=True)
        size = sum(map(len, export.chunks()))
        found[form.value] = {"rows": export.count, "bytes": size, "early": export.early, "all": peak()}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""What is in an exported file: every row that was selected, each once, and texts that do no harm."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from rest_framework.utils.encoders import JSONEncoder

from tasks import database
from tasks.api import shapes
from tasks.api.cursors import Cursor
from tasks.exceptions import InvalidSubmission
from tasks.exporting import Export, Format, files, rows
from tasks.models import AuditEntry, DeadLetter, Task, TaskAttempt
from tasks.searching import DEAD_LETTERS, TASKS, InvalidSearch, Kind, Selection
from tasks.states import FailureCategory, Outcome, TaskStatus
from tests.tasks.rows import a_task
from tests.tasks.sheets import READERS

pytestmark = [pytest.mark.django_db, pytest.mark.database]

FORMATS = pytest.mark.parametrize("form", list(Format), ids=str)
S = TaskStatus


def exported(
    form: Format, q: str = "", kind: Kind = TASKS, *, with_payload: bool = False, **filters: str
) -> list[dict[str, Any]]:
    export = Export(Selection(kind, q, filters), form, actor=None, with_payload=with_payload)
    found: list[dict[str, Any]] = READERS[form](b"".join(export.chunks()))
    assert len(found) == export.count
    return found


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were many: each batch has two rows."""
    monkeypatch.setattr(rows, "FIRST", 2)
    monkeypatch.setattr(rows, "LARGEST", 2)


@pytest.fixture
def failed() -> Task:
    now = database.now()
    task = a_task(
        S.FAILED, name="Mine", payload={"n": 1, "password": "hunter2"}, tags=["red"],
        started_at=now - timedelta(seconds=2), finished_at=now,
    )  # fmt: skip
    values: dict[str, Any] = {"worker": "w1@test", "started_at": task.started_at, "finished_at": now}
    TaskAttempt.objects.create(
        task=task, number=1, outcome=Outcome.FAILED, category=FailureCategory.TIMEOUT,
        error_class="TimeoutError", error_message="too slow, password=hunter2", **values,
    )  # fmt: skip
    return task


def test_json_is_what_the_list_of_the_api_answers(failed: Task) -> None:
    a_task(S.PENDING)
    found = exported(Format.JSON, "status:failed", with_payload=True)
    task = Task.objects.select_related("created_by").get(id=failed.id)
    expected = json.dumps(shapes.task_shapes([task], with_payload=True), cls=JSONEncoder)
    assert found == json.loads(expected)
    assert found[0]["payload"] == {"n": 1, "password": "***"}
    assert exported(Format.JSON, "status:failed")[0]["payload"] is None


@pytest.mark.parametrize("form", [Format.CSV, Format.XLSX], ids=str)
def test_a_table_has_a_column_for_each_value(form: Format, failed: Task) -> None:
    (row,) = exported(form, with_payload=True)
    assert row["id"] == str(failed.id)
    assert row["created_at"] == failed.created_at.isoformat().replace("+00:00", "Z")
    assert float(row["duration_ms"]) == 2000
    assert (row["error_category"], row["error_class"]) == ("timeout", "TimeoutError")
    assert row["error_message"] == "too slow, password=***"
    assert row["tags"] == '["red"]'
    assert row["payload"] == '{"n":1,"password":"***"}'
    assert not row["result"]
    (row,) = exported(form)
    assert not {"payload", "result"} & set(row)


@FORMATS
def test_dead_letters_are_exported_alike(form: Format, failed: Task) -> None:
    letter = DeadLetter.objects.create(
        task=failed, type="a", category=FailureCategory.TIMEOUT, error_class="E", message="token=abc123",
        traceback="line 1\nline 2", fingerprint="0" * 16, attempts=3, created_at=database.now(),
    )  # fmt: skip
    (row,) = exported(form, "resolution:open", DEAD_LETTERS, with_payload=True)
    assert (row["id"], row["message"], row["traceback"]) == (str(letter.id), "token=***", "line 1\nline 2")
    assert not exported(form, "resolution:discarded", DEAD_LETTERS)
    (row,) = exported(form, "", DEAD_LETTERS)
    assert not row.get("traceback")


# --- Which rows -------------------------------------------------------------------------------------------------------


@FORMATS
@pytest.mark.parametrize("q", ["", "type:sample.noop", "status:completed"])
@pytest.mark.parametrize("are_few", [True, False])
def test_each_row_comes_once_the_newest_first(
    form: Format, q: str, are_few: bool, few_at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.paging.FEW", 100 if are_few else 3)
    now = database.now()
    made = [a_task(S.COMPLETED, created_at=now - timedelta(seconds=n // 2)) for n in range(7)]
    expected = sorted(made, key=lambda task: (task.finished_at if "status" in q else task.created_at, task.id))
    assert [row["id"] for row in exported(form, q)] == [str(task.id) for task in reversed(expected)]


@FORMATS
def test_nothing_is_a_file_as_well(form: Format) -> None:
    assert exported(form, "status:failed") == []


def test_what_is_submitted_meanwhile_makes_no_export_endless(few_at_once: None) -> None:
    made = [a_task(created_at=database.now() - timedelta(hours=1)) for _ in range(5)]
    export = Export(Selection(TASKS), Format.CSV, actor=None, with_payload=False)
    chunks = []
    for chunk in export.chunks():
        chunks.append(chunk)
        a_task()
    assert {row["id"] for row in READERS["csv"](b"".join(chunks))} == {str(task.id) for task in made}


def test_large_rows_come_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "FIRST", 2)
    monkeypatch.setattr(rows, "AIM", 10_000)
    for _ in range(6):
        a_task(payload={"text": "x" * 9_000})
    export = Export(Selection(TASKS), Format.JSON, actor=None, with_payload=True)
    assert max(map(len, list(export.chunks())[1:])) < 12_000


def test_a_read_that_fails_leaves_no_whole_file(few_at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        a_task()
    chunks = Export(Selection(TASKS), Format.JSON, actor=None, with_payload=False).chunks()
    first = next(chunks)

    def fails(*args: Any, **options: Any) -> Any:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(Cursor, "rows", fails)
    with pytest.raises(OperationalError):
        next(chunks)
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(first)


# --- Texts that would do harm -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1+1", "\uff1d1+1", "\n=1"])
def test_csv_has_no_formulas(text: str) -> None:
    a_task(name=text)
    assert [row["name"] for row in exported(Format.CSV)] == [f"'{text}"]


NASTY = {
    "=1+1": "=1+1",
    "https://example.com/": "https://example.com/",
    "<b>&amp;</b>": "<b>&amp;</b>",
    "<r><t>x</t></r>": "<r><t>x</t></r> ",  # which the library would take for markup of its own
    "a\x1b[31m\x07b": "a\\u001b[31m\\u0007b",
    "a\ufffe\uffffb": "a\ufffd\ufffdb",
    " kept ": " kept ",
    "\N{GRINNING FACE}": "\N{GRINNING FACE}",
    'a "b", c\nd': 'a "b", c\nd',
}


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_a_sheet_has_texts_as_they_are_and_no_more(text: str) -> None:
    a_task(name=text)
    assert [row["name"] for row in exported(Format.XLSX)] == [NASTY[text]]


def test_csv_and_json_obey_no_character_of_a_stored_text() -> None:
    a_task(name='a\x1b[31m\u202eb "c", d\ne')
    assert [row["name"] for row in exported(Format.CSV)] == ['a\\u001b[31m\\u202eb "c", d\ne']
    export = Export(Selection(TASKS), Format.JSON, actor=None, with_payload=False)
    content = b"".join(export.chunks())
    assert content.isascii()
    assert b"\x1b" not in content
    assert json.loads(content)[0]["name"] == 'a\x1b[31m\u202eb "c", d\ne'


def test_a_cell_of_a_sheet_is_cut_with_a_note_and_one_of_csv_is_not() -> None:
    a_task(payload={"text": "x" * 40_000})
    (row,) = exported(Format.XLSX, with_payload=True)
    assert len(row["payload"]) == 32_767
    assert row["payload"].endswith("x … cut here: 40,011 characters in all, which CSV and JSON have")
    (row,) = exported(Format.CSV, with_payload=True)
    assert len(row["payload"]) == 40_011


# --- What is refused, and what is noted -------------------------------------------------------------------------------


@pytest.mark.parametrize("meanwhile", [False, True])
def test_more_rows_than_a_sheet_holds_are_refused(meanwhile: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        a_task()
    monkeypatch.setattr(files, "XLSX_ROWS", 3)
    export = Export(Selection(TASKS), Format.XLSX, actor=None, with_payload=False)
    if meanwhile:  # they were fewer when it was looked
        monkeypatch.setattr(Export, "check", lambda self: None)
    with pytest.raises(InvalidSubmission, match="holds 3 rows, and more match: take CSV"):
        export.chunks()
    assert len(exported(Format.CSV)) == 4


@FORMATS
def test_a_wrong_search_is_refused_before_anything_is_read(
    form: Format, django_assert_num_queries: Callable[..., Any]
) -> None:
    with pytest.raises(InvalidSearch, match="there is no search word") as caught, django_assert_num_queries(0):
        Export(Selection(TASKS, "stautus:failed"), form, actor=None, with_payload=False).chunks()
    assert caught.value.errors


def test_the_audit_trail_tells_what_was_given_out_also_of_half_an_export(few_at_once: None) -> None:
    for _ in range(5):
        a_task()
    export = Export(Selection(TASKS, "queue:default"), Format.CSV, actor=None, with_payload=True)
    chunks = export.chunks()
    next(chunks)
    next(chunks)
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.kind, entry.count, entry.ids) == ("export", "task", 4, [])
    assert entry.after == {"selection": "tasks with search queue:default", "format": "csv", "with payloads": True}
    list(chunks)
    assert AuditEntry.objects.get().count == 5


@FORMATS
def test_the_number_of_queries_grows_with_batches_and_not_with_rows(
    form: Format, failed: Task, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for _ in range(30):
        a_task(S.COMPLETED)
    with django_assert_max_num_queries(14):
        assert len(exported(form, with_payload=True)) == 31

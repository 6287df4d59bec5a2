"""A task that splits its work: one task and one part file for each batch, however often it is attempted."""

import csv
import json
import uuid
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.handlers.data_processing import DataProcessing
from tasks.models import Task, TaskAttempt

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SOURCE = {"path": "in.csv", "dtypes": {"day": "date", "flag": "boolean"}}
ROWS = [
    (number, ("x", "y", "")[number % 3], f"2026-01-0{number % 2 + 1}", ("true", "false")[number % 2])
    for number in range(10)
]


@pytest.fixture
def split(root, process):
    (root / "in.csv").write_text("a,k,day,flag\n" + "".join(",".join(map(str, row)) + "\n" for row in ROWS))

    def run(batches, *steps, sink=None, **context):
        payload = {"source": SOURCE, "steps": list(steps), "sink": sink or {"path": "out.csv"}, "batches": batches}
        return process(payload, **context)

    return run


@pytest.fixture
def run_children(process):
    def run(result):
        tasks = {str(task.id): task for task in Task.objects.filter(id__in=result["children"])}
        return [process(tasks[each].payload, task_id=tasks[each].id) for each in result["children"]]

    return run


def column(path, name="a"):
    return [row[name] for row in csv.DictReader(path.read_text().splitlines())]


def test_so_many_rows_make_a_batch(root, split, run_children):
    result = split({"rows": 4}, {"op": "derive", "columns": {"b": "a * 2"}})
    assert result["batches"] == 3
    assert [each["rows_out"] for each in run_children(result)] == [4, 4, 2]
    assert sorted(path.name for path in (root / "out.csv").iterdir()) == [f"part-0000{n}.csv" for n in range(3)]
    parts = [column(root / f"out.csv/part-0000{number}.csv", "b") for number in range(3)]
    assert [int(cell) for part in parts for cell in part] == [row[0] * 2 for row in ROWS]


@pytest.mark.parametrize(
    ("by", "index", "values"),
    [("k", 1, ["x", "y", ""]), ("day", 2, ["2026-01-01", "2026-01-02"]), ("flag", 3, ["false", "true"])],
)
def test_each_value_makes_a_batch(root, split, run_children, by, index, values):
    result = split({"by": by})
    run_children(result)
    for number, value in enumerate(values):
        expected = [str(row[0]) for row in ROWS if row[index] == value]
        assert column(root / f"out.csv/part-{number:05d}.csv") == expected
    assert result["batches"] == len(values)


def test_numbers_are_split_in_their_order(root, process, run_children):
    (root / "in.csv").write_text("a,n\n1,10\n2,9\n3,10\n4,\n")
    result = process({"source": {"path": "in.csv"}, "sink": {"path": "out", "format": "jsonl"}, "batches": {"by": "n"}})
    run_children(result)
    assert [(root / f"out/part-0000{n}.jsonl").read_text().count("\n") for n in range(3)] == [1, 2, 1]
    assert '"a":2' in (root / "out/part-00000.jsonl").read_text()
    assert '"a":4' in (root / "out/part-00002.jsonl").read_text()


def test_a_repeated_attempt_submits_no_second_set(split):
    task_id = uuid.uuid4()
    first = split({"rows": 4}, task_id=task_id)
    again = split({"rows": 4}, task_id=task_id, attempt=2)
    assert again["children"] == first["children"]
    assert Task.objects.count() == 3
    assert set(Task.objects.values_list("idempotency_key", flat=True)) == {f"{task_id}:batch:{n}" for n in range(3)}
    assert split({"rows": 4})["children"] != first["children"]


def test_children_say_whose_they_are(split):
    task_id = uuid.uuid4()
    split({"rows": 6}, task_id=task_id)
    children = Task.objects.order_by("name")
    assert [(child.name, child.type, child.tags, child.created_by) for child in children] == [
        (f"batch {number} of 2", "data_processing", [f"batches:{task_id}"], None) for number in (1, 2)
    ]


def test_a_source_that_changed_is_not_mixed(root, split, run_children, failure_of):
    task_id = uuid.uuid4()
    result = split({"rows": 4}, task_id=task_id)
    (root / "in.csv").write_text("a,k,day,flag\n1,x,2026-01-01,true\n")
    child = Task.objects.get(id=result["children"][0])
    assert "has changed since it was split" in str(failure_of(child.payload))
    again = {"source": SOURCE, "sink": {"path": "out.csv"}, "batches": {"rows": 4}}
    failure = failure_of(again, task_id=task_id, attempt=2)
    assert "has changed since an earlier attempt submitted its batches" in str(failure)
    assert failure.retryable is False


def test_rejects_of_batches_are_part_files_too(root, split, run_children):
    step = {"op": "validate", "schema": {"properties": {"a": {"maximum": 5}}}, "rejects": {"path": "bad.jsonl"}}
    results = run_children(split({"rows": 4}, step))
    assert [each["validation"][0]["rejected"] for each in results] == [0, 2, 2]
    assert sorted(path.name for path in (root / "bad.jsonl").iterdir()) == [f"part-0000{n}.jsonl" for n in range(3)]


def test_the_parts_can_be_read_as_one(root, split, run_children, process, failure_of):
    result = split({"rows": 4})
    merge = {"source": result["parts"], "sink": {"path": "all.csv"}}
    failure = failure_of(merge)
    assert (str(failure), failure.retryable) == ("there is no file 'out.csv/part-00000.csv' below DATA_ROOT", True)
    run_children(result)
    process(merge)
    assert [int(cell) for cell in column(root / "all.csv")] == [row[0] for row in ROWS]


def test_one_more_task_merges_the_parts_when_all_are_there(root, split, run_children, process):
    task_id = uuid.uuid4()
    result = split({"rows": 4, "merge": {"path": "all.jsonl"}}, task_id=task_id)
    merge = Task.objects.get(id=result["merge"])
    assert (merge.status, merge.name) == ("blocked", "merge of 3")
    assert len(result["children"]) == result["batches"] == 3
    assert split({"rows": 4, "merge": {"path": "all.jsonl"}}, task_id=task_id, attempt=2) == result
    assert Task.objects.count() == 4
    run_children(result)
    process(merge.payload)
    assert [json.loads(line)["a"] for line in (root / "all.jsonl").read_text().splitlines()] == [r[0] for r in ROWS]


def test_parts_of_an_earlier_run_are_not_taken_for_ours(root, split, run_children, failure_of):
    run_children(split({"rows": 2}))
    payload = {"source": SOURCE, "sink": {"path": "out.csv"}, "batches": {"rows": 4}}
    assert "holds part-00003.csv of an earlier run" in str(failure_of(payload))
    assert Task.objects.count() == 5


def test_no_rows_make_one_batch(root, process, run_children):
    (root / "in.csv").write_text("a,b\n")
    for batches in ({"rows": 4}, {"by": "a"}):
        result = process({"source": {"path": "in.csv"}, "sink": {"path": "out.csv"}, "batches": batches})
        assert [each["rows_out"] for each in run_children(result)] == [0]
    assert (root / "out.csv/part-00000.csv").read_text() == "a,b\n"


def test_more_batches_than_there_may_be_are_refused(root, failure_of):
    (root / "in.csv").write_text("a,b\n" + "".join(f"{n},1\n" for n in range(501)))
    for batches in ({"rows": 1}, {"by": "a"}):
        failure = failure_of({"source": {"path": "in.csv"}, "sink": {"path": "out.csv"}, "batches": batches})
        assert "there would be more than 500" in str(failure)
    assert not Task.objects.exists()


def test_a_column_that_makes_no_batches_is_refused(root, failure_of):
    (root / "in.csv").write_text("a\n1.5\n")
    payload = {"source": {"path": "in.csv"}, "sink": {"path": "out.csv"}, "batches": {"by": "a"}}
    assert 'batches: the column "a" is of the type Float64' in str(failure_of(payload))
    payload["batches"] = {"by": "nope"}
    assert 'batches: the data has no column "nope"' in str(failure_of(payload))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"batches": {}}, ("batches",)),
        ({"batches": {"rows": 1, "by": "a"}}, ("batches",)),
        ({"batches": {"rows": 0}}, ("batches", "rows")),
        ({"batches": {"rows": 1, "merge": {"path": "in.csv"}}}, ("batches", "merge", "path")),
        ({"batches": {"rows": 1, "merge": {"path": "out.csv"}}}, ("batches", "merge", "path")),
        ({"sink": None}, ("sink",)),
        ({"source": {"rows": [{"a": 1}]}}, ("batches",)),
        ({"source": {"path": "in.csv", "parts": 3}}, ("batches",)),
        ({"batch": {"number": 0, "of": 1, "version": "x"}}, ("batch",)),
        ({"batch": {"number": 0, "of": 1, "version": "x", "by": "a"}}, ("batch",)),
    ],
)
def test_a_mistake_is_found_at_its_path(change, path):
    payload = {"source": {"path": "in.csv"}, "sink": {"path": "out.csv"}, "batches": {"rows": 4}} | change
    with pytest.raises(ValidationError) as raised:
        DataProcessing.model_validate(payload)
    assert path in [error["loc"] for error in raised.value.errors()]


def test_links_do_not_lead_the_parts_outside(root, split, failure_of):
    (root / "out.csv").symlink_to(root.parent)
    with pytest.raises(Exception, match="outside DATA_ROOT"):
        split({"rows": 4})
    assert not Task.objects.exists()
    assert {path.name for path in root.parent.iterdir()} == {"data", "secret.csv"}


@pytest.mark.django_db(transaction=True)
def test_a_pool_process_splits_executes_and_merges(root, start_process):
    worker = start_process()
    (root / "in.csv").write_text("a\n" + "".join(f"{number}\n" for number in range(10)))
    batches = {"rows": 4, "merge": {"path": "all.csv"}}
    payload = {"source": {"path": "in.csv"}, "sink": {"path": "parts", "format": "parquet"}, "batches": batches}
    parent = worker.run("data_processing", payload)
    assert parent.status == "completed"
    result: Any = TaskAttempt.objects.get(task_id=parent.id).result

    def execute(*ids):
        # What the dispatcher does; this process takes from one queue only.
        assert Task.objects.filter(id__in=ids, status="pending").update(status="queued", queue="default") == len(ids)
        worker.take(*[uuid.UUID(each) for each in ids])
        worker.settle()
        assert set(Task.objects.filter(id__in=ids).values_list("status", flat=True)) == {"completed"}

    assert Task.objects.get(id=result["merge"]).status == "blocked"
    execute(*result["children"])
    execute(result["merge"])
    assert column(root / "all.csv") == [str(number) for number in range(10)]

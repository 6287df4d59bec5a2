import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.exceptions import TaskFailed
from tasks.handlers.data_processing import DataProcessing
from tasks.handlers.data_processing.files import NewFile, open_source
from tasks.states import FailureCategory

ROWS = {"rows": [{"a": 1}]}


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../secret.csv", "in/../../secret.csv", "..", ".", "", "in/", "a\x00.csv", "a\n.csv", "x" * 300],
)
@pytest.mark.parametrize("place", ["source", "sink"])
def test_a_path_that_is_none_below_the_root_is_refused_at_submit(place, path):
    payload = {"source": ROWS} | {place: {"path": path, "format": "csv"}}
    with pytest.raises(ValidationError) as raised:
        DataProcessing.model_validate(payload)
    assert raised.value.errors()[0]["loc"] == (place, "path")


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/hostname", "in/../../secret.csv"])
def test_opening_does_not_rely_on_the_check_at_submit(root, path):
    with pytest.raises(TaskFailed, match="outside DATA_ROOT"):
        open_source(path)
    with pytest.raises(TaskFailed, match="outside DATA_ROOT"):
        NewFile(path, draft="draft", leftovers=[]).__enter__()


def test_a_link_that_leads_outside_is_not_read(root, failure_of):
    (root / "in.csv").symlink_to(root.parent / "secret.csv")
    (root / "in").symlink_to(root.parent)
    for path in ("in.csv", "in/secret.csv"):
        failure = failure_of({"source": {"path": path}})
        assert (failure.category, failure.retryable) == (FailureCategory.INVALID_PAYLOAD, False)
        assert "outside DATA_ROOT" in str(failure)


def test_a_link_that_leads_outside_is_not_written(root, failure_of):
    (root / "out.csv").symlink_to(root.parent / "secret.csv")
    (root / "out").symlink_to(root.parent)
    for path in ("out.csv", "out/new.csv"):
        assert "outside DATA_ROOT" in str(failure_of({"source": ROWS, "sink": {"path": path}}))
    assert (root.parent / "secret.csv").read_text() == "word\nswordfish\n"
    assert not (root.parent / "new.csv").exists()


def test_a_link_that_stays_inside_is_followed(root, process):
    (root / "deep").mkdir()
    (root / "deep/real.csv").write_text("a\n7\n")
    (root / "in.csv").symlink_to("deep/real.csv")
    (root / "out").symlink_to("deep")
    process({"source": {"path": "in.csv"}, "sink": {"path": "out/copy.csv"}})
    assert (root / "deep/copy.csv").read_text() == "a\n7\n"


def test_a_circle_of_links_is_refused(root, failure_of):
    (root / "a.csv").symlink_to("b.csv")
    (root / "b.csv").symlink_to("a.csv")
    assert "leads nowhere" in str(failure_of({"source": {"path": "a.csv"}}))


def test_a_folder_swapped_for_a_link_after_the_check_is_not_entered(root, monkeypatch):
    (root / "in").mkdir()
    (root / "in/secret.csv").write_text("word\nharmless\n")
    from tasks.handlers.data_processing import files

    located = files._located

    def swapping(path):
        parts = located(path)
        (root / "in").rename(root / "was")
        (root / "in").symlink_to(root.parent)
        return parts

    monkeypatch.setattr(files, "_located", swapping)
    with pytest.raises(TaskFailed):
        open_source("in/secret.csv")


@pytest.mark.timeout(10)
def test_what_is_no_plain_file_is_refused_and_never_waited_for(root, failure_of, monkeypatch):
    os.mkfifo(root / "fifo.csv")
    (root / "folder.csv").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(root)
        server.bind("socket.csv")
    for name in ("fifo.csv", "folder.csv", "socket.csv"):
        failure = failure_of({"source": {"path": name}})
        assert name in str(failure)
        failure = failure_of({"source": ROWS, "sink": {"path": name}})
        assert "no plain file" in str(failure)
        assert failure.retryable is False


def test_a_missing_source_is_tried_again_because_it_may_arrive(failure_of):
    for path in ("absent.csv", "no/such/folder/in.parquet"):
        failure = failure_of({"source": {"path": path}})
        assert (failure.category, failure.retryable) == (FailureCategory.INVALID_PAYLOAD, True)
        assert f"there is no file '{path}'" in str(failure)


def test_a_file_in_the_place_of_a_folder_is_a_mistake(root, failure_of):
    (root / "in.csv").write_text("a\n1\n")
    assert failure_of({"source": {"path": "in.csv/x.csv"}}).retryable is False


def test_names_that_look_like_patterns_mean_themselves(root, process):
    for name in ("a[1].csv", "*.csv", "a?.jsonl", "x*.parquet"):
        process({"source": {"rows": [{"name": name}]}, "sink": {"path": name}})
    (root / "a1.csv").write_text("name\nwrong\n")
    (root / "ab.jsonl").write_text('{"name": "wrong"}\n')
    for name in ("a[1].csv", "*.csv", "a?.jsonl", "x*.parquet"):
        assert process({"source": {"path": name}})["rows"] == [{"name": name}]


def test_folders_are_made_and_only_the_whole_file_is_left(root, process):
    process({"source": ROWS, "sink": {"path": "new/deep/out.csv"}})
    assert [path.name for path in (root / "new/deep").iterdir()] == ["out.csv"]


def test_an_older_file_is_replaced(root, process):
    (root / "out.csv").write_text("old")
    process({"source": ROWS, "sink": {"path": "out.csv"}})
    assert (root / "out.csv").read_text() == "a\n1\n"


def test_a_failure_leaves_the_older_file_and_no_draft(root, failure_of):
    (root / "out.csv").write_text("old")
    steps = [{"op": "derive", "columns": {"b": "CAST(a AS INT)"}}]
    failure_of({"source": {"rows": [{"a": "x"}]}, "steps": steps, "sink": {"path": "out.csv"}})
    assert {path.name: path.read_text() for path in root.iterdir()} == {"out.csv": "old"}


def test_an_attempt_removes_what_killed_ones_left(root, process):
    task_id = "3f0c8f8e-6c51-4d7e-9a5e-0d5b6f7c8d9e"
    for attempt in (1, 2):
        (root / f".taskyard-{task_id}-{attempt}.part").write_text("half")
    process({"source": ROWS, "sink": {"path": "out.csv"}}, task_id=task_id, attempt=3)
    assert [path.name for path in root.iterdir()] == ["out.csv"]


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_the_sink_may_not_be_a_source_under_another_name(root, failure_of, link):
    (root / "in.csv").write_text("a\n1\n")
    link(root / "in.csv", root / "other.csv")
    failure = failure_of({"source": {"path": "in.csv"}, "sink": {"path": "other.csv"}})
    assert "is one of the sources" in str(failure)
    assert (root / "in.csv").read_text() == "a\n1\n"


def open_paths() -> list[Path]:
    found = []
    for descriptor in os.listdir("/dev/fd"):
        with suppress(OSError):  # the one that lists them
            found.append(Path(f"/dev/fd/{descriptor}").readlink())
    return found


def test_no_descriptor_stays_open(root, process, failure_of):
    (root / "in.csv").write_text("a\n1\n")
    payload = {"source": {"path": "in.csv"}, "sink": {"path": "out.csv"}}
    broken = payload | {"steps": [{"op": "select", "columns": ["nope"]}]}
    late = payload | {"steps": [{"op": "derive", "columns": {"b": "CAST('x' || a AS INT)"}}]}
    for _ in range(3):
        process(payload)
        failure_of(broken)
        failure_of(late)
    # After a failure Polars' own threads let go of a file a moment after its query has ended.
    until = time.monotonic() + 5
    while (left := [path for path in open_paths() if path.is_relative_to(root)]) and time.monotonic() < until:
        time.sleep(0.01)
    assert left == []

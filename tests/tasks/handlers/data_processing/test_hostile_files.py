"""Files that lie, overflow or are not what they are called: a clear error, or every row; never a guess in silence."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.exceptions import TaskFailed
from tasks.handlers.data_processing.files import open_source
from tasks.states import FailureCategory

BASE = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.csv", b"a,b,c\n1,2,3\n1,2\n", 'line 3 has 2 fields, and the first has 3; with "short_rows": "fill"'),
        ("in.csv", b'a,b,c\n1,"x,\ny",3\n1,2\n', "line 4 has 2 fields"),
        ("in.csv", b"a,b\n1,2\n1,2,3\n", "line 3 has 3 fields, and the first has 2"),
        ("in.csv", b"a,b\n1,2\n\n3,4\n", "line 3 has 0 fields"),
        ("in.csv", b"a,b\n1,2\n3", "line 3 has 1 fields"),
        ("in.csv", b"a,b,a\n1,2,3\n", 'the header names the column "a" 2 times'),
        ("in.csv", "a,b\n1,2\n".encode("utf-16"), "this may be UTF-16"),
        ("in.csv", "a,b\n1,größe\n".encode("latin-1"), "text files must be in UTF-8"),
        ("in.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), "the file is compressed (gzip): unpack it first"),
        ("in.jsonl", gzip.compress(b'{"a": 1}\n' * 1_000_000, mtime=0), "the file is compressed (gzip)"),
        ("in.csv", zlib.compress(b"a,b\n1,2\n"), "the file is compressed (zlib)"),
        ("in.jsonl", b'\xef\xbb\xbf{"a": 1}\n', "remove its first three bytes"),
        ("in.csv", b"PAR1....", "the file is Parquet"),
        ("in.csv", b'a,b\n5" pipe,2\n', "CSV malformed"),
        ("in.csv", b"", "empty CSV"),
        ("in.jsonl", b"", "empty"),
        ("in.parquet", b"", "parquet"),
        ("in.parquet", b"PAR1" + b"\xff" * 64 + b"\xff\xff\xff\x7fPAR1", "parquet"),
    ],
)
def test_a_file_is_refused_with_its_name_and_the_place(root, failure_of, name, content, message):
    (root / name).write_bytes(content)
    failure = failure_of({"source": {"path": name}, "sink": {"path": "out.csv"}})
    assert message in str(failure)
    assert name in str(failure)
    assert (failure.category, failure.retryable) == (FailureCategory.INVALID_PAYLOAD, False)
    assert [path.name for path in root.iterdir()] == [name]


def test_what_is_unusual_but_right_is_read(root, process):
    cases = {
        b"\xef\xbb\xbfa,b\n1,2\n": [{"a": 1, "b": 2}],
        b'a,b\r\n"x,""y""\r\nz",2\r\n': [{"a": 'x,"y"\r\nz', "b": 2}],
        b"a\n1\n2": [{"a": 1}, {"a": 2}],
    }
    for content, rows in cases.items():
        (root / "in.csv").write_bytes(content)
        assert process({"source": {"path": "in.csv"}})["rows"] == rows
    (root / "in.csv").write_bytes(b"a,b\n1\n")
    assert process({"source": {"path": "in.csv", "short_rows": "fill"}})["rows"] == [{"a": 1, "b": None}]
    (root / "in.csv").write_bytes(b"a,a\n1,2\n")
    assert process({"source": {"path": "in.csv", "columns": ["x", "y"]}})["rows"] == [{"x": 1, "y": 2}]


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_a_line_of_ten_megabytes_goes_through(root, process, name):
    text = "x" * 10_000_000
    (root / name).write_text(f"a,b\n1,{text}\n2,y\n" if name == "in.csv" else json.dumps({"a": 1, "b": text}) + "\n")
    process({"source": {"path": name}, "steps": [{"op": "filter", "where": "a = 1"}], "sink": {"path": "out.parquet"}})
    assert pl.read_parquet(root / "out.parquet")["b"].str.len_bytes().to_list() == [10_000_000]


def test_a_column_that_appears_late_in_json_lines_is_read_where_it_is_named(root, process):
    (root / "in.jsonl").write_text('{"a": 1}\n' * 10_001 + '{"a": 2, "b": "7"}\n')
    last = [{"op": "filter", "where": "a = 2"}]
    assert process({"source": {"path": "in.jsonl", "dtypes": {"b": "string"}}, "steps": last})["rows"] == [
        {"a": 2, "b": "7"}
    ]


@pytest.mark.timeout(60)
def test_a_parquet_file_with_damaged_bytes_ends_in_its_rows_or_in_an_error(root, process):
    pl.DataFrame({"a": range(5_000), "s": ["word"] * 5_000}).write_parquet(root / "in.parquet", row_group_size=1_000)
    good = (root / "in.parquet").read_bytes()
    ended = Counter[str]()
    for position in range(4, len(good), max(1, len(good) // 60)):
        (root / "in.parquet").write_bytes(good[:position] + bytes([good[position] ^ 0x5A]) + good[position + 1 :])
        try:
            process({"source": {"path": "in.parquet"}, "sink": {"path": "out.jsonl"}})
            ended["rows"] += 1
            (root / "out.jsonl").unlink()
        except TaskFailed as failure:
            ended["error" if "in.parquet" in str(failure) else "nameless"] += 1
        assert [path.name for path in root.iterdir()] == ["in.parquet"]
    assert ended["error"] > 5
    assert ended["nameless"] == 0


def test_the_root_itself_may_be_a_link(root, process, settings):
    link = root.parent / "link"
    link.symlink_to(root)
    settings.DATA_ROOT = link
    process({"source": {"rows": [{"a": 1}]}, "sink": {"path": "deep/out.csv"}})
    assert (root / "deep/out.csv").read_text() == "a\n1\n"
    assert process({"source": {"path": "deep/out.csv"}})["rows"] == [{"a": 1}]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_no_file(root, failure_of):
    os.mknod(root / "zero.csv", 0o020666, os.makedev(1, 5))
    assert failure_of({"source": {"path": "zero.csv"}}).category == FailureCategory.INVALID_PAYLOAD


def test_a_link_put_in_place_of_the_file_after_the_check_is_not_followed(root, monkeypatch):
    from tasks.handlers.data_processing import files

    (root / "in.csv").write_text("word\nharmless\n")
    located = files._located

    def swapping(path):
        parts = located(path)
        (root / "in.csv").unlink()
        (root / "in.csv").symlink_to(root.parent / "secret.csv")
        return parts

    monkeypatch.setattr(files, "_located", swapping)
    with pytest.raises(TaskFailed):
        open_source("in.csv")


FULL = """
import json, resource, sys, uuid
import django
django.setup()
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
from tasks import registry
from tasks.context import TaskContext
from tasks.exceptions import TaskFailed

handler = registry.get("data_processing")
said = []
for payload in json.loads(sys.argv[1]):
    ctx = TaskContext(task_id=uuid.uuid4(), type="data_processing", attempt=1, timeout=100)
    try:
        said.append(str(handler.function(ctx, handler.payload.model_validate(payload))))
    except TaskFailed as failure:
        said.append([failure.category, failure.retryable, str(failure)])
print(json.dumps(said))
"""


@pytest.mark.timeout(60)
def test_where_there_is_no_space_the_task_fails_and_leaves_nothing(root):
    """The limit of a file's size stands for a full disk: writes fail half-way, as they do there."""
    words = (hashlib.sha256(b"%d" % number).hexdigest() for number in range(20_000))
    (root / "in.csv").write_text("a,b\n" + "".join(f"{number},{word}\n" for number, word in enumerate(words)))
    source = {"path": "in.csv"}
    refused = {"op": "validate", "schema": {"properties": {"a": {"maximum": -1}}}, "rejects": {"path": "rejects.csv"}}
    payloads: list[dict[str, Any]] = [
        {"source": source, "sink": {"path": f"out.{kind}"}} for kind in ("csv", "jsonl", "parquet")
    ]
    payloads.append({"source": source, "steps": [refused, {"op": "limit", "rows": 1}], "sink": {"path": "good.csv"}})
    done = subprocess.run(
        [sys.executable, "-c", FULL, json.dumps(payloads)],
        cwd=BASE,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATA_ROOT": str(root)},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    for category, retryable, message in json.loads(done.stdout):
        assert (category, retryable) == ("code_error", None)  # there may be space the next time
        assert "File too large" in message
        assert message.startswith(("sink (out.", "steps[0] (validate).rejects: "))
    assert [path.name for path in root.iterdir()] == ["in.csv"]

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tasks.exceptions import CancelRequested, Interrupted

pytestmark = pytest.mark.embedded  # real programs or much data

# 400 million million rows, none of which gets through: without an interruption this outlasts the test's timeout.
ENDLESS = {
    "source": {"rows": [{"a": number} for number in range(1_000)]},
    "steps": [
        *(
            {"op": "join", "how": "cross", "suffix": f"_{turn}", "with": {"rows": [{"a": n} for n in range(1_000)]}}
            for turn in range(4)
        ),
        {"op": "filter", "where": "a + a_0 + a_1 + a_2 + a_3 < 0"},
    ],
}


@contextmanager
def interrupted() -> Iterator[None]:
    """Interrupts the block after 0.3 s, as the engine's alarm does, and holds that it ends soon after."""

    def on_alarm(number, frame):
        raise Interrupted("by the test")

    before = signal.signal(signal.SIGALRM, on_alarm)
    began = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(Interrupted):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < 0.3 + 0.7


def wait_for_queries_to_end() -> None:
    """Holds that Polars gives up as well, soon after the task did."""
    deadline = time.monotonic() + 2
    while any(thread.name == "data_processing" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "the query goes on without its task"
        time.sleep(0.01)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("sink", [None, {"path": "out.csv"}, {"path": "out.jsonl"}, {"path": "out.parquet"}])
def test_a_signal_ends_a_long_query_and_leaves_no_file(root, process, sink):
    with interrupted():
        process(ENDLESS | {"sink": sink})
    wait_for_queries_to_end()
    assert list(root.iterdir()) == []
    busy = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - busy < 0.1  # Polars' own threads have stopped as well


@pytest.mark.timeout(20)
def test_a_long_read_ends_in_the_same_way(root, process):
    with (root / "in.csv").open("w") as file:
        file.write("a,b\n")
        for _ in range(60):
            file.write("1,some words to parse\n" * 100_000)
    payload = {"source": {"path": "in.csv"}, "steps": [{"op": "aggregate", "metrics": {"n": "max(b)"}}]}
    with interrupted():
        for _ in range(1_000):  # however fast the machine is
            process(payload)
    wait_for_queries_to_end()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("keys", [{"how": "cross"}, {"how": "left", "on": ["k"]}])
def test_a_join_whose_rows_are_all_filtered_away_ends_in_the_same_way(root, process, keys):
    (root / "in.csv").write_text("k,a\n" + "".join(f"1,{n}\n" for n in range(150_000)))
    (root / "other.csv").write_text("k,a\n" + "".join(f"1,{n}\n" for n in range(150_000)))
    steps = [
        {"op": "join", "with": {"path": "other.csv"}, **keys},
        {"op": "filter", "where": "a + a_right < 0"},
    ]
    with interrupted():
        process({"source": {"path": "in.csv"}, "steps": steps})
    wait_for_queries_to_end()


@pytest.mark.timeout(20)
def test_a_request_to_cancel_ends_a_long_query(root, process):
    began = time.monotonic()
    with pytest.raises(CancelRequested):
        process(ENDLESS | {"sink": {"path": "out.csv"}}, is_cancelled=lambda: time.monotonic() - began > 0.3)
    assert time.monotonic() - began < 0.3 + 0.7
    wait_for_queries_to_end()
    assert list(root.iterdir()) == []


@pytest.mark.timeout(20)
def test_a_long_query_reports_progress(process):
    said = []
    began = time.monotonic()
    with pytest.raises(CancelRequested):
        process(
            ENDLESS,
            write_progress=lambda fraction, text: said.append(text),
            is_cancelled=lambda: time.monotonic() - began > 1.3,
        )
    assert any("rows after 1 s" in text for text in said)


@pytest.mark.timeout(60)
def test_a_process_that_has_checked_payloads_may_fork(settings):
    """The web and a worker's parent do: had they run a query, Polars in the child would wait for ever."""
    script = """
import os, signal, sys
import django
django.setup()
from tasks import registry
handler = registry.get("data_processing")
assert "polars" not in sys.modules, "importing the handlers imports Polars"
payload = {"source": {"rows": [{"a": 1}]}, "steps": [{"op": "derive", "columns": {"b": "a + 1"}}]}
checked = handler.payload.model_validate(payload)
assert "polars" in sys.modules
child = os.fork()
if not child:
    signal.alarm(10)
    import uuid
    from tasks.context import TaskContext
    ctx = TaskContext(task_id=uuid.uuid4(), type="data_processing", attempt=1, timeout=60)
    os._exit(0 if handler.function(ctx, checked)["rows"] == [{"a": 1, "b": 2}] else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# Each of the rows asks the schema millions of questions: without an interruption this outlasts the test's timeout.
_DOUBLING = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(30)}
JUDGING = {
    "source": {"rows": [{"a": number} for number in range(100)]},
    "steps": [
        {
            "op": "validate",
            "schema": {"$ref": "#/$defs/d0", "$defs": _DOUBLING | {"d30": {}}},
            "rejects": {"path": "rejects.csv"},
        }
    ],
    "sink": {"path": "out.csv"},
}


@pytest.mark.timeout(20)
def test_a_signal_ends_the_judging_of_a_single_row(root, process):
    with interrupted():
        process(JUDGING)
    wait_for_queries_to_end()
    assert list(root.iterdir()) == []


@pytest.mark.timeout(20)
def test_a_request_to_cancel_ends_the_judging_of_a_single_row(root, process):
    began = time.monotonic()
    with pytest.raises(CancelRequested):
        process(JUDGING, is_cancelled=lambda: time.monotonic() - began > 0.3)
    wait_for_queries_to_end()
    assert list(root.iterdir()) == []

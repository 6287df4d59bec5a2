"""What bench/compare prints and writes."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.comparing import report
from bench.comparing.judging import Record

ABOUT: dict[str, Any] = {
    "tasks": 10_000,
    "tasks_embedded": 2_000,
    "repeat": 1,
    "versions": {"celery": "5.7.0"},
    "titles": {"taskyard": "Taskyard", "celery": "bare Celery"},
    "machine": {
        "cores": 2,
        "memory_gib": 4.0,
        "python": "3.11",
        "database": "PostgreSQL 15",
        "broker": "RabbitMQ 3.10",
        "commit": "abc",
        "load_before": 0.1,
    },
}
RECORDS = [
    Record("full", "taskyard", "work", 1, 3.0, 0.2, {"drain_one": 6_000.0, "drain_bulk": 4_000.0}),
    Record("full", "celery", "work", 1, 9.0, 1.9, {"drain_one": 2_000.0, "drain_bulk": 2_000.0}),
]


def shown(records: list[Record]) -> str:
    text = io.StringIO()
    report.show(Console(file=text, width=200), records, ABOUT)
    return text.getvalue()


def test_the_table_has_the_figures_the_ratios_and_the_verdicts() -> None:
    lines = shown(RECORDS).splitlines()
    (drain,) = [line for line in lines if "drain, submitted one by one" in line and "tasks/s" in line]
    assert "6,000" in drain
    assert "2,000 (3.00)" in drain
    (missed,) = [line for line in lines if "drain, submitted in bulk ÷ celery" in line]
    assert "≥ 3 times" in missed
    assert "2.00 times" in missed
    assert "missed" in missed
    assert "0.2 to 1.9" in "".join(lines)


def test_figures_that_nobody_measured_have_no_line() -> None:
    assert "HTTP" not in shown(RECORDS)


def test_the_json_holds_every_round_and_gives_it_back(tmp_path: Path) -> None:
    file = tmp_path / "compare.json"
    report.write_json(file, RECORDS, ABOUT)
    records, about = report.read_json(file)
    assert records == RECORDS
    assert about["titles"] == ABOUT["titles"]
    assert [floor["passed"] for floor in json.loads(file.read_text())["floors"]] == [False, True]


@pytest.mark.parametrize(("value", "text"), [(12_345.6, "12,346"), (99.94, "99.9"), (9.876, "9.88")])
def test_numbers_say_three_digits(value: float, text: str) -> None:
    assert report.number(value) == text

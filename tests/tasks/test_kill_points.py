"""Kill points: nothing in operation, one signal for one process where a test armed one."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.kill_points import KillPoint, reached


@pytest.fixture
def signals() -> Iterator[list[int]]:
    """The signals that came."""
    came: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: came.append(number))
    yield came
    signal.signal(signal.SIGUSR1, before)


def test_an_armed_point_sends_its_signal_once(tmp_path: Path, settings: Any, signals: list[int]) -> None:
    settings.KILL_POINTS = str(tmp_path)
    (tmp_path / KillPoint.MARKED).write_text(str(int(signal.SIGUSR1)))
    reached(KillPoint.SENT)
    assert signals == []
    reached(KillPoint.MARKED)
    reached(KillPoint.MARKED)
    assert signals == [signal.SIGUSR1]
    assert [path.name for path in tmp_path.iterdir()] == [f"marked.{os.getpid()}"]


def test_nothing_is_armed_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signals: list[int]) -> None:
    (tmp_path / KillPoint.MARKED).write_text(str(int(signal.SIGUSR1)))
    monkeypatch.chdir(tmp_path)
    reached(KillPoint.MARKED)
    assert signals == []

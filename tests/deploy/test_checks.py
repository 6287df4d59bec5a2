"""What bin/up looks at before it starts anything: each fault is one line that says what to do."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from deploy.local import checks
from deploy.local.checks import CannotStart


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def test_the_home_is_made_with_what_the_processes_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKYARD_HOME", str(tmp_path / "new" / "home"))
    home = checks.home()
    assert home == tmp_path / "new" / "home"
    assert {path.name for path in home.iterdir()} >= {"log", "data"}
    assert checks.home() == home


def test_a_home_that_cannot_be_made_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKYARD_HOME", "/dev/null/home")
    with pytest.raises(CannotStart, match=r"^TASKYARD_HOME=/dev/null/home cannot be used: Not a directory$"):
        checks.home()


def test_ports_are_taken_as_given(free_ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", str(free_ports[0]))
    monkeypatch.setenv("FLOWER_PORT", str(free_ports[1]))
    assert checks.ports() == free_ports


@pytest.mark.parametrize("name", ["PORT", "FLOWER_PORT"])
@pytest.mark.parametrize("value", ["web", "0", "65536", "-1", "80.5", "²", "9" * 5_000])
def test_what_is_no_port_is_said(
    name: str, value: str, free_ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", str(free_ports[0]))
    monkeypatch.setenv(name, value)
    with pytest.raises(CannotStart) as caught:
        checks.ports()
    assert str(caught.value) == f"{name}={value!r} is not a port (1 to 65535)"


def test_a_port_in_use_is_said_with_what_to_do(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", str(taken_port))
    with pytest.raises(CannotStart, match=rf"^port {taken_port} cannot be used \(.+\): set PORT to another one$"):
        checks.ports()


def test_two_ports_are_two(free_ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", str(free_ports[0]))
    monkeypatch.setenv("FLOWER_PORT", str(free_ports[0]))
    with pytest.raises(CannotStart, match=f"^PORT and FLOWER_PORT are both {free_ports[0]}$"):
        checks.ports()


def test_one_run_has_the_folder(tmp_path: Path) -> None:
    said = re.escape(f"Taskyard already runs from {tmp_path}: set TASKYARD_HOME to another folder")
    with checks.only_one(tmp_path), pytest.raises(CannotStart, match=said):
        checks.only_one(tmp_path).__enter__()
    with checks.only_one(tmp_path):
        pass


def test_tasks_may_reach_the_installation_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"HTTP_ALLOWED_PRIVATE_HOSTS": "10.0.0.1,,127.0.0.1:8765", "OTHER": "1"})
    checks.prepare_environment(tmp_path, 8765, 8766)
    assert os.environ["HTTP_BASE_URL"] == "http://127.0.0.1:8765"
    assert os.environ["HTTP_ALLOWED_PRIVATE_HOSTS"] == "10.0.0.1,127.0.0.1:8765"
    assert os.environ["TASKYARD_HOME"] == str(tmp_path)


def test_a_base_url_of_ones_own_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"HTTP_BASE_URL": "https://taskyard.example.com"})
    checks.prepare_environment(tmp_path, 8765, 8766)
    assert os.environ["HTTP_BASE_URL"] == "https://taskyard.example.com"


@pytest.mark.django_db
def test_a_database_that_answers_is_no_fault() -> None:
    checks.database()
    assert connection.is_usable()

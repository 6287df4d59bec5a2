"""What bin/up starts: supervisord's configuration, read back by supervisord itself."""

import os
import shlex
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions

from deploy.local import processes
from tasks.models import Queue

pytestmark = pytest.mark.django_db

FOLDERS = [
    "plain",
    "two words",
    "100%",
    "%(here)s",
    "it's",
    'say "hi"',
    "back\\slash",
    "a;b",
    "a ; b",
    "a#b",
    "a # b",
    "größe",
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path


def programs(home: Path) -> dict[str, Any]:
    """Writes the configuration and returns its programs as supervisord understands them."""
    config = processes.write_config(home, web_port=8765, flower_port=5432)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for name, value in processes.supervisor_variables().items():
            patch.setenv(name, value)
        options = ServerOptions()
        options.realize(["-c", str(config)])
        assert options.logfile == str(home / "log" / "supervisord.log")
        assert options.pidfile == str(home / "supervisord.pid")
        (group,) = options.process_group_configs
        for each in group.process_configs:
            assert Path(each.stdout_logfile).absolute() == home / "log" / f"{each.name}.log"
    return {each.name: each for each in sorted(group.process_configs, key=lambda each: each.name)}


def words(program: Any) -> list[str]:
    return shlex.split(program.command)


# --- Which processes --------------------------------------------------------------------------------------------------


def test_in_embedded_mode_one_worker_listens_to_everything(home: Path, settings: Any) -> None:
    settings.EMBEDDED_BROKER, settings.WORKER_CONCURRENCY, settings.BROKER_NAMESPACE = True, 2, "ns"
    found = programs(home)
    assert list(found) == sorted(processes.names())
    assert list(found) == ["beat", "coordinator", "flower", "web", "worker"]
    worker = words(found["worker"])
    queues = worker[worker.index("-Q") + 1].split(",")
    assert {"ns.default.plain", "ns.default.async", "ns.http.async", "ns.data.plain", "ns.celery"} <= set(queues)
    assert len(queues) == 2 * Queue.objects.count() + 1
    assert worker[worker.index("-c") + 1] == "2"


def test_with_a_broker_each_kind_has_its_worker(home: Path, settings: Any) -> None:
    settings.EMBEDDED_BROKER, settings.WORKER_CONCURRENCY, settings.BROKER_NAMESPACE = False, 5, "ns"
    found = programs(home)
    assert list(found) == sorted(processes.names())
    assert list(found) == ["async", "beat", "coordinator", "flower", "plain", "web"]
    for kind, concurrency, ordinary in (("plain", "5", True), ("async", "2", False)):
        worker = words(found[kind])
        queues = worker[worker.index("-Q") + 1].split(",")
        assert ("ns.celery" in queues) == ordinary
        assert {queue.rpartition(".")[2] for queue in queues} - {"celery"} == {kind}
        assert worker[worker.index("-c") + 1] == concurrency


def test_a_queue_that_was_made_is_listened_to(home: Path, settings: Any) -> None:
    settings.EMBEDDED_BROKER = True
    Queue.objects.create(name="my-own")
    assert ".my-own.plain" in programs(home)["worker"].command


def test_ports_and_ends_are_as_asked(home: Path) -> None:
    found = programs(home)
    web, flower = words(found["web"]), words(found["flower"])
    assert web[web.index("--port") + 1] == "8765"
    assert web[web.index("--host") + 1] == "127.0.0.1"
    assert "--port=5432" in flower
    assert "--address=127.0.0.1" in flower
    assert {each.stopwaitsecs for each in found.values()} == {processes.STOP_SECONDS}
    assert found["web"].environment["DATABASE_POOL"] == "true"


# --- Quoting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_may_have_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, root = tmp_path / name / "run", tmp_path / name
    (home / "log").mkdir(parents=True)
    monkeypatch.setattr(processes, "ROOT", root)
    monkeypatch.setattr(processes, "BIN", root / ".venv" / "bin")
    found = programs(home)
    assert len(found) == len(processes.names())
    for program in found.values():
        assert program.directory == str(root)
        assert words(program)[0].startswith(str(root / ".venv" / "bin") + os.sep)


def test_the_node_names_reach_celery_as_it_writes_them(home: Path, settings: Any) -> None:
    settings.EMBEDDED_BROKER = True
    worker = words(programs(home)["worker"])
    assert worker[worker.index("-n") + 1] == "worker@%h"


# --- Flower's password ------------------------------------------------------------------------------------------------


def test_flowers_password_is_made_once_and_is_nobody_elses(home: Path) -> None:
    first = programs(home)["flower"].environment["FLOWER_BASIC_AUTH"]
    password = (home / "flower_password").read_text()
    assert first == f"flower:{password}"
    assert len(password) >= 12
    assert programs(home)["flower"].environment["FLOWER_BASIC_AUTH"] == first
    for name in ("flower_password", "supervisord.conf"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("password", ["100%", "back\\slash", "%(here)s", "a,b=c", "it's"])
def test_a_password_of_ones_own_reaches_flower_whole(password: str, home: Path) -> None:
    (home / "flower_password").write_text(password)
    assert programs(home)["flower"].environment["FLOWER_BASIC_AUTH"] == f"flower:{password}"


# --- When it does not start, or has to end ----------------------------------------------------------------------------


def test_the_end_of_each_log_is_shown(home: Path) -> None:
    (home / "log" / "web.log").write_text("".join(f"line {number}\n" for number in range(100)))
    (home / "log" / "beat.log").write_bytes(b"\xff\n")
    (home / "log" / "worker.log").touch()
    shown = processes.newest_log_lines(home, lines=2)
    assert shown == f"--- {home}/log/beat.log\n\ufffd\n--- {home}/log/web.log\nline 98\nline 99"


def test_a_process_is_killed_with_all_that_came_of_it() -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    processes.kill_tree(parent.pid)
    assert parent.wait(timeout=10) == -9
    parent.stdout.close()
    until = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < until
        time.sleep(0.01)

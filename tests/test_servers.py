"""The servers that other tests stop and kill: they keep what they promised to keep, and leave nothing behind."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import amqp
import psycopg
import pytest

from tests.servers import OwnPostgres, OwnRabbitMQ

pytestmark = pytest.mark.broker


def test_postgres_keeps_committed_rows_through_a_kill_and_a_stop() -> None:
    with OwnPostgres() as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept (word text)")
            connection.execute("INSERT INTO kept VALUES ('committed')")
            connection.commit()
            connection.execute("INSERT INTO kept VALUES ('open')")
            server.kill()
            assert not server.is_running()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
            connection.close()
        server.start()
        server.restart()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT word FROM kept").fetchall() == [("committed",)]
        pids, folder = server.processes, server.folder
    _assert_gone(pids, folder)


def test_rabbitmq_keeps_confirmed_messages_through_a_kill() -> None:
    with OwnRabbitMQ() as server:
        with amqp.Connection(f"127.0.0.1:{server.port}", confirm_publish=True) as connection:
            channel = connection.channel()
            channel.queue_declare("kept", durable=True, auto_delete=False)
            channel.basic_publish(amqp.Message(b"hello", delivery_mode=2), routing_key="kept")
        pids, folder = server.processes, server.folder
        # A confirm is about the message: that there is such a queue, the node writes down when it finds the time.
        server.control("eval", "mnesia:sync_log().")
        server.kill()
        with pytest.raises(OSError, match="refused"):
            amqp.Connection(f"127.0.0.1:{server.port}", connect_timeout=2).connect()
        server.start()
        with amqp.Connection(f"127.0.0.1:{server.port}") as connection:
            message = connection.channel().basic_get("kept", no_ack=True)
            assert message is not None
            assert message.body in (b"hello", "hello")
        pids += server.processes
        server.stop()
        assert not server.is_running()
    _assert_gone(pids, folder)


@pytest.mark.parametrize("server", ["OwnPostgres", "OwnRabbitMQ"])
def test_servers_die_with_the_test_process(server: str, tmp_path: Path) -> None:
    script = (
        f"import os, signal; from tests.servers import {server}\n"
        f"server = {server}().start()\n"
        "print(server.folder, *server.processes, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    folder, *pids = done.stdout.split()
    assert len(pids) == (2 if server == "OwnRabbitMQ" else 1)
    _assert_gone([int(pid) for pid in pids], Path(folder))


def _assert_gone(pids: list[int], folder: Path) -> None:
    assert pids
    _wait_until(lambda: not folder.exists() and not any(_is_alive(pid) for pid in pids))
    for path in Path("/proc").glob("[0-9]*/cwd"):
        try:
            target = os.readlink(path)
        except OSError:
            continue
        assert not target.startswith(str(folder)), f"process {path.parent.name} still works in {folder}"


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "still there"
        time.sleep(0.05)

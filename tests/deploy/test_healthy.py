"""The health check of pages, and what it costs: tests/tasks/test_pulse.py has that of loops."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.healthy import PAGES, wrong_page
from tests.servers import free_ports

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Answers as Django does in production: not by the name 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Host"] == "taskyard.example.com"
            self.send_response(200 if known and self.path == "/api/health/live/" else 400)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    monkeypatch.setenv("PORT", str(made.server_port))
    yield
    made.shutdown()
    thread.join(10)
    made.server_close()


@pytest.mark.parametrize(
    ("allowed", "problem"),
    [
        ("taskyard.example.com,web", ""),
        (" .taskyard.example.com , web", ""),
        ("*", "answers 400"),
        ("", "answers 400"),
    ],
)
def test_a_page_is_asked_for_by_a_name_that_it_has(
    allowed: str, problem: str, server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", allowed)
    assert wrong_page(*PAGES["web"]) == problem


def test_nobody_at_the_port_is_no_health(monkeypatch: pytest.MonkeyPatch) -> None:
    [port] = free_ports(1)
    monkeypatch.setenv("PORT", str(port))
    assert wrong_page(*PAGES["web"]).startswith("does not answer: ")


def test_it_loads_no_framework() -> None:
    code = "import sys, deploy.healthy; print({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:]))"
    words = [sys.executable, "-c", code, "django", "celery", "kombu", "psycopg", "pydantic", "asyncio"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

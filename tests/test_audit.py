"""deploy.audit: a hole fails it, an accepted one does not, and where nobody can be asked it says so."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.audit import IMPOSSIBLE, accepted, verdict

ROOT = Path(__file__).resolve().parent.parent
HOLE = {
    "id": "PYSEC-2026-1",
    "aliases": ["CVE-2026-0001"],
    "summary": "It lets strangers in.",
    "affected": [
        {
            "package": {"name": "celery", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


@pytest.fixture
def database() -> Iterator[str]:
    """A service that knows of one hole, in Celery; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps({"vulns": [HOLE]} if asked["package"]["name"] == "celery" else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def audit(url: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.audit"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "OSV_URL": url, "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_known_hole_fails_and_names_what_repairs_it(database: str) -> None:
    code, said = audit(database)
    assert (code, said.count("\n")) == (1, 1), said
    assert said.startswith("celery ")
    assert said.endswith(" has PYSEC-2026-1, repaired in 99.1\n")


def test_nobody_to_ask_is_said_and_is_not_the_same_as_no_hole() -> None:
    code, said = audit("http://127.0.0.1:9")
    assert code == IMPOSSIBLE
    assert said.startswith("NOT AUDITED: nobody could be asked")


def report(**package: Any) -> dict[str, Any]:
    return {"dependencies": [{"name": "celery", "version": "5.7.0", **package}]}


def test_what_is_accepted_by_any_of_its_names_is_no_hole_until_it_is_gone() -> None:
    found = report(vulns=[{"id": HOLE["id"], "aliases": HOLE["aliases"], "fix_versions": []}])
    agreed: dict[str, dict[str, Any]] = {"CVE-2026-0001": {}}
    assert list(verdict(found, {})) == ["celery 5.7.0 has PYSEC-2026-1, repaired in no version yet"]
    assert list(verdict(found, agreed)) == []
    [line] = verdict(report(vulns=[]), agreed)
    assert line.startswith("CVE-2026-0001 is accepted and no longer found: ")


def test_a_package_that_nobody_knows_is_no_safe_one() -> None:
    assert list(verdict(report(skip_reason="not found"), {})) == ["celery was not looked at: not found"]


def test_the_accepted_ones_have_a_reason_and_a_date() -> None:
    assert all(each["reason"] and each["date"] for each in accepted().values())

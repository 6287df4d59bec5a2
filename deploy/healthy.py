"""Says whether a process of Taskyard lives: exit code 0, or 1 and one line that says what is wrong.

    python -m deploy.healthy worker|coordinator|beat [--older-than 30]     reads what its loops write (tasks/pulse.py)
    python -m deploy.healthy web|flower                                    asks it over HTTP, on this host

It loads neither Django nor Celery, so that it can be run every few seconds.
"""

import argparse
import fcntl
import http.client
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = {
    "worker": {"main"},  # and the keeper of each pool process that lives
    "coordinator": {"lead", "dispatcher", "reaper", "duties"},
    "beat": {"tick"},
}
PAGES = {"web": ("PORT", 8000, "/api/health/live/"), "flower": ("FLOWER_PORT", 5555, "/healthcheck")}
ANSWER_WITHIN = 5.0  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.healthy", description="Whether a process lives.")
    parser.add_argument("process", choices=[*PARTS, *PAGES])
    parser.add_argument("--older-than", type=float, default=30.0, metavar="SECONDS", help="age of a loop that hangs")
    arguments = parser.parse_args()
    name = arguments.process
    problem = wrong_loops(name, arguments.older_than) if name in PARTS else wrong_page(*PAGES[name])
    print(f"{name}: {problem or 'lives'}")
    return 1 if problem else 0


def wrong_loops(process: str, older_than: float) -> str:
    """Returns what is wrong with the loops of the processes here, "" where nothing is."""
    ages = list(_ages(Path(os.environ.get("TASKYARD_HOME") or ROOT / ".run") / "pulse", process))
    if missing := PARTS[process] - {part for part, _ in ages}:
        return f"no sign of {', '.join(sorted(missing))}: is it running?"
    old = [f"{part} has stood still for {age:.0f} s" for part, age in ages if age > older_than]
    return ", ".join(old)


def _ages(folder: Path, process: str) -> Iterator[tuple[str, float]]:
    """Yields each loop of a living process and the seconds since it last went round."""
    for path in sorted(folder.glob(f"{process}.*.*")):
        try:
            with path.open("rb") as file:
                if not _is_held(file.fileno()):
                    continue  # a pool process that ended: the worker has made another
                yield path.name.split(".")[1], time.monotonic() - float(file.read() or "-inf")
        except FileNotFoundError:
            continue


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def wrong_page(variable: str, port: int, path: str) -> str:
    """Returns why the page does not answer with 200, "" where it does."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get(variable) or port), timeout=ANSWER_WITHIN)
    try:
        connection.request("GET", path, headers={"Host": _host()})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    return "" if status == 200 else f"answers {status}"


def _host() -> str:
    """Returns a name that Django takes: in production it refuses 127.0.0.1."""
    first = (os.environ.get("ALLOWED_HOSTS") or "127.0.0.1").split(",")[0].strip().lstrip(".")
    return "127.0.0.1" if first == "*" else first


if __name__ == "__main__":
    sys.exit(main())

"""bin/up, after the requirements are there: checks, migrates, starts, waits until it is ready, stops."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from deploy.local import checks, processes

READY_WITHIN = 120.0  # seconds
STOP_WITHIN = 14.0


class Stopped(BaseException):
    """Ctrl-C or SIGTERM came."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/up", description="Runs Taskyard on this machine until Ctrl-C.")
    parser.add_argument("--empty", action="store_true", help="do not load the demo at the first start")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        return _run(load_demo=not arguments.empty)
    except checks.CannotStart as error:
        print(f"bin/up: {error}", file=sys.stderr)
        return 1
    except Stopped:
        return 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def _run(*, load_demo: bool) -> int:
    home = checks.home()
    web_port, flower_port = checks.ports()
    with checks.only_one(home):
        checks.prepare_environment(home, web_port, flower_port)
        checks.settings()  # Django's settings are read here and not before: the environment is whole now
        given = checks.administrator_password()
        checks.database()
        checks.broker()
        from deploy.local import first_start

        is_first = first_start.prepare_database()
        first_start.make_administrator(given)
        mark = first_start.Mark.now()
        config = processes.write_config(home, web_port=web_port, flower_port=flower_port)
        first_start.declare_broker()
        if is_first and load_demo:
            first_start.load_demo()
        return _supervise(home, config, mark, web_port, flower_port)


def _supervise(home: Path, config: Path, mark: object, web_port: int, flower_port: int) -> int:
    from deploy.local import readiness

    print(f"Starting {', '.join(processes.names())}; their logs are in {home / 'log'}", flush=True)
    # In a session of its own, so that Ctrl-C reaches this process only and everything stops in one way.
    supervisor = subprocess.Popen(
        processes.supervisor_command(config),
        cwd=home,
        env=os.environ | processes.supervisor_variables(),
        start_new_session=True,
    )
    try:
        problem = readiness.wait(supervisor, mark, web_port, within=READY_WITHIN)
        if problem:
            print(f"bin/up: {problem}", file=sys.stderr)
            print(processes.newest_log_lines(home), file=sys.stderr)
            return 1
        made = f"user flower, password in {home / 'flower_password'}"
        login = "user and password of FLOWER_BASIC_AUTH" if processes.flower_has_a_login() else made
        print(f"Flower: http://127.0.0.1:{flower_port}/ ({login})")
        print(f"Taskyard is ready: http://127.0.0.1:{web_port}/", flush=True)
        code = supervisor.wait()
        print(f"bin/up: the process runner ended with code {code}", file=sys.stderr)
        return 1
    except Stopped:
        print("Stopping: running work is finished or handed back …", flush=True)
        return 0
    finally:
        _end(supervisor)


def _end(supervisor: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave processes behind
    began = time.monotonic()
    if supervisor.poll() is None:
        supervisor.terminate()
        try:
            supervisor.wait(timeout=STOP_WITHIN)
        except subprocess.TimeoutExpired:
            processes.kill_tree(supervisor.pid)
            supervisor.wait()
    print(f"Stopped after {time.monotonic() - began:.1f} s.", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    sys.exit(main())

"""Becomes a worker for one kind of handler, on every queue that there is now or on those that are named.

    python -m deploy.worker plain|async [--queues default,http]

Which queues there are stands in the database: a worker takes up new ones when it starts again.
"""

import argparse
import os
import sys

from deploy.local import checks, processes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.worker", description="A worker for one kind of handler.")
    parser.add_argument("kind", choices=["plain", "async"])
    parser.add_argument("--queues", default="", help="their names, with commas; else all")
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        checks.settings("worker")
        checks.database()
    except checks.CannotStart as error:
        sys.exit(f"worker: {error}")
    from django.db import connection

    from tasks import selectors

    queues = [name.strip() for name in arguments.queues.split(",") if name.strip()] or selectors.queue_names()
    connection.close()
    command = processes.worker_of_kind(arguments.kind, queues)
    os.execv(processes.BIN / command[0], command)  # noqa: S606 (no shell, on purpose: signals reach the worker itself)


if __name__ == "__main__":
    main()

"""What the figures were measured on."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from django.conf import settings

from bench.processes import ROOT
from tasks import broker_connection, database


def describe() -> dict[str, Any]:
    """Returns cores, memory, versions and the load that others make."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "database": _database(),
        "broker": _broker(),
        "commit": _commit(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _database() -> str:
    if not database.is_postgresql():
        return f"SQLite {database.run('SELECT sqlite_version()')[0][0]}"
    version = database.run("SHOW server_version")[0][0].split()[0]
    settings_ = ", ".join(f"{name} {database.run(f'SHOW {name}')[0][0]}" for name in ("fsync", "synchronous_commit"))
    return f"PostgreSQL {version} ({settings_})"


def _broker() -> str:
    if settings.EMBEDDED_BROKER:
        return "files"
    with broker_connection.new_connection(socket_timeout=4) as broker:
        broker_connection.connect(broker)
        return f"RabbitMQ {broker.connection.server_properties.get('version', 'of an unknown version')}"


def _commit() -> str:
    """Returns the commit's short name, with a + where files differ from it."""
    if not Path(ROOT, ".git").exists():
        return "unknown"
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.stdout.strip() or "unknown"

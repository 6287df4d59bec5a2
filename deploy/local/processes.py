"""Which processes run, as supervisord's configuration."""

import os
import secrets
import signal
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 13
_CELERY = ["celery", "-A", "config"]

# No path of this machine stands in it: supervisord would take a %, and a ; or # after a blank, for its own signs. It
# runs in the home folder, and has the rest from `supervisor_variables`.
_TEMPLATE = """\
[supervisord]
nodaemon=true
silent=true
logfile=log/supervisord.log
logfile_maxbytes=5MB
pidfile=supervisord.pid
loglevel=info

[group:taskyard]
programs={names}
"""

_PROGRAM = """
[program:{name}]
command={command}
directory=%(ENV_TASKYARD_ROOT)s
autostart=true
autorestart=true
startsecs=3
startretries=1000000
stopwaitsecs={stop}
redirect_stderr=true
stdout_logfile=log/{name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=2
environment={environment}
"""


def names() -> list[str]:
    from django.conf import settings

    return ["web", "coordinator", *(["worker"] if settings.EMBEDDED_BROKER else ["plain", "async"]), "beat", "flower"]


def write_config(home: Path, *, web_port: int, flower_port: int) -> Path:
    """Writes supervisord's configuration and Flower's password. Returns the configuration's path."""
    password = home / "flower_password"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(12))
    commands = {
        "web": [
            "uvicorn", "config.asgi:application", "--host", "127.0.0.1", "--port", str(web_port),
            "--lifespan", "off", "--no-access-log", "--timeout-graceful-shutdown", "5",
        ],
        "coordinator": ["python", "manage.py", "coordinator"],
        **_workers(),
        "beat": [*_CELERY, "beat", "--pidfile", ""],
        "flower": [*_CELERY, "flower", "--address=127.0.0.1", f"--port={flower_port}"],
    }  # fmt: skip
    extra = {"web": {"DATABASE_POOL": "true"}}
    if not flower_has_a_login():
        extra["flower"] = {"FLOWER_BASIC_AUTH": f"flower:{password.read_text()}"}
    text = _TEMPLATE.format(names=",".join(commands))
    for name, (program, *arguments) in commands.items():
        environment = ",".join(f'{key}="{_safe(value)}"' for key, value in extra.get(name, {}).items())
        text += _PROGRAM.format(
            name=name,
            command=" ".join([f'"%(ENV_TASKYARD_BIN)s/{program}"', *(f'"{_safe(word)}"' for word in arguments)]),
            stop=STOP_SECONDS,
            environment=environment,
        )
    config = home / "supervisord.conf"
    config.touch(mode=0o600)
    config.chmod(0o600)
    config.write_text(text)
    return config


def flower_has_a_login() -> bool:
    """Whether the environment says who may see Flower."""
    return any(os.environ.get(name) for name in ("FLOWER_BASIC_AUTH", "FLOWER_BASIC_AUTH_FILE"))


def _workers() -> dict[str, list[str]]:
    """One worker for everything in embedded mode; else one a kind, because plain code starves an event loop."""
    from django.conf import settings

    from tasks import selectors, topology
    from tasks.states import Kind

    queues = selectors.queue_names()
    if settings.EMBEDDED_BROKER:
        lines = [*topology.lines_of(queues), "celery"]
        return {"worker": _worker("worker", lines, settings.WORKER_CONCURRENCY)}
    return {kind.value: worker_of_kind(kind.value, queues) for kind in Kind}


def worker_of_kind(kind: str, queues: list[str]) -> list[str]:
    """Returns the command of a worker for one kind's lines of these queues; plain ones run Celery's own tasks too."""
    from django.conf import settings

    from tasks import topology
    from tasks.states import Kind

    lines = [topology.line(queue, kind) for queue in queues]
    if kind == Kind.PLAIN:
        return _worker(kind, [*lines, "celery"], settings.WORKER_CONCURRENCY)
    return _worker(kind, lines, min(2, settings.WORKER_CONCURRENCY))


def _worker(name: str, lines: list[str], concurrency: int) -> list[str]:
    from tasks import topology

    return [
        *_CELERY, "worker", "-n", f"{name}@%h", "-c", str(concurrency),
        "-Q", ",".join(topology.namespaced(line) for line in lines),
        "-l", "INFO", "--without-gossip", "--without-mingle",
    ]  # fmt: skip


def supervisor_command(config: Path) -> list[str]:
    return [str(BIN / "supervisord"), "-c", str(config)]


def supervisor_variables() -> dict[str, str]:
    """Returns what supervisord's environment has to say; its working folder has to be the home folder."""
    # It reads the program's path as a shell would, within double quotes.
    return {"TASKYARD_ROOT": str(ROOT), "TASKYARD_BIN": str(BIN).replace("\\", "\\\\").replace('"', '\\"')}


def newest_log_lines(home: Path, lines: int = 15) -> str:
    """Returns the end of each process's log, for a start that failed."""
    parts = []
    for path in sorted((home / "log").glob("*.log")):
        text = path.read_text(errors="replace").splitlines()[-lines:]
        if text:
            parts.append(f"--- {path}\n" + "\n".join(text))
    return "\n".join(parts)


def kill_tree(pid: int) -> None:
    """Kills a process and all of its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    waiting, found = [pid], []
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting += children.get(each, [])
    for each in found:
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _safe(value: object) -> str:
    # supervisord expands %(…)s in its configuration.
    return str(value).replace("%", "%%").replace('"', '\\"')

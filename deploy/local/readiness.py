"""When Taskyard is ready: the web answers, this run's coordinator leads, this run's workers are online."""

import subprocess
import time
import urllib.error
import urllib.request
from datetime import timedelta

from deploy.local import processes
from deploy.local.first_start import Mark
from tasks import database
from tasks.leadership import COORDINATOR
from tasks.models import Leadership, Worker


def wait(supervisor: "subprocess.Popen[bytes]", mark: object, web_port: int, *, within: float) -> str:
    """Waits until all is ready. Returns what is wrong where it never was, else an empty text."""
    assert isinstance(mark, Mark)
    until = time.monotonic() + within
    missing = "nothing was asked yet"
    while time.monotonic() < until:
        if supervisor.poll() is not None:
            return f"the process runner ended with code {supervisor.returncode} while starting"
        missing = _missing(mark, web_port)
        if not missing:
            return ""
        time.sleep(0.2)
    return f"not ready after {within:.0f} s: {missing}"


def _missing(mark: Mark, web_port: int) -> str:
    led = Leadership.objects.filter(role=COORDINATOR, term__gt=mark.term, expires_at__gt=database.now())
    if not led.exists():
        return "no coordinator leads"
    wanted = {name for name in processes.names() if name in ("worker", "plain", "async")}
    fresh = Worker.objects.filter(heartbeat_at__gt=mark.at - timedelta(milliseconds=1), stopped_at__isnull=True)
    online = {worker.name.partition("@")[0] for worker in fresh}
    if not wanted <= online:
        return f"the worker {', '.join(sorted(wanted - online))} is not online"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{web_port}/api/health/ready/", timeout=2) as answer:
            return "" if answer.status == 200 else f"the web answers {answer.status}"
    except (urllib.error.URLError, OSError) as error:
        return f"the web does not answer: {error}"

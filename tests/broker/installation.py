"""A whole Taskyard of a test's own, in full mode: a database, a namespace on the broker, and the processes."""

import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import kombu
import psycopg

from tests.broker.processes import Processes, wait_until
from tests.servers import free_ports

PASSWORD = "a-test-password-1"
FINAL = "('completed', 'failed', 'cancelled')"
QUEUES = ("default", "http", "data")

_FILL = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("createsuperuser", interactive=False, username="admin", email="", verbosity=0)
"""


class Installation:
    """Coordinator, web and workers over one database and one namespace. Tasks go in over HTTP, rows are read as SQL."""

    def __init__(self, database_url: str, broker_url: str, namespace: str, home: Path, **variables: str) -> None:
        self.database_url, self.broker_url, self.namespace = database_url, broker_url, namespace
        (self.port,) = free_ports(1)
        environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "BROKER_URL": broker_url,
            "BROKER_NAMESPACE": namespace,
            "EXTRA_APPS": "tests.sample_app",
            "HTTP_ALLOWED_PRIVATE_HOSTS": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
            **variables,
        }
        self.processes = Processes(home, environment)
        self.home = home
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20, trust_env=False)
        self._connection = psycopg.connect(database_url, autocommit=True)

    # --- Processes ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts what is not running, one worker of each kind for the usual queues, and waits until all are ready."""
        started = [name for name in ("web", "coordinator", "plain", "async") if not self.processes.is_alive(name)]
        for name in started:
            if name == "web":
                self.start_web()
            elif name == "coordinator":
                self.start_coordinator()
            else:
                self.start_worker(name, [f"{queue}.{name}" for queue in QUEUES])
        if "web" in started:
            self.log_in()
        self.await_online(*(name for name in started if name in ("plain", "async")))
        self.await_leader()

    def start_web(self) -> None:
        command = ["uvicorn", "config.asgi:application", "--host", "127.0.0.1", "--port", str(self.port)]
        self.processes.start("web", *command, "--lifespan", "off", "--no-access-log", DATABASE_POOL="true")

    def start_coordinator(self, name: str = "coordinator", **variables: str) -> None:
        self.processes.start(name, "python", "manage.py", "coordinator", **variables)

    def start_worker(
        self, name: str, lines: list[str], *, processes: int = 2, prefix: Sequence[str] = (), **variables: str
    ) -> None:
        consumed = ",".join(f"{self.namespace}.{line}" for line in lines)
        command = ["celery", "-A", "config", "-q", "worker", "-n", f"{name}@{self.namespace}", "-c", str(processes)]
        command += ["-Q", consumed, "--without-gossip", "--without-mingle"]
        self.processes.start(name, *command, prefix=prefix, **variables)

    def await_online(self, *names: str, within: float = 30) -> None:
        """Waits until these workers, as they run now, have said that they are there."""
        for name in names:
            pid = self.processes.running[name].pid
            self.await_row(
                "SELECT 1 FROM tasks_worker WHERE name = %s AND pid = %s AND stopped_at IS NULL",
                [f"{name}@{self.namespace}", pid],
                within=within,
                what=f"the worker {name} is online",
            )

    def await_leader(self, *, within: float = 30) -> tuple[Any, ...]:
        """Waits until a coordinator leads. Returns its holder and term."""
        statement = "SELECT holder, term FROM tasks_leadership WHERE expires_at > clock_timestamp()"
        return self.await_row(statement, within=within, what="a coordinator leads")

    def log_in(self) -> None:
        def is_up() -> bool:
            with suppress(httpx.TransportError):
                return self._http.get("/api/health/live/").status_code == 200
            return False

        wait_until(is_up, within=30, what="the web answers")
        answer = self._http.post("/api/auth/token/", json={"username": "admin", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access']}"

    # --- Tasks in -----------------------------------------------------------------------------------------------------

    def submit(self, type_name: str, payload: dict[str, Any] | None = None, **options: Any) -> str:
        """Submits one task and returns its id."""
        body = {"type": type_name, "payload": payload or {}, **options}
        answer = self._http.post("/api/tasks/", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def submit_all(self, tasks: list[dict[str, Any]]) -> list[str]:
        """Submits them in one request and returns their ids in this order."""
        answer = self._http.post("/api/tasks/bulk/", json=tasks)
        assert answer.status_code == 201, answer.text
        return [str(each) for each in answer.json()["ids"]]

    # --- The verbs ----------------------------------------------------------------------------------------------------

    def cancel(self, task_id: str) -> None:
        self._ask("POST", f"/api/tasks/{task_id}/cancel/")

    def retry(self, task_id: str) -> None:
        self._ask("POST", f"/api/tasks/{task_id}/retry/")

    def compensate(self, task_id: str) -> str:
        """Returns the id of the task that undoes this one."""
        return str(self._ask("POST", f"/api/tasks/{task_id}/compensate/")["id"])

    def pause(self, queue: str) -> None:
        self._ask("POST", f"/api/queue-manager/queues/{queue}/pause/")

    def resume(self, queue: str) -> None:
        self._ask("POST", f"/api/queue-manager/queues/{queue}/resume/")

    def limit(self, queue: str, *, rate_limit: float | None = None, concurrency_limit: int | None = None) -> None:
        limits = {"rate_limit": rate_limit, "concurrency_limit": concurrency_limit}
        self._ask("PATCH", f"/api/queue-manager/queues/{queue}/", limits)

    def start_bulk_action(self, verb: str, *, expected_count: int, **fields: Any) -> str:
        """Starts it on what a search matches, and returns its id."""
        body = {"verb": verb, "reason": "a test", "expected_count": expected_count, **fields}
        return str(self._ask("POST", "/api/bulk-actions/", body)["id"])

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self._http.request(method, path, json=body or {})
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return dict(answer.json())

    # --- What the API shows -------------------------------------------------------------------------------------------

    def count(self, path: str) -> int:
        """Returns the count that a list of the API says."""
        answer = self._http.get(path)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["count"])

    def seconds_of(self, path: str) -> float:
        """Asks for a page, which has to be there, and returns how long that took."""
        began = time.monotonic()
        answer = self._http.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return time.monotonic() - began

    def send(self, body: dict[str, Any] | list[dict[str, Any]]) -> httpx.Response:
        """Sends one task or a list of them and returns the answer, whatever it is."""
        return self._http.post("/api/tasks/bulk/" if isinstance(body, list) else "/api/tasks/", json=body)

    def add_queue(self, name: str) -> None:
        self.rows("INSERT INTO tasks_queue (name, description) VALUES (%s, '') ON CONFLICT DO NOTHING", [name])

    # --- Rows out -----------------------------------------------------------------------------------------------------

    def rows(self, statement: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []

    def reconnect(self) -> None:
        """After an outage of the database, through which a test's own connection does not last."""
        self._connection.close()
        self._connection = psycopg.connect(self.database_url, autocommit=True)

    def value(self, statement: str, parameters: list[Any] | None = None) -> Any:
        return self.rows(statement, parameters)[0][0]

    def await_row(
        self, statement: str, parameters: list[Any] | None = None, *, within: float, what: str
    ) -> tuple[Any, ...]:
        """Waits until the statement finds something and returns its first row."""
        return wait_until(lambda: self.rows(statement, parameters), within=within, what=what)[0]

    def statuses(self, ids: list[str]) -> dict[str, int]:
        statement = "SELECT status, count(*) FROM tasks_task WHERE id = ANY(%s::uuid[]) GROUP BY status"
        return dict(self.rows(statement, [ids]))

    def await_ended(self, ids: list[str], *, within: float) -> dict[str, int]:
        """Waits until all of these have ended and returns how many did so in which way."""
        unfinished = f"SELECT count(*) FROM tasks_task WHERE id = ANY(%s::uuid[]) AND status NOT IN {FINAL}"
        try:
            wait_until(lambda: not self.value(unfinished, [ids]), within=within, what="all have ended")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.statuses(ids)}") from None
        return self.statuses(ids)

    def await_status(self, status: str, ids: list[str], *, within: float) -> None:
        wait_until(lambda: self.statuses(ids) == {status: len(ids)}, within=within, what=f"all are {status}")

    def attempts(self, task_id: str) -> list[tuple[Any, ...]]:
        """Returns number, outcome and category of each, the first one first."""
        statement = "SELECT number, outcome, category FROM tasks_taskattempt WHERE task_id = %s ORDER BY number"
        return self.rows(statement, [task_id])

    # --- The broker ---------------------------------------------------------------------------------------------------

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """A channel as kombu's transport has it: AMQP's own methods."""
        with kombu.Connection(self.broker_url, connect_timeout=4) as connection:
            yield connection.channel()

    def close(self) -> None:
        self.processes.close()
        self._http.close()
        queues = [row[0] for row in self.rows("SELECT name FROM tasks_queue")]
        self._connection.close()
        remove_names(self.broker_url, self.namespace, queues)


def remove_names(broker_url: str, namespace: str, queues: list[str]) -> None:
    """Deletes an installation's queues and exchanges, if the broker still runs: one of the test's own may not."""
    with suppress(OSError), kombu.Connection(broker_url, connect_timeout=2) as connection:
        channel = connection.channel()
        for queue in ["dead", "celery", *(f"{queue}.{kind}" for queue in queues for kind in ("plain", "async"))]:
            channel.queue_delete(f"{namespace}.{queue}")
        for exchange in ("tasks", "dlx", "celery", "events", "control.pidbox", "reply.control.pidbox"):
            channel.exchange_delete(f"{namespace}.{exchange}")


class Databases:
    """Migrated databases of their own for installations, each made in no time as a copy of the first."""

    def __init__(self, url: str, folder: Path) -> None:
        self._server = psycopg.connect(url, autocommit=True)
        self._url, self._prefix = url, urlsplit(url).path.removeprefix("/")
        self._template = self._create("template")
        variables = {"DATABASE_URL": self.url_of(self._template), "EXTRA_APPS": "tests.sample_app"}
        processes = Processes(folder, {**os.environ, **variables})
        try:
            processes.run("python", "manage.py", "shell", "-v", "0", "-c", _FILL, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        finally:
            processes.close()

    def make(self, word: str) -> str:
        """Returns the URL of a new database."""
        return self.url_of(self._create(word, template=self._template))

    def make_empty(self, word: str) -> str:
        """Returns the URL of a database without a table."""
        return self.url_of(self._create(word))

    def url_of(self, name: str) -> str:
        return urlsplit(self._url)._replace(path=f"/{name}").geturl()

    def _create(self, word: str, *, template: str = "template1") -> str:
        name = f"{self._prefix}_{word}_{secrets.token_hex(3)}"
        self._server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def close(self) -> None:
        """Leaves them where they are: their server goes as well, or `bin/services stop` drops what has its name in it.

        Each DROP has the server write down all that is not on the disk yet, and the other tests wait for that.
        """
        self._server.close()

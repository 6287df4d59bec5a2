"""A pool process's keeper and executor within the tests' own process: nothing of them is replaced."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created

from tasks.execution import Executor
from tasks.keeper import Keeper
from tasks.models import Task
from tasks.node import Node
from tasks.states import Kind, TaskStatus
from tests.tasks.rows import tasks

NAME = "w1@test"


class PoolProcess:
    def __init__(self) -> None:
        self.node = Node(name=NAME, lines=["default.plain", "default.async"], pid=1)
        self.keeper = Keeper(self.node)
        self.executor = Executor(self.keeper)
        self.keeper.start()

    def submit(self, type_name: str, payload: dict[str, Any] | None = None, *, count: int = 1, **fields: Any) -> Any:
        """Stores queued tasks and returns their ids; of one its id."""
        ids = tasks(count, TaskStatus.QUEUED, type=type_name, payload=payload or {}, **fields)
        return ids if count > 1 else ids[0]

    def take(self, *ids: uuid.UUID, kind: Kind = Kind.PLAIN, alone: bool = False, careful: bool = False) -> bool:
        """Takes a message with these ids, as Celery hands it over."""
        return self.executor.run_message(list(ids), queue="default", kind=kind, alone=alone, careful=careful)

    def settle(self) -> None:
        """Waits until the ending of everything that was claimed is in the database."""
        until(lambda: not self.keeper.held)

    def run(self, type_name: str, payload: dict[str, Any] | None = None, **fields: Any) -> Task:
        """Submits one task, executes it to the end of the attempt and returns it."""
        task_id = self.submit(type_name, payload, **fields)
        assert self.take(task_id, kind=kind_of(type_name))
        self.settle()
        return Task.objects.get(id=task_id)

    def end(self) -> None:
        self.executor.shut_down(timeout=5)


@contextmanager
def on_keepers_connections(wrapper: Callable[..., Any]) -> Iterator[None]:
    """Lets the wrapper execute the statements of keepers that are started from now on."""

    def install(connection: Any, **_: Any) -> None:
        if threading.current_thread().name == "taskyard-keeper" and wrapper not in connection.execute_wrappers:
            connection.execute_wrappers.append(wrapper)

    connection_created.connect(install)
    try:
        yield
    finally:
        connection_created.disconnect(install)


def kind_of(type_name: str) -> Kind:
    return Kind.ASYNC if "async" in type_name else Kind.PLAIN


def begun(task_id: uuid.UUID) -> bool:
    return Task.objects.filter(id=task_id, status=TaskStatus.PROCESSING).exists()


def meanwhile(*calls: Callable[[], Any]) -> None:
    """Makes the calls, in order, in a thread with a connection of its own: the main one executes."""

    def make() -> None:
        try:
            for call in calls:
                call()
        finally:
            connection.close()

    threading.Thread(target=make).start()


def until(condition: Callable[[], Any], timeout: float = 10.0) -> None:
    """Returns as soon as the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.005)


def statuses(ids: list[uuid.UUID]) -> list[TaskStatus]:
    found = dict(Task.objects.filter(id__in=ids).values_list("id", "status"))
    return [TaskStatus(found[each]) for each in ids]

"""The bodies of Celery tasks: thin, with explicit names."""

import uuid
from typing import Any

from celery import shared_task
from celery.exceptions import Reject

from tasks import topology, worker_process
from tasks.publishing import EXECUTE


@shared_task(name=EXECUTE, bind=True, ignore_result=True)
def execute(self: Any, ids: list[str], alone: bool = False) -> None:
    """Executes a chunk of tasks of one line. Their outcomes are rows: Celery's own result says nothing.

    A message of which nothing is known goes to the dead letters.
    """
    if worker_process.executor is None:
        raise RuntimeError("this process was not started as a Taskyard worker: give it a line with -Q")
    info = self.request.delivery_info or {}
    try:
        queue, kind = topology.split_line(topology.without_namespace(info.get("routing_key", "")))
    except ValueError:
        raise Reject("it did not come by a line", requeue=False) from None
    known = worker_process.executor.run_message(
        [uuid.UUID(each) for each in ids], queue=queue, kind=kind, alone=alone, careful=bool(info.get("redelivered"))
    )
    if not known:
        raise Reject("none of its tasks exists", requeue=False)

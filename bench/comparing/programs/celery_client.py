"""Submits to a Celery application and measures: python -m bench.comparing.programs.celery_client APP MEASURE COUNT.

The worker takes from its warm-up queue until it is told to take from the main one.
"""

import importlib
import os
import sys
import time
from datetime import datetime
from typing import Any

import django

from bench.comparing.programs import timing
from bench.comparing.programs.counting import read_counters

WARM_UP = 200


def main(app_name: str, measure: str, count: int) -> None:
    if os.environ["DJANGO_SETTINGS_MODULE"]:
        django.setup()
    app = importlib.import_module(f"bench.comparing.programs.{app_name}").app
    app.set_default()
    timing.hand_over({"work": work, "idle": idle, "http": http}[measure](app, count))


def work(app: Any, count: int) -> dict[str, Any]:
    """Warms up, submits one by one to a queue that nobody takes from, then lets the worker take."""
    from bench.comparing.programs import celery_options
    from bench.comparing.programs.celery_tasks import noop

    for number in range(WARM_UP):
        noop.apply_async((number,), queue=celery_options.WARM_UP)
    timing.wait_until_counted(WARM_UP)
    time.sleep(1.0)  # the last results of the warm-up are being stored
    _forget_results(app)
    began = time.perf_counter()
    for number in range(count):
        noop.apply_async((number,))
    submitted = time.perf_counter() - began
    released_at = _let_go(app)
    finished_at = timing.wait_until_counted(WARM_UP + count)
    finished_at = max(finished_at, _verified(app, noop.name, count))
    _expect_an_empty_queue(app, celery_options.MAIN)
    return {"submit": count / submitted, "drain": count / (finished_at - released_at)}


def idle(app: Any, count: int) -> dict[str, Any]:
    from bench.comparing.programs.celery_tasks import stamp

    _let_go(app)
    return timing.waits_of_singles(lambda sent_at: stamp.apply_async((sent_at,)))


def http(app: Any, count: int) -> dict[str, Any]:
    from bench.comparing.programs.celery_tasks import fetch

    _let_go(app)
    _forget_results(app)
    before, _ = read_counters(timing.FOLDER)
    began_at = time.time()
    for _ in range(count):
        fetch.apply_async((os.environ["COMPARE_URL"],))
    finished_at = timing.wait_until_counted(before + count)
    finished_at = max(finished_at, _verified(app, fetch.name, count))
    return {"http": finished_at - began_at}


def _let_go(app: Any) -> float:
    """Tells the worker to take from the main queue as well, if it does not yet. Returns when that was."""
    from bench.comparing.programs import celery_options

    released_at = time.time()
    app.control.add_consumer(celery_options.MAIN)
    return released_at


def _forget_results(app: Any) -> None:
    """Removes the stored results of what was done before, such as warming up."""
    if not app.conf.task_ignore_result:
        _results().delete()


def _verified(app: Any, name: str, count: int) -> float:
    """Waits for the stored results, where they are stored. Returns when the last one was."""
    if app.conf.task_ignore_result:
        return 0.0
    from django.db.models import Max

    succeeded = _results().filter(status="SUCCESS")
    timing.wait_for_number(succeeded.count, count, f"stored results of {name}")
    last: datetime = succeeded.aggregate(last=Max("date_done"))["last"]
    return last.timestamp()


def _results() -> Any:
    from django_celery_results.models import TaskResult

    return TaskResult.objects.all()


def _expect_an_empty_queue(app: Any, name: str) -> None:
    with app.connection_for_read() as connection:
        found = connection.default_channel.queue_declare(name, passive=True)
    timing.expect(found.message_count, 0, "messages left")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

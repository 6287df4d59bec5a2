"""The reference for submitting: Celery's own apply_async in a loop, with confirms. python -m bench.bare_celery COUNT.

It prints messages per second. The queue is of the benchmark's namespace and goes with it.
"""

import os
import sys
import time

from celery import Celery

queue = f"{os.environ['BROKER_NAMESPACE']}.bare"
app = Celery("bare", broker=os.environ["BROKER_URL"])
app.conf.update(task_default_queue=queue, task_ignore_result=True, broker_transport_options={"confirm_publish": True})


@app.task(name="bare.noop")
def noop() -> None:
    """Does nothing."""


def main(count: int) -> None:
    for _ in range(50):
        noop.apply_async()  # connects, declares
    began = time.perf_counter()
    for _ in range(count):
        noop.apply_async()
    print(count / (time.perf_counter() - began))


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""The settings that both Celery applications share."""

import os
from pathlib import Path
from typing import Any

from kombu import Exchange, Queue

PREFIX = os.environ["COMPARE_PREFIX"]
MAIN, WARM_UP = f"{PREFIX}.main", f"{PREFIX}.warm_up"


def _transport_options() -> dict[str, Any]:
    if folder := os.environ.get("COMPARE_BROKER_FOLDER"):
        messages = Path(folder, "messages")
        names = ("data_folder_in", "data_folder_out")
        folders = {**dict.fromkeys(names, str(messages)), "control_folder": str(Path(folder, "control"))}
        return {**folders, "polling_interval": 0.03}  # by default it sleeps a second whenever its prefetch is used up
    return {"confirm_publish": os.environ["COMPARE_CONFIRMS"] == "yes"}


# A worker is told to take from the main queue when everything has been submitted, and until then has the other.
OPTIONS: dict[str, Any] = {
    "broker_url": os.environ["COMPARE_BROKER_URL"],
    "broker_transport_options": _transport_options(),
    "broker_connection_retry_on_startup": True,
    "task_default_queue": MAIN,
    "task_queues": [Queue(name, Exchange(name, type="direct"), routing_key=name) for name in (MAIN, WARM_UP)],
    "task_default_exchange": MAIN,
    "task_default_routing_key": MAIN,
    "control_exchange": f"{PREFIX}.control",
    "event_exchange": f"{PREFIX}.events",
    "event_queue_prefix": f"{PREFIX}.celeryev",
    "worker_prefetch_multiplier": int(os.environ["COMPARE_PREFETCH"]),
}

"""The Celery application. Why a setting is as it is stands beside it."""

import os

from celery import Celery
from django.conf import settings
from kombu import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TRANSPORT_ALIASES["taskyard-files"] = "tasks.embedded_broker:Transport"

app = Celery("taskyard")
app.config_from_object("django.conf:settings", namespace="CELERY")

_ordinary = f"{settings.BROKER_NAMESPACE}.celery"

app.conf.update(
    broker_url=settings.BROKER_URL,
    broker_use_ssl=settings.BROKER_TLS or False,
    # A worker outlives any outage: no count of tries after which it exits, and a closed channel is opened again.
    broker_connection_retry=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,
    broker_connection_timeout=4,
    broker_heartbeat=10,
    broker_pool_limit=10,
    broker_pool_acquire_timeout=5,
    # The row is the truth: a message is acknowledged when its ids are taken care of, and nothing is decided by
    # Celery's own counting of losses, its results or its limits.
    task_acks_late=True,
    task_acks_on_failure=True,
    task_acks_on_timeout=True,
    task_reject_on_worker_lost=False,
    task_retry_on_worker_lost=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_enable_prefetch_count_reduction=False,
    worker_prefetch_multiplier=1,
    worker_disable_rate_limits=True,
    worker_hijack_root_logger=False,
    worker_send_task_events=True,
    worker_max_tasks_per_child=100_000,
    # In KiB, and a little below the limit: a process that was over it takes no more (tasks/memory.py), so has to go.
    worker_max_memory_per_child=settings.WORKER_MEMORY_LIMIT * 1024 * 9 // 10 or None,
    worker_consumer="tasks.consumer:Consumer",
    worker_concurrency=settings.WORKER_CONCURRENCY,
    task_store_errors_even_if_ignored=False,
    task_serializer="json",
    event_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    result_accept_content=["json"],
    enable_utc=True,
    timezone="UTC",
    # Ordinary Celery tasks, which operators add in django-celery-beat's pages, have a queue of their own. A queue that
    # nobody declared is a mistake and not a wish.
    task_create_missing_queues=False,
    task_default_queue=_ordinary,
    task_default_exchange=_ordinary,
    task_default_routing_key=_ordinary,
    task_queues=[Queue(_ordinary, Exchange(_ordinary, type="direct"), routing_key=_ordinary)],
    # Remote control and events of installations that share a broker stay apart.
    control_exchange=f"{settings.BROKER_NAMESPACE}.control",
    event_exchange=f"{settings.BROKER_NAMESPACE}.events",
    event_queue_prefix=f"{settings.BROKER_NAMESPACE}.celeryev",
    beat_scheduler="tasks.beat:Scheduler",
    beat_max_loop_interval=5,
    beat_sync_every=1,
)
if settings.EMBEDDED_BROKER:
    app.conf.broker_transport_options = {
        "data_folder_in": str(settings.BROKER_FOLDER / "messages"),
        "data_folder_out": str(settings.BROKER_FOLDER / "messages"),
        "processed_folder": str(settings.BROKER_FOLDER / "taken"),
        "control_folder": str(settings.BROKER_FOLDER / "control"),
        "polling_interval": 0.03,
    }
else:
    # No confirms here: with them a worker's event stream freezes it in a partition.
    app.conf.broker_transport_options = {"read_timeout": 10, "write_timeout": 10}

app.autodiscover_tasks(related_name="celery_tasks")
app.autodiscover_tasks(["tasks"], related_name="periodic")

"""What a start does to the database before the processes run: migrations, the administrator, the demo."""

import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tasks import database, selectors, topology
from tasks.leadership import COORDINATOR
from tasks.models import Leadership
from tasks.services import submit_tasks

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mark:
    """What the database said before the start: rows of an earlier run must not pass for this one's."""

    at: datetime
    term: int

    @classmethod
    def now(cls) -> "Mark":
        leadership = Leadership.objects.filter(role=COORDINATOR).first()
        return cls(at=database.now(), term=leadership.term if leadership else 0)


def prepare_database() -> bool:
    """Migrates. Returns whether this is the database's first start."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        print(f"Preparing the database: {len(missing)} migrations …", flush=True)
        call_command("migrate", interactive=False, verbosity=0)
    users: type[User] = get_user_model()
    return not users.objects.exists()


def make_administrator(given: str) -> None:
    """Makes the first superuser where there is none; a generated password is shown this once."""
    users: type[User] = get_user_model()
    if users.objects.filter(is_superuser=True).exists():
        return
    name = os.environ.get("DJANGO_SUPERUSER_USERNAME") or "admin"
    password = given or secrets.token_urlsafe(12)
    users.objects.create_superuser(name, os.environ.get("DJANGO_SUPERUSER_EMAIL", ""), password)
    if given:
        print(f"Administrator {name} was made, with the password of DJANGO_SUPERUSER_PASSWORD.")
    else:
        print(f"Administrator {name} was made. Password (shown this once): {password}")


def declare_broker() -> None:
    """Declares everything before the processes start: they would else do so at the same moment."""
    with current_app.connection_for_write() as broker:
        topology.declare(broker, selectors.queue_names())


def load_demo() -> None:
    """Submits a few tasks of each type; one of them ends in the dead letters."""
    settings.DATA_ROOT.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "deploy" / "demo" / "orders.csv", settings.DATA_ROOT / "orders.csv")
    submit_tasks(
        [
            {"type": "health_check", "name": "Look around", "tags": ["demo"]},
            {"type": "health_check", "name": "Look around in an hour", "delay": 3600.0, "tags": ["demo"]},
            {
                "type": "http_request",
                "name": "Ask whether Taskyard lives",
                "payload": {"url": "/api/health/live/"},
                "tags": ["demo"],
            },
            {
                "type": "data_processing",
                "name": "Revenue by country",
                "payload": {
                    "source": {"path": "orders.csv"},
                    "steps": [
                        {"op": "filter", "where": "amount > 0"},
                        {
                            "op": "aggregate",
                            "by": ["country"],
                            "metrics": {"orders": "count(*)", "revenue": "sum(amount)"},
                        },
                        {"op": "sort", "by": ["revenue"], "descending": True},
                    ],
                    "sink": {"path": "revenue_by_country.csv"},
                },
                "tags": ["demo"],
            },
            {"type": "cleanup", "name": "Remove what ended a month ago", "priority": 1, "tags": ["demo"]},
            {
                "type": "http_request",
                "name": "Fetch a page that is not there",
                "payload": {"url": "/api/no-such-page/"},
                "tags": ["demo"],
            },
        ],
        actor=get_user_model().objects.filter(is_superuser=True).first(),
    )
    print("The demo is loaded: six tasks, one of which ends in the dead letters.")

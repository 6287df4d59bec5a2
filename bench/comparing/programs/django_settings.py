"""The settings of a small Django project with django-celery-results and nothing else."""

import os
from typing import Any

import dj_database_url

from bench.comparing.programs.celery_options import OPTIONS

SECRET_KEY = "of no use: it serves no pages"  # noqa: S105
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django_celery_results"]
DATABASES: dict[str, Any] = {"default": dj_database_url.parse(os.environ["COMPARE_DATABASE_URL"])}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # As Django's notes on SQLite advise where several processes write.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }

CELERY_RESULT_BACKEND = "django-db"
globals().update({f"CELERY_{name.upper()}": value for name, value in OPTIONS.items()})

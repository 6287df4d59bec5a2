"""Composes the project. Decides nothing about tasks: the apps do."""

import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

try:
    from config.celery import app as celery_app
except ImproperlyConfigured as error:
    # celery and uvicorn would show a traceback: whatever program it is, it ends here with the one line.
    raise SystemExit(f"{Path(sys.argv[0]).name}: {error}") from error

__all__ = ["celery_app"]

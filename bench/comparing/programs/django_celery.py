"""Celery in a Django project, its results by django-celery-results: as "First steps with Django" has it."""

from celery import Celery

app = Celery("stored", include=["bench.comparing.programs.celery_tasks"])
app.config_from_object("django.conf:settings", namespace="CELERY")

"""Celery as it is without a result backend: nothing is stored of any task."""

from celery import Celery

from bench.comparing.programs.celery_options import OPTIONS

app = Celery("bare", include=["bench.comparing.programs.celery_tasks"])
app.conf.update(OPTIONS, task_ignore_result=True)

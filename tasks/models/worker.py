"""A Celery worker as it describes itself: written by its pool processes with each heartbeat."""

from typing import ClassVar

from django.db import models


class Worker(models.Model):
    name = models.CharField(primary_key=True, max_length=200, help_text="Celery's node name")
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    group = models.CharField(max_length=60)
    queues = models.JSONField(default=list, help_text="Broker queues it consumes, without the namespace")
    types = models.JSONField(default=dict, help_text="Types it knows, with their kind (plain or async)")
    means = models.JSONField(default=dict, help_text="Mean run time of each type it has run, in milliseconds")
    release = models.CharField(max_length=60)
    processes = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)
    last_task_at = models.DateTimeField(null=True, help_text="When it last claimed one")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

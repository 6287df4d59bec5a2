"""A named line of tasks. The coordinator makes its broker queues from this row."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models

DEFAULT_QUEUES = ("default", "http", "data", "compensation")


class Queue(models.Model):
    name = models.CharField(
        primary_key=True,
        max_length=60,
        validators=[RegexValidator(r"^[a-z][a-z0-9_-]*$", "lower-case letters, digits, - and _ only")],
    )
    description = models.CharField(max_length=200, blank=True, default="", db_default="")
    paused = models.BooleanField(default=False, db_default=False, help_text="Nothing more is started")
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    pause_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    rate_limit = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.001)], help_text="Tasks a second that are started"
    )
    concurrency_limit = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Tasks that run at once, on all workers"
    )

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

"""A named line of tasks. The coordinator makes its broker queues from this row."""

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models

DEFAULT_QUEUES = ("default", "http", "data", "compensation")


class Queue(models.Model):
    name = models.CharField(
        primary_key=True,
        max_length=60,
        validators=[RegexValidator(r"^[a-z][a-z0-9_-]*$", "lower-case letters, digits, - and _ only")],
    )
    description = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

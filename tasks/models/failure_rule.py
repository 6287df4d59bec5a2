"""What operators say of failures: which category they are of, and whether it helps to try again."""

from typing import ClassVar

from django.db import models

from tasks.states import RULED, FailureCategory, MessageMatch, RuleVerdict


class FailureRule(models.Model):
    """The first enabled one that matches decides, by (order, id). What is empty matches everything or changes nothing.

    What it may hold is checked by `services.failure_rules`; how it is applied stands in `classifying`.
    """

    order = models.PositiveIntegerField(default=100, help_text="The lowest is asked first")
    enabled = models.BooleanField(default=True)
    type = models.CharField(max_length=100, blank=True, default="")
    error_class = models.CharField(max_length=200, blank=True, default="")
    message = models.CharField(max_length=200, blank=True, default="")
    message_match = models.CharField(max_length=8, choices=MessageMatch.choices, default=MessageMatch.CONTAINS)
    category = models.CharField(
        max_length=20,
        choices=[choice for choice in FailureCategory.choices if choice[0] in RULED],
        blank=True,
        default="",
    )
    verdict = models.CharField(max_length=8, choices=RuleVerdict.choices, blank=True, default="")
    delay = models.FloatField(null=True, blank=True, help_text="Seconds before the next attempt")
    note = models.CharField(max_length=500, blank=True, default="")
    changed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["order", "id"]

    def __str__(self) -> str:
        return f"rule {self.pk}"

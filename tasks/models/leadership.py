"""Which coordinator leads: one row a role. A row and not a session lock, so that it works behind PgBouncer."""

from django.db import models


class Leadership(models.Model):
    role = models.CharField(primary_key=True, max_length=40)
    holder = models.CharField(max_length=200, blank=True, default="")
    term = models.PositiveBigIntegerField(
        default=0, help_text="Rises with each new leader; each of its writes carries it"
    )
    expires_at = models.DateTimeField(null=True)
    idle = models.BooleanField(default=False, help_text="The dispatcher sleeps: a submit wakes it")
    broker_error = models.CharField(max_length=300, blank=True, default="", help_text="Why nothing can be published")

    class Meta:
        verbose_name_plural = "leaderships"

    def __str__(self) -> str:
        return f"{self.role}: {self.holder} in term {self.term}"

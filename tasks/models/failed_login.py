"""How often somebody failed to sign in lately, by address and by user name. Shared by all web processes."""

from typing import ClassVar

from django.db import models


class FailedLogin(models.Model):
    subject = models.CharField(primary_key=True, max_length=80, help_text="A hash: names may be mistyped passwords")
    count = models.PositiveIntegerField()
    since = models.DateTimeField(help_text="The first of them")

    class Meta:
        default_permissions: ClassVar = ()
        indexes: ClassVar = [models.Index("since", name="failed_login_since")]

    def __str__(self) -> str:
        return f"{self.count} since {self.since}"

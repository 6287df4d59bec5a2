"""A long-lived key with which a program signs in as a user. Its secret is stored as a hash."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class ApiKey(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, help_text="What uses it")
    prefix = models.CharField(max_length=16, unique=True, editable=False, help_text="Its beginning, which is no secret")
    # Of 160 random bits: a slow hash, as passwords need, would only slow each request down.
    hash = models.CharField(max_length=64, editable=False)
    read_only = models.BooleanField(default=False, help_text="It opens what its user may see, and changes nothing")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "API key"
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

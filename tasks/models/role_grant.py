"""Which rights the groups of the roles were given once. What somebody takes away afterwards is not given again."""

from typing import ClassVar

from django.db import models


class RoleGrant(models.Model):
    role = models.CharField(max_length=40)
    permission = models.CharField(max_length=160, help_text="app.codename")

    class Meta:
        default_permissions: ClassVar = ()
        constraints: ClassVar = [models.UniqueConstraint(name="role_grant_once", fields=["role", "permission"])]

    def __str__(self) -> str:
        return f"{self.role}: {self.permission}"

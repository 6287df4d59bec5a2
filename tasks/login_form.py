"""Signing in to the admin, but not as often as one likes. Not in `tasks.admin`, because the site itself loads it."""

import math
from typing import Any

from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from tasks import logins


class LoginForm(AuthenticationForm):
    def clean(self) -> dict[str, Any]:
        assert self.request is not None
        name = self.cleaned_data.get("username") or ""
        wait = logins.wait(self.request.META.get("REMOTE_ADDR", ""), name)
        if wait:
            self.request.retry_after = math.ceil(wait)  # for the middleware, which makes it the answer's status
            minutes = math.ceil(wait / 60)
            words = f"Too many attempts to sign in have failed. Try again in {minutes} minute{'s' * (minutes > 1)}."
            raise ValidationError(words, code="too_many_attempts")
        values: dict[str, Any] = super().clean()
        return values

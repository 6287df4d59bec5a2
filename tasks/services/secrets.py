"""Payloads that come back as they were shown: a mask keeps the secret that it stands for."""

from typing import Any

from tasks.exceptions import InvalidSubmission
from tasks.services.preparing import with_secrets_kept


def with_secrets(payload: Any, original: Any) -> Any:
    """Returns the payload with the original's secrets where it has their masks.

    Raises InvalidSubmission for a mask that stands for nothing.
    """
    errors: list[dict[str, str]] = []
    kept = with_secrets_kept(payload, original, "payload", errors)
    if errors:
        raise InvalidSubmission(errors)
    return kept

"""Signed webhooks by the Standard Webhooks specification, version 1 (symmetric signatures).

The payload names a key; its secrets come from WEBHOOK_SECRETS and stand in no row.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable

from django.conf import settings

ID, TIMESTAMP, SIGNATURE = "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"
SIGNING_HEADERS = frozenset({ID.lower(), TIMESTAMP.lower(), SIGNATURE.lower()})


class UnknownKey(ValueError):
    """WEBHOOK_SECRETS holds no key of this name."""

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no key {key!r} in WEBHOOK_SECRETS")


def secrets_of(key: str) -> tuple[bytes, ...]:
    """Returns the key's secrets, the newest first. Raises UnknownKey."""
    try:
        found: tuple[bytes, ...] = settings.WEBHOOK_SECRETS[key]
    except KeyError:
        raise UnknownKey(key) from None
    return found


def signed_headers(secrets: Iterable[bytes], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Returns the headers that sign the body, with one signature for each secret: receivers accept any of them.

    `timestamp` is the time of this attempt in Unix seconds; receivers refuse what is minutes old.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode() for secret in secrets]
    return {
        ID: message_id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: " ".join(f"v1,{signature}" for signature in signatures),
    }

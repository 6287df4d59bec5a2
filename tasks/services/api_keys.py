"""API keys: made, and then shown once; looked up by what a program sends; revoked."""

import hashlib
import hmac
import re
import secrets
import string
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from tasks import auditing, database
from tasks.exceptions import InvalidSubmission, KeyRefused
from tasks.models import ApiKey

KIND = "API key"
MOST_KEYS = 100  # of one user, that still open something
LONGEST_LIFE = timedelta(days=10 * 366)
USE_NOTED_EVERY = timedelta(seconds=60)
_SECRET = re.compile(r"(?P<prefix>ty_[a-z0-9]{8})_[a-z0-9]{32}")
_LETTERS = string.ascii_lowercase + string.digits


def make_key(
    *, user: Any, name: str, read_only: bool = False, expires_at: datetime | None = None, actor: Any
) -> tuple[ApiKey, str]:
    """Returns the key and what a program has to send, which is stored nowhere.

    Raises InvalidSubmission for a name or time that is none, and for a user who has MOST_KEYS.
    """
    now = database.now()
    errors = []
    if not name.strip():
        errors.append({"code": "required", "detail": "say what will use the key", "attr": "name"})
    if expires_at is not None and not now < expires_at <= now + LONGEST_LIFE:
        detail = "give a time to come, at most ten years from now; or null, for a key that does not expire"
        errors.append({"code": "out_of_range", "detail": detail, "attr": "expires_at"})
    living = living_keys().filter(user=user).count()
    if living >= MOST_KEYS:
        detail = f"{user} has {living} keys already: revoke those that nobody uses"
        errors.append({"code": "too_many", "detail": detail, "attr": "non_field_errors"})
    if errors:
        raise InvalidSubmission(errors)
    with database.one_transaction():
        key, secret = _stored(user=user, name=name.strip(), read_only=read_only, created_at=now, expires_at=expires_at)
        after = {"user": user.get_username(), "name": key.name, "read_only": read_only, "expires_at": expires_at}
        auditing.record(verb="make", kind=KIND, target=key.prefix, actor=actor, after=after)
    return key, secret


def revoke_keys(keys: "QuerySet[ApiKey]", *, actor: Any, reason: str = "") -> list[int]:
    """Lets these keys open nothing any more. Returns the ids of those that did until now. Their rows stay."""
    with database.one_transaction():
        rows = keys.filter(revoked_at=None).order_by("id").select_for_update(of=("self",))
        found = list(rows.values_list("id", "prefix", "name"))
        ApiKey.objects.filter(id__in=[each[0] for each in found]).update(revoked_at=database.now())
        names = [f"{prefix} {name}" for _, prefix, name in found]
        auditing.record(verb="revoke", kind=KIND, ids=names, actor=actor, reason=reason)
    return [each[0] for each in found]


def living_keys() -> "QuerySet[ApiKey]":
    """Returns the keys that open something."""
    now = timezone.now()
    return ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


def opened_by(secret: str) -> ApiKey:
    """Returns the key with its user, and notes that it was used. Raises KeyRefused where it opens nothing."""
    found = _SECRET.fullmatch(secret)
    key = ApiKey.objects.select_related("user").filter(prefix=found["prefix"]).first() if found else None
    if key is None or not hmac.compare_digest(key.hash, _hash(secret)):
        raise KeyRefused("there is no such key")
    now = timezone.now()
    if key.revoked_at is not None:
        raise KeyRefused(f"the key {key.prefix} was revoked")
    if key.expires_at is not None and key.expires_at <= now:
        raise KeyRefused(f"the key {key.prefix} expired at {key.expires_at:%Y-%m-%d %H:%M} UTC")
    if not key.user.is_active:
        raise KeyRefused(f"the user of the key {key.prefix} is inactive")
    if key.last_used_at is None or now - key.last_used_at >= USE_NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    return key


def _stored(**values: Any) -> tuple[ApiKey, str]:
    while True:
        prefix = f"ty_{''.join(secrets.choice(_LETTERS) for _ in range(8))}"
        secret = f"{prefix}_{''.join(secrets.choice(_LETTERS) for _ in range(32))}"
        try:
            with transaction.atomic():
                return ApiKey.objects.create(prefix=prefix, hash=_hash(secret), **values), secret
        except IntegrityError:  # somebody else's key begins so, once in 2.8e12
            if not ApiKey.objects.filter(prefix=prefix).exists():
                raise


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

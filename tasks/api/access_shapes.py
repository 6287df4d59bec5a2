"""What the API shows of the audit trail and of API keys."""

from tasks import audit_trail
from tasks.api.access_answers import AuditEntryShape, KeyShape
from tasks.models import ApiKey, AuditEntry


def audit_shape(entry: AuditEntry, *, with_payload: bool) -> AuditEntryShape:
    return {
        "id": entry.id,
        "at": entry.at,
        "actor": entry.actor_name or None,
        "key": entry.key or None,
        "door": entry.door,
        "verb": entry.verb,
        "kind": entry.kind,
        "target": entry.target or None,
        "count": entry.count,
        "ids": entry.ids,
        "reason": entry.reason or None,
        "before": audit_trail.shown(entry.before, with_payload=with_payload),
        "after": audit_trail.shown(entry.after, with_payload=with_payload),
    }


def key_shape(key: ApiKey) -> KeyShape:
    return {
        "id": key.id,
        "prefix": key.prefix,
        "name": key.name,
        "user": key.user.get_username(),
        "read_only": key.read_only,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }

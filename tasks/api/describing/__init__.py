"""How the API's OpenAPI is made: from the types that requests are checked by and answers are built as."""

from tasks.api.describing.auto_schema import AutoSchema
from tasks.api.describing.key_scheme import KeyScheme
from tasks.api.describing.parameters import IDEMPOTENCY_KEY, IF_MATCH, RETRY_AFTER, sends_etag
from tasks.api.describing.shapes import example

__all__ = ["IDEMPOTENCY_KEY", "IF_MATCH", "RETRY_AFTER", "AutoSchema", "KeyScheme", "example", "sends_etag"]

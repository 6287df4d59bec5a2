"""Headers that several addresses take or send."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 200},
    OpenApiParameter.HEADER,
    description="The same key with the same body is stored once, however often it is sent; with another body it is 409",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'},
    OpenApiParameter.HEADER,
    description="The ETag that the row was read with: it is changed only if nobody changed it since, else 412",
    examples=[OpenApiExample("Whoever changed it", value="*"), OpenApiExample("As it was read", value='"1f3870be"')],
)


def sends_etag(*codes: int) -> OpenApiParameter:
    """The header ETag of the answers with these statuses."""
    return OpenApiParameter(
        "ETag",
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        description="Changes with the row; send it back in If-Match",
        response=list(codes) or True,
    )


RETRY_AFTER = OpenApiParameter(
    "Retry-After", OpenApiTypes.INT, OpenApiParameter.HEADER, description="Seconds", response=[429, 503]
)

"""What an http_request task is given: the model behind its validation, its JSON Schema and the admin's form."""

import json
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import httpx
from django.conf import settings
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator, model_validator

from tasks.handlers.http_signing import SIGNING_HEADERS, secrets_of

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Scalar = str | int | Annotated[float, Field(allow_inf_nan=False)] | bool
Pairs = dict[str, Scalar | list[Scalar]]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110, 5.5: visible characters, space and tab.
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
# They frame the message or belong to the connection: a wrong one makes two servers read two different requests.
_HEADERS_OF_THE_TRANSPORT = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_HOST = re.compile(rb"[0-9A-Za-z._:-]+")
_STATUSES = re.compile(r"(?P<hundreds>[1-5])xx|(?P<first>[1-5]\d\d)(?:-(?P<last>[1-5]\d\d))?", re.IGNORECASE)


def _uppercase(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


def _in_a_list(value: Any) -> Any:
    return [value] if isinstance(value, int | str) else value


class HttpRequest(BaseModel):
    """An HTTP request and what to make of its answer."""

    model_config = ConfigDict(
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        # A URL or header may hold a password, and error texts are stored.
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [
                {"url": "https://api.example.com/orders/17"},
                {
                    "method": "POST",
                    "url": "https://api.example.com/orders",
                    "headers": {"Authorization": "Bearer TOKEN"},
                    "json": {"article": 4711, "quantity": 2},
                    "expected_status": [201, "409"],
                },
            ]
        },
    )

    method: Annotated[Method, BeforeValidator(_uppercase)] = Field(
        default="GET",
        description="In upper or lower case. Methods other than GET, HEAD and OPTIONS carry Idempotency-Key.",
    )
    url: str = Field(
        min_length=1,
        description="http:// or https://, or relative to HTTP_BASE_URL. A user and password in it become the "
        "Authorization header and are shown nowhere.",
        examples=["https://api.example.com/orders?page=2", "orders/17"],
        json_schema_extra={"format": "uri-reference"},
    )
    headers: dict[str, str] = Field(
        default_factory=dict,
        description="Sent as they are. A redirect to another origin carries none of them except harmless ones.",
        examples=[{"Accept": "application/json", "X-Api-Key": "…"}],
    )
    params: Pairs = Field(
        default_factory=dict,
        description="Appended to the URL's query; a list repeats its name.",
        examples=[{"page": 2, "tag": ["new", "paid"]}],
    )
    json_body: JsonValue = Field(
        default=None,
        alias="json",
        description="A body sent as application/json; null is no body. At most one of json, form and body.",
        examples=[{"article": 4711}],
    )
    form: Pairs | None = Field(
        default=None,
        description="A body sent as application/x-www-form-urlencoded; a list repeats its name.",
        examples=[{"name": "Ada", "tag": ["new", "paid"]}],
    )
    body: str | None = Field(
        default=None,
        description="A body sent as it is, in UTF-8, as text/plain unless the header Content-Type says otherwise.",
        examples=["<order article='4711'/>"],
    )
    sign: str | None = Field(
        default=None,
        description="Signs the request as a webhook (Standard Webhooks): the name of a key of WEBHOOK_SECRETS.",
        examples=["billing"],
    )
    expected_status: Annotated[list[int | str], BeforeValidator(_in_a_list)] = Field(
        default=["2xx"],
        min_length=1,
        description='Statuses that mean success: numbers, "2xx" or "200-299". Any other one fails the task.',
        examples=[["2xx"], [200, 404], ["200-299", 304]],
    )
    follow_redirects: bool = Field(
        default=True, description="Follows up to 5 redirects. Must be off where a 3xx status is expected."
    )
    verify_tls: bool = Field(default=True, description="Off: accepts any certificate, so anybody may have answered.")
    response_limit: int | None = Field(
        default=None,
        ge=0,
        description="How many bytes of the unpacked body are kept. At most, and by default, HTTP_RESPONSE_LIMIT.",
    )
    connect_timeout: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Seconds to resolve the name and connect, and again for the TLS handshake.",
    )

    @field_validator("url")
    @classmethod
    def _url_can_be_reached(cls, value: str) -> str:
        value = value.strip()
        resolved_url(value)
        return value

    @field_validator("headers")
    @classmethod
    def _headers_are_well_formed(cls, value: dict[str, str]) -> dict[str, str]:
        seen: set[str] = set()
        for name, text in value.items():
            low = name.lower()
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no header name: letters, digits and !#$%&'*+.^_`|~- only")
            if low in seen:
                raise ValueError(f"the header {name} is given twice")
            if low in _HEADERS_OF_THE_TRANSPORT or low.startswith("x-taskyard-"):
                raise ValueError(f"the header {name} is set by Taskyard")
            if not _HEADER_VALUE.fullmatch(text):
                raise ValueError(f"the value of the header {name} may hold printable ASCII only (no line breaks)")
            seen.add(low)
        return {name: text.strip() for name, text in value.items()}

    @field_validator("json_body")
    @classmethod
    def _json_can_be_sent(cls, value: JsonValue) -> JsonValue:
        json.dumps(value, allow_nan=False)  # ValueError names the fault
        return value

    @field_validator("sign")
    @classmethod
    def _key_is_known(cls, value: str | None) -> str | None:
        if value is not None:
            secrets_of(value)
        return value

    @field_validator("expected_status")
    @classmethod
    def _statuses_are_known(cls, value: list[int | str]) -> list[int | str]:
        for each in value:
            _statuses(each)
        return value

    @field_validator("response_limit")
    @classmethod
    def _limit_is_allowed(cls, value: int | None) -> int | None:
        if value is not None and value > settings.HTTP_RESPONSE_LIMIT:
            raise ValueError(f"is more than the {settings.HTTP_RESPONSE_LIMIT:,} bytes of HTTP_RESPONSE_LIMIT")
        return value

    @model_validator(mode="after")
    def _one_body_at_most(self) -> "HttpRequest":
        given = {"json": self.json_body, "form": self.form, "body": self.body}
        names = [name for name, value in given.items() if value is not None]
        if len(names) > 1:
            raise ValueError(f"{' and '.join(names)} are given: a request has one body at most")
        return self

    @model_validator(mode="after")
    def _signature_is_not_given(self) -> "HttpRequest":
        given = [name for name in self.headers if name.lower() in SIGNING_HEADERS]
        if self.sign is not None and given:
            raise ValueError(f"the header {given[0]} is set by Taskyard where sign names a key")
        return self

    @property
    def limit(self) -> int:
        """How many bytes of the response body to keep."""
        return settings.HTTP_RESPONSE_LIMIT if self.response_limit is None else self.response_limit

    def expects(self, status: int) -> bool:
        return any(status in _statuses(each) for each in self.expected_status)

    def content(self) -> tuple[bytes, str]:
        """Returns the body and its Content-Type; both are empty where there is no body."""
        if self.json_body is not None:
            return json.dumps(self.json_body, separators=(",", ":")).encode(), "application/json"
        if self.form is not None:
            return encoded_pairs(self.form).encode(), "application/x-www-form-urlencoded"
        if self.body is not None:
            return self.body.encode(), "text/plain; charset=utf-8"
        return b"", ""


def resolved_url(url: str) -> httpx.URL:
    """Returns the absolute URL; a relative one is looked up in HTTP_BASE_URL, which is taken as a folder.

    Raises ValueError with a message that holds nothing of the URL's secrets.
    """
    parsed = _parsed(url)
    if not parsed.scheme and parsed.host:
        raise ValueError("a URL that names a host must start with http:// or https://")
    if not parsed.scheme:
        if not settings.HTTP_BASE_URL:
            raise ValueError("the URL is relative, and HTTP_BASE_URL is not set: give http:// or https://")
        base = _parsed(settings.HTTP_BASE_URL)
        if not base.path.endswith("/"):
            base = base.copy_with(path=base.path + "/")
        try:
            parsed = base.join(parsed)
        except httpx.InvalidURL:
            raise ValueError("the URL cannot be resolved against HTTP_BASE_URL") from None
    if parsed.scheme not in ("http", "https"):
        raise ValueError(f"{parsed.scheme}: is not supported: the URL must start with http:// or https://")
    if not parsed.host or not _HOST.fullmatch(parsed.raw_host) or parsed.port == 0 or (parsed.port or 1) > 65_535:
        raise ValueError("the URL names no host, or one that cannot be")
    return parsed


def encoded_pairs(pairs: Pairs) -> str:
    """Returns name=value&… as forms and queries have it; true and false in lower case."""
    flat = [
        (name, str(each).lower() if isinstance(each, bool) else str(each))
        for name, value in pairs.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    return urlencode(flat)


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise ValueError("this is not a valid URL") from None


def _statuses(expected: int | str) -> range:
    match = _STATUSES.fullmatch(str(expected).strip())
    if match is None:
        raise ValueError(f'{expected!r} is no status: a number from 100 to 599, "2xx" or "200-299"')
    if match["hundreds"]:
        first = int(match["hundreds"]) * 100
        return range(first, first + 100)
    first, last = int(match["first"]), int(match["last"] or match["first"])
    if last < first:
        raise ValueError(f"{expected!r} ends before it starts")
    return range(first, last + 1)

"""The answers that say no: which status means what, and what comes with it."""

from dataclasses import dataclass, field
from typing import Any

from tasks.api.answers import ConflictShape, RefusalShape
from tasks.states import TaskStatus


@dataclass(frozen=True)
class Refusal:
    name: str
    words: str
    code: str
    detail: str
    attr: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    shape: Any = RefusalShape
    beside: dict[str, Any] = field(default_factory=dict)  # what stands in the body beside the errors

    def body(self, status: int) -> dict[str, Any]:
        kind = "server_error" if status >= 500 else "validation_error" if self.attr else "client_error"
        return {
            "type": kind,
            "errors": [{"code": self.code, "detail": self.detail, "attr": self.attr}],
            **self.beside,
        }


_SECONDS = "Seconds after which to try again"

REFUSALS: dict[int, Refusal] = {
    400: Refusal(
        "Invalid",
        "What was sent is wrong; `attr` is the path of each error.",
        "less_than_equal", "Input should be less than or equal to 9", "priority",
    ),
    401: Refusal(
        "NotSignedIn",
        "No credentials, or none that are valid.",
        "not_authenticated", "Authentication credentials were not provided.",
        headers={"WWW-Authenticate": "The scheme that is taken here"},
    ),
    403: Refusal(
        "NotAllowed",
        "The permission is missing; or a session came without its CSRF token.",
        "permission_denied", "You do not have permission to perform this action.",
    ),
    404: Refusal("NotFound", "There is no such row, page or address.", "not_found", "Not found."),
    405: Refusal(
        "WrongMethod",
        "The address does not know this method.",
        "method_not_allowed", 'Method "PUT" not allowed.',
        headers={"Allow": "The methods that it knows"},
    ),
    406: Refusal(
        "NotAcceptable",
        "None of the content types of Accept can be sent.",
        "not_acceptable", "Could not satisfy the request Accept header.",
    ),
    409: Refusal(
        "Conflict",
        "The current state does not allow it; the answer names that state.",
        "illegal_transition", "a completed task cannot be cancelled",
        shape=ConflictShape, beside={"status": TaskStatus.COMPLETED.value},
    ),
    412: Refusal(
        "Changed",
        "Somebody changed the row since its ETag was read.",
        "precondition_failed", "the task was changed since it was read: read it again",
    ),
    413: Refusal(
        "TooLarge", "The body or a payload is over its limit.", "request_too_large", "the request is larger than …"
    ),
    415: Refusal(
        "WrongContentType",
        "Bodies are JSON.",
        "unsupported_media_type", 'Unsupported media type "text/plain" in request.',
    ),
    429: Refusal(
        "TooMany",
        "More requests than this user or key may send.",
        "throttled", "Request was throttled. Expected available in 17 seconds.",
        headers={"Retry-After": _SECONDS},
    ),
    500: Refusal(
        "Failed",
        "A fault of the server, which its log tells more about.",
        "error", "Server Error (500)",
    ),
    503: Refusal(
        "Unavailable",
        "The database does not answer.",
        "database_unavailable", "the database does not answer; try again",
        headers={"Retry-After": _SECONDS},
    ),
}  # fmt: skip

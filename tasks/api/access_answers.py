"""What the API answers about who changed what, and about API keys, as types; see `tasks.api.answers`."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from tasks.api.answers import word_of
from tasks.states import Door


class AuditEntryShape(TypedDict):
    """One operation that changed something."""

    id: int
    at: datetime
    actor: Annotated[str | None, Field(description="User name; on the command line the account of the machine")]
    key: Annotated[str | None, Field(description="Beginning of the API key that was used")]
    door: Annotated[str, word_of(Door)]
    verb: str
    kind: Annotated[str, Field(description="Of what was changed")]
    target: Annotated[str | None, Field(description="Which one, where it was one")]
    count: int
    ids: Annotated[list[str], Field(description="The first 20 of them")]
    reason: str | None
    before: Annotated[dict[str, Any] | None, Field(description="Secrets are masked")]
    after: Annotated[dict[str, Any] | None, Field(description="Payloads only with tasks.view_payload")]


class KeyShape(TypedDict):
    """An API key. What programs send is not stored."""

    id: int
    prefix: Annotated[str, Field(description="Its beginning")]
    name: str
    user: str
    read_only: bool
    created_at: datetime
    expires_at: Annotated[datetime | None, Field(description="null: it does not expire")]
    last_used_at: Annotated[datetime | None, Field(description="To the minute")]
    revoked_at: datetime | None


class ShownKeyShape(KeyShape):
    key: Annotated[str, Field(description="For the header Authorization: Bearer …; shown this once")]

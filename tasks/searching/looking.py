"""What the conditions of a search may depend on besides its words."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from tasks import database, selectors

MOST_TYPES = 1_000


@dataclass
class Look:
    """One look at the rows, by somebody, at a time. None is who has the machine, and with it the database."""

    user: Any

    @cached_property
    def now(self) -> datetime:
        return database.now()

    @cached_property
    def types(self) -> list[str] | None:
        """The types that tasks have; None where there are too many to be told."""
        found = selectors.types_in_use(MOST_TYPES + 1)
        return found if len(found) <= MOST_TYPES else None

    @cached_property
    def sees_payload(self) -> bool:
        return self.user is None or bool(self.user.has_perm("tasks.view_payload"))

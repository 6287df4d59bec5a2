"""The rows that the addresses of the table of access name."""

from typing import Any

from tasks import database, failure_groups
from tasks.models import DeadLetter, FailureGroup, FailureRule, Task
from tasks.services.api_keys import make_key
from tests.tasks.access_table import NOBODY
from tests.tasks.rows import a_bulk_action


def rows_for(dead: Task, keeper: Any) -> dict[str, Any]:
    """Returns what stands in the addresses' braces. The key is the keeper's."""
    failure_groups.fold_changes()
    return {
        "task": dead.id,
        "letter": DeadLetter.objects.get().id,
        "group": FailureGroup.objects.get().pk,
        "rule": FailureRule.objects.create(type="b", verdict="die", changed_at=database.now()).pk,
        "bulk": a_bulk_action(dead).pk,
        "queue": "http",
        "key": make_key(user=keeper, name="a program", actor=None)[0].pk,
        "nobody": NOBODY,
    }

"""The API's views, one file a kind of row: they translate requests to services and rows to shapes."""

from tasks.api.views.audit import AuditViewSet
from tasks.api.views.bulk_actions import BulkActionViewSet
from tasks.api.views.dead_letters import DeadLetterVerbs, DeadLetterViewSet
from tasks.api.views.documents import DocsView, SchemaView
from tasks.api.views.exports import DeadLetterExport, TaskExport
from tasks.api.views.failure_groups import FailureGroupViewSet
from tasks.api.views.failure_rules import FailureRuleTrial, FailureRuleViewSet
from tasks.api.views.keys import KeyViewSet
from tasks.api.views.queue_manager import QueueManagerViewSet
from tasks.api.views.queues import QueueViewSet
from tasks.api.views.task_verbs import TaskVerbs
from tasks.api.views.tasks import TaskViewSet
from tasks.api.views.tokens import RefreshView, TokenView
from tasks.api.views.types import TaskTypesView
from tasks.api.views.unknown import UnknownAddressView

__all__ = [
    "AuditViewSet",
    "BulkActionViewSet",
    "DeadLetterExport",
    "DeadLetterVerbs",
    "DeadLetterViewSet",
    "DocsView",
    "FailureGroupViewSet",
    "FailureRuleTrial",
    "FailureRuleViewSet",
    "KeyViewSet",
    "QueueManagerViewSet",
    "QueueViewSet",
    "RefreshView",
    "SchemaView",
    "TaskExport",
    "TaskTypesView",
    "TaskVerbs",
    "TaskViewSet",
    "TokenView",
    "UnknownAddressView",
]

"""Addresses of the task API, below /api/."""

from django.urls import path

from tasks.api.views import (
    AuditViewSet,
    BulkActionViewSet,
    DeadLetterExport,
    DeadLetterVerbs,
    DeadLetterViewSet,
    FailureGroupViewSet,
    FailureRuleTrial,
    FailureRuleViewSet,
    KeyViewSet,
    QueueManagerViewSet,
    QueueViewSet,
    TaskExport,
    TaskTypesView,
    TaskVerbs,
    TaskViewSet,
)

_BULK = "bulk-actions/<uuid:pk>/"
_TASK, _LETTER, _QUEUE = "tasks/<uuid:pk>/", "dlq/tasks/<uuid:pk>/", "queue-manager/queues/<str:name>/"
_GROUP, _RULE = "dlq/groups/<str:fingerprint>/", "dlq/rules/<int:pk>/"

urlpatterns = [
    path("auth/keys/", KeyViewSet.as_view({"get": "list", "post": "create"}), name="keys"),
    path("auth/keys/<int:pk>/", KeyViewSet.as_view({"delete": "destroy"}), name="key"),
    path("audit/", AuditViewSet.as_view({"get": "list"}), name="audit"),
    path("task-types/", TaskTypesView.as_view(), name="task-types"),
    path("tasks/", TaskViewSet.as_view({"get": "list", "post": "create"}), name="tasks"),
    path("tasks/bulk/", TaskViewSet.as_view({"post": "bulk"}), name="tasks-bulk"),
    path("tasks/stats/", TaskViewSet.as_view({"get": "stats"}), name="tasks-stats"),
    path("tasks/export/", TaskExport.as_view({"get": "export"}), name="tasks-export"),
    path("tasks/cancel/", TaskVerbs.as_view({"post": "cancel_many"}), name="tasks-cancel"),
    path("tasks/retry/", TaskVerbs.as_view({"post": "retry_many"}), name="tasks-retry"),
    path("tasks/priority/", TaskVerbs.as_view({"post": "priority_of_many"}), name="tasks-priority"),
    path("tasks/run-now/", TaskVerbs.as_view({"post": "run_many_now"}), name="tasks-run-now"),
    path(_TASK, TaskVerbs.as_view({"get": "retrieve", "patch": "edit", "delete": "cancel"}), name="task"),
    path(f"{_TASK}attempts/", TaskViewSet.as_view({"get": "attempts"}), name="task-attempts"),
    path(f"{_TASK}logs/", TaskViewSet.as_view({"get": "logs"}), name="task-logs"),
    path(f"{_TASK}timeline/", TaskViewSet.as_view({"get": "timeline"}), name="task-timeline"),
    path(f"{_TASK}why/", TaskViewSet.as_view({"get": "why"}), name="task-why"),
    path(f"{_TASK}retry/", TaskVerbs.as_view({"post": "retry"}), name="task-retry"),
    path(f"{_TASK}cancel/", TaskVerbs.as_view({"post": "cancel"}), name="task-cancel"),
    path(f"{_TASK}clone/", TaskViewSet.as_view({"post": "clone"}), name="task-clone"),
    path(f"{_TASK}compensate/", TaskVerbs.as_view({"post": "compensate"}), name="task-compensate"),
    path(f"{_TASK}run-now/", TaskVerbs.as_view({"post": "run_now"}), name="task-run-now"),
    path(f"{_TASK}priority/", TaskVerbs.as_view({"post": "priority"}), name="task-priority"),
    path("bulk-actions/", BulkActionViewSet.as_view({"get": "list", "post": "create"}), name="bulk-actions"),
    path(_BULK, BulkActionViewSet.as_view({"get": "retrieve"}), name="bulk-action"),
    path(f"{_BULK}items/", BulkActionViewSet.as_view({"get": "items"}), name="bulk-action-items"),
    path(f"{_BULK}pause/", BulkActionViewSet.as_view({"post": "pause"}), name="bulk-action-pause"),
    path(f"{_BULK}resume/", BulkActionViewSet.as_view({"post": "resume"}), name="bulk-action-resume"),
    path(f"{_BULK}abort/", BulkActionViewSet.as_view({"post": "abort"}), name="bulk-action-abort"),
    path("dlq/tasks/", DeadLetterViewSet.as_view({"get": "list"}), name="dead-letters"),
    path("dlq/tasks/export/", DeadLetterExport.as_view({"get": "export"}), name="dead-letters-export"),
    path("dlq/groups/", FailureGroupViewSet.as_view({"get": "list"}), name="dead-letter-groups"),
    path(_GROUP, FailureGroupViewSet.as_view({"get": "retrieve"}), name="dead-letter-group"),
    *(
        path(f"{_GROUP}{verb}/", FailureGroupViewSet.as_view({"post": verb}), name=f"dead-letter-group-{verb}")
        for verb in ("resolve", "ignore", "reopen", "reprocess", "discard")
    ),
    path("dlq/rules/", FailureRuleViewSet.as_view({"get": "list", "post": "create"}), name="failure-rules"),
    path("dlq/rules/try/", FailureRuleTrial.as_view({"post": "try_it"}), name="failure-rule-try"),
    path(
        _RULE,
        FailureRuleViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="failure-rule",
    ),
    path("dlq/stats/", DeadLetterViewSet.as_view({"get": "stats"}), name="dead-letter-stats"),
    path("dlq/reprocess/", DeadLetterVerbs.as_view({"post": "reprocess_matching"}), name="dead-letters-reprocess"),
    path("dlq/reprocess/preview/", DeadLetterVerbs.as_view({"post": "preview"}), name="dead-letters-preview"),
    path("dlq/discard/", DeadLetterVerbs.as_view({"post": "discard_matching"}), name="dead-letters-discard"),
    path(_LETTER, DeadLetterViewSet.as_view({"get": "retrieve"}), name="dead-letter"),
    path(f"{_LETTER}reprocess/", DeadLetterVerbs.as_view({"post": "reprocess"}), name="dead-letter-reprocess"),
    path(f"{_LETTER}discard/", DeadLetterVerbs.as_view({"post": "discard"}), name="dead-letter-discard"),
    path("queue-manager/status/", QueueManagerViewSet.as_view({"get": "status"}), name="queue-manager-status"),
    path("queue-manager/overloaded/", QueueManagerViewSet.as_view({"get": "overloaded"}), name="queues-overloaded"),
    path("queue-manager/failed-count/", QueueManagerViewSet.as_view({"get": "failed_count"}), name="failed-count"),
    path("queue-manager/pending-count/", QueueManagerViewSet.as_view({"get": "pending_count"}), name="pending-count"),
    path("queue-manager/queues/", QueueViewSet.as_view({"get": "list"}), name="queues"),
    path(_QUEUE, QueueViewSet.as_view({"get": "retrieve", "patch": "limit"}), name="queue"),
    path(f"{_QUEUE}pause/", QueueViewSet.as_view({"post": "pause"}), name="queue-pause"),
    path(f"{_QUEUE}resume/", QueueViewSet.as_view({"post": "resume"}), name="queue-resume"),
]

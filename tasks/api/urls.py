"""Addresses of the task API, below /api/."""

from django.urls import path

from tasks.api.views import DeadLetterViewSet, TaskTypesView, TaskViewSet

urlpatterns = [
    path("task-types/", TaskTypesView.as_view(), name="task-types"),
    path("tasks/", TaskViewSet.as_view({"get": "list", "post": "create"}), name="tasks"),
    path("tasks/bulk/", TaskViewSet.as_view({"post": "bulk"}), name="tasks-bulk"),
    path("tasks/stats/", TaskViewSet.as_view({"get": "stats"}), name="tasks-stats"),
    path("tasks/<uuid:pk>/", TaskViewSet.as_view({"get": "retrieve"}), name="task"),
    path("tasks/<uuid:pk>/attempts/", TaskViewSet.as_view({"get": "attempts"}), name="task-attempts"),
    path("tasks/<uuid:pk>/logs/", TaskViewSet.as_view({"get": "logs"}), name="task-logs"),
    path("dlq/tasks/", DeadLetterViewSet.as_view({"get": "list"}), name="dead-letters"),
    path("dlq/tasks/<uuid:pk>/", DeadLetterViewSet.as_view({"get": "retrieve"}), name="dead-letter"),
]

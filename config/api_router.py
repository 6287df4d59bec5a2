"""The API's addresses, joined from the apps."""

from django.urls import include, path, re_path

from tasks.api.views import DocsView, RefreshView, SchemaView, TokenView, UnknownAddressView

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    path("auth/token/", TokenView.as_view(), name="token"),
    path("auth/token/refresh/", RefreshView.as_view(), name="token-refresh"),
    path("health/", include("monitoring.health.urls")),
    path("", include("tasks.api.urls")),
    # Line breaks too, which <path:…> does not match; and without a group that Django cannot read backwards.
    re_path(r"[\s\S]*", UnknownAddressView.as_view()),
]

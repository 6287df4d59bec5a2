"""The API's addresses, joined from the apps."""

from django.urls import include, path
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from tasks.api.views import UnknownAddressView

urlpatterns = [
    path("auth/token/", TokenObtainPairView.as_view(), name="token"),
    path("auth/token/refresh/", TokenRefreshView.as_view(), name="token-refresh"),
    path("health/", include("monitoring.health.urls")),
    path("", include("tasks.api.urls")),
    path("<path:unknown>", UnknownAddressView.as_view()),
]

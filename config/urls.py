"""All addresses."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

admin.autodiscover()

handler400 = "tasks.api.plain_errors.bad_request"
handler403 = "tasks.api.plain_errors.permission_denied"
handler404 = "tasks.api.plain_errors.not_found"
handler500 = "tasks.api.plain_errors.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=static("tasks/favicon.svg"))),
    path("admin/", admin.site.urls),
    path("api/", include("config.api_router")),
]

"""All addresses."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

admin.autodiscover()

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=static("tasks/favicon.svg"))),
    path("admin/", admin.site.urls),
    path("api/", include("config.api_router")),
]

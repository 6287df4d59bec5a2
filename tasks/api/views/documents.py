"""What the API says of itself: its schema, and Swagger UI over it, which asks nothing of the internet."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponseRedirect
from django.templatetags.static import static
from django.urls import reverse
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

# Swagger UI's own script sets styles and draws pictures out of itself; nothing else may run or be asked.
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


class SchemaView(SpectacularAPIView):
    """OpenAPI 3 of this installation, as JSON or, by Accept, as YAML."""

    permission_classes = [IsAuthenticated]
    renderer_classes = [JSONRenderer, OpenApiJsonRenderer, OpenApiYamlRenderer]


class AlwaysThePage(BaseContentNegotiation):
    """A page whatever a browser accepts; what goes wrong is told as everywhere below /api/."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class DocsView(SpectacularSwaggerSplitView):
    permission_classes = [IsAuthenticated]
    content_negotiation_class = AlwaysThePage
    template_name = "api/docs.html"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)
        response["Content-Security-Policy"] = _CONTENT_POLICY
        return response

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, NotAuthenticated) and "text/html" in self.request.headers.get("Accept", ""):
            return HttpResponseRedirect(f"{reverse('admin:login')}?{urlencode({'next': self.request.path})}")
        self.renderer_classes = [JSONRenderer]
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)

    @staticmethod
    def _swagger_ui_favicon() -> str:
        return static("tasks/favicon.svg")

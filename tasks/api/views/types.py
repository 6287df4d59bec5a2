"""What can be submitted here."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tasks import registry
from tasks.api import shapes


class TaskTypesView(APIView):
    """Each type with the JSON Schema of its payload."""

    def get(self, request: Request) -> Response:
        return Response([shapes.type_shape(handler) for handler in registry.handlers()])

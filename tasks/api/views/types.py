"""What can be submitted here."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api import shapes
from tasks.api.answers import TypeShape
from tasks.api.query import KnowsItsQuery


class TaskTypesView(KnowsItsQuery):
    """Each type with the JSON Schema of its payload."""

    @extend_schema(summary="What can be submitted", responses={200: list[TypeShape]})
    def get(self, request: Request) -> Response:
        return Response(shapes.type_shapes())

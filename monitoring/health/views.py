"""Health for load balancers and orchestrators. `live` and `ready` need no login."""

from django.db import DatabaseError, InterfaceError
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring.health import selectors
from tasks.api.answers import HealthShape


class LiveView(APIView):
    """The process answers."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(summary="Whether the process answers", responses={200: HealthShape})
    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})


class ReadyView(APIView):
    """This web process can serve: its database answers and has every migration. 503 where not."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(summary="Whether the process can serve", responses={200: HealthShape, 503: HealthShape})
    def get(self, request: Request) -> Response:
        try:
            missing = selectors.unapplied_migrations()
        except (DatabaseError, InterfaceError):
            return Response({"status": "unavailable", "reason": "the database does not answer"}, status=503)
        if missing:
            return Response({"status": "unavailable", "reason": f"{len(missing)} migrations are missing"}, status=503)
        return Response({"status": "ok"})

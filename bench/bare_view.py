"""What a request costs without Taskyard: a DRF view that checks a few fields and inserts one small row."""

from typing import Any, ClassVar

from django.db import connection, models
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Row(models.Model):
    """Its app is none of the installed ones: the benchmark makes the table, and it goes with the database."""

    type = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    priority = models.PositiveSmallIntegerField()
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Row"]] = models.Manager()

    class Meta:
        app_label = "bench"

    def __str__(self) -> str:
        return self.name


class RowSerializer(serializers.Serializer[Row]):
    id = serializers.IntegerField(read_only=True)
    type = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=200, default="")
    priority = serializers.IntegerField(min_value=0, max_value=9, default=5)
    payload = serializers.DictField()
    created_at = serializers.DateTimeField(read_only=True)

    def create(self, validated_data: dict[str, Any]) -> Row:
        return Row.objects.create(**validated_data)


class BareView(APIView):
    """Signs in, reads and answers by the same settings as the API does."""

    def post(self, request: Request) -> Response:
        serializer = RowSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data, status=status.HTTP_201_CREATED)


def make_table() -> None:
    if Row._meta.db_table not in connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(Row)

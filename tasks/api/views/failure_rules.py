"""Rules over failures: read, edited by two without overwriting each other, tried before they are in force."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from tasks import services
from tasks.api import bodies
from tasks.api.answers import Page, RefusalShape
from tasks.api.dead_letter_answers import FailureRuleShape, TrialShape
from tasks.api.describing import IF_MATCH, example, sends_etag
from tasks.api.failure_shapes import rule_shape, trial_shape
from tasks.api.pagination import CappedPagination
from tasks.api.permissions import ModelPermissions, ReadingPermissions
from tasks.api.preconditions import etag, wanted_version
from tasks.api.views.chunked import ReadsChunked
from tasks.exceptions import RuleMissing
from tasks.models import FailureRule
from tasks.services.failure_rules import RuleForm

_EXAMPLE = example(
    "The partner's maintenance is no error of ours",
    {
        "type": "http_request",
        "error_class": "TaskFailed",
        "message": "maintenance",
        "category": "http_5xx",
        "verdict": "retry",
        "delay": 900.0,
        "note": "they announce it with a 403",
    },
)


class FailureRuleViewSet(ReadsChunked):
    queryset = FailureRule.objects.order_by("order", "id")
    permission_classes = [ModelPermissions]
    pagination_class = CappedPagination

    def rule(self, pk: int) -> FailureRule:
        rule: FailureRule | None = self.get_queryset().filter(pk=pk).first()
        if rule is None:
            raise RuleMissing(pk)
        return rule

    @extend_schema(summary="List the rules over failures", responses={200: Page[FailureRuleShape]})
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response([rule_shape(rule) for rule in page])

    @extend_schema(
        summary="Make a rule over failures",
        description="Workers obey it within seconds. Try it first.",
        request=RuleForm,
        parameters=[sends_etag(201)],
        responses={201: FailureRuleShape},
        examples=[_EXAMPLE],
    )
    def create(self, request: Request) -> Response:
        rule = services.create_rule(bodies.an_object(request), actor=request.user)
        return Response(rule_shape(rule), status=status.HTTP_201_CREATED, headers=etag(rule))

    @extend_schema(summary="Look at a rule", parameters=[sends_etag(200)], responses={200: FailureRuleShape})
    def retrieve(self, request: Request, pk: int) -> Response:
        rule = self.rule(pk)
        return Response(rule_shape(rule), headers=etag(rule))

    @extend_schema(
        summary="Change a rule",
        description="What is left out stays.",
        request=bodies.RuleChange,
        parameters=[IF_MATCH, sends_etag(200)],
        responses={200: FailureRuleShape, 412: RefusalShape},
        examples=[example("Switch it off", {"enabled": False})],
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        version = wanted_version(request, self.rule(pk))
        rule = services.change_rule(pk, bodies.an_object(request), actor=request.user, version=version)
        return Response(rule_shape(rule), headers=etag(rule))

    @extend_schema(summary="Remove a rule", parameters=[IF_MATCH], responses={204: None, 412: RefusalShape})
    def destroy(self, request: Request, pk: int) -> Response:
        services.remove_rule(pk, actor=request.user, version=wanted_version(request, self.rule(pk)))
        return Response(status=status.HTTP_204_NO_CONTENT)


class FailureRuleTrial(ReadsChunked):
    """Changes nothing: who may see the rules may try one."""

    queryset = FailureRule.objects.all()
    permission_classes = [ReadingPermissions]

    @extend_schema(
        summary="Try a rule against failures of late",
        description="Nothing is stored. What died last and the failed ones among the newest attempts are looked at.",
        request=RuleForm,
        responses={200: TrialShape},
        examples=[_EXAMPLE],
    )
    def try_it(self, request: Request) -> Response:
        return Response(trial_shape(services.try_rule(bodies.an_object(request))))

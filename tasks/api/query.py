"""What may stand in an address's query. A filter that was misspelt and ignored would match everything."""

import re
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request
from rest_framework.views import APIView

from tasks.exceptions import InvalidSubmission
from tasks.searching.messages import did_you_mean, quoted

_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


class KnowsItsQuery(APIView):
    """Refuses parameters that the schema does not name, and those that come twice."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.query_params:
            _check(request)


def _check(request: Request) -> None:
    match = request.resolver_match
    known = _parameters().get((request.method or "", _described_path(match.route if match else "")))
    if known is None:
        return  # no method of this address
    twice = [name for name, values in request.query_params.lists() if len(values) > 1]
    if twice:
        raise InvalidSubmission(
            [{"code": "given_twice", "detail": "it is given more than once", "attr": name} for name in twice[:10]]
        )
    wrong = [name for name in request.query_params if name not in known]
    if wrong:
        raise InvalidSubmission(
            [
                {
                    "code": "unknown_parameter",
                    "detail": f"there is no parameter {quoted(name)}{did_you_mean(name, known)}",
                    "attr": name,
                }
                for name in wrong[:10]
            ]
        )


@cache
def _parameters() -> dict[tuple[str, str], list[str]]:
    """Returns the names that each operation takes; they are read off the schema once, which takes about 0.2 s."""
    generator: Any = SchemaGenerator
    schema = generator().get_schema(request=None, public=True)
    return {
        (method.upper(), path): [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    }


def _described_path(route: str) -> str:
    return "/" + _CONVERTER.sub(r"{\1}", route).replace("{pk}", "{id}")

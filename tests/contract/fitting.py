"""Puts what is there into what was drawn: else each request would ask for rows that there are not."""

import zlib
from typing import Any

from schemathesis import Case
from schemathesis.core import NOT_SET
from schemathesis.core.parameters import ParameterLocation

from tests.contract.rows import Names

TYPES = ("sample.noop", "sample.echo", "sample.async_noop")


def fit(case: Case, names: Names) -> None:
    """Changes most of what was drawn to fit the schema, the same way each time; what was drawn not to stays."""
    if _fits_the_schema(case, ParameterLocation.PATH):
        kind = kind_of(case.operation.path)
        for name, drawn in case.path_parameters.items():
            case.path_parameters[name] = _instead(drawn, names.get(kind, []))
    query: Any = case.query or {}
    if _fits_the_schema(case, ParameterLocation.QUERY) and "cursor" in query and _number(query) % 8:
        del query["cursor"]  # it is the list's own word, and no other is one
    body: Any = case.body
    if body is not NOT_SET and _fits_the_schema(case, ParameterLocation.BODY):
        kind = "dlq/tasks" if "/dlq/" in case.operation.path else "tasks"
        case.body = _fitted(body, names, kind)
        if case.operation.label == "POST /api/tasks/" and case.headers and _number(body) % 8:
            case.headers.pop("Idempotency-Key", None)  # the body names one, as a rule


def kind_of(path: str) -> str:
    """Returns what stands before an address's parameter: `dlq/tasks` of /api/dlq/tasks/{id}/discard/."""
    return path.removeprefix("/api/").partition("/{")[0]


def _fits_the_schema(case: Case, location: ParameterLocation) -> bool:
    component = case.meta.components.get(location) if case.meta else None
    return component is not None and component.mode.is_positive


def _fitted(body: Any, names: Names, kind: str) -> Any:
    if isinstance(body, list):
        return [_fitted(each, names, kind) for each in body]
    if not isinstance(body, dict):
        return body
    found = dict(body)
    for name, drawn in body.items():
        if name == "ids" and isinstance(drawn, list):
            found[name] = [_instead(each, names[kind]) for each in drawn]
        elif name == "type" and isinstance(drawn, str) and drawn:
            found[name] = _instead(drawn, TYPES)
        elif name == "queue" and isinstance(drawn, str):
            found[name] = _instead(drawn, names["queue-manager/queues"])
        elif name == "depends_on" and isinstance(drawn, list):
            found[name] = [_instead(each, names["tasks"]) if isinstance(each, str) else each for each in drawn]
        elif name in ("tasks", "compensate"):
            found[name] = _fitted(drawn, names, kind)
    return found


def _instead(drawn: Any, known: Any) -> Any:
    number = _number(drawn)
    return known[number // 8 % len(known)] if known and number % 8 else drawn


def _number(drawn: Any) -> int:
    return zlib.crc32(repr(drawn).encode("utf-8", "surrogatepass"))

"""The schema says all of the API, and the API answers as the schema says."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from tasks.api.describing.refusals import REFUSALS
from tasks.models import Task
from tests.tasks.access_table import API, body_of
from tests.tasks.api.conftest import Api
from tests.tasks.api.places import rows_for

pytestmark = pytest.mark.django_db

NOT_DESCRIBED = {"schema/", "docs/", r"[\s\S]*"}  # what describes the others, and what is no address


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    GENERATOR_STATS.reset()
    made = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))
    warned = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    assert warned == []
    return made


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_it_is_openapi_3_1(schema: dict[str, Any]) -> None:
    assert schema["openapi"] == "3.1.0"
    validate_schema(schema)


def test_it_has_every_address_and_each_of_its_methods(schema: dict[str, Any]) -> None:
    described = {(method, path) for method, path, _ in operations(schema)}
    assert described == set(routed())


def routed() -> Iterator[tuple[str, str]]:
    def walk(patterns: Any, before: str) -> Iterator[tuple[str, Any]]:
        for each in patterns:
            if isinstance(each, URLResolver):
                yield from walk(each.url_patterns, before + str(each.pattern))
            elif isinstance(each, URLPattern):
                yield before + str(each.pattern), each.callback

    for pattern, view in walk(get_resolver().url_patterns, ""):
        address = pattern.removeprefix("api/")
        if not pattern.startswith("api/") or address in NOT_DESCRIBED:
            continue
        known = getattr(view, "actions", None) or [
            name for name in ("get", "post", "put", "patch", "delete") if hasattr(view.cls, name)
        ]
        place = place_of(pattern)
        # DRF adds "head" to a view's actions when it is first asked.
        yield from ((method.upper(), place) for method in known if method != "head")


def place_of(route: str) -> str:
    """Returns the address as the schema writes it."""
    return "/" + re.sub(r"<\w+:(\w+)>", lambda found: "{id}" if found[1] == "pk" else f"{{{found[1]}}}", route)


def test_each_operation_says_what_it_does_and_how_it_refuses(schema: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(schema)]
    assert len(set(ids)) == len(ids)
    for method, path, operation in operations(schema):
        assert operation["summary"], path
        codes = set(operation["responses"])
        assert {"500", "503"} <= codes
        if "{" in path:
            assert "404" in codes
        if "security" in operation:
            assert {"401", "403", "429"} <= codes, path
        if method in ("POST", "PATCH", "PUT"):
            assert {"400", "413", "415"} <= codes, path
            assert "requestBody" in operation, path


def test_examples_are_what_their_schemas_say(schema: dict[str, Any]) -> None:
    seen = 0
    for _, _path, operation in operations(schema):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            for each in media.get("examples", {}).values():
                validator(schema, media["schema"]).validate(each["value"])
                seen += 1
    for refusal in schema["components"]["responses"].values():
        media = refusal["content"]["application/json"]
        validator(schema, media["schema"]).validate(media["example"])
        seen += 1
    assert seen > len(REFUSALS)


def test_every_address_answers_as_the_schema_says(schema: dict[str, Any], places: Any, root: Api) -> None:
    """Whatever is sent: what the tables of access send, and nonsense."""
    asked = set()
    for method, address, body in requests():
        path = place_of(resolve("/api/" + address.format(**places).partition("?")[0]).route)
        operation = schema["paths"].get(path, {}).get(method.lower())
        if operation is None:
            continue
        asked.add((method, path))
        for sent in (body, b'{"no such field": 1}', b"{"):
            response = root.client.generic(
                method, f"/api/{address.format(**places)}", sent, content_type="application/json", headers=root.headers
            )
            holds(schema, operation, response)
    assert asked == {(method, path) for method, path, _ in operations(schema)}


@pytest.fixture
def places(dead: Task, completed: Task, root: Api) -> dict[str, Any]:
    return rows_for(dead, root.user)


def requests() -> Iterator[tuple[str, str, bytes]]:
    for method, address, *_ in API:
        given = body_of(method, address)
        yield method, address, b"" if given is None else json.dumps(given).encode()


def holds(schema: dict[str, Any], operation: dict[str, Any], response: Any) -> None:
    content = response.getvalue()  # exports are streamed
    where = f"{operation['operationId']} {response.status_code} {content[:300]}"
    assert str(response.status_code) in operation["responses"], where
    described = operation["responses"][str(response.status_code)]
    if "$ref" in described:
        described = schema["components"]["responses"][described["$ref"].rpartition("/")[2]]
    if response.status_code == 204:
        assert "content" not in described, where
        assert content == b"", where
        return
    media = described["content"][response["Content-Type"].partition(";")[0]]
    error = jsonschema.exceptions.best_match(validator(schema, media["schema"]).iter_errors(json.loads(content)))
    assert error is None, f"{where}: {error}"


def validator(schema: dict[str, Any], part: dict[str, Any]) -> Any:
    """Strict where the types are: a member that an object's type does not declare is a mistake."""
    whole = {**part, "components": closed(schema["components"])}
    return jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())


def closed(part: Any) -> Any:
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    found = {key: closed(value) for key, value in part.items()}
    if found.get("type") == "object" and isinstance(found.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return found

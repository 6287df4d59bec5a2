"""JSON Schemas that a payload carries: what is accepted of them, and how a row is judged by one.

References stay within the schema, and patterns are matched by Rust's engine, whose time is linear: a schema can neither
fetch anything nor hold up a process.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from jsonschema import Draft7Validator, Draft201909Validator, Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend  # without types
from pydantic import AfterValidator, Field, JsonValue
from pydantic_core import PydanticCustomError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

DIALECTS: dict[str, type[Validator]] = {
    "https://json-schema.org/draft/2020-12/schema": Draft202012Validator,
    "https://json-schema.org/draft/2019-09/schema": Draft201909Validator,
    "http://json-schema.org/draft-07/schema": Draft7Validator,
}
FORMATS = FormatChecker(formats=("date", "email", "ipv4", "ipv6", "uuid"))
MOST_REASONS = 5  # of one row
REASON_LIMIT = 200  # characters

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_NO_SCHEMAS_BELOW = ("const", "enum", "default", "examples")

_extended: Any = extend
Matches = Callable[[str, str], bool]  # (pattern, text)


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return _MOMENT.fullmatch(value) is not None and bool(datetime.fromisoformat(value.upper()))


class Judge:
    """Tells what is wrong with one row after the other."""

    def __init__(self, schema: Any, *, matches: Matches, tick: Callable[[], None] = lambda: None) -> None:
        """`tick` is called at each keyword: what it raises ends the judgement, however deep it is."""
        self._validator = _class_for(schema, matches, tick)(schema, registry=Registry(), format_checker=FORMATS)

    def reasons(self, row: Mapping[str, Any]) -> list[str]:
        """Returns why the row is refused, a few sentences; none where it is valid. May raise RecursionError."""
        found: list[str] = []
        for error in self._validator.iter_errors(row):
            place = ".".join(str(part) for part in error.absolute_path)
            message = f"{place}: {error.message}" if place else error.message
            found.append(message if len(message) <= REASON_LIMIT else message[: REASON_LIMIT - 1] + "…")
            if len(found) == MOST_REASONS:
                break
        return found


def _class_for(schema: Any, matches: Matches, tick: Callable[[], None]) -> Any:
    known = dialect_of(schema)

    def ticking(keyword: Any) -> Any:
        def check(validator: Any, value: Any, instance: Any, within: Any) -> Iterator[ValidationError]:
            tick()
            yield from keyword(validator, value, instance, within) or ()

        return check

    def pattern(validator: Any, value: str, instance: Any, within: Any) -> Iterator[ValidationError]:
        if validator.is_type(instance, "string") and not matches(value, instance):
            yield ValidationError(f"{instance!r} does not match {value!r}")

    keywords = {**known.VALIDATORS, "pattern": pattern}
    return _extended(known, {name: ticking(function) for name, function in keywords.items()})


def dialect_of(schema: Any) -> Any:
    named = schema.get("$schema") if isinstance(schema, dict) else None
    return DIALECTS[named.rstrip("#")] if isinstance(named, str) else Draft202012Validator


def _check(schema: JsonValue) -> JsonValue:
    reason = _complaint(schema)
    if reason:
        raise PydanticCustomError("json_schema", "{reason}", {"reason": reason})
    return schema


def _complaint(schema: Any) -> str:
    """Returns what is wrong with the schema, or ""."""
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if named is not None and (not isinstance(named, str) or named.rstrip("#") not in DIALECTS):
        return f"$schema is none of {', '.join(DIALECTS)}"
    try:
        dialect_of(schema).check_schema(schema, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        place = "/".join(str(part) for part in error.absolute_path)
        return f"it is no JSON Schema: {error.message[:REASON_LIMIT]}" + (f" (at {place})" if place else "")
    except RecursionError:
        return "it is nested too deeply"
    return next(filter(None, (_wrong(key, value, schema) for key, value in _keywords(schema, top=True))), "")


def _keywords(schema: Any, *, top: bool = False) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key not in _NO_SCHEMAS_BELOW:
                if not (top and key in ("$id", "$schema")):
                    yield key, value
                yield from _keywords(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keywords(value)


def _wrong(key: str, value: Any, schema: Any) -> str:
    match key, value:
        case ("$ref" | "$dynamicRef" | "$recursiveRef", str()):
            return "" if value.startswith("#") and _resolves(value, schema) else _NOT_FOUND.format(key, value)
        case ("$id" | "$schema", str()):
            return f"{key} stands at the top of a schema only"
        case ("pattern", str()):
            return _wrong_pattern(value)
        case ("patternProperties", dict()):  # jsonschema matches it by Python's engine, in several keywords
            return "patternProperties is not taken: the columns of a table are named in properties"
        case ("format", str()) if value not in FORMATS.checkers:
            return f"the format {value!r} is not checked here; there are {', '.join(sorted(FORMATS.checkers))}"
    return ""


_NOT_FOUND = "{} {!r} leads nowhere: references stay within the schema, such as #/$defs/name"


def _resolves(reference: str, schema: Any) -> bool:
    specification = specification_with(dialect_of(schema).META_SCHEMA["$schema"])
    base = str(schema.get("$id", "")) if isinstance(schema, dict) else ""
    registry: Registry[Any] = Registry().with_resource(base, specification.create_resource(schema))
    try:
        registry.resolver(base_uri=base).lookup(reference)
    except (Unresolvable, ValueError, TypeError, KeyError, IndexError):
        return False
    return True


@cache
def _wrong_pattern(pattern: str) -> str:
    from tasks.handlers.data_processing.frames.patterns import complaint  # not at the top: see frames/__init__.py

    return complaint(pattern)


RowSchema = Annotated[
    dict[str, JsonValue] | bool,
    Field(
        description="A JSON Schema (2020-12; by $schema also 2019-09 or draft 7) for one row as an object. References "
        "stay within it. Patterns know no look-around and no back-references."
    ),
    AfterValidator(_check),
]

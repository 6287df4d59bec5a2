"""From types to components of the schema: pydantic models, typed dictionaries, and lists and unions of them."""

import re
import types
from typing import Any, Literal, Union, get_args, get_origin

from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from drf_spectacular.utils import OpenApiExample
from pydantic import BaseModel, TypeAdapter
from typing_extensions import is_typeddict

Direction = Literal["request", "response"]
_REFERENCE = "#/components/schemas/{model}"


def is_shape(target: Any) -> bool:
    """Tells whether it is a type that `schema_of` describes."""
    origin = get_origin(target)
    if origin in (list, Union, types.UnionType):
        return all(is_shape(each) for each in get_args(target))
    return is_typeddict(origin or target) or (isinstance(target, type) and issubclass(target, BaseModel))


def schema_of(target: Any, registry: ComponentRegistry, direction: Direction) -> dict[str, Any]:
    """Returns a schema that refers to components, and sees to it that those are there."""
    mode: Literal["validation", "serialization"] = "validation" if direction == "request" else "serialization"
    schema: dict[str, Any] = _renamed(TypeAdapter(target).json_schema(ref_template=_REFERENCE, mode=mode))
    for name, definition in schema.pop("$defs", {}).items():
        _register(registry, name, definition)
    if get_origin(target) in (list, Union, types.UnionType) or set(schema) == {"$ref"}:
        return schema
    name = component_name(_spelt(target))
    _register(registry, name, schema)
    return {"$ref": _REFERENCE.format(model=name)}


def component_name(name: str) -> str:
    """Returns what readers see: `Task` for TaskShape, `PageOfTask` for a page of them."""
    name = re.sub(r"^(?:Searched)?Page_(\w+?)_$", r"PageOf\1", name)
    return name.removesuffix("Shape")


def example(name: str, value: Any, *, summary: str = "") -> OpenApiExample:
    """An example of a request's body."""
    return OpenApiExample(name, value=value, summary=summary or name, request_only=True)


def _spelt(target: Any) -> str:
    if get_origin(target) is not None:
        return f"{get_origin(target).__name__}_{'_'.join(_spelt(each) for each in get_args(target))}_"
    return str(target.__name__)


def _renamed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_renamed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$ref":
            found[key] = _REFERENCE.format(model=component_name(value.rpartition("/")[2]))
        elif key == "$defs":
            found[key] = {component_name(name): _renamed(each) for name, each in value.items()}
        elif key == "title" and isinstance(value, str):
            continue  # pydantic's words for the field's own name
        else:
            found[key] = _renamed(value)
    return found


def _register(registry: ComponentRegistry, name: str, schema: dict[str, Any]) -> None:
    component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=name)
    if component in registry and registry[component].schema != schema:
        raise TypeError(f"two types are called {name} and differ: rename one of them")
    registry.register_on_missing(component)

"""The payload of `data_processing`: that of the operation which it names."""

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, RootModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from tasks.handlers.data_processing.operations import DEFAULT, OperationPayload, find, operations
from tasks.handlers.data_processing.validation import error_at


def _validated(value: Any) -> OperationPayload:
    if isinstance(value, OperationPayload):
        return value
    if not isinstance(value, dict):
        raise PydanticKnownError("dict_type")
    name = value.get("operation", DEFAULT)
    operation = find(name) if isinstance(name, str) else None
    if operation is None:
        known = ", ".join(each.name for each in operations())
        raise error_at("operation", reason=f"there is no operation {name!r}; there are: {known}", value=name)
    return operation.payload.model_validate(value)


class _ByOperation:
    """A union that operations can join at any time."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_validated)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        each = []
        for known in operations():
            described = handler.resolve_ref_schema(handler(known.payload.__pydantic_core_schema__))
            required = described.get("required", []) + ([] if known.name == DEFAULT else ["operation"])
            each.append(described | {"required": required})
        return each[0] if len(each) == 1 else {"oneOf": each}


class DataProcessing(RootModel[Annotated[OperationPayload, _ByOperation]]):
    """Which operation, and what it needs."""

"""Validation errors at the path where the mistake is, without the tags that pydantic's unions put into it."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ModelWrapValidatorHandler, ValidationError, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError, PydanticKnownError


def error_at(*path: str | int, reason: str, value: Any = None) -> ValidationError:
    """Returns the error that a validator raises to blame a field below its own."""
    error = PydanticCustomError("invalid", "{reason}", {"reason": reason})
    return ValidationError.from_exception_data("payload", [InitErrorDetails(type=error, loc=path, input=value)])


def picking(choose: Callable[[dict[str, Any]], type[BaseModel] | None]) -> WrapValidator:
    """Makes a union validate by the model that `choose` picks; where it picks none, the union itself complains."""

    def validate(value: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if not isinstance(value, dict | BaseModel):
            raise PydanticKnownError("dict_type")
        model = choose(value) if isinstance(value, dict) else None
        return model.model_validate(value) if model is not None else handler(value)

    return WrapValidator(validate)

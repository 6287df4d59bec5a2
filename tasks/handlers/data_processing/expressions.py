"""The payload's type for a Polars SQL expression: refused at submit where it is wrong or reaches outside its row."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tasks.handlers.data_processing.sql_guard import EXPRESSION_LIMIT, ExpressionRefused


def _check(text: str) -> str:
    from tasks.handlers.data_processing.frames.parsing import parse  # not at the top: see frames/__init__.py

    try:
        parse(text)
    except ExpressionRefused as refused:
        raise PydanticCustomError("expression", "{reason}", {"reason": str(refused)}) from None
    return text


Expression = Annotated[
    str,
    Field(
        min_length=1,
        max_length=EXPRESSION_LIMIT,
        description="A Polars SQL expression over the columns of the row. Names that are not plain ASCII words go in "
        "double quotes, strings in single ones. Subqueries and anything that reads elsewhere are refused.",
    ),
    AfterValidator(_check),
]

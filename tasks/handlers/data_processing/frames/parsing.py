"""From the text of an expression to Polars. The only door to its SQL parser."""

import polars as pl

from tasks.handlers.data_processing.frames.failures import explain
from tasks.handlers.data_processing.sql_guard import ExpressionRefused, check


def parse(text: str) -> pl.Expr:
    """Returns the expression. Raises ExpressionRefused where it is wrong or reaches outside its row."""
    check(text)
    return parse_unguarded(text)


def parse_unguarded(text: str) -> pl.Expr:
    """The second line of defence: what Polars made of the text may hold no query, and is one column without a name."""
    try:
        pl.sql_expr(text)  # its messages quote the text as it was written
        # In parentheses no name may follow: Polars takes a mistyped `price amount` for `price AS amount`.
        expression = pl.sql_expr(f"({text})")
    except pl.exceptions.PolarsError as error:
        raise ExpressionRefused(explain(error)) from None
    shown = str(expression)
    if ".subplan(" in shown or "_POLARS_TMP_SQL" in shown:
        raise ExpressionRefused("an expression sees only its row: queries in it are refused")
    if expression.meta.has_multiple_outputs():
        raise ExpressionRefused("the expression gives several columns; it must give one")
    return expression

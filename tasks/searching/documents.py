"""What stands at a path of a JSON column, in the SQL of both databases. Paths and values travel as parameters."""

import json
import re
from typing import Any

from django.db.models import BooleanField, F, Func

from tasks.searching.grammar import Value

Sql = tuple[str, list[Any]]

# As a number, and not only as text: what both databases hold exactly.
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,10})?")
_ITEM = re.compile(r"-?[0-9]{1,6}")
_WORDS = frozenset({"true", "false", "null"})


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


class Holds(Func):
    """Whether the value at the path equals the text, or the number or word that the text may be as well."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, column: str, path: list[str], value: Value) -> None:
        super().__init__(F(column))
        self.path, self.value = path, value

    @property
    def identity(self) -> Any:
        return (type(self), *super().identity[1:], tuple(self.path), self.value)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Sql:
        column, params = compiler.compile(self.source_expressions[0])
        at = f"({column} #> %s::text[])"
        if self.value.compare == "=":
            texts = [json.dumps(self.value.text), *([self.value.text] if self._may_be_bare() else [])]
            return f"({at} = ANY(%s::text[]::jsonb[]))", [*params, self.path, texts]
        # CASE, for a cast may come before what it depends on otherwise.
        number = f"({column} #>> %s::text[])::numeric"
        conditions, numbers = self._bounds(number)
        sides = [part for each in numbers for part in (*params, self.path, str(each))]
        return f"(CASE jsonb_typeof{at} WHEN 'number' THEN {conditions} ELSE false END)", [*params, self.path, *sides]

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        # A number in a path is an item of a list or, less likely, a key of an object.
        places = [_sqlite_path(self.path, items=True)]
        if any(_ITEM.fullmatch(part) for part in self.path):
            places.append(_sqlite_path(self.path, items=False))
        found = [self._in_sqlite(column, list(params), place) for place in places]
        return f"({' OR '.join(sql for sql, _ in found)})", [each for _, params in found for each in params]

    def _in_sqlite(self, column: str, params: list[Any], place: str) -> Sql:
        kind, value, at = f"json_type({column}, %s)", f"json_extract({column}, %s)", [*params, place]
        if self.value.compare != "=":
            conditions, numbers = self._bounds(value, "CAST(%s AS NUMERIC)")
            sides = [part for each in numbers for part in (*at, each)]
            return f"(CASE WHEN {kind} IN ('integer', 'real') THEN {conditions} ELSE 0 END)", [*at, *sides]
        sql, said = f"({kind} = 'text' AND {value} = %s)", [*at, *at, self.value.text]
        if self._may_be_bare() and self.value.text in _WORDS:
            sql, said = f"{sql} OR {kind} = %s", [*said, *at, self.value.text]
        elif self._may_be_bare():
            sql = f"{sql} OR ({kind} IN ('integer', 'real') AND {value} = CAST(%s AS NUMERIC))"
            said = [*said, *at, *at, self.value.text]
        return f"coalesce({sql}, 0)", said

    def _may_be_bare(self) -> bool:
        return not self.value.is_quoted and (self.value.text in _WORDS or is_number(self.value.text))

    def _bounds(self, number: str, given: str = "%s::numeric") -> tuple[str, list[str]]:
        if self.value.compare != "..":
            return f"({number} {self.value.compare} {given})", [self.value.low]
        bounds = [(">=", self.value.low), ("<=", self.value.high)]
        kept = [(sign, each) for sign, each in bounds if each]
        return f"({' AND '.join(f'{number} {sign} {given}' for sign, _ in kept)})", [each for _, each in kept]


def _sqlite_path(path: list[str], *, items: bool) -> str:
    """Returns the path as SQLite writes it. As in PostgreSQL, -1 is the last item of a list."""
    steps = []
    for part in path:
        if items and _ITEM.fullmatch(part):
            steps.append(f"[#{int(part)}]" if int(part) < 0 else f"[{int(part)}]")
        else:
            steps.append(f'."{part}"')
    return "$" + "".join(steps)

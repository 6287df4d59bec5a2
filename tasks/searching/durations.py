"""How long a task ran, as lists show it: its newest attempt's time, or the time so far of one that is processing."""

from typing import Any

from django.db.models import Case, DateTimeField, F, FloatField, Func, Q, When
from django.db.models import Value as Constant
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from tasks.searching.grammar import Term, Value
from tasks.searching.looking import Look
from tasks.searching.messages import Wrong
from tasks.searching.quantities import check_bounds, read_span
from tasks.states import TaskStatus

_LOOKUPS = {">": GreaterThan, ">=": GreaterThanOrEqual, "<": LessThan, "<=": LessThanOrEqual}


class Seconds(Func):
    """The seconds from the first time to the second; to the millisecond on SQLite, whose functions know no more."""

    output_field = FloatField()
    arity = 2

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="extract(epoch FROM %(expressions)s)", arg_joiner=" - ", **extra
        )

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        # Django's own subtraction is a function in Python, called for each row.
        (start, start_params), (end, end_params) = (compiler.compile(each) for each in self.source_expressions)
        return f"round((julianday({start}) - julianday({end})) * 86400.0, 3)", [*start_params, *end_params]


def duration(term: Term, look: Look) -> Q:
    found = Q()
    for value in term.values:
        found |= _one(value, look)
    return found


def _one(value: Value, look: Look) -> Q:
    check_bounds(value)
    if value.compare == "=":
        raise Wrong(
            "invalid",
            "duration is compared: duration:>5m took longer than five minutes, duration:..1s at most a second",
        )
    running = Case(When(status=TaskStatus.PROCESSING, then=Constant(look.now)), output_field=DateTimeField(null=True))
    took = Seconds(Coalesce(F("finished_at"), running), F("started_at"))
    return Q(started_at__isnull=False) & _bounds(took, value)


def _bounds(took: Any, value: Value) -> Q:
    bounds = [(">=", value.low), ("<=", value.high)] if value.compare == ".." else [(value.compare, value.low)]
    found = Q()
    for sign, text in bounds:
        if text:
            found &= Q(_LOOKUPS[sign](took, read_span(text).total_seconds()))
    return found

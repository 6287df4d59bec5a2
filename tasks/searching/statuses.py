"""The statuses that a search selects, written such that SQLite finds the rows by the partial indexes of tasks."""

from collections.abc import Iterable
from typing import Any

from django.db.models import BooleanField, F, Func, Q

from tasks.searching.grammar import Term
from tasks.searching.looking import Look
from tasks.searching.vocabulary import known_word
from tasks.states import FINAL, TaskStatus

_COLUMNS = ("status", "parked", "queue", "run_at", "id", "created_at")
_ALL = "BETWEEN '' AND x''"  # texts: bytes come after all of them
_WAITING_FOR_TIME = f"{{status}} IN ('{TaskStatus.SCHEDULED}', '{TaskStatus.RETRYING}') AND {{run_at}} {_ALL}"

# What each partial index is made of, as the index has it, and then what says nothing more, but is a condition on the
# index's first column: without one, SQLite does not read several indexes for one OR, and with one side of a range it
# expects so much of each that it reads no more than a few. Completed ones have none of their own: they are nearly all.
_BY_INDEX = {
    TaskStatus.SCHEDULED: (_WAITING_FOR_TIME,),
    TaskStatus.RETRYING: (_WAITING_FOR_TIME,),
    TaskStatus.BLOCKED: (f"{{id}} {_ALL}",),
    TaskStatus.PENDING: (f"{{parked}} = '' AND {{queue}} {_ALL}", f"NOT ({{parked}} = '') AND {{queue}} {_ALL}"),
    TaskStatus.QUEUED: (f"{{queue}} {_ALL}",),
    TaskStatus.PROCESSING: (f"{{queue}} {_ALL}",),
    TaskStatus.FAILED: (f"{{created_at}} {_ALL}",),
    TaskStatus.CANCELLED: (f"{{created_at}} {_ALL}",),
}


class HasStatus(Func):
    """Whether the status is one of these; each is written out, with OR: it may have its own index."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, statuses: frozenset[TaskStatus]) -> None:
        super().__init__(*(F(column) for column in _COLUMNS))
        self.statuses = [status for status in TaskStatus if status in statuses]

    @property
    def identity(self) -> Any:
        return (type(self), *super().identity[1:], tuple(self.statuses))

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        status, _ = compiler.compile(self.source_expressions[0])
        return _any_of(_is(status, each) for each in self.statuses), []

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        first = str(next(iter(compiler.query.order_by), "")).removeprefix("-")
        is_read_in_order = first == "created_at" or (first == "finished_at" and FINAL & set(self.statuses))
        if is_read_in_order or not _BY_INDEX.keys() >= set(self.statuses):
            # By the index of that order, as far as a page goes. Else all of them are read, for which SQLite, which
            # knows no statistics, would rather read the whole table.
            return self.as_sql(compiler, connection)
        sql = [compiler.compile(each)[0] for each in self.source_expressions]
        columns = dict(zip(_COLUMNS, sql, strict=True))
        return _any_of(
            f"({_is(columns['status'], each)} AND {part.format(**columns)})"
            for each in self.statuses
            for part in _BY_INDEX[each]
        ), []


def status(term: Term, look: Look) -> Q:
    statuses = {TaskStatus(known_word(value.text, TaskStatus.values, what="status")) for value in term.values}
    # The others have their indexes where these may have none.
    return Q(HasStatus(frozenset(set(TaskStatus) - statuses if term.is_negated else statuses)))


def _any_of(conditions: Iterable[str]) -> str:
    return f"({' OR '.join(conditions) or '1 = 0'})"


def _is(column: str, status: TaskStatus) -> str:
    return f"{column} = '{status.value}'"

"""The words that look into payloads and errors. Their cost is bounded by `selection`, their secrets guarded here."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from tasks.masking import is_secret_name
from tasks.models import DeadLetter, TaskAttempt, TaskEvent
from tasks.searching.documents import Holds, is_number
from tasks.searching.grammar import Term, Value
from tasks.searching.looking import Look
from tasks.searching.messages import Wrong, did_you_mean, quoted
from tasks.searching.quantities import check_bounds
from tasks.searching.vocabulary import Condition
from tasks.states import EventKind, FailureCategory, TaskStatus

# The subqueries below compare a time as well, which says nothing more: by equal ids alone PostgreSQL would rather read
# all of the other table once than find a few rows of it by their index.

DEEPEST_PATH = 20


def payload(column: str) -> Condition:
    """Returns the condition of what stands at a path of the payload. Values are equal to texts, numbers or words."""

    def condition(term: Term, look: Look) -> Q:
        if not look.sees_payload:
            raise Wrong("no_permission", "searching in payloads needs the permission tasks.view_payload")
        path = _path(term.path)
        found = Q()
        for value in term.values:
            _check_comparison(term, value)
            found |= Q(Holds(column, path, value))
        return found

    return condition


def _path(text: str) -> list[str]:
    path = text.split(".") if text else []
    if not path or not all(path) or len(path) > DEEPEST_PATH:
        raise Wrong(
            "invalid", "payload takes the path of one value, as in payload.order_id:42 or payload.items.0.sku:A1"
        )
    for place, part in enumerate(path):
        # Who may see payloads sees its secrets masked, and is not to find them by guessing.
        if is_secret_name(part, within=path[place - 1].lower() if place else ""):
            raise Wrong("secret", f"payload.{text} looks like a secret: it is neither shown nor searched")
    return path


def _check_comparison(term: Term, value: Value) -> None:
    if value.compare != "=":
        check_bounds(value)
    if value.compare != "=" and not all(is_number(each) for each in (value.low, value.high) if each):
        raise Wrong("invalid", f"payload.{term.path} is compared with numbers, and {quoted(value.text)} has none")


def task_category(term: Term, look: Look) -> Q:
    """Holds where the newest attempt of a task that is not completed failed so, or its dead letter says so."""
    categories = [_category(value) for value in term.values]
    failed = _newest_attempts().filter(category__in=categories)
    dead = DeadLetter.objects.filter(
        task_id=OuterRef("pk"), created_at__gte=OuterRef("created_at"), resolution="", category__in=categories
    )
    found = Q(Exists(failed)) | Q(Exists(dead))
    if FailureCategory.DEPENDENCY_FAILED in categories:
        found |= Q(status=TaskStatus.FAILED, unmet__gt=0)  # it has no attempt and no dead letter of its own
    return ~Q(status=TaskStatus.COMPLETED) & found


def _category(value: Value) -> str:
    text, known = value.text.lower(), FailureCategory.values
    if text not in known:
        hint = did_you_mean(text, known) or f": it is one of {', '.join(known)}"
        raise Wrong("unknown_value", f"{quoted(value.text)} is no category{hint}")
    return text


def task_error(term: Term, look: Look) -> Q:
    """Holds where the newest attempt of a task that is not completed failed with such a class, category or message."""
    found = Q()
    for value in term.values:
        attempts = _newest_attempts().filter(_says(value.text, look, "category", "error_class", "error_message"))
        given_up = TaskEvent.objects.filter(
            task_id=OuterRef("pk"),
            at__gte=OuterRef("created_at"),
            kind=EventKind.ABANDONED,
            reason__icontains=value.text,
        )
        found |= Q(Exists(attempts)) | (Q(status=TaskStatus.FAILED) & Q(Exists(given_up)))
    return ~Q(status=TaskStatus.COMPLETED) & found


def letter_error(term: Term, look: Look) -> Q:
    found = Q()
    for value in term.values:
        found |= _says(value.text, look, "category", "error_class", "message")
    return found


def _says(text: str, look: Look, category: str, error_class: str, message: str) -> Q:
    found = Q((f"{category}__icontains", text)) | Q((f"{error_class}__icontains", text))
    # Messages are shown with their secrets masked: without the right to see contents they are not to be guessed at.
    return found | Q((f"{message}__icontains", text)) if look.sees_payload else found


def _newest_attempts() -> QuerySet[Any]:
    """Returns the newest attempt that has ended of the outer query's task, which may be at its next one by now."""
    newest = Q(number=OuterRef("attempt")) | Q(number=OuterRef("attempt") - 1)
    later = TaskAttempt.objects.filter(task_id=OuterRef("task_id"), number__gt=OuterRef("number"))
    return TaskAttempt.objects.filter(newest, ~Exists(later), task_id=OuterRef("pk")).exclude(category="")

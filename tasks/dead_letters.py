"""Dead letters between the rows and the broker: each dead task is announced once, each rejected message is taken in."""

import json
import logging
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError

from tasks import broker_connection, database, topology, transitions
from tasks.failures import fingerprint
from tasks.models import DeadLetter, Task
from tasks.models.task import new_id
from tasks.publishing import EXECUTE, MOST_IDS, Message, Publisher
from tasks.states import FailureCategory, TaskStatus
from tasks.storable import storable_json, storable_text

logger = logging.getLogger(__name__)

AT_ONCE = 500
BODY_LIMIT = 16_000
ANNOUNCEMENT = "x-taskyard-dead-letter"


def announce(publisher: Publisher) -> int:
    """Publishes dead tasks to the dead-letter exchange, where other systems may listen. Returns how many."""
    letters = list(
        DeadLetter.objects.filter(announced_at__isnull=True, task__isnull=False).order_by("created_at")[:AT_ONCE]
    )
    messages = {letter.id: _announcement(letter) for letter in letters}
    taken = publisher.publish(list(messages.values())) if messages else set()
    done = [letter_id for letter_id, message in messages.items() if message.number in taken]
    DeadLetter.objects.filter(id__in=done, announced_at__isnull=True).update(announced_at=database.now())
    return len(done)


def _announcement(letter: DeadLetter) -> Message:
    facts = {
        "dead_letter": str(letter.id),
        "task": str(letter.task_id),
        "type": letter.type,
        "category": letter.category,
        "attempts": letter.attempts,
        "first_death": letter.created_at.isoformat(),
    }
    return Message(
        exchange=topology.dead_exchange().name,
        routing_key=f"{letter.type}.{letter.category}",
        headers={ANNOUNCEMENT: str(letter.id), **facts},
        body=json.dumps(facts).encode(),
    )


class Intake:
    """Consumes the dead queue and makes sure that each dead thing has its row."""

    def __init__(self) -> None:
        self._connection: Any = None
        self._queue: Any = None

    def poll(self) -> int:
        """Takes in what is there. A message is acknowledged when its row is committed. Returns how many."""
        if self._connection is None:
            self._open()
        # Each time: where somebody deletes it or its binding, the broker drops what is rejected, and tells nobody.
        self._queue.declare()
        taken = 0
        while taken < AT_ONCE:
            message = self._queue.get(no_ack=False)
            if message is None:
                break
            dead = _Dead.of(message)
            try:
                take_in(dead)
            except (OperationalError, InterfaceError):
                raise
            except Exception:  # whoever may publish may write anything here: the others are not to wait for it
                logger.exception("a dead letter could not be understood: it is kept as it is")
                _keep_stray(dead)
            message.ack()
            taken += 1
        return taken

    def _open(self) -> None:
        connection = broker_connection.new_connection(socket_timeout=5)
        broker_connection.connect(connection)
        self._connection = connection
        self._queue = topology.dead_queue().bind(connection.channel())

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.collect(socket_timeout=1.0)


@dataclass(slots=True)
class _Dead:
    headers: dict[str, Any]
    body: str

    @classmethod
    def of(cls, message: Any) -> "_Dead":
        body = message.body
        text = bytes(body).decode("utf-8", "backslashreplace") if isinstance(body, (bytes, memoryview)) else str(body)
        return cls(dict(message.headers or {}), text)

    @property
    def celery_task(self) -> str:
        return str(self.headers.get("task") or "")

    def ids(self) -> list[uuid.UUID]:
        """Returns the task ids of an execution message; none for anything else."""
        try:
            words = json.loads(self.body)[1]
            return [uuid.UUID(each) for each in words["ids"]] if len(words["ids"]) <= MOST_IDS else []
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return []


def take_in(dead: _Dead) -> None:
    """Makes sure that a message from the dead queue is seen: by its task going on, or by a dead letter."""
    if ANNOUNCEMENT in dead.headers:
        _make_sure(dead.headers)
        return
    ids = dead.ids() if dead.celery_task == EXECUTE else []
    known = list(Task.objects.filter(id__in=ids).values_list("id", flat=True))
    if known:
        # The broker gave the message up; its tasks did not die of that: they are sent again, alone if it recurs.
        transitions.return_queued(known, lost=True)
        return
    _keep_stray(dead)


def _make_sure(headers: dict[str, Any]) -> None:
    """Writes the letter of an announced task anew where it is missing, if the task is still dead."""
    try:
        task = Task.objects.filter(id=uuid.UUID(str(headers.get("task"))), status=TaskStatus.FAILED).first()
    except ValueError:
        return
    if task is None or DeadLetter.objects.filter(task=task).exists():
        return
    now = database.now()
    category = headers.get("category")
    _write(
        DeadLetter(
            task=task, type=task.type, queue=task.queue, attempts=task.attempt, created_at=now, announced_at=now,
            category=category if category in FailureCategory.values else FailureCategory.CODE_ERROR,
            error_class="Announced",
            message="its dead letter was missing and was made from the announcement",
            fingerprint=fingerprint(task.type, "Announced", ""),
        )
    )  # fmt: skip


def _write(letter: DeadLetter) -> None:
    """Stores a dead letter where its task has no open one, and notes it for its group."""
    with database.one_transaction():
        DeadLetter.objects.bulk_create([letter], ignore_conflicts=True)
        if DeadLetter.objects.filter(id=letter.id).exists():
            transitions.note_deaths([(letter.fingerprint, letter.queue)])


def _deaths(told: Any) -> list[dict[str, Any]]:
    """Returns the broker's account in a form that can be stored; nothing where somebody else wrote another one."""
    if not (isinstance(told, list) and all(isinstance(each, dict) for each in told)):
        return []
    try:
        deaths: list[dict[str, Any]] = json.loads(
            storable_json(json.loads(json.dumps(told, default=str)), limit=BODY_LIMIT)
        )
    except (ValueError, TypeError):
        return []
    return deaths


def _keep_stray(dead: _Dead) -> None:
    name = storable_text(dead.celery_task, 100)[:100]
    deaths = _deaths(dead.headers.get("x-death"))
    first = deaths[0] if deaths else {}
    unknown = bool(name) and name != EXECUTE
    category = FailureCategory.UNKNOWN_TYPE if unknown else FailureCategory.INVALID_PAYLOAD
    why = f"no worker knows the Celery task {name!r}" if unknown else "the message names no task of Taskyard"
    now = database.now()
    _write(
        DeadLetter(
            id=new_id(),
            type=name,
            queue=storable_text(topology.without_namespace(str(first.get("queue", ""))), 60)[:60],
            category=category,
            error_class="StrayMessage",
            message=why,
            fingerprint=fingerprint(name, "StrayMessage", why),
            body=storable_text(dead.body, BODY_LIMIT),
            x_death=deaths,
            created_at=now,
            announced_at=now,
        )
    )
    logger.warning("a message that is no execution of a task was set aside: %s", why)

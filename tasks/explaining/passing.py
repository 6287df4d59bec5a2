"""What holds a task back for a while and ends by itself: limits, busy workers, others before it; or it is next."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings

from tasks.explaining.explanation import Cause, Explanation, Remedy
from tasks.explaining.line_ahead import Ahead, ahead_of
from tasks.explaining.situation import Situation
from tasks.models import Task
from tasks.states import TaskStatus
from tasks.wording import number_of, quoted, since, span, stamp

HOLDERS_SHOWN = 5
SOON = 1.0  # seconds in which what is next should start
PATIENCE_DOUBLES = 10  # times at most, as in `selectors.lost_messages`


def passing_hold(situation: Situation) -> Explanation:
    """Explains a task that nothing lasting holds back: there is a line that knows its type."""
    assert situation.line is not None
    ahead = ahead_of(situation.task, situation.line, situation.now)
    return (
        _concurrency_limit(situation, ahead)
        or _rate_limit(situation, ahead)
        or _workers(situation, ahead)
        or _message(situation)
        or _next(situation)
    )


def _concurrency_limit(situation: Situation, ahead: Ahead) -> Explanation | None:
    """A limit that the workers could not reach anyhow holds nothing back: then it is they who do."""
    task, queue = situation.task, situation.queue
    limit = queue.concurrency_limit if queue is not None else None
    if limit is None or task.status == TaskStatus.QUEUED:
        return None
    of_queue = Task.objects.filter(queue=task.queue)
    processing = of_queue.filter(status=TaskStatus.PROCESSING).count()
    queued = sum(ahead.sent.values())
    if processing + queued < limit or (processing < limit and situation.is_busy):
        return None
    holders = list(
        of_queue.filter(status=TaskStatus.PROCESSING)
        .only("name", "type", "status", "worker", "started_at")
        .order_by("started_at")[:HOLDERS_SHOWN]
    )
    named = [f"{quoted(each.name or each.type)} on {each.worker} for {_age(situation, each)}" for each in holders[:2]]
    more = processing - len(named)
    held_by = ", ".join([*named, *([f"and {more:,} more" if named else f"{more:,}"] if more > 0 else [])])
    held = "; ".join([*([held_by] if held_by else []), *([f"{queued:,} with the broker"] if queued else [])])
    waiting = sum(ahead.in_line.values())
    before = f" {_are(waiting)} ahead of it." if waiting else ""
    return Explanation(
        Cause.CONCURRENCY_LIMIT,
        f"The queue {task.queue} runs at most {number_of(limit, 'task')} at once, and that is reached by"
        f" {held}.{before}",
        {
            "limit": limit,
            TaskStatus.PROCESSING.value: processing,
            TaskStatus.QUEUED.value: queued,
            "ahead": waiting,
            "held_by": [_holder(each) for each in holders],
        },
        Remedy("Change the queue's limits", "queue", "limit", task.queue),
    )


def _rate_limit(situation: Situation, ahead: Ahead) -> Explanation | None:
    """Where its workers are slower than the limit allows, it is they who hold it back."""
    task, queue = situation.task, situation.queue
    rate = queue.rate_limit if queue is not None else None
    if not rate or task.status == TaskStatus.QUEUED:
        return None
    waiting, queued = sum(ahead.in_line.values()), sum(ahead.sent.values())
    seconds = (waiting + 1) / rate
    if seconds <= SOON or (situation.is_busy and queued):
        return None
    last = _last_sent(situation)
    said = f"; the last one went at {stamp(last.queued_at)}" if last and last.queued_at else ""
    before = f"with {ahead.in_words} ahead of it, it starts in about {span(seconds)}" if waiting else ""
    return Explanation(
        Cause.RATE_LIMIT,
        f"The queue {task.queue} starts at most {_per_second(rate)}{said}: "
        f"{before or f'it is next, and starts within {span(seconds)}'}.",
        {
            "limit": rate,
            "ahead": waiting,
            "ahead_is_capped": ahead.is_capped,
            "expected_start": situation.now + timedelta(seconds=seconds),
            "held_by": [_holder(last)] if last else [],
        },
        Remedy("Change the queue's limits", "queue", "limit", task.queue),
    )


def _workers(situation: Situation, ahead: Ahead) -> Explanation | None:
    if not situation.is_busy and not ahead.tasks:
        return None
    assert situation.line is not None
    seconds = _expected(situation, ahead)
    if seconds is None:
        start = "when it starts cannot be told before its types have been run once"
    elif seconds < SOON:
        start = "it should start within a second"
    else:
        start = (
            f"it starts in about {span(seconds)}" if not ahead.is_capped else f"it starts in {span(seconds)} or later"
        )
    places = situation.places
    if situation.is_busy:
        all_of = "The only place" if places == 1 else f"All {places:,} places"
        line = f"{_are(ahead.tasks, ahead)} ahead of it" if ahead.tasks else "it is next"
        verb = "is" if places == 1 else "are"
        sentence = f"{all_of} of the workers on the queue {situation.task.queue} {verb} taken, and {line}: {start}."
    else:
        sentence = f"{_are(ahead.tasks, ahead)} ahead of it on the queue {situation.task.queue}: {start}."
    return Explanation(
        Cause.WORKERS_BUSY if situation.is_busy else Cause.AHEAD,
        sentence[:1].upper() + sentence[1:],
        {
            "workers": sorted(each.name for each in situation.workers if situation.line.name in each.queues)[:10],
            "places": places,
            "taken": situation.taken,
            "ahead": ahead.tasks,
            "ahead_is_capped": ahead.is_capped,
            "expected_start": None if seconds is None else situation.now + timedelta(seconds=seconds),
        },
        Remedy("Give it a higher priority", "task", "priority", str(situation.task.pk))
        if ahead.tasks
        else Remedy("Start more workers", "worker"),
    )


def _message(situation: Situation) -> Explanation | None:
    """The message has been sent and nobody has taken it, though there are places."""
    task = situation.task
    if task.status != TaskStatus.QUEUED or task.queued_at is None:
        return None
    waited = (situation.now - task.queued_at).total_seconds()
    patience = float(settings.LOST_MESSAGE_SECONDS) * 2 ** min(task.returns, PATIENCE_DOUBLES)
    evidence = {"queued_at": task.queued_at, "messages_lost": task.returns}
    if waited <= 2 * SOON:
        return Explanation(
            Cause.NEXT, "Its message is with the broker: a worker should take it within a second.", evidence
        )
    again = f"it is sent again {span(patience)} after that" if waited < patience else "it is about to be sent again"
    led = "" if situation.is_led else ", as soon as a coordinator leads: none does now"
    return Explanation(
        Cause.MESSAGE,
        f"Its message was sent at {stamp(task.queued_at)} ({since(task.queued_at, situation.now)}) and no worker has"
        f" begun it, though they have places: if it is lost, {again}{led}.",
        evidence | {"sent_again_at": task.queued_at + timedelta(seconds=patience)},
        Remedy("Look at the workers of its queue", "worker"),
    )


def _next(situation: Situation) -> Explanation:
    task = situation.task
    waited = (situation.now - task.run_at).total_seconds()
    if waited <= 5 * SOON:
        return Explanation(Cause.NEXT, "It is next: it should start within a second.", {"due_since": task.run_at})
    return Explanation(
        Cause.NEXT,
        f"It is next, due since {stamp(task.run_at)} ({since(task.run_at, situation.now)}), and nothing holds it back: "
        "it should start within a second.",
        {"due_since": task.run_at},
    )


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _expected(situation: Situation, ahead: Ahead) -> float | None:
    """Returns in how many seconds it starts, by the means of the types before it; None where one is not known yet."""
    assert situation.line is not None
    means = situation.line.means
    running: Counter[str] = Counter()
    for group in situation.running if situation.is_busy else ():
        running[group.type] += group.tasks
    work = [_work(part, means) for part in (ahead.in_line, ahead.sent, running)]
    if any(each is None for each in work):
        return None
    in_line, sent, under_way = (each or 0.0 for each in work)
    return (in_line + sent + under_way / 2) / situation.places  # what runs is half done, on the average


def _work(tasks: Mapping[str, int], means: Mapping[str, float]) -> float | None:
    """Returns seconds of work."""
    if any(name not in means for name in tasks):
        return None
    return sum(means[name] * number for name, number in tasks.items()) / 1000


def _last_sent(situation: Situation) -> Task | None:
    """Returns what used the rate last, of what has not ended yet."""
    under_way = Task.objects.filter(
        queue=situation.task.queue, status__in=[TaskStatus.QUEUED, TaskStatus.PROCESSING], queued_at__isnull=False
    )
    return under_way.only("name", "type", "status", "worker", "queued_at").order_by("-queued_at").first()


def _holder(task: Task) -> dict[str, object]:
    return {"id": task.pk, "name": task.name, "type": task.type, "status": task.status, "worker": task.worker or None}


def _age(situation: Situation, task: Task) -> str:
    return span((situation.now - task.started_at).total_seconds()) if task.started_at else "a moment"


def _are(count: int, ahead: Ahead | None = None) -> str:
    words = ahead.in_words if ahead is not None else f"{count:,}"
    return f"{words} task is" if words == "1" else f"{words} tasks are"


def _per_second(rate: float) -> str:
    if rate >= 1:
        return f"{number_of(int(rate), 'task')} a second" if rate == int(rate) else f"{rate:g} tasks a second"
    return f"one task each {span(1 / rate)}"

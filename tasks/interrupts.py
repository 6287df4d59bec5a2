"""Stops a plain handler in the main thread: by SIGALRM, which comes through in pure Python and in most C code."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tasks.exceptions import Interrupted

REPEAT = 1.0  # seconds: an `except:` in a handler swallows one alarm, but not the next

# What the alarm asks: None goes on, an exception stops the handler that is armed.
Question = Callable[[], Interrupted | None]

_question: Question | None = None
_raised: Interrupted | None = None


def _on_alarm(number: int, frame: object) -> None:
    global _raised
    if _question is not None and (error := _question()) is not None:
        _raised = error
        raise error


def raised() -> Interrupted | None:
    """Returns what was thrown into the handler that was armed last: it may have caught it, and gone on."""
    return _raised


@contextmanager
def armed(question: Question, *, after: float) -> Iterator[None]:
    """Asks the question (main thread only) after the given seconds, and then each second, until the block ends.

    The exception may also come out of the block's very end; it never comes after it. Raises nothing of its own.
    """
    global _question, _raised
    _question, _raised = question, None
    # Each time, because Celery's pool sets its own handlers after the hooks that could do it once.
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.setitimer(signal.ITIMER_REAL, after + 0.002, REPEAT)
    try:
        yield
    finally:
        disarm()


def disarm() -> None:
    """Ends the asking. Whoever catches the exception calls it once more: an alarm may come at its very first line."""
    global _question
    while True:
        try:
            _question = None
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Interrupted:
            continue  # the alarm came between these lines
        return


def ask_now() -> None:
    """Makes the main thread ask at once. To be called from another thread."""
    ident = threading.main_thread().ident
    if ident is not None:
        signal.pthread_kill(ident, signal.SIGALRM)

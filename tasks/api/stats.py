"""The numbers of all tasks: bounded reads, so that a table of millions answers as fast as an empty one."""

from tasks import queue_figures, selectors, task_figures
from tasks.api.queue_answers import TaskStatsShape
from tasks.models import Queue


def stats_shape() -> TaskStatsShape:
    """Counts are exact up to COUNT_CAP; `at_least` holds the paths of those that are that much or more."""
    unfinished = queue_figures.counts_of(Queue.objects.order_by("name")).values()
    by_status, by_queue = task_figures.counts_by_status_and_queue(unfinished)
    by_type = task_figures.counts_by_type()
    letters, letters_are_cut = task_figures.open_dead_letters_by_queue()
    rates = task_figures.per_minute()
    total = by_status.numbers.pop("total")
    return {
        "total": total,
        "by_status": by_status.numbers,
        "by_type": by_type.numbers,
        "by_queue": {name: number for name, number in by_queue.numbers.items() if number},
        "open_dead_letters": min(sum(letters.numbers.values()), selectors.COUNT_CAP),
        "per_minute": {"submitted": rates["submitted"], "finished": rates["finished"]},
        "at_least": [
            *("total" if name == "total" else f"by_status.{name}" for name in by_status.at_least),
            *(f"by_type.{name}" for name in by_type.at_least),
            *(f"by_queue.{name}" for name in by_queue.at_least if by_queue.numbers[name]),
            *(["open_dead_letters"] if letters_are_cut else []),
        ],
    }

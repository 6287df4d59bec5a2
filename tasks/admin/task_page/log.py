"""A task's newest log lines, from a level on."""

import json
from typing import Any

from django.http import HttpRequest

from tasks.admin.badges import LEVEL_COLOURS
from tasks.admin.contents import shown
from tasks.admin.times import stamp
from tasks.masking import masked
from tasks.models import Task, TaskLog
from tasks.wording import visible

LOGS_SHOWN = 200
LOGS_LOOKED_AT = 5_000  # lines, of the newest: what is rare in a log of millions would be looked for through all of it
PARAMETER = "level"

_LEVELS = [level for level, _ in TaskLog.LEVELS]  # the least first


def log_of(request: HttpRequest, task: Task) -> dict[str, Any]:
    least = request.GET.get(PARAMETER, "")
    least = least if least in _LEVELS else _LEVELS[0]
    lines = TaskLog.objects.filter(task_id=task.id).order_by("-id")
    if least != _LEVELS[0]:
        newest = TaskLog.objects.filter(task_id=task.id).order_by("-id").values("id")[:LOGS_LOOKED_AT]
        lines = TaskLog.objects.filter(id__in=newest, level__in=_LEVELS[_LEVELS.index(least) :]).order_by("-id")
    found = list(lines[: LOGS_SHOWN + 1])
    return {
        "lines": [_line(line) for line in reversed(found[:LOGS_SHOWN])],
        "is_cut": len(found) > LOGS_SHOWN,
        "shown": LOGS_SHOWN,
        "is_filtered": least != _LEVELS[0],
        "looked_at": LOGS_LOOKED_AT,
        "levels": [
            {"name": "all" if level == _LEVELS[0] else level, "is_chosen": level == least, "address": _address(level)}
            for level in _LEVELS
        ],
    }


def _address(level: str) -> str:
    return "?#log" if level == _LEVELS[0] else f"?{PARAMETER}={level}#log"


def _line(line: TaskLog) -> dict[str, Any]:
    return {
        "at": stamp(line.at),
        "attempt": line.attempt,
        "level": line.level,
        "colour": LEVEL_COLOURS.get(line.level, ""),
        "message": shown(line.message),
        "fields": visible(json.dumps(masked(line.fields), ensure_ascii=False)) if line.fields else "",
    }

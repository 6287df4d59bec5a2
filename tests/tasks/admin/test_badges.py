from typing import Any

import pytest

from tasks.admin import badges
from tasks.models import TaskLog
from tasks.states import BulkStatus, ItemState, Outcome, Resolution, TaskStatus

UNFOLD_KNOWS = {"info", "primary", "success", "warning", "danger", badges.GREY}


@pytest.mark.parametrize(
    ("colours", "words"),
    [
        (badges.STATUS_COLOURS, set(TaskStatus)),
        (badges.OUTCOME_COLOURS, set(Outcome)),
        (badges.RESOLUTION_COLOURS, {badges.OPEN, *Resolution}),
        (badges.BULK_COLOURS, set(BulkStatus)),
        (badges.ITEM_COLOURS, set(ItemState)),
        (badges.LEVEL_COLOURS, {level for level, _ in TaskLog.LEVELS}),
    ],
)
def test_every_word_of_the_vocabulary_has_a_colour_and_no_other_word_has(colours: dict[str, str], words: Any) -> None:
    assert set(colours) == {str(word) for word in words}
    assert set(colours.values()) <= UNFOLD_KNOWS

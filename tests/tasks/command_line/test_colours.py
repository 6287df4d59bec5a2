"""A word that has a colour is one that there is, and each status has one."""

from tasks.command_line import colours
from tasks.states import BulkStatus, GroupState, ItemState, Outcome, QueueState, Resolution, TaskStatus


def test_each_status_has_a_colour() -> None:
    assert set(colours.STATUSES) == set(TaskStatus.values)
    assert set(colours.BULK) == set(BulkStatus.values)
    assert set(colours.QUEUES) == set(QueueState.values)
    assert set(colours.GROUPS) == set(GroupState.values)
    assert set(colours.RESOLUTIONS) == {colours.OPEN, *Resolution.values}
    assert set(colours.OUTCOMES) <= set(Outcome.values)
    assert set(colours.ITEMS) <= set(ItemState.values)

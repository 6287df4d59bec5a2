"""The groups of dead letters: what was noted of deaths and resolutions is added up here, set-wise, by the coordinator.

Half a second passes on average until a group counts a death; nothing is lost meanwhile, and nothing counted twice.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from tasks import database
from tasks.models import DeadLetter, FailureGroup, FailureGroupChange, Worker
from tasks.states import FailureCategory, GroupState

CHANGES_AT_ONCE = 2_000
HOURS_KEPT = 7 * 24
_WRITTEN = [
    "type", "category", "error_class", "message", "open_count", "total_count", "first_seen", "last_seen", "queues",
    "hours", "state", "state_at", "state_by", "state_reason", "returned_at", "returned_after", "returned_worker",
    "returned_release",
]  # fmt: skip

Changes = dict[str, list[FailureGroupChange]]  # by fingerprint, in order of time


def fold_changes() -> int:
    """Adds what was noted to the groups' rows; makes those that are missing. Returns how many notes it took.

    Bound to no term: a note is taken by deleting it, so that it counts once whoever does it.
    """
    taken = 0
    while True:
        with database.one_transaction():
            count = _fold_some()
        taken += count
        if count < CHANGES_AT_ONCE:
            return taken


def forget_old(older_than: float) -> int:
    """Removes groups of which nothing is open and that were last seen so many seconds ago. Returns how many.

    An ignored one stays: what comes back is to find the judgement.
    """
    before = database.now() - timedelta(seconds=older_than)
    gone = FailureGroup.objects.filter(open_count__lte=0, last_seen__lt=before).exclude(state=GroupState.IGNORED)
    return gone.delete()[0]


def hour_of(moment: datetime) -> int:
    """Returns the hour of the epoch, by which a group counts its deaths of the last days."""
    return int(moment.timestamp() // 3600)


def with_newest(groups: QuerySet[FailureGroup]) -> QuerySet[Any]:
    """Returns the groups with the id of their newest dead letter as `newest`: one look into an index a group."""
    letters = DeadLetter.objects.filter(fingerprint=OuterRef("fingerprint")).order_by("-created_at", "-id")
    return groups.annotate(newest=Subquery(letters.values("id")[:1]))


def _fold_some() -> int:
    notes = list(FailureGroupChange.objects.select_for_update(skip_locked=True).order_by("id")[:CHANGES_AT_ONCE])
    if not notes:
        return 0
    FailureGroupChange.objects.filter(id__in=[note.id for note in notes]).delete()
    changes: Changes = {}
    for note in sorted(notes, key=lambda each: (each.at, each.id)):
        changes.setdefault(note.fingerprint, []).append(note)
    _make_missing(changes)
    # Locked in one order and read under the lock: an operator may be about to resolve one of them.
    rows = FailureGroup.objects.filter(pk__in=changes).order_by("pk").select_for_update(of=("self",))
    groups = list(with_newest(rows))
    letters = DeadLetter.objects.defer("traceback", "body", "x_death").in_bulk([each.newest for each in groups])
    releases = _releases(groups, changes)
    for group in groups:
        if group.newest in letters:
            _describe(group, letters[group.newest])
        _add(group, changes[group.pk], releases)
    FailureGroup.objects.bulk_create(
        groups, update_conflicts=True, unique_fields=["fingerprint"], update_fields=_WRITTEN
    )
    return len(notes)


def _make_missing(changes: Changes) -> None:
    FailureGroup.objects.bulk_create(
        [
            FailureGroup(
                fingerprint=each,
                category=FailureCategory.CODE_ERROR,
                first_seen=notes[0].at,
                last_seen=notes[0].at,
            )
            for each, notes in changes.items()
        ],
        ignore_conflicts=True,
    )


def _describe(group: FailureGroup, letter: DeadLetter) -> None:
    group.category = letter.category
    if not group.total_count:  # it is new
        group.type, group.error_class, group.message = letter.type, letter.error_class, letter.message


def _add(group: FailureGroup, changes: list[FailureGroupChange], releases: dict[str, str]) -> None:
    for change in changes:
        group.open_count += change.died - change.closed
        if not change.died:
            continue
        group.total_count += change.died
        group.first_seen, group.last_seen = min(group.first_seen, change.at), max(group.last_seen, change.at)
        group.queues[change.queue] = group.queues.get(change.queue, 0) + change.died
        hour = str(hour_of(change.at))
        group.hours[hour] = group.hours.get(hour, 0) + change.died
        if _is_back(group, change):
            group.returned_at, group.returned_after = change.at, group.state_at
            group.returned_worker, group.returned_release = change.worker, releases.get(change.worker, "")
            group.state, group.state_at, group.state_by, group.state_reason = GroupState.OPEN, change.at, None, ""
    oldest = hour_of(group.last_seen) - HOURS_KEPT
    group.hours = {hour: number for hour, number in group.hours.items() if int(hour) > oldest}


def _is_back(group: FailureGroup, change: FailureGroupChange) -> bool:
    # What died before somebody resolved the group, and was noted after, is what was resolved.
    return group.state == GroupState.RESOLVED and (group.state_at is None or change.at > group.state_at)


def _releases(groups: Iterable[FailureGroup], changes: Changes) -> dict[str, str]:
    """Returns the releases of the workers that brought a group back; no query where none came back."""
    names = {
        change.worker
        for group in groups
        for change in changes[group.pk]
        if change.worker and change.died and _is_back(group, change)
    }
    return dict(Worker.objects.filter(pk__in=names).values_list("pk", "release")) if names else {}

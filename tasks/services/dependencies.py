"""What the tasks of one submission wait for: references checked, circles found, parents locked, edges stored."""

import heapq
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks import transitions
from tasks.exceptions import DependencyEnded, InvalidSubmission
from tasks.models.task import new_id
from tasks.services.submission_form import Submission
from tasks.states import DEAD, OnDependencyFailure, TaskStatus
from tasks.transitions import NewTask


@dataclass
class Waits:
    """Who waits for whom, by places in the list. Made by `read`, used within the transaction that stores the list."""

    indexed: bool
    inner: dict[int, dict[int, str]] = field(default_factory=dict)  # child -> parent of the list -> path
    outer: dict[int, dict[uuid.UUID, str]] = field(default_factory=dict)  # child -> stored parent -> path
    edges: dict[tuple[uuid.UUID, uuid.UUID], bool] = field(default_factory=dict)  # child, parent -> is it met?

    def parents(self) -> set[int]:
        return {parent for parents in self.inner.values() for parent in parents}

    def lock(self, tasks: Sequence[NewTask], stored: Mapping[int, uuid.UUID]) -> None:
        """Locks the stored parents, and works out how many of its parents each task has to wait for.

        `stored` are tasks of the list that exist already, because their key was used before.
        Raises InvalidSubmission where a parent does not exist, DependencyEnded where one can never be completed.
        """
        for child, parents in self.inner.items():
            for parent, path in list(parents.items()):
                if parent in stored:
                    self.outer.setdefault(child, {})[stored[parent]] = path
                    del parents[parent]
        statuses = transitions.lock_parents(each for parents in self.outer.values() for each in parents)
        self._refuse_unknown(statuses)
        for child, parents in self.inner.items():
            for parent in parents:
                tasks[parent].has_dependents = True
                self.edges[tasks[child].id, tasks[parent].id] = False
        for child, given in self.outer.items():
            for stored_parent, path in given.items():
                policy = tasks[child].on_dependency_failure
                is_met = _is_met(statuses[stored_parent], policy, stored_parent, path)
                self.edges[tasks[child].id, stored_parent] = is_met
        unmet = Counter(child for (child, _), met in self.edges.items() if not met)
        for task in tasks:
            task.unmet = unmet[task.id]

    def store(self, ids: set[uuid.UUID]) -> None:
        """Stores the edges of those tasks that were stored."""
        transitions.add_edges([(child, parent, met) for (child, parent), met in self.edges.items() if child in ids])

    def _refuse_unknown(self, statuses: Mapping[uuid.UUID, TaskStatus]) -> None:
        errors = [
            {"code": "unknown_task", "detail": f"there is no task {parent}", "attr": path}
            for given in self.outer.values()
            for parent, path in given.items()
            if parent not in statuses
        ]
        if errors:
            raise InvalidSubmission(errors[:100])


def read(forms: Sequence[Submission], tasks: Sequence[NewTask], *, indexed: bool) -> Waits | None:
    """Reads the references; None where there are none. Raises InvalidSubmission for wrong ones and for circles.

    The tasks get new ids in an order in which parents come first: everything that locks rows goes by id.
    """
    if not any(form.depends_on for form in forms):
        return None
    waits, errors = Waits(indexed), []
    for child, form in enumerate(forms):
        for number, parent in enumerate(form.depends_on):
            path = f"{child}.depends_on.{number}" if indexed else f"depends_on.{number}"
            if isinstance(parent, uuid.UUID):
                waits.outer.setdefault(child, {}).setdefault(parent, path)
            elif not indexed:
                detail = "an index names another task of the same list: give the id of a stored task here"
                errors.append({"code": "no_list", "detail": detail, "attr": path})
            elif parent >= len(forms):
                detail = f"there is no task {parent} in this list, which has {len(forms):,}"
                errors.append({"code": "unknown_task", "detail": detail, "attr": path})
            else:
                waits.inner.setdefault(child, {}).setdefault(parent, path)
    if errors:
        raise InvalidSubmission(errors[:100])
    if waits.inner:
        order = _sorted(waits, len(forms))
        for place, task_id in zip(order, sorted(new_id() for _ in order), strict=True):
            tasks[place].id = task_id
    return waits


def _is_met(status: TaskStatus, policy: str, parent: uuid.UUID, path: str) -> bool:
    hopeless = policy == OnDependencyFailure.WAIT and status == TaskStatus.CANCELLED  # no retry brings that one back
    if hopeless or (status in DEAD and policy == OnDependencyFailure.FAIL):
        raise DependencyEnded(parent, status, path)
    return status == TaskStatus.COMPLETED or (status in DEAD and policy == OnDependencyFailure.RUN)


def _sorted(waits: Waits, count: int) -> list[int]:
    """Returns the places, parents first, else as given (Kahn 1962). Raises InvalidSubmission for a circle."""
    missing = {place: len(waits.inner.get(place, ())) for place in range(count)}
    children: dict[int, list[int]] = {}
    for child, parents in waits.inner.items():
        for parent in parents:
            children.setdefault(parent, []).append(child)
    ready = [place for place, number in missing.items() if not number]
    order = []
    while ready:
        place = heapq.heappop(ready)
        order.append(place)
        for child in children.get(place, ()):
            missing[child] -= 1
            if not missing[child]:
                heapq.heappush(ready, child)
    if len(order) < count:
        raise InvalidSubmission([_circle(waits, {place for place, number in missing.items() if number})])
    return order


def _circle(waits: Waits, left: set[int]) -> dict[str, str]:
    # Each of those left has a parent that is left too: going from parent to parent comes round at some time.
    place, seen = min(left), []
    while place not in seen:
        seen.append(place)
        place = next(parent for parent in waits.inner[place] if parent in left)
    circle = [*seen[seen.index(place) :], place]
    shown = " → ".join(str(each) for each in circle[:20])
    detail = f"these tasks wait for each other: {shown}" + (" …" if len(circle) > 20 else "")
    return {"code": "circle", "detail": detail, "attr": waits.inner[circle[0]][circle[1]]}

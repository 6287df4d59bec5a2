"""References to other tasks in a submission: what they may name, and what is wrong with the others."""

import random
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks.exceptions import DependencyEnded, InvalidSubmission
from tasks.models import Task, TaskDependency
from tasks.services import submit_task, submit_tasks
from tasks.states import TaskStatus
from tests.tasks.family import NOOP, edges, statuses, submit
from tests.tasks.rows import a_task, queues

pytestmark = [pytest.mark.database, pytest.mark.django_db]

S = TaskStatus


@pytest.fixture(autouse=True)
def _queues(db: None) -> None:
    queues("default")


def errors(*tasks: dict[str, Any]) -> list[tuple[str, str, str]]:
    before = Task.objects.count()
    with pytest.raises(InvalidSubmission) as caught:
        submit(*tasks)
    assert Task.objects.count() == before
    assert not TaskDependency.objects.exists()
    return [(each["attr"], each["code"], each["detail"]) for each in caught.value.errors]


class TestStoredParents:
    @pytest.mark.parametrize("status", [S.PENDING, S.PROCESSING, S.RETRYING, S.BLOCKED])
    def test_a_task_waits_for_one_that_has_not_ended(self, status: TaskStatus) -> None:
        parent = a_task(status)
        child = submit_task(type="sample.noop", depends_on=[str(parent.id)]).id
        assert statuses(child) == [S.BLOCKED]
        parent.refresh_from_db()
        assert parent.has_dependents
        assert edges(child) == {parent.id: False}

    def test_it_does_not_wait_for_one_that_is_completed(self) -> None:
        parent = a_task(S.COMPLETED)
        child = submit_task(type="sample.noop", depends_on=[parent.id]).id
        assert (statuses(child), edges(child)) == ([S.PENDING], {parent.id: True})

    @pytest.mark.parametrize("status", [S.FAILED, S.CANCELLED])
    def test_it_is_refused_below_a_dead_one(self, status: TaskStatus) -> None:
        parent = a_task(status)
        with pytest.raises(DependencyEnded, match=f"task {parent.id} is {status}"):
            submit_task(type="sample.noop", depends_on=[parent.id])
        assert Task.objects.count() == 1

    @pytest.mark.parametrize(("policy", "expected"), [("wait", S.BLOCKED), ("run", S.PENDING)])
    def test_it_is_not_refused_where_it_says_what_to_do_then(self, policy: str, expected: TaskStatus) -> None:
        parent = a_task(S.FAILED)
        child = submit_task(type="sample.noop", depends_on=[parent.id], on_dependency_failure=policy).id
        assert statuses(child) == [expected]

    def test_it_is_not_let_wait_for_one_that_nothing_brings_back(self) -> None:
        with pytest.raises(DependencyEnded):
            submit_task(type="sample.noop", depends_on=[a_task(S.CANCELLED).id], on_dependency_failure="wait")

    def test_one_that_is_named_twice_counts_once(self) -> None:
        parent = a_task(S.PENDING)
        child = submit_task(type="sample.noop", depends_on=[parent.id, str(parent.id), parent.id.hex]).id
        assert Task.objects.get(id=child).unmet == 1


class TestBadReferences:
    def test_an_unknown_id_is_named_with_its_path(self) -> None:
        unknown = uuid.uuid4()
        known = a_task(S.PENDING)
        found = errors({}, {"depends_on": [str(known.id), str(unknown)]})
        assert found == [("1.depends_on.1", "unknown_task", f"there is no task {unknown}")]
        known.refresh_from_db()
        assert not known.has_dependents

    @pytest.mark.parametrize("reference", ["nonsense", "", None, -1, True, 1.5, [], {}, "0"])
    def test_what_is_no_reference_is_refused(self, reference: Any) -> None:
        [(path, _, detail)] = errors({}, {"depends_on": [reference]})
        assert path == "1.depends_on.0"
        assert "id of a task" in detail

    def test_a_place_outside_of_the_list_is_refused(self) -> None:
        assert errors({"depends_on": [2]}, {})[0][:2] == ("0.depends_on.0", "unknown_task")

    def test_a_place_without_a_list_is_refused(self) -> None:
        with pytest.raises(InvalidSubmission, match=r"depends_on\.0: an index names another task of the same list"):
            submit_task(type="sample.noop", depends_on=[0])

    def test_what_is_no_list_is_refused(self) -> None:
        assert errors({"depends_on": "x"})[0][0] == "0.depends_on"

    def test_an_unknown_policy_is_refused(self) -> None:
        assert errors({"on_dependency_failure": "explode"})[0][0] == "0.on_dependency_failure"

    def test_too_many_are_refused(self) -> None:
        assert errors({"depends_on": [0] * 1001})[0][0] == "0.depends_on"


class TestLists:
    def test_a_task_may_wait_for_a_later_one_of_its_list(self) -> None:
        child, parent = submit({"depends_on": [1]}, {})
        assert statuses(child, parent) == [S.BLOCKED, S.PENDING]
        assert edges(child) == {parent: False}

    @pytest.mark.parametrize("places", [[0], [1, 0], [1, 2, 0], [3, 0, 1, 2]])
    def test_a_circle_is_named(self, places: list[int]) -> None:
        given: list[dict[str, Any]] = [{"depends_on": [place]} for place in places]
        [(path, code, detail)] = errors(*given, {"depends_on": [0]}, {})
        assert (path.endswith(".depends_on.0"), code) == (True, "circle")
        assert detail.startswith("these tasks wait for each other: 0 → ")
        assert detail.endswith(" → 0")

    def test_a_circle_below_what_is_right_is_found(self) -> None:
        [(path, _, detail)] = errors({}, {"depends_on": [0]}, {"depends_on": [1, 3]}, {"depends_on": [2]})
        assert (path, detail) == ("2.depends_on.1", "these tasks wait for each other: 2 → 3 → 2")

    def test_parents_have_smaller_ids_than_their_children(self) -> None:
        drawn = random.Random(7)
        places = list(range(200))
        drawn.shuffle(places)
        given: list[dict[str, Any]] = [{} for _ in places]
        for rank in range(1, 200):
            given[places[rank]] = {"depends_on": [places[each] for each in {drawn.randrange(rank) for _ in range(3)}]}
        ids = submit(*given)
        assert len(set(ids)) == 200
        assert all(parent < child for child, parent in TaskDependency.objects.values_list("child_id", "parent_id"))
        for place, task in enumerate(given):
            assert set(edges(ids[place])) == {ids[each] for each in task.get("depends_on", [])}

    def test_ten_thousand_children_of_one(self) -> None:
        root, *children = submit({}, *({"depends_on": [0]} for _ in range(9_999)))
        assert Task.objects.filter(status=S.BLOCKED, unmet=1).count() == TaskDependency.objects.count() == 9_999
        assert statuses(root) == [S.PENDING]
        assert set(children) == set(TaskDependency.objects.values_list("child_id", flat=True))


class TestKeys:
    def test_a_list_that_is_repeated_makes_nothing_again(self, ann: User) -> None:
        given: list[dict[str, Any]] = [
            NOOP | {"idempotency_key": "a"},
            NOOP | {"idempotency_key": "b", "depends_on": [0]},
        ]
        first = submit_tasks(given, actor=ann)
        again = submit_tasks(given, actor=ann)
        assert [each.id for each in again] == [each.id for each in first]
        assert not any(each.created for each in again)
        assert TaskDependency.objects.count() == 1

    def test_a_child_waits_for_the_task_that_its_parents_key_made_before(self, ann: User) -> None:
        [first] = submit_tasks([NOOP | {"idempotency_key": "a"}], actor=ann)
        child_given: dict[str, Any] = NOOP | {"depends_on": [0]}
        again, child = submit_tasks([NOOP | {"idempotency_key": "a"}, child_given], actor=ann)
        assert again.id == first.id
        assert edges(child.id) == {first.id: False}
        assert Task.objects.get(id=first.id).has_dependents

    def test_a_key_that_stands_twice_in_a_list_is_one_parent(self, ann: User) -> None:
        twice: dict[str, Any] = NOOP | {"idempotency_key": "a"}
        one, same, child = submit_tasks([twice, twice, NOOP | {"depends_on": [0, 1]}], actor=ann)
        assert one.id == same.id
        assert (edges(child.id), Task.objects.get(id=child.id).unmet) == ({one.id: False}, 1)

"""`manage.py deadletters`: lists, groups, and each verb in a right and in a wrong state."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tasks import database
from tasks.models import BulkAction, DeadLetter, FailureGroup, FailureRule, Task
from tasks.states import FailureCategory, GroupState, TaskStatus
from tests.tasks.command_line.conftest import Done
from tests.tasks.services.bulk_actions.conftest import dead_letters

Run = Callable[..., Done]
GROUP = "a" * 16
SOME = "01a2b3c4-0000-7000-8000-000000000001"


@pytest.fixture
def letters(run: Run) -> list[uuid.UUID]:
    dead_letters(2, payload={"a": 1})
    return list(DeadLetter.objects.order_by("id").values_list("id", flat=True))


@pytest.fixture
def group(letters: Any) -> FailureGroup:
    now = database.now()
    return FailureGroup.objects.create(
        fingerprint=GROUP, type="sample.noop", category=FailureCategory.CODE_ERROR, error_class="ValueError",
        message="it broke", open_count=2, total_count=2, first_seen=now, last_seen=now,
    )  # fmt: skip


@pytest.fixture
def rule(run: Run) -> FailureRule:
    values: dict[str, Any] = {"category": FailureCategory.TIMEOUT, "changed_at": database.now()}
    return FailureRule.objects.create(order=1, type="sample.*", **values)


@pytest.mark.database
def test_lists_numbers_and_rules_are_the_apis(
    run: Run, api: Any, group: FailureGroup, rule: FailureRule, letters: Any
) -> None:
    words = ("--json", "--payloads")
    assert run("deadletters", "list", *words).json["results"] == api("dlq/tasks/")["results"]
    assert run("deadletters", "show", letters[0], *words).json == api(f"dlq/tasks/{letters[0]}/")
    assert run("deadletters", "groups", "--json").json["results"] == api("dlq/groups/")["results"]
    assert run("deadletters", "rules", "--json").json["results"] == api("dlq/rules/")["results"]
    assert run("deadletters", "stats", "--json").json == api("dlq/stats/")


def test_people_read_them_on_80_columns(run: Run, group: FailureGroup, rule: FailureRule, letters: Any) -> None:
    for words in (["list"], ["show", letters[0]], ["groups"], ["rules"], ["stats"]):
        done = run("deadletters", *words)
        assert done.code == 0
        assert max(map(len, done.out.splitlines())) <= 80
    assert str(letters[0]) in run("deadletters", "list", "class:ValueError", "--resolution", "open").out
    assert GROUP in run("deadletters", "groups", "--open", "true").out
    assert run("deadletters", "show", uuid.UUID(int=5)).code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "colour:red"], "there is no search word 'colour'"),
        (["list", "--resolution", "gone"], "--resolution: "),
        (["groups", "--state", "odd"], "--state: 'odd' is not one of open, resolved, ignored"),
        (["discard", SOME], "say why, by --reason"),
        (["ignore", GROUP], "say why, by --reason"),
        (["resolve", GROUP, "b" * 16, "--seen", "2"], "--seen is the number of one group"),
        (["reprocess", SOME, "--canary", "5"], "--canary: this goes with --all"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_wrong_words_are_code_2(words: list[str], said: str, run: Run) -> None:
    done = run("deadletters", *words)
    assert (done.code, done.out, said in done.err) == (2, "", True), done.err


@pytest.mark.parametrize(("verb", "resolution"), [("reprocess", "reprocessed"), ("discard", "discarded")])
def test_open_ones_are_resolved_and_the_rest_is_skipped(verb: str, resolution: str, run: Run, letters: Any) -> None:
    words = (verb, letters[0], uuid.UUID(int=5), "--reason", "known", "--json")
    done = run("deadletters", *words)
    assert (done.code, done.json["done"]) == (1, [str(letters[0])])
    assert DeadLetter.objects.get(id=letters[0]).resolution == resolution
    again = run("deadletters", *words)
    assert (again.code, again.json["done"]) == (1, [])
    assert f"{letters[0]}  {resolution}: it is resolved already" in again.err
    assert "there is no such dead letter" in again.err


def test_a_reprocess_patches_the_payload(run: Run, letters: Any) -> None:
    done = run("deadletters", "reprocess", letters[0], "--patch", '{"a": 2}')
    assert (done.code, done.out) == (0, "1 dead letter was reprocessed.\n")
    task = Task.objects.get(dead_letters=letters[0])
    assert (task.payload, task.status) == ({"a": 2}, TaskStatus.PENDING)


@pytest.mark.database
def test_everything_is_reprocessed_under_a_guard(run: Run, letters: Any) -> None:
    words = ("--all", "class:ValueError", "--reason", "mended", "--yes", "--json")
    done = run("deadletters", "reprocess", *words, "--rate", "5", "--patch", '{"a": 2}')
    action = BulkAction.objects.get()
    assert (done.code, action.verb, action.total, done.json["guard"]["rate"]) == (0, "reprocess", 2, 5.0)
    assert (action.options, done.json["options"]["patch"]) == ({"patch": {"a": 2}}, None)
    done = run("deadletters", "reprocess", *words)
    assert (done.code, "the same is under way already" in done.err) == (1, True)
    done = run("deadletters", "discard", *words)
    assert (done.code, done.json["guard"]) == (0, None)


@pytest.mark.parametrize(
    ("verb", "right", "then"),
    [
        ("resolve", GroupState.OPEN, GroupState.RESOLVED),
        ("ignore", GroupState.OPEN, GroupState.IGNORED),
        ("reopen", GroupState.IGNORED, GroupState.OPEN),
    ],
)
def test_groups_are_judged_in_the_right_state(verb: str, right: Any, then: Any, run: Run, group: FailureGroup) -> None:
    FailureGroup.objects.update(state=right)
    done = run("deadletters", verb, GROUP, "b" * 16, "--reason", "known")
    assert (done.code, FailureGroup.objects.get().state) == (1, then)
    assert "1 group was" in done.out
    assert "there is no group 'bbbbbbbbbbbbbbbb'" in done.err
    done = run("deadletters", verb, GROUP, "--reason", "known")
    assert (done.code, "already" in done.err) == (1, True)
    FailureGroup.objects.update(state=right)
    done = run("deadletters", verb, GROUP, "--reason", "known", "--seen", "1")
    assert (done.code, "look at it again" in done.err) == (1, True)
    assert FailureGroup.objects.get().state == right

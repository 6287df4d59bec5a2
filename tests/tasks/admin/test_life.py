"""The picture of a task's life, and its retry timetable: before, in between and after the fact."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tasks import database
from tasks.admin.task_page.scale import Scale
from tasks.models import Task, TaskEvent
from tasks.states import EventKind, FailureCategory, Outcome, TaskStatus
from tests.tasks.admin.conftest import NASTY

pytestmark = [pytest.mark.django_db, pytest.mark.database]

S = TaskStatus
START = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def scale(end: float, *runs: tuple[float, float]) -> Scale:
    return Scale(START, at(end), [(at(begun), at(ended)) for begun, ended in runs])


class TestScale:
    def test_it_is_true_to_length(self) -> None:
        drawn = scale(10, (2, 6), (7, 10))
        assert [drawn.place(at(second)) for second in (0, 2, 5, 10)] == pytest.approx([0, 20, 50, 100])
        assert not drawn.is_cut(at(0), at(2))

    def test_long_waits_among_short_runs_are_cut_to_the_same_length(self) -> None:
        drawn = scale(1_000_011, (3, 5), (500_000, 505_000 / 1.01), (1_000_001, 1_000_011))
        short = scale(7_210, (3_600, 3_605), (7_205, 7_210))
        waits = [short.place(at(3_600)), short.place(at(7_205)) - short.place(at(3_605))]
        assert waits == pytest.approx([30, 30])
        assert short.is_cut(at(0), at(3_600))
        assert drawn.place(at(5)) > drawn.place(at(3)) > drawn.place(at(0))

    @pytest.mark.parametrize("end", [0, 5])
    def test_without_a_run_or_without_time_it_is_a_line(self, end: int) -> None:
        drawn = scale(end)
        assert drawn.place(START) == 0
        assert 0 <= drawn.place(at(2)) <= 100
        assert scale(0, (0, 0)).place(at(9)) == 0


def life(client: Client, task: Task) -> Any:
    return client.get(reverse("admin:tasks_task_change", args=[task.pk]))


@pytest.fixture
def three(make_task: Any, make_attempt: Any) -> Task:
    """Failed, lost, and failed for good; revived meanwhile after a pause of 100 s."""
    now = database.now()
    ago = lambda seconds: now - timedelta(seconds=seconds)  # noqa: E731
    task: Task = make_task(S.FAILED, attempt=3, uncounted=1, created_at=ago(300), finished_at=ago(10))
    failed = {"category": FailureCategory.HTTP_5XX, "error_class": "E", "error_message": f"503 {NASTY}"}
    make_attempt(task, 1, Outcome.FAILED, started_at=ago(296), finished_at=ago(280), **failed)
    make_attempt(task, 2, Outcome.LOST, started_at=ago(170), finished_at=ago(100))
    make_attempt(task, 3, Outcome.FAILED, started_at=ago(40), finished_at=ago(10), **failed)
    TaskEvent.objects.create(
        task=task, attempt=1, at=ago(180), kind=EventKind.REVIVED, reason=f"again {NASTY}",
        actor=User.objects.create_user("ada"),
    )  # fmt: skip
    return task


def test_each_attempt_is_a_lane_with_its_wait_and_its_end(root: Client, three: Task) -> None:
    shown = life(root, three)
    rows = shown.context["life"]["rows"]
    assert [(row["number"], row["outcome"]) for row in rows] == [(1, "failed"), (2, "lost"), (3, "failed")]
    assert [row["words"] for row in rows] == [
        f"Attempt 1 waited 4 s, ran 16 s on w@here and ended failed by HTTP 5xx: E: 503 {NASTY}.",
        "Attempt 2 waited 10 s, ran 1 min 10 s on w@here and ended lost.",  # since it was revived
        f"Attempt 3 waited 1 min, ran 30 s on w@here and ended failed by HTTP 5xx: E: 503 {NASTY}.",
    ]
    places = [float(row[part]["x"].rstrip("%")) for row in rows for part in ("wait", "run")]
    assert places == sorted(places)
    assert places[0] == 0
    assert rows[-1]["run"]["end"] == "100.000%"
    assert [word for _, word in shown.context["life"]["legend"]] == ["waiting", "failed", "lost"]
    text = shown.content.decode()
    assert text.count('class="ty-cross"') == 3
    assert 'role="img" aria-label="The task&#x27;s life: 3 attempts; it is failed."' in text
    assert 'href="#attempt-2"' in text
    assert 'id="attempt-2"' in text
    (mark,) = shown.context["life"]["marks"]
    assert mark["words"].endswith(f"Revived by ada: again {NASTY}")
    assert NASTY not in text


def test_what_is_running_ends_now(root: Client, make_task: Any, make_attempt: Any) -> None:
    task = make_task(S.PROCESSING, attempt=2, started_at=database.now() - timedelta(seconds=5))
    make_attempt(task, 1, Outcome.FAILED, started_at=task.created_at, finished_at=task.created_at)
    shown = life(root, task).context["life"]
    assert [row["outcome"] for row in shown["rows"]] == ["failed", "running"]
    assert (shown["rows"][1]["run"]["end"], shown["now"], shown["until"]) == ("100.000%", "100.000%", "now")
    assert "has been running for 5" in shown["rows"][1]["words"]


def test_what_waits_shows_how_long_it_may_last(root: Client, make_task: Any) -> None:
    now = database.now()
    task = make_task(S.SCHEDULED, created_at=now - timedelta(seconds=100), run_at=now + timedelta(seconds=300))
    shown = life(root, task).context["life"]
    (row,) = shown["rows"]
    assert row["ahead"]["end"] == "100.000%"
    assert float(shown["now"].rstrip("%")) == pytest.approx(25, abs=1)
    assert shown["words"] == ["Has waited 1 min 40 s for attempt 1."]
    assert row["note"] in ("due in 5 min", "due in 4 min")


def test_a_task_that_ended_without_an_attempt_has_a_lane_all_the_same(
    root: Client, make_task: Any, make_attempt: Any
) -> None:
    task = make_task(S.CANCELLED, attempt=0, started_at=None)
    assert life(root, task).context["life"]["words"] == ["Waited 1 min 30 s, and ended cancelled without an attempt."]
    make_attempt(task, 1, Outcome.FAILED, started_at=task.created_at, finished_at=task.created_at)
    assert len(life(root, task).context["life"]["rows"]) == 1
    TaskEvent.objects.create(task=task, attempt=1, at=database.now(), kind=EventKind.CANCELLED)
    assert [row["outcome"] for row in life(root, task).context["life"]["rows"]] == ["failed", "cancelled"]


def test_of_a_long_life_the_newest_attempts_are_drawn_thin(root: Client, make_task: Any, make_attempt: Any) -> None:
    task = make_task(S.FAILED, attempt=60, max_attempts=70)
    for number in range(1, 61):
        begun = database.now() - timedelta(seconds=1000 - number)
        make_attempt(task, number, Outcome.FAILED, started_at=begun, finished_at=begun + timedelta(seconds=0.5))
    response = life(root, task)
    shown = response.context["life"]
    assert (len(shown["rows"]), shown["rows"][0]["number"], shown["is_cut"]) == (50, 11, True)
    assert shown["height"] == 500
    assert sum(row["is_named"] for row in shown["rows"]) == 10
    assert "ty-dense" in response.content.decode()


# --- The timetable ----------------------------------------------------------------------------------------------------


def timetable(client: Client, task: Task) -> list[tuple[Any, ...]]:
    rows = life(client, task).context["timetable"]["rows"]
    return [(row["number"], row.get("planned"), row.get("waited", ""), row.get("outcome", "")) for row in rows]


def test_before_the_first_attempt_all_are_planned(root: Client, make_task: Any) -> None:
    task = make_task(S.PENDING, retry={"kind": "exponential", "base": 10, "factor": 2, "jitter": False})
    assert timetable(root, task) == [(1, "", "", ""), (2, "10 s", "", ""), (3, "20 s", "", "")]


def test_past_attempts_have_what_was_planned_and_what_came(root: Client, three: Task) -> None:
    Task.objects.filter(pk=three.pk).update(retry={"kind": "fixed", "base": 60})
    assert timetable(root, three) == [
        (1, "", "4 s", "Failed"), (2, "up to 1 min", "1 min 50 s", "Lost"), (3, "", "1 min", "Failed")
    ]  # fmt: skip


def test_between_two_attempts_the_next_has_its_time(root: Client, make_task: Any, make_attempt: Any) -> None:
    run_at = database.now() + timedelta(minutes=5)
    task = make_task(S.RETRYING, attempt=1, run_at=run_at, retry={"kind": "linear", "base": 300, "jitter": False})
    make_attempt(task, 1, Outcome.FAILED)
    rows = life(root, task).context["timetable"]["rows"]
    assert [(row["number"], row["planned"]) for row in rows] == [(1, ""), (2, "5 min"), (3, "10 min")]
    assert rows[1]["when"].startswith("not before ")
    assert rows[2]["when"] == "if attempt 2 fails"

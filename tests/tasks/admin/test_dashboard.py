"""The dashboard: signs of life, counts, the worst queues, what failed; what it costs, and who sees what."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tasks import database
from tasks.leadership import COORDINATOR
from tasks.models import FailureGroup, Leadership, Queue
from tasks.services import pause_queue
from tasks.states import TaskStatus
from tests.tasks.admin.conftest import NASTY

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def signs(client: Client) -> dict[str, tuple[str, str]]:
    return {sign["what"]: (sign["words"], sign["more"]) for sign in client.get("/admin/").context["signs"]}


def leads(**fields: Any) -> None:
    values = {"holder": "here:17:ab", "term": 1, "expires_at": database.now() + timedelta(seconds=8)}
    Leadership.objects.update_or_create(role=COORDINATOR, defaults=values | fields)


class TestSigns:
    def test_nothing_runs(self, root: Client) -> None:
        found = signs(root)
        assert found["Coordinator"] == ("None leads", "nothing is dispatched")
        assert found["Broker"][0] == "Unknown"
        assert found["Workers"] == ("None is alive", "0 processes")

    def test_all_is_well(self, root: Client, make_worker: Any) -> None:
        leads()
        make_worker("w")
        found = signs(root)
        assert [found[what][0] for what in ("Coordinator", "Broker", "Workers", "Queues")] == [
            "Leads", "Answers", "1 alive", "Keep up",
        ]  # fmt: skip

    def test_a_lead_that_ran_out_is_none(self, root: Client) -> None:
        leads(expires_at=database.now() - timedelta(seconds=90))
        assert signs(root)["Coordinator"] == ("None leads", "nothing is dispatched since 1 min 30 s")

    def test_a_broker_that_does_not_answer_says_why(self, root: Client) -> None:
        leads(broker_error=f"refused {NASTY}")
        assert signs(root)["Broker"] == ("Does not answer", f"refused {NASTY}")
        assert NASTY not in root.get("/admin/").content.decode()

    def test_workers_that_are_silent_are_named(self, root: Client, make_worker: Any, settings: Any) -> None:
        settings.WORKER_ONLINE_SECONDS = 15
        for name, seconds in (("a", 0), ("b", 12), ("c", 60)):
            make_worker(name, seconds_ago=seconds)
        assert signs(root)["Workers"] == ("1 alive", "2 processes, 1 suspected, 1 gone")

    def test_overloaded_and_paused_queues_are_named(self, root: Client, make_worker: Any, make_task: Any) -> None:
        make_worker("w")
        pause_queue("data")
        assert signs(root)["Queues"] == ("1 paused", "data")
        make_task(TaskStatus.PENDING, run_at=database.now() - timedelta(hours=1))
        assert signs(root)["Queues"] == ("Overloaded", "http")


def test_tiles_count_and_lead_to_their_tasks(root: Client, make_task: Any) -> None:
    for status in TaskStatus:
        make_task(status)
    make_task(TaskStatus.FAILED, finished_at=database.now() - timedelta(days=2))
    tiles = {tile["what"]: tile for tile in root.get("/admin/").context["tiles"]}
    assert {what: tile["number"] for what, tile in tiles.items()} == dict.fromkeys(tiles, "1")
    assert len(tiles) == 8
    for tile in tiles.values():
        assert root.get(tile["address"]).status_code == 200, tile
    assert "status=failed" in tiles["Failed today"]["address"]


def test_the_worst_queue_comes_first(root: Client, make_worker: Any, make_task: Any) -> None:
    make_worker("w", queues=["http.async", "default.plain", "data.plain", "compensation.plain"])
    pause_queue("data", reason=f"down {NASTY}")
    make_task(TaskStatus.PENDING, queue="default", run_at=database.now() - timedelta(hours=1))
    response = root.get("/admin/")
    assert [face.queue.name for face in response.context["queues"]][:2] == ["default", "data"]
    text = response.content.decode()
    assert "the oldest has waited 1 h" in text
    assert NASTY not in text
    assert "down &lt;script&gt;" in text


def test_newest_failures_and_their_groups_are_harmless(root: Client, storied_task: Any) -> None:
    FailureGroup.objects.create(
        fingerprint="f" * 16, type=f"type {NASTY}", category="code_error", error_class=f"class {NASTY}",
        message=f"message {NASTY}", open_count=3, first_seen=database.now(), last_seen=database.now(),
    )  # fmt: skip
    response = root.get("/admin/")
    assert [group["count"] for group in response.context["groups"]] == ["3"]
    assert len(response.context["letters"]) == 1
    assert NASTY not in response.content.decode()


@pytest.mark.parametrize(
    ("permissions", "shown"),
    [
        ([], set()),
        (["tasks.view_queue"], {"queues"}),
        (["tasks.view_queue", "tasks.view_task"], {"queues", "tiles"}),
        (["tasks.view_deadletter"], {"letters"}),
    ],
)
def test_each_sees_what_they_may(
    permissions: list[str], shown: set[str], sign_in: Callable[..., Client], storied_task: Any
) -> None:
    response = sign_in(*permissions).get("/admin/")
    assert {name for name in ("queues", "tiles", "letters") if response.context[name]} == shown
    assert ("Workers" in {sign["what"] for sign in response.context["signs"]}) is False


def test_a_refresh_gets_the_middle_alone(root: Client) -> None:
    text = root.get("/admin/", headers={"X-Refresh": "1"}).content.decode()
    assert 'id="content-main"' in text
    assert "nav-sidebar" not in text
    assert 'data-refresh="/admin/"' in text


def test_it_costs_the_same_whatever_there_is(
    root: Client, make_task: Any, make_dead_letter: Any, make_worker: Any
) -> None:
    counts = []
    for number in (1, 20):
        for each in range(number):
            Queue.objects.create(name=f"q{number}-{each}")
            make_dead_letter(make_task(TaskStatus.FAILED, queue=f"q{number}-{each}"))
            make_worker(f"w{number}-{each}")
        with CaptureQueriesContext(connection) as queries:
            assert root.get("/admin/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15

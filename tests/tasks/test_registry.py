"""Which types of task exist: names, doubles, and both ways of adding some."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from pydantic import BaseModel

from tasks import registry
from tasks.exceptions import UnknownType
from tasks.models import Queue
from tasks.registry import NoPayload, handler
from tasks.retry_policy import RetryPolicy
from tasks.services.queues import make_missing_queues
from tasks.states import Kind

ROOT = Path(__file__).resolve().parents[2]


class Order(BaseModel):
    number: int


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    registry.load()
    monkeypatch.setattr(registry, "_handlers", dict(registry._handlers))
    monkeypatch.setattr(registry, "_loaded", True)


def install(folder: Path, name: str, code: str) -> None:
    """Lays out an installed package, as pip does, which names its module in the entry-point group."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("")
    (folder / name / "types.py").write_text(code)
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[taskyard.handlers]\n{name} = {name}.types\n")


# --- What is registered -----------------------------------------------------------------------------------------------


def test_a_type_has_its_defaults(own_registry: None) -> None:
    @handler("mine.plain")
    def plain(ctx: Any, payload: NoPayload) -> None:
        """Does
        this."""

    found = registry.get("mine.plain")
    assert (found.name, found.function, found.payload, found.queue) == ("mine.plain", plain, NoPayload, "default")
    assert (found.kind, found.timeout, found.max_attempts) == (Kind.PLAIN, 300.0, 3)
    assert (found.retry, found.compensate, found.description) == (RetryPolicy(), None, "Does\nthis.")


def test_a_type_keeps_what_it_says(own_registry: None) -> None:
    def undo(ctx: Any, payload: Order, result: Any) -> None: ...

    policy = RetryPolicy(base=5)

    @handler("mine-1", payload=Order, queue="orders", retry=policy, timeout=1.5, max_attempts=9, compensate=undo)
    async def take(ctx: Any, payload: Order) -> None: ...

    found = registry.get("mine-1")
    assert (found.payload, found.queue, found.retry, found.timeout, found.max_attempts) == (
        (Order, "orders", policy, 1.5, 9)
    )
    assert (found.kind, found.compensate, found.description) == (Kind.ASYNC, undo, "")


def test_the_function_stays_as_it_was(own_registry: None) -> None:
    def plain(ctx: Any, payload: NoPayload) -> str:
        return "done"

    assert handler("mine.plain")(plain) is plain


@pytest.mark.parametrize("name", ["", ".", "a b", "a/b", "x" * 101, "a\x00", "a,b"])
def test_a_name_is_letters_digits_and_few_signs(name: str, own_registry: None) -> None:
    with pytest.raises(ValueError, match="is no name for a type: up to 100 letters"):
        handler(name)


@pytest.mark.parametrize("name", ["a", "x" * 100, "shop.orders-v2_final", "größe"])
def test_such_names_are_taken(name: str, own_registry: None) -> None:
    handler(name)(lambda ctx, payload: None)
    assert registry.get(name).name == name


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": math.inf},
        {"timeout": math.nan},
        {"timeout": 8 * 86_400},
        {"max_attempts": 0},
        {"max_attempts": 101},
    ],
    ids=str,
)
def test_timeout_and_attempts_have_the_bounds_of_a_submission(options: dict[str, Any], own_registry: None) -> None:
    with pytest.raises(ValueError, match=r"^mine: (timeout|max_attempts) must be "):
        handler("mine", **options)


@pytest.mark.parametrize("queue", ["", "Http", "a b", "a,b", "1st", "x" * 61, "a.b"])
def test_a_queue_is_named_as_queues_are(queue: str, own_registry: None) -> None:
    with pytest.raises(ValueError, match="is no name for a queue"):
        handler("mine", queue=queue)
    with pytest.raises(ValidationError):
        Queue(name=queue).clean_fields()


def test_a_payload_is_a_model(own_registry: None) -> None:
    wrong: Any = dict
    with pytest.raises(ValueError, match="mine: payload must be a pydantic model"):
        handler("mine", payload=wrong)


def test_a_name_is_given_once(own_registry: None) -> None:
    def one(ctx: Any, payload: NoPayload) -> None: ...

    def other(ctx: Any, payload: NoPayload) -> None: ...

    handler("mine")(one)
    with pytest.raises(ValueError, match=r"the type 'mine' is registered twice: .*one.* and .*other"):
        handler("mine")(other)
    assert registry.get("mine").function is one


def test_the_same_function_may_come_again(own_registry: None) -> None:
    def one(ctx: Any, payload: NoPayload) -> None: ...

    handler("mine")(one)
    handler("mine", timeout=5)(one)
    assert registry.get("mine").timeout == 5


def test_an_unknown_type_is_said_by_its_name() -> None:
    with pytest.raises(UnknownType, match="no handler is installed for the type 'nothing'"):
        registry.get("nothing")


# --- What is installed ------------------------------------------------------------------------------------------------


def test_the_built_in_types_are_there_in_order() -> None:
    names = [each.name for each in registry.handlers()]
    assert names == sorted(names)
    assert {"cleanup", "data_processing", "health_check", "http_request"} <= set(names)


def test_an_installed_app_adds_types_by_its_handlers_module() -> None:
    found = registry.get("sample.work")
    assert found.function.__module__ == "tests.sample_app.handlers"
    assert (registry.get("sample.async_work").kind, found.kind) == (Kind.ASYNC, Kind.PLAIN)


@pytest.mark.parametrize("each", registry.handlers(), ids=lambda each: each.name)
def test_every_type_has_a_schema_that_json_holds(each: registry.Handler) -> None:
    assert json.loads(json.dumps(each.payload.model_json_schema()))["type"] == "object"
    assert each.description


def test_a_package_installed_beside_taskyard_adds_types_by_its_entry_point(tmp_path: Path) -> None:
    install(
        tmp_path,
        "greetings",
        "from pydantic import BaseModel\n"
        "from tasks.registry import handler\n"
        "class Greeting(BaseModel):\n"
        "    name: str\n"
        "@handler('greetings.hello', payload=Greeting, queue='greetings')\n"
        "async def hello(ctx, payload):\n"
        "    'Says hello.'\n"
        "    return f'Hello {payload.name}'\n",
    )
    script = (
        "import django; django.setup()\n"
        "from tasks import registry; from tasks.api.shapes import type_shape; import json\n"
        "print(json.dumps({each.name: type_shape(each, known_online=True) for each in registry.handlers()}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    types = json.loads(done.stdout)
    assert {"http_request", "sample.noop"} <= set(types)
    added = types["greetings.hello"]
    assert (added["queue"], added["kind"], added["description"]) == ("greetings", "async", "Says hello.")
    assert added["schema"]["required"] == ["name"]


def test_a_package_that_cannot_be_loaded_is_named(
    own_registry: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "broken_greetings", "import nothing_of_this_name")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_loaded", False)
    with pytest.raises(ImproperlyConfigured) as caught:
        registry.get("http_request")
    assert str(caught.value) == (
        "the types of the package broken_greetings (entry point broken_greetings = broken_greetings.types) cannot be "
        "loaded: No module named 'nothing_of_this_name'"
    )


@pytest.mark.django_db
def test_the_queues_that_types_name_are_made(own_registry: None) -> None:
    handler("mine", queue="my_own-queue")(lambda ctx, payload: None)
    make_missing_queues()
    make_missing_queues()
    names = set(Queue.objects.values_list("name", flat=True))
    assert {"default", "http", "data", "compensation", "my_own-queue"} <= names

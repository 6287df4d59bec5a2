"""The image's steps and the composition's services, run as they stand there: each service until it is healthy."""

import json
import os
import re
import secrets
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.broker.conftest import cannot_run, namespace
from tests.deploy import root_folder
from tests.deploy.image import USER, WORKDIR, Image
from tests.deploy.packaging import ROOT, composition
from tests.servers import free_ports

pytestmark = pytest.mark.broker

HEALTHY_WITHIN = 60
STANDS_STILL = 4.0  # seconds
ONE_SHOT = "setup"
SERVERS = ("postgres", "rabbitmq")


@dataclass
class Service:
    """A running service of the composition."""

    process: "subprocess.Popen[bytes]"
    health: list[str]
    environment: dict[str, str]
    grace: float
    log: Path
    answers: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    if reason := root_folder.cannot():
        cannot_run(f"the image cannot be put together without a container engine: {reason}")
    folder = tmp_path_factory.mktemp("image")
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.geteuid() and path != Path(path.anchor):
            path.chmod(path.stat().st_mode | 0o011)  # the services' user has to get through
    return Image(folder)


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    if not os.environ.get("DATABASE_URL") or not os.environ.get("BROKER_URL"):
        cannot_run("DATABASE_URL and BROKER_URL are not set: run bin/test broker")
    parts = urlsplit(os.environ["DATABASE_URL"])
    # `bin/services stop` drops what has its database's name in its own, should we not get to it.
    name = f"{parts.path.removeprefix('/')}_packaged_{secrets.token_hex(3)}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        yield parts._replace(path=f"/{name}").geturl()
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def services(image: Image, database_url: str) -> Iterator[dict[str, Service]]:
    """All services but the servers and those of the profile dev: set up, started, and stopped at the end."""
    folder = image.root.inside("/run/secrets")
    subprocess.run([ROOT / "deploy" / "make-secrets", folder], check=True, stdout=subprocess.DEVNULL)
    folder.chmod(0o755)  # Docker mounts the files alone
    for name, url in (("database_url", database_url), ("broker_url", os.environ["BROKER_URL"])):
        (folder / name).chmod(0o644)
        (folder / name).write_text(url + "\n")
    (image.root.inside("/var/log")).mkdir(parents=True, exist_ok=True)
    ports = dict(zip(("web", "flower"), free_ports(2), strict=True))
    composed = {
        name: service
        for name, service in composition()["services"].items()
        if name not in SERVERS and "profiles" not in service
    }
    started: dict[str, Service] = {}
    try:
        for name in sorted(composed, key=lambda name: name != ONE_SHOT):
            started[name] = start(image, name, composed[name], ports)
            if name == ONE_SHOT:
                assert started[name].process.wait(HEALTHY_WITHIN) == 0, started[name].log.read_text()
        yield started
    finally:
        for service in started.values():
            if service.process.poll() is None:
                os.killpg(service.process.pid, signal.SIGKILL)
            service.process.wait(10)


def start(image: Image, name: str, service: dict[str, Any], ports: dict[str, int]) -> Service:
    """Starts a service's command with its environment and secrets, on a port of the test's own."""
    missing = [each for each in service["secrets"] if not image.root.inside(f"/run/secrets/{each}").exists()]
    assert not missing
    environment = image.environment | {key: str(value) for key, value in service["environment"].items()}
    environment["BROKER_NAMESPACE"] = namespace("packaged")
    [default] = image.stages["taskyard"].values("CMD")
    command = service.get("command") or json.loads(default)
    if name in ports:
        environment |= {"PORT": str(ports[name]), "FLOWER_PORT": str(ports[name])}
        command = [re.sub(r"\b(8000|5555)$", str(ports[name]), word) for word in command]
    log = image.root.inside(f"/var/log/{name}.log")
    with log.open("wb") as file:
        process = image.root.start(command, cwd=WORKDIR, environment=environment, user=USER, log=file)
    health = service.get("healthcheck", {}).get("test", ["CMD"])
    grace = float(str(service.get("stop_grace_period", "10s")).removesuffix("s"))
    return Service(process, health[1:], environment, grace, log)


def is_healthy(image: Image, service: Service, *options: str) -> bool:
    done = subprocess.run(
        image.root.command([*service.health, *options], cwd=WORKDIR, user=USER),
        env=service.environment, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    service.answers.append(done.stdout + done.stderr)
    return done.returncode == 0


def await_healthy(image: Image, services: dict[str, Service]) -> dict[str, Service]:
    """Waits until all that go on running are healthy, and returns these."""
    running = {name: service for name, service in services.items() if name != ONE_SHOT}
    waiting, until = dict(running), time.monotonic() + HEALTHY_WITHIN
    while waiting:
        for name, service in list(waiting.items()):
            assert service.process.poll() is None, f"{name} has ended:\n{service.log.read_text()}"
            assert time.monotonic() < until, f"{name}: {service.answers[-1:]}\n{service.log.read_text()}"
            if is_healthy(image, service):
                del waiting[name]
        time.sleep(0.3)
    return running


def test_every_step_of_the_image_was_run(image: Image) -> None:
    of_image = [step for name in ("base", "packages", "taskyard") for step in image.stages[name].values("RUN")]
    assert list(image.steps) == of_image
    home = image.root.inside("/var/lib/taskyard")
    assert {path.stat().st_uid for path in (home, home / "data", home / "pulse")} == {USER}
    assert (image.root.inside("/srv/static/admin/css/base.css")).exists()
    assert f"taskyard:x:{USER}:{USER}:" in image.root.inside("/etc/passwd").read_text()


def test_nothing_of_the_image_is_its_users_to_change(image: Image) -> None:
    for folder in ("/opt/venv", "/srv"):
        for path in image.root.inside(folder).rglob("*"):
            if not path.is_symlink():
                assert path.stat().st_uid == 0
                assert not path.stat().st_mode & stat.S_IWOTH


def test_pip_would_install_exactly_what_is_pinned(image: Image) -> None:
    [step] = [name for name in image.steps if name.startswith("pip ")]
    report = json.loads(image.steps[step])
    installed = {canonical(each["metadata"]["name"]): each["metadata"]["version"] for each in report["install"]}
    text = (ROOT / "requirements.txt").read_text()
    assert installed == {
        canonical(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    }


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_service_gets_healthy_as_its_own_user(image: Image, services: dict[str, Service]) -> None:
    running = await_healthy(image, services)
    assert set(running) == {"web", "coordinator", "worker", "worker-async", "beat", "flower"}
    for name, service in running.items():
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        assert re.search(rf"^Uid:\t{USER}\t", status, re.MULTILINE), name
        assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE), name


def test_frozen_processes_are_not_healthy_until_they_go_on(image: Image, services: dict[str, Service]) -> None:
    await_healthy(image, services)
    main, other, *rest = (services[name].process.pid for name in ("worker", "worker-async", "coordinator", "beat"))
    children = "".join(path.read_text() for path in Path(f"/proc/{other}/task").glob("*/children")).split()
    frozen = [main, int(children[0]), *rest]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(STANDS_STILL)  # what they are frozen for
        for name in ("worker", "coordinator", "beat"):
            assert not is_healthy(image, services[name], "--older-than", str(STANDS_STILL - 1.5)), name
        said = services["worker"].answers[-1]
        assert "main has stood still" in said
        assert "keeper has stood still" in said
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    await_healthy(image, services)


def test_every_service_ends_within_its_grace(image: Image, services: dict[str, Service]) -> None:
    running = await_healthy(image, services)
    for service in running.values():
        service.process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    for name, service in running.items():
        try:
            service.process.wait(max(0.1, asked + service.grace - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{name} did not end in {service.grace} s:\n{service.log.read_text()}") from None
    for name in ("worker", "worker-async", "coordinator", "beat"):
        assert not is_healthy(image, running[name])

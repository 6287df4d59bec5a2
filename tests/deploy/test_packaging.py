"""What Dockerfile and docker-compose.yml say: valid, pinned, confined, and in Taskyard's own words."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compose_spec import PyCompose
from django.conf import settings

from deploy.local.processes import STOP_SECONDS
from tasks.registry import LONGEST_TIMEOUT
from tests.deploy.packaging import ROOT, composition, environments, is_sent, lineage, stages

ONE_SHOT = {"setup"}
SERVERS = {"postgres", "rabbitmq"}
REACHABLE = {"web", "flower", "dev-web"}
# Variables of Python, uvicorn and PostgreSQL's image; all others are Taskyard's settings.
OF_OTHERS = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "WEB_CONCURRENCY"}
OF_OTHERS |= {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE", "POSTGRES_INITDB_ARGS"}
UNITS = {"m": 1, "g": 1024}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(composition()["services"])


def mebibytes(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


# --- The Dockerfile ---------------------------------------------------------------------------------------------------


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "hadolint"), "Dockerfile"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_small_pinned_and_nobodys_root(tmp_path: Path) -> None:
    found = stages(tmp_path)
    assert list(found)[-1] == "taskyard"  # what is built without a target
    last = lineage(found, "taskyard")
    assert last[0].image == "python:${PYTHON}-slim-bookworm"
    assert re.search(r"^ARG PYTHON=3\.1[123]$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert last[-1].values("USER") == ["10001:10001"]
    commands = " ".join(step for stage in last for step in stage.values("RUN"))
    assert not re.search(r"\b(apt-get|apt|gcc|pip)\b", commands)
    for stage in last:
        for name in ("CMD", "ENTRYPOINT"):
            assert all(isinstance(json.loads(value), list) for value in stage.values(name))
    assert "python -m deploy.healthy web" in " ".join(
        json.loads(last[-1].values("HEALTHCHECK")[0].partition("CMD ")[2])
    )
    assert any("org.opencontainers.image.version" in label for label in last[-1].values("LABEL"))
    words = [word for stage in last for value in stage.values("ENV") for word in value.split()]
    assert {word.partition("=")[0] for word in words if "=" in word} <= OF_OTHERS | settings.VARIABLES


def test_the_image_gets_the_program_and_neither_secrets_nor_leavings() -> None:
    sent = """manage.py flowerconfig.py LICENSE requirements.txt templates/admin/tasks/page.html
        tasks/static/tasks/admin.css deploy/demo/orders.csv deploy/healthy.py""".split()
    assert [path for path in sent if not is_sent(path) or not (ROOT / path).exists()] == []
    kept = """deploy/secrets/secret_key deploy/secrets .env .run/secret_key .git/config .venv/bin/python config/old.pyc
        tasks/__pycache__/states.cpython-311.pyc tests/conftest.py docker-compose.yml""".split()
    assert [path for path in kept if is_sent(path)] == []


def test_every_app_is_in_the_image() -> None:
    own = [name for name in settings.INSTALLED_APPS if (ROOT / name).is_dir()]
    assert {"tasks", "workflows", "monitoring"} <= set(own)
    assert [name for name in (*own, "config", "deploy") if not is_sent(f"{name}/__init__.py")] == []


# --- docker-compose.yml -----------------------------------------------------------------------------------------------


def test_the_composition_is_valid() -> None:
    composed = composition()
    PyCompose.from_json(json.dumps(composed)).validate()
    broken = composed | {"services": composed["services"] | {"web": composed["services"]["web"] | {"helthcheck": {}}}}
    with pytest.raises(ValueError, match="helthcheck"):
        PyCompose.from_json(json.dumps(broken))


def test_services_depend_on_those_that_are_there_and_wait_until_these_are_ready(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            condition = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
            if other.startswith("dev-"):
                condition = "service_started"
            assert how == {"condition": condition}, (name, other)
            assert set(services[other].get("profiles", [])) <= set(service.get("profiles", [])), (name, other)
        if name not in SERVERS | ONE_SHOT:
            assert {"setup", "postgres"} <= set(service["depends_on"])
    assert not {"rabbitmq"} & set(services["web"]["depends_on"])  # it does not need it


@pytest.mark.parametrize("name", composition()["services"])
def test_each_service_is_confined(name: str, services: dict[str, Any]) -> None:
    service = services[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "pid", "ipc", "network_mode", "devices"} & set(service)
    assert "read_only" in service or name == "rabbitmq"  # Erlang's cookie and plug-ins: not tried
    assert service["logging"]["options"]["max-size"]
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert mebibytes(limits["memory"]) >= 256
    assert not any(str(volume).startswith(("/", "~")) for volume in service.get("volumes", []))


@pytest.mark.parametrize("name", composition()["services"])
def test_each_service_says_how_it_is_and_comes_back(name: str, services: dict[str, Any]) -> None:
    service = services[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no"
        return
    assert service["restart"] == "unless-stopped"
    test = service["healthcheck"]["test"]
    assert test[0] == "CMD"  # without a shell
    assert "inspect" not in test
    if name not in SERVERS:
        assert test[1:4] == ["python", "-m", "deploy.healthy"]


def test_images_are_pinned(services: dict[str, Any]) -> None:
    for name, service in services.items():
        image, _, tag = service["image"].partition(":")
        assert image in {"taskyard", "postgres", "rabbitmq"}, name
        assert re.match(r"(17|4\.3|local|dev)\b", tag), name
        assert ("build" in service) == (image == "taskyard")


def test_only_web_and_flower_are_reached_and_from_this_host_alone(services: dict[str, Any]) -> None:
    composed = composition()
    assert composed["networks"] == {"inner": {"internal": True}, "outer": {}}
    for name, service in services.items():
        ports = service.get("ports", [])
        assert bool(ports) == (name in REACHABLE)
        assert all(port.startswith("127.0.0.1:") for port in ports)
        assert service["networks"] == ["inner"] or name in REACHABLE or "worker" in name


def test_every_variable_is_one_that_is_read(services: dict[str, Any]) -> None:
    for name, _, environment in environments({"services": services}):
        assert set(environment) <= OF_OTHERS | settings.VARIABLES, name
        assert all(isinstance(value, str) for value in environment.values()), name


def test_every_secret_is_made_mounted_and_read(services: dict[str, Any], tmp_path: Path) -> None:
    subprocess.run([ROOT / "deploy" / "make-secrets", tmp_path / "secrets"], check=True, stdout=subprocess.DEVNULL)
    declared = composition(SECRETS=str(tmp_path / "secrets"))["secrets"]
    contents = {name: Path(each["file"]).read_text() for name, each in declared.items()}
    assert all(len(content) >= 20 for content in contents.values())
    assert {path.name for path in (tmp_path / "secrets").iterdir()} == {
        Path(each["file"]).name for each in declared.values()
    }
    read = set()
    for name, service in services.items():
        mounted = {each["source"] if isinstance(each, dict) else each for each in service.get("secrets", [])}
        files = {key: value for key, value in service.get("environment", {}).items() if key.endswith("_FILE")}
        of_files = {Path(path).name for path in files.values()}
        assert of_files == mounted - {"rabbitmq_user"}, name
        read |= mounted
    assert read == set(declared)
    # Both sides of a login have the same password.
    assert f":{contents['postgres_password'].strip()}@postgres/" in contents["database_url"]
    assert contents["rabbitmq_user"].split()[-1] in contents["broker_url"]


def test_secrets_that_are_there_are_kept(tmp_path: Path) -> None:
    def made() -> dict[str, str]:
        subprocess.run([ROOT / "deploy" / "make-secrets", tmp_path], check=True, stdout=subprocess.DEVNULL)
        return {path.name: path.read_text() for path in tmp_path.iterdir()}

    first = made()
    (tmp_path / "flower_login").unlink()
    second = made()
    assert {name for name, content in first.items() if second[name] != content} == {"flower_login"}
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_workers_memory_holds_what_its_processes_may_take(services: dict[str, Any]) -> None:
    for name in ("worker", "worker-async", "dev-worker"):
        environment = services[name]["environment"]
        limit, processes = int(environment["WORKER_MEMORY_LIMIT"]), int(environment["WORKER_CONCURRENCY"])
        assert mebibytes(services[name]["deploy"]["resources"]["limits"]["memory"]) >= 1.5 * limit * processes + 300
        assert int(environment["DATA_MEMORY_LIMIT"]) < limit
        assert float(services[name]["stop_grace_period"].removesuffix("s")) > STOP_SECONDS


def test_rabbitmq_waits_longer_than_any_task_may_take() -> None:
    text = (ROOT / "deploy" / "servers" / "rabbitmq.conf").read_text()
    [milliseconds] = re.findall(r"^consumer_timeout = (\d+)$", text, re.MULTILINE)
    assert int(milliseconds) / 1000 > LONGEST_TIMEOUT


def test_the_profile_dev_runs_the_same_from_the_checkout(services: dict[str, Any]) -> None:
    dev = {name: service for name, service in services.items() if "profiles" in service}
    assert set(dev) == {"dev-web", "dev-coordinator", "dev-worker", "dev-worker-async"}
    for name, service in dev.items():
        assert service["build"]["target"] == "dev"
        assert ".:/srv/taskyard:ro" in service["volumes"]
        command = " ".join(service["command"])
        twin = services[name.removeprefix("dev-")].get("command")
        assert "--reload" in command if twin is None else " ".join(twin) in command

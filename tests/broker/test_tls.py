"""TLS to the database and the broker, with certificates on both sides: all speak it, and only to the right server."""

import ssl
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.publishing import BROKER_ERRORS, AmqpPublisher
from tests.broker.conftest import opened
from tests.broker.installation import Databases, Installation
from tests.broker.nursery import ROOT
from tests.broker.processes import wait_until
from tests.servers import Certificates, OwnPostgres, OwnRabbitMQ, free_ports

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]

PATIENCE = 90  # seconds, for a machine that is busy with something else


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def broker(certificates: Certificates) -> Iterator[OwnRabbitMQ]:
    with OwnRabbitMQ(certificates=certificates) as server:
        server.control("add_user", "taskyard", "s3cret/of the broker")
        server.control("set_permissions", "taskyard", ".*", ".*", ".*")
        yield server


@pytest.fixture(scope="module")
def tls_databases(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    with OwnPostgres(certificates=certificates) as server:
        made = Databases(server.url, tmp_path_factory.mktemp("tls-template"))
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def variables(certificates: Certificates, broker: OwnRabbitMQ) -> dict[str, str]:
    """How an installation is told of TLS, but for the address of its database."""
    return {
        "DATABASE_CA_FILE": str(certificates.authority),
        "DATABASE_CERT_FILE": str(certificates.client),
        "DATABASE_KEY_FILE": str(certificates.client_key),
        "BROKER_URL": f"amqps://taskyard:s3cret%2Fof%20the%20broker@localhost:{broker.tls_port}//",
        "BROKER_CA_FILE": str(certificates.authority),
        "BROKER_CERT_FILE": str(certificates.client),
        "BROKER_KEY_FILE": str(certificates.client_key),
    }


def make(
    databases: Databases, broker: OwnRabbitMQ, home: Path, variables: dict[str, str], **changed: str
) -> Installation:
    url = databases.make("tls")
    word = url.partition("?")[0].rpartition("_")[2]
    plain = {"DATABASE_URL": url.partition("?")[0].replace("postgres@", "postgres:s3cret-of-the-database@")}
    return Installation(url, broker.url, f"tls-{word}", home, **plain, **variables, **changed)


@pytest.fixture(scope="module")
def installation(
    tls_databases: Databases,
    broker: OwnRabbitMQ,
    variables: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    made = make(tls_databases, broker, tmp_path_factory.mktemp("tls"), variables)
    with opened(made):
        made.start()
        yield made


def log_of(installation: Installation, name: str) -> str:
    return (installation.home / "log" / f"{name}.log").read_text(errors="replace")


def test_a_whole_installation_completes_tasks_over_tls(installation: Installation, broker: OwnRabbitMQ) -> None:
    types = ("sample.noop", "sample.async_noop", "sample.echo", "sample.work") * 50
    ids = installation.submit_all([{"type": each, "payload": {}} for each in types])
    assert installation.await_ended(ids, within=PATIENCE) == {"completed": 200}
    clients = broker.control("list_connections", "ssl", "user").splitlines()[1:]
    assert {tuple(line.split()) for line in clients} == {("true", "taskyard")}
    backends = installation.rows(
        "SELECT ssl, query LIKE 'LISTEN%%' FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
        " WHERE datname = current_database()"
    )
    assert {ssl for ssl, _ in backends} == {True}
    assert any(listens for _, listens in backends)


def test_dead_letters_go_out_and_come_in_over_tls(installation: Installation) -> None:
    failed = installation.submit("sample.returns", {"what": "set"})
    installation.await_row(
        "SELECT 1 FROM tasks_deadletter WHERE task_id = %s AND announced_at IS NOT NULL", [failed],
        within=PATIENCE, what="the dead letter is announced",
    )  # fmt: skip
    with installation.channel() as channel:
        message = channel.prepare_message("a stray", content_type="text/plain", content_encoding="utf-8")
        channel.basic_publish(message, exchange=f"{installation.namespace}.dlx", routing_key="stray")
    installation.await_row(
        "SELECT 1 FROM tasks_deadletter WHERE task_id IS NULL", within=PATIENCE, what="the stray message is taken in"
    )


def test_beat_and_flower_speak_tls_and_show_no_password(
    installation: Installation, broker: OwnRabbitMQ, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    (tmp_path / "login").write_text("operator:s3cret-of-flower\n")
    celery = ["celery", "-A", "config"]
    before = len(broker.control("list_connections", "ssl").splitlines())
    installation.processes.start(
        "flower",
        *celery,
        "flower",
        "--address=127.0.0.1",
        f"--port={port}",
        FLOWER_BASIC_AUTH_FILE=str(tmp_path / "login"),
    )
    installation.processes.start("beat", *celery, "beat", "--pidfile", "", "-l", "INFO")
    names = {f"{name}@{installation.namespace}" for name in ("plain", "async")}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as flower:

        def workers() -> Any:
            try:
                answer = flower.get("/workers?json=1", auth=("operator", "s3cret-of-flower"))
            except httpx.TransportError:
                return None
            return {each["hostname"] for each in answer.json()["data"]} >= names

        wait_until(workers, within=PATIENCE, what="Flower sees both workers")
        assert flower.get("/workers").status_code == 401
        assert flower.get("/workers", auth=("operator", "wrong")).status_code == 401
        pages = [f"/worker/{name}" for name in sorted(names)] + ["/", "/workers", "/broker", "/tasks"]
        shown = {page: flower.get(page, auth=("operator", "s3cret-of-flower")) for page in pages}
    assert {answer.status_code for answer in shown.values()} == {200}, shown
    assert not [page for page, answer in shown.items() if "s3cret" in answer.text]
    wait_until(lambda: "beat: Starting" in log_of(installation, "beat"), within=PATIENCE, what="beat has started")
    assert len(broker.control("list_connections", "ssl").splitlines()) > before
    assert "false" not in broker.control("list_connections", "ssl")
    for name in ("flower", "beat"):
        installation.processes.kill(name)
    assert "s3cret" not in "".join(path.read_text() for path in (installation.home / "log").iterdir())


# --- What is refused --------------------------------------------------------------------------------------------------


def wrong_variables(server: str, how: str, right: dict[str, str], tmp_path: Path) -> dict[str, str]:
    if how == "another authority":
        return {f"{server}_CA_FILE": str(Certificates(tmp_path / "others").authority)}
    return {f"{server}_URL": right[f"{server}_URL"].replace("@localhost", "@127.0.0.1")}


@pytest.mark.parametrize("how", ["another authority", "another name"])
@pytest.mark.parametrize("server", ["BROKER", "DATABASE"])
def test_a_certificate_that_is_not_right_is_one_line_and_no_end(
    server: str,
    how: str,
    tls_databases: Databases,
    broker: OwnRabbitMQ,
    variables: dict[str, str],
    tmp_path: Path,
) -> None:
    made = make(tls_databases, broker, tmp_path / "home", variables)
    right = made.processes.environment
    made.processes.environment = right | wrong_variables(server, how, right, tmp_path)
    says = "failed" if server == "BROKER" else "the database does not answer"
    reason = "certificate verify failed" if how == "another authority" or server == "BROKER" else "does not match"
    with opened(made):
        made.start_coordinator()
        made.start_worker("plain", ["default.plain"], processes=1)

        def complaints(name: str) -> list[str]:
            said = says if name == "coordinator" else ""
            return [line for line in log_of(made, name).splitlines() if reason in line and said in line]

        def tries_again(name: str) -> bool:
            return len(complaints(name)) > 1

        for name in ("coordinator", "plain"):
            wait_until(partial(tries_again, name), within=PATIENCE, what=f"{name} tries again")
        made.processes.environment = right
        for name in ("coordinator", "plain"):
            assert made.processes.is_alive(name)
            assert "Traceback" not in log_of(made, name)
            assert "s3cret" not in log_of(made, name)


@pytest.mark.parametrize("how", ["another authority", "another name"])
def test_the_dispatchers_own_connection_is_refused_as_an_outage_is(
    how: str, broker: OwnRabbitMQ, certificates: Certificates, settings: Any, tmp_path: Path
) -> None:
    host = "127.0.0.1" if how == "another name" else "localhost"
    tls = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": host, "ca_certs": str(certificates.authority)}
    tls |= {"certfile": str(certificates.client), "keyfile": str(certificates.client_key)}
    settings.BROKER_URL = f"amqps://guest:guest@localhost:{broker.tls_port}//"
    settings.BROKER_TLS = tls | {"server_hostname": "localhost"}
    publisher = AmqpPublisher()
    publisher.open([])
    publisher.close()
    if how == "another authority":
        tls["ca_certs"] = str(Certificates(tmp_path / "others").authority)
    settings.BROKER_TLS = tls
    with pytest.raises(BROKER_ERRORS, match="certificate verify failed"):
        publisher.open([])
    publisher.close()


@pytest.mark.parametrize("how", ["another authority", "another name"])
@pytest.mark.parametrize("server", ["BROKER", "DATABASE"])
def test_bin_up_refuses_to_start_with_one_line(
    server: str, how: str, installation: Installation, tmp_path: Path
) -> None:
    ports = dict(zip(("PORT", "FLOWER_PORT"), map(str, free_ports(2)), strict=True))
    right = installation.processes.environment
    wrong = wrong_variables(server, how, right, tmp_path)
    code, said = run(
        "python", "-m", "deploy.local", environment=right | ports | wrong | {"TASKYARD_HOME": str(tmp_path)}
    )
    where = "127.0.0.1" if how == "another name" else "localhost"
    assert code == 1
    assert said.startswith(f"bin/up: the {server.lower()} {where}:")
    assert f"({server}_URL) does not answer: " in said
    assert said.count("\n") == 1
    assert "s3cret" not in said


def test_a_name_may_be_left_unchecked_and_the_certificate_not(
    installation: Installation, variables: dict[str, str], tmp_path: Path
) -> None:
    unnamed = {"BROKER_URL": variables["BROKER_URL"].replace("@localhost", "@127.0.0.1"), "BROKER_VERIFY_HOST": "false"}
    right = installation.processes.environment
    command = ["celery", "-A", "config", "inspect", "ping", "-t", "20"]
    code, said = run(*command, environment=right | unnamed)
    assert code == 0, said
    assert f"plain@{installation.namespace}" in said
    others = str(Certificates(tmp_path / "others").authority)
    code, said = run(*command, environment=right | unnamed | {"BROKER_CA_FILE": others})
    assert code != 0
    assert "certificate verify failed" in said


def run(*command: str, environment: dict[str, str]) -> tuple[int, str]:
    program = [str(ROOT / ".venv" / "bin" / command[0]), *command[1:]]
    done = subprocess.run(program, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr if command[0] == "python" else done.stdout + done.stderr

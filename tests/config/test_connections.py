"""How the settings make connections of URLs, certificates and PgBouncer: what comes out, and what is refused."""

import runpy
import ssl
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured

from config.env import WrongSetting
from tests.servers import Certificates

ROOT = Path(__file__).resolve().parents[2]
DATABASE_URL = "postgres://user:p%40ss%2Fw%25rd@db.example.com/taskyard"
BROKER_URL = "amqps://user:s3cret@mq.example.com//"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    for name in configured.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TASKYARD_HOME", str(tmp_path / "home"))

    def read(**variables: object) -> dict[str, Any]:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        return runpy.run_path(str(ROOT / "config" / "settings.py"))

    return read


def test_a_password_in_a_url_is_percent_encoded(read: Any) -> None:
    assert read(DATABASE_URL=DATABASE_URL)["DATABASES"]["default"]["PASSWORD"] == "p@ss/w%rd"


def test_the_root_certificate_of_the_database_means_that_its_name_is_checked(
    read: Any, certificates: Certificates
) -> None:
    files = {"DATABASE_CERT_FILE": certificates.client, "DATABASE_KEY_FILE": certificates.client_key}
    found = read(DATABASE_URL=DATABASE_URL, DATABASE_CA_FILE=certificates.authority, **files)
    options = found["DATABASES"]["default"]["OPTIONS"]
    assert (options["sslmode"], options["sslrootcert"]) == ("verify-full", str(certificates.authority))
    assert (options["sslcert"], options["sslkey"]) == (str(certificates.client), str(certificates.client_key))


def test_the_address_to_listen_on_has_the_same_certificates(read: Any, certificates: Certificates) -> None:
    variables = {"DATABASE_BEHIND_PGBOUNCER": "true", "LISTEN_DATABASE_URL": "postgres://user@direct/taskyard"}
    found = read(DATABASE_URL=DATABASE_URL, DATABASE_CA_FILE=certificates.authority, DATABASE_POOL="true", **variables)
    assert found["LISTEN_DATABASE"]["HOST"] == "direct"
    assert found["LISTEN_DATABASE"]["OPTIONS"]["sslrootcert"] == str(certificates.authority)
    assert "pool" not in found["LISTEN_DATABASE"]["OPTIONS"]


def test_behind_pgbouncer_nothing_is_left_in_a_session(read: Any) -> None:
    found = read(DATABASE_URL=DATABASE_URL)["DATABASES"]["default"]
    assert "idle_in_transaction_session_timeout=10000" in found["OPTIONS"]["options"]
    found = read(DATABASE_URL=DATABASE_URL, DATABASE_BEHIND_PGBOUNCER="true")["DATABASES"]["default"]
    assert "options" not in found["OPTIONS"]
    assert found["OPTIONS"]["prepare_threshold"] is None
    assert found["DISABLE_SERVER_SIDE_CURSORS"] is True


def test_the_broker_is_checked_by_certificate_and_name(read: Any, certificates: Certificates) -> None:
    assert read()["BROKER_TLS"] == {}
    by_system = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": "mq.example.com"}
    assert read(BROKER_URL=BROKER_URL)["BROKER_TLS"] == by_system
    found = read(BROKER_URL=BROKER_URL, BROKER_CA_FILE=certificates.authority)
    assert found["BROKER_TLS"] == by_system | {"ca_certs": str(certificates.authority)}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DATABASE_URL": DATABASE_URL, "DATABASE_CA_FILE": "/nowhere"}, "DATABASE_CA_FILE='/nowhere' cannot be read"),
        ({"DATABASE_URL": DATABASE_URL, "DATABASE_CA_FILE": __file__}, f"DATABASE_CA_FILE={__file__!r} holds no cert"),
        ({"DATABASE_CA_FILE": "AUTHORITY"}, "DATABASE_CA_FILE is set, and DATABASE_URL is not"),
        (
            {"DATABASE_URL": f"{DATABASE_URL}?sslmode=require", "DATABASE_CA_FILE": "AUTHORITY"},
            "DATABASE_URL has sslmode=require, which checks no certificate",
        ),
        (
            {"DATABASE_URL": f"{DATABASE_URL}?sslrootcert=/x", "DATABASE_CA_FILE": "AUTHORITY"},
            "DATABASE_URL has sslrootcert, which",
        ),
        ({"DATABASE_URL": f"{DATABASE_URL}?sslmode=full"}, "DATABASE_URL has sslmode='full', which is not one of dis"),
        (
            {"DATABASE_URL": f"{DATABASE_URL}?sslmod=require"},
            "DATABASE_URL has an option that PostgreSQL does not know",
        ),
        ({"DATABASE_URL": DATABASE_URL, "DATABASE_KEY_FILE": __file__}, "DATABASE_CERT_FILE and DATABASE_KEY_FILE are"),
        ({"DATABASE_URL": DATABASE_URL, "LISTEN_DATABASE_URL": "x://s3cret"}, "LISTEN_DATABASE_URL must start with"),
        ({"DATABASE_BEHIND_PGBOUNCER": "2"}, "DATABASE_BEHIND_PGBOUNCER='2' is neither true nor false"),
        (
            {"BROKER_URL": BROKER_URL, "BROKER_CERT_FILE": "AUTHORITY", "BROKER_KEY_FILE": __file__},
            "BROKER_CERT_FILE=",
        ),
        (
            {"BROKER_URL": BROKER_URL.replace("amqps", "amqp"), "BROKER_CA_FILE": "AUTHORITY"},
            "BROKER_CA_FILE is set, and BROKER_URL does not start with amqps://",
        ),
        ({"BROKER_URL": f"{BROKER_URL}?ssl_cert_reqs=none"}, "BROKER_URL has options on TLS"),
        ({"BROKER_URL": f"{BROKER_URL};amqps://user:s3cret@b//"}, "BROKER_URL names several brokers"),
    ],
)
def test_what_does_not_fit_together_is_one_clear_line(
    variables: dict[str, str], said: str, read: Any, certificates: Certificates
) -> None:
    given = {name: certificates.authority if value == "AUTHORITY" else value for name, value in variables.items()}
    with pytest.raises(WrongSetting) as caught:
        read(**given)
    text = str(caught.value)
    assert text.startswith(said)
    assert "\n" not in text
    assert "s3cret" not in text
    assert "p%40ss" not in text

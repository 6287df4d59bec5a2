"""Each program says a wrong setting in one line, with no traceback and no secret."""

import os
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = pytest.mark.embedded  # real programs or much data

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {
    "manage.py": ["python", "manage.py", "check"],
    "coordinator": ["python", "manage.py", "coordinator"],
    "worker": ["celery", "-A", "config", "worker"],
    "beat": ["celery", "-A", "config", "beat"],
    "flower": ["celery", "-A", "config", "flower"],
    "web": ["uvicorn", "config.asgi:application"],
    "bin/up": ["python", "-m", "deploy.local"],
    "setup": ["python", "-m", "deploy.setup"],
    "worker of a kind": ["python", "-m", "deploy.worker", "plain"],
}
BEGINNINGS = {"coordinator": "manage.py", "worker": "celery", "beat": "celery", "flower": "celery", "web": "uvicorn"}
BEGINNINGS["worker of a kind"] = "worker"


def run(*command: str, home: Path, **variables: str) -> tuple[int, str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in settings.VARIABLES}
    done = subprocess.run(
        [str(ROOT / ".venv" / "bin" / command[0]), *command[1:]],
        cwd=ROOT,
        env={**kept, "TASKYARD_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        timeout=100,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"LEASE_SECONDS": "soon"}, "LEASE_SECONDS='soon' is not a whole number; it must be at least 3"),
        (
            {"DATABASE_URL": "redis://user:s3cret@db/0"},
            "DATABASE_URL must start with one of postgres://, postgresql://",
        ),
    ],
    ids=["a number", "a URL"],
)
def test_a_wrong_setting_ends_it_with_one_line(
    program: str, variables: dict[str, str], said: str, tmp_path: Path
) -> None:
    code, output, errors = run(*PROGRAMS[program], home=tmp_path, **variables)
    assert code == 1
    assert (output, errors) == ("", f"{BEGINNINGS.get(program, program)}: {said}\n")


def test_the_administrators_password_may_come_from_a_file_and_a_missing_one_is_said(tmp_path: Path) -> None:
    code, _, errors = run(*PROGRAMS["bin/up"], home=tmp_path, DJANGO_SUPERUSER_PASSWORD_FILE="/nowhere")
    assert code == 1
    assert errors == "bin/up: DJANGO_SUPERUSER_PASSWORD_FILE='/nowhere' cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("command", "beginning"),
    [
        (["python", "manage.py", "migrate"], "manage.py: the database"),
        (PROGRAMS["setup"], "setup: the database 127.0.0.1:1/taskyard (DATABASE_URL)"),
        (PROGRAMS["worker of a kind"], "worker: the database 127.0.0.1:1/taskyard (DATABASE_URL)"),
    ],
    ids=["manage.py", "setup", "worker"],
)
def test_a_database_that_is_away_is_one_line(command: list[str], beginning: str, tmp_path: Path) -> None:
    away = "postgres://user:s3cret@127.0.0.1:1/taskyard"
    code, _, errors = run(*command, home=tmp_path, DATABASE_URL=away)
    assert code == 1
    assert errors.startswith(f"{beginning} does not answer: ")
    assert "refused" in errors
    assert errors.count("\n") == 1
    assert "s3cret" not in errors


def test_bin_up_says_a_misspelt_variable(tmp_path: Path) -> None:
    variables = {"LEASE_SECOND": "5", "DATABASE_URL": "postgres://user@127.0.0.1:1/taskyard"}
    code, _, errors = run(*PROGRAMS["bin/up"], home=tmp_path, **variables)
    assert code == 1
    said, refused = errors.splitlines()
    assert said == "bin/up: the variable LEASE_SECOND is none of Taskyard's settings: LEASE_SECONDS is"
    assert refused.startswith("bin/up: the database 127.0.0.1:1/taskyard (DATABASE_URL) does not answer: ")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "set FLOWER_BASIC_AUTH or FLOWER_BASIC_AUTH_FILE to user:password"),
        ({"FLOWER_BASIC_AUTH_FILE": "/nowhere"}, "FLOWER_BASIC_AUTH_FILE='/nowhere' cannot be read"),
        ({"FLOWER_BASIC_AUTH": "s3cret"}, "FLOWER_BASIC_AUTH is not user:password"),
        ({"FLOWER_BASIC_AUTH": "user:"}, "FLOWER_BASIC_AUTH is not user:password"),
        ({"FLOWER_BASIC_AUTH": "user:a", "FLOWER_BASIC_AUTH_FILE": "x"}, "are both set: remove one of them"),
    ],
    ids=["nothing", "no file", "no colon", "no password", "both"],
)
def test_flower_does_not_start_without_a_password(variables: dict[str, str], said: str, tmp_path: Path) -> None:
    code, output, errors = run(*PROGRAMS["flower"], home=tmp_path, **variables)
    assert code == 1
    assert output == ""
    assert errors.startswith("flower: ")
    assert said in errors
    assert errors.count("\n") == 1
    assert "s3cret" not in errors


def test_the_checks_show_no_secret(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret" * 10)
    variables = {
        "SECRET_KEY_FILE": str(tmp_path / "key"),
        "SECRET_KEY_FALLBACKS": "s3cret",
        "DATABASE_URL": "postgres://s3cret:s3cret@db.example.com/taskyard",
        "LISTEN_DATABASE_URL": "postgres://s3cret:s3cret@db.example.com/taskyard",
        "BROKER_URL": "amqp://s3cret:s3cret@mq.example.com//",
        "BROKER_URI": "s3cret",
        "LEADER_LEASE_SECONDS": "60",
        "DEBUG": "true",
    }
    code, output, errors = run("python", "manage.py", "check", "--deploy", home=tmp_path, **variables)
    assert code == 0
    for number in ("W001", "W004", "W005", "W008", "W009", "W011"):
        assert f"taskyard.{number}" in errors
    assert "s3cret" not in output + errors

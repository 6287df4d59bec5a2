"""The typed readers of the environment: what they take, and the one line they say otherwise."""

import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("X", "X_FILE"):
        monkeypatch.delenv(name, raising=False)


def complaint(call: Callable[[], Any]) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- text -----------------------------------------------------------------------------------------------------------


def test_text_is_the_variable_or_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.text("X", "fallback") == "fallback"
    monkeypatch.setenv("X", "")
    assert env.text("X", "fallback") == ""
    monkeypatch.setenv("X", "word")
    assert env.text("X", "fallback") == "word"


def test_text_comes_from_the_named_file_without_its_line_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("of the file\n")
    monkeypatch.setenv("X_FILE", str(tmp_path / "x"))
    assert env.text("X", "fallback") == "of the file"


@pytest.mark.parametrize("content", ["s3cret", "s3cret\n", "s3cret\r\n", "s3cret\n\n"])
def test_only_the_last_line_ends_go(content: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b" of " + content.encode())
    monkeypatch.setenv("X_FILE", str(tmp_path / "x"))
    assert env.text("X") == " of s3cret"


def test_the_variable_and_the_file_exclude_each_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("of the file")
    monkeypatch.setenv("X_FILE", str(tmp_path / "x"))
    monkeypatch.setenv("X", "of the variable")
    assert complaint(lambda: env.text("X")) == "X and X_FILE are both set: remove one of them"


def test_an_empty_variable_or_file_name_counts_as_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("of the file")
    monkeypatch.setenv("X_FILE", str(tmp_path / "x"))
    monkeypatch.setenv("X", "")
    assert env.text("X") == "of the file"
    monkeypatch.setenv("X_FILE", "")
    assert env.text("X", "fallback") == ""


def test_a_file_of_another_user_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("s3cret")
    path.chmod(0)
    monkeypatch.setenv("X_FILE", str(path))
    said = f"X_FILE={str(path)!r} cannot be read: Permission denied"
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)  # root reads everything
    try:
        assert complaint(lambda: env.text("X")) == said
        assert complaint(lambda: env.file("X_FILE")) == said
    finally:
        os.seteuid(before)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "it is not UTF-8"),
    ],
    ids=["missing", "a folder", "binary"],
)
def test_a_named_file_that_cannot_be_read_is_said(
    make: Callable[[Path], None], reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    make(path)
    monkeypatch.setenv("X_FILE", str(path))
    assert complaint(lambda: env.text("X")) == f"X_FILE={str(path)!r} cannot be read: {reason}"


def test_an_empty_file_holds_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("\n")
    monkeypatch.setenv("X_FILE", str(tmp_path / "x"))
    assert complaint(lambda: env.text("X")) == f"X_FILE={str(tmp_path / 'x')!r} is empty"


# --- boolean, integer, words, choice ----------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["1", "true", "TRUE", "yes", "On"])
def test_boolean_is_true(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", word)
    assert env.boolean("X", False) is True


@pytest.mark.parametrize("word", ["0", "false", "False", "no", "OFF", ""])
def test_boolean_is_false(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", word)
    assert env.boolean("X", True) is False


def test_boolean_that_is_not_set_is_the_default() -> None:
    assert env.boolean("X", True) is True
    assert env.boolean("X", False) is False


def test_boolean_takes_no_other_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "maybe")
    assert complaint(lambda: env.boolean("X", False)) == "X='maybe' is neither true nor false"


def test_integer_is_the_number_or_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.integer("X", 7) == 7
    monkeypatch.setenv("X", "")
    assert env.integer("X", 7) == 7
    monkeypatch.setenv("X", "12")
    assert env.integer("X", 7, least=12, most=12) == 12


@pytest.mark.parametrize("word", ["many", "1.5", "0x10", "1e3"])
def test_integer_takes_whole_numbers_only(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", word)
    said = f"X={word!r} is not a whole number; it must be at least 2 and at most 9"
    assert complaint(lambda: env.integer("X", 7, least=2, most=9)) == said


def test_a_wrong_value_is_not_shown_at_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "9" * 5_000)
    assert complaint(lambda: env.integer("X", 7)).startswith(f"X='{'9' * 80}…' is not a whole number")


@pytest.mark.parametrize(
    ("value", "bounds", "said"),
    [
        ("-1", {}, "X=-1 must be at least 0"),
        ("2", {"least": 3}, "X=2 must be at least 3"),
        ("300", {"least": 1, "most": 256}, "X=300 must be at least 1 and at most 256"),
    ],
)
def test_integer_keeps_to_its_bounds(
    value: str, bounds: dict[str, int], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", value)
    assert complaint(lambda: env.integer("X", 7, **bounds)) == said


def test_words_lose_their_blanks_and_empty_ones_go(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.words("X") == []
    assert env.words("X", "a,b") == ["a", "b"]
    monkeypatch.setenv("X", " one ,, two,")
    assert env.words("X", "a,b") == ["one", "two"]


def test_choice_is_one_of_the_words_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.choice("X", "b", {"a", "b"}) == "b"
    monkeypatch.setenv("X", "A")
    assert env.choice("X", "b", {"a", "b"}) == "a"
    monkeypatch.setenv("X", "c")
    assert complaint(lambda: env.choice("X", "b", {"b", "a"})) == "X='c' is not one of a, b"


# --- url -------------------------------------------------------------------------------------------------------------

SCHEMES = {"postgres", "postgresql"}


def test_url_is_the_variable_as_it_stands_or_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.url("X", SCHEMES) == ""
    monkeypatch.setenv("X", "postgres://user:p%40ss@db.example.com:6000/name?sslmode=require")
    assert env.url("X", SCHEMES) == "postgres://user:p%40ss@db.example.com:6000/name?sslmode=require"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("mysql://user:s3cret@host/db", "X must start with one of postgres://, postgresql://"),
        ("user:s3cret@host/db", "X must start with one of postgres://, postgresql://"),
        ("postgres:///s3cret", "X names no host"),
        ("postgres://user:s3cret@host:port/db", "X is not a URL: "),
        ("postgres://user:s3cret@host:99999/db", "X is not a URL: "),
        ("postgres://user:s3cret@[::1/db", "X is not a URL: "),
        # What follows the slash in the password is no part of the host any more: the password passes for the port.
        ("postgres://user:s3cret/more@host/db", "X is not a URL: "),
        ("postgres://user:s3cret#more@host/db", "X is not a URL: "),
        # Characters that normalise to a slash are refused by Python, in words that hold the whole of the address.
        ("postgres://user:s3cret℀@host/db", "X is not a URL: "),
    ],
)
def test_a_wrong_url_is_said_without_its_password(value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", value)
    text = complaint(lambda: env.url("X", SCHEMES))
    assert text.startswith(said)
    assert "s3cret" not in text


# --- secret ----------------------------------------------------------------------------------------------------------


def test_secret_is_the_variable_and_no_file_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("X", "given")
    assert env.secret("X", tmp_path / "secret") == "given"
    assert list(tmp_path.iterdir()) == []


def test_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    kept_in = tmp_path / "new" / "secret"
    first = env.secret("X", kept_in)
    assert len(first) >= 50
    assert env.secret("X", kept_in) == first
    assert stat.S_IMODE(kept_in.stat().st_mode) == 0o600
    assert [path.name for path in kept_in.parent.iterdir()] == ["secret"]


def test_processes_that_start_together_make_one_secret(tmp_path: Path) -> None:
    # Threads stand for the processes: they give way to each other at each call of the system, between making a file
    # and filling it too, where processes would meet there only once in a thousand starts.
    rounds, askers = 200, 3
    together = threading.Barrier(askers)

    def ask(_: int) -> list[str]:
        said = []
        for number in range(rounds):
            together.wait(timeout=30)
            said.append(env.secret("X", tmp_path / str(number)))
        return said

    with ThreadPoolExecutor(askers) as pool:
        answers = list(pool.map(ask, range(askers)))
    for each in zip(*answers, strict=True):
        assert len(set(each)) == 1
        assert len(each[0]) >= 50
    assert len({answers[0][number] for number in range(rounds)}) == rounds


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: folder.write_text("a file where the folder should be"), "cannot be written: "),
        (lambda folder: (folder / "secret").mkdir(parents=True), "cannot be read: Is a directory"),
        (lambda folder: (folder.mkdir(), (folder / "secret").touch()), "is empty: delete it"),
    ],
    ids=["no folder", "a folder", "empty"],
)
def test_a_secret_that_cannot_be_kept_is_said(make: Callable[[Path], Any], reason: str, tmp_path: Path) -> None:
    folder = tmp_path / "home"
    make(folder)
    text = complaint(lambda: env.secret("X", folder / "secret"))
    assert text.startswith(f"X is not set, and {folder / 'secret'} {reason}")

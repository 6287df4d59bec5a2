"""The keys that sign webhooks: what the variable takes, and what it says otherwise without repeating a secret."""

import base64
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env

NEW, OLD = b"\xfb\xff" * 12, b"o" * 64
GIVEN_NEW, GIVEN_OLD = (f"whsec_{base64.b64encode(each).decode()}" for each in (NEW, OLD))


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("X", "X_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("", {}),
        (" , \n", {}),
        (f"billing={GIVEN_NEW}", {"billing": (NEW,)}),
        (f" billing = {GIVEN_NEW}  {GIVEN_OLD} ,orders={GIVEN_OLD},", {"billing": (NEW, OLD), "orders": (OLD,)}),
        (f"billing={GIVEN_NEW}\r\nshop-2.eu_x={GIVEN_OLD}\n", {"billing": (NEW,), "shop-2.eu_x": (OLD,)}),
    ],
)
def test_keys_are_read_with_their_secrets_in_order(
    value: str, keys: dict[str, tuple[bytes, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", value)
    assert env.signing_keys("X") == keys


def test_keys_come_from_a_file_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"billing={GIVEN_NEW}\norders={GIVEN_OLD}\n")
    monkeypatch.setenv("X_FILE", str(tmp_path / "keys"))
    assert env.signing_keys("X") == {"billing": (NEW,), "orders": (OLD,)}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (GIVEN_NEW, "X: entry 1 is no key: write NAME=whsec_…"),
        (f"a={GIVEN_NEW},{GIVEN_OLD}", "X: entry 2 is no key: write NAME=whsec_…"),
        (f"a b={GIVEN_NEW}", "X: entry 1 is no key: write NAME=whsec_…"),
        (f"={GIVEN_NEW}", "X: entry 1 is no key: write NAME=whsec_…"),
        ("billing=", "X: the key 'billing' has no secret"),
        (f"a={GIVEN_NEW},a={GIVEN_OLD}", "X names the key 'a' twice: put its secrets after each other"),
        ("billing=s3cret", "X: a secret of the key 'billing' does not start with whsec_"),
        (f"billing={GIVEN_NEW} s3cret", "X: a secret of the key 'billing' does not start with whsec_"),
        ("billing=whsec_s3cret!", "X: a secret of the key 'billing' is not base64 after whsec_"),
        ("billing=whsec_s3cre", "X: a secret of the key 'billing' is not base64 after whsec_"),
        ("billing=whsec_é", "X: a secret of the key 'billing' is not base64 after whsec_"),
        (
            f"billing=whsec_{base64.b64encode(b'a' * 23).decode()}",
            "X: a secret of the key 'billing' has 23 bytes; 24 to 64 are allowed",
        ),
        (
            f"billing=whsec_{base64.b64encode(b'a' * 65).decode()}",
            "X: a secret of the key 'billing' has 65 bytes; 24 to 64 are allowed",
        ),
    ],
)
def test_a_malformed_key_is_one_line_without_its_secret(value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", value)
    with pytest.raises(ImproperlyConfigured) as caught:
        env.signing_keys("X")
    text = str(caught.value)
    assert text.startswith(said)
    assert "\n" not in text
    for word in value.replace(",", " ").split():
        assert word.rpartition("whsec_")[2] not in text or "whsec_" not in word
    assert "s3cre" not in text

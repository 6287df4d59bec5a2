"""Which values are masked, and how an edited value gets its secrets back."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.masking import MASK, NothingToKeep, masked, masked_text, unmasked

LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=12)
NAMES = st.sampled_from(["a", "headers", "params", "token", "password", "name", "value", "x-api-key", "code"])
JSON = st.recursive(LEAVES, lambda each: st.lists(each, max_size=3) | st.dictionaries(NAMES, each, max_size=4))

REQUEST: dict[str, Any] = {
    "method": "POST",
    "url": "https://ada:s3cret@api.test/a?token=s3cret&page=2#access_token=s3cret",
    "headers": {
        "Authorization": "Bearer s3cret",
        "Cookie": "sid=s3cret",
        "X-Api-Key": "s3cret",
        "Ocp-Apim-Subscription-Key": "s3cret",
        "X-Master-Key": "s3cret",
        "Idempotency-Key": "shown",
        "Accept": "shown",
    },
    "params": {"code": "s3cret", "sig": ["s3cret"], "q": "shown"},
    "form": {"client_secret": "s3cret", "grant_type": "shown"},
    "json": {"user": {"name": "shown", "password": "s3cret", "pin": 1234}, "code": "shown", "key": "shown"},
    "body": "<login><user>shown</user><password>s3cret</password></login>",
    "list": [{"name": "Authorization", "value": "s3cret"}, {"name": "Accept", "value": "shown"}],
    "max_tokens": 100,
    "token_type": "shown",
    "is_secret": True,
    "sign": "shown",
}


def test_a_request_is_shown_without_its_secrets() -> None:
    shown = masked(REQUEST)
    text = json.dumps(shown)
    assert "s3cret" not in text
    assert "1234" not in text
    assert text.count("shown") == json.dumps(REQUEST).count("shown")
    assert shown["url"] == "https://***@api.test/a?token=***&page=2#access_token=***"
    assert shown["json"]["user"]["pin"] == MASK
    assert (shown["max_tokens"], shown["is_secret"], shown["method"]) == (100, True, "POST")
    assert "s3cret" in json.dumps(REQUEST)  # the worker's own is as it was


@pytest.mark.parametrize("name", ["api_key", "apiKey", "X-Amz-Signature", "refreshToken", "DB_PASSWORD", "passphrase"])
def test_a_secret_is_known_by_its_name_in_any_spelling(name: str) -> None:
    assert masked({name: "s3cret", "deep": [{name: {"a": ["s3cret", 5, None, True, ""]}}]}) == {
        name: MASK,
        "deep": [{name: {"a": [MASK, MASK, None, True, ""]}}],
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://ada:s3cret@h/x failed", "GET https://***@h/x failed"),
        ("amqp://guest:s3cret@h//", "amqp://***@h//"),
        ("https://s3cret@h/", "https://***@h/"),
        ("/x?a=1&access%5Ftoken=s3cret&b=2", "/x?a=1&access%5Ftoken=***&b=2"),
        ("url=https://h/?code=s3cret", "url=https://h/?code=***"),
        ("Authorization: Basic s3cret==, more", "Authorization: ***"),
        ("curl -H 'Cookie: sid=s3cret; a=b' https://h", "curl -H 'Cookie: ***' https://h"),
        ("{'Authorization': 'Bearer s3cret', 'n': 1}", "{'Authorization': '***', 'n': 1}"),
        ('{"password": "s3\\"cret", "n": 1}', '{"password": "***", "n": 1}'),
        ('{"b": "{\\"token\\": \\"s3cret\\"}"}', '{"b": "{\\"token\\": \\"***\\"}"}'),
        ('"pin": 1234, "token": null', '"pin": ***, "token": null'),
        ("user=a&password=s3cret&b=c", "user=a&password=***&b=c"),
        ("Client(api_key='s3cret', retries=3)", "Client(api_key='***', retries=3)"),
        ("{b'password': b's3cret'}", "{b'password': b'***'}"),
        ("login refused, password: s3cret", "login refused, password: ***"),
        ("got Bearer abc123def back", "got Bearer *** back"),
        ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.s3cret", "jwt ***"),
        ("key whsec_c2VjcmV0", "key ***"),
        ("-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----.", "***."),
        ("<ns:password a='b'>s3cret</ns:password>", "<ns:password a='b'>***</ns:password>"),
        # What is none stays as it is: people have to read it.
        ("invalid token: unexpected end", None),
        ("token = read_token(token=token)", None),
        ("Basic authentication required", None),
        ("KeyError: 'password'", None),
        ("code=7 key=3", None),
        ("max_tokens=100", None),
        ("see https://h/a@b and mail a@h.test", None),
    ],
)
def test_a_text_is_shown_without_its_secrets(text: str, shown: str | None) -> None:
    assert masked_text(text) == (text if shown is None else shown)


@given(JSON)
def test_what_is_masked_stays_the_same_when_masked_again(value: Any) -> None:
    assert masked(masked(value)) == masked(value)


@given(st.text(alphabet="aé:/@=?&'\"\\ <>{}*\n1", max_size=60).map(lambda text: f"token{text}password{text}"))
def test_a_text_that_is_masked_stays_the_same_when_masked_again(text: str) -> None:
    assert masked_text(masked_text(text)) == masked_text(text)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "token=",
        'password="',
        "//",
        "//a@",
        "\\",
        "eyJaaaaaaaa-",
        "<a ",
        "Bearer ",
        "a:",
        "a\\",
        "Cookie: ",
        "'a': ",
    ],
)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        started = time.process_time()
        masked_text(text)
        return time.process_time() - started

    seconds(1_000)
    # Quadratic, the second would take 64 times as long as the first, and minutes.
    assert seconds(800_000) < 30 * seconds(100_000) + 1


# --- Back -----------------------------------------------------------------------------------------------------------


@given(JSON)
def test_what_was_not_edited_comes_back_whole(value: Any) -> None:
    assert json.dumps(unmasked(masked(value), value)) == json.dumps(value)


def test_the_original_stays_under_each_mask_that_was_left() -> None:
    edited = masked(REQUEST)
    edited["method"] = "PUT"
    edited["json"]["user"]["name"] = "Bob"
    edited["headers"]["Cookie"] = "mine"
    del edited["headers"]["X-Master-Key"]
    whole = unmasked(edited, REQUEST)
    assert whole["method"] == "PUT"
    assert whole["url"] == REQUEST["url"]
    assert whole["json"]["user"] == {"name": "Bob", "password": "s3cret", "pin": 1234}
    assert whole["headers"] == {
        "Authorization": "Bearer s3cret",
        "Cookie": "mine",
        "X-Api-Key": "s3cret",
        "Ocp-Apim-Subscription-Key": "s3cret",
        "Idempotency-Key": "shown",
        "Accept": "shown",
    }
    assert MASK not in json.dumps(whole)


def test_a_number_that_became_true_is_an_edit() -> None:
    assert unmasked({"a": True, "b": 1.0}, {"a": 1, "b": 1}) == {"a": True, "b": 1.0}
    assert unmasked({"a": True}, {"a": 1})["a"] is True


@pytest.mark.parametrize(
    ("original", "edited", "path"),
    [
        ({"a": 1}, {"a": 1, "token": MASK}, "token"),
        ({"headers": {"Cookie": "s"}}, {"headers": {"X-Api-Key": MASK}}, "headers.X-Api-Key"),
        ({"url": "https://u:p@h/a"}, {"url": "https://***@elsewhere/a"}, "url"),
        ({"urls": ["https://h/?token=a"]}, {"urls": ["https://h/b?token=***"]}, "urls.0"),
    ],
)
def test_a_secret_is_put_nowhere_but_in_its_own_place(original: Any, edited: Any, path: str) -> None:
    with pytest.raises(NothingToKeep, match="stands for a secret, and there is none here to keep: give it") as caught:
        unmasked(edited, original)
    assert caught.value.path == path


def test_items_of_a_list_keep_their_own_secrets_when_they_move() -> None:
    original = [{"user": "a", "password": "1"}, {"user": "b", "password": "2"}]
    first, second = masked(original)
    assert unmasked([second, first], original) == original[::-1]
    assert unmasked([second], original) == [original[1]]
    new = {"user": "c", "password": "3"}
    assert unmasked([new, first, second], original) == [new, *original]
    alike = [{"password": "1"}, {"password": "2"}, {"password": "3"}]
    assert unmasked(masked(alike), alike) == alike
    for edited in ([new, *masked(alike)], masked(alike)[1:]):
        with pytest.raises(NothingToKeep):
            unmasked(edited, alike)


def test_stars_that_hide_nothing_are_just_stars() -> None:
    assert unmasked({"text": "***", "stars": "a *** b"}, {"text": "before"}) == {"text": "***", "stars": "a *** b"}

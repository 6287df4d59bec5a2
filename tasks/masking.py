"""What is shown of payloads, results, errors and logs: the same with its secrets masked. Pure.

Rules of names and shapes, so they err towards masking too much. Workers get the real values.
"""

import json
import re
from typing import Any
from urllib.parse import unquote_plus

MASK = "***"

_SECRET_NAME = re.compile(
    r"authori[sz]ation|cookie|token|secret(?!ar)|passw|passphrase|pwd|credential|session|signature|csrf|xsrf|jwt|bearer"
    r"|(api|access|account|private|signing|encryption|shared|subscription|master)[-_]?key|^(pin|otp)$",
    re.IGNORECASE,
)
# They count, limit or describe secrets.
_HARMLESS_NAME = re.compile(
    r"(max|min|num|total|prompt|completion|input|output)[-_]?tokens?"
    r"|.+[-_](count|limit|type|ttl|age|expires?|expires?_(at|in)|url|uri|endpoint|name|field|header|policy|length|size)",
    re.IGNORECASE,
)
# Too common a word to be a secret's name anywhere else.
_SECRET_PARAMETER = re.compile(r"auth|code|key|sig|assertion", re.IGNORECASE)
_SECRET_HEADER = re.compile(r"(?!idempotency-key$).*[-_]key|key|x-auth.*", re.IGNORECASE)
_PARAMETERS = frozenset({"params", "query", "query_params", "form"})
_HEADERS = frozenset({"headers", "request_headers", "response_headers"})

# Every repetition below is bounded or ends where the next one begins: the texts come from strangers.
_USERINFO = re.compile(r"//[^\s/?#\"'<>\\]{1,1000}@")
_SCHEME = re.compile(r"\b((?i:Bearer|Basic))(\s{1,3})(?=\S{0,200}(?:\d|=|[a-z][A-Z]))[A-Za-z0-9._~+/=:-]{6,}")
_SHAPE = re.compile(
    r"(?<![\w-])eyJ[\w-]{8,4000}\.[\w-]{8,4000}\.[\w-]*"
    r"|\bwhsec_[A-Za-z0-9+/=]+"
    r"|\bty_[a-z0-9]{8}_[a-z0-9]{16,64}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END[^-]{0,40}-----|\Z)"
)
_ELEMENT = re.compile(r"(<(?:[\w.-]{1,40}:)?([\w.-]{1,60})(?:\s[^<>]{0,200})?>)([^<]+)")
_NAME = re.compile(r"(?<![\w.%-])(?P<name>[\w.%-]{1,80})(?P<quote>\\{0,7}[\"'])?(?P<sep>\s{0,3}[:=]\s{0,3})")
_QUOTED = re.compile(r"""(?P<open>[bru]{0,2}(?:\\{1,7}["']|["']))""", re.IGNORECASE)
_INSIDE = {'"': re.compile(r'(?:[^"\\]|\\.)*', re.DOTALL), "'": re.compile(r"(?:[^'\\]|\\.)*", re.DOTALL)}
_INSIDE_ESCAPED = re.compile(r"[^\"'\\]*")
_BARE = re.compile(r"[^\s,;&\"'<>(){}\[\]\\]+")
_REST_OF_LINE = re.compile(r"[^\r\n]*")
_WORDS = frozenset({"null", "none", "true", "false"})
_MASKED_PART = re.compile(r"//\*\*\*@|[?&;#][^=&\s]{1,80}=\*\*\*|\b(?:Bearer|Basic) \*\*\*", re.IGNORECASE)
_NOTHING = object()


class NothingToKeep(ValueError):
    """An edited value holds a mask where the original has no secret. `path` says where, as in "headers.Cookie"."""

    def __init__(self, path: str) -> None:
        self.path, self.detail = path, f"{MASK} stands for a secret, and there is none here to keep: give it"
        super().__init__(f"{path}: {self.detail}" if path else self.detail)


def is_secret_name(name: str, *, within: str = "") -> bool:
    """Tells whether a value of this name looks secret; `within` is the name of the object that it stands in."""
    if _HARMLESS_NAME.fullmatch(name):
        return False
    if within in _PARAMETERS and _SECRET_PARAMETER.fullmatch(name):
        return True
    if within in _HEADERS and _SECRET_HEADER.fullmatch(name):
        return True
    return _SECRET_NAME.search(name) is not None


def masked(value: Any, *, within: str = "") -> Any:
    """Returns a copy of what JSON can hold in which secrets are masked; `within` names the object that it is."""
    return _masked(value, within, False)


def masked_text(text: str) -> str:
    """Returns the text with credentials in URLs, secret-looking parameters, headers, pairs and tokens masked."""
    if "//" in text:
        text = _USERINFO.sub(f"//{MASK}@", text)
    text = _SCHEME.sub(rf"\1\2{MASK}", text)
    text = _SHAPE.sub(MASK, text)
    if "<" in text:
        text = _ELEMENT.sub(_masked_element, text)
    if "=" in text or ":" in text:
        text = _masked_pairs(text)
    return text


def unmasked(edited: Any, original: Any) -> Any:
    """Returns the edited value with the original's secrets where the masked original was left as it was shown.

    Raises NothingToKeep where a mask was moved or its surroundings were changed: a secret is never put anywhere but in
    its own place.
    """
    return _unmasked(edited, original, "", False, "")


def _masked(value: Any, within: str, secret: bool) -> Any:
    if isinstance(value, dict):
        return {
            key: _masked(each, str(key).lower(), _is_secret(key, value, within, secret)) for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_masked(each, within, secret) for each in value]
    if isinstance(value, str):
        return MASK if secret and value else masked_text(value)
    return MASK if secret and isinstance(value, int | float) and not isinstance(value, bool) else value


def _is_secret(key: Any, siblings: dict[Any, Any], within: str, secret: bool) -> bool:
    if secret or is_secret_name(str(key), within=within):
        return True
    # {"name": "Authorization", "value": "…"}
    name = siblings.get("name")
    return key == "value" and isinstance(name, str) and is_secret_name(name, within=within)


def _unmasked(edited: Any, original: Any, within: str, secret: bool, path: str) -> Any:
    if original is not _NOTHING and _is_same(edited, _masked(original, within, secret)):
        return original
    if isinstance(edited, dict):
        old = original if isinstance(original, dict) else {}
        return {
            key: _unmasked(
                each,
                old.get(key, _NOTHING),
                str(key).lower(),
                _is_secret(key, edited, within, secret),
                f"{path}.{key}".lstrip("."),
            )
            for key, each in edited.items()
        }
    if isinstance(edited, list):
        return _unmasked_list(edited, original if isinstance(original, list) else [], within, secret, path)
    if isinstance(edited, str) and ((secret and edited == MASK) or _MASKED_PART.search(edited)):
        raise NothingToKeep(path)
    return edited


def _unmasked_list(edited: list[Any], original: list[Any], within: str, secret: bool, path: str) -> list[Any]:
    shown = [_masked(each, within, secret) for each in original]
    result = []
    is_of_one_length = len(edited) == len(original)
    for index, each in enumerate(edited):
        place: int | None = index if is_of_one_length else None
        # Items that were moved are found again by what was shown of them, where that tells which one it is.
        alike = [number for number, item in enumerate(shown) if _is_same(item, each)]
        if alike and not (is_of_one_length and index in alike):
            is_clear = all(_is_same(original[number], original[alike[0]]) for number in alike)
            place = alike[0] if is_clear else None
        old = _NOTHING if place is None else original[place]
        result.append(_unmasked(each, old, within, secret, f"{path}.{index}".lstrip(".")))
    return result


def _is_same(one: Any, other: Any) -> bool:
    # As JSON: Python takes 1, 1.0 and True for equal.
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(other, sort_keys=True, default=str)


def _masked_element(found: re.Match[str]) -> str:
    secret = is_secret_name(found[2]) and found[3].strip()
    return f"{found[1]}{MASK}" if secret else found[0]


def _masked_pairs(text: str) -> str:
    parts, done, place = [], 0, 0
    while found := _NAME.search(text, place):
        place = found.end()
        before = text[found.start() - 1] if found.start() else ""
        name = unquote_plus(found["name"])
        if not is_secret_name(name, within="params" if before in ("?", "&", ";", "#") else ""):
            continue
        start, end = _secret_span(text, found, name, before)
        if end > start:
            parts += [text[done:start], MASK]
            done = place = end
    return "".join([*parts, text[done:]]) if parts else text


def _secret_span(text: str, name_found: re.Match[str], name: str, before: str) -> tuple[int, int]:
    """Returns where the value of a secret name stands; an empty span where it is none."""
    start = name_found.end()
    opened = _QUOTED.match(text, start)
    if opened:
        inside = _INSIDE_ESCAPED if "\\" in opened["open"] else _INSIDE[opened["open"][-1]]
        return opened.end(), _end(inside, text, opened.end())
    spaced = name_found["sep"] != "="
    if (
        not name_found["quote"]
        and ":" in name_found["sep"]
        and re.search("authori[sz]ation|cookie", name, re.IGNORECASE)
    ):
        end = _end(_REST_OF_LINE, text, start)
        closing = text.find(before, start, end) if before in ("'", '"') and before else -1
        return start, end if closing < 0 else closing
    end = _end(_BARE, text, start)
    value = text[start:end]
    if value.lower() in _WORDS or value == name:  # `f(token=token)` is a line of code
        return start, start
    # "invalid token: unexpected end" and `token = read()` say nothing secret.
    is_prose = spaced and not name_found["quote"] and not re.search(r"\d", value)
    if is_prose and not (":" in name_found["sep"] and re.search("passw|secret|pwd|api[-_]?key", name, re.IGNORECASE)):
        return start, start
    return start, end


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start

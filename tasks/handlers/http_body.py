"""A response's body: read up to a limit, unpacked in bounded memory, told apart into JSON, text and binary."""

import base64
import codecs
import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

# A packed body that yields nothing (endless empty gzip members) must end too: this much may come on top of the limit.
_PACKING_SLACK = 128 * 1024
_DEEPEST_JSON = 100
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_TEXT_TYPES = (
    "text/",
    "application/json",
    "application/xml",
    "application/javascript",
    "application/x-www-form-urlencoded",
)
# Python's own codecs under these names are no charsets: quadratic in time, or readers of backslashes.
_NOT_CHARSETS = frozenset(
    {"idna", "punycode", "raw-unicode-escape", "raw_unicode_escape", "undefined", "unicode-escape", "unicode_escape"}
)


class _Unpackable(Exception):
    """The bytes are not what Content-Encoding says."""


@dataclass(frozen=True)
class Body:
    """`packed` names the encoding that `data` still has; `fault` says what is wrong with one that should have gone."""

    data: bytes
    truncated: bool
    packed: str = ""
    fault: str = ""


async def read_body(response: httpx.Response, limit: int) -> Body:
    """Reads at most `limit` unpacked bytes. Where more is left, closing the response closes its connection."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    encoding = "" if encoding == "identity" else encoding
    unpacker = _Unpacker(encoding) if encoding in _PACKED else None
    kept, received, packed = bytearray(), 0, "" if unpacker else encoding
    chunks: AsyncIterator[bytes] = response.aiter_raw()
    async for chunk in chunks:
        received += len(chunk)
        try:
            # One byte more than the limit tells a body that just fits from one that was cut.
            kept += unpacker.unpack(chunk, limit + 1 - len(kept)) if unpacker else chunk[: limit + 1 - len(kept)]
        except _Unpackable:
            return Body(bytes(kept[:limit]), len(kept) > limit, packed, fault=f"is not valid {encoding}")
        if len(kept) > limit or received > limit + _PACKING_SLACK:
            return Body(bytes(kept[:limit]), True, packed)
    fault = f"ends before its {encoding} data does" if unpacker and received and not unpacker.ended else ""
    return Body(bytes(kept), False, packed, fault)


def shown_body(body: Body, content_type: str) -> dict[str, Any]:
    """Returns {"json": …} where that is what it is and all of it is there, else {"text": …}, else {"base64": …}."""
    kind, charset = _kind_and_charset(content_type)
    if not body.packed:
        is_json = kind.endswith(("/json", "+json"))
        if is_json and not body.truncated:
            try:
                return {"json": _storable_json(body.data)}
            except (ValueError, RecursionError):
                pass
        if kind.startswith(_TEXT_TYPES) or kind.endswith(("+json", "+xml")):
            return {"text": _text(body.data, charset)}
        if not kind.startswith(("image/", "audio/", "video/", "font/")) and _reads_as_utf8(body.data):
            return {"text": body.data.decode("utf-8", "ignore")}
    return {"base64": base64.b64encode(body.data).decode()}


class _Unpacker:
    """Unpacks gzip (also of several members) and deflate (also without zlib's header), never more than asked for."""

    def __init__(self, encoding: str) -> None:
        self._is_gzip = encoding != "deflate"
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16 if self._is_gzip else zlib.MAX_WBITS)
        self._is_first = True
        self.ended = False

    def unpack(self, data: bytes, most: int) -> bytes:
        """Returns up to `most` (at least 1) bytes; what was held back is lost. Raises _Unpackable."""
        unpacked = bytearray()
        try:
            if self._is_first and not self._is_gzip and data[0] & 0x0F != 8:
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS)  # many servers send deflate without its header
            self._is_first = False
            while data and len(unpacked) < most:
                if self.ended:
                    # A further gzip member; servers' padding behind the end is not data.
                    if not self._is_gzip or data[:1] != b"\x1f":
                        break
                    self._stream, self.ended = zlib.decompressobj(zlib.MAX_WBITS | 16), False
                unpacked += self._stream.decompress(data, most - len(unpacked))
                data, self.ended = self._stream.unused_data, self._stream.eof
        except zlib.error as error:
            raise _Unpackable from error
        return bytes(unpacked)


def _kind_and_charset(content_type: str) -> tuple[str, str]:
    kind, *parameters = content_type.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return kind.strip().lower(), value.strip().strip("\"'").lower()
    return kind.strip().lower(), "utf-8"


def _text(data: bytes, charset: str) -> str:
    try:
        codec = codecs.lookup(charset).name
        text = data.decode("utf-8" if codec in _NOT_CHARSETS else codec, "replace")
    except (LookupError, ValueError):
        text = data.decode("utf-8", "replace")
    # NUL and lone surrogates have no place in PostgreSQL.
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _reads_as_utf8(data: bytes) -> bool:
    try:
        # Not final: the limit may have cut a character in two.
        return "\x00" not in codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False


def _storable_json(data: bytes) -> Any:
    """Parses. Raises ValueError for what no database or page could hold: NaN, NUL, lone surrogates, endless depth."""
    value = json.loads(data)
    rendered = json.dumps(value, allow_nan=False, ensure_ascii=False)
    rendered.encode("utf-8")
    if "\\u0000" in rendered or (data.count(b"[") + data.count(b"{") > _DEEPEST_JSON and _depth(value) > _DEEPEST_JSON):
        raise ValueError("not storable")
    return value


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level and depth <= _DEEPEST_JSON:
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level, depth = [item for group in inner for item in group], depth + 1
    return depth

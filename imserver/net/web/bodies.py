"""Bodies of requests to `/api/…`: JSON of a known shape, and a page's own key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from imserver.chat.browsers import MAX_SHOP_CHARS
from imserver.errors import Refusal, RefusalCode
from imserver.http_requests import Asked, Unanswerable
from imserver.model import is_printable

KEY_BYTES = 16
S = TypeVar("S", bound=msgspec.Struct)


class Nothing(msgspec.Struct):
    """A body that says nothing."""


def read_as(asked: Asked, data: bytes, shape: type[S]) -> S:
    """The body as this struct; what it does not know is left alone, for pages and servers are of different age."""
    if asked.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Unanswerable(415, "a body is application/json")
    try:
        return msgspec.json.decode(data or b"{}", type=shape)
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
    ) as error:  # the last: thousands of brackets
        raise Unanswerable(400, f"this body cannot be read: {error}") from None


def require_words(given: Sequence[tuple[str, str]]) -> None:
    """INVALID for what a page says of a shop, or of a poster, that is too long or cannot be shown."""
    for name, text in given:
        if len(text) > MAX_SHOP_CHARS or (text and not is_printable(text)):
            raise Refusal(
                RefusalCode.INVALID, f"{name}: at most {MAX_SHOP_CHARS} printable characters", detail=name
            )


def key_of(text: str) -> bytes:
    """The key of a page; none if it has none."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b"?"
    if text and len(key) != KEY_BYTES:
        raise Refusal(RefusalCode.INVALID, f"key: {KEY_BYTES} bytes in hex", detail="key")
    return key

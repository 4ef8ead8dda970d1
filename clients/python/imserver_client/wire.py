"""Checked reading of what a server says: a misfit raises `BadShape` and closes the connection as MALFORMED.

The shapes are those of `imserver_protocol.methods`. What stands behind their last fields is ignored, as everywhere on the wire
(SPEC, "What may grow").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from imserver_protocol import MalformedFrame, decode_content
from imserver_protocol.limits import MAX_FRAME_BYTES_CEILING, Limits
from imserver_protocol.methods.history import HistoryResult, PageItem

from .values import Item

T = TypeVar("T")

#: Of contents. A server is configured as it likes, now or when the message was posted, and its frame was judged already.
_WIDE: Final = Limits(
    max_frame_bytes=MAX_FRAME_BYTES_CEILING,
    max_content_bytes=MAX_FRAME_BYTES_CEILING,
    max_string_bytes=MAX_FRAME_BYTES_CEILING,
    max_array_items=MAX_FRAME_BYTES_CEILING,
    max_map_items=MAX_FRAME_BYTES_CEILING,
)


class BadShape(Exception):
    """The peer sent a value that violates the SPEC."""


def read(value: Any, shape: type[T]) -> T:
    """`value` as `shape`. Raises BadShape."""
    try:
        found = msgspec.convert(value, shape, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise BadShape(f"{shape.__name__}: {error}") from None
    rule = _RULES.get(shape)
    if rule is not None:
        rule(found)
    return found


def _in_order(page: HistoryResult) -> None:
    before = page.first - 1
    for item in page.items:
        if not before < item.position <= page.last:
            raise BadShape("HistoryResult: items are not in order within first..last")
        before = item.position
    if page.items and page.last > page.head:
        raise BadShape("HistoryResult: a page beyond the head")


#: What a shape alone cannot say.
_RULES: Final[Mapping[Any, Callable[[Any], None]]] = {HistoryResult: _in_order}


def read_content(content: bytes | None) -> dict[str, Any] | None:
    """The map in a message's content. None for a tombstone, and for invalid bytes: one spoilt message must not
    keep the rest of its conversation from the application."""
    if content is None:
        return None
    try:
        return decode_content(content, _WIDE)
    except MalformedFrame:
        return None


def system_event(content: bytes | None) -> dict[str, Any] | None:
    """The map of a system message; None if it is none."""
    if content is None or b"system" not in content:  # reading each content for it would cost
        return None
    told = read_content(content)
    return told if told is not None and told.get("type") == "system" else None


def taken_back(told: Mapping[str, Any]) -> tuple[int, int] | None:
    """(position, revision) of the message that was taken back, if this system message tells so."""
    if told.get("event") != "retracted":
        return None
    target, revision = told.get("target"), told.get("revision")
    if type(target) is not int or type(revision) is not int or target < 1 or revision < 1:
        return None
    return target, revision


def changed(told: dict[str, Any]) -> int | None:
    """The position of the message that has another content now, if this system message tells so."""
    target = told.get("target")
    if told.get("event") in ("edited", "retracted") and type(target) is int and target >= 1:
        return target
    return None


def without_state(item: PageItem) -> PageItem:
    """The item as queues keep it: they count bytes of content, and values in maps take a hundred times their bytes."""
    return msgspec.structs.replace(item, extra=None, mine=None) if item.extra or item.mine else item


def item(conversation_id: str, wire: PageItem) -> Item:
    """An item of a page as the application sees it."""
    return Item(
        conversation_id,
        wire.position,
        wire.sender_id,
        wire.sent_at_ms,
        wire.key,
        read_content(wire.content),
        wire.revision,
        wire.extra or {},
        wire.mine or {},
    )

"""Small faults of a client, each planted into the Python client by one patch, and the scenario that has to notice it.

They are what authors of clients do get wrong: a bound by one, an ack forgotten, a key made anew, a push dropped.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from imserver_client import wire
from imserver_client.core import (
    backoff,
    core,
    inbox,
    lineage,
    outbox,
    ports,
    posting,
    reconnect,
    requests,
    state,
    writes,
)
from imserver_client.storage_sqlite import SqliteStorage
from imserver_protocol import FrameType, Reaction, Side
from imserver_protocol.errors import REACTIONS
from imserver_protocol.limits import Limits
from imserver_protocol.methods.sync import SyncResult
from imserver_protocol.session import connection, session, transmit, window
from imserver_protocol.wire import codec, framing
from imserver_protocol.wire.tails import Tail


class Sabotage(NamedTuple):
    plant: Callable[[], None]
    noticed_by: str


def _put(owner: Any, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(owner, name, value)


def _nothing(*_: Any, **__: Any) -> None:
    """What was to be done is not done."""


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> Callable[[], None]:
    """`around(original, self, *arguments)` instead of the method."""
    original = getattr(owner, name)

    def replaced(*arguments: Any, **named: Any) -> Any:
        return around(original, *arguments, **named)

    return _put(owner, name, replaced)


# -- sessions ---------------------------------------------------------------------------------------------------------


def _one_more(self: session.Session, size: int) -> bool:
    bounds = self.limits
    return (
        len(self.open_requests) <= bounds.max_requests
        and self.request_bytes_in_flight + size <= bounds.max_request_bytes
    )


def _more_bytes(self: session.Session, size: int) -> bool:
    return len(self.open_requests) < self.limits.max_requests


def _no_ack_in_hello(original: Any, self: Any, type_: Any, ack: int, tail: Tail) -> None:
    original(self, type_, 0 if type_ == FrameType.HELLO else ack, tail)


def _renumber(self: window.ResendQueue) -> None:
    again = [(self.sent_seq + at, *entry[1:]) for at, entry in enumerate(self._entries, 1)]
    self.sent_seq += len(again)
    self._entries = list(again)
    self._unsent = list(again)


def _another_key(self: window.ResendQueue) -> None:
    changed = []
    for seq, type_, tail, size, request_size in self._entries:
        head, mark, rest = tail.data.partition(b"\xc4\x10")
        data = head + mark + secrets.token_bytes(16) + rest[16:] if mark else head
        changed.append((seq, type_, Tail(tail.count, data), size, request_size))
    self._entries = list(changed)
    self._unsent = list(changed)


def _new_keys(original: Any, self: outbox.Outbox) -> None:
    for entry in list(self):
        entry.key = secrets.token_bytes(16)
    original(self)


def _backwards(self: window.ResendQueue) -> None:
    self._unsent = list(reversed(self._entries))


def _never_resumes(original: Any, self: reconnect.Reconnect, token: str) -> Any:
    self._session = None
    return original(self, token)


def _late_acks(original: Any, self: window.ReceiveWindow, limits: Limits) -> None:
    original(self, limits)
    self._after_s = 1.5


def _other_nonces() -> None:
    handlers: Any = connection._HANDLERS[Side.CLIENT]
    original = handlers[FrameType.PING]
    handlers[FrameType.PING] = lambda self, frame: original(self, (*frame[:3], 5))


# -- closes and waits -------------------------------------------------------------------------------------------------


def _impatient(original: Any, self: backoff.Backoff, retry_after_ms: int = 0) -> float:
    return float(original(self, 0))


def _comes_back() -> None:
    REACTIONS[200] = REACTIONS[201] = Reaction.COME_BACK


# -- posts ------------------------------------------------------------------------------------------------------------


def _final_is_not() -> None:
    for module in (posting, requests):
        _put(module, "RETRYABLE", frozenset(range(600, 800)))()


def _open_lane(self: outbox.Lane) -> bool:
    return bool(self.unsent)


def _flood(original: Any, self: outbox.Outbox, entry: outbox.Entry, until: float) -> None:
    original(self, entry, until)
    self._lanes[entry.conversation_id].allowed = 1 << 30


def _reply_is_a_position(original: Any, self: posting.Posting, entry: outbox.Entry, result: Any) -> None:
    original(self, entry, [*result[:2], False])


def _keeps_holds(original: Any, self: outbox.Outbox) -> None:
    held = {name: lane.held_until for name, lane in self._lanes.items()}
    original(self)
    for name, until in held.items():
        if name in self._lanes:
            self._lanes[name].held_until = until


# -- receiving --------------------------------------------------------------------------------------------------------


def _drop_at_gap(original: Any, self: core.Core, push: Any) -> None:
    if self.inbox.place(push.conversation_id, push.position) is not inbox.Place.AHEAD:
        original(self, push)


def _gap_is_next(original: Any, self: inbox.Inbox, name: str, position: int) -> Any:
    found = original(self, name, position)
    return inbox.Place.NEXT if found is inbox.Place.AHEAD and self.get(name) is not None else found


def _seen_again(original: Any, self: inbox.Inbox, name: str, position: int) -> Any:
    found = original(self, name, position)
    return inbox.Place.NEXT if found is inbox.Place.DUPLICATE else found


def _from_the_beginning(
    original: Any, self: inbox.Inbox, rows: Any, *, first_sync: bool, resting: Any = None
) -> Any:
    return original(self, rows, first_sync=False, resting=resting)


def _always_a_new_device(
    original: Any, self: inbox.Inbox, rows: Any, *, first_sync: bool, resting: Any = None
) -> Any:
    return original(self, rows, first_sync=True, resting=resting)


def _strict_shapes(original: Any, value: Any, shape: Any) -> Any:
    names = getattr(shape, "__struct_fields__", None)
    if names is not None and len(value) > len(names):
        raise wire.BadShape("more than was asked for")
    return original(value, shape)


def _known_kinds_only(original: Any, self: core.Core, kinds: Any, event: Any) -> bool:
    if not original(self, kinds, event):
        self.violated("an unknown kind")
    return True


def _one_page(original: Any, value: Any, shape: Any) -> Any:
    found = original(value, shape)
    return msgspec.structs.replace(found, more=False) if shape is SyncResult else found


def _lower_replaces(self: state.Counted[Any], seq: int, value: Any) -> bool:
    self.seq, self.value = seq, value
    return True


def _side_by_side(original: Any, self: writes.Writes, feature: str, *arguments: Any) -> Any:
    return original(self, f"{feature} {secrets.token_hex(4)}", *arguments)


def _checks_nothing(original: Any, self: lineage.Lineage, place: str, **known: Any) -> None:
    original(self, place, **known)
    self._todo = {}


def _took_silently(self: window.ReceiveWindow, frames: int, bytes_: int, now: float) -> None:
    self.seq += frames


class _Unbounded(framing.FrameSplitter):
    def _split(self, data: bytes) -> list[bytes]:
        self.max_frame_bytes = 2**31
        return super()._split(data)


SABOTAGES: dict[str, Sabotage] = {
    "request window +1": Sabotage(_put(session.Session, "room_for_request", _one_more), "windows/requests"),
    "request bytes unbounded": Sabotage(
        _put(session.Session, "room_for_request", _more_bytes), "windows/request-bytes"
    ),
    "no ack on resume": Sabotage(
        _wrap(transmit.Transmitter, "append", _no_ack_in_hello), "resume/acks-what-came"
    ),
    "resends under new numbers": Sabotage(
        _put(window.ResendQueue, "replay", _renumber), "resume/sends-again"
    ),
    "resends in another order": Sabotage(
        _put(window.ResendQueue, "replay", _backwards), "resume/sends-again"
    ),
    "resends posts under another key": Sabotage(
        _put(window.ResendQueue, "replay", _another_key), "resume/sends-again"
    ),
    "posts again under another key": Sabotage(
        _wrap(outbox.Outbox, "session_lost", _new_keys), "posting/fresh-session"
    ),
    "keeps nothing to send again": Sabotage(
        _put(window.ResendQueue, "replay", _nothing), "resume/sends-again"
    ),
    "limits of the first WELCOME": Sabotage(
        _put(session.Session, "take_limits", _nothing), "resume/smaller-limits"
    ),
    "never resumes": Sabotage(_wrap(reconnect.Reconnect, "_live", _never_resumes), "resume/acks-what-came"),
    "acks late": Sabotage(_wrap(window.ReceiveWindow, "__init__", _late_acks), "windows/ack-in-time"),
    "acks never by itself": Sabotage(
        _put(window.ReceiveWindow, "took", _took_silently), "windows/ack-in-time"
    ),
    "PONG with another nonce": Sabotage(_other_nonces, "windows/ping"),
    "a session outlives 210": Sabotage(
        _put(connection, "session_is_over", lambda *_, **__: False), "closes/210"
    ),
    "comes back after 200": Sabotage(_comes_back, "closes/200"),
    "goodbye without waiting": Sabotage(_wrap(backoff.Backoff, "next", _impatient), "closes/100"),
    "the same token after 300": Sabotage(_put(reconnect.Tokens, "refuse", _nothing), "closes/300"),
    "final refusals offered again": Sabotage(_final_is_not, "posting/final-refusal"),
    "retryable refusals given up": Sabotage(_put(posting, "RETRYABLE", frozenset()), "holds/overloaded"),
    "new posts overtake held ones": Sabotage(
        _put(outbox.Lane, "open", property(_open_lane)), "holds/unanswered"
    ),
    "a flood behind a hold": Sabotage(_wrap(outbox.Outbox, "held", _flood), "holds/burst"),
    "holds outlive the session": Sabotage(
        _wrap(outbox.Outbox, "session_lost", _keeps_holds), "holds/end-with-the-session"
    ),
    "a duplicate reply is a message": Sabotage(
        _wrap(posting.Posting, "_replied", _reply_is_a_position), "posting/duplicate"
    ),
    "the outbox is not on disk": Sabotage(
        _put(SqliteStorage, "add_post", _nothing), "posting/outbox-on-disk"
    ),
    "no sync after lagging": Sabotage(_put(core.Core, "_on_lagging", _nothing), "syncing/lagging"),
    "drops a push at a gap": Sabotage(_wrap(core.Core, "_on_message", _drop_at_gap), "receiving/gap"),
    "hands over across a gap": Sabotage(_wrap(inbox.Inbox, "place", _gap_is_next), "receiving/gap"),
    "hands over what was seen": Sabotage(_wrap(inbox.Inbox, "place", _seen_again), "receiving/twice"),
    "a new device reads all": Sabotage(
        _wrap(inbox.Inbox, "apply", _from_the_beginning), "syncing/new-device"
    ),
    "every sync is the first": Sabotage(
        _wrap(inbox.Inbox, "apply", _always_a_new_device), "receiving/unknown-conversation"
    ),
    "more than one knows is a fault": Sabotage(_wrap(wire, "read", _strict_shapes), "growth/exchange"),
    "unknown kinds are a fault": Sabotage(
        _wrap(core.Core, "_take", _known_kinds_only), "receiving/unknown-names"
    ),
    "frames of any length": Sabotage(_put(connection, "FrameSplitter", _Unbounded), "frames/too-long"),
    "keys may stand twice": Sabotage(_put(codec, "_check_keys", _nothing), "frames/with-a-key-twice"),
    "contents by default limits": Sabotage(_put(wire, "_WIDE", Limits()), "receiving/many-pairs"),
    "asks no check": Sabotage(_wrap(lineage.Lineage, "begin", _checks_nothing), "lineage/check"),
    "one page of sync": Sabotage(_wrap(wire, "read", _one_page), "syncing/pages"),
    "writes side by side": Sabotage(_wrap(writes.Writes, "write", _side_by_side), "reactions/put-and-remove"),
    "typing at any server": Sabotage(_put(ports.FeaturePort, "_require", _nothing), "typing/without"),
    "the last counter is right": Sabotage(_put(state.Counted, "take", _lower_replaces), "states/counters"),
}

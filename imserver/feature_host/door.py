"""The door: what happens around a handler of a feature or a plugin, the same for every method.

A write, in one unit: find the key → decide → handler → outcome. So a repeat is answered though the asker was removed meanwhile,
and a handler that runs may count on its grant. An *owner* has the handlers: it shows them the store.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from imserver.chat.permissions import EVERYTHING, NOTHING, Grant, Need, Seat, Target, require
from imserver.chat.reader import Reader as StoreReader
from imserver.chat.transaction import Transaction as StoreTransaction
from imserver.chat.units import Work
from imserver.errors import Refusal
from imserver.method_rows import Asker, Left, ReadRow, Repetition, WriteRow
from imserver.model import Message, content_digest
from imserver_protocol.methods.descriptors import Method
from imserver_protocol.shared.said import said_of

R = TypeVar("R")

_KEY = "key"


class Request(NamedTuple):
    """The request for which a handler runs: where, who asks, what may be touched; and key and digest, if it has any."""

    conversation_id: str
    user_id: str
    grant: Grant
    key: bytes
    digest: bytes


class Owner(Protocol):
    """A feature or a plugin, as the door sees it. Handlers are called through it, on the store's threads."""

    @property
    def name(self) -> str:
        """For people, in errors."""
        ...

    def write(self, tx: StoreTransaction, request: Request | None, call: Callable[[Any], R]) -> R:
        """Call with the owner's view of the transaction. `request` is None for what nobody asked for."""
        ...

    def read(self, reader: StoreReader, call: Callable[[Any], R]) -> R:
        """Call with the owner's view of the snapshot."""
        ...


class _Store(NamedTuple):
    """What deciding needs of a transaction or a snapshot."""

    seat: Callable[[str, str], Seat]
    aimed: Callable[[str, str, int], tuple[Target, Message | None]]
    left: Callable[[str, str], Left | None]


def plan_write(
    owner: Owner, write: WriteRow[Any, Any, R], user_id: str, params: Any, refusal: Refusal | None = None
) -> Work[R]:
    """The work of one request. `refusal`: what it is refused with, unless it has happened already (a review's answer)."""
    return partial(_write, owner, write, user_id, params, refusal)


def plan_read(
    owner: Owner, read: ReadRow[Any, Any, R], user_id: str, params: Any
) -> Callable[[StoreReader], R]:
    """The query of one request."""

    def query(reader: StoreReader) -> R:
        store = _Store(reader.seat, reader.aimed, partial(_left, reader))
        asker = _asker(store, read.need, read.aimed, user_id, params)
        return owner.read(reader, lambda view: read.handler(view, asker, params))

    return query


def _write(
    owner: Owner,
    write: WriteRow[Any, Any, R],
    user_id: str,
    params: Any,
    refusal: Refusal | None,
    tx: StoreTransaction,
) -> R:
    repetition = write.repetition
    key: bytes = b"" if repetition is Repetition.NATURAL else params.key
    digest = digest_of(write, params) if key else b""
    conversation_id: str = getattr(params, "conversation_id", "")
    if repetition is Repetition.MESSAGE:
        told = tx.told_under(conversation_id, user_id, key, digest)
        if told is not None:
            assert write.again is not None
            return write.again(told)
    elif repetition is Repetition.OUTCOME:
        kept = tx.outcome(user_id, key, write.method.name, digest)
        if kept is not None:
            result: Any = msgspec.msgpack.decode(kept, type=write.method.result)
            return msgspec.structs.replace(result, duplicate=True)  # type: ignore[no-any-return]
    if write.need is Need.ACCOUNT:
        tx.require_active(user_id)
    if refusal is not None:
        raise refusal
    store = _Store(tx.seat, tx.aimed, lambda conversation_id, user_id: None)  # who left writes nothing
    asker = _asker(store, write.need, write.aimed, user_id, params)
    request = Request(conversation_id, user_id, asker.grant, key, digest)
    answer = owner.write(tx, request, lambda view: write.handler(view, asker, params))
    if repetition is Repetition.OUTCOME:
        tx.keep_outcome(user_id, key, write.method.name, digest, msgspec.msgpack.encode(answer))
    return answer


def _asker(store: _Store, need: Need, aimed: bool, user_id: str, params: Any) -> Asker:
    """Who asks, once the need is granted. Raises the refusal."""
    if need is Need.ACCOUNT:
        return Asker(user_id, EVERYTHING)
    conversation_id: str = params.conversation_id
    seat = store.seat(conversation_id, user_id)
    target, message = NOTHING, None
    if aimed:
        target, message = store.aimed(conversation_id, user_id, params.position)
    grant: Grant = require(need, seat, target)
    left = None if grant.goes_on else store.left(conversation_id, user_id)
    return Asker(user_id, grant, seat.role, message, seat.kind, left)


def _left(reader: StoreReader, conversation_id: str, user_id: str) -> Left | None:
    """Where a former member's reading ends: the last message to be read is the one that tells of the leaving."""
    page = reader.history(conversation_id, user_id, None, None, 1, 1)
    return Left(page.modseq, page.items[-1].sent_at) if page.items else Left(page.modseq, 0)


def digest_of(write: WriteRow[Any, Any, Any], params: Any) -> bytes:
    """What stands for a request under its key: another request under the same key is refused KEY_REUSED.

    By default the method's name and its params without the key, in shortest msgpack, with trailing params that equal their
    default cut off: a param that is added later leaves old keys as they are.
    """
    if write.digest is not None:
        return content_digest(write.digest(params))
    return content_digest(write.method.name.encode() + b"\0" + msgspec.msgpack.encode(said_of(params)))


def check_method(owner: Owner, row: Any) -> None:
    """Raises ValueError for a registration that cannot work."""
    method: Method[Any, Any] = row.method
    where = f"{owner.name}, method {method.name!r}"
    fields = method.params.__struct_fields__
    if isinstance(row, WriteRow):
        keyed = row.repetition is not Repetition.NATURAL
        if keyed != (_KEY in fields):
            raise ValueError(f"{where}: a key, unless its repetition is natural")
        if keyed and row.cost <= 0:
            raise ValueError(f"{where}: each request leaves a row, so it costs something")
        if (row.again is not None) != (row.repetition is Repetition.MESSAGE):
            raise ValueError(f"{where}: `again` for repetition MESSAGE, and for no other")
        if row.repetition is Repetition.OUTCOME and "duplicate" not in method.result.__struct_fields__:
            raise ValueError(f"{where}: the result needs `duplicate`")
        if row.content is not None and (row.content not in fields or not keyed):
            raise ValueError(f"{where}: no param {row.content!r}, or no key beside it")
    if isinstance(row, WriteRow | ReadRow):
        if row.need is not Need.ACCOUNT and "conversation_id" not in fields:
            raise ValueError(f"{where}: {row.need.name} is asked of a conversation, and the params name none")
        if row.aimed and "position" not in fields:
            raise ValueError(f"{where}: aimed, and the params have no position")

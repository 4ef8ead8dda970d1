"""A listener that remembers, keys, contents, and connections that fail on request."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from imserver.chat.ports import Store
from imserver.chat.transaction import Transaction
from imserver.chat.units import PostUnit, Unit
from imserver.content import encode_content
from imserver.errors import Refusal, RefusalCode
from imserver.events import StoredEvent
from imserver.feature_api import Write
from imserver.feature_host.door import plan_write
from imserver.feature_host.views import FeatureOwner
from imserver.features import edits
from imserver.model import User, content_digest, direct_conversation_id
from imserver.store.engine.places import PLACE
from imserver.store.sqlite import connection
from imserver_protocol.methods.edits import EditParams, EditResult

T = TypeVar("T")

USERS = ("ann", "bob", "cy", "dee", "bot")
DIRECT = direct_conversation_id("ann", "bob")


class Recorder:
    """The hub's place: settles what is committed, and remembers it in order."""

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self.batches: list[list[Unit]] = []
        self.full = False

    def committed(self, units: Sequence[Unit]) -> None:
        self.batches.append(list(units))
        for unit in units:
            self.units.append(unit)
            unit.settle()

    def saturated(self) -> bool:
        return self.full

    @property
    def events(self) -> list[StoredEvent]:
        return [event for unit in self.units for event in unit.events()]


class Stand:
    """A store that is open, with its listener."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self.store = store
        self.recorder = recorder

    async def users(self, *user_ids: str) -> None:
        def put(tx: Transaction) -> None:
            for user_id in user_ids:
                tx.put_user(User(user_id, user_id.title()))

        await self.store.write(put)

    async def tx(self, work: Callable[..., T], *arguments: Any) -> T:
        """`work(tx, *arguments)` in a transaction: what a loop varies is handed over, not closed over."""
        return await self.store.write(lambda tx: work(tx, *arguments))

    async def read(self, query: Callable[..., T], *arguments: Any) -> T:
        return await self.store.read(lambda reader: query(reader, *arguments))

    async def do(self, units: Sequence[Unit]) -> None:
        """Submit in one turn, wait until all are settled."""
        for unit in units:
            self.store.submit(unit)
        with contextlib.suppress(Refusal):  # a full disk refuses what waits for the others too
            await self.store.write(lambda tx: None)

    async def post(self, *units: PostUnit) -> list[Any]:
        """Results or refusal codes, in order."""
        await self.do(units)
        return [outcome(unit) for unit in units]


def edit_message(
    tx: Any,
    conversation_id: str,
    editor_id: str,
    key: bytes,
    position: int,
    content: bytes,
    *,
    expected_revision: int | None = None,
) -> tuple[int, int, bool]:
    """An edit, as the door does it: (position of the system message, revision, duplicate)."""
    params = EditParams(conversation_id, key, position, expected_revision, content)
    [write] = edits.FEATURE.methods
    assert isinstance(write, Write)
    result: EditResult = plan_write(FeatureOwner(edits.FEATURE), write, editor_id, params)(tx)
    return result.position, result.revision, result.duplicate


def take_back(tx: Any, conversation_id: str, actor_id: str, key: bytes, position: int) -> tuple[int, int]:
    """Leave a tombstone, and tell of it: (position of the system message, revision). Who may is another's rule."""
    gone = tx.replace_content(conversation_id, position, None)
    telling = {"event": "retracted", "target": position, "revision": gone.revision}
    digest = content_digest(b"retract %d" % position)
    return tx.post_system(conversation_id, actor_id, key, digest, telling), gone.revision


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def said(text: str) -> bytes:
    return encode_content({"type": "text", "text": text})


def post(
    number: int, sender_id: str = "ann", conversation_id: str = DIRECT, text: str | None = None, **more: Any
) -> PostUnit:
    """A post with key `number`; its text is the number unless another is given."""
    content = said(str(number) if text is None else text)
    return PostUnit(
        conversation_id, sender_id, key(number), content, content_digest(content), 1_000 + number, **more
    )


def outcome(unit: Unit) -> Any:
    """What the sender hears: (position, sent_at, duplicate), or the code."""
    if unit.error is None:
        return tuple(unit.result)
    if isinstance(unit.error, Refusal):
        return unit.error.code
    return unit.error


async def refusal_of(awaited: Any) -> RefusalCode:
    """The code with which this is refused."""
    try:
        result = await awaited
    except Refusal as refusal:
        return refusal.code
    raise AssertionError(f"not refused: {result!r}")


class Work(Unit):
    """A unit of any work, without a waiting caller. It may name the conversation that it changes."""

    __slots__ = ("work",)

    def __init__(self, work: Callable[[Transaction], Any], conversation_id: str | None = None) -> None:
        super().__init__()
        self.work = work
        self.conversation_id = conversation_id

    def run(self, tx: Transaction) -> Any:
        return self.work(tx)


def meaning(reader: Any, token: str | None, kind: int = PLACE) -> tuple[int, int] | None:
    """What a sealed place of this reader's store says: no two look alike, though they mean the same."""
    place = None if token is None else reader._places.open(token, kind=kind)
    return None if place is None else (place.change, place.upto)


def sqlite_error(name: str, text: str) -> sqlite3.OperationalError:
    """An error as SQLite raises it, with its code."""
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = name
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


class FaultyConnection(sqlite3.Connection):
    """Asks `fault(sql)` before each statement: an exception it returns is raised. `after(sql)` likewise, behind it."""

    before: Callable[[str], BaseException | None] = staticmethod(lambda sql: None)
    after: Callable[[str], BaseException | None] = staticmethod(lambda sql: None)

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        fault = type(self).before(sql)
        if fault is not None:
            if self.in_transaction and getattr(fault, "ends_transaction", False):
                super().execute("ROLLBACK")
            raise fault
        cursor = super().execute(sql, *arguments)
        fault = type(self).after(sql)
        if fault is not None:
            raise fault
        return cursor


def faulty() -> tuple[Callable[[str], sqlite3.Connection], type[FaultyConnection]]:
    """A connector, and the class of its connections, on which a test sets `before` and `after`."""

    class Own(FaultyConnection):
        pass

    def connector(path: str) -> sqlite3.Connection:
        return sqlite3.connect(
            path,
            timeout=0.05,
            isolation_level=None,
            cached_statements=connection.CACHED_STATEMENTS,
            factory=Own,
        )

    return connector, Own

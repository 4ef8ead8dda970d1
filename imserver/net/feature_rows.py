"""Features over the wire: their methods as rows of the method table, their signals, and the sessions that they see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from imserver.chat.fan_out import Hub
from imserver.chat.permissions import Need
from imserver.chat.service import Chat
from imserver.chat.transaction import Transaction
from imserver.chat.units import Work
from imserver.errors import Refusal
from imserver.feature_api import (
    AboutStands,
    AccountStands,
    Device,
    ItemStands,
    Sessions,
    SettingsStand,
    Shape,
    Signal,
    Task,
)
from imserver.feature_host import Askers, FeatureHost
from imserver.feature_host.door import Owner, plan_write
from imserver.feature_host.offers import Offer
from imserver.method_rows import ReadRow, WriteRow
from imserver.model import Audience
from imserver.net.dispatch import RequestContext, Reviewed, Row
from imserver.net.session_registry import SessionRegistry
from imserver.net.sessions import DeviceSession
from imserver.net.transport import ServerTransport
from imserver_protocol.errors import CloseCode
from imserver_protocol.session.post_frames import EncodedResult
from imserver_protocol.session.posts import encode_result
from imserver_protocol.shared.bounds import MAX_ITEM_STATE_BYTES, MAX_STATE_BYTES

P = TypeVar("P", bound=Shape)

#: The longest answer that says how state stands: its map or both maps, and what stands around them.
STANDS_BYTES: Mapping[type[Shape], int] = {
    ItemStands: 2 * MAX_ITEM_STATE_BYTES + 32,
    AboutStands: MAX_STATE_BYTES + 32,
    SettingsStand: MAX_STATE_BYTES + 32,
    AccountStands: MAX_STATE_BYTES + 32,
}


def feature_rows(host: FeatureHost, askers: Askers) -> list[Row]:
    """A row for each method of each feature."""
    return [feature_row(host, askers, offer) for offer in host.offers.methods.values()]


def feature_row(host: FeatureHost, askers: Askers, offer: Offer) -> Row:
    """The row of a method of a feature or a plugin."""
    owner, row, hinted, every_s = offer
    if isinstance(row, WriteRow):
        return Row(
            row.method,
            partial(_write, host, owner, row),
            row.need,
            writes=True,
            tokens=row.cost,
            told_to_all=row.told_to_all,
            room=max(row.reply_bytes, STANDS_BYTES.get(row.method.result, 0)),
        )
    if isinstance(row, ReadRow):
        handler = (
            partial(_hinted_read, host, askers, owner, row, every_s)
            if hinted
            else partial(_read, host, owner, row)
        )
        return Row(row.method, handler, row.need, pages=True)
    return Row(row.method, partial(_task, host, owner, row), Need.ACCOUNT, cancelled=True)


def _write(
    host: FeatureHost,
    owner: Owner,
    write: WriteRow[Any, Any, Any],
    chat: Chat,
    context: RequestContext,
    params: Any,
) -> Work[Any] | Reviewed:
    def encoded(refusal: Refusal | None = None) -> Work[EncodedResult]:
        # A drain may have begun while it was reviewed: what has happened is answered all the same.
        work = (
            host.plan(owner, write, context.user_id, params)
            if refusal is None
            else plan_write(owner, write, context.user_id, params, refusal)
        )

        def run(tx: Transaction) -> EncodedResult:
            return encode_result(work(tx))

        return run

    content = host.content_of(write, params)
    if content is None or write.content is None:
        return encoded()
    return Reviewed(encoded(), content, encoded, len(getattr(params, write.content)))


async def _read(
    host: FeatureHost,
    owner: Owner,
    read: ReadRow[Any, Any, Any],
    chat: Chat,
    context: RequestContext,
    params: Any,
) -> EncodedResult:
    return encode_result(await host.read(owner, read, context.user_id, params))


async def _hinted_read(
    host: FeatureHost,
    askers: Askers,
    owner: Owner,
    read: ReadRow[Any, Any, Any],
    every_s: float,
    chat: Chat,
    context: RequestContext,
    params: Any,
) -> EncodedResult:
    """Read, and hear from now on when there is another answer: also of what is committed before this one is looked up."""
    askers.asked(context.session, read.method, params, every_s)
    try:
        return await _read(host, owner, read, chat, context, params)
    except BaseException:
        askers.refused(context.session, read.method, params)
        raise


async def _task(
    host: FeatureHost,
    owner: Owner,
    task: Task[Any, Any],
    chat: Chat,
    context: RequestContext,
    params: Any,
) -> EncodedResult:
    return encode_result(await host.run(owner, task, context.user_id, params))


class LiveSessions:
    """`imserver.feature_api.Sessions` over the registry and the hub of one server."""

    def __init__(self, hub: Hub, registry: SessionRegistry, monotonic: Callable[[], float]) -> None:
        self._hub = hub
        self._registry = registry
        self._monotonic = monotonic

    def audience(self, conversation_id: str) -> Audience | None:
        return self._hub.audience_of(conversation_id)

    def of(self, user_id: str) -> list[Device]:
        return [
            Device(user_id, session.device_id, session.transport is not None)
            for session in self._registry.of_user(user_id)
        ]

    def end(self, user_id: str, device_id: str) -> bool:
        session = self._registry.of_device(user_id, device_id)
        if session is None:
            return False
        if session.transport is not None:
            session.transport.close(CloseCode.REVOKED, "this device was signed out")
        self._registry.end(session, self._monotonic())
        return True

    def tell(self, user_ids: Iterable[str], signal: Signal[Any, P], told: P) -> None:
        fields = msgspec.structs.astuple(told)
        for user_id in user_ids:
            for session in self._registry.of_user(user_id):
                transport = session.transport
                if isinstance(transport, ServerTransport):
                    transport.connection.signal(signal.kind, *fields)
                    transport.mark()


class Signals:
    """Hands signals of clients to the features that registered them. Unknown ones, and those that come too often, are
    ignored."""

    def __init__(self, host: FeatureHost, sessions: LiveSessions, monotonic: Callable[[], float]) -> None:
        self._heard = host.signals
        self._sessions = sessions
        self._monotonic = monotonic

    def hear(self, session: DeviceSession, kind: str, fields: tuple[Any, ...]) -> None:
        """A signal came over this session."""
        row = self._heard.get(kind)
        if row is None:
            return
        try:
            said = msgspec.convert(fields, row.signal.said, builtin_types=(bytes,))
        except msgspec.ValidationError:
            return
        if row.every_s:
            now = self._monotonic()
            if session.heard_at is None:
                session.heard_at = {}
            if now - session.heard_at.get(kind, float("-inf")) < row.every_s:
                return
            session.heard_at[kind] = now
        try:
            row.handler(self._sessions, Device(session.user_id, session.device_id), said)
        except Exception:  # a fault of the feature's; a signal may be lost
            session.log.exception("signal_failed", kind=kind)


def watch_sessions(host: FeatureHost, registry: SessionRegistry, sessions: LiveSessions) -> None:
    """Tell features which devices come and go. A connection that takes over from another one is no coming."""
    attached = [feature.attached for feature in host.features if feature.attached is not None]
    detached = [feature.detached for feature in host.features if feature.detached is not None]

    def told(
        watchers: Sequence[Callable[[Sessions, Device], None]], present: bool
    ) -> Callable[[DeviceSession], None]:
        def tell(session: DeviceSession) -> None:
            for watcher in watchers:
                try:
                    watcher(sessions, Device(session.user_id, session.device_id, present))
                except Exception:  # a fault of the feature's; the session goes on without it
                    session.log.exception("watcher_failed")

        return tell

    if attached:
        registry.on_attached = told(attached, present=True)
    if detached:
        registry.on_detached = told(detached, present=False)

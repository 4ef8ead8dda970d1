"""Features over the wire: their methods as rows of the method table, their signals, and the sessions that they see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from imserver.chat.fan_out import Hub
from imserver.chat.permissions import Need
from imserver.chat.service import Chat
from imserver.chat.transaction import Transaction
from imserver.chat.units import Work
from imserver.errors import Refusal
from imserver.feature_api import Device, Feature, Read, Sessions, Shape, Signal, Task, Write
from imserver.feature_host import FeatureHost
from imserver.model import Audience
from imserver.net.dispatch import RequestContext, Reviewed, Row
from imserver.net.sessions import DeviceSession, SessionRegistry
from imserver.net.transport import ServerTransport
from imserver_protocol.errors import CloseCode
from imserver_protocol.session.post_frames import EncodedResult
from imserver_protocol.session.posts import encode_result

P = TypeVar("P", bound=Shape)


def feature_rows(host: FeatureHost) -> list[Row]:
    """A row for each method of each feature."""
    return [_row(host, feature, row) for feature, row in host.methods.values()]


def _row(host: FeatureHost, feature: Feature, row: Write[Any, Any] | Read[Any, Any] | Task[Any, Any]) -> Row:
    if isinstance(row, Write):
        return Row(
            row.method,
            partial(_write, host, feature, row),
            row.need,
            writes=True,
            tokens=row.cost,
            told_to_all=row.told_to_all,
            room=row.reply_bytes,
        )
    if isinstance(row, Read):
        return Row(row.method, partial(_read, host, row), row.need, pages=True)
    return Row(row.method, partial(_task, host, feature, row), Need.ACCOUNT)


def _write(
    host: FeatureHost,
    feature: Feature,
    write: Write[Any, Any],
    chat: Chat,
    context: RequestContext,
    params: Any,
) -> Work[Any] | Reviewed:
    def encoded(refusal: Refusal | None = None) -> Work[EncodedResult]:
        work = host.plan(feature, write, context.user_id, params, refusal)

        def run(tx: Transaction) -> EncodedResult:
            return encode_result(work(tx))

        return run

    content = host.content_of(write, params)
    return encoded() if content is None else Reviewed(encoded(), content, encoded)


async def _read(
    host: FeatureHost, read: Read[Any, Any], chat: Chat, context: RequestContext, params: Any
) -> EncodedResult:
    return encode_result(await host.call(read.method, context.user_id, params))


async def _task(
    host: FeatureHost,
    feature: Feature,
    task: Task[Any, Any],
    chat: Chat,
    context: RequestContext,
    params: Any,
) -> EncodedResult:
    return encode_result(await host.run(feature, task, context.user_id, params))


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
        self._log = host.log
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
            self._log.exception("signal_failed", kind=kind, user_id=session.user_id)


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
                    host.log.exception("watcher_failed", user_id=session.user_id)

        return tell

    if attached:
        registry.on_attached = told(attached, present=True)
    if detached:
        registry.on_detached = told(detached, present=False)

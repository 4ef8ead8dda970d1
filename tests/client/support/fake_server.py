"""A server to script: real loopback TCP, the real protocol in the server's role, a chat in memory, and levers to pull."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

from imserver_client import CloseCode, RefusalCode
from imserver_protocol import (
    Closed,
    Connection,
    ConnectionState,
    FrameSplitter,
    Hello,
    HelloReceived,
    Limits,
    RequestReceived,
    Session,
    SessionState,
    Side,
    SignalReceived,
    decode,
    encode_content,
    encode_tail,
    frame_bytes,
    push_tail,
    resume_refusal,
)
from tests.support.growth import grown_frame

from .fake_chat import FakeChat, FakeMessage, Refuse


class Peer(asyncio.Protocol):
    """One accepted socket."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.connection = Connection(Side.SERVER, server.limits, time.monotonic())
        self.transport: asyncio.Transport | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.closed: Closed | None = None
        self.mute = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self.server.peers.append(self)

    def data_received(self, data: bytes) -> None:
        self.connection.receive_data(data, time.monotonic())
        self.step()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.connection.receive_eof(time.monotonic())
        self.step()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.server.peers.remove(self)
        self.server.happened()

    def step(self) -> None:
        while True:
            data = self.connection.data_to_send(time.monotonic())
            if data and self.transport is not None and not self.mute:
                self.transport.write(self.later(data) if self.server.later else data)
            for event in self.connection.events():
                if isinstance(event, Closed):
                    self.closed = event
                    self.server.closes.append(event)
                else:
                    self.server.handle(self, event)
            if not self.connection.has_data_to_send:
                break
        if self.connection.state >= ConnectionState.CLOSING and self.transport is not None:
            self.transport.close()
        self.arm()
        self.server.happened()

    def later(self, data: bytes) -> bytes:
        """The same frames, as a later server says them."""
        session = self.connection.session
        asked = self.server.asked.get(session.session_id, {}) if session is not None else {}
        frames = map(decode, FrameSplitter(self.server.limits.max_frame_bytes).feed(data))
        grown = (grown_frame(frame, by="server", method_of=asked.get) for frame in frames)
        return b"".join(frame_bytes(frame[0], frame[1], frame[2], encode_tail(*frame[3:])) for frame in grown)

    def arm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        deadline = self.connection.deadline
        if deadline is not None and self.transport is not None:
            self.timer = asyncio.get_running_loop().call_later(
                max(0.0, deadline - time.monotonic()), self.on_timer
            )

    def on_timer(self) -> None:
        self.timer = None
        self.connection.on_time(time.monotonic())
        self.step()

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class FakeServer:
    """`async with FakeServer() as server`: listens on `server.url`. Tokens are user ids; "bad" is none."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.chat = FakeChat()
        self.peers: list[Peer] = []
        self.sessions: dict[tuple[str, str], Session] = {}
        self.requests: list[RequestReceived] = []
        self.hellos: list[Hello] = []
        self.closes: list[Closed] = []
        self.signals: list[SignalReceived] = []
        self.resumes = 0
        self._watchers: list[asyncio.Future[None]] = []
        self._listener: asyncio.Server | None = None
        self._sessions_made = 0
        #: For each session the methods of its requests, by seq.
        self.asked: dict[str, dict[int, str]] = {}
        # levers
        self.later = False
        self.refuse_resume = False
        #: In WELCOME; none: the server does not say.
        self.features: tuple[str, ...] = ()
        self.drop_welcomes = 0
        self.goodbyes_at_hello: list[tuple[int, int]] = []
        self.bad_tokens = {"bad"}
        #: May take a request over: return True if it was answered (or shall not be).
        self.script: Callable[[Peer, RequestReceived], bool] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Peer(self), "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        for peer in list(self.peers):
            peer.cut()
        await self.until(lambda: not self.peers)

    @property
    def url(self) -> str:
        assert self._listener is not None
        return f"imserver://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    # -- watching -----------------------------------------------------------------------------------------------------

    def happened(self) -> None:
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait, without polling, until something that happened here makes it true."""
        while not true():
            watcher = asyncio.get_running_loop().create_future()
            self._watchers.append(watcher)
            await watcher

    def count(self, method: str) -> int:
        return sum(1 for request in self.requests if request.method == method)

    # -- levers -------------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Pull every cable."""
        for peer in list(self.peers):
            peer.cut()

    def forget_sessions(self) -> None:
        """As after a restart."""
        self.sessions.clear()

    def goodbye(self, code: int, text: str = "", retry_after_ms: int = 0) -> None:
        for peer in list(self.peers):
            peer.connection.close(code, text, retry_after_ms, now=time.monotonic())
            peer.step()

    def say(self, conversation_id: str, sender_id: str, text: str, *, pushed: bool = True) -> FakeMessage:
        """Somebody else posts; `pushed=False` hides it, as if the push had been lost in a hole."""
        content = encode_content({"type": "text", "text": text})
        message, _ = self.chat.commit(conversation_id, sender_id, self.chat.new_key(), content)
        if pushed:
            self.push_message(conversation_id, message, None)
        return message

    def add(self, conversation_id: str, user_id: str) -> None:
        """Somebody brings this user in."""
        self.chat.add("boss", conversation_id, self.chat.new_key(), user_id, "member")
        self.push_message(conversation_id, self.chat.conversations[conversation_id].messages[-1], None)

    def remove(self, conversation_id: str, user_id: str, *, pushed: bool = True) -> None:
        """Somebody removes this user, who is told; `pushed` as in `say`."""
        found = self.chat.conversations[conversation_id]
        role = found.roles[user_id]
        self.chat.remove("boss", conversation_id, self.chat.new_key(), user_id)
        if pushed:
            found.roles[user_id] = role  # whoever goes by a message hears it
            self.push_message(conversation_id, found.messages[-1], None)
            del found.roles[user_id]

    def take_back(self, conversation_id: str, actor_id: str, position: int, *, pushed: bool = True) -> None:
        """A plugin leaves a tombstone; `pushed` as in `say`."""
        found = self.chat.conversations[conversation_id]
        gone = found.messages[position - 1]
        gone.content, gone.revision = None, gone.revision + 1
        told = {"event": "retracted", "target": position, "revision": gone.revision}
        self.chat.system(found, actor_id, self.chat.new_key(), **told)
        if pushed:
            self.push_message(conversation_id, found.messages[-1], None)

    def push(self, user_id: str, kind: str, *fields: Any) -> None:
        tail = push_tail(kind, *fields)
        for (owner, _), session in self.sessions.items():
            if owner == user_id:
                session.push(tail)
        self.step_all()

    def push_message(self, conversation_id: str, message: FakeMessage, origin: Session | None) -> None:
        found = self.chat.conversations[conversation_id]
        fields = (conversation_id, message.position, message.sender_id, message.sent_at, message.key)
        tail = push_tail("message", *fields, message.content)
        for (user_id, _), session in self.sessions.items():
            if found.has(user_id) and session is not origin:
                session.push(tail)
        self.step_all()

    def step_all(self) -> None:
        # Not now: a push made while a request is handled must leave after that request's own reply was queued.
        loop = asyncio.get_running_loop()
        for peer in self.peers:
            loop.call_soon(peer.step)

    def reply(self, peer: Peer, request: RequestReceived, result: Any) -> None:
        session = peer.connection.session
        if session is not None and request.seq in session.open_requests:
            session.reply(request.seq, result)
            asyncio.get_running_loop().call_soon(peer.step)

    def refuse(
        self, peer: Peer, request: RequestReceived, code: int, retry_after_ms: int = 0, text: str = "scripted"
    ) -> None:
        assert peer.connection.session is not None
        peer.connection.session.refuse(request.seq, code, text, retry_after_ms)
        asyncio.get_running_loop().call_soon(peer.step)

    # -- what arrives -------------------------------------------------------------------------------------------------

    def handle(self, peer: Peer, event: Any) -> None:
        if isinstance(event, HelloReceived):
            self._on_hello(peer, event.hello)
        elif isinstance(event, RequestReceived):
            self.requests.append(event)
            session = peer.connection.session
            if session is not None:
                self.asked.setdefault(session.session_id, {})[event.seq] = event.method
            if self.script is None or not self.script(peer, event):
                self.answer(peer, event)
        elif isinstance(event, SignalReceived):
            self.signals.append(event)

    def _on_hello(self, peer: Peer, hello: Hello) -> None:
        self.hellos.append(hello)
        now = time.monotonic()
        if peer.connection.state >= ConnectionState.CLOSING:
            return  # gone before we looked at it
        if self.goodbyes_at_hello:
            code, retry_after_ms = self.goodbyes_at_hello.pop(0)
            peer.connection.close(code, "scripted", retry_after_ms)
            return
        if hello.token in self.bad_tokens:
            peer.connection.close(CloseCode.AUTH_FAILED, "not authorized")
            return
        user_id = hello.token.split("/")[0]
        session = self.sessions.get((user_id, hello.device_id))
        reason = "not asked for"
        if hello.resume is not None:
            known = session if session is not None and session.session_id == hello.resume[0] else None
            token = hello.resume[1]
            refusal = resume_refusal(
                known, user_id=user_id, device_id=hello.device_id, token=token, ack=hello.ack, now=now
            )
            reason = "scripted" if self.refuse_resume else refusal or ""
        resumed = reason == ""
        if not resumed or session is None:
            if session is not None and session.state is not SessionState.ENDED:
                session.end(now)
            self._sessions_made += 1
            name = f"session-{self._sessions_made}"
            session = Session(
                Side.SERVER, session_id=name, user_id=user_id, device_id=hello.device_id, limits=self.limits
            )
            self.sessions[user_id, hello.device_id] = session
        self.resumes += resumed
        if self.drop_welcomes:
            self.drop_welcomes -= 1
            peer.mute = True
        peer.connection.welcome(
            session,
            resumed=resumed,
            resume_token=f"token-{len(self.hellos)}".encode(),
            store_epoch=self.chat.epoch,
            place=self.chat.place,
            server_time_ms=0,
            now=now,
            reason=reason,
            features=self.features,
        )
        if peer.mute:
            peer.cut()

    def answer(self, peer: Peer, request: RequestReceived) -> None:
        """Decide as the chat does."""
        session = peer.connection.session
        assert session is not None
        if session.state is SessionState.ENDED:
            return
        try:
            method = getattr(self, f"_do_{request.method}", None)
            result = (
                method(session, *request.params)
                if method is not None
                else self._in_chat(session.user_id, request.method)(session.user_id, *request.params)
            )
        except Refuse as refuse:
            session.refuse(request.seq, refuse.code, refuse.text, refuse.retry_after_ms)
        else:
            session.reply(request.seq, result)

    def _in_chat(self, user_id: str, method: str) -> Callable[..., Any]:
        names = {"conversations": "conversations_of"}
        known = {"history", "sync", "check", "cursor", "conversations", "abandon"}
        if method not in known:
            raise Refuse(RefusalCode.UNKNOWN_METHOD)
        found: Callable[..., Any] = getattr(self.chat, names.get(method, method))
        return found

    def _do_post(self, session: Session, conversation_id: str, key: bytes, content: bytes) -> Any:
        message, duplicate = self.chat.commit(conversation_id, session.user_id, key, content)
        if not duplicate:
            self.push_message(conversation_id, message, session)
        return [message.position, message.sent_at, duplicate]

    def _mutate(self, session: Session, conversation_id: str, result: Any) -> Any:
        message = self.chat.conversations[conversation_id].messages[-1]
        self.push_message(conversation_id, message, session)
        return result

    def _do_create(self, session: Session, *params: Any) -> Any:
        result = self.chat.create(session.user_id, *params)
        return self._mutate(session, result[0], result)

    def _do_add(self, session: Session, *params: Any) -> Any:
        return self._mutate(session, params[0], self.chat.add(session.user_id, *params))

    def _do_remove(self, session: Session, *params: Any) -> Any:
        return self._mutate(session, params[0], self.chat.remove(session.user_id, *params))

    def _do_leave(self, session: Session, conversation_id: str, key: bytes) -> Any:
        result = self.chat.remove(session.user_id, conversation_id, key, session.user_id)
        return self._mutate(session, conversation_id, result)

    def _do_edit(self, session: Session, *params: Any) -> Any:
        return self._mutate(session, params[0], self.chat.edit(session.user_id, *params))

    def _do_members(self, session: Session, conversation_id: str, *rest: Any) -> Any:
        return list(self.chat.of_member(conversation_id, session.user_id).roles.items())

    def _do_users(self, session: Session, user_ids: list[str]) -> Any:
        return [[user_id, user_id.title(), "en"] for user_id in user_ids]

    def _do_renew(self, session: Session, token: str) -> Any:
        return [1_800_000_000_000]

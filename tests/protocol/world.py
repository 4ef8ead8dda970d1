"""A small world for protocol tests: one device, one server, and links whose bytes are delivered as the test says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

from imserver_protocol import (
    Closed,
    Connection,
    ConnectionState,
    Event,
    HelloReceived,
    Limits,
    PostReceived,
    PushReceived,
    RefusalReceived,
    ReplyReceived,
    RequestReceived,
    Session,
    SessionState,
    Side,
    SignalReceived,
    WelcomeReceived,
    push_tail,
    resume_refusal,
)

USER, DEVICE, TOKEN = "alice", "phone", "token of alice"


@dataclass(eq=False)
class Link:
    """One socket: two connections and the bytes on their way."""

    client: Connection
    server: Connection
    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)
    client_gone: bool = False
    server_gone: bool = False
    server_events: list[Event] = field(default_factory=list)
    client_events: list[Event] = field(default_factory=list)


@dataclass
class Stream:
    """What both ends of one session said and heard, for the checks."""

    session: Session
    pushed: list[int] = field(default_factory=list)  # numbers of pushes that were numbered; -1 is "lagging"
    heard: list[int] = field(default_factory=list)
    requested: list[int] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    dropped: bool = False


class World:
    """The smallest honest client and server around two roles of `Connection`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.now = 100.0
        self.links: list[Link] = []
        self.sessions: dict[str, Session] = {}
        self.streams: dict[str, Stream] = {}
        self.client_session: Session | None = None
        self.closed: list[tuple[str, Closed]] = []
        self.rows: set[tuple[str, str, str]] = set()
        self._serial = 0
        self._pushes = 0

    # -- the network

    def tick(self, seconds: float = 0.001) -> float:
        self.now += seconds
        return self.now

    def record(self, state: IntEnum, given: IntEnum) -> None:
        self.rows.add((type(state).__name__, state.name, given.name))  # members of two IntEnums may be equal

    def connect(self, *, resume: bool = True, token: str = TOKEN, device: str = DEVICE) -> Link:
        now = self.tick()
        own = replace(
            Limits(),
            ack_after_frames=self.limits.ack_after_frames,
            ack_after_bytes=self.limits.ack_after_bytes,
        )
        client = Connection(Side.CLIENT, own, now, recorder=self.record)
        server = Connection(Side.SERVER, self.limits, now, recorder=self.record, typed_posts=True)
        link = Link(client, server)
        self.links.append(link)
        session = self.client_session if resume else None
        if session is not None and session.state is SessionState.ENDED:
            session = None
        if not resume:
            self.client_session = None
        client.hello(token, device, {"name": "test"}, session)
        self.collect()
        return link

    def stranger(self) -> Link:
        """A socket on which nobody has said anything; it is the oldest, so that `link` stays the one in use."""
        now = self.tick()
        link = Link(
            Connection(Side.CLIENT, Limits(), now),
            Connection(Side.SERVER, self.limits, now, recorder=self.record, typed_posts=True),
        )
        self.links.insert(0, link)
        return link

    @property
    def link(self) -> Link:
        return self.links[-1]

    def flush_client(self, link: Link) -> None:
        data = link.client.data_to_send(self.tick())
        if not link.client_gone:
            link.up += data

    def flush_server(self, link: Link) -> None:
        data = link.server.data_to_send(self.tick())
        if not link.server_gone:
            link.down += data

    def deliver_up(self, link: Link, count: int) -> None:
        data = bytes(link.up[:count])
        del link.up[:count]
        link.server.receive_data(data, self.tick())
        self.collect()

    def deliver_down(self, link: Link, count: int) -> None:
        data = bytes(link.down[:count])
        del link.down[:count]
        link.client.receive_data(data, self.tick())
        self.collect()

    def lose_client_side(self, link: Link) -> None:
        """The client sees the socket end; the server does not know yet, and may still read what is on its way."""
        link.client_gone = True
        link.client.receive_eof(self.tick())
        self.collect()

    def lose_server_side(self, link: Link) -> None:
        link.server_gone = True
        link.server.receive_eof(self.tick())
        self.collect()

    def cut(self, link: Link) -> None:
        link.up.clear()
        link.down.clear()
        self.lose_client_side(link)
        self.lose_server_side(link)

    def pass_time(self, seconds: float) -> None:
        self.tick(seconds)
        for link in self.links:
            link.client.on_time(self.now)
            link.server.on_time(self.now)
        self.collect()
        for session in list(self.sessions.values()):
            if session.state is SessionState.DETACHED and session.detached_at is not None:
                since = self.now - session.detached_at
                if since >= self.limits.session_ttl_s:
                    session.end(self.now)

    def pump(self, link: Link | None = None) -> None:
        """Deliver everything on a link until nothing moves; socket ends are passed on."""
        link = link or self.link
        for _ in range(1000):
            self.flush_client(link)
            self.flush_server(link)
            if not link.up and not link.down:
                break
            if link.up:
                self.deliver_up(link, len(link.up))
            if link.down:
                self.deliver_down(link, len(link.down))
        else:
            raise AssertionError("the two sides never fall silent")
        if link.client.state >= ConnectionState.CLOSING and link.server.state < ConnectionState.CLOSING:
            self.lose_server_side(link)
        elif link.server.state >= ConnectionState.CLOSING and link.client.state < ConnectionState.CLOSING:
            self.lose_client_side(link)

    # -- the owners of both ends

    def collect(self) -> None:
        """Drain events after every call, as adapters do."""
        for link in self.links:
            while events := link.server.events():  # what we do about one may cause another
                for event in events:
                    link.server_events.append(event)
                    self._on_server_event(link, event)
            while events := link.client.events():
                for event in events:
                    link.client_events.append(event)
                    self._on_client_event(link, event)
        self.note_lagging()

    def _on_server_event(self, link: Link, event: Event) -> None:
        if isinstance(event, HelloReceived):
            self._serve_hello(link, event)
        elif isinstance(event, PostReceived | RequestReceived):
            session = link.server.session
            assert session is not None
            assert session.generation == link.server.generation, "a displaced connection acted"  # invariant 9
            self.streams[session.session_id].received.append(event.seq)
        elif isinstance(event, Closed):
            self.closed.append(("server", event))

    def _serve_hello(self, link: Link, event: HelloReceived) -> None:
        hello, server = event.hello, link.server
        if server.state is not ConnectionState.AWAITING_WELCOME:
            return  # left again in the same breath
        if hello.token != TOKEN:
            server.close(300, "no", now=self.now)
            return
        older = [
            s
            for s in self.sessions.values()
            if s.device_id == hello.device_id and s.state < SessionState.ENDED
        ]
        if any(session.is_held_by_newer(server.opened_at) for session in older):
            server.close(201, "a newer connection of this device is served", now=self.now)
            return
        offered, reason = None, "not asked for"
        if hello.resume is not None:
            offered = self.sessions.get(hello.resume[0])
            refusal = resume_refusal(
                offered,
                user_id=USER,
                device_id=hello.device_id,
                token=hello.resume[1],
                ack=hello.ack,
                now=self.now,
            )
            offered, reason = (offered, "") if refusal is None else (None, refusal)
        session = offered
        if session is None:
            for old in older:
                old.end(self.now)
            session = self._new_session(hello.device_id)
        self._serial += 1
        server.welcome(
            session,
            resumed=offered is not None,
            reason=reason,
            resume_token=b"token %d" % self._serial,
            store_epoch="epoch",
            place="place",
            server_time_ms=1,
            now=self.now,
        )
        self._note_lagging(session)

    def _new_session(self, device: str) -> Session:
        self._serial += 1
        session = Session(
            Side.SERVER,
            session_id=f"s{self._serial}",
            user_id=USER,
            device_id=device,
            limits=self.limits,
            recorder=self.record,
        )
        self.sessions[session.session_id] = session
        self.streams[session.session_id] = Stream(session)
        return session

    def _on_client_event(self, link: Link, event: Event) -> None:
        session = link.client.session
        if isinstance(event, WelcomeReceived):
            self.client_session = event.session
        elif isinstance(event, Closed):
            self.closed.append(("client", event))
        elif session is not None and not isinstance(event, SignalReceived):
            stream = self.streams[session.session_id]
            if isinstance(event, PushReceived):
                stream.heard.append(-1 if event.kind == "lagging" else event.fields[0])
            elif isinstance(event, (ReplyReceived, RefusalReceived)):
                stream.settled.append(event.request_seq)

    # -- what the owners do

    def request(self, size: int = 10) -> int:
        session = self.client_session
        assert session is not None
        seq = session.request("post", ["conversation", b"k" * 16, b"x" * size])
        self.streams[session.session_id].requested.append(seq)
        return seq

    def answer(self, session: Session, seq: int, *, refuse: bool = False, size: int = 0) -> None:
        if refuse:
            session.refuse(seq, 601, "no such method")
        else:
            session.reply(seq, [seq, b"x" * size] if size else [seq, 1764000000000, False])
        self.streams[session.session_id].answered.append(seq)

    def push(self, session: Session, size: int = 10) -> bool:
        self._pushes += 1
        stream = self.streams[session.session_id]
        before = session.sent_seq
        pushed = session.push(push_tail("message", self._pushes, b"x" * size))
        if pushed:
            assert not stream.dropped, (
                "a push was numbered after one was dropped without a word"
            )  # invariant 15
            stream.pushed.append(self._pushes)
        elif session.sent_seq > before:  # dropped, and said so in the same step
            stream.pushed.append(-1)
        else:
            stream.dropped = True
        return pushed

    def _note_lagging(self, session: Session) -> None:
        stream = self.streams[session.session_id]
        if stream.dropped and not session.lagging and session.state is not SessionState.ENDED:
            stream.dropped = False
            stream.pushed.append(-1)

    def note_lagging(self) -> None:
        for stream in self.streams.values():
            self._note_lagging(stream.session)

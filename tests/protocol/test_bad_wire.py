"""Two connections over a bad wire: whatever is cut, split, delayed, forgotten or asked twice, the invariants hold.

Each rule is something that a network, a user or a program does. Numbers in comments are the invariants of docs/reliability.md.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from imserver_protocol import (
    ConnectionState,
    Limits,
    Session,
    SessionState,
    WindowFull,
)

from .world import Link, World

# Small bounds, so that every window is met within a few steps.
TIGHT = Limits(
    max_requests=6,
    max_request_bytes=8192,
    window_frames=8,
    window_bytes=4096,
    ack_after_frames=3,
    ack_after_bytes=600,
    reply_room_bytes=16384,
)
#: Stated constant of invariant 14 for these bounds: windows, entries, and the object itself.
MEMORY_BOUND = 2048 + 8192 + 4096 + 16384 + 64 * 220

amounts = st.one_of(st.integers(1, 12), st.just(10_000))


class BadWire(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(TIGHT)
        self.acked: dict[str, int] = {}
        self.generations: dict[str, int] = {}
        self.garbled: list[Link] = []

    @initialize(greeted=st.sampled_from([True, True, True, False]))
    def start(self, greeted: bool) -> None:
        self.world.connect()
        if greeted:
            self.world.pump()

    # -- the network

    @rule(which=st.integers(0, 3))
    def client_writes(self, which: int) -> None:
        self.world.flush_client(self._link(which))

    @rule(which=st.integers(0, 3))
    def server_writes(self, which: int) -> None:
        self.world.flush_server(self._link(which))

    @rule(which=st.integers(0, 3), count=amounts)
    def bytes_go_up(self, which: int, count: int) -> None:
        link = self._link(which)
        if not link.up:
            return
        self.world.deliver_up(link, count)

    @rule(which=st.integers(0, 3), count=amounts)
    def bytes_come_down(self, which: int, count: int) -> None:
        link = self._link(which)
        if not link.down:
            return
        self.world.deliver_down(link, count)

    @rule()
    def everything_flows(self) -> None:
        self.world.pump()

    @rule(which=st.integers(0, 3))
    def socket_is_cut(self, which: int) -> None:
        self.world.cut(self._link(which))

    @precondition(lambda self: len(self.world.links) < 12)
    @rule()
    def cable_is_pulled_and_put_back(self) -> None:
        """What is on its way is lost, acks too; then the session is resumed and both sides replay."""
        self.world.cut(self.world.link)
        self.world.connect()
        self.world.pump()

    @rule()
    def only_the_client_notices(self) -> None:
        self.world.lose_client_side(self.world.link)

    @rule(which=st.integers(0, 3))
    def the_server_notices_late(self, which: int) -> None:
        link = self._link(which)
        if not link.client_gone:
            return
        self.world.lose_server_side(link)

    @rule(seconds=st.sampled_from([0.05, 0.2, 1.0, 26.0, 31.0, 61.0, 130.0]))
    def time_passes(self, seconds: float) -> None:
        """What was done at its time does not fall due again, also if nothing of it could be written."""
        self.world.pass_time(seconds)
        for link in self.world.links:
            for connection in (link.client, link.server):
                deadline = connection.deadline
                assert deadline is None or deadline > self.world.now, connection.state

    @rule(seconds=st.sampled_from([26.0, 31.0, 36.0]), answered=st.booleans())
    def silence_is_asked_about(self, seconds: float, answered: bool) -> None:
        """PING and PONG of both sides, on a line that is up or that has died without a word."""
        self.world.pass_time(seconds)
        if answered:
            self.world.pump()
        self.world.pass_time(11.0)

    @precondition(lambda self: len(self.world.links) < 12)
    @rule(up=st.booleans(), junk=st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1\xc1"]))
    def one_side_breaks_the_protocol(self, up: bool, junk: bytes) -> None:
        """Whoever hears it closes with one declared code, nothing behind it counts, and the session is over."""
        link = self.world.link
        hearer = link.server if up else link.client
        if hearer.state is not ConnectionState.OPEN or hearer._splitter.buffered_bytes:
            return
        (link.up if up else link.down).clear()
        self.garbled.append(link)
        hearer.receive_data(junk + b"behind it", self.world.tick())
        self.world.collect()
        assert hearer.state >= ConnectionState.CLOSING
        assert hearer.session is not None
        assert hearer.session.state is SessionState.ENDED
        self.world.cut(link)

    @rule(junk=st.binary(min_size=1, max_size=40))
    def a_stranger_babbles(self, junk: bytes) -> None:
        """18: what comes on a socket of nobody touches no session."""
        before = [repr(session) for session in self._all_sessions()]
        link = self.world.stranger()
        self.garbled.append(link)
        link.server.receive_data(junk, self.world.tick())
        self.world.collect()
        assert [repr(session) for session in self._all_sessions()] == before
        self.world.cut(link)
        self.world.links.remove(link)

    # -- the client

    @precondition(lambda self: len(self.world.links) < 12)
    @rule(resume=st.sampled_from([True, True, True, True, False]))
    def client_comes_again(self, resume: bool) -> None:
        """With the old socket gone, or still half alive: then the server sees a duplicate resume or a take-over."""
        self.world.connect(resume=resume)

    @rule(size=st.sampled_from([1, 60, 700]))
    def client_asks(self, size: int) -> None:
        session = self._client_session()
        if session is None:
            return
        try:
            self.world.request(size)
        except WindowFull:
            assert (
                len(session.open_requests) == TIGHT.max_requests
                or session.request_bytes_in_flight + size + 60 > 8192
            )

    @rule()
    def client_leaves(self) -> None:
        self.world.link.client.close(now=self.world.tick())
        self.world.collect()

    @rule()
    def signals(self) -> None:
        self.world.link.client.signal("typing", "conversation")
        self.world.link.server.signal("typing", "conversation", "bob")

    # -- the server

    @rule(which=st.integers(0, 5), refuse=st.booleans())
    def server_answers(self, which: int, refuse: bool) -> None:
        session = self._server_session()
        if session is None or not session.open_requests:
            return
        open_requests = list(session.open_requests)
        self.world.answer(session, open_requests[which % len(open_requests)], refuse=refuse)

    @rule(which=st.integers(0, 5), size=st.sampled_from([600, 3000, 9000]))
    def server_answers_at_length(self, which: int, size: int) -> None:
        """A page: room is reserved for it first; without room it waits."""
        session = self._server_session()
        if session is None or not session.open_requests:
            return
        open_requests = list(session.open_requests)
        seq = open_requests[which % len(open_requests)]
        if session.reserve_reply(seq, size + 100):
            self.world.answer(session, seq, size=size)

    @rule()
    def server_drains(self) -> None:
        """23: everything that was asked is answered, and GOODBYE is the last frame; what it carries arrives."""
        session = self._server_session()
        link = self.world.link
        if (
            session is None
            or link.server.session is not session
            or link.server.state is not ConnectionState.OPEN
        ):
            return
        for seq in list(session.open_requests):
            self.world.answer(session, seq, refuse=True)
        link.server.close(100, "draining", 1000, now=self.world.tick())
        self.world.pump()
        if not link.client_gone:
            assert link.client.state >= ConnectionState.CLOSING
        assert not session.open_requests

    @rule(size=st.sampled_from([1, 200, 1500, 5000]), times=st.integers(1, 5))
    def server_pushes(self, size: int, times: int) -> None:
        session = self._server_session()
        if session is None:
            return
        for _ in range(times):
            self.world.push(session, size)

    @rule()
    def server_forgets(self) -> None:
        session = self._server_session()
        if session is None:
            return
        session.end(self.world.tick())
        self.world.collect()

    @rule(code=st.sampled_from([100, 102, 301, 401]))
    def server_closes(self, code: int) -> None:
        self.world.link.server.close(code, "for a reason", 10, now=self.world.tick())
        self.world.collect()

    @rule(what=st.sampled_from(["token", "device", "session"]))
    def a_stranger_tries(self, what: str) -> None:
        """18: a resume with a wrong token or device yields nothing and harms nobody."""
        session = self._client_session()
        if session is None:
            return
        server_session = self.world.sessions[session.session_id]
        before = (repr(server_session), server_session.resume_token)
        stolen = Session(
            session.side,
            session_id=session.session_id if what != "session" else "s999",
            user_id=session.user_id,
            device_id=session.device_id,
            limits=session.limits,
            resume_token=session.resume_token if what == "device" else b"guess",
        )
        keep, self.world.client_session = self.world.client_session, stolen
        link = self.world.connect(device="tablet of a stranger")
        self.world.pump(link)
        self.world.cut(link)
        self.world.links.remove(link)
        self.world.client_session = keep
        assert (repr(server_session), server_session.resume_token) == before

    # -- what must always hold

    @invariant()
    def nobody_broke_the_protocol(self) -> None:
        """13, 22: two honest peers never accuse each other, however the bytes were cut."""
        garbled = [event for link in self.garbled for event in (*link.client_events, *link.server_events)]
        for _, closed in self.world.closed:
            assert not 210 <= closed.code <= 299 or any(closed is event for event in garbled), closed

    @invariant()
    def generations_only_rise(self) -> None:
        """9: and what a connection of an older one hears reaches nobody (the world asserts that)."""
        for session in self._all_sessions():
            key = f"{session.side}{session.session_id}"
            assert session.generation >= self.generations.get(key, 0)
            self.generations[key] = session.generation

    @invariant()
    def the_client_in_use_is_never_displaced(self) -> None:
        for who, closed in self.world.closed:
            if who == "client" and closed.code == 201:
                link = next(link for link in self.world.links if closed in link.client_events)
                assert link.client.session is not None
                assert self.world.sessions[link.client.session.session_id].state is SessionState.ENDED

    @invariant()
    def streams_are_whole(self) -> None:
        for stream in self.world.streams.values():
            assert stream.heard == stream.pushed[: len(stream.heard)]  # 7, 15
            assert stream.received == stream.requested[: len(stream.received)]  # 7
            assert len(set(stream.settled)) == len(stream.settled)  # 20
            assert stream.settled == stream.answered[: len(stream.settled)]

    @invariant()
    def windows_hold(self) -> None:
        for session in self._all_sessions():
            assert session.acked_seq <= session.transmitted_seq <= session.sent_seq  # 8
            key = f"{session.side}{session.session_id}"
            assert session.acked_seq >= self.acked.get(key, 0)
            self.acked[key] = session.acked_seq
            assert session.requests_in_flight <= TIGHT.max_requests  # 13
            assert session.request_bytes_in_flight <= TIGHT.max_request_bytes
            assert session.pushes_unacked[0] <= TIGHT.window_frames
            assert session.pushes_unacked[1] <= TIGHT.window_bytes
            assert session.memory_bytes <= MEMORY_BOUND  # 14
            assert (
                len(session.queue) == session.sent_seq - session.acked_seq
                or session.state is SessionState.ENDED
            )

    def teardown(self) -> None:
        """13, 20: once faults stop, everything asked is answered and everything numbered arrives."""
        self._heal()

    def _heal(self) -> None:
        world = self.world
        for link in world.links:
            world.cut(link)
        world.connect()
        world.pump()
        session = self._server_session()
        assert session is not None
        assert world.link.client.state is ConnectionState.OPEN
        for _ in range(20):
            for seq in list(session.open_requests):
                world.answer(session, seq)
            world.pump()
            world.pass_time(0.2)
            world.pump()
        client = world.client_session
        assert client is not None
        stream = world.streams[session.session_id]
        assert not session.lagging
        assert stream.heard == stream.pushed
        assert stream.received == stream.requested
        assert stream.settled == stream.answered
        assert sorted(stream.settled) == stream.requested
        assert session.requests_in_flight == 0
        assert len(session.queue) == len(client.queue) == 0

    # -- finding things

    def _link(self, which: int):
        """Mostly the newest; sometimes an older one whose bytes are still on the way."""
        links = self.world.links
        return links[-1 - which % len(links)] if which else links[-1]

    # A rule that does not fit the moment does nothing: `assume` would throw the whole run away.

    def _client_session(self) -> Session | None:
        session = self.world.client_session
        if session is None or session.state is SessionState.ENDED:
            return None
        return session

    def _server_session(self) -> Session | None:
        client = self.world.client_session
        if client is None or self.world.sessions[client.session_id].state is SessionState.ENDED:
            return None
        return self.world.sessions[client.session_id]

    def _all_sessions(self):
        yield from self.world.sessions.values()
        if self.world.client_session is not None:
            yield self.world.client_session


BadWire.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestBadWire = BadWire.TestCase


class BadWireForLong(BadWire):
    """The same, many times."""


BadWireForLong.TestCase.settings = settings(BadWire.TestCase.settings, max_examples=600)
TestBadWireForLong = pytest.mark.prove(pytest.mark.timeout(400)(BadWireForLong.TestCase))

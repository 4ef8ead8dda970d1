"""Windows and their accounts, lagging, tokens, and the end of a session; without any connection where possible."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver_protocol import (
    EncodeError,
    Limits,
    LocalError,
    RefusalReceived,
    Session,
    SessionState,
    Side,
    WindowFull,
    WrongState,
    push_tail,
)
from tests.protocol.open_world import open_world

# -- requests


def test_a_request_is_in_flight_until_the_client_has_acked_its_reply() -> None:
    world, client, server = open_world()
    seq = world.request()
    world.pump()
    assert (client.requests_in_flight, server.requests_in_flight) == (1, 1)
    world.answer(server, seq)
    world.pump()
    assert (client.requests_in_flight, server.requests_in_flight) == (0, 1)
    world.request()  # carries the ack
    world.pump()
    assert (client.requests_in_flight, server.requests_in_flight) == (1, 1)
    assert server.replies_unacked_bytes == 0


def test_the_window_of_requests_in_number_and_bytes() -> None:
    world, client, server = open_world(Limits(max_requests=2, max_request_bytes=4096))
    world.request(3000)
    assert not client.room_for_request(3000)
    with pytest.raises(WindowFull):
        world.request(3000)
    world.request(10)
    with pytest.raises(WindowFull):
        world.request(10)
    assert client.sent_seq == 2  # a refused call numbers nothing
    world.pump()
    assert server.requests_in_flight == 2


def test_a_full_window_refilled_in_one_turn_is_never_exceeded() -> None:
    """The room is free when the reply is parsed, and the next request carries the ack that frees it at the server."""
    world, client, server = open_world(Limits(max_requests=4, max_request_bytes=4096))
    for _ in range(50):
        while client.room_for_request(1000):
            world.request(900)
        world.pump()
        for seq in list(server.open_requests):
            world.answer(server, seq)
        world.pump()
    assert not world.closed


def test_what_the_peer_would_not_accept_is_refused_before_it_is_numbered() -> None:
    _, client, server = open_world(Limits(max_frame_bytes=8192, max_content_bytes=4096))
    with pytest.raises(EncodeError):
        client.request("post", [b"x" * 8192])
    with pytest.raises(EncodeError):
        client.request("post", [2**53])
    with pytest.raises(EncodeError):
        server.push(push_tail("message", b"x" * 8192))
    assert (client.sent_seq, server.sent_seq, server.pushes_unacked) == (0, 0, (0, 0))
    assert not server.lagging


def test_a_request_is_answered_exactly_once() -> None:
    world, _, server = open_world()
    seq = world.request()
    world.pump()
    world.answer(server, seq)
    with pytest.raises(LocalError):
        server.reply(seq, None)
    with pytest.raises(LocalError):
        server.refuse(seq, 600, "again")
    with pytest.raises(LocalError):
        server.reply(99, None)


def test_a_reply_that_cannot_be_encoded_leaves_the_request_open() -> None:
    world, client, server = open_world()
    seq = world.request()
    world.pump()
    with pytest.raises(EncodeError):
        server.reply(seq, object())
    server.refuse(seq, 704, "internal")
    world.pump()
    assert not client.open_requests


def test_replies_are_given_while_detached_and_arrive_after_resume() -> None:
    world, client, server = open_world()
    seq = world.request()
    world.pump()
    world.cut(world.link)
    assert server.state is SessionState.DETACHED
    world.answer(server, seq)
    world.connect()
    world.pump()
    assert world.client_session is client
    assert not client.open_requests


def test_requests_made_while_detached_go_out_after_resume() -> None:
    world, _, server = open_world()
    world.cut(world.link)
    seq = world.request()
    world.connect()
    world.pump()
    assert list(server.open_requests) == [seq]


# -- room for replies


def test_a_large_reply_waits_for_room_and_posts_never_do() -> None:
    world, _, server = open_world(Limits(max_requests=8, reply_room_bytes=40_000))
    seqs = [world.request() for _ in range(4)]
    world.pump()
    assert server.room_for_reply(30_000)
    assert server.reserve_reply(seqs[0], 30_000)
    assert not server.reserve_reply(seqs[1], 30_000)
    with pytest.raises(WindowFull):
        server.reply(seqs[1], b"x" * 30_000)
    assert seqs[1] in server.open_requests
    server.reply(seqs[2], [1, 2, False])
    server.reply(seqs[0], b"x" * 29_000)
    world.pump()
    assert not server.reserve_reply(seqs[1], 30_000)  # sent, but not acked yet
    world.pass_time(0.2)
    world.pump()
    assert server.reserve_reply(seqs[1], 30_000)


def test_a_refusal_always_finds_room() -> None:
    world, client, server = open_world(Limits(max_requests=2, reply_room_bytes=2048))
    first, second = world.request(), world.request()
    world.pump()
    assert server.reserve_reply(first, 1536)
    server.refuse(second, 605, "配" * 300, 4000, detail={"current": "x" * 1000})
    world.pump()
    assert list(client.open_requests) == [first]
    refused = world.link.client_events[-1]
    assert isinstance(refused, RefusalReceived)
    assert (refused.code, refused.detail) == (605, None)
    assert refused.retry_after_ms == 4000, "when to come back is said also where the rest finds no room"
    with pytest.raises(LocalError):
        server.reserve_reply(second, 10)


# -- pushes


def test_the_first_push_that_finds_the_window_full_starts_lagging() -> None:
    world, _, server = open_world(Limits(window_frames=4))
    assert [world.push(server) for _ in range(6)] == [True] * 4 + [False] * 2
    assert server.lagging
    assert server.pushes_unacked[0] == 4


def test_lagging_ends_when_half_of_the_window_is_free_and_the_client_is_told_in_the_same_step() -> None:
    world, _, server = open_world(Limits(window_frames=4))
    for _ in range(5):
        world.push(server)
    world.pump()
    world.pass_time(0.2)
    world.pump()
    stream = world.streams[server.session_id]
    assert not server.lagging
    assert stream.heard == [1, 2, 3, 4, -1]
    assert [type(event).__name__ for event in world.link.server_events].count("LaggingEnded") == 1
    assert world.push(server)


def test_lagging_goes_on_while_more_than_half_is_unacked() -> None:
    world, _, server = open_world(Limits(window_frames=4, ack_after_frames=1))
    for _ in range(5):
        world.push(server)
    link = world.link
    world.flush_server(link)
    one_push = len(link.down) // 4
    world.deliver_down(link, one_push)
    world.flush_client(link)
    world.deliver_up(link, len(link.up))
    assert server.lagging
    assert not world.push(server)
    world.deliver_down(link, one_push)
    world.flush_client(link)
    world.deliver_up(link, len(link.up))
    assert not server.lagging


def test_lagging_goes_on_while_more_than_half_of_the_bytes_is_unacked() -> None:
    world, _, server = open_world(Limits(window_bytes=4096, ack_after_frames=1))
    link = world.link
    sizes: list[int] = []
    for size in (100, 2500, 100):
        world.push(server, size)
        world.flush_server(link)
        sizes.append(len(link.down) - sum(sizes))
    assert not world.push(server, 3000)
    for size, lagging in zip(sizes, (True, False), strict=False):
        world.deliver_down(link, size)
        world.flush_client(link)
        world.deliver_up(link, len(link.up))
        assert server.lagging is lagging


def test_what_was_acked_is_room_again_in_frames_and_in_bytes() -> None:
    world, client, server = open_world(Limits(window_bytes=4096, window_frames=4, max_request_bytes=4096))
    for _ in range(10):
        assert world.push(server, 3000)
        world.request(3000)
        world.pump()
        world.answer(server, client.sent_seq)
        world.pump()
        world.pass_time(0.2)
        world.pump()
    assert server.pushes_unacked == (0, 0)
    assert client.request_bytes_in_flight == server.request_bytes_in_flight == 0
    assert (server.replies_unacked_frames, server.replies_unacked_bytes) == (0, 0)


def test_the_window_counts_bytes_too() -> None:
    world, _, server = open_world(Limits(window_bytes=4096))
    assert world.push(server, 3000)
    assert not world.push(server, 3000)
    assert server.lagging


def test_a_push_larger_than_the_window_does_not_lag_for_ever() -> None:
    world, _, server = open_world(Limits(window_bytes=4096))
    assert not world.push(server, 5000)
    assert not server.lagging
    world.pump()
    assert world.streams[server.session_id].heard == [-1]


def test_a_detached_session_lags_and_the_client_hears_of_it_after_resume() -> None:
    world, _, server = open_world(Limits(window_frames=4))
    world.cut(world.link)
    for _ in range(9):
        world.push(server)
    assert server.lagging
    world.connect()
    world.pump()
    world.pass_time(0.2)
    world.pump()
    assert world.streams[server.session_id].heard == [1, 2, 3, 4, -1]


def test_one_tail_is_shared_by_all() -> None:
    _, _, one = open_world()
    _, _, two = open_world()
    tail = push_tail("message", b"x" * 1000)
    one.push(tail)
    two.push(tail)
    assert one.queue.from_seq(1)[0][2] is two.queue.from_seq(1)[0][2] is tail


# -- tokens and the end


def tokens(session: Session) -> tuple[bytes, bytes | None]:
    return session.resume_token, session.previous_token


def test_the_presented_token_stays_good_until_the_client_speaks() -> None:
    """Twice in a row WELCOME is lost: the client still holds the first token, and it must still resume."""
    world, client, server = open_world()
    held = client.resume_token
    for _ in range(2):
        world.cut(world.link)
        link = world.connect()
        world.flush_client(link)
        world.deliver_up(link, len(link.up))  # WELCOME is made, and lost
        assert client.resume_token == held
        assert server.previous_token == held
    world.cut(world.link)
    world.connect()
    world.pump()
    assert world.client_session is client
    assert tokens(server)[1] == held
    world.request()
    world.pump()
    assert tokens(server)[1] is None
    assert server.resume_token == client.resume_token != held


def test_the_tokens_of_an_ended_session_are_forgotten() -> None:
    _, _, server = open_world()
    server.rotate_token(b"newer", b"older")
    server.end(101.0)
    assert tokens(server) == (b"", None)


def test_an_ended_session_takes_no_memory_and_no_orders() -> None:
    world, _, server = open_world()
    seq = world.request()
    world.pump()
    world.push(server, 1000)
    server.end(world.now)
    server.end(world.now)
    assert server.state is SessionState.ENDED
    assert (
        server.memory_bytes
        == Session(Side.SERVER, session_id="s", user_id="u", device_id="d", limits=Limits()).memory_bytes
    )
    server.reply(seq, None)  # its request may well have been under way: no fault of the caller
    server.refuse(seq, 704, "internal")
    assert server.reserve_reply(seq, 100)
    assert not server.push(push_tail("message"))
    assert server.sent_seq == 1
    with pytest.raises(WrongState):
        server.hold(world.link.server, world.now)


def test_only_a_client_asks() -> None:
    _, client, server = open_world()
    with pytest.raises(WrongState):
        server.request("post", [])
    client.end(0.0)
    with pytest.raises(WrongState):
        client.request("post", [])


@given(
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=12),
    earlier=st.lists(st.integers(0, 3000), max_size=6),
    window_frames=st.integers(1, 12),
    lagging=st.booleans(),
)
def test_a_run_of_pushes_is_as_one_by_one(
    sizes: list[int], earlier: list[int], window_frames: int, lagging: bool
) -> None:
    """Whatever fits, and wherever the window is full in the middle of it."""
    limits = Limits(window_frames=window_frames, window_bytes=8192)
    one, run = (
        Session(Side.SERVER, session_id="s", user_id="u", device_id="d", limits=limits) for _ in range(2)
    )
    for session in (one, run):
        for size in earlier:
            session.push(push_tail("message", bytes(size)))
        session.lagging = session.lagging or (lagging and bool(earlier))
    tails = [push_tail("message", bytes(size)) for size in sizes]
    for tail in tails:
        one.push(tail)
    run.push_all(tails)
    assert run.queue.take_unsent() == one.queue.take_unsent()
    assert (run.pushes_unacked, run.lagging, run.sent_seq) == (one.pushes_unacked, one.lagging, one.sent_seq)
    assert run.queue.bytes == one.queue.bytes

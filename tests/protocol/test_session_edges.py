"""A session's accounts to the byte: which frames count for a window, and where exactly each window ends."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from imserver_protocol import (
    EncodeError,
    Limits,
    RefusalReceived,
    RemoteError,
    SessionState,
    Tail,
    WindowFull,
    push_tail,
)
from imserver_protocol.limits import FRAME_OVERHEAD_BYTES
from tests.protocol.open_world import open_world

from .world import World


def tail_of(size: int) -> Tail:
    """A push that counts `size` bytes for a window; at least 300."""
    header = len(push_tail("message", bytes(256)).data) - 256
    return push_tail("message", bytes(size - FRAME_OVERHEAD_BYTES - header))


def acked(world: World) -> None:
    world.pump()
    world.pass_time(0.2)
    world.pump()


def test_what_each_frame_counts() -> None:
    world, client, server = open_world()
    seq = world.request(1000)
    tail = client.queue.from_seq(seq)[0][2]
    size = len(tail.data) + FRAME_OVERHEAD_BYTES
    assert client.request_bytes_in_flight == size
    empty = server.memory_bytes
    server.push(tail_of(500))
    assert server.pushes_unacked == (1, 500)
    with_push = server.memory_bytes - empty
    assert 500 < with_push < 1000
    server.push(tail_of(500))
    assert server.memory_bytes - empty == 2 * with_push
    world.pump()
    with_request = server.memory_bytes - empty - 2 * with_push
    assert with_request == server.request_bytes_in_flight + with_push - 500
    assert size - 30 < server.request_bytes_in_flight <= size
    server.reply(seq, "x" * 700)
    assert (
        server.replies_unacked_bytes == len(server.queue.from_seq(3)[0][2].data) + FRAME_OVERHEAD_BYTES > 700
    )
    assert server.memory_bytes - empty - 2 * with_push == with_request + server.replies_unacked_bytes
    acked(world)
    assert server.memory_bytes == empty


def test_a_window_of_pushes_is_filled_to_the_byte() -> None:
    world, _, server = open_world(Limits(window_bytes=8192))
    assert server.push(tail_of(4096))
    assert server.push(tail_of(4096))
    assert not server.push(tail_of(300))
    acked(world)
    assert server.push(tail_of(4096))
    assert not server.push(tail_of(4097))
    assert server.lagging


@dataclass
class Half:
    """What stays unacked of a window of 8192 bytes, and whether the lagging ends then."""

    left: int
    ends: bool


@pytest.mark.parametrize("half", [Half(4096, True), Half(4097, False), Half(3000, True)])
def test_lagging_ends_when_exactly_half_of_the_bytes_is_free(half: Half) -> None:
    world, _, server = open_world(Limits(window_bytes=8192, ack_after_frames=1))
    link = world.link
    server.push(tail_of(8192 - half.left))
    world.flush_server(link)
    first = len(link.down)
    server.push(tail_of(half.left))
    world.flush_server(link)
    assert not server.push(tail_of(300))
    world.deliver_down(link, first)
    world.flush_client(link)
    world.deliver_up(link, len(link.up))
    assert server.lagging is not half.ends
    told = [type(event).__name__ for event in link.server_events].count("LaggingEnded")
    assert told == half.ends


def test_the_longest_push() -> None:
    _, _, server = open_world(Limits(max_frame_bytes=4096, max_content_bytes=4096))
    server.push(tail_of(4096 + 4))  # the length itself is not part of the length
    with pytest.raises(EncodeError):
        server.push(tail_of(4096 + 5))


def test_a_window_of_requests_is_filled_to_the_byte_on_both_sides() -> None:
    world, client, _ = open_world()
    header = client.open_requests[world.request(300)] - 300
    limits = Limits(max_request_bytes=4300)
    world, client, server = open_world(limits)
    world.request(limits.max_request_bytes - header)
    assert client.request_bytes_in_flight == limits.max_request_bytes
    with pytest.raises(WindowFull):
        world.request(1)
    world.pump()
    assert server.requests_in_flight == 1
    assert world.closed == []


def test_an_ended_session_counts_nothing() -> None:
    world, _, server = open_world()
    seqs = [world.request(1000) for _ in range(2)]
    world.pump()
    server.push(tail_of(500))
    server.reply(seqs[0], "x" * 5000)
    server.end(world.now)
    assert server.state is SessionState.ENDED
    assert server.pushes_unacked == (0, 0)
    assert (server.replies_unacked_frames, server.replies_unacked_bytes) == (0, 0)
    assert (server.requests_in_flight, server.request_bytes_in_flight) == (0, 0)


def test_a_refusal_says_nothing_of_coming_back_unless_it_is_told_to() -> None:
    world, _, server = open_world()
    seq = world.request()
    world.pump()
    server.refuse(seq, 601, "no such method")
    world.pump()
    (refused,) = [event for event in world.link.client_events if isinstance(event, RefusalReceived)]
    assert (refused.retry_after_ms, refused.detail) == (0, None)


def test_only_what_was_opened_later_is_newer() -> None:
    world, _, server = open_world()
    opened_at = world.link.server.opened_at
    assert server.is_held_by_newer(opened_at - 0.001)
    assert not server.is_held_by_newer(opened_at)
    assert not server.is_held_by_newer(opened_at + 0.001)


def test_the_server_takes_requests_up_to_the_byte() -> None:
    _, _, server = open_world(Limits(max_request_bytes=4300))
    with pytest.raises(RemoteError):
        server.open_request(1, 4301)
    server.open_request(1, 4300)
    with pytest.raises(RemoteError):
        server.open_request(2, 1)
    assert server.requests_in_flight == 1


def test_pushes_are_shared_and_the_rest_is_ones_own() -> None:
    world, _, server = open_world()
    seqs = [world.request(1000) for _ in range(2)]
    world.pump()
    server.push(tail_of(500))
    assert server.unshared_bytes == server.request_bytes_in_flight > 2000
    server.reply(seqs[0], "x" * 700)
    assert server.unshared_bytes == server.request_bytes_in_flight + server.replies_unacked_bytes
    assert server.unshared_bytes > 2700

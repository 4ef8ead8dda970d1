"""The two ends of a numbered stream, and the room for replies, with plain numbers."""

from __future__ import annotations

import sys

from imserver_protocol import Limits, ReceiveWindow, ResendQueue, encode_tail
from imserver_protocol.session.window import ReplyRoom

TAIL = encode_tail("x")


def queue_of(count: int) -> ResendQueue:
    queue = ResendQueue()
    for _ in range(count):
        queue.append(19, TAIL, 30)
    return queue


def seen(window: ReceiveWindow) -> tuple[int, bool, float | None]:
    return window.seq, window.now_due, window.due_at


def test_frames_are_numbered_from_1() -> None:
    assert [entry[0] for entry in queue_of(3).from_seq(1)] == [1, 2, 3]


def test_an_ack_trims_up_to_itself() -> None:
    queue = queue_of(5)
    queue.take_unsent()
    assert [entry[0] for entry in queue.ack(3)] == [1, 2, 3]
    assert (len(queue), queue.bytes, queue.acked_seq, queue.sent_seq) == (2, 60, 3, 5)
    assert queue.ack(3) == []


def test_only_what_was_handed_out_counts_as_transmitted() -> None:
    queue = queue_of(2)
    assert queue.transmitted_seq == 0
    queue.take_unsent()
    assert queue.transmitted_seq == 2
    queue.append(19, TAIL, 30)
    assert (queue.transmitted_seq, queue.sent_seq, queue.has_unsent) == (2, 3, True)


def test_replay_is_everything_beyond_the_ack() -> None:
    queue = queue_of(4)
    queue.take_unsent()
    queue.ack(1)
    queue.append(19, TAIL, 30)
    queue.replay()
    assert [entry[0] for entry in queue.take_unsent()] == [2, 3, 4, 5]
    assert [entry[0] for entry in queue.from_seq(4)] == [4, 5]


def test_an_ack_is_due_by_frames_bytes_or_time() -> None:
    limits = Limits(ack_after_frames=3, ack_after_bytes=100, ack_after_s=0.1)
    window = ReceiveWindow(limits)
    assert seen(window) == (0, False, None)
    window.took(1, 10, 5.0)
    window.took(1, 10, 5.05)
    assert seen(window) == (2, False, 5.1)
    window.took(1, 10, 5.06)
    assert seen(window) == (3, True, 5.1)
    window.told()
    assert seen(window) == (3, False, None)
    window.took(1, 100, 6.0)
    assert seen(window) == (4, True, 6.1)


def test_acks_are_counted_to_the_frame_and_to_the_byte_each_time_anew() -> None:
    window = ReceiveWindow(Limits(ack_after_frames=3, ack_after_bytes=100, ack_after_s=0.1))
    for _ in range(3):
        due = []
        for frames, bytes_ in ((1, 98), (1, 1), (0, 1)):
            window.took(frames, bytes_, 5.0)
            due.append(window.now_due)
        window.told()
        for frames in (2, 1):
            window.took(frames, 0, 5.0)
            due.append(window.now_due)
        window.told()
        assert due == [False, False, True, False, True]


def test_room_for_replies_is_counted_to_the_byte() -> None:
    room = ReplyRoom(Limits(reply_room_bytes=10_000, max_requests=10, post_reply_bytes=500))
    for seq, size, extra in ((1, 499, 0), (2, 500, 0), (3, 501, 1)):
        assert room.take(seq, size)
        assert room.extra_bytes == extra
    assert not room.take(4, 5500)
    assert room.take(4, 5499)
    assert room.extra_bytes == 5000
    assert (room.has_room(0), room.has_room(500), room.has_room(501)) == (True, True, False)
    assert room.reserve(5, 400)
    assert room.extra_bytes == 5000
    assert room.take(5, 300)
    assert room.extra_bytes == 5000
    room.release(501)
    room.release(500)
    assert room.extra_bytes == 4999
    room.release(5499)
    assert room.extra_bytes == 0
    assert room.reserve(6, 900)
    assert room.extra_bytes == 400
    assert room.take(6, 300)
    assert room.extra_bytes == 0
    assert room.reserve(7, 900)
    room.clear()
    assert room.extra_bytes == 0


def test_room_for_replies_is_kept_for_each_request() -> None:
    limits = Limits(reply_room_bytes=10_000, max_requests=10, post_reply_bytes=500)
    room = ReplyRoom(limits)
    assert room.has_room(5500)
    assert not room.has_room(5501)
    assert room.reserve(1, 5500)
    assert not room.reserve(2, 501)
    for seq in range(2, 12):
        assert room.take(seq, 500)  # posts are never without
    assert room.take(1, 1500)  # smaller than reserved: the rest is free again
    assert room.reserve(2, 4500)
    assert not room.reserve(3, 501)
    room.release(1500)
    assert room.reserve(3, 1500)
    assert room.extra_bytes == 5000


def test_a_second_reservation_replaces_the_first() -> None:
    room = ReplyRoom(Limits(reply_room_bytes=10_000, max_requests=10, post_reply_bytes=500))
    assert room.reserve(1, 5500)
    assert room.reserve(1, 3000)
    assert room.reserve(2, 3000)
    assert not room.reserve(1, 3001)
    assert room.extra_bytes == 5000


def test_a_reply_above_its_reservation_needs_free_room() -> None:
    room = ReplyRoom(Limits(reply_room_bytes=10_000, max_requests=10, post_reply_bytes=500))
    assert room.reserve(1, 1000)
    assert room.reserve(2, 5000)
    assert not room.take(1, 1001)
    assert room.take(1, 1000)


def test_a_reservation_is_forgotten_with_its_reply() -> None:
    """A session may live for months: what each request leaves behind adds up."""
    room = ReplyRoom(Limits())
    for seq in range(1, 10_000):
        assert room.reserve(seq, 1000)
        assert room.take(seq, 1000)
        room.release(1000)
    assert room.extra_bytes == 0
    assert sys.getsizeof(room._reserved) < 1000

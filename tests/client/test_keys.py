"""Keys begin with the time (SPEC 9.1): those made one after the other lie together in the server's index."""

from __future__ import annotations

from imserver_client.environment import Environment

MS = 1_795_936_429_162  # 2026-11-28


def test_a_key_is_the_time_and_then_random() -> None:
    times = iter((MS, MS, MS + 1))
    first, second, third = [Environment(now_ms=lambda: next(times)).key() for _ in range(3)]
    assert [int.from_bytes(key[:6], "big") - MS for key in (first, second, third)] == [0, 0, 1]
    assert {len(key) for key in (first, second, third)} == {16}
    assert len({key[6:] for key in (first, second, third)}) == 3
    assert Environment().key()[:6] < Environment(now_ms=lambda: MS * 2).key()[:6], "UTC, of now"


def test_a_clock_that_is_wrong_makes_keys_all_the_same() -> None:
    assert Environment(now_ms=lambda: -1).key()[:6] == b"\xff" * 6
    assert Environment(now_ms=lambda: 1 << 60).key()[:6] == bytes(6)

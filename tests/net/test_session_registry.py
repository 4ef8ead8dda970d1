"""What the sweep frees when sessions keep too much: the oldest of those that wait, the heaviest of those that do not ack."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from imserver.chat.accounts import Identity
from imserver.config import LimitsConfig
from imserver.model import User
from imserver.net.session_registry import SessionRegistry
from imserver.net.sessions import DeviceSession
from imserver_protocol import Limits, Session, Side, push_tail

#: More than any session of these tests keeps.
PLENTY = 1 << 30


class Line:
    """A transport that notes with which code it was closed."""

    number = 1
    address = "127.0.0.1"

    def __init__(self) -> None:
        self.codes: list[int] = []

    def mark(self) -> None:
        """Nothing is written here."""

    def close(self, code: int, text: str = "", retry_after_ms: int = 0) -> None:
        self.codes.append(code)


class House:
    """A registry, and devices that keep so much."""

    def __init__(self, **limits: Any) -> None:
        self.limits = LimitsConfig(**limits)
        self.registry = SessionRegistry(self.limits, lambda found: None)
        self.lines: dict[str, Line] = {}

    def device(self, name: str, size: int) -> DeviceSession:
        """Attached, with a request of that size in work."""
        session = Session(Side.SERVER, session_id=name, user_id=name, device_id="phone", limits=Limits())
        identity = Identity(User(name, name), "phone", name, PLENTY)
        context: Any = SimpleNamespace(limits=self.limits)
        unused: Any = None
        found = DeviceSession(session, identity, context, unused, unused)
        found.transport = self.lines[name] = Line()
        session.open_request(1, size)
        self.registry.add(found)
        return found

    def sweep(self, now: float) -> None:
        for _ in self.registry.sweep(now, now, 0):
            pass

    @property
    def left(self) -> set[str]:
        return {found.user_id for found in self.registry}


@pytest.mark.parametrize("seed", range(20))
def test_of_sessions_that_wait_the_oldest_go_and_no_more_than_have_to(seed: int) -> None:
    """Also beside some whose time is over: what those kept is free by then, and costs nobody else the session."""
    dice = random.Random(seed)
    room = 150_000
    house = House(max_detached_bytes=room, max_unacked_bytes=PLENTY, detached_s=120)
    kept: list[tuple[str, int]] = []
    for number in range(12):
        found = house.device(f"user {number}", dice.randrange(1, 40_000))
        for _ in range(dice.randrange(4)):
            found.stream.push(push_tail("message", b"x" * 1000))
        found.stream.detached_at = float(number * 20)
        kept.append((found.user_id, found.stream.memory_bytes))
        house.registry.detached(found)
    attached = house.device("attached", 1_000_000)
    house.sweep(now=150.0)
    expected = kept[2:]  # those of second 0 and 20 are over
    while sum(size for _, size in expected) > room:
        del expected[0]
    assert house.left == {attached.user_id, *(name for name, _ in expected)}
    assert house.lines["attached"].codes == []


@pytest.mark.parametrize("seed", range(20))
def test_of_sessions_that_do_not_ack_the_heaviest_are_cut_off_and_no_more_than_have_to(seed: int) -> None:
    dice = random.Random(seed)
    room = 500_000
    house = House(max_detached_bytes=PLENTY, max_unacked_bytes=room)
    sizes = {f"user {number}": dice.randrange(1, 200_000) for number in range(12)}
    for name, size in sizes.items():
        house.device(name, size)
    house.sweep(now=1.0)
    too_much = sum(sizes.values()) - room
    expected = set()
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if too_much > 0:
            too_much -= sizes[name]
            expected.add(name)
    assert {name for name, line in house.lines.items() if line.codes} == expected
    assert house.left == set(sizes), "all of them may resume"

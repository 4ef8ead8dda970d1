"""Fan-out without sockets: the order of pushes and replies, their recipients, and a full backlog."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import structlog

from imserver.chat import fan_out as hub_module
from imserver.chat.fan_out import MAX_RUN_DELIVERIES, TURN_S, Hub
from imserver.chat.transaction import Posted
from imserver.chat.units import PostUnit, Unit
from imserver.events import CursorMoved, MessagePosted, StoredEvent
from imserver.model import Audience, Cursors, Message, Role
from imserver.net.pushes import WirePushes
from imserver.testing import ManualClock

BOTH: Audience = {"ann": Role.MEMBER, "bob": Role.MEMBER}
TALK = "direct/ann/bob"


class Device:
    """A session of one user: what it was pushed, in order."""

    def __init__(self, user_id: str, diary: list[str] | None = None) -> None:
        self.user_id = user_id
        self.pushed: list[Any] = []
        self.tails: list[Any] = []
        #: How many came at a time.
        self.handed: list[int] = []
        self._diary = diary if diary is not None else []

    def push_all(self, tails: Sequence[Any]) -> None:
        self.handed.append(len(tails))
        for tail in tails:
            self.pushed.append(tail[2])
            self.tails.append(tail)
            self._diary.append(f"push {tail[2]}")


class Told(Unit):
    """A committed unit with its events."""

    def __init__(
        self, events: Sequence[StoredEvent], diary: list[str], origin: Device | None, error: Exception | None
    ) -> None:
        super().__init__(origin)
        self.happened = events
        self._diary = diary
        self._error = error

    def settle(self) -> None:
        if self._error is not None:
            raise self._error
        self._diary.append(f"answer {self.happened[0].message.position}" if self.happened else "answer")  # type: ignore[union-attr]


class Post(PostUnit):
    """A post that was stored with its neighbours: it makes its event when it is asked."""

    def __init__(
        self, event: MessagePosted, diary: list[str], origin: Device | None, error: Exception | None
    ) -> None:
        message = event.message
        super().__init__(
            message.conversation_id, message.sender_id, message.key, b"", b"", message.sent_at, origin
        )
        self.result = Posted((message.position, message.sent_at, False))
        self.change, self.audience = event.change, event.audience
        self._diary = diary
        self._error = error

    def settle(self) -> None:
        if self._error is not None:
            raise self._error
        self._diary.append(f"answer {self.result[0]}")


def unit_of(
    events: Sequence[StoredEvent],
    diary: list[str],
    origin: Device | None = None,
    error: Exception | None = None,
) -> Unit:
    """As the store makes it: a plain post says who heard it, any other unit has its events."""
    if len(events) == 1 and isinstance(event := events[0], MessagePosted) and event.remaining is None:
        return Post(event, diary, origin, error)
    return Told(events, diary, origin, error)


def said(position: int, audience: Audience = BOTH, conversation_id: str = TALK) -> MessagePosted:
    message = Message(conversation_id, position, "ann", 1_000, b"k" * 16, b"")
    return MessagePosted(position, message, audience)


def make_hub(clock: ManualClock | None = None, cost_s: float = 0.0, max_backlog: int = 1000) -> Hub:
    """Encoding a push takes so long."""
    time = clock or ManualClock()

    class Pushes(WirePushes):
        @staticmethod
        def message(*fields: Any) -> Any:
            time.advance(cost_s)
            return ("message", *fields)

        @staticmethod
        def cursor(*fields: Any) -> Any:
            time.advance(cost_s)
            return ("cursor", *fields)

        @staticmethod
        def told(kind: str, fields: Any) -> Any:
            time.advance(cost_s)
            return (kind, *fields)

    return Hub(Pushes(), time, structlog.get_logger(), max_backlog=max_backlog)


async def until_still(hub: Hub) -> None:
    while hub.backlog:  # noqa: ASYNC110  a hub has no signal that it is done
        await asyncio.sleep(0)


async def test_a_change_is_told_when_the_last_unit_of_its_batch_is() -> None:
    hub, diary = make_hub(cost_s=TURN_S * 2), list[str]()  # one a turn
    hub.register(Device("bob", diary))
    hub.committed_change = lambda: 3
    hub.committed([unit_of([said(number)], diary, Device(f"of {number}")) for number in (1, 2, 3)])
    seen = [(len(diary) // 2, hub.told)]
    while hub.backlog:
        await asyncio.sleep(0)
        seen.append((len(diary) // 2, hub.told))
    assert dict(seen) == {1: 0, 2: 0, 3: 3}


async def test_pushes_come_in_the_order_of_the_commits() -> None:
    """Also over many turns of the loop, and with batches that arrive meanwhile."""
    clock = ManualClock()
    hub, diary = make_hub(clock, cost_s=TURN_S * 0.4), list[str]()
    bob = Device("bob", diary)
    hub.register(bob)
    for first in (1, 21, 41):
        hub.committed([unit_of([said(position)], diary) for position in range(first, first + 20)])
        await asyncio.sleep(0)
    await until_still(hub)
    wanted = [line for position in range(1, 61) for line in (f"push {position}", f"answer {position}")]
    assert diary == wanted


async def test_a_turn_of_the_loop_does_a_bounded_share() -> None:
    clock = ManualClock()
    hub, diary = make_hub(clock, cost_s=TURN_S * 0.4), list[str]()
    hub.register(Device("bob", diary))
    hub.committed([unit_of([said(position)], diary) for position in range(1, 31)])
    assert 0 < len(diary) < 10
    await until_still(hub)
    assert len(diary) == 60


async def test_what_one_posts_reaches_every_device_but_the_one_that_posted() -> None:
    hub = make_hub()
    phone, desk, bob, eve = Device("ann"), Device("ann"), Device("bob"), Device("eve")
    for device in (phone, desk, bob, eve):
        hub.register(device)
    hub.committed([unit_of([said(1)], [], origin=phone)])
    assert [device.pushed for device in (phone, desk, bob, eve)] == [[], [1], [1], []]


async def test_a_group_with_more_members_than_are_here_reaches_those_who_are() -> None:
    hub = make_hub()
    crowd: Audience = {f"u{number}": Role.MEMBER for number in range(100)}
    member, stranger = Device("u7"), Device("eve")
    hub.register(member)
    hub.register(stranger)
    hub.committed([unit_of([said(1, crowd)], [])])
    assert (member.pushed, stranger.pushed) == ([1], [])


async def test_a_moved_cursor_is_told_to_its_audience() -> None:
    hub = make_hub()
    bob, eve = Device("bob"), Device("eve")
    hub.register(bob)
    hub.register(eve)
    unit = Unit()
    unit.happened = [CursorMoved(5, TALK, "ann", Cursors(3, 2), BOTH)]
    hub.committed([unit])
    assert (bob.tails, eve.tails) == ([("cursor", TALK, "ann", 3, 2)], [])


async def test_a_jam_holds_the_writer_and_lets_it_go_again() -> None:
    clock = ManualClock()
    hub, diary = make_hub(clock, cost_s=TURN_S * 2, max_backlog=10), list[str]()
    reliefs: list[int] = []
    hub.on_relief = lambda: reliefs.append(hub.backlog)
    assert not hub.saturated()
    hub.committed([unit_of([said(position)], diary) for position in range(1, 21)])
    assert hub.saturated()
    await until_still(hub)
    assert len(reliefs) == 1
    assert reliefs[0] <= 5
    assert not hub.saturated()


async def test_one_that_cannot_be_answered_does_not_silence_those_behind_it() -> None:
    hub, diary = make_hub(), list[str]()
    bob = Device("bob", diary)
    hub.register(bob)
    hub.committed([unit_of([said(1)], diary, error=RuntimeError("gone")), unit_of([said(2)], diary)])
    assert diary == ["push 1", "push 2", "answer 2"]


async def test_neighbours_of_one_session_are_pushed_and_answered_together_in_their_order() -> None:
    hub, diary = make_hub(), list[str]()
    phone, bob = Device("ann"), Device("bob", diary)
    hub.register(phone)
    hub.register(bob)
    hub.committed([unit_of([said(position)], diary, origin=phone) for position in range(1, 6)])
    assert bob.handed == [5], "recipients are looked up once"
    assert diary == [f"push {position}" for position in range(1, 6)] + [
        f"answer {position}" for position in range(1, 6)
    ]


async def test_others_in_between_end_a_run() -> None:
    """Of another session, in another conversation, or by which somebody comes or goes."""
    hub, diary = make_hub(), list[str]()
    phone, desk = Device("ann"), Device("ann")
    bob, eve = Device("bob", diary), Device("eve")
    for device in (phone, desk, bob, eve):
        hub.register(device)
    three: Audience = {**BOTH, "eve": Role.MEMBER}
    hub.committed(
        [
            unit_of([said(1, three)], diary, origin=phone),
            unit_of([said(2, three)], diary, origin=phone),
            unit_of([said(3, three)], diary, origin=desk),
            unit_of([said(4, three)], diary),
            unit_of([MessagePosted(5, said(5).message, three, remaining=BOTH)], diary, origin=phone),
            unit_of([said(6)], diary, origin=phone),
            unit_of([said(7, three)], diary, origin=phone),
            unit_of([said(8)], diary, origin=phone),
            unit_of([said(9, conversation_id="group/x")], diary, origin=phone),
        ]
    )
    assert bob.pushed == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert eve.pushed == [1, 2, 3, 4, 5, 7], "she hears of her own removal, and of nothing that is not hers"
    assert desk.pushed == [1, 2, 4, 5, 6, 7, 8, 9]
    assert [line for line in diary if line.startswith("answer")] == [
        f"answer {number}" for number in range(1, 10)
    ]
    assert hub.audience_of(TALK) == BOTH


async def test_a_run_is_bounded_in_deliveries() -> None:
    hub = make_hub(max_backlog=10**6)
    crowd: Audience = {f"u{number}": Role.MEMBER for number in range(MAX_RUN_DELIVERIES // 2 - 1)}
    phone, member = Device("u0"), Device("u1")
    hub.register(phone)
    hub.register(member)
    hub.committed([unit_of([said(position, crowd)], [], origin=phone) for position in range(1, 6)])
    assert member.handed == [2, 2, 1]


async def test_who_cannot_be_pushed_to_keeps_nobody_from_being_answered() -> None:
    hub, diary = make_hub(), list[str]()

    class Broken(Device):
        def push_all(self, tails: Sequence[Any]) -> None:
            raise RuntimeError("a fault of ours")

    phone = Device("ann")
    hub.register(phone)
    hub.register(Broken("bob"))
    told = [unit_of([said(position)], diary, origin=phone) for position in (1, 2)]
    hub.committed(
        [
            *told,
            unit_of([said(3)], diary, origin=phone, error=RuntimeError("gone")),
            unit_of([said(4)], diary, origin=phone),
        ]
    )
    assert diary == ["answer 1", "answer 2", "answer 4"]


async def test_observers_hear_everything_in_order_whoever_of_them_fails() -> None:
    clock = ManualClock()
    hub = make_hub(clock, cost_s=TURN_S * 0.4)
    heard: list[int] = []

    def broken(events: Sequence[StoredEvent]) -> None:
        raise RuntimeError("broken")

    hub.observers += [broken, lambda events: heard.extend(event.change for event in events)]
    hub.committed([unit_of([said(position)], []) for position in range(1, 31)])
    await until_still(hub)
    assert heard == list(range(1, 31))


async def test_who_left_is_pushed_nothing_more() -> None:
    hub = make_hub()
    phone, desk = Device("bob"), Device("bob")
    hub.register(phone)
    hub.register(desk)
    hub.unregister(phone)
    hub.unregister(phone)
    hub.committed([unit_of([said(1)], [])])
    assert (phone.pushed, desk.pushed) == ([], [1])
    hub.unregister(desk)
    assert list(hub.outlets_of("bob")) == []


async def test_of_who_came_and_left_nothing_is_kept() -> None:
    """A server that runs for months sees many people who never come back."""
    hub = make_hub()
    stays = Device("ann")
    hub.register(stays)
    for number in range(100):
        devices = [Device(f"user {number}"), Device(f"user {number}")]
        for device in devices:
            hub.register(device)
        for device in devices:
            hub.unregister(device)
    assert list(hub._outlets) == ["ann"]


async def test_what_was_told_weighs_nothing_any_more_whoever_posted_it() -> None:
    """A backlog that leaks would hold the writer for ever, some day."""
    hub = make_hub(max_backlog=1000)
    phone, desk = Device("ann"), Device("ann")
    hub.register(phone)
    for origins in ([phone] * 9, [None] * 9, [phone, phone, desk, None, phone, phone] * 3):
        hub.committed([unit_of([said(position)], [], origin) for position, origin in enumerate(origins, 1)])
        assert (hub.backlog, hub.saturated()) == (0, False)


async def test_a_jam_is_counted_in_deliveries_and_not_in_messages() -> None:
    clock = ManualClock()
    hub = make_hub(clock, cost_s=TURN_S * 2, max_backlog=100)
    crowd: Audience = {f"u{number}": Role.MEMBER for number in range(60)}
    hub.committed([unit_of([said(position, crowd)], []) for position in (1, 2, 3)])
    assert hub.saturated()
    await until_still(hub)
    hub.committed([unit_of([said(position)], []) for position in range(1, 21)])
    assert not hub.saturated()
    await until_still(hub)


async def test_who_is_here_is_known_of_the_latest_conversations_and_of_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "MAX_AUDIENCES", 3)
    hub, phone = make_hub(), Device("ann")
    places = [f"group/{number}" for number in range(8)]
    for place in places:
        # Alone and in a run.
        hub.committed([unit_of([said(1, conversation_id=place)], [])])
        hub.committed([unit_of([said(n, conversation_id=f"{place}/run")], [], phone) for n in (1, 2)])
        assert hub.audience_of(place) == hub.audience_of(f"{place}/run") == BOTH
    known = [place for place in places for at in (place, f"{place}/run") if hub.audience_of(at) is not None]
    assert len(known) == 3


async def test_where_one_goes_on_talking_no_other_is_forgotten_and_nobody_is_told_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "MAX_AUDIENCES", 2)
    hub = make_hub()
    known: list[str] = []
    hub.on_audience = known.append
    for position, place in enumerate(["group/a", "group/b", "group/b", "group/a", "group/b"], 1):
        hub.committed([unit_of([said(position, conversation_id=place)], [])])
    assert hub.audience_of("group/a") == hub.audience_of("group/b") == BOTH
    assert known == ["group/a", "group/b"]


async def test_an_observer_that_goes_takes_no_other_along() -> None:
    hub = make_hub()
    heard: list[str] = []

    def once(events: Sequence[StoredEvent]) -> None:
        heard.append("once")
        hub.observers.remove(once)

    hub.observers += [once, lambda events: heard.append("second")]
    for position in (1, 2):
        hub.committed([unit_of([said(position)], [])])
    assert heard == ["once", "second", "second"]

"""Who asked a plugin's read hears when its answer is another: at most so often, the last never lost, and nobody else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import PluginError, Refusal
from imserver.feature_host.askers import TOLD_A_TURN, Askers, name_of
from imserver.model import User
from imserver.plugin_api import Transaction
from imserver.testing import ManualClock, PluginKit
from imserver_protocol.shared.bounds import MAX_QUESTION_BYTES, MAX_QUESTIONS
from tests.limits.raw import Raw, new_key
from tests.plugins.shop import (
    ABOUT,
    BUY,
    DAY,
    MINE,
    AboutParams,
    BuyParams,
    DayParams,
    DayResult,
    MineParams,
    Shop,
)
from tests.support.servers import config


class Ear:
    """A session that asks."""

    def __init__(self, user_id: str = "ann") -> None:
        self.user_id = user_id
        self.ended = False
        self.heard: list[Any] = []

    def push_all(self, tails: Any) -> None:
        self.heard += tails


@pytest.fixture
async def clock():
    return ManualClock()


@pytest.fixture
async def askers(clock: ManualClock):
    askers = Askers(clock, lambda kind, fields: (kind, *fields))
    yield askers
    askers.close()


def change(askers: Askers, date: str, users: list[str] | None = None) -> None:
    askers.changed(name_of(DAY, DayParams(date)), users)


async def test_of_many_changes_in_a_second_the_first_and_the_last_are_told(
    askers: Askers, clock: ManualClock
) -> None:
    ear, later = Ear(), Ear()
    askers.asked(ear, DAY, DayParams("mon"))
    for _ in range(5):
        change(askers, "mon")
    assert ear.heard == [("x-shop.day", "mon")]
    askers.asked(later, DAY, DayParams("mon", 0))
    clock.advance(0.9)
    askers.look()
    assert len(ear.heard) == 1
    clock.advance(0.1)
    askers.look()
    assert (len(ear.heard), len(later.heard)) == (2, 1), "also who asked in between, of what was to be told"
    clock.advance(1)
    askers.look()
    assert len(ear.heard) == 2, "nothing is told twice"
    change(askers, "mon")
    assert len(ear.heard) == 3


async def test_what_is_told_more_often_waits_for_nothing_that_is_told_less_often(
    askers: Askers, clock: ManualClock
) -> None:
    ear = Ear()
    askers.asked(ear, MINE, MineParams())
    askers.asked(ear, DAY, DayParams("mon"), 0.25)
    for told in (1, 2, 3, 3):
        askers.changed(name_of(MINE, MineParams()), ["ann"])
        change(askers, "mon")
        assert [
            len([one for one in ear.heard if one[0] == name]) for name in ("x-shop.mine", "x-shop.day")
        ] == [
            1,
            told,
        ]
        clock.advance(0.25 if told < 3 else 0.2)
        askers.look()


async def test_the_timer_rings_for_what_is_due_first(askers: Askers, clock: ManualClock) -> None:
    ear = Ear()
    askers.asked(ear, MINE, MineParams(), 60.0)
    askers.asked(ear, DAY, DayParams("mon"), 0.1)
    for _ in range(2):
        askers.changed(name_of(MINE, MineParams()), ["ann"])
        change(askers, "mon")
    clock.advance(0.1)
    async with asyncio.timeout(5):
        while len(ear.heard) < 3:  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0.05)
    assert ear.heard[-1] == ("x-shop.day", "mon")


async def test_the_timer_tells_by_itself(askers: Askers, clock: ManualClock) -> None:
    ear = Ear()
    askers.asked(ear, DAY, DayParams("mon"))
    change(askers, "mon")
    change(askers, "mon")
    clock.advance(1)
    async with asyncio.timeout(5):
        while len(ear.heard) < 2:  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0.05)


async def test_another_question_and_other_users_hear_nothing(askers: Askers, clock: ManualClock) -> None:
    ann, bob = Ear("ann"), Ear("bob")
    askers.asked(ann, MINE, MineParams())
    askers.asked(bob, MINE, MineParams())
    askers.asked(bob, DAY, DayParams("tue"))
    change(askers, "mon")
    mine = name_of(MINE, MineParams())
    askers.changed(mine, ["ann"])
    assert (ann.heard, bob.heard) == ([("x-shop.mine",)], [])
    askers.changed(mine, ["ann"])
    askers.changed(mine, ["bob"])
    clock.advance(1)
    askers.look()
    assert (len(ann.heard), len(bob.heard)) == (2, 1)
    askers.changed(mine, ["ann"])
    askers.changed(mine)
    clock.advance(1)
    askers.look()
    assert (len(ann.heard), len(bob.heard)) == (3, 2)
    for told in ((3, 2), (3, 3), (3, 3)):  # who was told is not told again with the next one, nor by itself
        clock.advance(1)
        askers.look()
        assert (len(ann.heard), len(bob.heard)) == told
        if told == (3, 2):
            askers.changed(mine, ["bob"])


async def test_what_is_ones_own_is_told_at_once_however_often_others_is(
    askers: Askers, clock: ManualClock
) -> None:
    """A page waits for its own appointment, while two hundred others book."""
    ann, bob, mine = Ear("ann"), Ear("bob"), name_of(MINE, MineParams())
    for ear in (ann, bob):
        askers.asked(ear, MINE, MineParams())
    for _ in range(5):
        askers.changed(mine, ["bob", "eve"])
        clock.advance(0.3)
        askers.look()
    askers.changed(mine, ["ann"])
    assert (len(ann.heard), len(bob.heard)) == (1, 2)


async def test_once_a_second_each_whether_alone_or_with_everybody(askers: Askers, clock: ManualClock) -> None:
    ann, bob, mine = Ear("ann"), Ear("bob"), name_of(MINE, MineParams())
    for ear in (ann, bob):
        askers.asked(ear, MINE, MineParams())
    askers.changed(mine, ["ann"])
    clock.advance(0.5)
    askers.changed(mine)
    assert (len(ann.heard), len(bob.heard)) == (1, 1)
    askers.changed(mine, ["bob"])
    for told in (
        (1, 1),
        (2, 2),
        (2, 2),
    ):  # ann is told with what was bob's: her second is over, and everybody's is
        clock.advance(0.5)
        askers.look()
        assert (len(ann.heard), len(bob.heard)) == told


async def test_a_session_has_so_many_questions_and_forgets_the_oldest(askers: Askers) -> None:
    ear = Ear()
    for number in range(MAX_QUESTIONS):
        askers.asked(ear, DAY, DayParams(str(number)))
    askers.asked(ear, DAY, DayParams("0"))
    askers.asked(ear, DAY, DayParams("one more"))
    assert ear.heard == [("x-shop.day", "1")], "what it hears no longer of, it may ask again"
    for name in ("0", "1", "2", "one more"):
        change(askers, name)
    assert [date for _, date in ear.heard[1:]] == ["0", "2", "one more"]


async def test_it_is_gone_with_the_session_and_leaves_nothing(askers: Askers, clock: ManualClock) -> None:
    ear, other, dead = Ear(), Ear("bob"), Ear("eve")
    dead.ended = True
    for asking in (ear, other, dead):
        askers.asked(asking, DAY, DayParams("mon"))
    change(askers, "mon")
    change(askers, "mon")
    askers.forget(ear)
    askers.forget(ear)
    askers.refused(other, DAY, DayParams("mon"))
    askers.refused(other, DAY, DayParams("mon"))
    clock.advance(1)
    askers.look()
    clock.advance(1)
    askers.look()
    assert (len(ear.heard), len(other.heard), dead.heard) == (1, 1, [])
    assert (askers._questions, askers._of_outlet, askers._quiet) == ({}, {}, [])


async def test_a_question_that_is_dropped_and_asked_again_is_not_told_sooner(
    askers: Askers, clock: ManualClock
) -> None:
    ear = Ear()
    for _ in range(3):
        askers.asked(ear, DAY, DayParams("mon"))
        change(askers, "mon")
        askers.forget(ear)
    assert len(ear.heard) == 1


async def test_many_are_told_in_turns(askers: Askers) -> None:
    ears = [Ear() for _ in range(2 * TOLD_A_TURN + 1)]
    for ear in ears:
        askers.asked(ear, DAY, DayParams("mon"))
    change(askers, "mon")
    assert sum(len(ear.heard) for ear in ears) == TOLD_A_TURN
    ears[-1].ended = True
    for _ in range(3):
        await asyncio.sleep(0)
    assert sum(len(ear.heard) for ear in ears) == 2 * TOLD_A_TURN


# -- through the plugin -----------------------------------------------------------------------------------------------


@pytest.fixture
async def kit():
    async with PluginKit(Shop) as kit:
        for name in ("ann", "bob"):
            await kit.user(name)
        yield kit


async def test_the_push_is_the_question_and_its_answer_tells_the_rest(kit: PluginKit[Shop]) -> None:
    await kit.call(DAY, "bob", DayParams("mon"))
    await kit.call(MINE, "bob", MineParams())
    for number in (1, 2, 3):
        await kit.call(BUY, "ann", BuyParams(new_key(), "mon", number))
    assert kit.pushes("bob") == [("x-shop.day", "mon")]
    assert await kit.call(DAY, "bob", DayParams("mon")) == DayResult((1, 2, 3))
    await kit.advance(1)
    assert kit.pushes("bob") == [("x-shop.day", "mon")]
    await kit.advance(1)
    assert kit.pushes("bob") == []
    assert kit.pushes("ann") == []


async def test_what_was_undone_is_not_told(kit: PluginKit[Shop]) -> None:
    await kit.call(DAY, "bob", DayParams("mon"))
    with pytest.raises(RuntimeError):
        await kit.call(BUY, "ann", BuyParams(new_key(), "mon", 7, "fail"))
    assert kit.pushes("bob") == []


async def test_who_was_refused_hears_nothing(kit: PluginKit[Shop]) -> None:
    with pytest.raises(Refusal):
        await kit.call(DAY, "bob", DayParams("never"))
    await kit.plugin.context.transaction(lambda tx: tx.changed(DAY, DayParams("never")))
    assert kit.pushes("bob") == []


async def test_only_reads_with_hints_and_not_too_many(kit: PluginKit[Shop]) -> None:
    transaction = kit.plugin.context.transaction
    with pytest.raises(PluginError, match="hints"):
        await transaction(lambda tx: tx.changed(ABOUT, AboutParams("group/x", 1)))

    def changes(tx: Transaction) -> None:
        for number in range(513):
            tx.changed(DAY, DayParams(str(number)))

    def again(tx: Transaction) -> None:
        for _ in range(513):
            tx.changed(DAY, DayParams("mon"))

    with pytest.raises(PluginError, match="512 questions"):
        await transaction(changes)
    await transaction(again)  # that is one


async def test_of_a_method_all_questions_are_told_and_no_other_methods(kit: PluginKit[Shop]) -> None:
    for user_id in ("ann", "bob"):
        await kit.call(MINE, user_id, MineParams())
        await kit.call(DAY, user_id, DayParams("mon"))
    await kit.call(DAY, "ann", DayParams("tue"))
    await kit.plugin.context.transaction(lambda tx: tx.changed(DAY, None))
    assert sorted(kit.pushes("ann")) == [("x-shop.day", "mon"), ("x-shop.day", "tue")]
    assert kit.pushes("bob") == [("x-shop.day", "mon")]
    await kit.advance(1)
    await kit.plugin.context.transaction(lambda tx: tx.changed(DAY, None, users=["bob"]))
    assert (kit.pushes("ann"), kit.pushes("bob")) == ([], [("x-shop.day", "mon")])


async def test_a_change_behind_the_snapshot_is_told_before_the_answer_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Server(config(tmp_path), plugins=[Shop()]) as server, await Raw.open(server) as bob:
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name.title()))
        await bob.enter(server, "bob")
        read = server.features.read

        async def late(*asked: Any) -> Any:
            answer = await read(*asked)
            await server.call(BUY, "alice", BuyParams(new_key(), "mon", 1))
            return answer

        monkeypatch.setattr(server.features, "read", late)
        assert (await bob.ask("x-shop.day", "mon")).result == [[]]
        assert await bob.push(1) == [["x-shop.day", "mon"]]


async def test_of_what_is_too_long_nothing_is_remembered(askers: Askers, kit: PluginKit[Shop]) -> None:
    """Sessions that wait to be resumed remember their questions, too, and nobody counts what they weigh."""
    ear, longest = Ear(), DayParams("d" * (MAX_QUESTION_BYTES - 4))
    askers.asked(ear, DAY, longest)
    with pytest.raises(Refusal, match="at most 1024 bytes"):
        askers.asked(ear, DAY, DayParams(longest.date + "d"))
    assert len(askers._questions) == len(askers._of_outlet[ear]) == 1
    with pytest.raises(Refusal, match="at most 1024 bytes"):
        await kit.call(DAY, "ann", DayParams("d" * 2_000))


async def test_over_the_wire(tmp_path: Path) -> None:
    async with (
        Server(config(tmp_path), plugins=[Shop()]) as server,
        await Raw.open(server) as alice,
        await Raw.open(server) as bob,
    ):
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name.title()))
        await alice.enter(server, "alice")
        await bob.enter(server, "bob")
        assert (await bob.ask("x-shop.day", "mon")).result == [[]]
        assert (await bob.ask("x-shop.day", "never")).code == 603
        for number in (1, 2):
            assert (await alice.ask("x-shop.buy", new_key(), "mon", number)).code == 0
        assert await bob.push(2) == [["x-shop.day", "mon"], ["x-shop.day", "mon"]]
        assert (await bob.ask("x-shop.day", "mon")).result == [[1, 2]]
        assert [push for push in alice.pushes if push[0] == "x-shop.day"] == []
        (session,) = server.listener.sessions.of_user("bob")
        server.listener.sessions.end(session, 0.0)
        assert session not in server.askers._of_outlet

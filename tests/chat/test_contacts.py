"""Strangers ask once and bring nobody anywhere; who leaves stays out; and whoever knows somebody is not in the way of that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.permissions import FREE
from imserver.errors import Refusal, RefusalCode
from imserver.model import ConversationRow, Kind, Learnt, Role, User
from imserver.store.engine.contacts import DAY_MS, SMALL_GROUP
from imserver.testing import LogBook, ManualClock
from imserver_protocol.methods.blocks import BLOCK, UNBLOCK, BlockParams
from tests.support.servers import config

FORBIDDEN = RefusalCode.FORBIDDEN
#: Wednesday noon: a day ends in twelve hours.
NOON_MS = 20_000 * DAY_MS + DAY_MS // 2


@asynccontextmanager
async def asking(
    folder: Path, users: str = "ann bob cy dee", clock: ManualClock | None = None, **limits: Any
) -> AsyncIterator[Server]:
    """A server on which strangers ask, with these people and a bot, `shop`."""
    settings = config(folder, limits={"strangers": "ask", **limits})
    async with Server(settings, clock=clock or ManualClock(NOON_MS), log=LogBook()) as server:
        for name in users.split():
            await server.chat.put_user(User(name, name.title()))
        await server.chat.put_user(User("shop", "The Shop", kind="bot"))
        yield server


async def refused(act: Awaitable[Any]) -> Refusal:
    with pytest.raises(Refusal) as raised:
        await act
    return raised.value


def direct(one: str, other: str) -> str:
    return "/".join(["direct", *sorted((one, other))])


async def meet(server: Server, one: str, other: str) -> None:
    """Both write, so they know each other."""
    for name in (one, other):
        await server.chat.post(name, direct(one, other), "hello")


async def together(*acts: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*acts, return_exceptions=True)


# -- requests -------------------------------------------------------------------------------------------------------------


async def test_a_stranger_writes_once_and_then_waits_for_an_answer(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        chat, place = server.chat, direct("ann", "bob")
        await meet(server, "cy", "dee")
        first = await chat.post("ann", place, "hello", key=b"k" * 16)

        again = await refused(chat.post("ann", place, "hello?"))
        assert (again.code, again.detail) == (FORBIDDEN, "request")
        assert again.text == "does not take messages from you"
        assert (await chat.post("ann", place, "hello", key=b"k" * 16))[:2] == first[:2]
        # Those who know each other go on meanwhile.
        assert (await chat.post("cy", direct("cy", "dee"), "and you?")).position == 3

        assert (await chat.post("bob", place, "hello, ann")).position == 2
        assert (await chat.post("ann", place, "how are you?")).position == 3


async def test_two_posts_that_come_together_are_one_request(tmp_path: Path) -> None:
    """They are of one run in the writer: the second is looked at behind the first."""
    async with asking(tmp_path) as server:
        chat, place = server.chat, direct("ann", "bob")
        first, second, other = await together(
            chat.post("ann", place, "1"),
            chat.post("ann", place, "2"),
            chat.post("cy", direct("cy", "dee"), "3"),
        )
        assert (first.position, second.detail, other.position) == (1, "request", 1)
        both = await together(chat.post("bob", place, "yes?"), chat.post("ann", place, "good"))
        assert [one.position for one in both] == [2, 3]


async def test_who_waits_waits_after_a_restart_too(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        await server.chat.post("ann", direct("ann", "bob"), "hello")
    async with asking(tmp_path) as server:
        assert (await refused(server.chat.post("ann", direct("ann", "bob"), "?"))).detail == "request"
        await server.chat.post("bob", direct("ann", "bob"), "yes")
    async with asking(tmp_path) as server:
        await server.chat.post("ann", direct("ann", "bob"), "good")


async def test_an_undone_answer_leaves_the_request_as_it_was(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        place = direct("ann", "bob")
        await server.chat.post("ann", place, "hello")

        def answer_and_fail(tx: Any) -> None:
            tx.post(place, "bob", b"b" * 16, b"\x81\xa4type\xa4text", sent_at=0)
            raise RuntimeError("undone")

        with pytest.raises(RuntimeError):
            await server.store.write(answer_and_fail)
        assert (await refused(server.chat.post("ann", place, "?"))).detail == "request"


async def test_an_answer_in_a_run_that_is_done_again_is_kept(tmp_path: Path) -> None:
    """A post that was stored before has the whole run of its neighbours undone in memory and in rows, and done once more."""
    async with asking(tmp_path) as server:
        chat, place = server.chat, direct("ann", "bob")
        await meet(server, "cy", "dee")
        old = await chat.post("cy", direct("cy", "dee"), "old", key=b"o" * 16)
        await chat.post("ann", place, "hello")
        answer, again = await together(
            chat.post("bob", place, "yes"), chat.post("cy", direct("cy", "dee"), "old", key=b"o" * 16)
        )
        assert (answer.position, again.position, again.duplicate) == (2, old.position, True)
    async with asking(tmp_path) as server:
        assert (await server.chat.post("ann", place, "good")).position == 3


async def test_bots_write_and_are_written_to(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        for number in range(3):
            await server.chat.post("ann", direct("ann", "shop"), f"{number}")
            await server.chat.post("shop", direct("bob", "shop"), f"{number}")


async def test_people_of_a_small_group_are_no_strangers(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        chat = server.chat
        await chat.post("bob", direct("ann", "bob"), "hello")
        await chat.create_conversation("ann", Kind.GROUP, "us", ["bob"])
        # Ann made the group herself, and knows who is in it; Bob was put there.
        await chat.post("ann", direct("ann", "bob"), "hello")
        for _ in range(2):
            await chat.post("bob", direct("ann", "bob"), "more")


async def test_no_cursor_and_no_typing_is_told_before_the_answer(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        chat, place = server.chat, direct("ann", "bob")
        await chat.post("ann", place, "hello")
        told: list[Any] = []
        server.hub.observers.append(told.extend)

        await chat.move_cursors("bob", place, read=1)
        rows, since, _ = await chat.sync("ann", None, 10)
        assert [row.cursors_of for row in rows] == [()]
        assert [set(event.audience) for event in told] == [{"bob"}]
        assert server.hub.audience_of(place) is None, "so typing is nobody's"

        await chat.post("bob", place, "hello")
        rows, _, _ = await chat.sync("ann", since, 10)
        assert [row.cursors_of[0][0] for row in rows] == ["bob"]
        assert server.hub.audience_of(place) is not None
        await chat.move_cursors("bob", place, read=2)
        assert set(told[-1].audience) == {"ann", "bob"}


async def rows_told(server: Server, user_id: str, place: str) -> list[ConversationRow]:
    """The row of a conversation by each read that has one with cursors."""
    rows, since, _ = await server.chat.sync(user_id, None, 10)
    [found], _ = await server.chat.check(user_id, [Learnt(place, since, 1, 0)])
    assert found is not None
    return [found.row, *(row for row in rows if row.conversation_id == place)]


@pytest.mark.parametrize("in_a_team", [False, True])
async def test_no_read_tells_the_cursors_of_who_has_not_answered_or_blocks(
    tmp_path: Path, in_a_team: bool
) -> None:
    """Nor does it help to be in a team, of which anybody may make one."""
    async with asking(tmp_path) as server:
        chat, place = server.chat, direct("ann", "bob")
        if in_a_team:
            for name in ("ann", "bob"):
                team, _, _ = await chat.create_conversation(name, Kind.GROUP, "team", [])
                await chat.create_conversation(name, Kind.GROUP, "", [], team=team)
        await meet(server, "ann", "cy")
        await chat.move_cursors("cy", direct("ann", "cy"), read=1)

        async def told() -> list[dict[str, Any]]:
            return [
                {
                    other: seen.read
                    for row in await rows_told(server, name, place)
                    for other, seen in row.cursors_of
                }
                for name in ("ann", "bob")
            ]

        await chat.post("ann", place, "hello")
        for name in ("ann", "bob"):
            await chat.move_cursors(name, place, read=1)
        assert await told() == [{}, {}]
        await chat.post("bob", place, "hello")
        assert await told() == [{"bob": 1}, {"ann": 1}]
        await server.features.call(BLOCK, "bob", BlockParams("ann"))
        assert await told() == [{}, {}]
        for row in await rows_told(server, "ann", direct("ann", "cy")):
            assert [(other, seen.read) for other, seen in row.cursors_of] == [("cy", 1)]
        await server.features.call(UNBLOCK, "bob", BlockParams("ann"))
        assert await told() == [{"bob": 1}, {"ann": 1}]


# -- who may add whom -----------------------------------------------------------------------------------------------------


async def test_a_stranger_is_put_nowhere(tmp_path: Path) -> None:
    """Ten groups a second with somebody who never heard of one: all are refused, and the honest neighbour makes hers."""
    async with asking(tmp_path) as server:
        chat = server.chat
        await chat.post("ann", direct("ann", "bob"), "that I wrote to him makes him no acquaintance")
        await meet(server, "cy", "dee")
        for kind in (Kind.GROUP, Kind.CHANNEL):
            for _ in range(10):
                no = await refused(chat.create_conversation("ann", kind, "spam", ["bob"]))
                assert (no.code, no.detail) == (FORBIDDEN, {"contact": "bob"})
        made, _, _ = await chat.create_conversation("ann", Kind.GROUP, "alone", [])
        no = await refused(chat.add_member("ann", made, "bob"))
        assert (no.code, no.detail) == (FORBIDDEN, {"contact": "bob"})
        assert [row.conversation_id for row in (await chat.sync("bob", None, 10))[0]] == [
            direct("ann", "bob")
        ]

        await chat.create_conversation("cy", Kind.GROUP, "ours", ["dee"])


async def test_who_wrote_to_me_may_be_added_by_me(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        chat = server.chat
        await chat.post("bob", direct("ann", "bob"), "take me with you")
        made, _, _ = await chat.create_conversation("ann", Kind.GROUP, "us", ["bob"])
        assert {one.user_id for one in await chat.members("bob", made)} == {"ann", "bob"}


async def test_who_is_in_a_small_group_by_his_own_act_may_be_added(tmp_path: Path) -> None:
    names = [f"m{number}" for number in range(SMALL_GROUP)]
    async with asking(tmp_path, f"ann bob {' '.join(names)}") as server:
        chat = server.chat
        for name in names:
            await chat.post(name, direct("ann", name), "hello")
        made, _, _ = await chat.create_conversation("ann", Kind.GROUP, "all", names[:-1])
        # Of those whom Ann has brought, only she is here by her own act.
        await chat.create_conversation("m0", Kind.GROUP, "mine", ["ann"])
        assert (await refused(chat.create_conversation("m0", Kind.GROUP, "x", ["m1"]))).detail == {
            "contact": "m1"
        }
        # With one more it is no small group.
        await chat.add_member("ann", made, names[-1])
        assert (await refused(chat.create_conversation("m2", Kind.GROUP, "x", ["ann"]))).detail == {
            "contact": "ann"
        }


async def test_who_left_stays_out_for_a_day(tmp_path: Path) -> None:
    clock = ManualClock(NOON_MS)
    async with asking(tmp_path, clock=clock) as server:
        chat = server.chat
        await meet(server, "ann", "bob")
        await meet(server, "ann", "cy")
        made, _, _ = await chat.create_conversation("ann", Kind.GROUP, "us", ["bob", "cy"])
        await chat.remove_member("bob", made, "bob")
        await chat.remove_member("ann", made, "cy")

        no = await refused(chat.add_member("ann", made, "bob"))
        assert (no.code, no.detail) == (FORBIDDEN, {"contact": "bob"})
        await chat.add_member("ann", made, "cy")  # who was removed may be brought back
        await server.store.write(
            lambda tx: tx.add_member(made, "ann", b"t" * 16, "bob", Role.MEMBER, own_act=True)
        )
        await chat.remove_member("bob", made, "bob")
        clock.advance(DAY_MS / 1000 - 1)
        await refused(chat.add_member("ann", made, "bob"))
        clock.advance(1)
        await chat.add_member("ann", made, "bob")


async def test_who_asked_for_a_new_group_wants_it_and_who_was_brought_along_does_not(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        made, _, _ = await server.store.write(
            methodcaller(
                "create_conversation",
                *("ann", b"c" * 16, Kind.GROUP, "us", dict.fromkeys(("bob", "dee"), Role.MEMBER)),
                vouches=lambda name: True,
                own_act=["dee"],
            )
        )
        await server.chat.remove_member("ann", made, "ann")
        roles = {one.user_id: one.role for one in await server.chat.members("bob", made)}
        assert roles == {"bob": Role.MEMBER, "dee": Role.OWNER}


async def test_who_came_back_and_was_put_out_did_not_leave(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        chat = server.chat
        await meet(server, "ann", "bob")
        made, _, _ = await chat.create_conversation("ann", Kind.GROUP, "us", ["bob"])
        await chat.remove_member("bob", made, "bob")
        back = methodcaller("add_member", made, "ann", b"t" * 16, "bob", Role.MEMBER, own_act=True)
        await server.store.write(back)
        await chat.remove_member("ann", made, "bob")
        await chat.add_member("ann", made, "bob")


async def test_who_is_brought_back_is_not_there_by_an_act_of_before(tmp_path: Path) -> None:
    """Dee asked to be in, left, and was brought by Ann a day later: she wants the group no more than Bob, an admin."""
    clock = ManualClock(NOON_MS)
    async with asking(tmp_path, clock=clock) as server:
        chat = server.chat
        for name in ("bob", "dee"):
            await meet(server, "ann", name)
        made, _, _ = await chat.create_conversation("ann", Kind.GROUP, "us", ["bob"])
        await chat.add_member("ann", made, "bob", Role.ADMIN)
        asked = methodcaller("add_member", made, "ann", b"d" * 16, "dee", Role.MEMBER, own_act=True)
        await server.store.write(asked)
        await chat.remove_member("dee", made, "dee")
        clock.advance(DAY_MS / 1000)
        await chat.add_member("ann", made, "dee")
        await chat.remove_member("ann", made, "ann")
        roles = {one.user_id: one.role for one in await chat.members("bob", made)}
        assert roles == {"bob": Role.OWNER, "dee": Role.MEMBER}


async def test_who_left_the_small_group_and_who_is_in_a_channel_is_a_stranger(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        chat = server.chat
        await chat.post("ann", direct("ann", "bob"), "take me with you")
        await chat.create_conversation("bob", Kind.CHANNEL, "news", ["ann"])
        no = await refused(chat.create_conversation("ann", Kind.GROUP, "x", ["bob"]))
        assert no.detail == {"contact": "bob"}
        made, _, _ = await chat.create_conversation("bob", Kind.GROUP, "us", ["ann"])
        await chat.create_conversation("ann", Kind.GROUP, "x", ["bob"])
        await chat.remove_member("bob", made, "bob")
        no = await refused(chat.create_conversation("ann", Kind.GROUP, "y", ["bob"]))
        assert no.detail == {"contact": "bob"}


async def test_a_bot_vouches_for_the_groups_that_it_runs_and_for_no_other(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        chat = server.chat
        await meet(server, "ann", "bob")
        await chat.create_conversation("ann", Kind.GROUP, "us", ["bob", "shop"])

        async def belongs(name: str) -> bool:
            return bool(await server.store.write(lambda tx: tx.belongs_to(name, {"shop"})))

        assert not await belongs("bob")
        run, _, _ = await chat.create_conversation("shop", Kind.GROUP, "staff", [])
        await server.store.write(
            methodcaller(
                "add_member",
                run,
                "shop",
                b"b" * 16,
                "bob",
                Role.MEMBER,
                own_act=True,
                vouches=lambda name: True,
            )
        )
        assert (await belongs("bob"), await belongs("ann")) == (True, False)
        await chat.remove_member("bob", run, "bob")
        assert not await belongs("bob")


async def test_a_group_goes_to_who_wants_it(tmp_path: Path) -> None:
    """Dee asked to be in; Bob, an admin for longer, was brought. Without Dee it is Bob: somebody has to run it."""
    async with asking(tmp_path) as server:
        chat = server.chat
        for name in ("bob", "cy", "dee"):
            await meet(server, "ann", name)
        for willing in (True, False):
            made, _, _ = await chat.create_conversation("ann", Kind.GROUP, "us", ["bob", "cy"])
            await chat.add_member("ann", made, "bob", Role.ADMIN)
            add = methodcaller("add_member", made, "ann", b"d" * 16, "dee", Role.MEMBER, own_act=willing)
            await server.store.write(add)
            await chat.remove_member("ann", made, "ann")
            members = {one.user_id: one.role for one in await chat.members("bob", made)}
            assert [name for name, role in members.items() if role is Role.OWNER] == [
                "dee" if willing else "bob"
            ]


# -- limits ---------------------------------------------------------------------------------------------------------------


async def test_one_person_brings_so_many_a_day(tmp_path: Path) -> None:
    clock = ManualClock(NOON_MS)
    async with asking(tmp_path, clock=clock, invitations_per_day=2) as server:
        chat = server.chat
        for name in ("bob", "cy", "dee"):
            await meet(server, "ann", name)
        await meet(server, "bob", "cy")
        too_many = await refused(chat.create_conversation("ann", Kind.GROUP, "us", ["bob", "cy", "dee"]))
        assert (too_many.code, too_many.detail) == (RefusalCode.TOO_LARGE, 2)
        made, _, _ = await chat.create_conversation("ann", Kind.GROUP, "us", ["bob", "cy"])
        no = await refused(chat.add_member("ann", made, "dee"))
        assert (no.code, no.retry_after_ms) == (RefusalCode.RATE_LIMITED, DAY_MS // 2)
        assert no.detail == {
            "quota": "invitations_per_day",
            "used": 2,
            "limit": 2,
            "left": 0,
            "back_at": NOON_MS + DAY_MS // 2,
        }
        await chat.add_member("ann", made, "shop")  # a bot is no person
        await chat.create_conversation("bob", Kind.GROUP, "honest", ["cy"])
    async with asking(tmp_path, clock=clock, invitations_per_day=2) as server:
        await refused(server.chat.add_member("ann", made, "dee"))
        clock.advance(DAY_MS / 2000)
        await server.chat.add_member("ann", made, "dee")


async def test_those_whom_one_brings_one_by_one_are_counted_together(tmp_path: Path) -> None:
    async with asking(tmp_path, invitations_per_day=2) as server:
        for name in ("bob", "cy", "dee"):
            await meet(server, "ann", name)
        made, _, _ = await server.chat.create_conversation("ann", Kind.GROUP, "us", ["bob"])
        await server.chat.add_member("ann", made, "cy")
        no = await refused(server.chat.add_member("ann", made, "dee"))
        assert (no.code, no.detail["used"]) == (RefusalCode.RATE_LIMITED, 2)


async def test_one_is_in_so_many_conversations(tmp_path: Path) -> None:
    async with asking(tmp_path, max_conversations_per_user=3) as server:
        chat = server.chat
        await meet(server, "ann", "bob")
        made, _, _ = await chat.create_conversation("ann", Kind.GROUP, "1", [])
        await chat.create_conversation("ann", Kind.GROUP, "2", [])
        await chat.remove_member("ann", made, "ann")
        for act in (
            chat.create_conversation("ann", Kind.GROUP, "3", []),
            chat.post("ann", direct("ann", "cy"), "hello"),
        ):
            no = await refused(act)
            assert (no.code, no.detail) == (RefusalCode.TOO_LARGE, 3)
        # Nobody fills another's list: what he is asked counts with who asks.
        await chat.post("ann", direct("ann", "bob"), "still here")
        await chat.post("dee", direct("ann", "dee"), "hello")
        no = await refused(chat.create_conversation("bob", Kind.GROUP, "us", ["ann"]))
        assert (no.code, no.detail) == (FORBIDDEN, {"contact": "ann"})
        for number in range(5):  # a bot is in as many as there are customers
            await server.chat.create_conversation("shop", Kind.GROUP, f"{number}", [])


# -- blocks ---------------------------------------------------------------------------------------------------------------


async def test_a_block_keeps_both_apart_and_says_so(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        chat, place, call = server.chat, direct("ann", "bob"), server.features.call
        await meet(server, "ann", "bob")
        await meet(server, "ann", "cy")
        made, _, _ = await chat.create_conversation("ann", Kind.GROUP, "us", ["bob"])
        stands = await call(BLOCK, "bob", BlockParams("ann"))
        assert (stands.user_id, stands.blocked) == ("ann", True)

        no = await refused(chat.post("ann", place, "hello"))
        assert (no.code, no.detail, no.text) == (FORBIDDEN, "peer", "does not take messages from you")
        own = await refused(chat.post("bob", place, "and another thing"))
        assert (own.code, own.detail) == (FORBIDDEN, "blocked")
        assert server.hub.audience_of(place) is None, "nobody hears the other typing"
        assert (await refused(chat.create_conversation("ann", Kind.GROUP, "x", ["bob"]))).detail == {
            "contact": "bob"
        }
        # The same acts of others, and in groups, go on.
        await chat.post("ann", direct("ann", "cy"), "hello")
        await chat.post("ann", made, "hello, bob")
        assert (await chat.history("ann", place)).items

        assert (await call(UNBLOCK, "bob", BlockParams("ann"))).blocked is False
        await chat.post("ann", place, "hello")
        assert server.hub.audience_of(place) is not None


async def test_of_two_who_block_each_other_each_takes_back_their_own(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        chat, place, call = server.chat, direct("ann", "bob"), server.features.call
        await meet(server, "ann", "bob")
        await call(BLOCK, "bob", BlockParams("ann"))
        await call(BLOCK, "ann", BlockParams("bob"))
        await call(UNBLOCK, "bob", BlockParams("ann"))
        assert (await refused(chat.post("bob", place, "x"))).detail == "peer"
        assert (await refused(chat.post("ann", place, "x"))).detail == "blocked"
        await call(UNBLOCK, "ann", BlockParams("bob"))
        for name in ("ann", "bob"):
            await chat.post(name, place, "hello again")


async def test_receipts_end_with_a_block_and_come_back_behind_it(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        chat, place, call = server.chat, direct("ann", "bob"), server.features.call
        await meet(server, "ann", "bob")
        await call(BLOCK, "bob", BlockParams("ann"))
        told: list[Any] = []
        server.hub.observers.append(told.extend)
        for name in ("ann", "bob"):
            await chat.move_cursors(name, place, read=2)
            assert set(told[-1].audience) == {name}
            rows, _, _ = await chat.sync(name, None, 10)
            assert [row.cursors_of for row in rows] == [()]
        await call(UNBLOCK, "bob", BlockParams("ann"))
        rows, _, _ = await chat.sync("ann", None, 10)
        assert rows[0].cursors_of[0][1].read == 2


async def test_who_checks_and_who_is_in_a_team_hear_as_little_of_cursors(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        chat, place, call = server.chat, direct("ann", "bob"), server.features.call

        async def told_to_ann() -> list[int]:
            rows, since, _ = await chat.sync("ann", None, 10)
            [row] = [row for row in rows if row.conversation_id == place]
            [checked], _ = await chat.check("ann", [Learnt(place, since, 1, 0)])
            assert checked is not None
            assert checked.row.cursors_of == row.cursors_of
            return [cursors.read for _, cursors in row.cursors_of]

        async def in_a_team() -> None:
            team, _, _ = await chat.create_conversation("ann", Kind.GROUP, "team", [])
            await chat.create_conversation("ann", Kind.GROUP, "service", [], team=team)

        await chat.post("ann", place, "hello")
        for come in (None, in_a_team):
            if come is not None:
                await come()
            await chat.move_cursors("bob", place, read=1)
            assert await told_to_ann() == []
        await chat.post("bob", place, "hello")
        assert await told_to_ann() == [1]
        await call(BLOCK, "bob", BlockParams("ann"))
        assert await told_to_ann() == []
        await call(BLOCK, "cy", BlockParams("dee"))
        await call(UNBLOCK, "bob", BlockParams("ann"))
        assert await told_to_ann() == [1]


async def test_a_block_holds_before_the_first_post_and_after_a_restart(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        await server.features.call(BLOCK, "bob", BlockParams("ann"))
    async with asking(tmp_path) as server:
        for _ in range(2):
            assert (await refused(server.chat.post("ann", direct("ann", "bob"), "x"))).detail == "peer"
        await meet(server, "bob", "cy")
        await server.features.call(BLOCK, "bob", BlockParams("cy"))
    async with asking(tmp_path) as server:
        assert (await refused(server.chat.post("cy", direct("bob", "cy"), "x"))).detail == "peer"


async def test_an_undone_block_blocks_nobody(tmp_path: Path) -> None:
    async with asking(tmp_path) as server:
        await meet(server, "ann", "bob")

        def block_and_fail(tx: Any) -> None:
            tx.set_block("bob", "ann", True)
            raise RuntimeError("undone")

        with pytest.raises(RuntimeError):
            await server.store.write(block_and_fail)
        for name in ("ann", "bob"):
            seat = await server.store.write(methodcaller("seat", direct("ann", "bob"), name))
            assert seat.bars == FREE
        await server.chat.post("ann", direct("ann", "bob"), "hello")


# -- names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["The Shop", "the shop", "TheShop", "Ｔｈｅ Ｓｈｏｐ", "The\u200dShop", "The Shop\ufe0f"]
)
async def test_nobody_else_is_called_what_a_bot_is_called(tmp_path: Path, name: str) -> None:
    async with asking(tmp_path) as server:
        chat = server.chat
        no = await refused(chat.put_user(User("eve", name)))
        assert (no.code, no.detail) == (RefusalCode.INVALID, "display_name")
        no = await refused(chat.create_conversation("ann", Kind.GROUP, name, []))
        assert (no.code, no.detail) == (RefusalCode.INVALID, "title")
        await chat.create_conversation("shop", Kind.GROUP, name, [])
        await chat.create_conversation("ann", Kind.GROUP, "The Shopping", [])
        await chat.put_user(User("ann", "Ann 🏳️‍🌈"))
        no = await refused(chat.put_user(User("ann", name)))
        assert no.detail == "display_name", "nor is who has had another name"
        await chat.put_user(User("shop", "The Boutique", kind="bot"))
        await chat.put_user(User("eve", name))

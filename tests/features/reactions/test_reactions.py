"""Reactions are put once, shown, paged and removed, go with their message and their person, and agree with what is shown."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from imserver.cli.chat.reactions import ReactionsLook
from imserver.config import LimitsConfig
from imserver.config.rules import AROUND_ANSWER_BYTES, largest_answer_bytes
from imserver.errors import Refusal, RefusalCode
from imserver.feature_api import MOST_ITEMS
from imserver.features.reactions import rules
from imserver.model import Kind
from imserver_client import direct_conversation_id
from imserver_client.features.reactions import Reactor
from tests.cli.people import chatting
from tests.support.servers import people, running

from .homes import HERE, USERS, found_by_checks, group_of, mine, people_of, react, refused, seen

MANY = [chr(0x1F600 + number) for number in range(rules.MAX_KINDS + 1)]


async def test_once_more_changes_nothing_and_one_person_may_put_several(tmp_path: Path) -> None:
    async with running(tmp_path, USERS) as server:
        group = await group_of(server, "bob", "cy")
        for _ in range(2):
            stands = await react(server, "bob", group, "👍")
            assert (stands.modseq, mine(stands.mine)) == (1, ["👍"])
            assert seen(stands.extra) == ({"👍": [1, "bob"]}, 1)
        await react(server, "cy", group, "👍")
        stands = await react(server, "bob", group, "🎉")
        assert seen(stands.extra) == ({"👍": [2, "bob", "cy"], "🎉": [1, "bob"]}, 2)
        assert mine(stands.mine) == ["🎉", "👍"]
        for _ in range(2):
            stands = await react(server, "bob", group, "👍", on=False)
            assert (stands.modseq, mine(stands.mine)) == (4, ["🎉"])
        assert seen(stands.extra) == ({"🎉": [1, "bob"], "👍": [1, "cy"]}, 2)
        await react(server, "bob", group, "🎉", on=False)
        stands = await react(server, "cy", group, "👍", on=False)
        assert (stands.modseq, stands.extra, stands.mine) == (6, {}, {})
        assert await found_by_checks(server) == ([], {"reactions: rows": 0, "reactions: state": 0})


async def test_who_may_and_what_is_none(tmp_path: Path) -> None:
    async with running(tmp_path, USERS) as server:
        group = await group_of(server, "bob")
        assert await refused(server, "eve", group, "👍") == (RefusalCode.NOT_FOUND, None)
        assert await refused(server, "bob", group, "👍", 9) == (RefusalCode.NOT_FOUND, None)
        assert await refused(server, "bob", group, "great") == (RefusalCode.INVALID, "emoji")
        stands = await react(server, "bob", group, "great", on=False)
        assert (stands.modseq, stands.extra) == (0, {}), "removing what was not put is done"
        await server.store.write(lambda tx: tx.replace_content(group, HERE, None))
        for on in (True, False):
            assert await refused(server, "bob", group, "👍", on=on) == (RefusalCode.GONE, None)


async def test_there_is_room_for_so_many_and_a_repeat_needs_none(tmp_path: Path) -> None:
    async with running(tmp_path, USERS) as server:
        group = await group_of(server, "bob", "cy")
        for emoji in MANY[: rules.MAX_OWN]:
            await react(server, "ann", group, emoji)
        assert await refused(server, "ann", group, MANY[-1]) == (RefusalCode.TOO_LARGE, "own")
        for emoji in MANY[rules.MAX_OWN : rules.MAX_KINDS]:
            await react(server, "bob", group, emoji)
        assert await refused(server, "cy", group, MANY[-1]) == (RefusalCode.TOO_LARGE, "kinds")
        await react(server, "ann", group, MANY[0])
        stands = await react(server, "cy", group, MANY[0])
        assert stands.extra["reactions"][1] == rules.MAX_KINDS
        await react(server, "bob", group, MANY[rules.MAX_OWN], on=False)
        await react(server, "cy", group, MANY[-1])
        assert (await found_by_checks(server))[0] == []


async def test_who_reacted_is_paged_all_or_of_one(tmp_path: Path) -> None:
    async with running(tmp_path, USERS) as server:
        group = await group_of(server, "bob", "cy")
        for name, some in (("cy", "👍"), ("ann", "👀👍"), ("bob", "🎉")):
            for emoji in some:
                await react(server, name, group, emoji)
        everybody = [["ann", "👀", "👍"], ["bob", "🎉"], ["cy", "👍"]]
        assert await people_of(server, "bob", group) == (everybody, None)
        assert await people_of(server, "bob", group, None, None, 2) == (everybody[:2], "bob")
        assert await people_of(server, "bob", group, None, "bob", 2) == (everybody[2:], None)
        assert await people_of(server, "bob", group, None, None, 3) == (everybody, None)
        assert await people_of(server, "bob", group, "👍") == ([["ann", "👍"], ["cy", "👍"]], None)
        assert await people_of(server, "bob", group, "👍", None, 1) == ([["ann", "👍"]], "ann")
        assert await people_of(server, "bob", group, "👍", "ann", 1) == ([["cy", "👍"]], None)
        assert await people_of(server, "bob", group, "🙈") == ([], None)
        await react(server, "bob", group, "🎉", on=False)
        assert await people_of(server, "bob", group, None, "bob", 2) == (everybody[2:], None), (
            "gone meanwhile"
        )
        with pytest.raises(Refusal) as told:
            await people_of(server, "bob", group, None, None, 0)
        assert told.value.code is RefusalCode.INVALID
        with pytest.raises(Refusal) as told:
            await people_of(server, "eve", group)
        assert told.value.code is RefusalCode.NOT_FOUND


async def test_pages_fit_into_the_smallest_frame(tmp_path: Path) -> None:
    """Names and emoji as long as they may be: an answer above half a frame is none."""
    smallest = largest_answer_bytes(LimitsConfig(max_content_bytes=1))
    assert smallest // 2 >= rules.MAX_PAGE_BYTES + AROUND_ANSWER_BYTES
    long = [f"{number:02}-{'x' * 61}" for number in range(50)]
    kinds = ["\u200d".join(("👩" * 6) + chr(0x1F600 + number)) for number in range(rules.MAX_OWN)]
    limits = {"max_frame_bytes": smallest, "max_content_bytes": 1_000}
    async with running(tmp_path, " ".join(long), limits=limits) as server, people(server) as enter:
        group, _, _ = await server.chat.create_conversation(long[0], Kind.GROUP, "g", long[1:])
        await server.chat.post(long[0], group, "lunch?")
        for name in long:
            await asyncio.gather(*(react(server, name, group, emoji) for emoji in kinds))
        client = await enter(long[0], device="phone")
        found: list[Reactor] = []
        after, pages = None, 0
        while pages == 0 or after is not None:
            page, after = await client.reactions.people(group, HERE, after=after, limit=200)
            found, pages = found + page, pages + 1
        assert [one.user_id for one in found] == long
        assert all(one.emoji == tuple(sorted(kinds)) for one in found)
        assert pages == 2
        await client.history(group)
        shown = client.reactions.of(group, HERE)
        assert shown.kinds == len(kinds) == len(shown.shown)
        assert all(one.count == 50 and not one.user_ids for one in shown.shown)
        assert (await found_by_checks(server))[0] == []


async def test_they_go_with_their_message_and_with_their_person(tmp_path: Path) -> None:
    last = 2 * MOST_ITEMS + 5
    async with running(tmp_path, USERS) as server:
        group = await group_of(server, "bob")
        for position in range(3, last):
            await server.chat.post("ann", group, str(position))
            await react(server, "bob", group, "👍", position)
        for emoji in "🎉👍":
            await react(server, "ann", group, emoji, 3)
            await react(server, "bob", group, emoji, 3)
        await server.store.write(lambda tx: tx.replace_content(group, 4, None))
        put = (await server.features.export("bob"))["reactions"]["put"]
        assert [one[:3] for one in put] == [
            [group, 3, "🎉"], [group, 3, "👍"], *([group, position, "👍"] for position in range(5, last)),
        ]  # fmt: skip
        assert all(when > 1_600_000_000_000 for *_, when in put)
        await server.features.erase("bob")
        assert (await server.features.export("bob"))["reactions"] == {"put": []}
        stands = await react(server, "ann", group, "🎉", 3)
        assert seen(stands.extra) == ({"🎉": [1, "ann"], "👍": [1, "ann"]}, 2)
        assert await found_by_checks(server) == ([], {"reactions: rows": 1, "reactions: state": 2})


async def test_an_edit_leaves_them(tmp_path: Path) -> None:
    async with running(tmp_path, USERS) as server:
        group = await group_of(server, "bob")
        await react(server, "bob", group, "👍")
        content = (await server.chat.history("ann", group)).items[0].content
        await server.store.write(lambda tx: tx.replace_content(group, HERE, content))
        assert (await people_of(server, "ann", group))[0] == [["bob", "👍"]]


#: What somebody breaks, and what is found.
BROKEN = {
    "DELETE FROM reactions_put": {
        "1 kinds are counted, and 0 were put",
        "1.2 shows ((('👍', 1, ('bob',)),), 1) instead of ((('👍', 1, ()),), 1)",
        "1.2 shows user 2 ('👍',) instead of None",
        "1 messages and 1 people show some, and 1 and 0 have some",
    },
    "UPDATE reactions_kinds SET people = 2": {
        "1.2 counts {'👍': 2}, and {'👍': 1} were put",
        "1.2 shows ((('👍', 1, ('bob',)),), 1) instead of ((('👍', 2, ('bob',)),), 1)",
    },
    "INSERT INTO reactions_put VALUES (1, 1, 2, '🎉', 1)": {
        "1.1 counts {}, and {'🎉': 1} were put",
        "1 kinds are counted, and 2 were put",
        "1 messages and 1 people show some, and 1 and 2 have some",
    },
    "UPDATE messages SET content = NULL WHERE position = 2": {"1.2 was taken back, and has some"},
    "DELETE FROM item_values WHERE user_no = 2": {"1 messages and 0 people show some, and 1 and 1 have some"},
    "DELETE FROM item_values": {"0 messages and 0 people show some, and 1 and 1 have some"},
}


@pytest.mark.parametrize("statement", BROKEN)
async def test_a_check_finds_what_disagrees(tmp_path: Path, statement: str) -> None:
    async with running(tmp_path, USERS) as server:
        group = await group_of(server, "bob")
        await react(server, "bob", group, "👍")
        path = Path(server.config.store.path)
    assert await found_by_checks(path) == ([], {"reactions: rows": 1, "reactions: state": 2})
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(statement)
    findings, _ = await found_by_checks(path)
    assert {*findings} == BROKEN[statement]


async def test_one_who_left_sees_what_stood_then_and_nobodys_name(tmp_path: Path) -> None:
    async with running(tmp_path, USERS) as server, people(server) as enter:
        group = await group_of(server, "bob", "cy")
        await server.chat.post("ann", group, "again?")
        bob = await enter("bob")
        await react(server, "bob", group, "👍")
        await react(server, "cy", group, "👍", HERE + 1)
        await server.chat.remove_member("ann", group, "bob")
        await react(server, "cy", group, "🎉", HERE + 1)
        assert await refused(server, "bob", group, "🎉") == (RefusalCode.NOT_FOUND, None)
        page = await bob.history(group)
        state = {item.position: (*seen(item.extra), mine(item.mine)) for item in page.items}
        assert state[HERE] == ({"👍": [1, "bob"]}, 1, ["👍"])
        assert state[HERE + 1] == ({}, 0, []), "it changed later"
        with pytest.raises(Refusal) as told:
            await people_of(server, "bob", group)
        assert told.value.code is RefusalCode.NOT_FOUND, "rows are as of now"
        assert (await people_of(server, "cy", group))[0] == [["bob", "👍"]], "those of who left stay"


async def test_the_chat_shows_them_below_the_message(tmp_path: Path) -> None:
    async with (
        running(tmp_path, USERS) as server,
        people(server) as enter,
        chatting(await enter("ann"), "bob") as ann,
        chatting(await enter("bob"), "ann") as bob,
    ):
        await ann.type("/react 👍")
        await ann.says("there is nothing to react to")
        await ann.type("lunch at noon?")
        await bob.says("lunch at noon?")
        await bob.type("/react 👍")
        await ann.says("👍 1")
        await bob.says("[👍 1]")
        await asyncio.gather(ann.type("/react 🎉 1"), bob.says("🎉 1  [👍 1]"))
        await ann.type("/react 1 👍")
        await bob.says("[👍 2]  🎉 1")
        await bob.type("/react 👍")
        await ann.says("[🎉 1]  [👍 1]")
        await bob.says("🎉 1  👍 1")
        await bob.type("/react")
        await bob.says("1: Ann 🎉 👍")
        await bob.type("/react great")
        await bob.says("one emoji")
        await bob.type("/react 👍 1 and more")
        await bob.says("usage: /react EMOJI [N]")


async def test_where_there_are_more_than_are_shown_one_is_told(tmp_path: Path) -> None:
    here = direct_conversation_id("ann", "bob")
    kinds = ["\u200d".join(("👩" * 6) + chr(0x1F600 + number)) for number in range(rules.MAX_KINDS)]
    async with running(tmp_path, USERS) as server, people(server) as enter:
        await server.chat.post("ann", here, "lunch?")
        for number, emoji in enumerate(kinds):
            await react(server, ("ann", "bob")[number % 2], here, emoji, 1)
        ann = await enter("ann")
        await ann.history(here)
        seen = ann.reactions.of(here, 1)
        assert 0 < len(seen.shown) < seen.kinds == rules.MAX_KINDS
        assert all(one.count == 1 and one.user_ids == () for one in seen.shown)
        assert len(ann.reactions.mine(here, 1)) == rules.MAX_OWN
        marks = ReactionsLook(ann).marks([[["👍", 1, []]], 9], None)  # type: ignore[arg-type]
        assert marks == "👍 1  …"

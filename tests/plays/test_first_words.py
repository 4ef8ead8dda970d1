"""Plays over real TCP: people receive each other's messages, edits and receipts, on every device."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from imserver_client import CursorMoved, Refused, direct_conversation_id
from tests.support.servers import Inbox, people, running

AB = direct_conversation_id("alice", "bob")


async def test_what_one_says_the_other_hears_once_and_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as server, people(server) as enter:
        alice, bob = await enter("alice"), await enter("bob")
        heard = Inbox(bob)
        said = [await alice.post(AB, f"line {number}") for number in range(20)]
        await heard.until(20)
        assert [m.position for m in heard.messages] == [p.position for p in said] == list(range(1, 21))
        assert heard.texts == [f"line {number}" for number in range(20)]
        await heard.close()


async def test_every_device_of_both_gets_everything(tmp_path: Path) -> None:
    async with running(tmp_path) as server, people(server) as enter:
        phone, desk, bob = (
            await enter("alice", device="phone"),
            await enter("alice", device="desk"),
            await enter("bob"),
        )
        boxes = [Inbox(client) for client in (phone, desk, bob)]
        await phone.post(AB, "from the phone")
        await bob.post(AB, "from bob")
        await desk.post(AB, "from the desk")
        for box in boxes:
            await box.until(3)
            assert box.texts == ["from the phone", "from bob", "from the desk"]
            await box.close()


async def test_who_was_away_reads_what_was_said(tmp_path: Path) -> None:
    async with running(tmp_path) as server, people(server) as enter:
        alice = await enter("alice")
        for number in range(300):
            await alice.post(AB, f"{number}")
        bob = await enter("bob")
        seen: list[str] = []
        page = await bob.history(AB, limit=200)
        while page.items:
            seen = [str((item.content or {}).get("text")) for item in page.items] + seen
            page = await bob.history(AB, before=page.first, limit=200)
        assert seen == [str(number) for number in range(300)]


async def test_a_stranger_learns_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, users="alice bob eve") as server, people(server) as enter:
        alice, eve = await enter("alice"), await enter("eve")
        await alice.post(AB, "secret")
        refusals = []
        for attempt in (
            lambda: eve.history(AB),
            lambda: eve.post(AB, "let me in"),
            lambda: eve.history("direct/alice/nobody"),
            lambda: eve.members(AB),
            lambda: eve.cursor(AB, read=1),
        ):
            with pytest.raises(Refused) as refused:
                await attempt()
            refusals.append((refused.value.code, refused.value.text))
        assert {code for code, _ in refusals} == {603}


async def test_a_group_tells_of_its_members_and_who_is_removed_hears_that_and_nothing_after(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, users="alice bob carol") as server, people(server) as enter:
        alice, bob, carol = await enter("alice"), await enter("bob"), await enter("carol")
        heard, heard_late = Inbox(bob), Inbox(carol)
        group = await alice.create_group("Lunch", ["bob"])
        await alice.post(group, "hello")
        await alice.add_member(group, "carol")
        await alice.post(group, "welcome carol")
        await alice.remove_member(group, "bob")
        await alice.post(group, "bob is gone")
        await heard_late.text("bob is gone")
        await heard.until(5)
        events = [(m.content or {}).get("event") for m in heard.messages]
        assert events == ["created", None, "added", None, "removed"]
        assert "bob is gone" not in heard.texts
        with pytest.raises(Refused):
            await bob.post(group, "am I still here?")
        page = await bob.history(group)
        assert page.items[-1].position == 5, "a former member reads up to the removal"
        await heard.close()
        await heard_late.close()


async def test_an_edit_reaches_who_is_there_and_who_comes_later(tmp_path: Path) -> None:
    async with running(tmp_path) as server, people(server) as enter:
        alice, bob = await enter("alice"), await enter("bob")
        heard = Inbox(bob)
        posted = await alice.post(AB, "see you at 3")
        edit = await alice.edits.edit(AB, posted.position, "see you at 4")
        assert edit.revision == 2
        told = (await heard.until(2))[1]
        assert told.content is not None
        assert (told.content["event"], told.content["target"], told.content["revision"]) == ("edited", 1, 2)
        page = await bob.history(AB)
        assert (page.items[0].content or {}).get("text") == "see you at 4"
        with pytest.raises(Refused):
            await bob.edits.edit(AB, posted.position, "not mine")
        await heard.close()


async def test_read_cursors_reach_the_author(tmp_path: Path) -> None:
    async with running(tmp_path) as server, people(server) as enter:
        alice, bob = await enter("alice"), await enter("bob")
        events = alice.events()
        posted = await alice.post(AB, "read me")
        await bob.cursor(AB, read=posted.position)
        async for event in events:
            if isinstance(event, CursorMoved) and event.user_id == "bob" and event.cursor.read == 1:
                break
        await alice.cursor(AB, read=posted.position)
        mine, his = await alice.conversations(), await bob.conversations()
        assert (mine.conversations[0].unread, his.conversations[0].unread) == (0, 0)


async def test_a_receipt_is_not_lost_while_its_conversation_is_still_being_read_for_the_first_time(
    tmp_path: Path,
) -> None:
    names = [f"reader{number}" for number in range(8)]
    async with running(tmp_path, users="alice " + " ".join(names)) as server, people(server) as enter:
        alice = await enter("alice")
        for name in names:  # a race between the push and the first sync of a new conversation: either may win
            reader, talk = await enter(name), direct_conversation_id("alice", name)
            events = alice.events()
            posted = await alice.post(talk, "read me")
            await reader.cursor(talk, read=posted.position)
            async with asyncio.timeout(15):
                async for event in events:
                    if isinstance(event, CursorMoved) and (event.user_id, event.cursor.read) == (name, 1):
                        break

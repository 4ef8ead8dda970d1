"""Blocks over the wire: all devices of who blocks know of it, nobody else does; pages name everybody; a plugin may ask to wait;
and what is kept is exported and erased."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from imserver import Server
from imserver.features.blocks import ERASED_AT_ONCE, MAX_IDS
from imserver.model import User
from imserver.plugin_api import Kind, Refusal, RefusalCode, Role, Transaction
from imserver.testing import LogBook
from imserver_client import Refused
from imserver_client.features.blocks import BlockChanged
from imserver_protocol.methods.blocks import BLOCK, BLOCKS, UNBLOCK, BlockParams, BlocksParams
from tests.plugins.bench import made_with
from tests.support.servers import config, people, running


async def test_every_device_of_who_blocks_hears_of_it_and_nobody_else(tmp_path: Path) -> None:
    async with running(tmp_path, "ann bob cy") as server, people(server) as enter:
        phone, tablet = await enter("bob", device="phone"), await enter("bob", device="tablet")
        ann, cy = await enter("ann"), await enter("cy")
        heard: dict[str, list[BlockChanged]] = {"phone": [], "tablet": [], "ann": []}

        async def listen(name: str, client) -> None:
            async for event in client.events():
                if isinstance(event, BlockChanged):
                    heard[name].append(event)

        listeners = [
            asyncio.create_task(listen(name, client))
            for name, client in (("phone", phone), ("tablet", tablet), ("ann", ann))
        ]
        for act in (phone.blocks.put, phone.blocks.put, tablet.blocks.remove, tablet.blocks.remove):
            await act("ann")
        await phone.blocks.put("cy")
        assert await tablet.blocks.people() == (["cy"], None)
        with pytest.raises(Refused) as refused:
            await cy.post(cy.direct("bob"), "hello")
        assert refused.value.detail == "peer"
        await ann.post(ann.direct("bob"), "hello")  # she is let in again
        async for message in tablet.messages():
            assert message.sender_id == "ann"
            break
        once = [BlockChanged("ann", True), BlockChanged("ann", False), BlockChanged("cy", True)]
        assert heard == {"phone": once, "tablet": once, "ann": []}
        for listener in listeners:
            listener.cancel()


async def test_pages_name_everybody_once_in_order(tmp_path: Path) -> None:
    names = [f"u{number:03}" for number in range(MAX_IDS + 5)]
    async with running(tmp_path, " ".join(["ann", *names])) as server:
        for name in reversed(names):
            await server.call(BLOCK, "ann", BlockParams(name))
        for size in (7, 10_000):
            found: list[str] = []
            after = None
            while not found or after is not None:
                page = await server.call(BLOCKS, "ann", BlocksParams(after, size))
                found, after = [*found, *page.user_ids], page.next
            assert found == names
        # A full last page is the last one, and says so.
        ends = [(await server.call(BLOCKS, "ann", BlocksParams(names[-4], size))).next for size in (2, 3, 4)]
        assert ends == [names[-2], None, None]
        with pytest.raises(Refusal) as refused:
            await server.call(BLOCKS, "ann", BlocksParams(None, 0))
        assert refused.value.code is RefusalCode.INVALID
        assert (await server.call(BLOCKS, "u001", BlocksParams())).user_ids == ()

        assert (await server.features.export("ann"))["blocks"] == {"blocked": names}
        assert len(names) > ERASED_AT_ONCE
        await server.call(BLOCK, "u001", BlockParams("ann"))
        await server.features.erase("ann")
        assert (await server.features.export("ann"))["blocks"] == {"blocked": []}
        assert (await server.features.export("u001"))["blocks"] == {"blocked": ["ann"]}


@pytest.mark.parametrize(
    ("whom", "code"), [("ann", "INVALID"), ("nobody", "NOT_FOUND"), ("\ud800", "NOT_FOUND")]
)
async def test_not_everybody_can_be_blocked(tmp_path: Path, whom: str, code: str) -> None:
    async with running(tmp_path, "ann bob") as server:
        for method in (BLOCK, UNBLOCK):
            with pytest.raises(Refusal) as refused:
                await server.call(method, "ann", BlockParams(whom))
            assert refused.value.code.name == code


async def test_one_blocks_so_many_and_others_as_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imserver.store.engine.contacts.MAX_BLOCKS", 2)
    async with running(tmp_path, "ann bob cy dee") as server:
        for name in ("bob", "cy"):
            await server.call(BLOCK, "ann", BlockParams(name))
        with pytest.raises(Refusal) as refused:
            await server.call(BLOCK, "ann", BlockParams("dee"))
        assert (refused.value.code, refused.value.detail) == (RefusalCode.TOO_LARGE, 2)
        await server.call(BLOCK, "dee", BlockParams("ann"))
        await server.call(UNBLOCK, "ann", BlockParams("bob"))
        await server.call(BLOCK, "ann", BlockParams("dee"))


async def test_a_bot_with_something_still_to_do_is_not_blocked(tmp_path: Path) -> None:
    async def setup(context) -> None:
        await context.ensure_bot("shop", "Shop")

        def may_block(tx: Transaction, user_id: str, bot_id: str) -> None:
            user = tx.user(user_id)
            if user is not None and "customer" in user.roles:
                raise Refusal(RefusalCode.FORBIDDEN, f"cancel the appointment with {bot_id} first")

        context.may_block(may_block)

    server = Server(config(tmp_path), plugins=[made_with(setup)()], log=LogBook())
    async with server:
        await server.chat.put_user(User("ann", "Ann", roles=("customer",)))
        await server.chat.put_user(User("bob", "Bob"))
        with pytest.raises(Refusal) as refused:
            await server.call(BLOCK, "ann", BlockParams("shop"))
        assert refused.value.text == "cancel the appointment with shop first"
        assert (await server.call(BLOCKS, "ann", BlocksParams())).user_ids == ()
        await server.call(BLOCK, "ann", BlockParams("bob"))  # no bot of anybody's
        await server.call(BLOCK, "bob", BlockParams("shop"))
        await server.chat.put_user(User("ann", "Ann"))
        await server.call(BLOCK, "ann", BlockParams("shop"))


async def test_a_plugin_brings_only_whom_it_is_about(tmp_path: Path) -> None:
    """The sender of the message in hand, staff, members of its groups, and who wrote to a bot of its; and nobody else."""
    outcome: dict[str, str] = {}

    async def setup(context) -> None:
        await context.ensure_bot("shop", "Shop")
        await context.ensure_bot("other", "Other")

        async def join(call):
            def work(tx: Transaction) -> None:
                group = tx.ensure_conversation("club", Kind.GROUP, {})
                for user_id in call.arguments.split():
                    try:
                        tx.add_member(group, user_id, Role.MEMBER)
                        outcome[user_id] = "in"
                    except Refusal as refusal:
                        outcome[user_id] = f"{refusal.code.name} {refusal.detail}"

            await context.transaction(work, event=call.event)

        context.command("join", join)

    settings = config(tmp_path, limits={"strangers": "ask"})
    async with Server(settings, plugins=[made_with(setup)()], log=LogBook()) as server:
        chat = server.chat
        for name in ("ann", "bob", "cy"):
            await chat.put_user(User(name, name.title()))
        await chat.put_user(User("li", "Li", roles=("staff",)))
        await chat.put_user(User("mo", "Mo", roles=("customer",)))
        await chat.post("cy", "direct/cy/other", "hello")
        await chat.post("ann", "direct/ann/shop", "/join ann bob cy li mo")
        await server.plugin_host.idle()
        strange = {name: f"FORBIDDEN {{'contact': '{name}'}}" for name in ("bob", "mo")}
        assert outcome == {"ann": "in", "cy": "in", "li": "in", **strange}

        # Who left by himself is let in by his own message only.
        [club] = [
            row.conversation_id for row in (await chat.sync("ann", None, 9))[0] if row.kind is Kind.GROUP
        ]
        await chat.remove_member("ann", club, "ann")
        await chat.post("cy", "direct/cy/shop", "/join ann")
        await server.plugin_host.idle()
        assert outcome["ann"] == "FORBIDDEN {'contact': 'ann'}"
        await chat.post("ann", "direct/ann/shop", "/join ann")
        await server.plugin_host.idle()
        assert outcome["ann"] == "in"

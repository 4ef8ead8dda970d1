"""Plugins on the whole server, called in-process: the same path as over the wire, without the wire."""

import asyncio

import pytest

from imserver.config import AuthConfig, Config, ServerConfig, StoreConfig
from imserver.errors import ConfigError
from imserver.model import User
from imserver.server import Server
from imserver.testing import LogBook
from tests.plugins.ledger import Ledger


def config(**plugins):
    auth = AuthConfig(secret="a secret for tests that is long enough")  # given, so that no file is made here
    return Config(server=ServerConfig(port=0), store=StoreConfig(path=":memory:"), auth=auth, plugins=plugins)


async def ask(server, bot, text):
    """Ann asks the bot. Returns who said something there, in order, when there are two messages."""
    await server.chat.put_user(User("ann", "Ann"))
    senders: list[str] = []
    answered = asyncio.Event()

    def observe(event):
        senders.append(event.message.sender_id)
        if len(senders) == 2:
            answered.set()

    end = server.chat.subscribe(observe)
    await server.chat.post("ann", f"direct/ann/{bot}", text)
    await answered.wait()
    end()
    return senders


async def test_ping_is_answered():
    async with Server(config(ping={}), log=LogBook()) as server:
        assert await ask(server, "ping", "/ping") == ["ann", "ping"]


async def test_two_servers_in_one_process_have_plugins_of_their_own():
    async with (
        Server(config(ping={"bot": "one"}), log=LogBook()) as one,
        Server(config(ping={"bot": "two"}), log=LogBook()) as two,
    ):
        assert await ask(one, "one", "/ping") == ["ann", "one"]
        assert await ask(two, "two", "/ping") == ["ann", "two"]


async def test_a_plugin_that_is_handed_in_runs():
    async with Server(config(ledger={}), plugins=[Ledger()], log=LogBook()) as server:
        assert await ask(server, "clerk", "/note x") == ["ann", "clerk"]


async def test_a_plugin_is_told_of_another_name_and_of_nothing_else():
    heard = []

    class Names(Ledger):
        async def start(self, context):
            await super().start(context)
            context.renamed(lambda tx, user_id: heard.append((user_id, tx.user(user_id).display_name)))

    async with Server(config(ledger={}), plugins=[Names()], log=LogBook()) as server:
        for name, language in (("Ann", "en"), ("Ann", "zh-CN"), ("Ann Lee", "zh-CN")):
            await server.administration.put_user("ann", display_name=name, language=language)
    assert heard == [("ann", "Ann Lee")]


async def test_a_section_without_a_plugin_keeps_the_server_from_starting():
    server = Server(config(pong={}), log=LogBook())
    with pytest.raises(ConfigError, match=r"\$\.plugins\.pong"):
        await server.start()

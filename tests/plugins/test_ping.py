"""The smallest plugin, and the kit that runs it."""

from datetime import UTC, datetime

import pytest

from imserver.plugin_host.discovery import enabled
from imserver.plugins.ping import Ping
from imserver.testing import ManualClock, PluginKit


@pytest.mark.parametrize("text", ["/ping", "ping", "／PING"])
async def test_ping_is_answered_with_how_long_it_took(text):
    async with PluginKit(Ping) as kit:
        await kit.user("ann")
        chat = kit.direct("ann", "ping")
        await kit.post("ann", chat, text)
        kit.clock.advance(0.25)
        await kit.idle()
        assert kit.messages(chat)[-1].text in {"pong (250 ms)", "pong (0 ms)"}
        assert kit.messages(chat)[-1].sender_id == "ping"


async def test_ping_says_what_it_was_given():
    async with PluginKit(Ping, {"bot": "pong"}) as kit:
        await kit.user("ann")
        [answer] = await kit.say("ann", kit.direct("ann", "pong"), "/ping hello there")
        assert answer.text == "pong hello there (0 ms)"


async def test_other_texts_are_left_alone():
    async with PluginKit(Ping) as kit:
        await kit.user("ann")
        assert await kit.say("ann", kit.direct("ann", "ping"), "pinging you") == []


async def test_help_lists_the_commands():
    async with PluginKit(Ping) as kit:
        await kit.user("ann")
        [answer] = await kit.say("ann", kit.direct("ann", "ping"), "/help")
        assert answer.text == "/ping · ping — answers pong, and how long the way was"


def test_ping_is_installed_and_runs_if_it_has_a_section():
    [found] = enabled({"ping": {}})
    assert isinstance(found.plugin, Ping)
    assert enabled({}) == []


def test_the_manual_clock_moves_only_by_hand():
    clock = ManualClock(datetime(2026, 3, 2, tzinfo=UTC))
    start = clock.now_ms()
    clock.advance(1.5)
    assert (clock.now_ms(), clock.monotonic()) == (start + 1500, 1.5)
    clock.jump_to(0)
    assert (clock.now_ms(), clock.monotonic()) == (0, 1.5)
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)

"""The terminal chat in front of a hostile server: whatever it says, nothing of it acts upon the terminal."""

from __future__ import annotations

import asyncio
import random
import unicodedata
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from imserver_client import Environment, connect
from tests.cli.people import Chatting, chatting

from .support.hostile import GOODBYE, PUSH, REFUSAL, SIGNAL, HostileServer, Line, row

pytestmark = pytest.mark.usefixtures("calm")

EVIL = "\x1b[2J\x1b]0;owned\x07\r\x08\x9b31m\u202egnp\u2066\u2028\u200f\ue000\U000e0041" + "\u0301" * 40
GROUP = f"group/{EVIL}"
#: Joiners are needed to write; see `harmless`.
JOINERS = "\u200c\u200d"


def harmful(text: str) -> list[str]:
    return [
        c
        for c in text
        if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and c not in JOINERS
    ]


def evil_contents(rng: random.Random) -> Iterator[dict[str, Any]]:
    """Every type with every field nasty: text of control characters, or a value of a wrong type."""
    nasty = (EVIL, 7, None, [EVIL], {EVIL: EVIL}, b"\x1b[2J", "x" * 5000 + EVIL, "\n" * 500, 1.5, True)
    for _ in range(60):
        one = lambda: rng.choice(nasty)  # noqa: E731
        yield {"type": rng.choice(("text", EVIL, "image")), "text": one()}
        actions = [{"label": one(), "command": one(), "style": one()} for _ in range(rng.randrange(30))]
        fields = rng.choice((one(), [[one(), one()], one(), [one()]]))
        yield {
            "type": "card",
            "title": one(),
            "text": one(),
            "fields": fields,
            "actions": rng.choice((one(), actions)),
        }
        event = rng.choice(("created", "added", "removed", "left", "edited", EVIL, 7))
        yield {
            "type": "system",
            "event": event,
            "user": one(),
            "title": one(),
            "role": one(),
            "owner": one(),
            "target": one(),
        }
    yield {"type": "text", "text": "the end"}


async def play(line: Line) -> None:
    """Answers everything with nasty names; pushes nasty messages; refuses and says goodbye with nasty words."""
    if line.number > 1:
        await line.frame()
        line.say(GOODBYE, 201, EVIL, 0)
        return
    await line.welcome(user_id="alice", reason=EVIL)
    contents = [msgpack.packb(content) for content in evil_contents(random.Random(4))]
    last = [1, EVIL, 1, b"k" * 16, contents[0], 1]
    while True:
        request = await line.request()
        method = request[3]
        if method == "users":
            line.reply(request, [[user_id, EVIL, EVIL] for user_id in request[4][0]])
        elif method == "conversations":
            line.reply(request, [[[GROUP, "group", EVIL, 1, 3, last, EVIL]], None])
        elif method == "sync":
            line.reply(
                request, [[row(GROUP, 0, title=EVIL, cursors=[[EVIL, 1, 1]]), row("quiet", 0)], "1", False]
            )
        elif method == "history":
            line.reply(request, [[last], 1, 1, 1])
            line.say(SIGNAL, "typing", GROUP, EVIL)
            for position, content in enumerate(contents, 1):
                line.say(PUSH, "message", GROUP, position, EVIL, 1, b"k" * 16, content)
            line.say(PUSH, "message", "quiet", 1, EVIL, 1, b"k" * 16, contents[0])
        elif method == "members":
            line.say(REFUSAL, request[1], 602, EVIL, 0, EVIL)
        elif method == "post":
            line.say(REFUSAL, request[1], 600, EVIL, 0, EVIL)
        else:
            line.reply(request, [0, 0])


async def shown_by(chat: Chatting) -> list[str]:
    await chat.says("the end")
    await chat.type("/who", "hello", "/list", "/open nobody\x1b[2J", "/history 3")
    return [*chat.paper.lines, chat.session.status()]


async def test_nothing_acts_upon_the_terminal(waits: Any) -> None:
    async with HostileServer(play) as server, asyncio.timeout(30):
        connecting = connect(server.url, token="t", environment=Environment(uniform=waits), close_timeout=0.1)
        async with connecting as alice, chatting(alice) as chat:
            await chat.session.open(GROUP)
            lines = await shown_by(chat)
    assert len(lines) > 100
    assert [line for line in lines if harmful(line)] == []
    assert max(map(len, lines)) < 2000

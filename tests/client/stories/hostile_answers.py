"""Answers of a wrong shape, codes that nobody knows, and positions and keys of others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from imserver_client import (
    ClientError,
    ClientLimits,
)
from tests.client.support.hostile import (
    PUSH,
    REFUSAL,
    TEXT,
    HostileServer,
    Line,
    agreeing,
    client_of,
    row,
    seen,
    truth,
)

pytestmark = pytest.mark.usefixtures("calm")

CALLS: dict[str, Any] = {
    "post": lambda client: client.post("c", "hi"),
    "history": lambda client: client.history("c"),
    "conversations": lambda client: client.conversations(),
    "members": lambda client: client.members("c"),
    "users": lambda client: client.users(["bob"]),
    "cursor": lambda client: client.cursor("c"),
    "edit": lambda client: client.edits.edit("c", 1, "hi"),
    "create": lambda client: client.create_group("title"),
    "add": lambda client: client.add_member("c", "bob"),
    "remove": lambda client: client.remove_member("c", "bob"),
    "leave": lambda client: client.leave("c"),
    "renew": lambda client: client.renew("t2"),
    "abandon": lambda client: client.abandon("c", b"k" * 16),
}
GOOD: dict[str, Any] = {
    "post": [1, 1, False],
    "history": [[], 1, 0, 0],
    "conversations": [[], None],
    "members": [],
    "users": [],
    "cursor": [0, 0],
    "edit": [1, 2, False],
    "create": ["c", 1, False],
    "add": [1, False],
    "remove": [1, False],
    "leave": [1, False],
    "renew": [1],
    "abandon": [None],
    "sync": [[row("c", 0)], "1", False],
}


def good(request: list[Any]) -> Any:
    """A fine answer."""
    return agreeing(request) if request[3] == "check" else GOOD[request[3]]


#: What of the nonsense is a fine answer.
FITTING: dict[str, list[Any]] = {"members": [[]], "users": [[]], "abandon": [[None]]}
NONSENSE: list[Any] = [
    None,
    True,
    7,
    -1,
    1.5,
    "",
    b"",
    {},
    {"a": [1]},
    [None],
    [[]],
    [-1, -1],
    ["a"] * 12,
    [{}, {}],
]


@pytest.mark.parametrize("method", CALLS)
async def test_answers_of_a_wrong_shape(waits, method):
    """Each closes the session; when the server comes to its senses, the call returns."""
    fitting = FITTING.get(method, [])
    wrong = [one for one in NONSENSE if one not in fitting]
    lies = iter(wrong)

    async def play(line: Line) -> None:
        await line.welcome()
        while True:
            request = await line.request()
            fine = good(request)
            line.reply(request, next(lies, fine) if request[3] == method else fine)

    limits = ClientLimits(max_violations=1000)
    async with HostileServer(play) as server, client_of(server, waits, limits=limits) as alice:
        await CALLS[method](alice)
        assert alice.outbox() == []
    assert server.lines == len(wrong) + 1


async def test_refusals_of_codes_that_nobody_knows(waits):
    """6xx is final, 7xx is asked again, anything else is taken as final: nobody waits for ever."""
    codes = iter((799, 704, 600, 0, -5, 2**53 - 1, 999))

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        while True:
            request = await line.request("members")
            line.say(REFUSAL, request[1], next(codes), "no", 0, [{"a": [b"x"]}])

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        for code in (600, 0, -5, 2**53 - 1, 999):
            with pytest.raises(ClientError) as refused:
                await alice.members("c")
            assert refused.value.code == code  # type: ignore[attr-defined]


async def test_a_reply_with_a_position_of_somebody_else_s_message(waits):
    """Says that our post is what we were shown already, or far ahead: nothing is shown twice or under a wrong number."""

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        for position in (1, 2, 3):
            line.push("c", position)
        line.reply(await line.request("post"), [2, 1, False])
        line.reply(await line.request("post"), [7, 1, False])
        await line.serve(lambda request: truth(7, request[4][1]) if request[3] == "history" else [0, 0])

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        await asyncio.gather(alice.post("c", "one"), alice.post("c", "two"))
        assert await seen(alice, 7) == [1, 2, 3, 4, 5, 6, 7]
        assert alice.outbox() == []


async def test_a_key_of_ours_pushed_by_somebody_else_settles_nothing(waits):
    """Committed is what the server says of *our* message, not what another sender, or another place, has under its key."""
    key = b"k" * 16

    async def play(line: Line) -> None:
        await line.enter([row("c", 0), row("d", 0)])
        request = await line.request("post")
        line.say(PUSH, "message", "c", 1, "mallory", 1, key, TEXT)
        line.say(PUSH, "message", "d", 1, "alice", 1, key, TEXT)
        await line.request("members")
        line.reply(request, [2, 1, False])
        await line.serve(lambda request: [0, 0])

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        post = asyncio.create_task(alice.post("c", "mine", key=key))
        stream = alice.messages()
        assert [(await anext(stream)).sender_id for _ in range(2)] == ["mallory", "alice"]
        assert not post.done()
        asked = asyncio.create_task(alice.members("c"))
        assert (await post).position == 2
        asked.cancel()

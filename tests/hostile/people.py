"""Attacks by who one is not: tokens, sessions, membership, and what others are to see of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import msgpack

from tests.hostile.arena import Arena, Attack
from tests.hostile.floods import EVE, with_alice
from tests.limits import test_tokens
from tests.limits.raw import SIGNAL, WELCOME, Ended, Raw, new_key, said
from tests.limits.test_refusals import REFUSED, patiently

AUTH_FAILED, REPLACED, TOO_MANY = 300, 201, 400
#: What one session may cost, whatever its device does (docs/operating.md, "Memory").
MAX_SESSION_KIB = 6 * 1024
NOT_FOUND, KEY_REUSED, FORBIDDEN, INVALID = 603, 604, 602, 600


async def bad_tokens(here: Arena) -> str:
    """Expired, foreign, `alg: none`, stuffed, too long: 32 kinds, one answer."""
    count = 0
    for what, token in test_tokens.bad_tokens().items():
        for _ in range(0 if what == "an unknown user" else 5):  # this server makes accounts
            async with await here.open() as raw:
                raw.hello(token)
                end = await raw.goodbye()
                assert (end.code, end.text) == (AUTH_FAILED, "not authorized"), token
                count += 1
    return f"{count} x AUTH_FAILED"


async def guessing_tokens(here: Arena) -> str:
    """One address that tries and tries: above 30 a minute it hears another answer, and is not logged any more."""
    source, ends = here.address(), []
    for number in range(200):
        async with await here.open(source) as raw:
            raw.hello(f"guess {number}")
            ends.append((await raw.goodbye()).code)
    assert ends[:30] == [AUTH_FAILED] * 30
    assert set(ends[31:]) <= {AUTH_FAILED, TOO_MANY}
    assert ends.count(TOO_MANY) > 150
    return f"{ends.count(AUTH_FAILED)} x AUTH_FAILED, {ends.count(TOO_MANY)} x TOO_MANY"


async def stolen_sessions(here: Arena) -> str:
    """Resume with another's session, another device's, a used token, one of chance; by two at once."""
    await with_alice(here)
    owner, welcome = await here.enter("alice", "phone")
    tries = 0
    async with owner:
        for name, device, resume in (
            ("eve", "phone", (welcome.session_id, welcome.token)),
            ("alice", "desk", (welcome.session_id, welcome.token)),
            ("alice", "desk", (welcome.session_id, b"x" * 24)),
            ("eve", "desk", ("x" * 200, b"x")),
            ("eve", "desk", (welcome.session_id, b"\x00" * 24)),
        ) * 10:
            raw, fresh = await here.enter(name, device, resume=resume)
            async with raw:
                assert (fresh.resumed, fresh.reason) == (False, "unknown session")
                tries += 1
        assert (await owner.ask("sync", None)).code == 0
    both = [await here.open() for _ in range(2)]
    for raw in both:
        raw.hello(
            here.token("alice"), "phone", resume=(welcome.session_id, welcome.token), ack=owner.received
        )
    # Both are let in or turned away before either says a word: its first frame would use the token up.
    first = [await raw.frame() for raw in both]
    alive = 0
    for raw, frame in zip(both, first, strict=True):
        if frame[0] == WELCOME:
            raw.seq = owner.seq if frame[8] else 0
            with suppress(Ended, ConnectionError):
                alive += (await raw.ask("users", ["alice"])).code == 0
        await raw.hang_up()
    assert alive == 1
    return f"{tries} x a fresh session, the owner untouched; of two at once one went on"


async def replayed_tokens(here: Arena) -> str:
    """A resume token that was used up, again and again, against its successor."""
    raw, first = await here.enter("eve", "phone")
    assert (await raw.ask("users", ["eve"])).code == 0
    await raw.hang_up()
    raw, second = await here.enter("eve", "phone", resume=(first.session_id, first.token), ack=raw.received)
    assert second.resumed
    raw.seq = 1
    assert (await raw.ask("users", ["eve"])).code == 0
    for number in range(40):
        thief, fresh = await here.enter("mallory", f"{number % 4}", resume=(first.session_id, first.token))
        async with thief:
            assert not fresh.resumed
    assert (await raw.ask("users", ["eve"])).code == 0, "whose session it is goes on"
    await raw.hang_up()
    return "40 x a fresh session"


async def resume_storm(here: Arena) -> str:
    """A session that was filled with answers is resumed 100 times, each time on a socket that nobody reads."""
    await with_alice(here)
    raw, welcome = await here.enter("eve", "phone")
    for _ in range(20):
        assert (await patiently(raw, "post", EVE, new_key(), said("x" * 30_000))).code == 0
    raw.ack()
    acked = raw.received
    for _ in range(30):
        raw.request("history", EVE, None, None, 50, ack=acked)
    await raw.flushed()
    await asyncio.sleep(0.2)
    sockets = [raw]
    for _ in range(100):
        raw = await here.open()
        raw.limit_buffers()
        raw.hello(here.token("eve"), "phone", resume=(welcome.session_id, welcome.token), ack=acked)
        welcome = await raw.welcome()
        assert welcome.resumed
        raw.send(2, 0, acked)
        sockets.append(raw)
    for raw in sockets:
        await raw.hang_up()
    return "100 x resumed"


async def outsiders(here: Arena) -> str:
    """Reading and writing where one is no member; forged names and positions; what is refused, and that nobody is told."""
    raw, _ = await here.enter("ann0", "outside the neighbours' own device")
    await raw.hang_up()
    raw, _ = await here.enter("eve", "phone")
    here_, theirs = EVE, "direct/ann0/ben0"
    await with_alice(here)
    async with raw:
        for _ in range(5):
            for method, params, code in REFUSED:
                moved = tuple(theirs if each == "direct/ann/ben" else each for each in params)
                got = await patiently(raw, method, *moved)
                assert got.code == code or "nobody" in str(params) or "ann" in str(params), (
                    method,
                    params,
                    got,
                )
            raw.ack()
        for position in (0, -1, 1, 2**53 - 1):
            got = await raw.ask("edit", theirs, new_key(), position, None, said("forged"))
            assert got.code == NOT_FOUND
        key = new_key()
        assert (await patiently(raw, "post", here_, key, said("one"))).code == 0
        assert (await patiently(raw, "post", here_, key, said("another"))).code == KEY_REUSED
        forged = msgpack.packb({"type": "text", "text": "x", "sender": "alice", "position": 1})
        stored = (await patiently(raw, "post", here_, new_key(), forged)).result[0]
        items = (await raw.ask("history", here_, stored - 1, None, 1)).result[0]
        assert (items[0][0], items[0][1]) == (stored, "eve"), "content forges nothing"
        raw.send(SIGNAL, 0, raw.received, "typing", theirs)
        assert (await raw.ask("edit", here_, new_key(), 10**6, None, said("x"))).code == NOT_FOUND
    return f"{5 * len(REFUSED)} refused, nothing forged"


async def odd_names(here: Arena) -> str:
    """Control and bidi characters as devices, users, titles and contents."""
    odd = [
        "\x1b[2J",
        "a\nb",
        "\u202eevil",
        "\u2066x",
        "\x00",
        "\x9b31m",
        "\u2028",
        "\ufeff",
        "\r",
        "\u200b",
    ]
    refused = 0
    for name in odd:
        async with await here.open() as raw:
            raw.hello(here.token("eve"), name)
            refused += (await raw.goodbye()).code == AUTH_FAILED
        async with await here.open() as raw:
            raw.hello(here.token(f"eve{name}"), "phone")
            refused += (await raw.goodbye()).code == AUTH_FAILED
    assert refused == 2 * len(odd)
    raw, _ = await here.enter("eve", "phone")
    async with raw:
        text = "".join(odd)
        assert (await raw.ask("create", new_key(), "group", text, [])).code == 0
        posted = (await patiently(raw, "post", EVE, new_key(), said(text))).result[0]
        item = (await raw.ask("history", EVE, posted - 1, None, 1)).result[0][0]
        assert item[4] == said(text), "what people say is passed on as it is"
    return f"{refused} x AUTH_FAILED; texts unchanged"


async def never_reads(here: Arena) -> str:
    """Eight devices that read nothing, in a conversation that is flooded with 30 kB each time, and ask for pages."""
    await with_alice(here)
    deaf: list[Raw] = []
    for number in range(8):
        raw, _ = await here.enter("eve", f"deaf {number}")
        raw.limit_buffers()
        deaf.append(raw)
    talker, _ = await here.enter("alice", "talker")
    async with talker:
        for number in range(150):
            assert (await talker.ask("post", EVE, new_key(), said("x" * 30_000))).code in (0, 700, 701)
            if number == 75:
                for raw in deaf:
                    for _ in range(200):
                        raw.request("history", EVE, None, None, 200, ack=0)
    for raw in deaf:
        await raw.hang_up()
    return "8 sessions, 1,600 pages asked"


async def detached_masses(here: Arena) -> str:
    """1,000 users whose devices are gone, and a group that is talked to for all of them."""

    async def come_and_go(numbers: Any) -> None:
        for number in numbers:
            raw, _ = await here.enter(f"member{number}", "phone")
            raw.reset()
            await raw.hang_up()

    numbers = iter(range(1000))
    await asyncio.gather(*(come_and_go(numbers) for _ in range(10)))
    group = here.found["large group"]
    talker, _ = await here.enter("owner", "talker")
    posted = 0
    async with talker:
        for _ in range(30):
            posted += (await talker.ask("post", group, new_key(), said("x" * 30_000))).code == 0
            await asyncio.sleep(0.05)
    return f"1,000 sessions, {posted} of 30 posts to 5,000 members"


async def large_group_flood(here: Arena) -> str:
    """300 members who listen, and one who posts to 5,000 as fast as can be."""
    group = here.found["large group"]
    listeners: list[Raw] = []
    for number in range(300):
        raw, _ = await here.enter(f"member{number}", "listener")
        listeners.append(raw)
    talker, _ = await here.enter("owner", "talker")
    posted = refused = 0
    async with talker:
        for start in range(0, 600, 100):
            seqs = [talker.request("post", group, new_key(), said("x" * 200)) for _ in range(100)]
            for seq in seqs:
                if (await talker.answer(seq)).code == 0:
                    posted += 1
                else:
                    refused += 1
            assert start < 600
    await asyncio.gather(*(raw.push(posted) for raw in listeners))
    for raw in listeners:
        await raw.hang_up()
    return f"{posted} posted to all, {refused} refused"


ATTACKS = [
    Attack("bad tokens", 4_000, bad_tokens, "people"),
    Attack("guessing tokens", 2_000, guessing_tokens, "people"),
    Attack("stolen sessions, two resume at once", 4_000, stolen_sessions, "people"),
    Attack("replayed resume tokens", 4_000, replayed_tokens, "people"),
    Attack("resume storm on sockets nobody reads", 2 * MAX_SESSION_KIB, resume_storm, "people"),
    Attack("outsiders, forged senders and positions", 4_000, outsiders, "people"),
    Attack("control and bidi characters", 2_000, odd_names, "people"),
    Attack("8 devices that never read", 8 * MAX_SESSION_KIB, never_reads, "people"),
    Attack("1,000 detached sessions", 80_000, detached_masses, "people"),
    Attack("flood of a group of 5,000", 60_000, large_group_flood, "people"),
]

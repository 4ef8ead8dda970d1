"""Attacks by number: a valid account that asks for as much as it can, to see whom it hurts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from imserver import Server
from imserver.chat.ports import Transaction
from imserver.model import Kind, Role, User, direct_conversation_id
from tests.hostile.arena import Arena, Attack
from tests.limits.raw import Ended, Raw, new_key, said
from tests.limits.test_refusals import patiently

INVALID, UNKNOWN_METHOD, RATE_LIMITED, HELD, OVERLOADED = 600, 601, 700, 701, 703
WINDOW_EXCEEDED = 215
#: How long a flood lasts (seconds).
FLOOD_S = 1.5
#: 20 sessions whose windows are full in both directions (1 MiB each), what of it waits for the store, the batch of it that is
#: being written, and what the allocator makes of that. A fast machine is near it after a second (105 MB), and stays there after
#: twelve seconds and after two floods.
FULL_KIB = 20 * 4 * 1024 + 64 * 1024
#: Requests of one session under way in a flood: the whole window.
WINDOW = 250
EVE = "direct/alice/eve"


async def pour(raw: Raw, data: bytes, for_s: float) -> int:
    """Write the same bytes as fast as they are taken; returns how many were. What comes back is thrown away."""
    sent, until = 0, time.monotonic() + for_s
    reading = asyncio.create_task(_drink(raw))
    with suppress(ConnectionError):
        while time.monotonic() < until:
            raw.send_bytes(data)
            await raw.flushed()
            sent += len(data)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return sent


async def _drink(raw: Raw) -> None:
    with suppress(Ended, ConnectionError):
        while True:
            await raw.frame()


async def flood(
    raw: Raw, ask: Callable[[int], tuple[Any, ...]], for_s: float = FLOOD_S, window: int = WINDOW
) -> Counter[int]:
    """Ask again and again for a while with the whole window under way; counts the codes of the answers that came in time."""
    codes: Counter[int] = Counter()
    number = 0
    under_way: deque[int] = deque()
    with suppress(TimeoutError):
        async with asyncio.timeout(for_s):
            while True:
                while len(under_way) < window:
                    under_way.append(raw.request(*ask(number)))
                    number += 1
                for _ in range(max(1, window // 2)):
                    codes[(await raw.answer(under_way[0])).code] += 1
                    raw.forget(under_way.popleft())
    assert number, "nothing was asked"
    return codes


async def flooded(
    here: Arena,
    ask: Callable[[int], tuple[Any, ...]],
    *,
    name: str = "eve",
    devices: int = 4,
    for_s: float = FLOOD_S,
    window: int = WINDOW,
) -> str:
    """The same flood by several devices of one user. Returns how often each code came."""
    raws = [(await here.enter(name, f"flood {number}"))[0] for number in range(devices)]
    try:
        counts = await asyncio.gather(*(flood(raw, ask, for_s, window) for raw in raws))
        total: Counter[int] = sum(counts, Counter())
        return " ".join(f"{count} x {code or 'yes'}" for code, count in sorted(total.items()))
    finally:
        for raw in raws:
            await raw.hang_up()


async def with_alice(here: Arena, name: str = "eve") -> None:
    """Accounts come into being when they first say HELLO."""
    for user in ("alice", name):
        raw, _ = await here.enter(user, "first")
        await raw.hang_up()


async def nonsense_flood(here: Arena) -> str:
    """Methods that do not exist."""
    return await flooded(here, lambda n: ("frobnicate", n))


async def post_flood(here: Arena) -> str:
    """Posts, far above the rate."""
    await with_alice(here)
    return await flooded(here, lambda n: ("post", EVE, new_key(), said("x")))


async def spread_post_flood(here: Arena) -> str:
    """Posts to ever new conversations that do not exist: each refusal holds one more."""
    return await flooded(here, lambda n: ("post", f"group/{n:032x}", new_key(), said("x")))


async def long_names(here: Arena) -> str:
    """Conversations, keys, users and titles as long as a frame holds, and of odd characters."""
    odd = "\u202e\x1b[2J\r\n\x00\u2066"
    kinds: list[Callable[[int], tuple[Any, ...]]] = [
        lambda n: ("post", "g" * 30_000, new_key(), said("x")),
        lambda n: ("post", odd * 30, new_key(), said("x")),
        lambda n: ("post", EVE, b"k" * 30_000, said("x")),
        lambda n: ("history", odd * 40),
        lambda n: ("users", [odd * 4] * 90),
        lambda n: ("create", new_key(), "group", "t" * 30_000, []),
        lambda n: ("create", new_key(), "group", odd, [odd * 8]),
        lambda n: ("create", new_key(), odd * 1000, "t", []),
        lambda n: ("x" * 30_000,),
        lambda n: ("sync", "9" * 30_000),
        lambda n: ("abandon", EVE, b"k" * 30_000),
        lambda n: ("renew", "e" * 30_000),
    ]
    return await flooded(here, lambda n: kinds[n % len(kinds)](n), devices=2, window=24)


async def largest_posts(here: Arena) -> str:
    """20 senders, each with as many contents of 30 kB as their windows hold."""
    raws = []
    for number in range(20):
        raw, _ = await here.enter(f"sender{number}")
        raws.append(raw)
    content = said("x" * 30_000)

    def to_the_next(number: int) -> Callable[[int], tuple[Any, ...]]:
        here = direct_conversation_id(f"sender{number}", f"sender{number ^ 1}")
        return lambda n: ("post", here, new_key(), content)

    counts = await asyncio.gather(
        *(flood(raw, to_the_next(number), FLOOD_S, 30) for number, raw in enumerate(raws))
    )
    total: Counter[int] = sum(counts, Counter())
    for raw in raws:
        await raw.hang_up()
    return " ".join(f"{count} x {code or 'yes'}" for code, count in sorted(total.items()))


async def abandon_flood(here: Arena) -> str:
    """Giving up what was never offered."""
    await with_alice(here)
    return await flooded(here, lambda n: ("abandon", EVE, new_key()), devices=16)


async def hold_and_abandon(here: Arena) -> str:
    """Held by the rate limit, given up, held again, in ever new conversations."""
    keys: dict[int, bytes] = {}

    def ask(n: int) -> tuple[Any, ...]:
        if n % 2 == 0:
            keys[n] = new_key()
            return "post", f"group/{n % 2000:032x}", keys[n], said("x")
        return "abandon", f"group/{(n - 1) % 2000:032x}", keys.pop(n - 1)

    return await flooded(here, ask, devices=1, for_s=2 * FLOOD_S)


async def create_flood(here: Arena) -> str:
    """New groups as fast as they can be asked for."""
    return await flooded(here, lambda n: ("create", new_key(), "group", "g", []))


async def edit_flood(here: Arena) -> str:
    """One message, edited again and again."""
    await with_alice(here)
    raw, _ = await here.enter("eve", "author")
    async with raw:
        position = (await patiently(raw, "post", EVE, new_key(), said("x" * 20_000))).result[0]
    return await flooded(
        here, lambda n: ("edit", EVE, new_key(), position, None, said("y" * 20_000)), window=20
    )


async def cursor_flood(here: Arena) -> str:
    """Cursors that move with each request."""
    await with_alice(here)
    raw, _ = await here.enter("eve", "author")
    async with raw:
        for _ in range(100):
            await patiently(raw, "post", EVE, new_key(), said("x"))
    return await flooded(here, lambda n: ("cursor", EVE, n % 90 + 1, n % 90 + 1))


async def history_loop(here: Arena) -> str:
    """The largest pages, in a loop, by 16 devices."""
    raw, _ = await here.enter("eve", "author")
    async with raw:
        await with_alice(here)
        for _ in range(60):
            await patiently(raw, "post", EVE, new_key(), said("x" * 500))
    return await flooded(here, lambda n: ("history", EVE, None, None, 200), devices=16, window=20)


async def sync_loop(here: Arena) -> str:
    """Sync from the beginning, in a loop, by a user with 2,000 conversations."""
    return await flooded(here, lambda n: ("sync", None, 200), name="mallory", devices=16, window=20)


async def conversations_loop(here: Arena) -> str:
    """The list of conversations, in a loop, by a user with 2,000 of them."""
    return await flooded(here, lambda n: ("conversations", None, 200), name="mallory", devices=16, window=20)


async def members_loop(here: Arena) -> str:
    """The members of a large group, in a loop."""
    group = here.found["large group"]
    return await flooded(here, lambda n: ("members", group, None, 200), name="member0", devices=8, window=20)


async def users_loop(here: Arena) -> str:
    """A hundred names in each request."""
    names = [f"member{n}" for n in range(100)]
    return await flooded(here, lambda n: ("users", names), devices=16, window=100)


async def renew_loop(here: Arena) -> str:
    """Tokens to be checked, good ones and others."""
    tokens = [here.token("eve", device_id=f"flood {n}") for n in range(16)] + ["x" * 3000]
    return await flooded(here, lambda n: ("renew", tokens[n % len(tokens)]), devices=4, window=50)


async def window_overflow(here: Arena) -> str:
    """More requests than the window, in frames and in bytes, without a single ack."""
    for number in range(40):
        raw, _ = await here.enter("eve", f"{number % 8}")
        async with raw:
            with suppress(ConnectionError):
                for _ in range(300 if number % 2 else 40):
                    raw.request("users", ["eve" if number % 2 else "e" * 30_000], ack=0)
            assert (await raw.goodbye()).code == WINDOW_EXCEEDED
    return "40 x WINDOW_EXCEEDED"


async def prepare(server: Server) -> dict[str, str]:
    """mallory with 2,000 groups of her own, and one group with as many members as a group may have."""
    names = [f"member{n}" for n in range(4999)]

    def fill(tx: Transaction) -> str:
        for name in ("mallory", "owner", *names):
            tx.put_user(User(name, name))
        for _ in range(2000):
            tx.create_conversation("mallory", new_key(), Kind.GROUP, "g" * 100, {})
        everybody = dict.fromkeys(names, Role.MEMBER)
        return tx.create_conversation("owner", new_key(), Kind.GROUP, "large", everybody)[0]

    return {"large group": await server.store.write(fill)}


ATTACKS = [
    Attack("nonsense flood", 8_000, nonsense_flood, "floods"),
    Attack("post flood", 8_000, post_flood, "floods"),
    Attack("posts to conversations that do not exist", 8_000, spread_post_flood, "floods"),
    Attack("huge and odd names", 16_000, long_names, "floods"),
    Attack("posts of 30 kB by 20 senders", FULL_KIB, largest_posts, "floods"),
    Attack("abandon flood", 16_000, abandon_flood, "floods"),
    Attack("hold and abandon", 8_000, hold_and_abandon, "floods"),
    Attack("create flood", 16_000, create_flood, "floods"),
    Attack("edit flood", 16_000, edit_flood, "floods"),
    Attack("cursor flood", 16_000, cursor_flood, "floods"),
    Attack("window overflow", 16_000, window_overflow, "floods"),
    Attack("history in a loop", 40_000, history_loop, "reads"),
    Attack("sync from 0 in a loop", 40_000, sync_loop, "reads"),
    Attack("conversations in a loop", 40_000, conversations_loop, "reads"),
    Attack("members in a loop", 40_000, members_loop, "reads"),
    Attack("users in a loop", 40_000, users_loop, "reads"),
    Attack("renew in a loop", 16_000, renew_loop, "reads"),
]

"""Attacks by number: a valid account that asks for as much as it can, to see whom it hurts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from imserver import Server
from imserver.chat.transaction import Transaction
from imserver.model import Kind, Role, User, direct_conversation_id
from imserver_protocol.errors import CloseCode
from imserver_protocol.errors import RefusalCode as No
from imserver_protocol.shared.bounds import MAX_CHECKED
from tests.hostile.arena import Arena, Attack
from tests.hostile.codes import GOES_ON, Heard, fate
from tests.limits.patience import patiently
from tests.limits.raw import REQUEST, Answer, Ended, Raw, new_key, packed, said

#: How long a flood lasts (seconds).
FLOOD_S = 1.5
#: 20 sessions whose windows are full in both directions (1 MiB each), what of it waits for the store, the batch of it that is
#: being written, and what the allocator makes of that: 105-114 MB in a fresh process, up to 161 MB where other floods tore the
#: heap before. A fast machine is there after a second, and no higher after twelve seconds or after three such floods.
FULL_KIB = 20 * 6 * 1024 + 64 * 1024
#: Requests of one session under way in a flood: the whole window.
WINDOW = 250
EVE = "direct/alice/eve"
#: What a user may write: tokens at once, and a second (docs/imserver.toml, `posts_burst`, `posts_per_second`).
BURST, RATE = 200, 50
#: Names that a user may look up: at once, and a second (docs/imserver.toml, `users_burst`, `users_per_second`).
NAMES_BURST, NAMES_RATE = 2_000, 100
#: Tokens that a post to a group of 5,000 takes of its author's rate: one, and one for each 100 members.
LARGE_POST = 51
#: What one session may cost, whatever its device does (docs/operating.md, "Memory").
MAX_SESSION_KIB = 6 * 1024
#: Requests of one session under way (bytes), and the largest number of the wire.
MAX_REQUEST_BYTES, MOST = 1 << 20, 2**53 - 1
#: Messages of mallory that show as much as they may, each changed by a step of its own.
STATED = 400
#: Rows of a page, at the most, and how many a greedy client asks for.
MAX_PAGE, GREEDY = 200, 5000

Ask = Callable[[int], tuple[Any, ...]]
#: Whether the answer to request `number` is the one that it has to have.
Right = Callable[[int, Answer], bool]


def anything(number: int, answer: Answer) -> bool:
    return True


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
    raw: Raw, ask: Ask, for_s: float = FLOOD_S, window: int = WINDOW, right: Right = anything
) -> Counter[int]:
    """Ask again and again for a while with the whole window under way; counts the codes of the answers that came in time."""
    codes: Counter[int] = Counter()
    number = 0
    under_way: deque[tuple[int, int]] = deque()
    with suppress(TimeoutError):
        async with asyncio.timeout(for_s):
            while True:
                while len(under_way) < window:
                    under_way.append((number, raw.request(*ask(number))))
                    number += 1
                for _ in range(max(1, window // 2)):
                    asked, seq = under_way[0]
                    answer = await raw.answer(seq)
                    assert right(asked, answer), (ask(asked), answer)
                    codes[answer.code] += 1
                    raw.forget(seq)
                    under_way.popleft()
    assert number, "nothing was asked"
    return codes


async def spend(here: Arena, name: str) -> float:
    """Nothing is left of what the user may write at once: at some moment behind the returned one, in monotonic seconds."""
    raw, _ = await here.enter(name, "spender")
    async with raw:
        codes, asked = {0}, 0.0
        while No.RATE_LIMITED not in codes:
            asked = time.monotonic()
            seqs = [raw.request("post", EVE, new_key(), said("x")) for _ in range(WINDOW)]
            codes = {(await raw.answer(seq)).code for seq in seqs}
    return asked


async def flooded(
    here: Arena,
    ask: Ask,
    *,
    name: str = "eve",
    devices: int = 4,
    for_s: float = FLOOD_S,
    window: int = WINDOW,
    right: Right = anything,
    cost: float = 0.0,
) -> Heard:
    """The same flood by several devices of one user. `cost`: no more succeed than the user's rate allows at so many tokens."""
    begin = await spend(here, name) if cost else 0.0
    raws = [(await here.enter(name, f"flood {number}"))[0] for number in range(devices)]
    try:
        counts = await asyncio.gather(*(flood(raw, ask, for_s, window, right) for raw in raws))
    finally:
        for raw in raws:
            await raw.hang_up()
    heard = Heard(sum(counts, Counter()))
    allowed = 1 + RATE * (time.monotonic() - begin)
    assert heard[GOES_ON] * cost <= allowed, f"more than the rate of one user: {heard}"
    return heard


async def with_alice(here: Arena, name: str = "eve") -> None:
    """Accounts come into being when they first say HELLO."""
    for user in ("alice", name):
        raw, _ = await here.enter(user, "first")
        await raw.hang_up()


async def nonsense_flood(here: Arena) -> Heard:
    """Methods that do not exist."""
    return await flooded(here, lambda n: ("frobnicate", n))


async def post_flood(here: Arena) -> Heard:
    """Posts, far above the rate."""
    await with_alice(here)
    return await flooded(here, lambda n: ("post", EVE, new_key(), said("x")), cost=1.0)


async def spread_post_flood(here: Arena) -> Heard:
    """Posts to ever new conversations that do not exist: each refusal holds one more, and of too many the oldest goes."""
    heard = Heard()
    raw, _ = await here.enter("eve", "spread")
    async with raw:
        for start in range(0, 5000, WINDOW):
            seqs = [
                raw.request("post", f"group/{number:032x}", new_key(), said("x"))
                for number in range(start, start + WINDOW)
            ]
            for seq in seqs:
                heard[(await raw.answer(seq)).code] += 1
                raw.forget(seq)
        for number in range(BURST, BURST + 20):
            again = await patiently(raw, "post", f"group/{number:032x}", new_key(), said("x"))
            assert again.code == No.NOT_FOUND, "what was held so long ago is not remembered"
    return heard


_ODD = "\u202e\x1b[2J\r\n\x00\u2066"
_NOT_NOW = (No.RATE_LIMITED, No.HELD)
#: What to ask for, and how it is refused.
NAMES: list[tuple[Ask, tuple[int, ...]]] = [
    (lambda n: ("post", "g" * 30_000, new_key(), said("x")), (No.NOT_FOUND, *_NOT_NOW)),
    (lambda n: ("post", _ODD * 30, new_key(), said("x")), (No.NOT_FOUND, *_NOT_NOW)),
    (lambda n: ("post", EVE, b"k" * 30_000, said("x")), (No.INVALID,)),
    (lambda n: ("history", _ODD * 40), (No.NOT_FOUND,)),
    (lambda n: ("users", [_ODD * 4] * 90), (GOES_ON,)),
    (lambda n: ("create", new_key(), "group", "t" * 30_000, []), (No.INVALID,)),
    (lambda n: ("create", new_key(), "group", _ODD, []), (No.INVALID,)),
    (lambda n: ("create", new_key(), "group", "odd", [_ODD * 8]), (No.NOT_FOUND,)),
    (lambda n: ("create", new_key(), _ODD * 1000, "t", []), (No.INVALID,)),
    (lambda n: ("x" * 30_000,), (No.UNKNOWN_METHOD,)),
    (lambda n: ("sync", "9" * 30_000), (No.EPOCH_CHANGED,)),
    (lambda n: ("abandon", EVE, b"k" * 30_000), (GOES_ON,)),  # there was no such post
    (lambda n: ("renew", "e" * 30_000), (No.FORBIDDEN,)),
]


async def long_names(here: Arena) -> Heard:
    """Conversations, keys, users and titles as long as a frame holds, and of odd characters."""

    def ask(number: int) -> tuple[Any, ...]:
        return NAMES[number % len(NAMES)][0](number)

    def right(number: int, answer: Answer) -> bool:
        return answer.code in NAMES[number % len(NAMES)][1]

    return await flooded(here, ask, devices=2, window=24, right=right)


async def largest_posts(here: Arena) -> Heard:
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
    for raw in raws:
        await raw.hang_up()
    return Heard(sum(counts, Counter()))


async def abandon_flood(here: Arena) -> Heard:
    """Giving up what was never offered."""
    await with_alice(here)
    return await flooded(
        here,
        lambda n: ("abandon", EVE, new_key()),
        devices=16,
        right=lambda n, answer: answer.result == [None],
    )


async def hold_and_abandon(here: Arena) -> Heard:
    """Held by the rate limit, given up, held again, in ever new conversations."""
    keys: dict[int, bytes] = {}

    def ask(n: int) -> tuple[Any, ...]:
        if n % 2 == 0:
            keys[n] = new_key()
            return "post", f"group/{n % 2000:032x}", keys[n], said("x")
        return "abandon", f"group/{(n - 1) % 2000:032x}", keys.pop(n - 1)

    def right(n: int, answer: Answer) -> bool:
        return answer.code == GOES_ON if n % 2 else answer.code in (No.NOT_FOUND, No.RATE_LIMITED)

    return await flooded(here, ask, devices=1, for_s=2 * FLOOD_S, right=right)


async def create_flood(here: Arena) -> Heard:
    """New groups as fast as they can be asked for."""
    return await flooded(here, lambda n: ("create", new_key(), "group", "g", []), cost=5.0)


async def edit_flood(here: Arena) -> Heard:
    """One message, edited again and again."""
    await with_alice(here)
    raw, _ = await here.enter("eve", "author")
    async with raw:
        position = (await patiently(raw, "post", EVE, new_key(), said("x" * 20_000))).result[0]
    return await flooded(
        here, lambda n: ("edit", EVE, new_key(), position, None, said("y" * 20_000)), window=20, cost=1.0
    )


async def cursor_flood(here: Arena) -> Heard:
    """Cursors that move with each request."""
    await with_alice(here)
    raw, _ = await here.enter("eve", "author")
    async with raw:
        for _ in range(100):
            await patiently(raw, "post", EVE, new_key(), said("x"))
    return await flooded(here, lambda n: ("cursor", EVE, n % 90 + 1, n % 90 + 1), cost=0.2)


async def history_loop(here: Arena) -> Heard:
    """The largest pages, in a loop, by 16 devices."""
    raw, _ = await here.enter("eve", "author")
    async with raw:
        await with_alice(here)
        for _ in range(60):
            await patiently(raw, "post", EVE, new_key(), said("x" * 500))
    return await flooded(
        here, lambda n: ("history", EVE, None, None, GREEDY), devices=16, window=20, right=one_page
    )


def one_page(number: int, answer: Answer) -> bool:
    """However many were asked for, and no page is empty where there is something."""
    return answer.code == GOES_ON and 0 < len(answer.result[0]) <= MAX_PAGE


async def sync_loop(here: Arena) -> Heard:
    """Sync from the beginning, in a loop, by a user with 2,000 conversations."""
    return await flooded(
        here, lambda n: ("sync", None, GREEDY), name="mallory", devices=16, window=20, right=one_page
    )


async def conversations_loop(here: Arena) -> Heard:
    """The list of conversations, in a loop, by a user with 2,000 of them."""
    return await flooded(
        here, lambda n: ("conversations", None, GREEDY), name="mallory", devices=16, window=20, right=one_page
    )


async def members_loop(here: Arena) -> Heard:
    """The members of a large group, in a loop."""
    group = here.found["large group"]
    return await flooded(
        here,
        lambda n: ("members", group, None, GREEDY),
        name="member0",
        devices=8,
        window=20,
        right=lambda n, answer: 0 < len(answer.result) <= MAX_PAGE,
    )


async def users_loop(here: Arena) -> Heard:
    """A hundred names in each request, half of them nobody's."""
    names = [f"member{n}" for n in range(50)] + [f"nobody{n}" for n in range(50)]
    begin = time.monotonic()
    heard = await flooded(
        here,
        lambda n: ("users", names),
        devices=16,
        window=100,
        right=lambda n, answer: len(answer.result) == 50,
    )
    allowed = (NAMES_BURST + NAMES_RATE * (time.monotonic() - begin)) / len(names)
    assert heard[GOES_ON] <= allowed + 1, f"more names than one user may ask for: {heard}"
    return heard


async def changes_to_many(here: Arena) -> Heard:
    """Roles given and taken in the large group, and edits there, for 5,000 members each: no more of them than posts."""
    group = here.found["large group"]
    raw, _ = await here.enter("owner", "speaks")
    async with raw:
        position = (await patiently(raw, "post", group, new_key(), said("x"))).result[0]

    def ask(n: int) -> tuple[Any, ...]:
        if n % 2:
            return ("edit", group, new_key(), position, None, said(f"{n}"))
        return ("add", group, new_key(), "member1", ("admin", "member")[n // 2 % 2])

    return await flooded(here, ask, name="owner", devices=4, window=50, cost=LARGE_POST)


async def check_loop(here: Arena) -> Heard:
    """As many conversations as one may name, each found by the dearest way: a position at the end and a place of no history."""
    raw, _ = await here.enter("mallory", "reader")
    async with raw:
        rows = (await raw.ask("sync", None, MAX_CHECKED)).result[0]
        place = raw.place
    rubbish = ("A" * len(place), place[::-1], "\x00" * len(place), "9" * 900, place)
    known = [
        [row[0], rubbish[number % len(rubbish)], MOST, MOST]
        for number, row in enumerate(rows * (MAX_CHECKED // len(rows)))
    ]
    return await flooded(
        here,
        lambda n: ("check", known[: 30 + n % 70]),
        name="mallory",
        devices=16,
        window=12,
        right=lambda n, answer: answer.code == GOES_ON and 0 < len(answer.result[0]) <= 30 + n % 70,
    )


async def check_above_the_bound(here: Arena) -> Heard:
    """8,000 conversations in one request, which all look for nothing."""
    nothing = [["", "", 0, 0]] * 8_000
    return await flooded(here, lambda n: ("check", nothing), devices=4, window=20)


async def names_that_wait(here: Arena) -> Heard:
    """Windows full of the shortest names, behind pages that nobody acks: they wait for as long as their client likes."""
    await with_alice(here)
    raw, _ = await here.enter("eve", "author")
    async with raw:
        for _ in range(40):
            assert (await patiently(raw, "post", EVE, new_key(), said("x" * 30_000))).code == 0
    heard, raws = Heard(), []
    names, nothing = ["\u0101"] * 5_000, [["", "", 0, 0]] * 8_000
    waits: list[tuple[str, list[Any]]] = [
        ("users", [names]),
        ("check", [nothing]),
        ("create", [b"k" * 16, "group", "t", names]),
    ]
    for method, params in waits:
        raw, _ = await here.enter("eve", method)
        raws.append(raw)
        acked, room = raw.received, MAX_REQUEST_BYTES - 40 * 100
        pages = [raw.request("history", EVE, ack=acked) for _ in range(40)]
        while (room := room - len(packed(REQUEST, 0, acked, method, params)) - 24) > 0:
            raw.request(method, *params, ack=acked)
        await raw.flushed()
        heard[(await raw.answer(pages[0])).code] += 1
    await asyncio.sleep(FLOOD_S)
    for raw in raws:
        heard[await fate(raw)] += 1
        await raw.hang_up()
    return heard


async def all_sorts_in_one_piece(here: Arena) -> Heard:
    """Writes that wait for their rate and for room, and reads and posts behind them, by many devices: each is answered."""
    await with_alice(here)
    await spend(here, "eve")
    heard = Heard()

    def sorts(number: int) -> list[tuple[Any, ...]]:
        group = f"group/{number:032x}"
        return [
            ("create", new_key(), "group", "g", []),
            ("history", EVE, None, None, 1),
            ("post", EVE, new_key(), said("x")),
            ("abandon", EVE, new_key()),
            ("sync", None, 1),
            ("edit", group, new_key(), 1, None, said("x")),
            ("cursor", EVE, 1, 1),
            ("check", [[EVE, "", 1, 1]]),
            ("leave", group, new_key()),
            ("conversations", None, 1),
        ]

    async def asks(number: int) -> None:
        raw, _ = await here.enter("eve", f"sorts {number}")
        async with raw:
            seqs = [raw.request(*one) for _ in range(2) for one in sorts(number)]
            for seq in seqs:  # within the patience of a test, whatever they wait for
                heard[(await raw.answer(seq)).code] += 1
                raw.ack()
            assert (await raw.ask("users", ["eve"])).code == 0, "nothing is left that the next one waits for"

    await asyncio.gather(*map(asks, range(8)))
    assert heard.total() == 8 * 2 * 10
    return heard


async def renew_loop(here: Arena) -> Heard:
    """Tokens to be checked: of each device its own is good, and no other device's or user's."""
    devices = 4
    tokens = [here.token("eve", device_id=f"flood {n}") for n in range(16)]
    tokens += [here.token("mallory", device_id=f"flood {n}") for n in range(devices)] + ["x" * 3000]
    heard = await flooded(here, lambda n: ("renew", tokens[n % len(tokens)]), devices=devices, window=50)
    assert heard[GOES_ON] <= heard.total() / len(tokens) + devices, heard
    return heard


async def window_overflow(here: Arena) -> Heard:
    """More requests than the window, in frames and in bytes, without a single ack."""
    heard = Heard()
    for number in range(40):
        raw, _ = await here.enter("eve", f"{number % 8}")
        async with raw:
            with suppress(ConnectionError):
                for _ in range(300 if number % 2 else 40):
                    raw.request("users", ["eve" if number % 2 else "e" * 30_000], ack=0)
            heard[await fate(raw)] += 1
    return heard


async def changes_loop(here: Arena) -> Heard:
    """All state of a conversation whose messages show as much as they may, in a loop: whole steps, as many as fit."""
    stated = here.found["stated group"]

    def right(number: int, answer: Answer) -> bool:
        rows, upto, more = answer.result
        return 0 < len(rows) <= MAX_PAGE and more and upto == rows[-1][1]

    return await flooded(
        here,
        lambda n: ("changes", stated, n % 100, GREEDY),
        name="mallory",
        devices=16,
        window=20,
        right=right,
    )


#: Numbers that no client has any use for, and how `changes` answers.
ABSURD: list[tuple[tuple[Any, ...], Any]] = [
    ((MOST,), []),
    ((MOST, MOST), []),
    ((STATED, 1), []),
    ((-1,), No.INVALID),
    ((-MOST, 1), No.INVALID),
    ((0, 0), No.INVALID),
    ((0, -MOST), No.INVALID),
    ((None,), No.INVALID),
    (("0",), No.INVALID),
    ((0.0,), No.INVALID),
    ((0, None), No.INVALID),
    ((0, [1]), No.INVALID),
    ((), No.INVALID),
]


async def changes_of_absurd_numbers(here: Arena) -> Heard:
    """Behind the end of time, before its beginning, and no numbers at all; also of conversations that are none of one's own."""
    stated = here.found["stated group"]

    def ask(number: int) -> tuple[Any, ...]:
        where = stated if number % 3 else here.found["large group"]
        return "changes", where, *ABSURD[number % len(ABSURD)][0]

    def right(number: int, answer: Answer) -> bool:
        known = ABSURD[number % len(ABSURD)][1]
        if number % 3 == 0:
            return answer.code in (No.NOT_FOUND, No.INVALID)
        return bool(answer.result == [[], STATED, False] if known == [] else answer.code == known)

    # What the attack before has asked for is still being read for a while: on a busy machine longer than a flood lasts.
    return await flooded(here, ask, name="mallory", right=right, for_s=2 * FLOOD_S)


async def prepare(server: Server) -> dict[str, str]:
    """mallory with 2,000 groups of her own, and one group with as many members as a group may have.

    One more of hers has messages that show as much as they may."""
    names = [f"member{n}" for n in range(4999)]

    def fill(tx: Transaction) -> str:
        for name in ("mallory", "owner", *names):
            tx.put_user(User(name, name))
        for _ in range(2000):
            tx.create_conversation("mallory", new_key(), Kind.GROUP, "g" * 100, {})
        everybody = dict.fromkeys(names, Role.MEMBER)
        return tx.create_conversation("owner", new_key(), Kind.GROUP, "large", everybody)[0]

    large = await server.store.write(fill)
    stated, _, _ = await server.chat.create_conversation("mallory", Kind.GROUP, "stated", [])

    def state(tx: Transaction) -> None:
        tx.post(stated, "mallory", new_key(), said("x"), sent_at=tx.now_ms)
        position = tx.post(stated, "mallory", new_key(), said("x"), sent_at=tx.now_ms).position
        for name in ("x-a", "x-b"):
            tx.set_item(stated, position, name, "v" * 490, {"mallory": "o" * 490})

    for _ in range(STATED):
        await server.store.write(state)
    return {"large group": large, "stated group": stated}


_NO_NAMES = (No.INVALID, No.UNKNOWN_METHOD, No.FORBIDDEN, No.NOT_FOUND, No.EPOCH_CHANGED)

ATTACKS = [
    Attack("nonsense flood", 8_000, nonsense_flood, "floods", [No.UNKNOWN_METHOD]),
    # A device whose first post finds the user's rate spent holds its conversation, so none of its posts may go on.
    Attack("post flood", 8_000, post_flood, "floods", _NOT_NOW, [GOES_ON]),
    Attack(
        "posts to conversations that do not exist",
        8_000,
        spread_post_flood,
        "floods",
        (No.NOT_FOUND, No.RATE_LIMITED),
    ),
    Attack("huge and odd names", 16_000, long_names, "floods", (GOES_ON, *_NO_NAMES), _NOT_NOW),
    Attack(
        "posts of 30 kB by 20 senders",
        FULL_KIB,
        largest_posts,
        "floods",
        [GOES_ON],
        (*_NOT_NOW, No.OVERLOADED),
    ),
    Attack("abandon flood", 16_000, abandon_flood, "floods", [GOES_ON]),
    Attack(
        "hold and abandon",
        8_000,
        hold_and_abandon,
        "floods",
        (GOES_ON, No.NOT_FOUND, No.RATE_LIMITED),
    ),
    Attack("create flood", 16_000, create_flood, "floods", [GOES_ON]),
    Attack("edit flood", 16_000, edit_flood, "floods", [GOES_ON]),
    Attack("cursor flood", 16_000, cursor_flood, "floods", [GOES_ON]),
    Attack("window overflow", 16_000, window_overflow, "floods", [CloseCode.WINDOW_EXCEEDED]),
    Attack("history in a loop", 40_000, history_loop, "reads", [GOES_ON]),
    Attack("sync from 0 in a loop", 40_000, sync_loop, "reads", [GOES_ON]),
    Attack("conversations in a loop", 40_000, conversations_loop, "reads", [GOES_ON]),
    Attack("members in a loop", 40_000, members_loop, "reads", [GOES_ON]),
    Attack("users in a loop", 40_000, users_loop, "reads", [GOES_ON]),
    Attack("changes to 5,000 members", 40_000, changes_to_many, "reads", [GOES_ON], [No.CONFLICT]),
    Attack("check in a loop", 40_000, check_loop, "reads", [GOES_ON]),
    Attack("changes in a loop", 40_000, changes_loop, "reads", [GOES_ON]),
    Attack(
        "changes of absurd numbers",
        40_000,
        changes_of_absurd_numbers,
        "reads",
        (GOES_ON, No.INVALID, No.NOT_FOUND),
    ),
    Attack("check of 8,000 conversations", 16_000, check_above_the_bound, "reads", [No.TOO_LARGE]),
    Attack("short names that wait", 3 * MAX_SESSION_KIB, names_that_wait, "floods", [GOES_ON]),
    Attack(
        "all sorts of requests in one piece",
        8_000,
        all_sorts_in_one_piece,
        "floods",
        (GOES_ON, No.NOT_FOUND),
        _NOT_NOW,
    ),
    Attack("renew in a loop", 16_000, renew_loop, "reads", (GOES_ON, No.FORBIDDEN)),
]

"""Attacks by who one is not: tokens, sessions, membership, and what others are to see of it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import msgpack

from imserver.store.engine.places import of_no_store
from imserver_protocol.errors import CloseCode, RefusalCode
from tests.hostile.arena import Arena, Attack
from tests.hostile.codes import GOES_ON, Heard, fate
from tests.hostile.floods import BURST, EVE, LARGE_POST, MAX_SESSION_KIB, MOST, RATE, with_alice
from tests.limits.bad_tokens import bad_tokens as all_bad_tokens
from tests.limits.patience import REFUSED, THEIRS, patiently
from tests.limits.raw import PING, PONG, SIGNAL, WELCOME, Ended, Raw, Welcomed, new_key, said

AUTH_FAILED, TOO_MANY = CloseCode.AUTH_FAILED, CloseCode.TOO_MANY
NOT_FOUND, KEY_REUSED = RefusalCode.NOT_FOUND, RefusalCode.KEY_REUSED


async def bad_tokens(here: Arena) -> Heard:
    """Expired, foreign, `alg: none`, stuffed, too long: 32 kinds, one answer."""
    heard = Heard()
    for what, token in all_bad_tokens().items():
        for _ in range(0 if what == "an unknown user" else 5):  # this server makes accounts
            async with await here.open() as raw:
                raw.hello(token)
                end = await raw.goodbye()
                assert (end.code, end.text) == (AUTH_FAILED, "not authorized"), token
                heard[end.code] += 1
    return heard


async def guessing_tokens(here: Arena) -> Heard:
    """One address that tries and tries: above 30 a minute it hears another answer, and is not logged any more."""
    source, ends = here.address(), []
    for number in range(200):
        async with await here.open(source) as raw:
            raw.hello(f"guess {number}")
            ends.append((await raw.goodbye()).code)
    assert ends[:30] == [AUTH_FAILED] * 30
    assert set(ends[31:]) <= {AUTH_FAILED, TOO_MANY}
    assert ends.count(TOO_MANY) > 150
    return Heard(ends)


async def stolen_sessions(here: Arena) -> Heard:
    """Resume with another's session, another device's, a used token, one of chance; by two at once."""
    await with_alice(here)
    owner, welcome = await here.enter("alice", "phone")
    heard = Heard(note="each a fresh session, the owner untouched; of two at once one went on")
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
                heard[(await raw.ask("users", ["eve"])).code] += 1
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
        heard[raw.end.code if raw.end else GOES_ON] += 1
        await raw.hang_up()
    assert alive == 1
    return heard


async def replayed_tokens(here: Arena) -> Heard:
    """A resume token that was used up: by a thief again and again, and by its own device: its successor alone is good."""
    heard = Heard()
    raw, first = await here.enter("eve", "phone")
    assert (await raw.ask("users", ["eve"])).code == 0
    for round_ in range(10):
        await raw.hang_up()
        used = first.session_id, first.token
        raw, second = await here.enter("eve", "phone", resume=used, ack=raw.received)
        assert second.resumed
        raw.seq = 1
        assert (await raw.ask("users", ["eve"])).code == 0
        for number in range(4):
            thief, fresh = await here.enter("mallory", f"{number}", resume=used)
            async with thief:
                assert not fresh.resumed
                heard[(await thief.ask("users", ["eve"])).code] += 1
        assert (await raw.ask("users", ["eve"])).code == 0, "whose session it is goes on"
        received = raw.received
        await raw.hang_up()
        raw, fresh = await here.enter("eve", "phone", resume=used, ack=received)
        assert (fresh.resumed, fresh.ack) == (False, 0), f"a used token is good, round {round_}"
        heard[(await raw.ask("users", ["eve"])).code] += 1
        first = fresh
    await raw.hang_up()
    return heard


async def resume_storm(here: Arena) -> Heard:
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
    raw, last = await here.enter("eve", "phone", resume=(welcome.session_id, welcome.token), ack=acked)
    assert last.resumed
    while raw.received < acked + 30:  # everything that was asked is answered at last, to who reads
        await raw.frame()
        raw.ack()
    heard = Heard([await fate(raw)])
    sockets.append(raw)
    for raw in sockets:
        await raw.hang_up()
    return heard


async def outsiders(here: Arena) -> Heard:
    """Reading and writing where one is no member: each is refused as what does not exist is, and nobody is told."""
    heard = Heard()
    # A device of ann's that listens, beside the neighbours' own.
    ann, _ = await here.enter("ann0", "listens")
    theirs = "direct/ann0/ben0"
    raw, _ = await here.enter("eve", "phone")
    await with_alice(here)
    async with raw, ann:
        assert (await ann.ask("history", theirs)).result[0], "there is something to be read"
        for where in (theirs, *here.found.values()):
            for method, params, code in [*REFUSED, *READS]:
                got = await patiently(raw, method, *(where if each == THEIRS else each for each in params))
                assert got.code == code, (method, params, got)
                heard[got.code] += 1
                raw.ack()
        for position in (0, -1, 1, 2**53 - 1):
            got = await raw.ask("edit", theirs, new_key(), position, None, said("forged"))
            assert got.code == NOT_FOUND
        rows = (await raw.ask("sync", None)).result[0] + (await raw.ask("conversations")).result[0]
        assert theirs not in {row[0] for row in rows}
        # By the listener's own place, too, which was learnt where there is something.
        asked = [[where, place, 1, 0] for where in (theirs, "group/none") for place in (ann.place, raw.place)]
        assert (await raw.ask("check", asked)).result == [[None] * 4]
        for _ in range(5):
            raw.send(SIGNAL, 0, raw.received, "typing", theirs)
        assert (await raw.ask("users", ["eve"])).code == 0
        assert not [push for push in raw.pushes if theirs in push], "nothing of theirs is shown"
        ann.send(PING, 0, ann.received, 1)
        while (frame := await ann.frame())[0] != PONG:
            assert frame[0] != SIGNAL, "nobody hears that a stranger types"
        assert {push[3] for push in ann.pushes if push[0] == "message"} <= {"ann0"}
    return heard


#: Everything by which a conversation can be read, in each way of asking.
READS: list[tuple[str, tuple[Any, ...], int]] = [
    ("history", (THEIRS, None, None, 1), NOT_FOUND),
    ("history", (THEIRS, 0), NOT_FOUND),
    ("history", (THEIRS, 1, None, 200), NOT_FOUND),
    ("history", (THEIRS, None, 2), NOT_FOUND),
    ("history", (THEIRS, None, 2**53 - 1, 200), NOT_FOUND),
    ("members", (THEIRS, "a"), NOT_FOUND),
    ("members", (THEIRS, "zzz"), NOT_FOUND),
    ("members", (THEIRS, None, 1), NOT_FOUND),
    ("cursor", (THEIRS, 1, 1), NOT_FOUND),
    ("cursor", (THEIRS, None, None), NOT_FOUND),
]


async def members_of_old(here: Arena) -> Heard:
    """Who was removed reads up to that, and hears, reads, writes and sees nothing from then on."""
    heard = Heard()
    await with_alice(here)
    alice, _ = await here.enter("alice", "owner")
    raw, _ = await here.enter("eve", "phone")
    async with alice, raw:
        for _ in range(5):
            heard.update(await _removed(alice, raw))
    return heard


async def _removed(alice: Raw, eve: Raw) -> list[int]:
    """What eve is told in a group of alice's that she is no longer in."""
    group = (await patiently(alice, "create", new_key(), "group", "g", ["eve"])).result[0]
    await patiently(alice, "post", group, new_key(), said("before"))
    key, edited = new_key(), new_key()
    mine = (await patiently(eve, "post", group, key, said("mine"))).result
    changed = (await patiently(eve, "edit", group, edited, mine[0], None, said("mine too"))).result
    removed = (await patiently(alice, "remove", group, new_key(), "eve")).result[0]
    for _ in range(3):
        await patiently(alice, "post", group, new_key(), said("after"))
    await patiently(alice, "edit", group, new_key(), 2, None, said("after all"))
    await patiently(alice, "add", group, new_key(), "warm")
    return [
        *await _read_by_who_left(eve, group, removed),
        *await _written_by_who_left(eve, group, mine, changed, key, edited),
    ]


async def _read_by_who_left(eve: Raw, group: str, removed: int) -> list[int]:
    """By every read, with every odd number: nothing that came later, and not even how much."""
    told: list[int] = []
    for after, before in (
        *((after, None) for after in (None, 0, 1, removed - 1, removed)),
        *((None, before) for before in (1, 2, removed, removed + 1, removed + 2, MOST)),
    ):
        for limit in (1, 2, 200, MOST):
            got = await eve.ask("history", group, after, before, limit)
            items, _, last, head, *more = got.result
            assert (head, more) == (removed, []), got
            assert last <= removed
            assert all(item[0] <= removed and b"after" not in (item[4] or b"") for item in items), got
            told.append(got.code)
    for after in (removed + 1, removed + 2, removed + 100, MOST):
        got = await eve.ask("history", group, after)
        assert got.code == RefusalCode.EPOCH_CHANGED, "what is there looks as what is not"
        told.append(got.code)
    rows = [row for row in (await eve.ask("sync", None)).result[0] if row[0] == group]
    assert [(row[3], row[5], row[10], row[11:]) for row in rows] == [(removed, removed, [], [])], rows
    for position in (0, 1, removed, removed + 1, MOST):
        ((agreed, _, row),) = (await eve.ask("check", [[group, eve.place, position, MOST]])).result[0]
        assert agreed <= min(position, removed)
        assert row == rows[0]
    assert group not in {row[0] for row in (await eve.ask("conversations", None, 200)).result[0]}
    return told


async def _written_by_who_left(
    eve: Raw, group: str, mine: list[Any], changed: list[Any], key: bytes, edited: bytes
) -> list[int]:
    """Nothing new is taken, whatever it is about; old keys give old answers, and keys of others nothing."""
    told: list[int] = []
    for method, *params in (
        ("members", group),
        ("post", group, new_key(), said("x")),
        ("edit", group, new_key(), mine[0], None, said("x")),
        ("edit", group, new_key(), mine[0], changed[1], said("x")),
        ("edit", group, new_key(), MOST, None, said("x")),
        ("cursor", group, 1, 1),
        ("cursor", group, MOST, MOST),
        ("add", group, new_key(), "eve"),
        ("add", group, new_key(), "nobody at all"),
        ("remove", group, new_key(), "alice"),
        ("remove", group, new_key(), "eve"),
        ("leave", group, new_key()),
    ):
        got = await patiently(eve, method, *params)
        assert (got.code, got.text) == (NOT_FOUND, "no such conversation"), (method, got)
        told.append(got.code)
    assert (await patiently(eve, "post", group, key, said("mine"))).result == [*mine[:2], True]
    again = await patiently(eve, "edit", group, edited, mine[0], None, said("mine too"))
    assert again.result == [*changed[:2], True]
    assert (await eve.ask("abandon", group, key)).result == [mine[0]]
    assert (await eve.ask("abandon", group, new_key())).result == [None]
    eve.send(SIGNAL, 0, eve.received, "typing", group)
    after = [push for push in eve.pushes if group in push and push[0] == "message" and b"after" in push[6]]
    assert not after, after
    return told


async def forged_places(here: Arena) -> Heard:
    """Cut, turned, longer, of another server, of another list, of somebody else: refused, and no sign of an older copy."""
    heard = Heard()
    await with_alice(here)
    alice, _ = await here.enter("alice", "phone")
    raw, _ = await here.enter("eve", "phone")
    async with alice, raw:
        groups = [
            (await patiently(alice, "create", new_key(), "group", "g", ["eve"])).result[0] for _ in range(3)
        ]
        for group in groups:
            await patiently(alice, "post", group, new_key(), said("x"))
        listed = (await raw.ask("conversations", None, 1)).result[1]
        theirs = (await alice.ask("sync", None, 1)).result[1]
        own = (await raw.ask("sync", None, 1)).result[1]
        forged = [
            "",
            "\x00" * len(own),
            "\x00" + own[1:],
            own[:-1],
            own[:-1] + "\x00",
            own[4:],
            own + own,
            own[::-1],
            own[: len(own) // 2] + theirs[len(own) // 2 :],
            own[:-24] + theirs[-24:],
            theirs[:24] + own[24:],
            of_no_store().seal(3),
            "A" * len(own),
            "\u0101" * len(own),
            "\U00020000" * 8000,
        ]
        for place in (*forged, listed):
            got = await raw.ask("sync", place)
            heard[got.code] += 1
            assert got.text == "the store's history is another than the one you know"
            ((agreed, _, _),) = (await raw.ask("check", [[groups[0], place, MOST, MOST]])).result[0]
            assert agreed == 0
        for place in (*forged, own, theirs):
            got = await raw.ask("conversations", place)
            heard[got.code] += 1
            assert got.text == "the store's history is another than the one you know"
        # With somebody else's, one is shown one's own, and hurts oneself alone.
        rows = (await raw.ask("sync", theirs)).result[0]
        assert {row[0] for row in rows} <= {row[0] for row in (await raw.ask("sync", None)).result[0]}
        for numbers in ((-1, 0), (0, -1), (1.0, 0), (2**53 - 1, "1"), (None, 0)):
            got = await raw.ask("check", [[groups[0], own, *numbers]])
            assert got.result == "known", got
            heard[got.code] += 1
    assert "older_copy" not in here.server.tail(1000), "what anybody can write is no witness"
    return heard


async def forgeries(here: Arena) -> Heard:
    """Names and positions within contents, and other words under a key that was used."""
    heard = Heard()
    await with_alice(here)
    raw, _ = await here.enter("eve", "phone")
    async with raw:
        for _ in range(10):
            key = new_key()
            assert (await patiently(raw, "post", EVE, key, said("one"))).code == 0
            heard[(await patiently(raw, "post", EVE, key, said("another"))).code] += 1
            forged = msgpack.packb({"type": "text", "text": "x", "sender": "alice", "position": 1})
            stored = (await patiently(raw, "post", EVE, new_key(), forged)).result[0]
            items = (await raw.ask("history", EVE, stored - 1, None, 1)).result[0]
            assert (items[0][0], items[0][1]) == (stored, "eve"), "content forges nothing"
            heard[(await raw.ask("edit", EVE, new_key(), 10**6, None, said("x"))).code] += 1
    return heard


async def odd_names(here: Arena) -> Heard:
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
    heard = Heard(note="texts unchanged")
    for name in odd:
        async with await here.open() as raw:
            raw.hello(here.token("eve"), name)
            heard[(await raw.goodbye()).code] += 1
        async with await here.open() as raw:
            raw.hello(here.token(f"eve{name}"), "phone")
            heard[(await raw.goodbye()).code] += 1
    raw, _ = await here.enter("eve", "phone")
    async with raw:
        for title in odd:
            refused = await patiently(raw, "create", new_key(), "group", f"a{title}b", [])
            assert (refused.code, refused.result) == (RefusalCode.INVALID, "title"), title
            heard[refused.code] += 1
        text = "".join(odd)
        answer = await patiently(raw, "post", EVE, new_key(), said(text))
        heard[answer.code] += 1
        posted = answer.result[0]
        item = (await raw.ask("history", EVE, posted - 1, None, 1)).result[0][0]
        assert item[4] == said(text), "what people say is passed on as it is"
    return heard


async def told_that_it_lags(here: Arena, name: str, device_id: str, welcome: Welcomed, ack: int = 0) -> int:
    """A session that lost pushes is told so by PUSH "lagging", as soon as it is resumed and reads."""
    raw, again = await here.enter(name, device_id, resume=(welcome.session_id, welcome.token), ack=ack)
    async with raw:
        assert again.resumed, again
        while ["lagging"] not in raw.pushes:
            await raw.frame()
            raw.ack()
        return await fate(raw)


async def never_reads(here: Arena) -> Heard:
    """Eight devices that read nothing, in a conversation that is flooded with 30 kB each time, and ask for pages."""
    await with_alice(here)
    deaf: list[tuple[Raw, Welcomed]] = []
    for number in range(8):
        raw, welcome = await here.enter("eve", f"deaf {number}")
        raw.limit_buffers()
        deaf.append((raw, welcome))
    talker, _ = await here.enter("alice", "talker")
    async with talker:
        for number in range(150):
            assert (await patiently(talker, "post", EVE, new_key(), said("x" * 30_000))).code == 0
            if number == 75:
                for raw, _ in deaf:
                    for _ in range(200):
                        raw.request("history", EVE, None, None, 200, ack=0)
    heard = Heard(note="1,600 pages asked; each is told that it lags")
    for number, (raw, welcome) in enumerate(deaf):
        await raw.hang_up()
        heard[await told_that_it_lags(here, "eve", f"deaf {number}", welcome)] += 1
    return heard


async def detached_masses(here: Arena) -> Heard:
    """1,000 users whose devices are gone, and a group that is talked to for all of them: of what is kept the oldest goes."""
    sessions: dict[int, Welcomed] = {}

    async def come_and_go(numbers: Any) -> None:
        for number in numbers:
            raw, welcome = await here.enter(f"member{number}", "phone")
            sessions[number] = welcome
            raw.reset()
            await raw.hang_up()

    numbers = iter(range(1000))
    await asyncio.gather(*(come_and_go(numbers) for _ in range(10)))
    group = here.found["large group"]
    for number in range(1000, 1040):  # one of them alone may say something every other second
        talker, _ = await here.enter(f"member{number}", "talker")
        async with talker:
            assert (await patiently(talker, "post", group, new_key(), said("x" * 30_000))).code == 0
    heard = Heard()
    for number in range(990, 1000):
        heard[await told_that_it_lags(here, f"member{number}", "phone", sessions[number])] += 1
    forgotten = 0
    for number in range(700):  # the server counts what it keeps once a second
        kept = sessions[number]
        raw, welcome = await here.enter(f"member{number}", "phone", resume=(kept.session_id, kept.token))
        await raw.hang_up()
        forgotten += not welcome.resumed
        if forgotten == 10:
            break
        await asyncio.sleep(0.01)
    assert forgotten == 10, "a gigabyte is kept for who may never come back"
    heard.note = "40 posts to 5,000 members; the oldest sessions are forgotten, the newest told that they lag"
    return heard


async def large_group_flood(here: Arena) -> Heard:
    """300 members who listen, and one who posts to 5,000 as fast as can be."""
    group, begin = here.found["large group"], time.monotonic()
    listeners: list[Raw] = []
    for number in range(300):
        raw, _ = await here.enter(f"member{number}", "listener")
        listeners.append(raw)
    talker, _ = await here.enter("owner", "talker")
    heard = Heard()
    async with talker:
        for _ in range(6):
            seqs = [talker.request("post", group, new_key(), said("x" * 200)) for _ in range(100)]
            for seq in seqs:
                heard[(await talker.answer(seq)).code] += 1
    allowed = BURST + RATE * (time.monotonic() - begin)
    assert heard[GOES_ON] * LARGE_POST <= allowed, f"more than the rate of one user: {heard}"
    await asyncio.gather(*(raw.push(heard[GOES_ON]) for raw in listeners))
    for raw in listeners:
        await raw.hang_up()
    return heard


_STRANGER = (
    RefusalCode.INVALID,
    RefusalCode.UNKNOWN_METHOD,
    NOT_FOUND,
    RefusalCode.TOO_LARGE,
    RefusalCode.EPOCH_CHANGED,
)
_POSTS = (GOES_ON, RefusalCode.RATE_LIMITED, RefusalCode.HELD)

ATTACKS = [
    Attack("bad tokens", 4_000, bad_tokens, "people", [AUTH_FAILED]),
    Attack("guessing tokens", 2_000, guessing_tokens, "people", (AUTH_FAILED, TOO_MANY)),
    Attack(
        "stolen sessions, two resume at once",
        4_000,
        stolen_sessions,
        "people",
        [GOES_ON],
        [CloseCode.REPLACED],
    ),
    Attack("replayed resume tokens", 4_000, replayed_tokens, "people", [GOES_ON]),
    Attack("resume storm on sockets nobody reads", 2 * MAX_SESSION_KIB, resume_storm, "people", [GOES_ON]),
    Attack("outsiders", 4_000, outsiders, "people", _STRANGER),
    Attack(
        "members of old", 4_000, members_of_old, "people", (GOES_ON, NOT_FOUND, RefusalCode.EPOCH_CHANGED)
    ),
    Attack("forged places", 4_000, forged_places, "people", (RefusalCode.EPOCH_CHANGED, RefusalCode.INVALID)),
    Attack("forged senders and positions", 4_000, forgeries, "people", (KEY_REUSED, NOT_FOUND)),
    Attack(
        "control and bidi characters", 2_000, odd_names, "people", (AUTH_FAILED, GOES_ON, RefusalCode.INVALID)
    ),
    Attack("8 devices that never read", 8 * MAX_SESSION_KIB, never_reads, "people", [GOES_ON]),
    Attack("1,000 detached sessions", 80_000, detached_masses, "people", [GOES_ON]),
    Attack("flood of a group of 5,000", 60_000, large_group_flood, "people", _POSTS),
]

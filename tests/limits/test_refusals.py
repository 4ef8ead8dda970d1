"""Requests that are refused: each with its code, without harm to the connection that asked or to anybody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imserver.model import Kind
from tests.limits.patience import (
    HELD,
    HERE,
    INVALID,
    KEY,
    KEY_REUSED,
    NOT_FOUND,
    RATE_LIMITED,
    REFUSED,
    THEIRS,
    TOO_LARGE,
    UNKNOWN_METHOD,
    content,
    patiently,
)
from tests.limits.raw import SIGNAL, Raw, neighbourhood, new_key, said


async def test_every_refusal_has_its_code_and_costs_nobody_the_connection(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        got = [(await raw.ask(method, *params)).code for method, params, _ in REFUSED]
        wrong = [
            (method, str(params)[:80], code, wanted)
            for (method, params, wanted), code in zip(REFUSED, got, strict=True)
            if code != wanted
        ]
        assert not wrong
        await neighbours.talk()
        assert (await raw.ask("post", HERE, KEY, said("x"))).result[0] == 1, "none of them was stored"


#: method, parameters, the detail of the refusal INVALID.
WRONG_PARAMETERS: list[tuple[str, tuple[Any, ...], str]] = [
    ("post", (), "conversation_id"),
    ("post", (HERE, KEY), "content"),
    ("post", (HERE, "k" * 16, said("x")), "key"),
    ("post", (HERE, b"short", said("x")), "key"),
    ("post", (HERE, KEY, b""), "content"),
    ("post", (HERE, KEY, content({"text": "x"})), "content.type"),
    ("post", (HERE, KEY, content({"type": "text"})), "content.text"),
    ("history", (HERE, "1"), "after"),
    ("history", (HERE, -1), "after"),
    ("history", (HERE, None, 0), "before"),
    ("history", (HERE, 1, 2), "before"),
    ("history", (HERE, None, None, 0), "limit"),
    ("history", (HERE, None, None, None), "limit"),
    ("sync", (None, 0), "limit"),
    ("conversations", (None, -1), "limit"),
    ("members", (HERE, None, 0), "limit"),
    ("cursor", (HERE, 1, 2), "read"),
    ("create", (KEY, "party", "t", []), "kind"),
    ("create", (KEY, "x' - at `$[9]`", "t", []), "kind"),
    ("create", (KEY, "direct", "t", []), "kind"),
    ("create", (KEY, "group", "t" * 201, []), "title"),
    *(
        ("create", (KEY, "group", f"a{character}b", []), "title")
        for character in "\n\t\x00\x7f\x85\u200b\u200e\u202e\u2028\u2066\ufeff\ue000\U000e0061"
    ),
    ("create", (KEY, "group", "t", ["ann", 7]), "members"),
    ("create", (b"", "group", "t", []), "key"),
    ("add", (HERE, b"", "ann"), "key"),
    ("add", (HERE, KEY, "ann", "king"), "role"),
]


async def test_a_wrong_parameter_is_named(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        await raw.ask("post", HERE, new_key(), said("the one message here"))
        for method, params, name in WRONG_PARAMETERS:
            refusal = await raw.ask(method, *params)
            assert (refusal.code, refusal.result) == (INVALID, name), (method, params, refusal)
            assert refusal.text.startswith(name.split(".")[0] + ":") or "after, before" in refusal.text, (
                refusal
            )
        too_long = await raw.ask("users", ["x"] * 101)
        assert (too_long.code, too_long.result) == (TOO_LARGE, 100), "the limit"


async def test_titles_may_be_written_in_all_that_people_write(tmp_path: Path) -> None:
    """Joiners in emoji and scripts, flags of tags, the wide space, an emoji that was not there when our Python was made."""
    england = "".join(map(chr, (0x1F3F4, 0xE0067, 0xE0062, 0xE0065, 0xE006E, 0xE0067, 0xE007F)))
    titles = [
        "",
        "午饭\u3000周六",
        "👩‍👩‍👧‍👦 family",
        "👋🏽",
        "❤️",
        "1️⃣",
        "🇩🇪",
        england,
        "می‌خواهم",
        "क्‍ष",
        "e\u0301",
        "\U0001fadc",
    ]
    async with neighbourhood(tmp_path) as (server, _), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        for title in titles:
            assert (await raw.ask("create", new_key(), "group", title, [])).code == 0, ascii(title)
        assert [row[2] for row in (await raw.ask("sync")).result[0]] == titles


async def test_what_outsiders_are_told_does_not_say_whether_it_exists(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        for method, rest in (("history", ()), ("members", ()), ("post", (KEY, said("x"))), ("leave", (KEY,))):
            answers = {
                await raw.ask(method, where, *rest)
                for where in (THEIRS, "direct/ann/nobody", "group/" + "0" * 32)
            }
            assert len(answers) == 1, answers


async def test_the_same_key_is_the_same_message(tmp_path: Path) -> None:
    async with (
        neighbourhood(tmp_path) as (server, _),
        await Raw.open(server) as eve,
        await Raw.open(server) as alice,
    ):
        await eve.enter(server, "eve")
        await alice.enter(server, "alice")
        first = await eve.ask("post", HERE, KEY, said("one"))
        again = await eve.ask("post", HERE, KEY, said("one"))
        assert (first.result[0], first.result[2]) == (1, False)
        assert again.result == [*first.result[:2], True]
        other = await eve.ask("post", HERE, KEY, said("two"))
        assert other.code == KEY_REUSED
        # The key is the sender's own: alice's message with the same bytes is another one.
        assert (await alice.ask("post", HERE, KEY, said("mine"))).result[0] == 2
        assert (await eve.ask("post", HERE, new_key(), said("end"))).result[0] == 3
        await alice.push(2)
        assert [push[6] for push in alice.pushes] == [said("one"), said("end")], "no second push"
        assert [push[6] for push in await eve.push(1)] == [said("mine")]


async def test_a_key_is_looked_up_before_a_refusal(tmp_path: Path) -> None:
    """What was committed is said to be committed, though it would be refused by now."""
    async with neighbourhood(tmp_path) as (server, _), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "Lunch", ["eve"])
        posted = await raw.ask("post", group, KEY, said("x"))
        await server.chat.remove_member("alice", group, "eve")
        assert (await raw.ask("post", group, KEY, said("x"))).result == [*posted.result[:2], True]
        assert (await raw.ask("post", group, new_key(), said("x"))).code == NOT_FOUND


async def test_a_retryable_refusal_holds_the_conversation_until_its_key_is_offered_again(
    tmp_path: Path,
) -> None:
    limits = {"posts_per_second": 4.0, "posts_burst": 2}
    async with neighbourhood(tmp_path, limits=limits) as (server, neighbours), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        keys = [new_key() for _ in range(5)]
        seqs = [raw.request("post", HERE, key, said(f"{n}")) for n, key in enumerate(keys)]
        answers = [await raw.answer(seq) for seq in seqs]
        assert [answer.code for answer in answers] == [0, 0, RATE_LIMITED, HELD, HELD]
        assert 0 < answers[2].retry_after_ms <= 1000
        # A later message does not overtake, however long one waits; another conversation is not held.
        assert (await patiently(raw, "post", HERE, keys[3], said("3"), but=HELD)).code == HELD
        assert (await patiently(raw, "post", "direct/bob/eve", new_key(), said("x"))).result[0] == 1
        assert (await patiently(raw, "post", HERE, keys[2], said("2"))).result[0] == 3
        assert (await patiently(raw, "post", HERE, keys[3], said("3"))).result[0] == 4
        await neighbours.talk()


async def test_a_held_key_may_be_given_up(tmp_path: Path) -> None:
    limits = {"posts_per_second": 2.0, "posts_burst": 1}
    async with neighbourhood(tmp_path, limits=limits) as (server, _), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        stored, held, later = new_key(), new_key(), new_key()
        seqs = [raw.request("post", HERE, key, said(key.hex())) for key in (stored, held)]
        assert [(await raw.answer(seq)).code for seq in seqs] == [0, RATE_LIMITED]
        assert (await raw.ask("post", HERE, later, said("x"))).code == HELD
        assert (await raw.ask("abandon", HERE, stored)).result == [1], "this one was committed"
        assert (await raw.ask("post", HERE, later, said("x"))).code == HELD, "another key releases nothing"
        assert (await raw.ask("abandon", HERE, held)).result == [None]
        assert (await patiently(raw, "post", HERE, later, said("x"))).result[0] == 2


@pytest.mark.parametrize("size", [4, 500])
async def test_a_flood_of_nonsense_is_answered_in_full(tmp_path: Path, size: int) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        for _ in range(5):
            seqs = [raw.request("no such method " * size, n) for n in range(64)]
            assert {(await raw.answer(seq)).code for seq in seqs} == {UNKNOWN_METHOD}
            await neighbours.talk()


async def test_signals_of_strangers_reach_nobody(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        for fields in (("typing", THEIRS), ("typing", 7), ("typing",), ("online", "ann"), ("x" * 300,)):
            raw.send(SIGNAL, 0, raw.received, *fields)
        await neighbours.talk()
        assert (await raw.ask("sync", None)).code == 0
        assert not raw.pushes

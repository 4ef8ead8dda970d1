"""What a team leaves in rows and memory: one row for who joins, none for a conversation; unread from joining; nothing undone.

For engines alone: the model has no rows.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from imserver.chat.transaction import Transaction
from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind, Role, group_conversation_id
from imserver.store.engine.faults import Fault
from imserver.testing import ManualClock
from tests.store.deeds import mute
from tests.store.homes import Home
from tests.store.support import Recorder, Stand, Work, key, post, refusal_of
from tests.store.team_scene import STAFF, TALK, audience, fires, hires, make_bot, make_staff, make_talk

#: Service conversations of the large test; the cost of a change of the team must not depend on it.
MANY = 3_000


@pytest.fixture
async def shop(engine_stand: Stand) -> Stand:
    await engine_stand.tx(make_staff)
    await engine_stand.tx(make_talk)
    return engine_stand


async def rows(stand: Stand, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    return await stand.tx(lambda tx: tx.sql(sql, params))


async def cursors_of(stand: Stand, user_id: str) -> tuple[Any, ...]:
    """seen_no, delivered and read of a member by the team; empty without a row."""
    found = await rows(
        stand,
        "SELECT seen_no, delivered, read FROM team_cursors JOIN users ON no = user_no WHERE user_id = ?",
        user_id,
    )
    return found[0] if found else ()


def findings(home: Home) -> list[str]:
    return [f"{found.check}: {found.text}" for found in home.findings()]


# -- rows -------------------------------------------------------------------------------------------------------------


async def test_a_conversation_takes_no_row_for_the_persons_of_its_team(shop: Stand) -> None:
    [(count,)] = await rows(
        shop,
        "SELECT count(*) FROM members m JOIN conversations c ON c.no = m.conversation_no"
        " WHERE c.conversation_id = ?",
        TALK,
    )
    assert count == 2  # the bot and the customer
    teams = await rows(
        shop,
        "SELECT c.conversation_id, t.conversation_id, h.team = t.no FROM conversations c"
        " JOIN conversations t ON t.no = c.team JOIN heads h ON h.conversation_no = c.no",
    )
    assert teams == [(TALK, STAFF, 1)]


async def test_joined_is_the_change_of_joining_the_team(shop: Stand) -> None:
    await shop.post(post(1, "dee", TALK))
    await hires(shop, "cy")
    found = await rows(
        shop,
        "SELECT u.user_id, t.joined, m.change FROM team_members t JOIN users u ON u.no = t.user_no"
        " JOIN members r ON r.conversation_no = t.team_no AND r.user_no = t.user_no"
        " JOIN messages m ON m.conversation_no = t.team_no AND m.position = r.joined_at ORDER BY u.user_id",
    )
    assert [(user_id, joined == change) for user_id, joined, change in found] == [
        ("ann", True),
        ("bob", True),
        ("cy", True),
    ]


async def test_unread_counts_from_joining_or_from_what_was_read(shop: Stand) -> None:
    """`seen_no`: so many of the messages do not count as unread."""
    await shop.post(*[post(number, "dee", TALK) for number in range(1, 21)])  # positions 2 to 21
    await hires(shop, "cy")
    await shop.post(*[post(number, "dee", TALK) for number in range(21, 25)])
    await shop.tx(lambda tx: tx.move_cursors(TALK, "cy", 5, None))
    assert await cursors_of(shop, "cy") == (20, 5, 0)
    await shop.tx(lambda tx: tx.move_cursors(TALK, "cy", None, 3))  # read what was before joining: no matter
    assert await cursors_of(shop, "cy") == (20, 5, 3)
    await shop.tx(lambda tx: tx.move_cursors(TALK, "cy", None, 23))
    assert await cursors_of(shop, "cy") == (22, 23, 23)
    await shop.tx(lambda tx: tx.move_cursors(TALK, "bob", None, 3))  # was there from the beginning
    assert await cursors_of(shop, "bob") == (2, 3, 3)
    await shop.tx(lambda tx: tx.set_own(TALK, "ann", "pinned", 1))
    assert await cursors_of(shop, "ann") == (0, 0, 0)


async def test_who_comes_back_counts_from_coming_back(shop: Stand) -> None:
    await shop.post(*[post(number, "dee", TALK) for number in range(1, 11)])
    await shop.tx(lambda tx: tx.move_cursors(TALK, "bob", None, 4))
    assert await cursors_of(shop, "bob") == (3, 4, 4)
    await fires(shop, "bob")
    await shop.post(*[post(number, "dee", TALK) for number in range(11, 21)])
    await hires(shop, "bob")
    assert await cursors_of(shop, "bob") == (3, 4, 4)  # the reader sees that he joined later
    await shop.tx(lambda tx: tx.move_cursors(TALK, "bob", None, 6))
    assert await cursors_of(shop, "bob") == (20, 6, 6)


async def test_each_write_of_a_team_members_own_makes_the_conversation_a_changed_one(shop: Stand) -> None:
    await shop.post(post(1, "dee", TALK))

    async def changed() -> int:
        change: int
        [(change,)] = await rows(shop, "SELECT changed FROM conversations WHERE conversation_id = ?", TALK)
        return change

    before = await changed()
    await shop.tx(lambda tx: tx.set_own(TALK, "bob", "pinned", 1))
    settled = await changed()
    assert settled == shop.store.change > before
    await shop.tx(lambda tx: tx.move_cursors(TALK, "bob", 2, None))
    assert await changed() == shop.store.change > settled


async def test_a_team_that_is_set_is_a_change_that_members_hear_of(shop: Stand) -> None:
    plain = group_conversation_id("bot", key(905))
    await shop.tx(lambda tx: tx.create_conversation("bot", key(905), Kind.GROUP, "", {}))
    await shop.tx(lambda tx: tx.set_team(plain, STAFF))
    found = await rows(shop, "SELECT changed, membership FROM conversations WHERE conversation_id = ?", plain)
    assert found == [(shop.store.change, shop.store.change)]
    before = shop.store.change
    await shop.tx(lambda tx: tx.set_team(plain, STAFF))
    assert shop.store.change == before


async def test_the_check_finds_nothing_in_what_teams_leave(shop: Stand, engine_home: Home) -> None:
    """Rows that went, own rows that ended, posts of who was never added, people who left the team."""
    plain = group_conversation_id("bot", key(905))
    staff = {"bob": Role.ADMIN, "ann": Role.ADMIN}
    await shop.tx(lambda tx: tx.create_conversation("bot", key(905), Kind.GROUP, "", {"dee": Role.MEMBER}))
    for number, user_id in enumerate(staff):
        await shop.tx(
            lambda tx, *added: tx.add_member(plain, "bot", *added, Role.ADMIN), key(960 + number), user_id
        )
    await shop.post(post(1, "bob", plain), post(2, "dee", plain))
    await shop.tx(lambda tx: tx.set_team(plain, STAFF))
    for place in (TALK, plain):
        await hires(shop, "cy", 970 if place is TALK else 971)
        await shop.post(*[post(number, "cy", place) for number in range(10, 13)], post(9, "bob", place))
        await shop.tx(lambda tx, at: tx.move_cursors(at, "cy", 2, 1), place)
        await shop.tx(lambda tx, at: tx.set_own(at, "bob", "pinned", at), place)
        await shop.tx(lambda tx, at: tx.add_member(at, "bot", key(980), "cy", Role.MEMBER), place)
        await shop.tx(lambda tx, at: tx.move_cursors(at, "cy", 3, 3), place)
        await shop.tx(lambda tx, at: tx.remove_member(at, "cy", key(981), "cy"), place)
        await shop.post(post(13, "cy", place))
        await fires(shop, "cy", 972 if place is TALK else 973)
    await shop.tx(lambda tx: tx.remove_member(TALK, "dee", key(982), "dee"))
    await shop.store.close()
    assert findings(engine_home) == []


async def test_the_check_finds_strangers_in_a_conversation_with_a_team(
    shop: Stand, engine_home: Home
) -> None:
    """Who was never in the team is one, though the conversation has one."""
    await shop.tx(lambda tx: tx.create_conversation("eve", key(907), Kind.GROUP, "", {"cy": Role.MEMBER}))
    await shop.post(post(1, "bob", TALK), post(2, "cy", group_conversation_id("eve", key(907))))
    moved = "UPDATE messages SET sender_no = (SELECT no FROM users WHERE user_id = 'cy') WHERE key = ?"
    await rows(shop, moved, key(1))
    await shop.store.close()
    [found] = findings(engine_home)
    assert found.startswith("senders: message 2 of")
    assert found.endswith("is by cy, who was never a member")


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (
            "INSERT INTO team_members SELECT s.user_no, s.conversation_no, 2 FROM members s WHERE s.role = 'admin'",
            "no person",
        ),
        ("UPDATE users SET kind = 'person' WHERE user_id = 'bot'", "bot is a member"),
    ],
)
async def test_the_check_finds_a_bot_in_a_team(
    shop: Stand, engine_home: Home, damage: str, text: str
) -> None:
    await rows(shop, damage)
    await shop.store.close()
    [found] = findings(engine_home)
    assert found.startswith("members of teams:")
    assert text in found


# -- bounds -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def roomy(engine_home: Home, clock: ManualClock) -> AsyncIterator[Stand]:
    """A store with room for large groups, and a group of ann with 199 others, and a bot."""
    store = engine_home.store(clock=clock, rng=random.Random(7), max_members=5_000)
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    people = [f"u{number:03}" for number in range(199)]
    await stand.users("ann", "late", "bot", *people)
    await stand.tx(make_bot, "bot")
    members = dict.fromkeys(["bot", *people], Role.MEMBER)
    await stand.tx(lambda tx: tx.create_conversation("ann", key(900), Kind.GROUP, "staff", members))
    yield stand
    await store.close()


async def test_a_team_has_two_hundred_persons_at_most(roomy: Stand) -> None:
    """As a team it takes no more; a group that has more becomes none. Bots do not count."""
    await roomy.tx(lambda tx: tx.create_conversation("ann", key(910), Kind.GROUP, "", {}, STAFF))
    for user_id in ("late", "u000"):
        with pytest.raises(Refusal) as caught:
            await roomy.tx(lambda tx, one: tx.add_member(STAFF, "ann", key(920), one, Role.MEMBER), user_id)
        expected = (RefusalCode.TOO_LARGE, 200) if user_id == "late" else (RefusalCode.CONFLICT, None)
        assert (caught.value.code, caught.value.detail) == expected
    await roomy.tx(lambda tx: tx.remove_member(STAFF, "ann", key(921), "bot"))
    await roomy.tx(lambda tx: tx.add_member(STAFF, "ann", key(922), "bot", Role.MEMBER))  # a bot has room
    await roomy.tx(lambda tx: tx.remove_member(STAFF, "ann", key(923), "u000"))
    await roomy.tx(lambda tx: tx.add_member(STAFF, "ann", key(924), "late", Role.MEMBER))


async def test_a_group_with_more_persons_becomes_no_team(roomy: Stand) -> None:
    await roomy.tx(lambda tx: tx.add_member(STAFF, "ann", key(920), "late", Role.MEMBER))
    create = roomy.tx(lambda tx: tx.create_conversation("ann", key(910), Kind.GROUP, "", {}, STAFF))
    assert await refusal_of(create) is RefusalCode.TOO_LARGE
    await roomy.tx(lambda tx: tx.create_conversation("ann", key(911), Kind.GROUP, "", {}))
    other = group_conversation_id("ann", key(911))
    assert await refusal_of(roomy.tx(lambda tx: tx.set_team(other, STAFF))) is RefusalCode.TOO_LARGE
    assert await rows(roomy, "SELECT * FROM team_members") == []


# -- many conversations -----------------------------------------------------------------------------------------------


async def test_a_swap_of_an_employee_is_one_short_unit_however_many_conversations_there_are(
    shop: Stand,
) -> None:
    """Half of them are cached. The unit writes as many rows as with one conversation."""

    def make(tx: Transaction, first: int) -> None:
        for number in range(first, first + 500):
            tx.create_conversation("bot", key(number), Kind.GROUP, "", {}, STAFF)

    for first in range(10_000, 10_000 + MANY, 500):
        await shop.tx(make, first)

    def swap(tx: Any) -> tuple[int, float]:
        [(before,)] = tx.sql("SELECT total_changes()")
        started = time.perf_counter()
        tx.remove_member(STAFF, "ann", key(940), "bob")
        tx.add_member(STAFF, "ann", key(941), "cy", Role.MEMBER)
        took = time.perf_counter() - started
        [(behind,)] = tx.sql("SELECT total_changes()")
        return behind - before, took

    written, took = await shop.tx(swap)
    assert written < 20
    assert took < 0.02
    last = group_conversation_id("bot", key(10_000 + MANY - 1))
    assert await shop.post(post(1, "cy", last), post(2, "bob", last)) == [
        (2, 1_001, False),
        RefusalCode.NOT_FOUND,
    ]


async def test_the_cached_and_the_newly_read_know_the_same_team(
    engine_home: Home, clock: ManualClock
) -> None:
    """Two conversations of the team: a small cache forgets one of them now and then, never the team of the other."""
    store = engine_home.store(clock=clock, rng=random.Random(7), config={"max_cached_conversations": 2})
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users("ann", "bob", "cy", "dee", "bot")
    await stand.tx(make_staff)
    await stand.tx(make_talk)
    other = group_conversation_id("bot", key(911))
    await stand.tx(lambda tx: tx.create_conversation("bot", key(911), Kind.GROUP, "", {}, STAFF))
    rng, inside = random.Random(3), {"ann", "bob"}
    for number in range(1_000, 1_120):
        user_id = rng.choice(("bob", "cy"))
        if rng.random() < 0.3:
            if user_id in inside:
                await fires(stand, user_id, number)
            else:
                await hires(stand, user_id, number)
            inside ^= {user_id}
        place = rng.choice((TALK, TALK, other, STAFF))
        if place is STAFF:
            for again in range(3):
                await stand.tx(lambda tx, at: tx.audience(at), f"group/{again}")
            await stand.tx(lambda tx: tx.audience(STAFF))
            gc.collect(1)  # all that is young: what this test made
        else:
            assert {"ann", "bob", "cy"} & (await audience(stand, place)).keys() == inside
    await store.close()


async def test_a_batch_that_fails_leaves_the_team_as_it_was(engine_home: Home) -> None:
    """The commit fails; the same units then run one by one, and only what was right is stored."""
    failing = engine_home.failing()
    assert failing is not None
    store, fail = failing
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users("ann", "bob", "cy", "dee", "bot")
    await stand.tx(make_staff)
    await stand.tx(make_talk)
    fail(Fault.FULL, "commit")
    units = [
        Work(lambda tx: tx.remove_member(STAFF, "ann", key(940), "bob")),
        Work(lambda tx: tx.add_member(STAFF, "ann", key(941), "cy", Role.MEMBER)),
        post(1, "cy", TALK),
    ]
    await stand.do(units)
    assert [unit.error.code for unit in units if isinstance(unit.error, Refusal)] == [
        RefusalCode.STORE_FULL
    ] * 3
    fail(None, "commit")
    assert {"ann", "bob"} == (await audience(stand)).keys() - {"bot", "dee"}
    assert await stand.post(post(2, "bob", TALK), post(3, "cy", TALK)) == [
        (2, 1_002, False),
        RefusalCode.NOT_FOUND,
    ]
    await store.close()


# -- what features and accounts have to know --------------------------------------------------------------------------


async def test_the_view_of_what_may_be_read_has_each_member_once(shop: Stand) -> None:
    """Who was added and is in the team, who left a row and is here by the team, who left the team: nothing of that one."""
    await hires(shop, "cy")
    await shop.tx(lambda tx: tx.add_member(TALK, "bot", key(950), "cy", Role.ADMIN))
    await shop.tx(lambda tx: tx.add_member(TALK, "bot", key(951), "ann", Role.MEMBER))
    await shop.tx(lambda tx: tx.remove_member(TALK, "ann", key(952), "ann"))
    await shop.tx(lambda tx: tx.remove_member(TALK, "dee", key(953), "dee"))
    await fires(shop, "bob")
    await shop.store.migrate_plugin("stars", [(1, "CREATE TABLE stars_rows (n INTEGER PRIMARY KEY)")])
    place = await shop.tx(lambda tx: tx.place_no(TALK))
    statement = (
        "SELECT p.user_id, r.first, r.last FROM readable r JOIN people p ON p.user_no = r.user_no"
        " WHERE r.place = ? ORDER BY 1"
    )
    for found in (
        await shop.tx(lambda tx: tx.feature_sql("stars", statement, (place,))),
        await shop.store.read(lambda reader: reader.feature_sql("stars", statement, (place,))),
    ):
        whole = (1, (1 << 63) - 1)
        assert found == [("ann", *whole), ("bot", *whole), ("cy", *whole), ("dee", 1, 5)]


async def test_an_account_that_becomes_a_bot_is_in_no_team(shop: Stand, engine_home: Home) -> None:
    def becomes_bot(tx: Any) -> None:
        make_bot(tx, "bob")
        tx.leave_teams("bob")

    # In two of them, each of which has a conversation.
    other, talk = group_conversation_id("cy", key(980)), group_conversation_id("cy", key(981))
    await shop.tx(
        lambda tx: tx.create_conversation("cy", key(980), Kind.GROUP, "night", {"bob": Role.MEMBER})
    )
    await shop.tx(lambda tx: tx.create_conversation("cy", key(981), Kind.GROUP, "talk", {}, other))
    assert "bob" in await shop.tx(lambda tx: tx.conversation(talk).members)
    await shop.tx(becomes_bot)
    assert "bob" not in await audience(shop)
    assert "bob" not in await shop.tx(lambda tx: tx.conversation(talk).members)
    await shop.store.close()
    assert findings(engine_home) == []


async def test_a_mute_of_a_row_that_ended_is_known_after_a_restart(
    engine_home: Home, clock: ManualClock
) -> None:
    for opening in range(2):
        store = engine_home.store(clock=clock, rng=random.Random(7 + opening))
        await store.open(recorder := Recorder())
        stand = Stand(store, recorder)
        if opening == 0:
            await stand.users("ann", "bob", "cy", "dee", "bot")
            await stand.tx(make_staff)
            await stand.tx(make_talk)
            await stand.tx(lambda tx: tx.add_member(TALK, "bot", key(950), "bob", Role.MEMBER))
            await stand.tx(lambda tx: mute(tx, TALK, "bob", 1 << 50))
            await stand.tx(lambda tx: tx.remove_member(TALK, "bob", key(951), "bob"))
        assert await stand.post(post(1, "bob", TALK)) == [RefusalCode.FORBIDDEN]
        await store.close()

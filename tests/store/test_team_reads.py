"""Who is a member through a team reads all of a conversation, and nothing any more once out of the team."""

from __future__ import annotations

from typing import Any

import pytest

from imserver.chat.permissions import Relation
from imserver.errors import RefusalCode
from imserver.model import Cursors, Learnt, Role
from imserver.testing import ManualClock
from tests.store.support import Stand, edit_message, refusal_of, said
from tests.store.team_scene import BOSS, Shop, ids


@pytest.fixture
async def shop(stand: Stand, clock: ManualClock) -> Shop:
    return await Shop.opened(stand, clock, "ann", "bob")


@pytest.fixture
async def sqlite_shop(sqlite_stand: Stand, clock: ManualClock) -> Shop:
    """For what only the SQLite store does."""
    return await Shop.opened(sqlite_stand, clock, "ann", "bob")


async def relation(shop: Shop, conversation_id: str, who: str) -> tuple[Relation, Role | None]:
    seat = await shop.stand.read(lambda reader: reader.seat(conversation_id, who))
    return seat.standing.relation, seat.role


async def history(shop: Shop, conversation_id: str, who: str, after: int | None = 0) -> list[int]:
    page = await shop.stand.read(
        lambda reader: reader.history(conversation_id, who, after, None, 100, 100_000)
    )
    return [item.position for item in page.items]


async def test_seats(shop: Shop) -> None:
    """Through the team, with a row of one's own, after the team, and never."""
    place = await shop.serve()
    assert await relation(shop, place, "ann") == (Relation.TEAM_MEMBER, Role.MEMBER)
    assert await relation(shop, place, BOSS) == (Relation.MEMBER, Role.OWNER)
    assert await relation(shop, place, "cust") == (Relation.MEMBER, Role.MEMBER)
    assert await relation(shop, place, "cy") == (Relation.STRANGER, None)
    assert await relation(shop, "group/none", "ann") == (Relation.STRANGER, None)
    await shop.join("ann", place, Role.ADMIN)
    assert await relation(shop, place, "ann") == (Relation.MEMBER, Role.ADMIN), "a present own row wins"
    await shop.leave("ann", place)
    assert await relation(shop, place, "ann") == (Relation.TEAM_MEMBER, Role.MEMBER)
    await shop.leave("bob")
    assert await relation(shop, place, "bob") == (Relation.FORMER_TEAM_MEMBER, None)
    await shop.leave("ann")
    assert await relation(shop, place, "ann") == (Relation.FORMER, Role.ADMIN), (
        "a former own row keeps its right"
    )


async def test_all_is_read_through_the_team_and_nothing_after_it(shop: Shop) -> None:
    """Also what was said before one came; by every way of reading."""
    place = await shop.serve()
    for _ in range(3):
        await shop.say(place)
    await shop.join("cy")
    await shop.stand.tx(lambda tx: tx.set_item(place, 2, "x", 1, {}))
    reads: dict[str, Any] = {
        "history": lambda reader: reader.history(place, "cy", 0, None, 9, 999),
        "changes": lambda reader: reader.changes(place, "cy", 0, 9, 999),
    }
    assert await history(shop, place, "cy") == [1, 2, 3, 4]
    assert await history(shop, place, "cy", None) == [1, 2, 3, 4]
    changes = await shop.stand.read(reads["changes"])
    assert [row[0] for row in changes.rows] == [2]
    await shop.leave("cy")
    for name, read in reads.items():
        assert await refusal_of(shop.stand.read(read)) is RefusalCode.NOT_FOUND, name
    learnt = Learnt(place, "", 4, 0)
    assert await shop.stand.read(lambda reader: reader.check("cy", learnt)) is None
    assert await history(shop, place, "ann") == [1, 2, 3, 4], "the others read on"


async def test_who_left_by_a_row_reads_the_wider_of_both(shop: Shop) -> None:
    """A customer who was removed and is in the team reads on, and up to leaving, as it was then, once out of the team."""
    place = await shop.serve("cy")
    await shop.say(place, BOSS)
    await shop.leave("cy", place)
    await shop.stand.tx(lambda tx: edit_message(tx, place, BOSS, shop.key(), 2, said("changed")))
    await shop.say(place, BOSS)
    assert await history(shop, place, "cy") == [1, 2, 3]
    await shop.join("cy")
    assert await history(shop, place, "cy") == [1, 2, 3, 4, 5]
    items = (await shop.stand.read(lambda reader: reader.history(place, "cy", 1, None, 1, 999))).items
    assert items[0].content == said("changed")
    await shop.leave("cy")
    assert await history(shop, place, "cy") == [1, 2, 3]
    items = (await shop.stand.read(lambda reader: reader.history(place, "cy", 1, None, 1, 999))).items
    assert items[0].content != said("changed"), "as it was to be read then"
    assert await refusal_of(shop.stand.read(lambda reader: reader.changes(place, "cy", 0, 9, 999))) is (
        RefusalCode.NOT_FOUND
    )


async def test_check_answers_with_the_row_of_now(shop: Shop) -> None:
    place = await shop.serve()
    await shop.say(place)
    _, since = await shop.synced("ann")
    found = await shop.stand.read(lambda reader: reader.check("ann", Learnt(place, since, 2, 0)))
    assert found is not None
    assert (found.agreed, found.state_good) == (2, True)
    assert (found.row.team, found.row.role, found.row.left_at, found.row.head) == (
        shop.team,
        Role.MEMBER,
        None,
        2,
    )


async def test_what_was_learnt_by_the_team_behind_a_place_of_one_s_own_is_agreed_on(shop: Shop) -> None:
    """Though only the past of then is shown: nothing was replaced. What was said behind leaving the team is not told of."""
    place = await shop.serve("cy")
    await shop.join("cy")
    await shop.leave("cy", place)
    await shop.say(place, BOSS)
    await shop.say(place, BOSS)
    _, since = await shop.synced("cy")
    await shop.leave("cy")
    await shop.say(place, BOSS)

    async def agreed(user_id: str, asked: int) -> int | None:
        found = await shop.stand.read(lambda reader: reader.check(user_id, Learnt(place, since, asked, 0)))
        assert found is not None
        assert (found.row.head, found.row.left_at) == (2, 2)
        position: int | None = found.agreed
        return position

    assert [await agreed("cy", asked) for asked in (1, 2, 3, 4, 5, 99)] == [1, 2, 3, 4, 4, 4]
    await shop.join("cust", place)
    await shop.leave("cust", place)
    [row] = [row for row in (await shop.synced("cust"))[0] if row.conversation_id == place]
    assert row.left_at == 7
    _, now = await shop.synced("cust")
    await shop.say(place, BOSS)
    found = await shop.stand.read(lambda reader: reader.check("cust", Learnt(place, now, 8, 0)))
    assert found is not None
    assert found.agreed == 7, "never in the team: up to leaving"


async def test_members_are_rows_and_persons_of_the_team_by_user_id(shop: Shop) -> None:
    """Each once, however long the pages are, and as of now."""
    place = await shop.serve()

    async def paged(limit: int) -> list[tuple[str, Role]]:
        found: list[tuple[str, Role]] = []
        after: str | None = None
        while True:
            page = await shop.stand.read(
                lambda reader, after: reader.members_page(place, after, limit), after
            )
            found += [(member.user_id, member.role) for member in page]
            if len(page) < limit:
                return found
            after = page[-1].user_id

    everybody = [("ann", Role.MEMBER), ("bob", Role.MEMBER), (BOSS, Role.OWNER), ("cust", Role.MEMBER)]
    for limit in (1, 2, 3, 10):
        assert await paged(limit) == everybody
    await shop.join("cy")
    await shop.leave("ann")
    for limit in (1, 2, 10):
        assert [name for name, _ in await paged(limit)] == ["bob", BOSS, "cust", "cy"]
    await shop.join("bob", place, Role.ADMIN)
    for limit in (1, 2, 10):
        assert await paged(limit) == [
            ("bob", Role.ADMIN),
            (BOSS, Role.OWNER),
            ("cust", Role.MEMBER),
            ("cy", Role.MEMBER),
        ]
    members = await shop.stand.read(lambda reader: reader.members(place))
    assert [(one.user_id, one.role) for one in members] == [
        (BOSS, Role.OWNER),
        ("cust", Role.MEMBER),
        ("bob", Role.ADMIN),
        ("cy", Role.MEMBER),
    ]
    assert [one.joined_at for one in members] == [1, 1, 2, 2], (
        "behind the last message when one joined the team"
    )


async def test_plugins_get_an_audience_with_the_team(shop: Shop) -> None:
    """As it is now: what is kept for a conversation is good for one version of both."""
    place = await shop.serve()
    await shop.say(place)

    async def audience() -> dict[str, Role]:
        rows, _ = await shop.stand.read(lambda reader: reader.messages_after(0, None, 1_000))
        return dict(next(people for _, message, people in rows if message.conversation_id == place))

    team = {"ann": Role.MEMBER, "bob": Role.MEMBER}
    assert await audience() == {BOSS: Role.OWNER, "cust": Role.MEMBER, **team}
    await shop.leave("ann")
    await shop.join("bob", place, Role.ADMIN)
    assert await audience() == {BOSS: Role.OWNER, "cust": Role.MEMBER, "bob": Role.ADMIN}


async def test_cursors_of_others_are_those_that_exist(shop: Shop) -> None:
    place = await shop.serve()
    await shop.say(place)

    async def cursors_for(who: str) -> dict[str, Cursors]:
        rows, _ = await shop.synced(who)
        return dict(next(row for row in rows if row.conversation_id == place).cursors_of)

    boss, cust = Cursors(0, 0), Cursors(0, 0)
    assert await cursors_for("ann") == {BOSS: boss, "cust": cust}, "who never got anything has none"
    await shop.read(place, "bob", 2)
    assert await cursors_for("ann") == {BOSS: boss, "cust": cust, "bob": Cursors(2, 2)}
    assert await cursors_for("cust") == {BOSS: boss, "bob": Cursors(2, 2)}
    assert await cursors_for("bob") == {BOSS: boss, "cust": cust}
    await shop.leave("bob")
    assert await cursors_for("cust") == {BOSS: boss}, "kept for coming back, and shown to nobody"


@pytest.mark.parametrize("count", [46, 47])
async def test_receipts_stop_above_fifty_members_with_the_team(sqlite_shop: Shop, count: int) -> None:
    """Two in the conversation, two in the team, and these."""
    names = [f"user{number:02}" for number in range(count)]
    await sqlite_shop.stand.users(*names)
    place = await sqlite_shop.serve()
    for name in names:
        await sqlite_shop.join(name)
    for who in ("ann", "cust"):
        rows, _ = await sqlite_shop.synced(who)
        [row] = [row for row in rows if row.conversation_id == place]
        assert bool(row.cursors_of) == (count == 46)


async def test_own_cursors_and_settings_are_those_of_the_team_unless_a_row_is_present(shop: Shop) -> None:
    place = await shop.serve()
    await shop.say(place)
    await shop.read(place, "ann", 2)
    await shop.stand.tx(lambda tx: tx.set_own(place, "ann", "color", 3))

    async def own() -> tuple[Cursors, bool, int]:
        rows, _ = await shop.synced("ann")
        [row] = [row for row in rows if row.conversation_id == place]
        [listed] = [row for row in await shop.listed("ann") if row.conversation_id == place]
        assert (row.cursors, row.settings, row.settings_seq, row.team) == (
            listed.cursors,
            listed.settings,
            listed.settings_seq,
            listed.team,
        )
        assert row.settings is not None
        return row.cursors, row.team is not None, row.settings_seq

    assert await own() == (Cursors(2, 2), True, 1)
    await shop.join("ann", place)
    assert await own() == (Cursors(2, 2), False, 1)
    await shop.say(place)
    await shop.read(place, "ann", 4)
    await shop.leave("ann", place)
    assert await own() == (Cursors(4, 4), True, 1)
    assert place in ids(await shop.listed("ann"))

"""`sync` and `conversations` of who is in teams: all that one gains and what moves comes once, in an order that pages keep."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from imserver.errors import RefusalCode
from imserver.model import Cursors, Learnt, Role
from imserver.store.sqlite import conversation_lists, teams
from imserver.store.sqlite.reader import SqliteReader
from imserver.testing import ManualClock
from tests.store.costs import Cost, opened
from tests.store.support import Stand, meaning, refusal_of
from tests.store.team_scene import BOSS, Shop, ids

DAY_S = 86_400


@pytest.fixture
async def shop(stand: Stand, clock: ManualClock) -> Shop:
    return await Shop.opened(stand, clock, "ann", "bob")


@pytest.fixture
async def sqlite_shop(sqlite_stand: Stand, clock: ManualClock) -> Shop:
    """For what only the SQLite store does."""
    return await Shop.opened(sqlite_stand, clock, "ann", "bob")


# -- sync -----------------------------------------------------------------------------------------------------------------


async def test_a_row_names_the_team_and_ends_with_it(shop: Shop) -> None:
    place = await shop.serve()
    rows, since = await shop.synced("ann")
    assert [(row.conversation_id, row.team, row.role) for row in rows] == [
        (shop.team, None, Role.MEMBER),
        (place, shop.team, Role.MEMBER),
    ]
    await shop.leave("ann")
    await shop.say(place)
    [row], _ = await shop.synced("ann", since)
    assert (row.conversation_id, row.left_at, row.team) == (shop.team, 2, None), (
        "nothing of its conversations"
    )
    [row], _ = await shop.synced("ann")
    assert row.conversation_id == shop.team
    assert await shop.listed("ann") == []


@pytest.mark.parametrize("limit", [1, 2, 7, 50, 51, 500])
async def test_who_comes_back_gets_all_though_nothing_was_said_since(shop: Shop, limit: int) -> None:
    """All that one gains has the change of joining, which may be the last of all."""
    places = await shop.serve_many(50)
    _, since = await shop.synced("ann")
    await shop.leave("ann")
    _, since = await shop.synced("ann", since)
    await shop.say(places[3])
    await shop.join("ann")
    rows, end = await shop.synced("ann", since, limit)
    by_last = [*places[:3], *places[4:], places[3]]
    assert ids(rows) == [*by_last, shop.team], (
        "each with its last change as the tie, and the team's own row last"
    )
    assert (
        await shop.synced("ann", end, limit) == ([], end) or (await shop.synced("ann", end, limit))[0] == []
    )


async def test_what_moves_between_pages_of_what_one_gained_comes_later_and_nothing_twice(shop: Shop) -> None:
    places = await shop.serve_many(6)
    await shop.stand.users("cy")
    _, since = await shop.synced("cy")
    await shop.join("cy")
    first, since, more = await shop.sync("cy", since, 2)
    assert (ids(first), more) == (places[:2], True)
    await shop.say(places[0])
    await shop.say(places[4])
    rest, _ = await shop.synced("cy", since, 2)
    assert ids(rest) == [places[2], places[3], places[5], shop.team, places[0], places[4]]


async def test_a_page_of_what_one_gained_in_two_teams(shop: Shop) -> None:
    """Each with its own change of joining; the order is that of joining, and then that of what changed."""
    other = await Shop.opened(shop.stand, shop.clock, "dee", beside=shop)
    one, two = await shop.serve_many(3), await other.serve_many(3)
    await shop.stand.users("cy")
    _, since = await shop.synced("cy")
    await other.join("cy")
    await shop.join("cy")
    for limit in (1, 2, 3, 4, 100):
        rows, _ = await shop.synced("cy", since, limit)
        assert ids(rows) == [*two, other.team, *one, shop.team]
        assert [row.team for row in rows] == [other.team] * 3 + [None] + [shop.team] * 3 + [None]


async def test_a_place_inside_a_listing_says_where_it_goes_on_and_is_of_its_snapshot(shop: Shop) -> None:
    await shop.serve_many(4)
    head = await shop.stand.read(lambda reader: reader.head_change())
    _, since, more = await shop.sync("ann", None, 2)
    assert more
    place = await shop.stand.read(meaning, since)
    assert place is not None
    assert place[0] == head
    _, end = await shop.synced("ann", since)
    assert await shop.stand.read(meaning, end) == (head, head)


async def test_a_first_message_behind_joining_is_where_a_client_begins(shop: Shop) -> None:
    """Or behind what it told that it has, if it did not follow the conversation."""
    place, quiet = await shop.serve(), await shop.serve()
    for _ in range(20):
        await shop.say(place)
    await shop.stand.users("cy")
    _, since = await shop.synced("cy")
    await shop.join("cy")

    async def begins(since: str | None) -> dict[str, int]:
        rows, _ = await shop.synced("cy", since)
        return {row.conversation_id: row.joined_at for row in rows}

    assert await begins(since) == {place: 22, quiet: 2, shop.team: 2}, "nothing was said since"
    for _ in range(40):
        await shop.say(place)
    for token in (since, None):
        assert await begins(token) == {place: 22, quiet: 2, shop.team: 2}
    _, since = await shop.synced("cy")
    await shop.say(place)
    await shop.say(place)
    assert await begins(since) == {place: 62}
    row = next(row for row in await shop.listed("cy") if row.conversation_id == place)
    assert (row.joined_at, row.unread) == (22, 42)


async def test_where_a_client_begins_does_not_move_with_the_pages(shop: Shop) -> None:
    """The base is that of the listing's first page: what was said behind it, and before a later page, is not passed over."""
    places = await shop.serve_many(3)
    _, since = await shop.synced("ann")
    for number in (2, 0, 1, 2):
        await shop.say(places[number])
    first, since, _ = await shop.sync("ann", since, 2)
    await shop.say(places[2])
    rest, _ = await shop.synced("ann", since, 2)
    assert [(row.conversation_id, row.joined_at, row.head) for row in first + rest] == [
        (places[0], 2, 2),
        (places[1], 2, 2),
        (places[2], 2, 4),
    ]


async def test_the_base_of_a_server_in_which_nothing_happened_is_no_beginning(
    shop: Shop, clock: ManualClock
) -> None:
    """Zero is an ordinary place: who begins there gets what moved since, however old it is."""
    place = await shop.serve()
    clock.advance(100 * DAY_S)
    await shop.serve()
    empty = await shop.stand.read(lambda reader: reader._places.seal(0))
    for limit in (1, 100):
        assert place in ids((await shop.synced("ann", empty, limit))[0])
        assert place not in ids((await shop.synced("ann", None, limit))[0])


async def test_a_token_of_the_form_before_teams_is_read(shop: Shop) -> None:
    """One that was given inside a listing went on behind its change."""
    places = await shop.serve_many(3)
    await shop.say(places[0])

    def old(reader: SqliteReader) -> tuple[str, str]:
        head = reader.head_change()
        return reader._places.seal(head, head - 1), reader._places.seal(head)

    inside, end = await shop.stand.read(old)
    assert ids((await shop.synced("ann", inside))[0]) == [places[0]]
    assert (await shop.synced("ann", end))[0] == []


async def test_a_person_s_own_row_wins_in_lists_and_comes_once(shop: Shop) -> None:
    place = await shop.serve()
    _, since = await shop.synced("ann")
    await shop.join("ann", place, Role.ADMIN)
    rows, since = await shop.synced("ann", since)
    assert [(row.conversation_id, row.team, row.role, row.joined_at) for row in rows] == [
        (place, None, Role.ADMIN, 2)
    ]
    assert ids(await shop.listed("ann")) == [place, shop.team]
    await shop.leave("ann", place)
    rows, since = await shop.synced("ann", since)
    assert [(row.conversation_id, row.team, row.left_at, row.head) for row in rows] == [
        (place, shop.team, None, 3)
    ]
    assert sorted(ids((await shop.synced("ann"))[0])) == sorted([shop.team, place])
    await shop.leave("ann")
    rows, _ = await shop.synced("ann")
    assert {row.conversation_id: (row.left_at, row.team) for row in rows} == {
        place: (3, None),
        shop.team: (2, None),
    }, "one is told again what one keeps of it, else it would go with the team"


async def test_whoever_goes_on_by_the_team_and_leaves_it_keeps_cursors_and_settings(shop: Shop) -> None:
    """A row that has ended is told again, as of then, but what was read behind it does not fall."""
    place = await shop.serve("cy")
    await shop.join("cy")
    await shop.say(place, "cy")
    await shop.read(place, "cy", 1)
    await shop.leave("cy", place)
    await shop.say(place, BOSS)
    await shop.read(place, "cy", 4)
    await shop.stand.tx(lambda tx: tx.set_own(place, "cy", "color", 3))
    _, since = await shop.synced("cy")
    await shop.leave("cy")
    rows, _ = await shop.synced("cy", since)
    [kept] = [row for row in rows if row.conversation_id == place]
    assert (kept.head, kept.left_at, kept.cursors) == (3, 3, Cursors(4, 4))
    assert (kept.settings is not None, kept.settings_seq) == (True, 1)
    found = await shop.stand.read(lambda reader: reader.check("cy", Learnt(place, since, 4, 0)))
    assert found is not None
    assert found.row == kept
    await shop.join("cy", place)
    [row] = [row for row in (await shop.synced("cy"))[0] if row.conversation_id == place]
    assert (row.left_at, row.cursors, row.settings_seq) == (None, Cursors(4, 4), 1)


async def test_a_receipt_through_the_team_moves_the_conversation(shop: Shop) -> None:
    place = await shop.serve()
    _, since = await shop.synced("cust")
    await shop.read(place, "ann", 1)
    assert ids((await shop.synced("cust", since))[0]) == [place]
    assert ids((await shop.synced("bob", since))[0]) == [place]


# -- how far back -----------------------------------------------------------------------------------------------------------


async def aged(shop: Shop, clock: ManualClock) -> list[str]:
    """Conversations in which was last spoken 100, 91, 89, and 0 days ago."""
    places = []
    for days in (9, 2, 89, 0):
        place = await shop.serve()
        await shop.say(place)
        places.append(place)
        clock.advance(days * DAY_S)
    return places


async def test_a_first_sync_goes_back_ninety_days_in_teams(shop: Shop, clock: ManualClock) -> None:
    """Its own rows are all told; the list of conversations has the rest."""
    places = await aged(shop, clock)
    rows, since = await shop.synced("ann")
    assert ids(rows) == [shop.team, *places[2:]]
    assert ids((await shop.synced("ann", None, 1))[0]) == ids(rows)
    assert ids((await shop.synced("cust"))[0]) == places
    assert ids(await shop.listed("ann")) == [*reversed(places), shop.team]
    clock.advance(200 * DAY_S)
    assert ids((await shop.synced("ann"))[0]) == [shop.team, *places[2:]], "up to the newest message"
    await shop.say(places[0])
    assert ids((await shop.synced("ann", since))[0]) == [places[0]], "it comes when it moves"
    assert ids((await shop.synced("bob"))[0]) == [shop.team, places[0]]


async def test_what_one_gained_goes_back_ninety_days_and_what_moved_since_the_token_is_all_told(
    shop: Shop, clock: ManualClock
) -> None:
    await shop.stand.users("cy")
    old, older = await shop.serve(), await shop.serve()
    clock.advance(DAY_S)
    _, before = await shop.synced("cy")
    await shop.say(old)
    places = await aged(shop, clock)
    await shop.join("cy")
    for limit in (1, 100):
        rows, _ = await shop.synced("cy", before, limit)
        assert ids(rows) == [old, *places, shop.team]
        rows, _ = await shop.synced("cy", None, limit)
        assert ids(rows) == [*places[2:], shop.team]
    assert older in ids(await shop.listed("cy"))


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_the_newest_of_what_one_gained_are_told_up_to_a_bound(
    sqlite_shop: Shop, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """In all teams together, and counted from the newest; what moved behind the token is told beyond it."""
    monkeypatch.setattr(teams, "MAX_GAINED", 4)
    other = await Shop.opened(sqlite_shop.stand, sqlite_shop.clock, "dee", beside=sqlite_shop)
    places = [await one.serve() for _ in range(4) for one in (sqlite_shop, other)]
    await sqlite_shop.read(places[0], "bob", 1)  # the last that changed, though not by a message
    await sqlite_shop.stand.users("cy")
    _, since = await sqlite_shop.synced("cy")
    await sqlite_shop.join("cy")
    await other.join("cy")
    newest = {places[0], *places[5:]}
    for token in (None, since):
        rows, _ = await sqlite_shop.synced("cy", token, limit)
        assert {*ids(rows)} - {sqlite_shop.team, other.team} == newest
        assert len(rows) == 6
    await sqlite_shop.join("ann", other.team)
    rows, _ = await sqlite_shop.synced("ann", since, limit)
    assert len(rows) == 2 + 4
    moved = [*places[1:5], *places[6:]]
    for place in moved:
        await sqlite_shop.say(place)
    rows, _ = await sqlite_shop.synced("cy", since, limit)
    assert {*moved} <= {*ids(rows)}


# -- conversations ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [3, 1_000])
async def test_conversations_of_teams_are_listed_by_what_was_last_said(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """Page by page, in one list with one's own; also where a first page does not look at all of them."""
    monkeypatch.setattr(conversation_lists, "FIRST_LISTED", first)
    places = await shop.serve_many(12)
    own = await shop.serve("ann")
    for number in (3, 8, 3, 5):
        await shop.say(places[number])
    await shop.say(own, "ann")
    for number in (1, 2, 4, 6):  # silent: the head moves, the place in the list does not
        await shop.stand.tx(
            lambda tx, place: tx.post_system(
                place, BOSS, shop.key(), b"d" * 16, {"event": "edited", "target": 1, "revision": 2}
            ),
            places[number],
        )
    expected = [own, places[5], places[3], places[8]]
    expected += [place for number, place in reversed([*enumerate(places)]) if number not in (3, 5, 8)]
    expected.append(shop.team)
    for limit in (1, 2, 5, 100):
        assert ids(await shop.listed("ann", limit)) == expected


async def test_what_one_gains_or_loses_while_one_pages_is_in_the_list_or_not(shop: Shop) -> None:
    """A list that is kept for later pages is one of the teams of then."""
    places = await shop.serve_many(6)
    await shop.serve("cy")
    await shop.serve("cy")
    await shop.stand.users("cy")
    first, before = await shop.stand.read(lambda reader: reader.conversations("bob", None, 2))
    assert before is not None
    await shop.leave("bob")
    rest, _ = await shop.stand.read(lambda reader: reader.conversations("bob", before, 100))
    assert (len(first), rest) == (2, [])
    await shop.join("bob")
    rest, _ = await shop.stand.read(lambda reader: reader.conversations("bob", before, 100))
    assert ids(rest) == [*reversed(places), shop.team][: len(rest)]
    assert len(rest) >= 6


async def test_unread_counts_from_joining_or_the_cursor(shop: Shop) -> None:
    place = await shop.serve()
    await shop.say(place)
    await shop.say(place)
    await shop.stand.users("cy")
    await shop.join("cy")

    async def unread(who: str) -> int:
        return next(row.unread for row in await shop.listed(who) if row.conversation_id == place)

    assert (await unread("cy"), await unread("ann")) == (0, 2)
    for _ in range(3):
        await shop.say(place)
    await shop.say(place, "ann")
    assert (await unread("cy"), await unread("ann"), await unread("bob")) == (4, 5, 6)
    await shop.read(place, "cy", 2)
    assert await unread("cy") == 4, "what was before joining counts for nothing"
    await shop.read(place, "cy", 5)
    assert await unread("cy") == 2
    await shop.leave("cy")
    await shop.say(place)
    await shop.join("cy")
    assert await unread("cy") == 0, "from joining again"
    await shop.say(place)
    assert await unread("cy") == 1
    await shop.read(place, "cy", 9)
    assert await unread("cy") == 0


@pytest.mark.parametrize("own", [150, 250])
async def test_unread_of_who_wrote_very_much_is_never_too_low_nor_of_before_joining(
    shop: Shop, own: int
) -> None:
    place = await shop.serve()
    for _ in range(5):
        await shop.say(place)
    await shop.stand.users("cy")
    await shop.join("cy")
    await shop.say(place)
    for _ in range(own):
        await shop.say(place, "cy")
    row = next(row for row in await shop.listed("cy") if row.conversation_id == place)
    assert row.unread == (1 if own < 200 else 1 + own - 200)


async def test_unread_stops_at_a_hundred(shop: Shop) -> None:
    place = await shop.serve()
    for _ in range(120):
        await shop.say(place)
    row = next(row for row in await shop.listed("ann") if row.conversation_id == place)
    assert row.unread == 100


# -- what it costs ----------------------------------------------------------------------------------------------------------


async def test_pages_cost_what_they_hold_and_not_what_the_team_has(sqlite_shop: Shop, tmp_path: Path) -> None:
    """A sync of what moved, and a first page of the list, of 300 and of 3,000."""
    places: list[str] = []
    _, since = await sqlite_shop.synced("ann")
    costs: list[list[int]] = []
    for count in (300, 2_700):
        places += await sqlite_shop.serve_many(count)
        _, since = await sqlite_shop.synced("ann")
        for place in places[:5]:
            await sqlite_shop.say(place)
        with closing(opened(tmp_path / "chat.db")) as connection:
            cost = Cost(connection)
            costs.append(
                [
                    cost.of(partial(SqliteReader.sync, user_id="ann", since=since, limit=100)),
                    cost.of(partial(SqliteReader.conversations, user_id="ann", before=None, limit=10)),
                ]
            )
            assert len(cost.answer[0]) == 10
    (synced, listed), (synced_many, listed_many) = costs
    assert synced_many < 1.2 * synced
    assert listed_many < 5 * listed  # what a first page looks at is bounded


async def test_who_is_in_no_team_pays_one_look_for_it(sqlite_shop: Shop, tmp_path: Path) -> None:
    with closing(opened(tmp_path / "chat.db")) as connection:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        reader = Cost(connection).reader
        reader.sync("cust", None, 10)
        reader.conversations("cust", None, 10)
        reader.history((await sqlite_shop.serve()), "cust", 0, None, 10, 999)
    assert sum("team_cursors" in sql for sql in asked) == 0
    assert sum("team_members" in sql for sql in asked) == 2


async def test_a_lone_surrogate_is_in_no_team(shop: Shop) -> None:
    place = await shop.serve()
    reads: list[Callable[[SqliteReader], object]] = [
        lambda reader: reader.history(place, "\ud800", 0, None, 10, 999),
        lambda reader: reader.history("\ud800", "ann", 0, None, 10, 999),
    ]
    for read in reads:
        assert await refusal_of(shop.stand.read(read)) is RefusalCode.NOT_FOUND
    assert (await shop.synced("\ud800"))[0] == []

"""Contract: the persons of a team are members of the conversations that name it, exactly as long as they are in the team."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from imserver.chat import permissions
from imserver.chat.permissions import Relation, Seat
from imserver.chat.transaction import Transaction
from imserver.errors import Refusal, RefusalCode
from imserver.events import CursorMoved, ItemsChanged, MessagePosted
from imserver.model import Cursors, Kind, Role, direct_conversation_id, group_conversation_id
from tests.store.deeds import mute
from tests.store.support import Stand, Work, key, outcome, post, refusal_of, said
from tests.store.team_scene import STAFF, TALK, audience, fires, hires, make_bot, make_staff, make_talk


@pytest.fixture
async def shop(stand: Stand) -> Stand:
    await stand.tx(make_staff)
    await stand.tx(make_talk)
    return stand


async def relation(stand: Stand, user_id: str, place: str = TALK) -> Relation:
    seat: Seat = await stand.tx(lambda tx: tx.seat(place, user_id))
    return seat.standing.relation


# -- who is a member --------------------------------------------------------------------------------------------------


async def test_the_persons_of_the_team_are_members_and_its_bots_are_not(shop: Stand) -> None:
    """The bot is where it made the conversation, and in no other; another bot, which joins, is in none."""
    mine = group_conversation_id("ann", key(911))
    await shop.tx(lambda tx: tx.create_conversation("ann", key(911), Kind.GROUP, "", {}, STAFF))
    assert await audience(shop, mine) == {"ann": Role.OWNER, "bob": Role.MEMBER}
    await shop.tx(lambda tx: make_bot(tx, "cy"))
    await hires(shop, "cy")
    assert await audience(shop) == {
        "bot": Role.OWNER,
        "dee": Role.MEMBER,
        "ann": Role.MEMBER,
        "bob": Role.MEMBER,
    }
    assert await relation(shop, "ann") is Relation.TEAM_MEMBER
    assert await relation(shop, "dee") is Relation.MEMBER


async def test_whoever_joins_the_team_is_a_member_at_once_and_nothing_is_told_here(shop: Stand) -> None:
    head = await shop.tx(lambda tx: tx.post(TALK, "dee", key(1), said("hello"), sent_at=1))
    await hires(shop, "cy")
    assert "cy" in await audience(shop)
    assert await shop.post(post(2, "cy", TALK)) == [(head.position + 1, 1_002, False)]


async def test_whoever_leaves_the_team_is_no_member_here(shop: Stand) -> None:
    assert await shop.post(post(1, "bob", TALK)) == [(2, 1_001, False)]
    await shop.tx(lambda tx: tx.remove_member(STAFF, "bob", key(940), "bob"))
    assert await relation(shop, "bob") is Relation.STRANGER
    assert await shop.post(post(2, "bob", TALK)) == [RefusalCode.NOT_FOUND]
    assert "bob" not in await audience(shop)
    assert await shop.post(post(1, "bob", TALK)) == [(2, 1_001, True)]  # its key was looked up before


async def test_a_team_that_everybody_leaves_ends_nobody_else(shop: Stand) -> None:
    """Who was added stays, and goes on; whoever joins the empty team has it all again."""
    for number, user_id in enumerate(("bob", "ann"), 940):
        await shop.tx(lambda tx, at, who: tx.remove_member(STAFF, who, key(at), who), number, user_id)
    assert await audience(shop) == {"bot": Role.OWNER, "dee": Role.MEMBER}
    assert await shop.post(post(1, "dee", TALK), post(2, "ann", TALK)) == [
        (2, 1_001, False),
        RefusalCode.NOT_FOUND,
    ]
    await shop.tx(lambda tx: tx.add_member(STAFF, "bot", key(942), "cy", Role.MEMBER))
    assert (await audience(shop))["cy"] is Role.MEMBER


async def test_messages_reach_who_is_in_the_team_at_their_position(shop: Stand) -> None:
    await shop.post(post(1, "dee", TALK))
    await fires(shop, "bob")
    await shop.post(post(2, "dee", TALK))
    await hires(shop, "cy")
    await shop.post(post(3, "dee", TALK))
    heard = [
        set(event.audience)
        for event in shop.recorder.events
        if isinstance(event, MessagePosted) and event.message.sender_id == "dee"
    ]
    others = {"bot", "dee", "ann"}
    assert heard == [{*others, "bob"}, others, {*others, "cy"}]


async def test_a_removal_from_a_team_says_so_and_no_other_does(shop: Stand) -> None:
    await fires(shop, "bob")
    await fires(shop, "bot", 941)
    await shop.tx(lambda tx: tx.remove_member(TALK, "bot", key(942), "dee"))
    gone = [
        (event.message.conversation_id, event.of_team, event.audience.keys() - (event.remaining or {}).keys())
        for event in shop.recorder.events
        if isinstance(event, MessagePosted) and event.remaining is not None
    ]
    assert gone == [(STAFF, True, {"bob"}), (STAFF, False, {"bot"}), (TALK, False, {"dee"})]


async def test_units_behind_a_removal_in_one_batch_know_it(shop: Stand) -> None:
    """Posts that are stored together are asked as one is."""
    units = [
        post(1, "bob", TALK),
        Work(lambda tx: tx.remove_member(STAFF, "ann", key(940), "bob")),
        post(2, "bob", TALK),
        post(3, "dee", TALK),
        Work(lambda tx: tx.add_member(STAFF, "ann", key(941), "bob", Role.MEMBER)),
        post(4, "bob", TALK),
    ]
    await shop.do(units)
    posts = [outcome(units[number]) for number in (0, 2, 3, 5)]
    assert posts == [(2, 1_001, False), RefusalCode.NOT_FOUND, (3, 1_003, False), (4, 1_004, False)]


async def test_what_is_undone_is_undone_for_all_conversations_of_the_team(shop: Stand) -> None:
    def hires_and_fails(tx: Transaction) -> None:
        tx.add_member(STAFF, "ann", key(930), "cy", Role.MEMBER)
        tx.remove_member(STAFF, "ann", key(931), "bob")
        assert "cy" in (tx.audience(TALK) or {})
        assert "bob" not in (tx.audience(TALK) or {})
        tx.post(TALK, "cy", key(932), said("I am in"), sent_at=1)
        raise Refusal(RefusalCode.CONFLICT, "after all not")

    assert await refusal_of(shop.tx(hires_and_fails)) is RefusalCode.CONFLICT
    assert set(await audience(shop)) == {"bot", "dee", "ann", "bob"}
    units = [Work(hires_and_fails), post(1, "bob", TALK), post(2, "cy", TALK)]
    await shop.do(units)
    assert [outcome(unit) for unit in units[1:]] == [(2, 1_001, False), RefusalCode.NOT_FOUND]


# -- own rows ---------------------------------------------------------------------------------------------------------


async def test_a_row_of_ones_own_wins_and_ends_by_itself(shop: Stand) -> None:
    """bob is made an admin here; when that is taken from him he is what the team makes him."""
    await shop.tx(lambda tx: tx.add_member(TALK, "bot", key(950), "bob", Role.ADMIN))
    assert (await audience(shop))["bob"] is Role.ADMIN
    assert await relation(shop, "bob") is Relation.MEMBER
    await fires(shop, "bob")
    assert (await audience(shop))["bob"] is Role.ADMIN
    await hires(shop, "bob")
    await shop.tx(lambda tx: tx.remove_member(TALK, "bot", key(951), "bob"))
    assert (await audience(shop))["bob"] is Role.MEMBER
    assert await relation(shop, "bob") is Relation.TEAM_MEMBER
    told = [event for event in shop.recorder.events if isinstance(event, MessagePosted)][-1]
    assert told.remaining is not None
    assert "bob" in told.remaining


async def test_in_a_full_conversation_who_is_here_by_the_team_may_get_a_row(shop: Stand) -> None:
    """It is one member already, and becomes no second one."""
    crowd = [f"u{number}" for number in range(20 - len(await audience(shop)))]
    await shop.users(*crowd)
    for number, user_id in enumerate(crowd):
        await shop.tx(
            lambda tx, n, one: tx.add_member(TALK, "bot", key(n), one, Role.MEMBER), 960 + number, user_id
        )
    add = shop.tx(lambda tx: tx.add_member(TALK, "bot", key(950), "eve", Role.MEMBER))
    assert await refusal_of(add) is RefusalCode.TOO_LARGE
    await shop.tx(lambda tx: tx.add_member(TALK, "bot", key(951), "bob", Role.MEMBER))
    assert await relation(shop, "bob") is Relation.MEMBER
    assert len(await audience(shop)) == 20


async def test_who_is_here_by_the_team_alone_is_removed_there(shop: Stand) -> None:
    async def refused(actor: str, user_id: str) -> tuple[RefusalCode, Any]:
        with pytest.raises(Refusal) as caught:
            await shop.tx(lambda tx: tx.remove_member(TALK, actor, key(950), user_id))
        return caught.value.code, caught.value.detail

    assert await refused("bot", "bob") == (RefusalCode.FORBIDDEN, "team")
    assert await refused("bob", "bob") == (RefusalCode.FORBIDDEN, "team")
    assert await refused("bob", "ann") == (
        RefusalCode.FORBIDDEN,
        None,
    )  # whoever it is: a member removes nobody
    assert await refused("bot", "eve") == (RefusalCode.NOT_FOUND, None)


async def test_the_owner_who_goes_leaves_it_to_who_was_added(shop: Stand) -> None:
    await shop.tx(lambda tx: tx.remove_member(TALK, "bot", key(950), "bot"))
    assert await audience(shop) == {"dee": Role.OWNER, "ann": Role.MEMBER, "bob": Role.MEMBER}
    await shop.tx(lambda tx: tx.remove_member(TALK, "dee", key(951), "dee"))
    assert await audience(shop) == {"ann": Role.MEMBER, "bob": Role.MEMBER}


async def test_nobody_gets_rid_of_a_mute_by_leaving_a_row(shop: Stand) -> None:
    await shop.tx(lambda tx: tx.add_member(TALK, "bot", key(950), "bob", Role.MEMBER))
    await shop.tx(lambda tx: mute(tx, TALK, "bob", 1 << 50))
    await shop.tx(lambda tx: tx.remove_member(TALK, "bob", key(951), "bob"))
    assert await relation(shop, "bob") is Relation.TEAM_MEMBER
    assert await shop.post(post(1, "bob", TALK), post(2, "ann", TALK)) == [
        RefusalCode.FORBIDDEN,
        (4, 1_002, False),
    ]


# -- cursors, settings, state -----------------------------------------------------------------------------------------


async def test_cursors_and_settings_of_team_members_never_fall(shop: Stand) -> None:
    """Through the team, by a row, through the team again, out of the team and back."""
    await shop.post(*[post(number, "dee", TALK) for number in range(1, 7)])

    async def moves(delivered: int | None, read: int | None) -> Cursors:
        return await shop.tx(lambda tx: tx.move_cursors(TALK, "bob", delivered, read))

    async def sets(value: int) -> tuple[int, Mapping[str, Any]]:
        await shop.tx(lambda tx: tx.set_own(TALK, "bob", "pinned", value))
        return await shop.tx(lambda tx: tx.settings(TALK, "bob"))

    assert await shop.tx(lambda tx: tx.settings(TALK, "bob")) == (0, {})
    assert await moves(4, None) == Cursors(4, 0)
    assert await moves(None, 2) == Cursors(4, 2)
    assert await sets(1) == (1, {"pinned": 1})
    await shop.tx(lambda tx: tx.add_member(TALK, "bot", key(950), "bob", Role.ADMIN))
    assert await moves(0, 0) == Cursors(4, 2)
    assert await sets(2) == (2, {"pinned": 2})
    assert await moves(None, 5) == Cursors(5, 5)
    await shop.tx(lambda tx: tx.remove_member(TALK, "bot", key(951), "bob"))
    assert await moves(0, 0) == Cursors(5, 5)
    assert await shop.tx(lambda tx: tx.settings(TALK, "bob")) == (2, {"pinned": 2})
    await fires(shop, "bob")
    assert await refusal_of(moves(None, 6)) is RefusalCode.NOT_FOUND
    assert await refusal_of(sets(3)) is RefusalCode.NOT_FOUND
    await hires(shop, "bob")
    assert await moves(0, 0) == Cursors(5, 5)
    assert await sets(3) == (3, {"pinned": 3})


async def test_a_row_that_ended_before_the_team_leaves_its_cursors_to_it(shop: Stand) -> None:
    await shop.post(*[post(number, "dee", TALK) for number in range(1, 4)])
    await shop.tx(lambda tx: tx.move_cursors(TALK, "dee", None, 3))
    await shop.tx(lambda tx: tx.remove_member(TALK, "dee", key(950), "dee"))
    await hires(shop, "dee")
    assert await shop.tx(lambda tx: tx.move_cursors(TALK, "dee", 0, 0)) == Cursors(3, 3)


async def test_cursors_are_told_to_all_up_to_fifty_with_the_team(shop: Stand) -> None:
    """The store's bound of members is lower here; that of receipts is asked for the members as they are."""
    await shop.post(post(1, "dee", TALK))
    await shop.tx(lambda tx: tx.move_cursors(TALK, "bob", None, 2))
    moved = [event for event in shop.recorder.events if isinstance(event, CursorMoved)]
    assert [set(event.audience) for event in moved] == [{"bot", "dee", "ann", "bob"}]


async def test_receipts_stop_above_the_bound_team_included(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permissions, "MAX_RECEIPT_MEMBERS", 3)  # two rows, and two by the team
    await shop.post(post(1, "dee", TALK))
    await shop.tx(lambda tx: tx.move_cursors(TALK, "bob", None, 2))
    await shop.tx(lambda tx: tx.move_cursors(TALK, "dee", None, 2))
    moved = [event for event in shop.recorder.events if isinstance(event, CursorMoved)]
    assert [dict(event.audience) for event in moved] == [{"bob": Role.MEMBER}, {"dee": Role.MEMBER}]


async def test_state_is_told_to_the_team_and_a_step_ends_with_a_change_of_it(shop: Stand) -> None:
    await shop.post(post(1, "dee", TALK))

    def step(tx: Transaction) -> None:
        tx.set_item(TALK, 2, "marks", 1)
        tx.remove_member(STAFF, "ann", key(940), "bob")
        tx.set_item(TALK, 1, "marks", 1)

    await shop.tx(step)
    steps = [event for event in shop.recorder.events if isinstance(event, ItemsChanged)]
    assert [(event.modseq, "bob" in event.audience) for event in steps] == [(1, True), (2, False)]


# -- naming a team ----------------------------------------------------------------------------------------------------


async def test_only_who_runs_a_group_names_it(shop: Stand) -> None:
    def create(creator: str, number: int, team: str, kind: Kind = Kind.GROUP) -> Any:
        return shop.tx(lambda tx: tx.create_conversation(creator, key(number), kind, "", {}, team))

    await create("ann", 911, STAFF)  # the owner
    await create("bot", 911, STAFF)  # an admin
    assert await refusal_of(create("bob", 911, STAFF)) is RefusalCode.FORBIDDEN
    assert await refusal_of(create("dee", 911, STAFF)) is RefusalCode.NOT_FOUND
    assert await refusal_of(create("dee", 911, "group/none")) is RefusalCode.NOT_FOUND
    await fires(shop, "bob")
    assert await refusal_of(create("bob", 912, STAFF)) is RefusalCode.NOT_FOUND


async def test_only_a_group_without_a_team_is_one_and_only_a_group_has_one(shop: Stand) -> None:
    pair = direct_conversation_id("ann", "bob")
    await shop.post(post(1, "ann", pair))
    channel = group_conversation_id("ann", key(902))
    await shop.tx(lambda tx: tx.create_conversation("ann", key(902), Kind.CHANNEL, "", {}))
    itself = group_conversation_id("ann", key(911))

    async def refused(team: str, creator: str = "ann", kind: Kind = Kind.GROUP) -> tuple[RefusalCode, Any]:
        with pytest.raises(Refusal) as caught:
            await shop.tx(lambda tx: tx.create_conversation(creator, key(911), kind, "", {}, team))
        return caught.value.code, caught.value.detail

    assert await refused(itself) == (RefusalCode.NOT_FOUND, itself)
    assert await refused(pair) == (RefusalCode.FORBIDDEN, None)
    assert await refused(pair, "cy") == (RefusalCode.NOT_FOUND, pair)
    assert await refused(channel) == (RefusalCode.INVALID, "team")
    assert await refused(TALK, "bot") == (RefusalCode.INVALID, "team")
    assert await refused(STAFF, kind=Kind.CHANNEL) == (RefusalCode.INVALID, "team")
    assert await shop.tx(lambda tx: tx.audience(itself)) is None


async def test_the_team_is_part_of_what_was_asked(shop: Stand) -> None:
    def create(tx: Transaction, team: str | None) -> Any:
        return tx.create_conversation("bot", key(910), Kind.GROUP, "service", {"dee": Role.MEMBER}, team)

    assert await shop.tx(create, STAFF) == (TALK, 1, True)
    assert await refusal_of(shop.tx(create, None)) is RefusalCode.KEY_REUSED
    assert await refusal_of(shop.tx(create, "group/none")) is RefusalCode.KEY_REUSED


async def test_a_team_is_set_once(shop: Stand) -> None:
    other, plain = (group_conversation_id("ann", key(number)) for number in (903, 904))
    for number in (903, 904):
        await shop.tx(
            lambda tx, number: tx.create_conversation(
                "ann", key(number), Kind.GROUP, "", {"eve": Role.MEMBER}
            ),
            number,
        )
    assert await refusal_of(shop.tx(lambda tx: tx.set_team(plain, "group/none"))) is RefusalCode.NOT_FOUND
    assert await refusal_of(shop.tx(lambda tx: tx.set_team(plain, plain))) is RefusalCode.INVALID
    assert await refusal_of(shop.tx(lambda tx: tx.set_team(plain, TALK))) is RefusalCode.INVALID
    assert await refusal_of(shop.tx(lambda tx: tx.set_team(STAFF, other))) is RefusalCode.INVALID
    await shop.tx(lambda tx: tx.set_team(plain, STAFF))
    await shop.tx(lambda tx: tx.set_team(plain, STAFF))
    assert await refusal_of(shop.tx(lambda tx: tx.set_team(plain, other))) is RefusalCode.CONFLICT
    assert await audience(shop, plain) == {"ann": Role.OWNER, "bob": Role.MEMBER, "eve": Role.MEMBER}
    await fires(shop, "bob")
    assert "bob" not in await audience(shop, plain)


async def test_rows_of_persons_of_a_team_that_is_set_go_with_what_they_had(shop: Stand) -> None:
    """As the shop's conversations were before: its staff were admins here, one by one."""
    plain = group_conversation_id("bot", key(905))
    rows = {"bob": Role.ADMIN, "ann": Role.MEMBER, "cy": Role.ADMIN, "dee": Role.MEMBER}

    def make(tx: Transaction) -> None:
        tx.create_conversation("bot", key(905), Kind.GROUP, "", rows)
        tx.move_cursors(plain, "bob", 1, 1)
        tx.set_own(plain, "bob", "pinned", 1)
        mute(tx, plain, "ann", 1 << 50)

    await shop.tx(make)
    await shop.tx(lambda tx: tx.set_team(plain, STAFF))
    assert await audience(shop, plain) == {**rows, "bot": Role.OWNER, "bob": Role.MEMBER}
    assert [await relation(shop, user_id, plain) for user_id in ("bob", "ann", "cy")] == [
        Relation.TEAM_MEMBER,
        Relation.MEMBER,  # is muted
        Relation.MEMBER,  # is in no team
    ]
    assert await shop.tx(lambda tx: tx.move_cursors(plain, "bob", 0, 0)) == Cursors(1, 1)
    assert await shop.tx(lambda tx: tx.settings(plain, "bob")) == (1, {"pinned": 1})


async def test_an_undone_naming_leaves_no_team(shop: Stand) -> None:
    lonely = group_conversation_id("ann", key(906))
    await shop.tx(
        lambda tx: tx.create_conversation(
            "ann", key(906), Kind.GROUP, "", {"cy": Role.MEMBER, "eve": Role.MEMBER}
        )
    )

    def names_and_fails(tx: Transaction) -> None:
        tx.create_conversation("ann", key(911), Kind.GROUP, "", {}, lonely)
        tx.post(group_conversation_id("ann", key(911)), "cy", key(1), said("in"), sent_at=1)
        raise Refusal(RefusalCode.CONFLICT, "after all not")

    assert await refusal_of(shop.tx(names_and_fails)) is RefusalCode.CONFLICT
    await shop.tx(lambda tx: tx.remove_member(lonely, "ann", key(950), "cy"))
    await shop.tx(lambda tx: tx.create_conversation("ann", key(912), Kind.GROUP, "", {}, lonely))
    assert await audience(shop, group_conversation_id("ann", key(912))) == {
        "ann": Role.OWNER,
        "eve": Role.MEMBER,
    }

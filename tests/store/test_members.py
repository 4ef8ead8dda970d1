"""Contract: conversations are made, members come and go, messages are edited, cursors move."""

from __future__ import annotations

from typing import Any

import pytest

from imserver.chat.transaction import Transaction
from imserver.content import decode_content
from imserver.errors import RefusalCode
from imserver.events import CursorMoved, MessageEdited, MessagePosted
from imserver.model import Cursors, Kind, Membership, Role, group_conversation_id
from tests.store.support import DIRECT, Stand, edit_message, key, post, refusal_of, said

GROUP = group_conversation_id("ann", key(90))


async def make_group(stand: Stand, kind: Kind = Kind.GROUP, **members: Role) -> str:
    await stand.tx(lambda tx: tx.create_conversation("ann", key(90), kind, "team", members))
    return GROUP


def told(stand: Stand) -> list[dict[str, Any]]:
    """System messages, in order."""
    found = [
        decode_content(event.message.content or b"")
        for event in stand.recorder.events
        if isinstance(event, MessagePosted)
    ]
    return [dict(content) for content in found if content["type"] == "system"]


# -- create -----------------------------------------------------------------------------------------------------------


async def test_creating_tells_it_and_the_same_key_makes_no_second(stand: Stand) -> None:
    def create(tx: Transaction) -> tuple[str, int, bool]:
        return tx.create_conversation(
            "ann", key(90), Kind.GROUP, "team", {"ann": Role.OWNER, "bob": Role.MEMBER}
        )

    assert await stand.tx(create) == (GROUP, 1, False)
    assert await stand.tx(create) == (GROUP, 1, True)
    assert told(stand) == [{"type": "system", "event": "created", "user": "ann", "title": "team"}]
    members = await stand.store.read(lambda reader: reader.members(GROUP))
    assert [(one.user_id, one.role, one.joined_at) for one in members] == [
        ("ann", Role.OWNER, 1),
        ("bob", Role.MEMBER, 1),
    ]


async def test_the_same_key_for_another_group_is_refused(stand: Stand) -> None:
    await make_group(stand, bob=Role.MEMBER)
    for kind, title, members in (
        (Kind.GROUP, "other", {"bob": Role.MEMBER}),
        (Kind.GROUP, "team", {"cy": Role.MEMBER}),
        (Kind.CHANNEL, "team", {"bob": Role.MEMBER}),
    ):
        again = stand.tx(
            lambda tx, *asked: tx.create_conversation("ann", key(90), *asked), kind, title, members
        )
        assert await refusal_of(again) == RefusalCode.KEY_REUSED


@pytest.mark.parametrize(
    ("kind", "creator", "members", "code"),
    [
        (Kind.DIRECT, "ann", {"bob": Role.MEMBER}, RefusalCode.INVALID),
        (Kind.GROUP, "ann", {"bob": Role.OWNER}, RefusalCode.INVALID),
        (Kind.GROUP, "ann", {"bob": Role.READER}, RefusalCode.INVALID),
        (Kind.GROUP, "ann", {"nobody": Role.MEMBER}, RefusalCode.NOT_FOUND),
        (Kind.GROUP, "nobody", {"bob": Role.MEMBER}, RefusalCode.NOT_FOUND),
        (Kind.GROUP, "ann", {f"u{n}": Role.MEMBER for n in range(20)}, RefusalCode.TOO_LARGE),
    ],
)
async def test_what_cannot_be_created(
    stand: Stand, kind: Kind, creator: str, members: dict[str, Role], code: RefusalCode
) -> None:
    """Roles that the kind does not give, users who do not exist, too many: nothing is made, and nothing told."""
    assert (
        await refusal_of(stand.tx(lambda tx: tx.create_conversation(creator, key(1), kind, "t", members)))
        == code
    )
    assert stand.recorder.events == []


# -- add and remove ---------------------------------------------------------------------------------------------------


async def test_who_is_added_is_told_from_then_on(stand: Stand) -> None:
    group = await make_group(stand)
    assert await stand.tx(lambda tx: tx.add_member(group, "ann", key(1), "bob", Role.ADMIN)) == (2, False)
    assert await stand.tx(lambda tx: tx.add_member(group, "ann", key(1), "bob", Role.ADMIN)) == (2, True)
    assert await stand.tx(lambda tx: tx.add_member(group, "bob", key(2), "cy", Role.MEMBER)) == (3, False)
    assert told(stand)[1:] == [
        {"type": "system", "event": "added", "user": "bob", "role": "admin"},
        {"type": "system", "event": "added", "user": "cy", "role": "member"},
    ]
    added = [event for event in stand.recorder.events if isinstance(event, MessagePosted)]
    assert [sorted(event.audience) for event in added] == [["ann"], ["ann", "bob"], ["ann", "bob", "cy"]]
    members = await stand.store.read(lambda reader: reader.members(group))
    assert members[-1] == Membership("cy", Role.MEMBER, 3)


async def test_an_audience_that_was_handed_out_never_changes(stand: Stand) -> None:
    group = await make_group(stand, bob=Role.MEMBER)
    await stand.post(post(1, "ann", group))
    event = stand.recorder.events[-1]
    assert isinstance(event, MessagePosted)
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(2), "bob"))
    await stand.tx(lambda tx: tx.add_member(group, "ann", key(3), "cy", Role.MEMBER))
    assert sorted(event.audience) == ["ann", "bob"]


async def test_the_removed_one_is_told_of_it_and_of_nothing_after(stand: Stand) -> None:
    group = await make_group(stand, bob=Role.MEMBER)
    assert await stand.tx(lambda tx: tx.remove_member(group, "ann", key(1), "bob")) == (2, False)
    assert await stand.tx(lambda tx: tx.remove_member(group, "ann", key(1), "bob")) == (2, True)
    await stand.post(post(2, "ann", group))
    audiences = [
        sorted(event.audience) for event in stand.recorder.events if isinstance(event, MessagePosted)
    ]
    assert audiences == [["ann", "bob"], ["ann", "bob"], ["ann"]]
    assert told(stand)[-1] == {"type": "system", "event": "removed", "user": "bob"}
    page = await stand.store.read(lambda reader: reader.history(group, "bob", 0, None, 10, 10_000))
    assert (page.first, page.last, page.head) == (1, 2, 2)


@pytest.mark.parametrize(
    ("before", "after"), [(Role.ADMIN, Role.MEMBER), (Role.MEMBER, Role.ADMIN), (Role.ADMIN, Role.ADMIN)]
)
async def test_who_comes_back_has_the_role_that_is_given_then(
    stand: Stand, before: Role, after: Role
) -> None:
    """What they were before they went is over, also for whoever reads the members anew."""
    group = await make_group(stand, bob=before)
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(2), "bob"))
    await stand.tx(lambda tx: tx.add_member(group, "ann", key(3), "bob", after))
    everybody = await stand.store.read(lambda reader: reader.members(group))
    (page,) = await stand.store.read(lambda reader: reader.members_page(group, "ann", 10))
    rows, _, _ = await stand.store.read(lambda reader: reader.sync("bob", None, 10))
    listed, _ = await stand.store.read(lambda reader: reader.conversations("bob", None, 10))
    assert [one.role for one in everybody] == [Role.OWNER, after]
    assert [page.role, rows[0].role, listed[0].role] == [after] * 3


async def test_members_stand_by_when_they_joined_and_in_pages_by_id(stand: Stand) -> None:
    """Ids in the order of their bytes: capitals before small letters, and those before what is not of ASCII."""
    await stand.users("Zoe", "émile")
    group = await make_group(stand, cy=Role.MEMBER, bob=Role.MEMBER)
    for number, user in enumerate(("émile", "Zoe", "dee"), 1):
        await stand.tx(lambda tx, n, u: tx.add_member(group, "ann", key(n), u, Role.MEMBER), number, user)
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(9), "cy"))
    members = await stand.read(lambda reader: reader.members(group))
    assert [(one.user_id, one.joined_at) for one in members] == [
        ("ann", 1),
        ("bob", 1),
        ("émile", 2),
        ("Zoe", 3),
        ("dee", 4),
    ]
    seen: list[str] = []
    after: str | None = None
    while page := await stand.read(lambda reader, last: reader.members_page(group, last, 2), after):
        assert len(page) <= 2
        seen += [one.user_id for one in page]
        after = seen[-1]
    assert seen == ["Zoe", "ann", "bob", "dee", "émile"]


async def test_who_comes_back_reads_everything_again(stand: Stand) -> None:
    group = await make_group(stand, bob=Role.MEMBER)
    await stand.post(post(1, "ann", group))
    await stand.tx(lambda tx: tx.move_cursors(group, "bob", None, 2))
    await stand.tx(lambda tx: tx.remove_member(group, "bob", key(2), "bob"))
    await stand.post(post(3, "ann", group))
    await stand.tx(lambda tx: tx.add_member(group, "ann", key(4), "bob", Role.MEMBER))
    page = await stand.store.read(lambda reader: reader.history(group, "bob", 0, None, 10, 10_000))
    assert (page.first, page.last) == (1, 5)
    rows, _, _ = await stand.store.read(lambda reader: reader.sync("bob", None, 10))
    assert (rows[0].joined_at, rows[0].left_at, rows[0].cursors) == (5, None, Cursors(2, 2))


async def test_leaving_and_the_owner_handing_over(stand: Stand) -> None:
    """In one system message: the heir is named in the message that tells of the leaving; the last one has no heir."""
    group = await make_group(stand, bob=Role.MEMBER, cy=Role.ADMIN)
    await stand.tx(lambda tx: tx.add_member(group, "ann", key(1), "dee", Role.ADMIN))
    assert await stand.tx(lambda tx: tx.remove_member(group, "ann", key(2), "ann")) == (3, False)
    assert await stand.tx(lambda tx: tx.remove_member(group, "ann", key(2), "ann")) == (3, True)
    assert told(stand)[-1] == {"type": "system", "event": "left", "user": "ann", "owner": "cy"}
    roles = await stand.tx(lambda tx: tx.audience(group))
    assert roles == {"bob": Role.MEMBER, "cy": Role.OWNER, "dee": Role.ADMIN}
    for number, leaver in ((5, "cy"), (6, "dee"), (7, "bob")):
        await stand.tx(lambda tx, n, u: tx.remove_member(group, u, key(n), u), number, leaver)
    assert await stand.tx(lambda tx: tx.audience(group)) == {}
    assert told(stand)[-1] == {"type": "system", "event": "left", "user": "bob"}


async def test_the_longest_member_inherits_when_there_is_no_admin(stand: Stand) -> None:
    group = await make_group(stand)
    for number, user in ((1, "dee"), (2, "bob")):
        await stand.tx(lambda tx, n, u: tx.add_member(group, "ann", key(n), u, Role.MEMBER), number, user)
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(3), "ann"))
    assert await stand.tx(lambda tx: tx.audience(group)) == {"dee": Role.OWNER, "bob": Role.MEMBER}


ADD_CASES = [
    ("bob", "dee", Role.MEMBER, RefusalCode.FORBIDDEN),  # a plain member adds nobody
    ("dee", "dee", Role.MEMBER, RefusalCode.NOT_FOUND),  # an outsider sees no group
    ("ann", "bob", Role.MEMBER, RefusalCode.CONFLICT),  # is one already
    ("ann", "dee", Role.OWNER, RefusalCode.FORBIDDEN),
    ("ann", "dee", Role.READER, RefusalCode.FORBIDDEN),  # groups have no readers
    ("cy", "dee", Role.ADMIN, RefusalCode.FORBIDDEN),  # only the owner makes admins
    ("cy", "ann", Role.MEMBER, RefusalCode.FORBIDDEN),  # nobody degrades the owner
    ("cy", "bob", Role.ADMIN, RefusalCode.FORBIDDEN),
    ("ann", "nobody", Role.MEMBER, RefusalCode.NOT_FOUND),
]


@pytest.mark.parametrize(("actor", "user", "role", "code"), ADD_CASES)
async def test_who_may_not_add(stand: Stand, actor: str, user: str, role: Role, code: RefusalCode) -> None:
    """A refused addition leaves nothing behind, and the refusal says no more than the actor may know."""
    group = await make_group(stand, bob=Role.MEMBER, cy=Role.ADMIN)
    assert await refusal_of(stand.tx(lambda tx: tx.add_member(group, actor, key(1), user, role))) == code
    assert len(told(stand)) == 1


async def test_the_owner_changes_roles_by_adding_again(stand: Stand) -> None:
    group = await make_group(stand, bob=Role.MEMBER)
    await stand.tx(lambda tx: tx.add_member(group, "ann", key(1), "bob", Role.ADMIN))
    await stand.tx(lambda tx: tx.add_member(group, "bob", key(2), "cy", Role.MEMBER))
    members = await stand.store.read(lambda reader: reader.members(group))
    assert Membership("bob", Role.ADMIN, 1) in members


async def test_plugins_that_catch_up_hear_of_the_role_of_now(stand: Stand) -> None:
    """A reader keeps the audience of a conversation until its members change; a new role is a change."""
    group = await make_group(stand, bob=Role.MEMBER, cy=Role.ADMIN)

    def audience() -> Any:
        return stand.read(lambda reader: dict(reader.messages_after(0, ["bob"], 10)[0][-1][2]))

    roles = {"ann": Role.OWNER, "bob": Role.MEMBER, "cy": Role.ADMIN}
    assert await audience() == roles
    for number, (user, role) in enumerate((("bob", Role.ADMIN), ("cy", Role.MEMBER)), 1):
        await stand.tx(
            lambda tx, *given: tx.add_member(group, "ann", given[0], *given[1:]), key(number), user, role
        )
        roles[user] = role
        assert await audience() == roles
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(3), "ann"))
    assert await audience() == {"bob": Role.OWNER, "cy": Role.MEMBER}


REMOVE_CASES = [
    ("bob", "cy", RefusalCode.FORBIDDEN),
    ("bob", "dee", RefusalCode.NOT_FOUND),  # what is not there is told before what one may not
    ("dee", "bob", RefusalCode.NOT_FOUND),
    ("dee", "dee", RefusalCode.NOT_FOUND),
    ("cy", "ann", RefusalCode.FORBIDDEN),  # the owner cannot be removed
    ("ann", "dee", RefusalCode.NOT_FOUND),
]


@pytest.mark.parametrize(("actor", "user", "code"), REMOVE_CASES)
async def test_who_may_not_remove(stand: Stand, actor: str, user: str, code: RefusalCode) -> None:
    """A refused removal leaves the members as they were."""
    group = await make_group(stand, bob=Role.MEMBER, cy=Role.ADMIN)
    assert await refusal_of(stand.tx(lambda tx: tx.remove_member(group, actor, key(1), user))) == code
    assert await stand.tx(lambda tx: tx.audience(group)) == {
        "ann": Role.OWNER,
        "bob": Role.MEMBER,
        "cy": Role.ADMIN,
    }


async def test_a_direct_conversation_keeps_its_two(stand: Stand) -> None:
    await stand.post(post(1))
    for work in (
        lambda tx: tx.add_member(DIRECT, "ann", key(2), "cy", Role.MEMBER),
        lambda tx: tx.remove_member(DIRECT, "ann", key(3), "bob"),
        lambda tx: tx.remove_member(DIRECT, "ann", key(4), "ann"),
    ):
        assert await refusal_of(stand.tx(work)) == RefusalCode.FORBIDDEN


async def test_a_group_has_a_size(stand: Stand) -> None:
    """TOO_LARGE for the first member beyond the store's bound."""
    names = [f"u{number}" for number in range(20)]
    await stand.users(*names)
    group = await make_group(stand, Kind.GROUP, **dict.fromkeys(names[:19], Role.MEMBER))
    assert (
        await refusal_of(stand.tx(lambda tx: tx.add_member(group, "ann", key(1), "u19", Role.MEMBER)))
        == RefusalCode.TOO_LARGE
    )


async def test_no_such_conversation(stand: Stand) -> None:
    """Every write to a conversation that does not exist is NOT_FOUND; it has no audience."""
    for work in (
        lambda tx: tx.add_member("group/no", "ann", key(1), "bob", Role.MEMBER),
        lambda tx: tx.remove_member("group/no", "ann", key(2), "bob"),
        lambda tx: edit_message(tx, "group/no", "ann", key(3), 1, said("x")),
        lambda tx: tx.move_cursors("group/no", "ann", 1, 1),
    ):
        assert await refusal_of(stand.tx(work)) == RefusalCode.NOT_FOUND
    assert await stand.tx(lambda tx: tx.audience("group/no")) is None


# -- edit -------------------------------------------------------------------------------------------------------------


async def test_an_edit_keeps_position_time_and_key_and_is_told(stand: Stand) -> None:
    await stand.post(post(1), post(2, "bob"))
    assert await stand.tx(lambda tx: edit_message(tx, DIRECT, "ann", key(3), 1, said("better"))) == (
        3,
        2,
        False,
    )
    assert await stand.tx(lambda tx: edit_message(tx, DIRECT, "ann", key(3), 1, said("better"))) == (
        3,
        2,
        True,
    )
    assert await stand.tx(
        lambda tx: edit_message(tx, DIRECT, "ann", key(4), 1, said("best"), expected_revision=2)
    ) == (4, 3, False)
    page = await stand.store.read(lambda reader: reader.history(DIRECT, "bob", 0, None, 1, 10_000))
    [item] = page.items
    assert (item.position, item.sent_at, item.key, item.content, item.revision) == (
        1,
        1001,
        key(1),
        said("best"),
        3,
    )
    assert told(stand) == [
        {"type": "system", "event": "edited", "target": 1, "revision": 2},
        {"type": "system", "event": "edited", "target": 1, "revision": 3},
    ]
    edited = [event for event in stand.recorder.events if isinstance(event, MessageEdited)]
    assert [(event.message.content, event.message.revision) for event in edited] == [
        (said("better"), 2),
        (said("best"), 3),
    ]


async def test_an_edited_message_is_still_a_duplicate_of_its_first_content(stand: Stand) -> None:
    await stand.post(post(1))
    await stand.tx(lambda tx: edit_message(tx, DIRECT, "ann", key(3), 1, said("better")))
    assert await stand.post(post(1), post(1, text="better")) == [(1, 1001, True), RefusalCode.KEY_REUSED]


EDIT_CASES = [
    ("bob", 1, None, RefusalCode.FORBIDDEN),  # not the author
    ("cy", 1, None, RefusalCode.NOT_FOUND),  # not a member
    ("ann", 9, None, RefusalCode.NOT_FOUND),
    ("ann", 0, None, RefusalCode.NOT_FOUND),
    ("ann", -1, None, RefusalCode.NOT_FOUND),
    ("ann", 1, 2, RefusalCode.CONFLICT),
    ("ann", 2, None, RefusalCode.FORBIDDEN),  # a system message
]


@pytest.mark.parametrize(("editor", "position", "revision", "code"), EDIT_CASES)
async def test_what_cannot_be_edited(
    stand: Stand, editor: str, position: int, revision: int | None, code: RefusalCode
) -> None:
    """What others said, what is not there, another revision, what the server said."""
    await stand.post(post(1))
    await stand.tx(
        lambda tx: (
            edit_message(tx, DIRECT, "ann", key(2), 1, said("first"))
            if code is RefusalCode.FORBIDDEN
            else None
        )
    )
    refused = stand.tx(
        lambda tx: edit_message(tx, DIRECT, editor, key(5), position, said("x"), expected_revision=revision)
    )
    assert await refusal_of(refused) == code


async def test_an_edit_key_for_another_edit_is_reused(stand: Stand) -> None:
    await stand.post(post(1), post(2))
    await stand.tx(lambda tx: edit_message(tx, DIRECT, "ann", key(3), 1, said("better")))
    for position, text in ((1, "other"), (2, "better")):
        again = stand.tx(lambda tx, p, t: edit_message(tx, DIRECT, "ann", key(3), p, said(t)), position, text)
        assert await refusal_of(again) == RefusalCode.KEY_REUSED


# -- cursors ----------------------------------------------------------------------------------------------------------


async def test_cursors_only_rise_and_reading_implies_having(stand: Stand) -> None:
    await stand.post(*[post(number) for number in range(1, 6)])
    for delivered, read, expected in (
        (3, None, Cursors(3, 0)),
        (2, 1, Cursors(3, 1)),
        (None, 4, Cursors(4, 4)),
        (1, 1, Cursors(4, 4)),
        (5, 0, Cursors(5, 4)),
    ):
        moved = await stand.tx(lambda tx, d, r: tx.move_cursors(DIRECT, "bob", d, r), delivered, read)
        assert moved == expected
    events = [event for event in stand.recorder.events if isinstance(event, CursorMoved)]
    assert [event.cursors for event in events] == [Cursors(3, 0), Cursors(3, 1), Cursors(4, 4), Cursors(5, 4)]
    assert all(sorted(event.audience) == ["ann", "bob"] for event in events)


@pytest.mark.parametrize(("delivered", "read"), [(2, None), (None, 2), (-1, None)])
async def test_a_cursor_stays_within_the_conversation(
    stand: Stand, delivered: int | None, read: int | None
) -> None:
    await stand.post(post(1))
    assert (
        await refusal_of(stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", delivered, read)))
        == RefusalCode.INVALID
    )


async def test_only_members_have_cursors_and_a_channel_keeps_them_to_itself(stand: Stand) -> None:
    channel = await make_group(stand, Kind.CHANNEL, bob=Role.READER)
    assert (
        await refusal_of(stand.tx(lambda tx: tx.move_cursors(channel, "cy", 1, 1))) == RefusalCode.NOT_FOUND
    )
    await stand.tx(lambda tx: tx.move_cursors(channel, "bob", 1, 1))
    event = stand.recorder.events[-1]
    assert isinstance(event, CursorMoved)
    assert list(event.audience) == ["bob"]
    await stand.tx(lambda tx: tx.remove_member(channel, "bob", key(5), "bob"))
    assert (
        await refusal_of(stand.tx(lambda tx: tx.move_cursors(channel, "bob", 2, 2))) == RefusalCode.NOT_FOUND
    )

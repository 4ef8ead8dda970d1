"""Rules of conversations at their edges."""

from __future__ import annotations

import pytest

from imserver.chat.permissions import MAX_RECEIPT_MEMBERS, has_receipts, heir
from imserver.model import Kind, Role


@pytest.mark.parametrize(
    ("kind", "members", "told"),
    [
        (Kind.DIRECT, 2, True),
        (Kind.GROUP, MAX_RECEIPT_MEMBERS, True),
        (Kind.GROUP, MAX_RECEIPT_MEMBERS + 1, False),
        (Kind.CHANNEL, 2, False),
    ],
)
def test_where_members_learn_how_far_the_others_have_read(kind: Kind, members: int, told: bool) -> None:
    assert has_receipts(kind, members) is told


@pytest.mark.parametrize(
    ("members", "joined_at", "owner"),
    [
        ({}, {}, None),
        ({"ann": Role.READER}, {"ann": 9}, "ann"),
        ({"ann": Role.READER, "bob": Role.MEMBER}, {"ann": 1, "bob": 9}, "bob"),
        ({"ann": Role.MEMBER, "bob": Role.ADMIN}, {"ann": 1, "bob": 9}, "bob"),
        ({"ann": Role.ADMIN, "bob": Role.ADMIN, "cy": Role.MEMBER}, {"ann": 7, "bob": 5, "cy": 1}, "bob"),
        ({"bob": Role.MEMBER, "ann": Role.MEMBER}, {"bob": 1, "ann": 1}, "ann"),
    ],
)
def test_who_owns_a_conversation_when_its_owner_has_gone(
    members: dict[str, Role], joined_at: dict[str, int], owner: str | None
) -> None:
    assert heir(members, joined_at) == owner

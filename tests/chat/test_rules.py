"""Rules of conversations at their edges."""

from __future__ import annotations

import pytest

from imserver.chat.conversations import MAX_RECEIPT_MEMBERS, has_receipts
from imserver.model import Kind


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

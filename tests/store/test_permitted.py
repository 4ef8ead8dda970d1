"""Contract: what stores let through is what the rule says: posts by the folded sets, reads cut to the grant, in both alike."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from imserver.chat import permissions as rules
from imserver.chat.permissions import Bars, Grant, Need
from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind, Role, group_conversation_id
from imserver.store.engine.pages import Span, span_of
from tests.store.model import ModelTransaction
from tests.store.support import DIRECT, Stand, key, post, said

LATER = 1 << 50
#: Roles that each kind has, by who has them.
ROLES = {
    Kind.DIRECT: {"ann": Role.MEMBER, "bob": Role.MEMBER},
    Kind.GROUP: {"ann": Role.OWNER, "bob": Role.ADMIN, "cy": Role.MEMBER},
    Kind.CHANNEL: {"ann": Role.OWNER, "bob": Role.ADMIN, "cy": Role.MEMBER, "dee": Role.READER},
}
OUTSIDER = "eve"


def mute(tx: Any, place: str, *names: str) -> None:
    """As a feature will: no method of the port does it yet."""
    if isinstance(tx, ModelTransaction):
        tx.mute(place, names, LATER)
    else:
        tx.conversation(place).muted.update(dict.fromkeys(names, LATER))


async def allowed(awaited: Any) -> bool | RefusalCode:
    """True, or the code of the refusal."""
    try:
        await awaited
    except Refusal as refusal:
        return refusal.code
    return True


@pytest.mark.parametrize("muted", [False, True])
@pytest.mark.parametrize("kind", list(Kind))
async def test_the_writer_takes_the_posts_that_the_rule_grants(stand: Stand, kind: Kind, muted: bool) -> None:
    """Together and one by one (the hot path), and inside a unit of something else (the slow one)."""
    await stand.users(OUTSIDER)
    roles = ROLES[kind]
    if kind is Kind.DIRECT:
        place = DIRECT
        await stand.post(post(1))
    else:
        place = group_conversation_id("ann", key(1))
        others = {name: role for name, role in roles.items() if name != "ann"}
        await stand.tx(lambda tx: tx.create_conversation("ann", key(1), kind, "g", others))
    if muted:
        await stand.tx(mute, place, *roles)
    names = [*roles, OUTSIDER]
    bars = Bars(muted_until=LATER) if muted else rules.FREE
    expected = {}
    for name in names:
        standing = rules.MEMBER if name in roles else rules.STRANGER
        answer = rules.decide(Need.SPEAK, kind, standing, roles.get(name), bars)
        expected[name] = True if isinstance(answer, Grant) else answer.code
    number = itertools.count(10)
    run = await stand.post(*(post(next(number), name, place) for name in names))
    single = [(await stand.post(post(next(number), name, place)))[0] for name in names]
    for found in (run, single):
        assert {
            name: one if isinstance(one, RefusalCode) else True
            for name, one in zip(names, found, strict=True)
        } == expected
    for name in names:
        alone = stand.tx(
            lambda tx, who, no: tx.post(place, who, key(no), said("x"), sent_at=1), name, next(number)
        )
        assert await allowed(alone) == expected[name]


async def test_a_seat_is_that_of_a_member_of_who_left_and_of_nobody(stand: Stand) -> None:
    place = group_conversation_id("ann", key(1))
    await stand.tx(
        lambda tx: tx.create_conversation(
            "ann", key(1), Kind.GROUP, "g", {"bob": Role.ADMIN, "cy": Role.MEMBER}
        )
    )
    await stand.tx(lambda tx: tx.remove_member(place, "ann", key(2), "bob"))
    read = {
        name: await stand.read(lambda reader, who: reader.seat(place, who), name)
        for name in ("ann", "bob", "dee")
    }
    assert read == {
        "ann": rules.Seat(Kind.GROUP, rules.MEMBER, Role.OWNER),
        "bob": rules.Seat(Kind.GROUP, rules.standing_of(2), Role.ADMIN),
        "dee": rules.NO_SEAT,
    }
    await stand.tx(mute, place, "cy")
    written = [
        await stand.tx(lambda tx, who: tx.seat(place, who), name) for name in ("ann", "cy", "bob", "dee")
    ]
    assert written == [
        rules.Seat(Kind.GROUP, rules.MEMBER, Role.OWNER),
        rules.Seat(Kind.GROUP, rules.MEMBER, Role.MEMBER, Bars(muted_until=LATER)),
        rules.NO_SEAT,  # whoever left writes nothing, as a stranger
        rules.NO_SEAT,
    ]
    assert await stand.tx(lambda tx: tx.seat("group/no", "ann")) == rules.NO_SEAT


@pytest.mark.parametrize(
    ("grant", "after", "before", "span"),
    [
        (rules.EVERYTHING, None, None, Span(1, 20, True, 20)),
        (rules.EVERYTHING, 5, None, Span(6, 20, False, 20)),
        (Grant(1, 12), None, None, Span(1, 12, True, 12)),
        (Grant(1, 12), 5, None, Span(6, 12, False, 12)),
        (Grant(1, 12), None, 15, Span(1, 12, True, 12)),
        (Grant(1, 12), None, 9, Span(1, 8, True, 12)),
        (Grant(1, 12), 12, None, Span(13, 12, False, 12)),
        # A history that begins later: nothing below it, and the page says that it covers what it may.
        (Grant(7, rules.END), None, None, Span(7, 20, True, 20)),
        (Grant(7, rules.END), 2, None, Span(7, 20, False, 20)),
        (Grant(7, rules.END), 9, None, Span(10, 20, False, 20)),
        (Grant(7, rules.END), None, 5, Span(7, 4, True, 20)),
        (Grant(7, 12), None, None, Span(7, 12, True, 12)),
    ],
)
def test_a_page_is_cut_to_the_grant(grant: Grant, after: int | None, before: int | None, span: Span) -> None:
    assert span_of(20, grant, after, before, 50) == span


@pytest.mark.parametrize(
    "grant", [Grant(1, 12), Grant(7, 12), Grant(5, 5), rules.EVERYTHING, rules.NO_POSITIONS]
)
def test_a_grant_covers_both_of_its_ends_and_nothing_beyond(grant: Grant) -> None:
    positions = {*range(20), grant.first, grant.last, grant.last - 1, grant.last + 1}
    covered = {position for position in positions if grant.covers(position)}
    assert covered == {position for position in positions if position in range(grant.first, grant.last + 1)}
    assert [grant.cut(head) for head in (grant.last - 1, grant.last, grant.last + 1)] == [
        grant.last - 1,
        grant.last,
        grant.last,
    ]
    assert grant.goes_on is (grant == rules.EVERYTHING)


def test_beyond_the_grant_is_beyond_this_history() -> None:
    with pytest.raises(Refusal) as refused:
        span_of(20, Grant(1, 12), 13, None, 50)
    assert refused.value.code is RefusalCode.EPOCH_CHANGED

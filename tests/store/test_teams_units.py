"""Random work on teams, in batches and with units that fail: product and model answer the same, tell the same to the same, and
are left with the same members."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imserver.chat.permissions import MEMBER
from imserver.chat.ports import Store
from imserver.chat.transaction import Transaction
from imserver.config import StoreConfig
from imserver.model import Kind, Role, group_conversation_id
from imserver.testing import ManualClock
from tests.store.deeds import PEOPLE, Op, adds, marks, moves, mute, posts, removes, sets, several, work
from tests.store.support import key
from tests.store.team_scene import make_bot
from tests.store.twins import answer, in_order, model, opened, product

#: To make a difference small takes longer than to find none.
pytestmark = pytest.mark.timeout(400)

#: Two staffs and two conversations that may name them; by their makers, which run them at first.
STAFFS = [group_conversation_id(maker, key(100)) for maker in PEOPLE[:2]]
PLACES = [group_conversation_id(maker, key(101)) for maker in PEOPLE[:2]]
MAKERS = dict(zip((*STAFFS, *PLACES), (*PEOPLE[:2], *PEOPLE[:2]), strict=True))

people = st.sampled_from(PEOPLE)
roles = st.sampled_from((Role.MEMBER, Role.MEMBER, Role.ADMIN))
staffs, places = st.sampled_from(STAFFS), st.sampled_from(PLACES)
anywhere = st.sampled_from((*STAFFS, *PLACES, *PLACES))
keys, near = st.integers(1, 40), st.integers(0, 4)
members = st.dictionaries(people, roles, max_size=2)


def creates(place: str, rows: dict[str, Role], team: str | None) -> Op:
    """Made again with others, or with another team, it is KEY_REUSED."""
    maker = MAKERS[place]
    made = key(100 if place in STAFFS else 101)
    return work(lambda tx: tx.create_conversation(maker, made, Kind.GROUP, "g", rows, team))


def sets_team(place: str, team: str) -> Op:
    return work(lambda tx: tx.set_team(place, team))


def mutes(place: str, user: str, until: int) -> Op:
    """Who has a row; nobody mutes the others yet."""

    def function(tx: Transaction) -> None:
        if tx.seat(place, user).standing is MEMBER:
            mute(tx, place, user, until)

    return work(function, place)


teamed = st.builds(creates, places, members, st.one_of(staffs, staffs, st.none(), places))
simple = st.one_of(
    st.builds(creates, staffs, members, st.none()),
    teamed,
    st.builds(sets_team, anywhere, staffs),
    st.builds(adds, staffs, people, keys, people, roles),
    st.builds(adds, anywhere, people, keys, people, roles),
    st.builds(removes, staffs, people, keys, people),
    st.builds(removes, anywhere, people, keys, people),
    st.builds(mutes, places, people, st.sampled_from((0, 1 << 50))),
    st.builds(posts, keys, people, places, st.just("a")),
    st.builds(posts, keys, people, anywhere, st.just("a")),
    st.builds(moves, places, people, near, near),
    st.builds(sets, places, people, st.just("x"), st.integers(0, 3)),
    st.builds(marks, places, near, st.just("x"), st.integers(0, 3), st.just({})),
)
ops = st.one_of(simple, simple, st.builds(several, st.lists(simple, min_size=1, max_size=4), st.booleans()))
#: There is nearly always something to change.
beginning = [*(creates(place, {"cy": Role.MEMBER}, None) for place in STAFFS)]
runs = st.lists(st.lists(ops, min_size=1, max_size=8), min_size=1, max_size=8)


def standing(tx: Transaction) -> list[Any]:
    """Who is where, and with what of one's own."""
    found: list[Any] = []
    for place in MAKERS:
        audience = tx.audience(place)
        found.append(audience)
        for person in PEOPLE:
            found.append(tx.seat(place, person))
            if audience is not None and person in audience:
                found += [tx.settings(place, person), tx.move_cursors(place, person, 0, 0)]
    return found


async def play(store: Store, batches: list[list[Op]]) -> list[Any]:
    stand = await opened(store)
    try:
        await stand.tx(make_bot, "dee")
        told: list[Any] = []
        for batch in [beginning, *batches]:
            units = in_order(batch)
            await stand.do(units)
            told.append([(answer(unit), list(unit.events())) for unit in units])
            told.append(await stand.tx(standing))
        return told
    finally:
        await store.close()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=runs)
def test_product_and_model_have_the_same_members_and_tell_them_the_same(batches: list[list[Op]]) -> None:
    clock = ManualClock()
    config = StoreConfig(path=":memory:", max_cached_conversations=2)
    by_sql = asyncio.run(play(product(config, clock), batches))
    by_hand = asyncio.run(play(model(config, clock), batches))
    for number, (left, right) in enumerate(zip(by_sql, by_hand, strict=True)):
        assert left == right, f"part {number}"

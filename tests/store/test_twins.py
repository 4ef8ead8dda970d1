"""The same random work on the product and on the model gives the same answers, events and pages.

What one session asks for is done in order by both, so even the numbers of changes are the same. What several ask for, the
product may arrange: then each conversation by itself is the same, and each session's own order.
"""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imserver.config import StoreConfig
from imserver.model import Kind, Role
from imserver.testing import ManualClock
from tests.store.deeds import (
    GROUPS,
    PAIRS,
    PEOPLE,
    Op,
    adds,
    creates,
    edits,
    marks,
    moves,
    posts,
    removes,
    retracts,
    shows,
)
from tests.store.scenes import history
from tests.store.twins import (
    delays,
    model,
    names,
    near,
    ops,
    owned,
    page_on,
    play,
    play_apart,
    product,
    roles,
    simple,
    texts,
    values,
)

#: To make a difference small takes longer than to find none.
pytestmark = pytest.mark.timeout(400)


#: Posts in one run, of which most were offered before.
again = st.builds(posts, st.integers(1, 3), st.sampled_from(PEOPLE[:2]), st.just(PAIRS[0]), texts, delays)
#: One group in which everything happens at once, so that whatever passes what it must not pass is told something else.
fresh = st.integers(20, 60)
present = st.sampled_from(PEOPLE[:3])
in_group = st.one_of(
    st.builds(posts, fresh, present, st.just(GROUPS[0]), texts),
    st.builds(posts, fresh, present, st.just(GROUPS[0]), texts),
    st.builds(removes, st.just(GROUPS[0]), st.just("ann"), fresh, st.sampled_from(PEOPLE[1:3])),
    st.builds(adds, st.just(GROUPS[0]), st.just("ann"), fresh, st.sampled_from(PEOPLE[1:3]), roles),
    st.builds(edits, st.just(GROUPS[0]), present, fresh, near, texts, st.sampled_from((None, 1, 2))),
    st.builds(moves, st.just(GROUPS[0]), present, near, near),
    st.builds(retracts, st.just(GROUPS[0]), present, fresh, near),
    st.builds(marks, st.just(GROUPS[0]), near, names, values(), owned()),
    st.builds(shows, st.just(GROUPS[0]), names, values()),
)
made = creates("ann", 100, Kind.GROUP, {"bob": Role.MEMBER, "cy": Role.ADMIN})
batches_of_any = st.one_of(
    st.lists(ops, min_size=1, max_size=12),
    st.lists(ops, min_size=1, max_size=12),
    st.lists(again, min_size=2, max_size=6),
    st.lists(in_group, min_size=3, max_size=10).map(lambda rest: [made, *rest]),
)
#: Beside what is drawn at large: histories in which each rule is met on purpose.
runs = st.one_of(st.lists(batches_of_any, min_size=1, max_size=8), st.builds(history, st.randoms()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=runs)
def test_product_and_model_say_the_same(batches: list[list[Op]]) -> None:
    clock = ManualClock()
    config = StoreConfig(path=":memory:", max_cached_conversations=3)
    by_sql = asyncio.run(play(product(config, clock), batches))
    by_hand = asyncio.run(play(model(config, clock), batches))
    for number, (left, right) in enumerate(zip(by_sql, by_hand, strict=True)):
        assert left == right, f"batch {number}"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=runs)
def test_each_conversation_is_the_same_in_whatever_order_the_product_does_them(
    batches: list[list[Op]],
) -> None:
    clock = ManualClock()
    config = StoreConfig(path=":memory:", max_cached_conversations=3, readers=1)
    arranged = asyncio.run(play_apart(product(config, clock), batches))
    one_by_one = asyncio.run(play_apart(model(config, clock), batches))
    for number, (left, right) in enumerate(zip(arranged, one_by_one, strict=True)):
        assert left == right, f"part {number}"


def says(number: int, place: str, second: bool) -> Op:
    """A post of one of the two, which nothing refuses."""
    return posts(number, place.split("/")[1 + second], place, "a")


spoken = st.builds(says, st.integers(200, 299), st.sampled_from(PAIRS), st.booleans())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    batches=st.lists(
        st.tuples(
            st.lists(st.one_of(simple, spoken, spoken), max_size=5),
            st.integers(1, 3),
            st.one_of(st.none(), st.integers(0, 5)),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_both_give_the_same_pages_while_things_change(
    batches: list[tuple[list[Op], int, int | None]],
) -> None:
    """What a reader remembers of a list is never told in the place of what is there now."""
    clock = ManualClock()
    config = StoreConfig(path=":memory:", max_cached_conversations=3, readers=1)
    by_sql = asyncio.run(page_on(product(config, clock), batches))
    by_hand = asyncio.run(page_on(model(config, clock), batches))
    for number, (left, right) in enumerate(zip(by_sql, by_hand, strict=True)):
        assert left == right, f"pages {number}"

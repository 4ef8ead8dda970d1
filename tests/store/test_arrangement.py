"""The order in which a batch is done: what has to keep its order keeps it, and posts run together where they may.

The rules are in the docstrings of `arrangement`; `overtakes` below is the oracle: it compares two units at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.chat.transaction import Transaction
from imserver.chat.units import PostUnit, Unit
from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind, Role
from imserver.store.engine.arrangement import arranged
from tests.store.support import Stand, key, post


class Session:
    """Asks for units."""

    user_id = "ann"

    def push_all(self, tails: Sequence[Any]) -> None: ...


SESSIONS = [Session() for _ in range(3)]


class Other(Unit):
    """Any unit but a plain post."""

    def __init__(self, conversation_id: str | None, origin: Session | None) -> None:
        super().__init__(origin)
        self.conversation_id = conversation_id


class Barrier(Other):
    """Names a conversation, and may change others."""

    barrier = True


def unit_of(kind: str, conversation_id: str, session: int) -> Unit:
    origin = SESSIONS[session] if session < len(SESSIONS) else None
    if kind == "other":
        return Other(conversation_id, origin)
    if kind == "barrier":
        return Other(None, origin)
    if kind == "says so":
        return Barrier(conversation_id, origin)
    unit = PostUnit(conversation_id, "ann", key(1), b"", b"", 1, origin)
    if kind == "withdrawn":
        unit.error = Refusal(RefusalCode.HELD, "held")
    return unit


BATCHES = st.lists(
    st.builds(
        unit_of,
        st.sampled_from(["post", "post", "post", "other", "withdrawn", "barrier", "says so"]),
        st.sampled_from(["one", "two", "three"]),
        st.integers(0, len(SESSIONS)),
    ),
    max_size=30,
)


def is_post(unit: Unit) -> bool:
    return isinstance(unit, PostUnit) and unit.error is None


def may_pass(later: Unit, earlier: Unit) -> bool:
    """Whether a later unit may be done before an earlier one: at least one is a post, and they are strangers."""
    return (
        (is_post(later) or is_post(earlier))
        and None not in (later.conversation_id, earlier.conversation_id)
        and not (later.barrier or earlier.barrier)
        and later.conversation_id != earlier.conversation_id
        and (later.session is None or later.session is not earlier.session)
    )


@given(BATCHES)
def test_a_unit_passes_only_what_has_nothing_to_do_with_it(units: list[Unit]) -> None:
    keeps_its_order(units)


def test_three_units_keep_their_order_whatever_they_are() -> None:
    """All there are, of two conversations and two sessions: what goes wrong with three is not left to luck."""
    kinds = [
        *product(["post", "other", "withdrawn"], ["one", "two"], [0, 1, 3]),
        ("barrier", "one", 0),
        ("says so", "one", 0),
    ]
    for three in product(kinds, repeat=3):
        keeps_its_order([unit_of(*each) for each in three])


def keeps_its_order(units: list[Unit]) -> None:
    order = arranged(units)
    assert sorted(map(id, order)) == sorted(map(id, units))
    place = {id(unit): at for at, unit in enumerate(order)}
    for at, later in enumerate(units):
        for earlier in units[:at]:
            if place[id(later)] < place[id(earlier)]:
                assert may_pass(later, earlier)


@given(BATCHES)
def test_posts_wait_for_nothing_that_they_need_not_wait_for(units: list[Unit]) -> None:
    """A post is in the first run unless a chain of units that may not be passed leads back to something else than posts."""
    waits: list[bool] = []
    for at, unit in enumerate(units):
        held_by = (before for before, earlier in enumerate(units[:at]) if not may_pass(unit, earlier))
        waits.append(not is_post(unit) or any(waits[before] for before in held_by))
    together = [unit for unit, waiting in zip(units, waits, strict=True) if not waiting]
    assert list(arranged(units)[: len(together)]) == together


def test_a_cursor_after_each_post_leaves_one_run() -> None:
    """Ten pairs talk, and each reader's cursor follows."""
    units: list[Unit] = []
    for number in range(10):
        units += [unit_of("post", f"talk {number}", 3), unit_of("other", f"talk {number}", 0)]
    runs = [kind for kind, _ in groupby(map(is_post, arranged(units)))]
    assert runs == [True, False]


def test_a_post_that_does_something_of_its_own_is_done_alone() -> None:
    class Looking(PostUnit):
        def run(self, tx: Transaction) -> Any:
            return tx.post(self.conversation_id, self.sender_id, self.key, b"", sent_at=1)

    class Settling(PostUnit):
        def settle(self) -> None: ...

    assert (Looking.together, Settling.together) == (False, True)


class Removal(Unit):
    """Bob is taken out of the group."""

    def __init__(self, conversation_id: str, number: int) -> None:
        super().__init__()
        self.conversation_id = conversation_id
        self._number = number

    def run(self, tx: Transaction) -> Any:
        assert self.conversation_id is not None
        return tx.remove_member(self.conversation_id, "ann", key(self._number), "bob")


@pytest.mark.parametrize("behind", [False, True])
async def test_what_is_told_is_told_in_the_order_of_the_commit(stand: Stand, behind: bool) -> None:
    """Posts of other conversations go before a removal; those of the group keep their place; changes rise in what is told."""
    group, _, _ = await stand.tx(
        lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER})
    )
    early, late = post(1, "bob", group), post(2, "bob", group)
    elsewhere = [post(number, "ann") for number in range(3, 6)]
    units = (
        [early, Removal(group, 91), *elsewhere, late]
        if behind
        else [early, *elsewhere, Removal(group, 91), late]
    )
    told = len(stand.recorder.units)
    await stand.do(units)
    assert [early.result[0], early.error, type(late.error)] == [2, None, Refusal]
    assert [unit.result[0] for unit in elsewhere] == [1, 2, 3]
    changes = [event.change for unit in stand.recorder.units[told:] for event in unit.events()]
    assert changes == sorted(changes)
    assert len(changes) == 5

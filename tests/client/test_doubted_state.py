"""State that another history may have told: shown until all of it was told anew, or gone with it."""

from __future__ import annotations

from typing import Any

import pytest

from imserver_client.core.state import UNSAID, ConversationState, Counted


def state() -> ConversationState[str]:
    shown = ConversationState[str]()
    for position in (1, 2, 3):
        shown.message(position)
        shown.push_items(position, [(position, f"v{position}", UNSAID)])
    return shown


def test_what_stood_above_goes_with_its_values() -> None:
    shown = state()
    shown.cap(2)
    assert (shown.held.pairs(), sorted(shown.items), shown.have, shown.seen) == ([(1, 2)], [1, 2], 2, 3)


def test_discarded_state_is_asked_from_the_beginning() -> None:
    shown = state()
    assert shown.discard(former=False) == [1, 2, 3]
    shown.replace(2, None, 0, None, former=False)
    assert (shown.seen, shown.top, shown.met, shown.due(), shown.ask()) == (0, 2, 2, True, 0)
    shown.answer([(1, 2, "other", None)], 2, False)
    assert {at: kept.extra for at, kept in shown.items.items()} == {1: "other"}


def test_a_former_member_holds_nothing_then() -> None:
    shown = state()
    shown.about.replace(3, "lenses")
    shown.discard(former=True)
    shown.replace(2, None, 0, None, former=True)
    assert not shown.held
    assert not shown.due()
    assert shown.about.value is None


def test_doubted_state_is_shown_until_all_of_it_was_told() -> None:
    """What nobody tells then, as it is of another history, goes at the end; and what stays the same is no news."""
    shown = state()
    shown.items[1].mine = "mine"
    shown.unsaved.clear()
    shown.doubt()
    shown.replace(3, None, 0, None, former=False)
    assert {at: kept.extra for at, kept in shown.items.items()} == {1: "v1", 2: "v2", 3: "v3"}
    assert (shown.seen, shown.top, shown.met, shown.unsaved) == (-1, 3, 3, {1, 2, 3})
    assert (shown.due(), shown.ask()) == (True, 0)
    assert shown.push_items(4, [(1, "v1", UNSAID)]) == []
    assert shown.answer([(2, 2, "v2", None)], 2, True) == ([], False)
    assert shown.ask() == 2
    assert shown.answer([], 4, False) == ([1, 3], False)
    assert {at: (kept.extra, kept.mine) for at, kept in shown.items.items()} == {
        1: ("v1", None),
        2: ("v2", None),
    }
    assert shown.seen == 4


@pytest.mark.parametrize("told", [0, 1])
def test_doubted_state_is_asked_whatever_the_count_is_now(told: int) -> None:
    shown = state()
    shown.doubt()
    shown.replace(0, None, 0, None, former=False)
    if told:
        shown.push_items(1, [])  # the next one of none: but not all was right before
    assert (shown.due(), shown.ask()) == (True, 0)
    assert shown.answer([], told, False) == ([1, 2, 3], False)
    assert (shown.items, shown.seen, shown.due()) == ({}, told, False)


def test_of_doubted_state_only_what_is_shown_stays() -> None:
    shown = state()
    shown.push_items(4, [(9, "before its message", UNSAID)])
    shown.doubt()
    assert sorted(shown.items) == [1, 2, 3]


def test_a_page_replaces_what_is_doubted() -> None:
    shown = state()
    shown.doubt()
    shown.replace(0, None, 0, None, former=True)
    assert shown.page(0, [(2, None, None), (3, "v3", None)]) == [2]


def test_a_former_members_row_says_nothing_of_the_conversation() -> None:
    """What was shown stays, until any row of a member tells."""
    shown = state()
    shown.about.replace(3, "lenses")
    shown.doubt()
    shown.replace(3, None, 0, None, former=True)
    assert shown.about.value == "lenses"
    assert shown.row_about(0, None)
    assert shown.about.value is None


@pytest.mark.parametrize(("seq", "value"), [(1, "old"), (9, None)])
def test_a_counted_value_is_replaced_whatever_its_counter(seq: int, value: Any) -> None:
    counted = Counted(5, "new")
    assert counted.replace(seq, value)
    assert (counted.seq, counted.value) == (seq, value)
    assert not counted.replace(seq + 1, value)

"""The client's rule for state: once all is quiet every screen shows what the server has, and each mistake in it is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver_client.core.state import UNSAID, ConversationState, Counted, Ranges

from .state_model.variants import BROKEN, SAFE, Variant
from .state_model.world import World

#: Runs in which a mistake must be found: the first one finds it, unless the dice fall otherwise in another Python.
TRIES = 30


def name_of(variant: Variant) -> str:
    return variant.name.replace(" ", "-")


def wrong(variant: Variant, first: int, runs: int) -> dict[int, set[str]]:
    """By seed, what the judge found."""
    found = ((seed, World(seed, variant).run()) for seed in range(first, first + runs))
    return {seed: bad for seed, bad in found if bad}


@pytest.mark.parametrize("variant", SAFE, ids=name_of)
def test_every_screen_shows_what_the_server_has(variant):
    assert wrong(variant, 1, 60 if variant.name == "full" else 12) == {}


@pytest.mark.parametrize("variant", BROKEN, ids=name_of)
def test_the_judge_finds(variant):
    assert any(variant.found <= World(variant.seed + n, variant).run() for n in range(TRIES)), variant.about


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("variant", SAFE, ids=name_of)
def test_every_screen_in_many_runs(variant):
    assert wrong(variant, 1001, 1000 if variant.name == "full" else 200) == {}


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 6))), st.integers(1, 40), st.integers(1, 4))
def test_ranges_are_a_set(added, below, most):
    ranges, model = Ranges(), set[int]()
    for low, length in added:
        new = set(range(low, low + length))
        assert ranges.add(low, low + length - 1) == bool(new - model)
        model |= new
    assert {position for position in range(1, 60) if position in ranges} == model
    assert Ranges(ranges.pairs()) == ranges
    assert all(
        high + 1 < low for (_, high), (low, _) in zip(ranges.pairs(), ranges.pairs()[1:], strict=False)
    )
    ranges.cut(below)
    model = {position for position in model if position >= below}
    assert {position for position in range(1, 60) if position in ranges} == model
    assert bool(ranges) == bool(model)
    kept = ranges.shorten(most)
    assert len(ranges.pairs()) <= most
    model = {position for position in model if kept is None or position >= kept}
    assert {position for position in range(1, 60) if position in ranges} == model


def state_of(*held: int, seen: int = 0) -> ConversationState[str]:
    state = ConversationState[str](seen=seen, top=seen)
    for position in held:
        state.message(position)
    return state


def test_only_the_next_push_raises_seen():
    state = state_of(1, seen=4)
    assert state.push_items(5, [(1, "a", UNSAID)]) == [1]
    assert (state.seen, state.due()) == (5, False)
    assert state.push_items(7, [(1, "b", "mine")]) == [1]
    assert (state.seen, state.top, state.due()) == (5, 7, True)
    assert state.ask() == 5
    assert not state.due()
    assert state.answer([(1, 7, "b", "mine")], 7, False) == ([], False)
    assert (state.seen, state.due()) == (7, False)


def test_a_push_of_nothing_that_one_sees_counts():
    state = state_of(1, seen=4)
    assert state.push_items(5, []) == []
    assert state.seen == 5


def test_a_hint_asks_and_knows_nothing():
    state = state_of(1, seen=4)
    state.hint(5)
    assert (state.seen, state.top, state.due()) == (4, 5, True)


def test_without_an_item_there_is_nothing_to_catch_up():
    state = state_of(seen=4)
    state.row(9, former=False)
    assert not state.due()
    assert state.seen == 9


def test_who_is_no_member_asks_nothing():
    state = state_of(1, seen=4)
    state.row(9, former=True)
    assert not state.due()


@pytest.mark.parametrize(
    "speak",
    [
        lambda state: state.row(9, former=False),
        lambda state: state.hint(9),
        lambda state: state.push_items(9, []),
        lambda state: state.push_about(9, "topic"),
    ],
    ids=["row", "hint", "item", "about"],
)
def test_a_refusal_holds_until_a_row_or_a_push(speak):
    state = state_of(1, seen=4)
    state.hint(8)
    state.ask()
    state.refuse()
    assert not state.due()
    speak(state)
    assert state.due()


def test_an_answer_behind_what_is_known_can_wait():
    state = state_of(1, seen=4)
    state.hint(9)
    state.ask()
    assert state.answer([], 7, False) == ([], True)
    assert state.seen == 7


def test_an_answer_goes_on_where_its_page_ended():
    state = state_of(1, 2, seen=4)
    state.hint(9)
    assert state.ask() == 4
    state.answer([(1, 6, "a", None)], 6, True)
    assert (state.seen, state.ask()) == (4, 6)
    state.session_lost()
    assert state.due()
    assert state.ask() == 4


def test_an_answer_counts_for_nothing_if_a_page_lowered_seen_meanwhile():
    state = state_of(1, seen=4)
    state.hint(9)
    assert state.ask() == 4
    state.page(3, [(2, "old", None)])
    state.answer([], 9, False)
    assert (state.seen, state.due(), state.ask()) == (3, True, 3)


def test_what_is_forgotten_meanwhile_makes_an_answer_count_for_nothing():
    state = state_of(1, seen=4)
    state.hint(9)
    state.ask()
    state.forget_items()
    state.message(2)
    state.answer([], 9, False)
    assert (state.seen, state.due()) == (4, True)


def test_a_shared_value_without_an_own_one_keeps_it():
    state = state_of(1)
    state.push_items(1, [(1, "a", "mine")])
    state.push_items(2, [(1, "b", UNSAID)])
    assert (state.items[1].extra, state.items[1].mine) == ("b", "mine")
    state.answered_put(3, 1, "c", None)
    assert (state.items[1].extra, state.items[1].mine) == ("c", None)


def test_values_of_what_is_not_held_go_but_not_above_have_nor_while_a_page_is_asked():
    state = state_of(3)
    state.push_items(1, [(1, "a", UNSAID), (5, "b", UNSAID)])
    assert list(state.items) == [5]
    state.paging = 1
    state.push_items(2, [(1, "a", UNSAID)])
    assert sorted(state.items) == [1, 5]
    state.paging = 0
    state.cut(9)
    assert list(state.items) == [5]
    assert not state.held


def test_a_conversation_without_state_keeps_nothing():
    state = state_of()
    assert state.page(0, [(1, None, None), (2, None, None)]) == []
    assert state.items == {}
    assert state.held.pairs() == [(1, 2)]


def test_a_counter_only_rises():
    settings = Counted[str]()
    assert settings.take(3, "a")
    assert not settings.take(3, "b")
    assert not settings.take(2, "c")
    assert settings.value == "a"

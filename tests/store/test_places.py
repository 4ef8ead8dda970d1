"""Sealed places: what was put in comes out, nothing else is taken for one, and nothing shows."""

from __future__ import annotations

import random
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.errors import Refusal, RefusalCode
from imserver.store.engine.lineage import NAMED_LIVES, Lineage, Place, Run
from imserver.store.engine.places import (
    KEY_BYTES,
    LAST_TIE,
    LISTED,
    MAX_WITNESSES,
    PLACE,
    SEALED_CHARS,
    Places,
    Spot,
    of_no_store,
)

KEY = bytes(range(KEY_BYTES))
#: What fits into the largest integer of the wire.
changes = st.integers(0, 2**53 - 1)


def lineage_of(firsts: list[int], seed: int = 0) -> Lineage:
    rng = random.Random(seed)
    marks = [rng.randbytes(16) for _ in firsts]
    return Lineage(
        Run(no, mark, mark, first) for no, (mark, first) in enumerate(zip(marks, firsts, strict=True), 1)
    )


def places(firsts: list[int] | None = None, *, key: bytes = KEY, seed: int = 0) -> Places:
    return Places(key, lineage_of(firsts or [1], seed), random.Random(seed))


@given(
    firsts=st.lists(st.integers(1, 2**53 - 1), min_size=1, max_size=20).map(sorted),
    head=changes,
    upto=st.one_of(st.none(), changes),
    kind=st.sampled_from([PLACE, LISTED]),
)
def test_what_was_sealed_is_opened(firsts: list[int], head: int, upto: int | None, kind: int) -> None:
    store = places(firsts)
    sealed = store.seal(head, upto, kind=kind)
    place = store.open(sealed, kind=kind)
    assert place == store.lineage.place(head, upto)
    assert place is not None
    assert len(place.lives) == min(1 + sum(one < next_one for one, next_one in pairwise(firsts)), NAMED_LIVES)
    assert len(sealed) == SEALED_CHARS < 512
    assert sealed.replace("-", "a").replace("_", "a").isalnum()
    assert store.open(sealed, kind=PLACE + LISTED - kind) is None


@given(at=st.integers(0, SEALED_CHARS - 1), other=st.characters())
def test_no_character_can_be_another(at: int, other: str) -> None:
    store = places([1, 5, 9])
    sealed = store.seal(12)
    forged = sealed[:at] + other + sealed[at + 1 :]
    assert (store.open(forged) is None) == (forged != sealed)


@pytest.mark.parametrize(
    "text", ["", "x", "A" * SEALED_CHARS, "=" * SEALED_CHARS, "+" * SEALED_CHARS, "ä" * SEALED_CHARS]
)
def test_a_text_that_is_no_place(text: str) -> None:
    store = places()
    assert store.open(text) is None
    assert store.common(text, 9, "ann") == 0
    with pytest.raises(Refusal) as refused:
        store.read(text, 9, "ann")
    assert refused.value.code is RefusalCode.EPOCH_CHANGED
    assert not store.witnesses  # a text that anybody can write is no witness


def test_a_place_is_not_cut_or_made_longer_or_sealed_elsewhere() -> None:
    store = places([1, 5])
    sealed = store.seal(7)
    for forged in (
        sealed[:-1],
        sealed[4:],
        sealed + "AAAA",
        sealed + "=",
        " " + sealed[1:],
        sealed[:-1] + "\n",
    ):
        assert store.open(forged) is None
    assert places([1, 5], key=bytes(KEY_BYTES)).open(sealed) is None


def test_equal_places_and_neighbours_have_nothing_in_common() -> None:
    """Who compares two places learns neither how much happened between them nor whether anything did."""
    store = places([1, 5])
    sealed = [store.seal(head) for head in (7, 7, 8)]
    for one in sealed:
        for other in sealed:
            same = sum(left == right for left, right in zip(one, other, strict=True))
            assert same == SEALED_CHARS if one is other else same < SEALED_CHARS // 8
    assert len(places([1]).seal(0)) == len(places(list(range(1, 30))).seal(2**50))


@given(
    firsts=st.lists(st.integers(1, 1000), min_size=1, max_size=20).map(sorted),
    spot=st.builds(Spot, changes, st.integers(0, LAST_TIE), st.one_of(st.none(), changes)),
)
def test_a_place_inside_a_listing_is_one_of_its_snapshot_with_a_life_less(
    firsts: list[int], spot: Spot
) -> None:
    """Where the listing goes on stands in the room of the last life, and is not taken for one."""
    ours = places(firsts)
    sealed = ours.seal_spot(2**53, spot)
    assert len(sealed) == SEALED_CHARS
    lives = ours.lineage.place(2**53).lives[: NAMED_LIVES - 1]
    assert ours.open(sealed) == Place(ours.lineage.present.mark, 2**53, lives, spot.change)
    assert ours.read_spot(sealed, 2**53, "ann") == spot


def test_a_place_of_before_tells_where_to_go_on() -> None:
    store = places([1, 5])
    assert store.read(None, 9, "ann") == 0
    assert store.read(store.seal(9), 9, "ann") == 9
    assert store.read(store.seal(9, 4), 9, "ann") == 4
    store.lineage = store.lineage.with_run(Run(3, b"c" * 16, b"c" * 16, 10))
    assert store.read(store.seal(12, 11), 12, "ann") == 11


def test_the_snapshot_counts_and_not_how_far_the_listing_had_come() -> None:
    """A page in the middle is of a history that goes to its snapshot's end, whatever it listed."""
    before = places([1])
    middle = before.seal(9, 4)
    after = Places(KEY, before.lineage.with_run(Run(2, b"b" * 16, b"b" * 16, 7)), random.Random(1))
    with pytest.raises(Refusal):
        after.read(middle, 20, "ann")
    assert after.common(middle, 20, "ann") == 6


def test_witnesses_are_counted_once_and_the_first_is_told() -> None:
    store, told = places([1]), []
    store.on_witness = lambda: told.append(1)
    other = places([1], seed=5)
    for user in ("ann", "bob", "ann"):
        with pytest.raises(Refusal):
            store.read(other.seal(3), 9, user)
        store.common(other.seal(3), 9, user)
    assert (store.witnesses, told) == ({"ann", "bob"}, [1])
    store.witnesses.update(map(str, range(MAX_WITNESSES)))
    store.common(other.seal(3), 9, "one more")
    assert "one more" not in store.witnesses


def test_who_only_checks_is_a_witness_too() -> None:
    store, other = places([1]), places([1], seed=5)
    assert store.common(other.seal(3), 9, "ann") == 0
    assert store.witnesses == {"ann"}


def test_what_is_sealed_names_the_lives_of_now() -> None:
    store = places([1])
    for number in range(2, NAMED_LIVES + 4):
        mark = number.to_bytes(16, "big")
        store.lineage = store.lineage.with_run(Run(number, mark, mark, 3 * number))
        assert store.open(store.seal(3 * number + 1)) == store.lineage.place(3 * number + 1)


def test_a_lineage_that_grows_is_never_half_seen() -> None:
    """A reader's thread seals while the loop begins another life: a mark goes with the ends of its own lineage."""
    store, going = places([1]), True
    wrong: list[Place] = []

    def seal() -> None:
        while going:
            place = store.open(store.seal(10**6))
            assert place is not None
            if len(place.lives) > 1 and place.lives[1][0] == place.mark:
                wrong.append(place)

    thread = threading.Thread(target=seal)
    thread.start()
    for number in range(2, 300):
        mark = number.to_bytes(16, "big")
        store.lineage = store.lineage.with_run(Run(number, mark, mark, number))
    going = False
    thread.join()
    assert wrong == []


def test_places_of_no_store_are_good_for_nothing_else() -> None:
    one, other = of_no_store(), of_no_store()
    assert one.read(one.seal(3), 3, "ann") == 3
    assert other.open(one.seal(3)) is None

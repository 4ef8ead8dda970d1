"""Older copies leave no device silently wrong, restarts and kills reset nobody, and each mistake in the rules is found."""

from __future__ import annotations

from collections import Counter

import pytest

from .variants import BROKEN, FULL, NO_EARLIER_LIVES, SAFE, Variant
from .world import World

#: Runs in which a mistake must be found: the first one finds it, unless the dice fall otherwise in another Python.
TRIES = 12


def name_of(variant: Variant) -> str:
    return variant.name.replace(" ", "-")


def wrong(
    variant: Variant, first: int, runs: int, *, calm: bool = False
) -> tuple[dict[int, set[str]], Counter[str]]:
    """By seed, what the judge found; and what came up."""
    found, met = dict[int, set[str]](), Counter[str]()
    for seed in range(first, first + runs):
        world = World(seed, variant, calm=calm)
        if bad := world.run():
            found[seed] = bad
        met += world.met
    return found, met


@pytest.mark.parametrize("variant", SAFE, ids=name_of)
def test_older_copies_leave_nobody_silently_wrong(variant: Variant) -> None:
    found, met = wrong(variant, 1, 200 if variant is FULL else 50)
    assert found == {}
    assert met["resets"] > 100
    assert met["states compared"] > 1000


def test_restarts_and_kills_reset_nobody() -> None:
    found, met = wrong(FULL, 1, 200, calm=True)
    assert found == {}
    assert met["resets"] == 0
    assert met["states emptied"] == 0


@pytest.mark.parametrize("variant", BROKEN, ids=name_of)
def test_the_judge_finds(variant: Variant) -> None:
    runs = (World(variant.seed + n, variant, calm=variant.calm).run() for n in range(TRIES))
    assert any(variant.found <= bad for bad in runs), variant.about


def test_earlier_lives_in_a_place_save_much_reading() -> None:
    _, full = wrong(FULL, 1, 60)
    _, alone = wrong(NO_EARLIER_LIVES, 1, 60)
    assert alone["forgotten for nothing"] > 1.2 * full["forgotten for nothing"]


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("calm", [False, True], ids=["set-back", "calm"])
def test_nobody_is_silently_wrong_in_many_runs(calm: bool) -> None:
    found, met = wrong(FULL, 100_001, 3000, calm=calm)
    print(f"lineage: {'calm' if calm else 'set back'}: 3000 runs, {dict(met)}")
    assert found == {}
    assert (met["resets"] == 0) == calm


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("variant", SAFE[1:], ids=name_of)
def test_safe_variants_in_many_runs(variant: Variant) -> None:
    assert wrong(variant, 100_001, 1000)[0] == {}

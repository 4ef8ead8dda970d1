"""The judge of the proofs finds what would be wrong: a last word that does not stand, and whatever somebody sees wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from imserver.proof.acts import Evidence, Notes
from imserver.proof.acts.reactions import ACTS, ASKED, DONE, SAID

HERE = "group/ann/g"
#: What is stored: ann's and bob's, of a message that both see.
ROWS = {(HERE, 2): [("👍", "ann"), ("👍", "bob"), ("🎉", "bob")]}
EXTRA = [[["👍", 2, ["ann", "bob"]], ["🎉", 1, ["bob"]]], 2]
WHO = [["ann", ["👍"]], ["bob", ["🎉", "👍"]]]


def found(*notes: Notes, left_at: int | None = None) -> list[str]:
    evidence = Evidence(
        notes,
        lambda conversation_id, position: None,
        lambda conversation_id: {"ann": (1, left_at), "bob": (1, None)},
        lambda statement, asked: ROWS.get(asked, []),
    )
    assert ACTS.judge is not None
    return list(ACTS.judge(evidence))


def said(number: int, emoji: str, on: bool) -> tuple[Any, ...]:
    return SAID, number, HERE, 2, emoji, on


def notes(*facts: tuple[Any, ...], device: str = "ann-1", rest: Sequence[Any] | None = None) -> Notes:
    return Notes(device.partition("-")[0], device, facts, rest)


def test_what_was_said_last_stands() -> None:
    assert found(notes(said(1, "🎉", True), said(2, "🎉", False), (DONE, 1), (DONE, 2), (ASKED, 7))) == []
    assert found(notes(said(1, "👍", False), said(2, "👍", True), (DONE, 1), (DONE, 2))) == []


def test_a_put_that_was_lost_is_found() -> None:
    text = f"ann-1 said 🎉 on last at 2 of {HERE}: removed"
    assert found(notes(said(1, "🎉", True), (DONE, 1))) == [text]


def test_a_put_that_came_behind_a_later_remove_is_found() -> None:
    text = f"ann-1 said 👍 off last at 2 of {HERE}: there"
    assert found(notes(said(1, "👍", True), said(2, "👍", False), (DONE, 2))) == [text]


def test_nobody_knows_what_was_not_answered_or_said_by_two_devices() -> None:
    assert found(notes(said(1, "🎉", True))) == []
    assert found(notes(said(1, "🎉", True), (DONE, 1), said(2, "🎉", False))) == []
    both = notes(said(1, "🎉", True), (DONE, 1)), notes(said(2, "🎉", True), (DONE, 2), device="ann-2")
    assert found(*both) == []
    of_two = notes(said(1, "👍", False), (DONE, 1)), notes(said(2, "🎉", True), (DONE, 2), device="bob-1")
    assert len(found(*of_two)) == 1, "another person's device is nobody's business"


#: What a device sees in the end, and whether that is wrong.
SEEN = {
    "all of it": ((EXTRA, ["👍"], True, WHO), False),
    "fewer names": (([[["👍", 2, []], ["🎉", 1, []]], 2], ["👍"], True, WHO), False),
    "not the rare one": (([[["👍", 2, ["ann"]]], 2], ["👍"], True, WHO), False),
    "a kind too few": (([[["👍", 2, ["ann"]]], 1], ["👍"], True, WHO), True),
    "one too many": (([[["👍", 3, ["ann"]], ["🎉", 1, []]], 2], ["👍"], True, WHO), True),
    "another name": (([[["👍", 2, ["bob"]], ["🎉", 1, []]], 2], ["👍"], True, WHO), True),
    "one that is gone": (([[["👍", 2, ["ann"]], ["👀", 1, []]], 2], ["👍"], True, WHO), True),
    "nothing": ((None, None, True, []), True),
    "not its own": ((EXTRA, [], True, WHO), True),
    "somebody else's as its own": ((EXTRA, ["👍", "🎉"], True, WHO), True),
    "another thing than the page": ((EXTRA, ["👍"], False, WHO), True),
    "a person too few": ((EXTRA, ["👍"], True, WHO[:1]), True),
    "a person twice": ((EXTRA, ["👍"], True, [*WHO, WHO[1]]), True),
    "an emoji too few of one": ((EXTRA, ["👍"], True, [WHO[0], ["bob", ["👍"]]]), True),
}


@pytest.mark.parametrize("what", SEEN)
def test_everybody_sees_what_is_stored(what: str) -> None:
    seen, wrong = SEEN[what]
    assert bool(found(notes(rest=[(HERE, 2, *seen)]))) is wrong
    assert found(notes(rest=[(HERE, 2, *seen)]), left_at=9) == [], "who left sees what stood then"

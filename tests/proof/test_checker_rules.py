"""Every rule about messages and appointments is asked, and each has a history in which it alone is broken."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from imserver.proof import message_checks
from imserver.proof.booking import appointment_checks
from imserver.proof.booking.appointment_card import AppointmentCard
from imserver.proof.booking.stored_appointments import OWNING
from imserver.proof.checker import Fault, check
from imserver.proof.stored_rows import StoredRows
from imserver.proof.taken_back import Restore, TakenBack
from imserver.proof.transcript import Acknowledged, Fall, Post, Replaced, Transcript
from tests.proof.histories import BOOKED, CARD, HERE, WORDS, shown, stored

THERE = "group/there"


@dataclass
class Case:
    """Two devices of ann, one of bob and one of cy, of whom nothing wrong was told."""

    rows: StoredRows
    ann: Transcript = field(default_factory=lambda: Transcript("ann"))
    phone: Transcript = field(default_factory=lambda: Transcript("ann"))
    bob: Transcript = field(default_factory=lambda: Transcript("bob"))
    cy: Transcript = field(default_factory=lambda: Transcript("cy"))
    restores: list[Restore] = field(default_factory=list)

    def found(self) -> list[tuple[Fault, str]]:
        report = check(
            [self.ann, self.phone, self.bob, self.cy], self.rows, WORDS, taken=TakenBack(self.restores)
        )
        return [(finding.fault, finding.text) for finding in report.findings]

    def change(self, at: int, /, **changes: Any) -> None:
        self.rows.messages[at - 1] = replace(self.rows.messages[at - 1], **changes)

    def edit(self, position: int, revision: int, digest: bytes) -> None:
        self.bob.replaced.append(Replaced(HERE, position, revision, digest))

    def answer(self, position: int, **changes: Any) -> None:
        row = stored(position)
        answer = Acknowledged(HERE, position, row.key, row.digests[1])
        self.phone.acknowledged.append(replace(answer, **changes))


def right() -> Case:
    """ann posts from two devices, the second of which came later; bob reads from message 2 on; cy was removed from THERE."""
    messages = [stored(n) for n in (1, 2, 3, 4)] + [stored(n, conversation_id=THERE) for n in (1, 2)]
    messages[4] = replace(messages[4], key=b"there 1")
    messages[5] = replace(messages[5], key=b"there 2", sender_id="bob")
    members: dict[str, dict[str, tuple[int, int | None]]] = {
        "ann": {HERE: (1, None)},
        "bob": {HERE: (1, None)},
        "cy": {THERE: (1, 1)},
    }
    case = Case(StoredRows(messages, members, {BOOKED.code: BOOKED}))
    for transcript, heads, mine in ((case.ann, 1, (2, 4)), (case.phone, 2, (3,))):
        transcript.heads = {HERE: heads, THERE: 9}
        transcript.seen = [shown(n) for n in range(heads + 1, 5)]
        transcript.posts = {stored(n).key: Post(HERE, stored(n).digests[1], True) for n in mine}
        transcript.posted = list(transcript.posts)
        transcript.acknowledged = [Acknowledged(HERE, n, stored(n).key, stored(n).digests[1]) for n in mine]
    case.ann.cards = [CARD]
    case.bob.heads, case.bob.seen = {HERE: 1}, [shown(2), shown(3), shown(3, again=True), shown(4)]
    case.bob.lives = [2]
    case.cy.heads = {THERE: 1}
    return case


def order(case: Case) -> None:
    """The second post to one conversation overtook the first, with one to another conversation between them."""
    case.phone.acknowledged = []
    case.phone.posts = {}
    case.ann.posts = {
        stored(4).key: Post(HERE, stored(4).digests[1], True),
        b"there 1": Post(THERE, stored(1).digests[1], True),
        stored(2).key: Post(HERE, stored(2).digests[1], True),
        stored(3).key: Post(HERE, stored(3).digests[1], True),
    }
    case.ann.posted = list(case.ann.posts)


def refuse(case: Case, conversation_id: str) -> None:
    """cy, who was removed from THERE, is refused a post."""
    case.cy.posts[b"no"] = Post(conversation_id, b"", taken=True)
    case.cy.refused[b"no"] = "NOT_FOUND"


def strange(case: Case, conversation_id: str = HERE) -> None:
    """A post of ann's that neither device made."""
    for transcript in (case.ann, case.phone):
        transcript.posts.pop(stored(3).key, None)
        transcript.acknowledged = [one for one in transcript.acknowledged if one.position != 3]
        transcript.posted = list(transcript.posts)
    case.phone.posts[b"untaken"] = Post(HERE, b"")


def appointment(case: Case, **changes: Any) -> None:
    """Another one of the same room, of which nobody need be told."""
    cells = frozenset() if changes.get("status", "held") == "held" else BOOKED.cells
    other = replace(BOOKED, **{"code": "Q7S6", "status": "held", "cells": cells, **changes})
    case.rows.appointments = {other.code: other, **case.rows.appointments}


def three_of_one_room(case: Case) -> None:
    """Read in another order than they begin: the first and the last to be read overlap."""
    late = replace(
        BOOKED,
        code="LATE",
        status="held",
        start_at=BOOKED.free_at + 600_000,
        free_at=BOOKED.free_at + 900_000,
    )
    half = replace(BOOKED, code="HALF", status="held", start_at=BOOKED.start_at + 300_000)
    case.rows.appointments = {BOOKED.code: BOOKED, late.code: late, half.code: half}


def begins_before(case: Case) -> None:
    """And ends when the other has just begun."""
    appointment(case, start_at=BOOKED.start_at - 300_000, free_at=BOOKED.start_at + 1)


def see_there(case: Case, position: int) -> None:
    """cy is shown a message of the group."""
    row = case.rows.messages[3 + position]
    case.cy.seen.append(replace(shown(position), conversation_id=THERE, key=row.key, sender_id=row.sender_id))


def restored() -> Case:
    """An older copy with three messages of HERE came back at 100.0: it took the fourth to the seventh, and an edit of the
    third. The fourth was bob's; of the phone's two posts one is offered again, and is the sixth."""
    case = right()
    gone = [
        stored(4, sender_id="bob", key=b"bob's"),
        stored(5, key=b"gone"),
        stored(6, key=b"again"),
        stored(7),
    ]
    edited = stored(3, revision=2, digests={1: stored(3).digests[1], 2: b"edited"})
    case.restores = [Restore(100.0, tuple(gone), (edited,), frozenset({HERE}), frozenset({("cy", HERE)}))]
    case.rows.messages[4:4] = [stored(5), stored(6, key=b"again", digests={1: b"digest 6"})]
    for transcript in (case.ann, case.phone, case.bob):
        kept = transcript.seen[:-1]
        transcript.void = {*range(len(kept), len(kept) + 3)}
        transcript.falls = [Fall(HERE, 3, 101.0, 102.0, len(kept) + 3, len(transcript.lives))]
        was = [replace(shown(row.position), key=row.key, sender_id=row.sender_id) for row in gone[:3]]
        transcript.seen = [*kept, *was, shown(4), shown(5), replace(shown(6), key=b"again")]
    five = stored(5)
    case.ann.posts[five.key] = Post(HERE, five.digests[1], True)
    for row in gone[1:3]:
        case.phone.posts[row.key] = Post(HERE, row.digests[1], True)
        case.phone.acknowledged.append(Acknowledged(HERE, row.position, row.key, row.digests[1]))
    case.phone.gone = {b"gone": gone[1].digests[1]}
    case.phone.acknowledged.append(Acknowledged(HERE, 6, b"again", b"digest 6"))
    for transcript in (case.ann, case.phone):
        transcript.posted = list(transcript.posts)
    case.bob.cursors_fell = [("the cursors went back", 99.0, 103.0)]
    return case


def stranger(case: Case) -> None:
    """cy sees the group, and was never in it."""
    see_there(case, 1)
    case.rows.members["cy"] = {}


def repeat_in_one_life(case: Case) -> None:
    """One message is marked, as after a kill, and nobody was killed between the two."""
    case.bob.seen[2:] = [shown(4), shown(4, again=True)]


LOST, DOUBLED, ALTERED = Fault.LOST, Fault.DOUBLED, Fault.ALTERED
SILENT, NEEDLESS = Fault.SILENT, Fault.NEEDLESS
#: Rule -> what breaks it alone, the fault and the words.
BROKEN: dict[str, list[tuple[Callable[[Case], Any], Fault, str]]] = {
    "stored_twice": [(lambda c: c.change(6, key=b"there 1", sender_id="ann"), DOUBLED, "there by ann is the same post")],
    "gaps": [
        (lambda c: c.change(6, position=3), LOST, "message 2 of group/there is not in the database"),
        (lambda c: c.change(6, position=1), DOUBLED, "message 1 of group/there is two messages"),
        (lambda c: c.rows.messages.pop(4), LOST, "message 1 of group/there is not"),
    ],
    "shown_is_stored": [
        (lambda c: c.edit(3, 2, b"new"), ALTERED, "revision 2 of message 3"),
        (lambda c: c.edit(3, 1, b"new"), ALTERED, "revision 1 of message 3"),
    ],
    "shown_to_members": [
        (stranger, Fault.TRESPASS, "never a member"),
        (lambda c: see_there(c, 2), Fault.TRESPASS, "removed by message 1"),
    ],
    "shown_in_order": [
        (lambda c: c.bob.seen.append(shown(4)), DOUBLED, "message 4 of direct/ann/bob was shown 2 times"),
        (lambda c: c.ann.seen.__setitem__(0, shown(2, again=True)), DOUBLED, "1 marked as redelivered to ann"),
        (repeat_in_one_life, DOUBLED, "message 4"),
        (lambda c: c.ann.seen.insert(1, c.ann.seen.pop()), Fault.OUT_OF_ORDER, "message 3 of direct/ann/bob was shown to ann"),
    ],
    "stored_was_shown": [
        (lambda c: c.ann.seen.pop(0), LOST, "message 2 of direct/ann/bob was never shown to ann"),
        (lambda c: c.bob.seen.pop(), LOST, "message 4 of direct/ann/bob was never shown to bob"),
        (lambda c: c.cy.heads.clear(), LOST, "message 1 of group/there was never shown to cy"),
    ],
    "acknowledged_is_stored": [
        (lambda c: c.answer(9), LOST, "message 9 of direct/ann/bob was called stored to ann"),
        (lambda c: c.answer(4, digest=b"other"), ALTERED, "message 4 of direct/ann/bob is not what ann posted"),
        (lambda c: c.answer(4, key=b"other"), ALTERED, "message 4 of direct/ann/bob is not what ann posted"),
        (lambda c: c.cy.acknowledged.append(c.phone.acknowledged[0]), ALTERED, "not what cy posted"),
    ],
    "taken_is_stored": [
        (lambda c: c.phone.posts.update({b"gone": Post(HERE, b"", True)}), LOST, "was in the outbox"),
        (lambda c: c.ann.given_up.add(stored(4).key), Fault.UNASKED, "was given up, and is message 4"),
        (lambda c: refuse(c, HERE), Fault.REFUSED, "NOT_FOUND"),
        (lambda c: c.phone.posts.update({stored(3).key: Post(HERE, b"x", True)}), ALTERED, "message 3 of"),
    ],
    "posted_in_order": [(order, Fault.OUT_OF_ORDER, "message 2 of direct/ann/bob overtook")],
    "posted_by_members": [(lambda c: c.change(6, sender_id="cy"), Fault.TRESPASS, "is by cy, who was removed")],
    "stored_was_posted": [(strange, Fault.UNASKED, "message 3 of direct/ann/bob is by ann, who never posted it")],
    "held_against": [
        (lambda c: c.ann.cards.append(replace(CARD, version=3, title="改约")), Fault.MISSING, "shows version 3"),
        (lambda c: c.ann.cards.append(AppointmentCard("X", 1, CARD.title, CARD.words)), Fault.MISSING, "X (预约"),
        (lambda c: c.ann.cards.append(replace(CARD, words="later")), Fault.MISSING, "is at 2026-11-21T15:00"),
        (lambda c: c.ann.cards.clear(), Fault.UNTOLD, "A2S4 (confirmed)"),
    ],
    "overlaps": [
        (lambda c: appointment(c, start_at=BOOKED.start_at + 300_000), Fault.DOUBLE_BOOKED, "both have room"),
        (begins_before, Fault.DOUBLE_BOOKED, "both have room"),
        (three_of_one_room, Fault.DOUBLE_BOOKED, "A2S4 and HALF both have room"),
    ],
}  # fmt: skip
#: What is wrong where an older copy came back, beside what is right about it.
AFTER_A_RESTORE: dict[str, list[Any]] = {
    "shown_is_stored": [
        (lambda c: c.bob.void.remove(2 + 2), SILENT, "message 5 of direct/ann/bob was taken back by a restore as bob has it"),
    ],
    "taken_back_was_told": [
        (lambda c: c.phone.gone.clear(), SILENT, "of ann to direct/ann/bob was taken back by a restore, and nobody was told"),
        (lambda c: c.phone.gone.update({b"gone": b"other"}), ALTERED, "was named as gone with another content"),
        (lambda c: c.phone.gone.update({b"again": b"digest 6"}), NEEDLESS, "was named as gone, and is stored"),
    ],
    "told_with_reason": [
        (lambda c: c.bob.falls.append(replace(c.bob.falls[0], at=103.0)), NEEDLESS, "is another above 3, and no restore"),
        (lambda c: c.cy.falls.append(replace(c.bob.falls[0], conversation_id=THERE)), NEEDLESS, "no restore took anything"),
        (lambda c: c.cy.falls.append(replace(c.bob.falls[0], at=99.0, index=0)), NEEDLESS, "no restore took anything"),
        (lambda c: c.bob.cursors_fell.append(("they fell", 101.0, 103.0)), NEEDLESS, "bob: they fell, and no older copy"),
    ],
}  # fmt: skip
CASES = [
    pytest.param(*case, id=f"{rule}-{number}")
    for rule, cases in BROKEN.items()
    for number, case in enumerate(cases)
]


def rules() -> set[str]:
    """Every function of the two modules that yields findings."""
    found = set()
    for module in (message_checks, appointment_checks):
        kinds = [module, *(kind for _, kind in inspect.getmembers(module, inspect.isclass))]
        for kind in kinds:
            for name, function in inspect.getmembers(kind, inspect.isfunction):
                if function.__annotations__.get("return") == "Found":
                    found.add(name)
    return found


def test_every_rule_has_its_rows_and_every_row_its_rule() -> None:
    assert rules() == BROKEN.keys() | AFTER_A_RESTORE.keys()


def test_what_is_right_is_right() -> None:
    assert right().found() == []
    assert restored().found() == []
    refused = right()
    refuse(refused, THERE)
    assert refused.found() == []


def test_what_was_said_before_the_later_device_came_need_not_be_in_its_record() -> None:
    case = right()
    case.ann.posts.pop(stored(2).key)
    case.ann.acknowledged.pop(0)
    assert case.found() == []


@pytest.mark.parametrize(("spoil", "fault", "words"), CASES)
def test_a_broken_rule_is_found(spoil: Callable[[Case], Any], fault: Fault, words: str) -> None:
    case = right()
    spoil(case)
    found = case.found()
    assert [one for one, _ in found] == [fault], found
    assert words in found[0][1]


@pytest.mark.parametrize(
    ("spoil", "fault", "words"),
    [
        pytest.param(*case, id=f"{rule}-{number}")
        for rule, cases in AFTER_A_RESTORE.items()
        for number, case in enumerate(cases)
    ],
)
def test_a_rule_that_is_broken_after_a_restore_is_found(
    spoil: Callable[[Case], Any], fault: Fault, words: str
) -> None:
    case = restored()
    spoil(case)
    found = case.found()
    assert [one for one, _ in found] == [fault], found
    assert words in found[0][1]


def test_a_restore_excuses_nothing_that_it_did_not_take() -> None:
    case = restored()
    case.restores = [replace(case.restores[0], messages=case.restores[0].messages[2:])]
    found = case.found()
    assert {Fault.LOST, ALTERED} <= {fault for fault, _ in found}, (
        "one is missing, and another stands in its place"
    )


def test_who_was_killed_before_it_can_have_said_that_it_heard_is_told_once_more() -> None:
    case = restored()
    bob, count = case.bob, len(case.bob.seen)
    bob.lives.append(count)
    bob.falls.append(replace(bob.falls[0], since=200.0, at=201.0, index=count, life=2))
    bob.void |= {*range(count - 3, count)}
    bob.seen += bob.seen[-3:]
    assert case.found() == []


@pytest.mark.parametrize("status", sorted(OWNING | {"expired", "cancelled", "done", "no_show"}))
def test_who_has_a_time_has_it_alone_whatever_state_it_is_in(status: str) -> None:
    assert {"held", "pending", "confirmed", "arrived", "in_exam"} == OWNING
    case = right()
    appointment(case, status=status)
    assert (Fault.DOUBLE_BOOKED in [fault for fault, _ in case.found()]) is (status in OWNING)

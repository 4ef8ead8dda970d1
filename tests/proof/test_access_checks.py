"""The checker's rules for people who come and go: whoever is out is served nothing; what is right passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imserver.proof.access_checks import Out, Stays
from imserver.proof.booking.card_words import STATUSES, time_words
from imserver.proof.checker import CardWords, Fault, check
from imserver.proof.stored_rows import StoredMessage, StoredRows
from imserver.proof.taken_back import Restore, TakenBack
from imserver.proof.transcript import Fall, Post, Seen, Transcript

WORDS = CardWords(STATUSES, time_words)
TEAM, SERVICE = "group/team", "group/service"


def message(where: str, position: int, change: int, sender: str = "boss", **telling: str) -> StoredMessage:
    """The time of a message is its number in the order of all."""
    said = {"type": "system", **telling} if telling else {}
    key = b"key %d" % change
    return StoredMessage(where, position, key, sender, change, 1, {1: b"digest %d" % change}, said, change)


#: ann comes, goes and comes back, while the boss talks to a customer.
HISTORY = (
    message(TEAM, 1, 1, event="created"),
    message(SERVICE, 1, 2, event="created"),
    message(SERVICE, 2, 3),
    message(TEAM, 2, 4, event="added", user="ann"),
    message(SERVICE, 3, 5),
    message(SERVICE, 4, 6, "ann"),
    message(TEAM, 3, 7, event="removed", user="ann"),
    message(SERVICE, 5, 8),
    message(TEAM, 4, 9, event="added", user="ann"),
    message(SERVICE, 6, 10),
)
SAID = {row.position: row for row in HISTORY if row.conversation_id == SERVICE}


def rows(*, inside: bool = True, history: tuple[StoredMessage, ...] = HISTORY) -> StoredRows:
    members: dict[str, dict[str, tuple[int, int | None]]] = {"boss": {TEAM: (1, None), SERVICE: (1, None)}}
    members["ann"] = {TEAM: (4, None), SERVICE: (1, None)} if inside else {TEAM: (2, 3)}
    found = StoredRows(sorted(history, key=lambda row: (row.conversation_id, row.position)), members)
    found.teams = {SERVICE: TEAM}
    found.by_team = {("ann", SERVICE)} if inside else set()
    return found


def seen(position: int, at: int) -> Seen:
    row = SAID[position]
    return Seen(SERVICE, position, row.key, row.sender_id, row.sent_at, 1, row.digests[1], at=at)


def ann(*shown: tuple[int, int], **more: object) -> Transcript:
    """By position and time, what she was shown of the conversation."""
    made = Transcript("ann", comes_and_goes=True, seen=[seen(*one) for one in shown])
    made.ends = {TEAM: 0, SERVICE: 0}
    for name, value in more.items():
        setattr(made, name, value)
    return made


def found(
    transcript: Transcript,
    stored: StoredRows | None = None,
    outs: tuple[Out, ...] = (),
    *restores: Restore,
) -> list[Fault]:
    report = check([transcript], stored or rows(), WORDS, taken=TakenBack(restores), outs=outs)
    return [finding.fault for finding in report.findings]


# -- the team ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "faults"),
    [
        ([(3, 5), (4, 6), (6, 10)], []),
        ([(2, 5)], []),  # of before: whoever is in may read it
        ([(3, 3)], [Fault.TRESPASS]),  # before she came
        ([(5, 8)], [Fault.TRESPASS]),  # while she was out
        ([(5, 9)], []),  # when she was back
        ([(6, 8)], [Fault.TRESPASS]),
    ],
)
def test_of_a_team_one_is_shown_what_is_said_as_long_as_one_is_in(
    shown: list[tuple[int, int]], faults: list[Fault]
) -> None:
    assert found(ann(*shown)) == faults


def test_who_went_for_good_is_shown_nothing_that_was_said_later() -> None:
    history = HISTORY[:8]
    assert found(ann((3, 5), (4, 20)), rows(inside=False, history=history)) == []
    assert found(ann((5, 20)), rows(inside=False, history=history)) == [Fault.TRESPASS]


def test_what_was_said_since_she_came_back_must_be_shown() -> None:
    missed = ann((3, 5))
    missed.ends = {TEAM: 0, SERVICE: 6}
    assert found(missed) == [Fault.LOST]
    assert found(replace(missed, seen=[seen(6, 10)])) == []


def test_where_it_began_anew_an_older_copy_brings_nothing_of_before() -> None:
    """She had come at a later time in a history that is gone; of what the copy has in common with that she was told."""
    missed = ann(falls=[Fall(SERVICE, 5, 0.0, 2.0, 0, 0)])
    missed.ends = {TEAM: 0, SERVICE: 6}
    history = tuple(row for row in HISTORY if row.change < 7 or row.change in (8, 10))
    stored = rows(history=history)
    moved = Restore(1.0, conversations=frozenset({SERVICE}), members=frozenset({("ann", SERVICE)}))
    report = check([missed], stored, WORDS, taken=TakenBack([moved]))
    assert [finding.text for finding in report.findings] == [f"message 6 of {SERVICE} was never shown to ann"]
    assert len(found(missed, stored, (), replace(moved, members=frozenset()))) == 4


def test_an_older_copy_that_moved_her_excuses_what_nobody_can_tell() -> None:
    """She had been back in a history that is gone: what she was shown there, and what is not there any more."""
    copy = Restore(1.0, members=frozenset({("ann", SERVICE)}), messages=(SAID[6],))
    gone = ann((5, 8), (6, 8))
    left = rows(inside=False, history=HISTORY[:8])
    assert found(gone, left, (), copy) == []
    assert found(gone, left, (), replace(copy, members=frozenset())) == [Fault.TRESPASS]
    posts = {SAID[4].key: Post(SERVICE, SAID[4].digests[1], taken=True)}
    needlessly = ann(posts=posts, gone={SAID[4].key: None})
    assert found(needlessly, None, (), copy) == [], "where she was out she could not see that it is there"
    assert found(needlessly) == [Fault.NEEDLESS]
    twice = ann((3, 5), (3, 5))
    assert found(twice, None, (), copy) == []
    assert found(twice) == [Fault.DOUBLED]


def test_whoever_goes_behind_a_restore_may_be_told_that_all_is_another() -> None:
    """Of a conversation that the restore did not touch; not without any, and not from somewhere on."""
    restore, history = Restore(1.0), rows(inside=False, history=HISTORY[:8])

    def told(keep: int, *restores: Restore) -> list[Fault]:
        falls = [Fall(SERVICE, keep, since, since + 1, 0, 0) for since in (0.5, 5.0)]
        return found(ann(falls=falls), history, (), *restores)

    assert told(0, restore) == []
    assert told(0) == told(3) == told(3, restore) == [Fault.NEEDLESS]


def test_who_is_out_says_nothing() -> None:
    def by_ann(change: int) -> list[Fault]:
        history = (*HISTORY[: change - 1], replace(HISTORY[change - 1], sender_id="ann"), *HISTORY[change:])
        return found(ann(), rows(history=history))

    assert [by_ann(change) for change in (3, 5, 8, 10)] == [[Fault.TRESPASS], [], [Fault.TRESPASS], []]


def test_what_she_posts_while_she_is_out_may_be_refused() -> None:
    posts = {b"new": Post(SERVICE, b"digest", taken=True)}
    stored = rows(history=tuple(replace(row, sender_id="boss") for row in HISTORY))
    assert found(ann(posts=posts, refused={b"new": "NOT_FOUND"}), stored) == []
    assert found(ann(posts=posts), stored) == [], "she was shut out before she was told so"
    assert found(ann(posts=posts, comes_and_goes=False), stored) == [Fault.LOST]
    others = ann(posts=posts, comes_and_goes=False, refused={b"new": "NOT_FOUND"})
    assert found(others, stored) == [Fault.REFUSED]


def test_a_refusal_that_was_lost_puts_a_post_behind_later_ones() -> None:
    history = tuple(replace(row, sender_id="ann") if row.change in (6, 10) else row for row in HISTORY)
    posts = {SAID[position].key: Post(SERVICE, SAID[position].digests[1], taken=True) for position in (6, 4)}
    late = ann(posts=posts, posted=list(posts))
    assert found(late, rows(history=history)) == []
    always_in = rows(history=history)
    always_in.teams, always_in.by_team = {}, set()
    assert found(ann(posts=posts, posted=list(posts), comes_and_goes=False), always_in) == [
        Fault.OUT_OF_ORDER
    ]


def test_stays_are_what_the_team_tells() -> None:
    stays = Stays(rows())
    assert [(stay.first.change, stay.last and stay.last.change) for stay in stays.of(SERVICE, "ann")] == [
        (4, 7),
        (9, None),
    ]
    assert stays.ended() == 1
    assert (stays.of(SERVICE, "boss"), stays.of(TEAM, "ann")) == ((), ())
    assert stays.begins(SERVICE, "ann") == 6


# -- the operator --------------------------------------------------------------------------------------------------------

#: Between the answer that shut her out and the moment when she was let in again.
OUT = (Out("ann", 6, 9),)


@pytest.mark.parametrize(
    ("begun", "at", "faults"),
    [
        (6, 8, []),  # under way when it ended
        (7, 8, [Fault.TRESPASS]),
        (7, 9, []),  # let in
        (10, 11, []),
    ],
)
def test_nobody_who_is_out_is_let_in(begun: int, at: int, faults: list[Fault]) -> None:
    assert found(ann(entries=[(begun, at)]), None, OUT) == faults
    assert found(ann(entries=[(begun, at)]), None, (replace(OUT[0], user_id="bob"),)) == []


def test_nobody_who_is_out_is_shown_what_was_said_since() -> None:
    assert found(ann((4, 8)), None, OUT) == [], "it was on its way"
    assert found(ann((6, 11)), None, OUT) == []
    shown_while_out = replace(OUT[0], end=11)
    assert found(ann((6, 10)), None, (shown_while_out,)) == [Fault.TRESPASS]


def test_nothing_is_stored_of_who_is_out() -> None:
    assert found(ann(), None, (Out("ann", 5, 9),)) == [Fault.TRESPASS]
    assert found(ann(), None, (Out("ann", 6, 9),)) == []
    assert found(ann(), None, (Out("ann", 4, 6),)) == []

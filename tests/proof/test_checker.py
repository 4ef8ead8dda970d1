"""The checker on values: a right run passes, and each possible fault is named once."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import datetime
from importlib import resources

import pytest

from imserver.proof.booking.appointment_card import AppointmentCard
from imserver.proof.booking.card_words import NEWS, STATUSES, time_words
from imserver.proof.booking.stored_appointments import StoredAppointment
from imserver.proof.checker import Fault, Report, check
from imserver.proof.stored_rows import StoredRows
from imserver.proof.transcript import Acknowledged, Replaced, Transcript
from tests.proof.histories import BOOKED, CARD, CELLS, HERE, START, WORDS, faults, rows, shown, stored


def ann(*positions: int) -> Transcript:
    transcript = Transcript("ann", seen=[shown(position) for position in positions])
    transcript.posted = [seen.key for seen in transcript.seen]
    transcript.acknowledged = [
        Acknowledged(HERE, seen.position, seen.key, seen.digest) for seen in transcript.seen
    ]
    return transcript


def bob(*positions: int) -> Transcript:
    return Transcript("bob", seen=[shown(position) for position in positions])


def test_what_is_right_is_right() -> None:
    report = check([ann(1, 2, 3), bob(1, 2, 3)], rows(1, 2, 3), WORDS)
    assert (report.messages, report.shown, report.findings) == (3, 6, [])


def test_a_row_that_is_gone_is_lost_once_however_many_saw_it() -> None:
    for gone in (1, 2, 3):
        kept = [position for position in (1, 2, 3) if position != gone]
        report = check([ann(1, 2, 3), bob(1, 2, 3)], rows(*kept), WORDS)
        assert faults(report) == [Fault.LOST]
        assert f"message {gone} of {HERE} was shown to ann" in str(report.findings[0])


def test_a_gap_that_nobody_saw_is_lost() -> None:
    assert faults(check([], rows(1, 3), WORDS)) == [Fault.LOST]


def test_an_answer_without_a_row_is_lost() -> None:
    writer = ann(1, 2)
    writer.seen.pop()
    report = check([writer], rows(1), WORDS)
    assert faults(report) == [Fault.LOST]
    assert "was called stored to ann" in str(report.findings[0])


def test_a_row_that_was_not_shown_is_lost() -> None:
    report = check([ann(1, 2, 3), bob(1, 3)], rows(1, 2, 3), WORDS)
    assert [str(finding) for finding in report.findings] == [
        f"lost: message 2 of {HERE} was never shown to bob"
    ]


def test_who_came_later_need_not_have_seen_what_was_before() -> None:
    late = bob(3)
    late.heads[HERE] = 2
    assert not check([late], rows(1, 2, 3), WORDS).findings


def test_who_left_or_joined_is_shown_what_was_said_meanwhile() -> None:
    between = rows(1, 2, 3)
    between.members["bob"] = {HERE: (2, 2)}
    assert not check([bob(2)], between, WORDS).findings
    assert faults(check([bob()], between, WORDS)) == [Fault.LOST]


def test_one_post_stored_twice_is_doubled() -> None:
    twice = rows(1, 2)
    twice.messages[1] = replace(twice.messages[1], key=twice.messages[0].key)
    assert Fault.DOUBLED in faults(check([], twice, WORDS))


def test_two_messages_at_one_position_are_doubled() -> None:
    both = rows(1, 2)
    both.messages.insert(1, replace(stored(2), key=b"another"))  # also if nobody was shown this one
    report = check([ann(1, 2), bob(1, 2)], both, WORDS)
    assert faults(report) == [Fault.DOUBLED]


def test_the_same_key_of_somebody_else_is_another_post() -> None:
    two = rows(1, 2)
    two.messages[1] = replace(two.messages[1], key=two.messages[0].key, sender_id="bob")
    assert not check([], two, WORDS).findings


def test_one_message_shown_twice_is_doubled() -> None:
    assert faults(check([bob(1, 2, 2, 3)], rows(1, 2, 3), WORDS)) == [Fault.DOUBLED]


def test_order_is_that_of_positions() -> None:
    assert faults(check([bob(1, 3, 2)], rows(1, 2, 3), WORDS)) == [Fault.OUT_OF_ORDER]


def test_a_post_that_overtook_an_earlier_one() -> None:
    writer = ann(1, 2)
    writer.posted.reverse()
    assert faults(check([writer], rows(1, 2), WORDS)) == [Fault.OUT_OF_ORDER]


@pytest.mark.parametrize(
    "change",
    [{"key": b"another"}, {"sender_id": "eve"}, {"sent_at": 1}, {"digests": {1: b"x"}}, {"digests": {}}],
)
def test_what_was_shown_is_what_is_stored(change: dict[str, object]) -> None:
    other = rows(1, 2, 3)
    other.messages[1] = replace(other.messages[1], **change)  # type: ignore[arg-type]
    assert faults(check([ann(1, 2, 3), bob(1, 2, 3)], other, WORDS)) == [Fault.ALTERED]


def test_an_edited_message_is_compared_revision_by_revision() -> None:
    edited = rows(1)
    edited.messages[0] = replace(edited.messages[0], revision=2, digests={1: b"digest 1", 2: b"new"})
    reader = bob(1)
    reader.replaced = [Replaced(HERE, 1, 2, b"new")]
    assert not check([reader], edited, WORDS).findings
    reader.replaced = [Replaced(HERE, 1, 2, b"something else")]
    assert faults(check([reader], edited, WORDS)) == [Fault.ALTERED]


def test_of_what_was_taken_back_only_the_tombstone_is_compared() -> None:
    """Who saw or posted it before may have seen anything; what comes with its last revision is nothing."""
    gone = rows(1, 2)
    gone.messages[0] = replace(gone.messages[0], revision=3, digests={3: b""})
    writer, reader = ann(1, 2), bob(1, 2)
    reader.replaced = [Replaced(HERE, 1, 2, b"edited meanwhile")]
    late = bob(1, 2)
    late.seen[0] = replace(late.seen[0], revision=3, digest=b"")
    assert not check([writer, reader, late], gone, WORDS).findings
    for spoilt in (
        replace(reader.seen[0], revision=3),
        replace(reader.seen[0], revision=4),
        replace(reader.seen[0], digest=b""),
        replace(reader.seen[0], key=b"another"),
    ):
        late.seen[0] = spoilt
        assert faults(check([late], gone, WORDS)) == [Fault.ALTERED]


# -- appointments -------------------------------------------------------------------------------------------------------


def promised(*cards: AppointmentCard, appointments: tuple[StoredAppointment, ...] = (BOOKED,)) -> Report:
    transcript = Transcript("ann", cards=list(cards))
    return check([transcript], StoredRows(appointments={one.code: one for one in appointments}), WORDS)


def test_a_promise_that_is_kept() -> None:
    report = promised(CARD)
    assert (report.promised, report.present, report.findings) == (1, 1, [])


@pytest.mark.parametrize(
    "change",
    [
        {"status": "cancelled", "cells": frozenset()},
        {"version": 3},
        {"start_wall": "2026-11-21T15:15"},
        {"start_wall": "2026-11-22T15:00"},
        {"cells": frozenset({("room", START)})},
        {"cells": CELLS | {("other room", START)}},
        {"cells": frozenset()},
    ],
)
def test_a_promise_that_is_broken(change: dict[str, object]) -> None:
    report = promised(CARD, appointments=(replace(BOOKED, **change),))  # type: ignore[arg-type]
    assert faults(report) == [Fault.MISSING]
    assert (report.promised, report.present) == (1, 0)


def test_an_appointment_that_is_gone() -> None:
    report = promised(CARD, appointments=())
    assert [str(finding) for finding in report.findings] == [
        "missing appointment: A2S4 (预约成功) was promised in the chat, and is not in the database"
    ]


def test_the_latest_card_counts() -> None:
    old = AppointmentCard("A2S4", 1, "预约成功", "时间 11月20日 周五 10:30")
    assert not promised(CARD, old).findings
    newer = AppointmentCard("A2S4", 3, "改约", "")  # news for the staff, of a version that does not exist
    assert faults(promised(CARD, newer)) == [Fault.MISSING]


def test_a_cancelled_one_owns_nothing() -> None:
    card = AppointmentCard("A2S4", 3, "Cancelled", "Sat 21 Nov 15:00")
    gone = replace(BOOKED, status="cancelled", version=3, cells=frozenset())
    assert not promised(card, appointments=(gone,)).findings
    assert faults(promised(card, appointments=(replace(gone, cells=CELLS),))) == [Fault.MISSING]


@pytest.mark.parametrize(
    ("title", "status", "cells"),
    [
        ("已到店", "arrived", CELLS),
        ("In the exam", "in_exam", CELLS),
        ("已完成", "done", frozenset()),
        ("Did not come", "no_show", frozenset()),
    ],
)
def test_who_came_or_did_not_had_an_appointment_all_the_same(
    title: str, status: str, cells: frozenset[tuple[str, int]]
) -> None:
    """Staff's buttons take an appointment on; a run in which they were tapped was called one that broke its promise."""
    later = replace(BOOKED, status=status, version=3, cells=cells)
    card = replace(CARD, version=3, title=title)
    assert not promised(CARD, card, appointments=(later,)).findings
    # Said and not so, so and not said, and another than was said.
    assert faults(promised(CARD, card)) == [Fault.MISSING]
    assert faults(promised(CARD, appointments=(later,))) == [Fault.MISSING]
    for other in {"confirmed", "arrived", "in_exam", "done", "no_show", "cancelled"} - {status}:
        assert faults(promised(CARD, card, appointments=(replace(later, status=other),))) == [Fault.MISSING]
    elsewhere = replace(later, start_wall="2026-11-21T15:15")
    assert faults(promised(CARD, card, appointments=(elsewhere,))) == [Fault.MISSING]


#: Statuses that promise nothing, and news whose names are not those of a status.
UNPROMISED = {"held", "expired"}
BOOKED_NEWS = {
    "booked": "confirmed", "moved": "confirmed", "kept": "confirmed", "corrected": "confirmed", "lapsed": "cancelled",
    "move_asked": "confirmed", "move_declined": "confirmed", "move_lapsed": "confirmed", "move_gone": "confirmed",
    "move_withdrawn": "confirmed",
}  # fmt: skip
#: News that lead to one status or another: the customer's card says to which.
OPEN_NEWS = {"undone"}


def test_the_titles_are_those_of_the_plugin() -> None:
    titles: dict[str, str] = {}
    news: dict[str, str] = {}
    for language in ("zh", "en"):
        words = resources.files("imserver.plugins.booking") / "words" / f"{language}.toml"
        table = tomllib.loads(words.read_text(encoding="utf-8"))
        titles |= {title: status for status, title in table["status"].items() if status not in UNPROMISED}
        if language == "zh":  # the demo chain's staff
            told = {status: title for status, title in table["news_title"].items() if status not in OPEN_NEWS}
            news = {title: BOOKED_NEWS.get(status, status) for status, title in told.items()}
    assert titles == STATUSES
    assert news == NEWS


def test_an_appointment_of_which_nobody_was_told() -> None:
    assert faults(promised()) == [Fault.UNTOLD]
    for status in ("pending", "arrived", "in_exam", "done", "no_show"):
        assert faults(promised(appointments=(replace(BOOKED, status=status),))) == [Fault.UNTOLD]
    for status in ("held", "expired", "cancelled"):
        assert not promised(appointments=(replace(BOOKED, status=status),)).findings


def test_a_room_for_two_at_a_time_is_double_booked() -> None:
    other = replace(BOOKED, code="Q7S6", start_at=BOOKED.start_at + 300_000, cells=frozenset(), status="held")
    assert faults(promised(CARD, appointments=(BOOKED, other))) == [Fault.DOUBLE_BOOKED]
    behind = replace(other, start_at=BOOKED.free_at, free_at=BOOKED.free_at + 300_000)
    assert not promised(CARD, appointments=(BOOKED, behind)).findings


def test_times_in_both_languages() -> None:
    assert time_words(datetime(2026, 11, 8, 9, 5)) == ["11月8日 周日 09:05", "Sun 8 Nov 09:05"]  # noqa: DTZ001

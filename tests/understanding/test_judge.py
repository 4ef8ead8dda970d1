"""The judge is fair: what is right is right however it is said, what is asked is no fault, what would book wrongly is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from imserver.plugins.booking.schedule.shops import load_chain
from imserver.plugins.booking.understanding.acts import (
    Act,
    Hours,
    Kind,
    Reading,
    Rest,
    Scene,
    Shown,
    Span,
    Weight,
    When,
)
from tests.understanding.corpus import Days, Utterance, Want
from tests.understanding.judge import Outcome, Verdict, judge
from tests.understanding.kin import same_person

CHAIN = load_chain("demo")
NOW = datetime(2026, 3, 18, 10, 0)  # noqa: DTZ001  wall time, as the reader's
FRIDAY, SATURDAY, SUNDAY = date(2026, 3, 20), date(2026, 3, 21), date(2026, 3, 22)
CARD = datetime(2026, 3, 20, 15, 0)  # noqa: DTZ001
G, R, C, B, Q = Kind.GIVE, Kind.REFUSE, Kind.CORRECT, Kind.BEGIN, Kind.QUESTION
YES = Want(Kind.YES)


def one(
    wants: Sequence[Want],
    acts: Sequence[Act],
    *,
    step: str = "none",
    may: Sequence[Want] = (),
    never: Sequence[str] = (),
    staff: bool = False,
    **reading: Any,
) -> Verdict:
    """A text with these wants, read as these acts; at the step `confirm` the card shows Friday at three."""
    shown = step == "confirm"
    utterance = Utterance(
        "x1", "…", NOW, step, FRIDAY if shown else None, CARD if shown else None,
        staff, tuple(wants), tuple(may), tuple(never), "",
    )  # fmt: skip
    scene = Scene(NOW, "Asia/Shanghai", shown=Shown(FRIDAY, CARD, True) if shown else Shown())
    return judge(utterance, Reading("…", tuple(acts), **reading), scene, CHAIN)


def day(kind: Kind, *days: date) -> Want:
    return Want(kind, "day", days)


def test_acts_count_in_any_order_and_more_than_once() -> None:
    wants = [day(G, SATURDAY), Want(G, "time", (time(15),))]
    acts = [Act(G, "time", time(15)), Act(G, "day", SATURDAY), Act(G, "day", SATURDAY)]
    assert one(wants, acts).outcome is Outcome.RIGHT


def test_a_correction_is_a_refusal_and_a_value_either_way_round() -> None:
    whole, halves = [Act(C, "day", SATURDAY)], [Act(R, "day", FRIDAY), Act(G, "day", SATURDAY)]
    for acts in (whole, halves):
        assert one([day(C, SATURDAY)], acts, step="confirm").outcome is Outcome.RIGHT
        wants = [day(R, FRIDAY), day(G, SATURDAY)]
        assert one(wants, acts, step="confirm").outcome is Outcome.RIGHT
    assert one([day(C, SATURDAY)], [Act(G, "day", SATURDAY)], step="confirm").outcome is Outcome.RIGHT


def test_a_shift_is_the_time_that_it_comes_to() -> None:
    when = When(shift=timedelta(minutes=30))
    wanted = [Want(C, "time", (time(15, 30),))]
    assert one(wanted, [], step="confirm", when=when).outcome is Outcome.RIGHT
    assert one(wanted, [], step="confirm", when=When(shift=timedelta(hours=1))).outcome is Outcome.OFFERED


def test_what_may_be_read_is_not_missed_and_no_fault() -> None:
    assert one([], [], may=[Want(Kind.THANKS)]).outcome is Outcome.RIGHT
    assert one([], [Act(Q, "price")], may=[Want(Q, "price")]).outcome is Outcome.RIGHT
    assert one([], [Act(Q, "price")]).outcome is Outcome.OFFERED


def test_what_is_missed_is_a_needless_ask() -> None:
    verdict = one([day(G, SATURDAY)], [])
    assert (verdict.outcome, [want.name for want in verdict.missed]) == (Outcome.ASKED, ["give day"])


@pytest.mark.parametrize("act", [Act(B, "cancel"), Act(B, "move"), Act(B, "book")])
def test_what_books_moves_or_cancels_unsaid_is_the_worst(act: Act) -> None:
    assert one([], [act]).outcome is Outcome.ACTED


def test_to_book_may_be_read_beside_values_unless_nothing_is_to_be_held() -> None:
    wants, acts = [day(G, SATURDAY)], [Act(G, "day", SATURDAY), Act(B, "book")]
    assert one(wants, acts).outcome is Outcome.RIGHT
    assert one(wants, acts, never=["book"]).outcome is Outcome.ACTED
    start = When((datetime.combine(SATURDAY, time(15)),), days=(SATURDAY,))
    timed = [*wants, Want(G, "time", (time(15),))]
    both = [*acts, Act(G, "time", time(15))]
    assert one(timed, both, when=start).outcome is Outcome.RIGHT
    assert one(timed, both, when=start, never=["hold"]).outcome is Outcome.ACTED


@pytest.mark.parametrize(
    "want",
    [
        day(R, FRIDAY),
        Want(Kind.LATER),
        Want(C, "name", ("林晓",)),
        Want(C, "time", (time(16),)),
        Want(Kind.NO),
    ],
)
def test_a_card_that_stays_armed_although_it_was_taken_back_is_the_worst(want: Want) -> None:
    nothing, asked = [Rest("…", Span(0, 1), Weight.HARMLESS)], [Rest("…", Span(0, 1), Weight.DANGEROUS)]
    assert one([want], [], step="confirm", rest=tuple(nothing)).outcome is Outcome.ACTED
    assert one([want], [], step="confirm", rest=tuple(asked)).outcome is Outcome.ASKED
    assert one([want], [Act(Kind.LATER)], step="confirm").outcome in (Outcome.RIGHT, Outcome.ASKED)


def test_a_yes_that_was_not_said_books() -> None:
    wants = [day(R, FRIDAY)]
    assert one([], [Act(Kind.YES)], step="first").outcome is Outcome.OFFERED  # "yes, my first visit"
    assert one([], [Act(Kind.YES)]).outcome is Outcome.RIGHT  # nothing waits for it
    assert one(wants, [Act(Kind.YES), Act(R, "day")], step="confirm").outcome is Outcome.ACTED
    assert one([YES], [Act(Kind.YES)], step="confirm").outcome is Outcome.RIGHT
    assert one([YES], [], step="confirm").outcome is Outcome.ASKED


def test_a_wrong_time_is_wrong_only_if_it_is_taken() -> None:
    acts, start = [Act(G, "day", FRIDAY)], datetime.combine(FRIDAY, time(15))
    when = When((start,), days=(FRIDAY,))
    assert one([day(G, SATURDAY)], acts, when=when).outcome is Outcome.OFFERED
    asked = replace(when, reason="conflict")
    assert one([day(G, SATURDAY)], acts, when=asked).outcome is Outcome.ASKED
    assert one([], [], when=replace(when, guess=FRIDAY)).outcome is Outcome.RIGHT


def test_acts_that_are_right_excuse_no_time_that_is_not() -> None:
    wants = [day(G, SATURDAY), Want(G, "time", (time(15),))]
    acts = [Act(G, "day", SATURDAY), Act(G, "time", time(15))]
    other = When((datetime.combine(SATURDAY, time(3)),))
    assert one(wants, acts, when=other).outcome is Outcome.OFFERED


def test_what_must_never_be_booked_is_found_in_the_time_alone() -> None:
    when = When((datetime.combine(FRIDAY, time(15)),))
    assert one([], [], when=when, never=["book 2026-03-20 15:00"]).outcome is Outcome.OFFERED
    assert one([], [], when=when, never=["book 2026-03-21"]).outcome is Outcome.RIGHT


def test_of_several_readings_one_is_not_taken_for_granted() -> None:
    want = Want(G, "day", (SATURDAY, SUNDAY), asked=True)
    assert one([want], [Act(G, "day", SATURDAY)]).outcome is Outcome.OFFERED
    assert one([want], [Act(G, "day", (SATURDAY, SUNDAY))]).outcome is Outcome.RIGHT
    assert one([want], [], when=When(reason="which_day")).outcome is Outcome.RIGHT
    either = replace(want, asked=False)
    assert one([either], [Act(G, "day", SATURDAY)]).outcome is Outcome.RIGHT


def test_ranges_parts_weekends_and_weeks() -> None:
    afternoon = Want(G, "range", ("afternoon",))
    assert one([afternoon], [Act(G, "range", Hours(720, 1080, "afternoon"))]).outcome is Outcome.RIGHT
    figures = Want(G, "range", ((870, 1440),))
    assert one([figures], [Act(G, "range", Hours(870, 1440))]).outcome is Outcome.RIGHT
    assert one([figures], [Act(G, "range", Hours(600, 1440))]).outcome is Outcome.OFFERED
    weekend = Want(G, "range", ("weekend",))
    assert one([weekend], [Act(G, "day", (SATURDAY, SUNDAY))]).outcome is Outcome.RIGHT
    week = Want(G, "range", (Days(FRIDAY, SUNDAY),))
    assert one([week], [Act(G, "day", (FRIDAY, SATURDAY, SUNDAY))]).outcome is Outcome.RIGHT
    hour = Want(G, "time", (time(15),))
    part = Act(G, "range", Hours(720, 1080, "afternoon"))
    assert one([hour], [Act(G, "time", time(15)), part]).outcome is Outcome.RIGHT


def test_values_of_people() -> None:
    for wanted, heard in (
        ("mother", "我妈"),
        ("女儿", "daughter"),
        ("child", "儿子"),
        ("grandmother", "外婆"),
    ):
        assert same_person(wanted, heard)
    assert not same_person("mother", "外婆")
    assert not same_person("son", "孩子")
    assert (
        one([Want(G, "person", ("self,husband",))], [], people=("self", "husband")).outcome is Outcome.RIGHT
    )
    assert one([Want(G, "age", (68,))], [Act(G, "age", "senior")]).outcome is Outcome.RIGHT
    assert one([Want(G, "age", (68,))], [Act(G, "age", 86)]).outcome is Outcome.OFFERED
    assert one([Want(G, "name", ("Anna",))], [Act(G, "name", "anna")]).outcome is Outcome.RIGHT


def test_a_typed_label_is_what_its_button_does() -> None:
    assert one([YES], [], step="confirm", label="yes").outcome is Outcome.RIGHT
    assert one([Want(Kind.NO)], [], step="confirm", label="no").outcome is Outcome.RIGHT
    assert one([], [], label="begin cancel").outcome is Outcome.ACTED


def test_in_an_open_booking_to_cancel_is_a_no_and_to_move_a_correction() -> None:
    assert one([Want(Kind.NO)], [Act(B, "cancel")], step="confirm").outcome is Outcome.RIGHT
    assert one([Want(Kind.NO)], [Act(B, "cancel")]).outcome is Outcome.ACTED
    wants = [day(C, SATURDAY)]
    assert one(wants, [Act(B, "move"), Act(G, "day", SATURDAY)], step="confirm").outcome is Outcome.RIGHT


def test_to_begin_or_to_cancel_in_an_open_booking_costs_no_appointment() -> None:
    for what in ("book", "cancel"):
        assert one([], [Act(B, what)], step="day").outcome is Outcome.OFFERED


def test_a_no_before_a_correction_is_part_of_it() -> None:
    wants, acts = [day(C, SATURDAY)], [Act(Kind.NO), Act(C, "day", SATURDAY)]
    assert one(wants, acts, step="confirm").outcome is Outcome.RIGHT
    assert one(wants, acts[:1], step="confirm").outcome is Outcome.ASKED
    assert one([YES], [Act(Kind.NO)], step="confirm").outcome is Outcome.OFFERED


def test_the_number_of_a_button_is_what_the_button_says() -> None:
    number = [Act(G, "number", 1)]
    assert one([YES], number, step="confirm").outcome is Outcome.RIGHT
    assert one([Want(G, "first", (True,))], number, step="first").outcome is Outcome.RIGHT
    assert one([Want(G, "first", (False,))], number, step="first").outcome is Outcome.OFFERED
    assert one([Want(G, "service", ("exam",))], number, step="service").outcome is Outcome.RIGHT
    assert one([Want(G, "first", (False,))], [Act(Kind.NO)], step="first").outcome is Outcome.RIGHT


def test_what_the_card_shows_may_be_said_again() -> None:
    again = [Act(G, "day", FRIDAY), Act(G, "time", time(15))]
    when, never = When((CARD,)), ["book 2026-03-20 15:00"]
    asked = [Want(Q, "price")]
    assert (
        one(asked, [*again, Act(Q, "price")], step="confirm", when=when, never=never).outcome is Outcome.RIGHT
    )
    assert one([], again, step="confirm", when=when).outcome is Outcome.RIGHT
    # … but not as a wish where it was doubted or refused: the yes would book it.
    assert one([], again, step="confirm", when=when, never=never).outcome is Outcome.OFFERED
    assert one([], [], step="confirm", when=when, never=never).outcome is Outcome.OFFERED
    assert one([day(R, FRIDAY)], again, step="confirm", when=when, never=never).outcome is Outcome.ACTED


def test_the_ends_of_the_shop_s_day_are_no_ends() -> None:
    evening, before = Want(G, "range", ((990, 1260),)), Want(G, "range", ((540, 900),))
    assert one([evening], [Act(G, "range", Hours(990, 1440))]).outcome is Outcome.RIGHT
    assert one([before], [Act(G, "range", Hours(0, 900))]).outcome is Outcome.RIGHT
    assert one([before], [Act(G, "range", Hours(900, 1440))]).outcome is Outcome.OFFERED


def test_a_misspelt_day_is_asked_about_and_the_rest_waits() -> None:
    wants, guessed = [Want(G, "time", (time(15),)), Want(B, "book")], When(guess=FRIDAY)
    assert one(wants, [], when=guessed).outcome is Outcome.RIGHT
    assert one([day(G, FRIDAY), *wants], [], when=guessed).outcome is Outcome.ASKED


def test_what_goes_to_the_people_goes_to_them_as_a_question_a_call_or_a_note() -> None:
    note = (Rest("…", Span(0, 1), Weight.NEUTRAL),)
    for want in (Want(Q, "other"), Want(B, "human")):
        assert one([want], [Act(Q, "other")]).outcome is Outcome.RIGHT
        assert one([want], [Act(B, "human")]).outcome is Outcome.RIGHT
        assert one([want], [], rest=note).outcome is Outcome.RIGHT
        assert one([want], []).outcome is Outcome.ASKED
    assert one([Want(Q, "price")], [], rest=note).outcome is Outcome.ASKED


def test_staff_have_names_and_commands_have_words() -> None:
    leave = [Want(B, "other", ("leave",)), Want(G, "name", ("Li",))]
    acts = [Act(B, "other", "leave"), Act(G, "other", "李老师")]
    assert one(leave, acts, staff=True).outcome is Outcome.RIGHT
    assert one(leave, [acts[0], Act(G, "other", "王老师")], staff=True).outcome is Outcome.ASKED
    arrived = [Want(B, "other", ("order arrived",))]
    assert one(arrived, [Act(B, "other", "lens_arrived")], staff=True).outcome is Outcome.RIGHT
    assert one(arrived, [Act(B, "other", "no_show")], staff=True).outcome is not Outcome.RIGHT


def test_what_staff_say_without_a_command_does_nothing() -> None:
    assert one([], [Act(G, "day", FRIDAY)], staff=True).outcome is Outcome.RIGHT
    assert one([], [Act(G, "day", FRIDAY), Act(B, "cancel")], staff=True).outcome is Outcome.ACTED

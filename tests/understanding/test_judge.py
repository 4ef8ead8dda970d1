"""The judge is fair: what is right is right however it is said, what is asked is no fault, what would book wrongly is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from imserver.plugins.booking.schedule.chain_file import load_chain
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


# ------------------------------------------------------------------------------------------ other acts, and the same end

WALL = datetime.combine(SATURDAY, time(15))
TIMED = [day(G, SATURDAY), Want(G, "time", (time(15),))]
SAID = [Act(G, "day", SATURDAY), Act(G, "time", time(15))]


def test_an_hour_or_a_service_is_a_wish_of_itself_where_no_booking_is_open() -> None:
    book, when = Want(B, "book"), When((WALL,), days=(SATURDAY,))
    assert one([book, *TIMED], SAID, when=when).outcome is Outcome.RIGHT
    assert one([book, Want(G, "service", ("exam",))], [Act(G, "service", "exam")]).outcome is Outcome.RIGHT
    for other in (Act(Kind.LATER), Act(Q, "price"), Act(Kind.NO)):
        assert Want(B, "book") in one([book, *TIMED], [*SAID, other], when=when).missed
    assert one([book, day(G, SATURDAY)], SAID[:1], when=When(days=(SATURDAY,))).outcome is Outcome.ASKED
    assert one([book, *TIMED], SAID, when=when, staff=True).outcome is Outcome.ASKED


def test_a_day_without_an_hour_shows_its_free_times() -> None:
    slots = [Want(B, "slots"), day(G, SATURDAY)]
    assert one(slots, SAID[:1], when=When(days=(SATURDAY,), reason="no_time")).outcome is Outcome.RIGHT
    held = When((WALL,), days=(SATURDAY,))
    assert Want(B, "slots") in one(slots, SAID, when=held).missed
    with_service = [*SAID[:1], Act(G, "service", "exam")]
    assert Want(B, "slots") in one(slots, with_service, when=When(days=(SATURDAY,), reason="no_time")).missed


def test_a_day_refused_for_another_one_moves_the_appointment_that_stands_there() -> None:
    wants = [Want(B, "move"), day(R, FRIDAY), day(G, SATURDAY)]
    acts = [Act(R, "day", FRIDAY), Act(G, "day", SATURDAY)]
    assert one(wants, acts, never=["book new"]).outcome is Outcome.RIGHT
    assert one(wants, [*acts, Act(B, "book")], never=["book new"]).outcome is Outcome.RIGHT
    assert one(wants, acts[1:], never=["book new"]).outcome is Outcome.ASKED
    assert one(wants, [*acts, Act(B, "cancel")]).outcome is Outcome.ACTED


def test_a_new_booking_in_the_place_of_a_move_is_the_worst() -> None:
    wants, acts = [Want(B, "move"), day(G, SATURDAY)], [Act(B, "book"), Act(G, "day", SATURDAY)]
    assert one(wants, acts, never=["book new"]).outcome is Outcome.ACTED
    assert one(wants, [*acts, Act(B, "move")], never=["book new"]).outcome is Outcome.RIGHT


def test_another_value_that_may_be_read_stands_for_the_one_that_is_wanted() -> None:
    age, other = Want(G, "age", (35,)), Want(G, "age", (36,))
    assert one([age], [Act(G, "age", 36)], may=[other]).outcome is Outcome.RIGHT
    assert one([age], [Act(G, "age", 37)], may=[other]).outcome is Outcome.OFFERED
    assert one([age], [Act(G, "age", 36)]).outcome is Outcome.OFFERED
    two = [Want(G, "age", (7,)), Want(G, "age", (10,))]
    assert (
        one(two, [Act(G, "age", 7), Act(G, "age", 11)], may=[Want(G, "age", (11,))]).outcome is Outcome.ASKED
    )
    first = [Want(G, "first", (True,))]
    assert one(first, [Act(G, "first", False)], may=[Want(G, "first", (False,))]).outcome is Outcome.ASKED
    days = Want(G, "range", (Days(FRIDAY, SUNDAY),))
    assert one([days], [Act(G, "day", FRIDAY)], may=[day(G, FRIDAY)]).outcome is Outcome.RIGHT
    weekend = Want(G, "range", ("weekend",))
    assert one([day(G, FRIDAY)], [Act(G, "day", (SATURDAY, SUNDAY))], may=[weekend]).outcome is Outcome.ASKED


def test_another_end_that_may_be_read_stands_for_the_one_that_is_wanted() -> None:
    book, slots, human = Want(B, "book"), Want(B, "slots"), Want(B, "human")
    assert one([book], [Act(B, "slots")], may=[slots]).outcome is Outcome.RIGHT
    assert one([book], [Act(B, "slots")]).outcome is not Outcome.RIGHT
    assert one([book], [Act(B, "human")], may=[human]).outcome is Outcome.ASKED
    assert (
        one([book, Want(Q, "price")], [Act(B, "slots"), Act(Q, "price")], may=[slots]).outcome
        is Outcome.ASKED
    )
    place = Want(Q, "place")
    assert one([place], [Act(Q, "other")], may=[Want(Q, "other")]).outcome is Outcome.RIGHT


def test_ways_to_put_off_a_card_stand_for_each_other_and_a_text_that_nobody_read_for_none() -> None:
    refuse, no = Want(R), Want(Kind.NO)
    assert one([refuse], [Act(Kind.NO)], step="confirm", may=[no]).outcome is Outcome.RIGHT
    assert one([no], [Act(Kind.LATER)], step="confirm", may=[Want(Kind.LATER)]).outcome is Outcome.RIGHT
    unread = (Rest("…", Span(0, 1), Weight.DANGEROUS),)
    assert one([no], [], step="confirm", may=[refuse], rest=unread).outcome is Outcome.ASKED
    assert one([no], [Act(Kind.YES)], step="confirm", may=[refuse]).outcome is Outcome.ACTED
    assert one([no, Want(B, "cancel")], [Act(Kind.NO)], step="name").outcome is Outcome.RIGHT
    assert one([Want(B, "cancel")], [Act(Kind.NO)], step="name").outcome is not Outcome.RIGHT


def test_a_cancel_names_its_day_by_giving_or_refusing_it_and_a_list_of_staff_is_today_s() -> None:
    cancel = [Want(B, "cancel"), day(G, SATURDAY)]
    assert one(cancel, [Act(B, "cancel"), Act(R, "day", SATURDAY)]).outcome is Outcome.RIGHT
    assert one(cancel, [Act(B, "cancel"), Act(R, "day", SUNDAY)]).outcome is Outcome.ASKED
    today = [Want(B, "list"), day(G, NOW.date())]
    assert one(today, [Act(B, "list")], staff=True).outcome is Outcome.RIGHT
    assert one([today[0], day(G, SATURDAY)], [Act(B, "list")], staff=True).outcome is Outcome.ASKED
    assert one(today, [Act(B, "list")]).outcome is Outcome.ASKED


def test_the_exam_of_a_child_is_the_child_s_exam() -> None:
    child, plain = Want(G, "service", ("child-exam",)), Want(G, "service", ("exam",))
    aged, read = Want(G, "age", (8,)), [Act(G, "service", "exam"), Act(G, "age", 8)]
    assert one([child, aged], read).outcome is Outcome.RIGHT
    assert one([plain, aged], [Act(G, "service", "child-exam"), read[1]]).outcome is Outcome.RIGHT
    assert one([child, aged], read[:1]).outcome is Outcome.OFFERED  # who it is for was not read
    assert one([child, aged], [Act(G, "service", "glasses"), read[1]]).outcome is Outcome.OFFERED
    grown = [Act(G, "service", "child-exam"), Act(G, "age", 40)]
    assert one([plain, Want(G, "age", (40,))], grown).outcome is Outcome.OFFERED


def test_an_hour_that_cannot_be_may_be_read_and_one_that_can_be_may_not() -> None:
    wants, night, noon = [Want(G, "time", ("?",))], time(2), time(14)
    for hour, outcome in ((night, Outcome.RIGHT), (noon, Outcome.OFFERED)):
        when = When((datetime.combine(SATURDAY, hour),), days=(SATURDAY,))
        assert one([], [Act(G, "time", hour)], may=wants, step="time", when=when).outcome is outcome


def test_a_day_that_is_over_is_asked_about() -> None:
    wants = [day(G, NOW.date() - timedelta(days=1)), Want(G, "time", (time(15),))]
    assert one(wants, [], when=When(reason="past")).outcome is Outcome.RIGHT
    assert one(wants, [], when=When(reason="leftover")).outcome is Outcome.ASKED
    assert one(TIMED, [], when=When(reason="past")).outcome is Outcome.ASKED


def test_the_hour_that_is_meant_most_stands_in_its_range() -> None:
    noon, twelve = Want(G, "range", ("noon",)), Want(G, "time", (time(12),))
    at = [datetime.combine(SATURDAY, time(hour)) for hour in (11, 12, 14)]
    acts, window = [Act(G, "range", Hours(660, 840, "noon"))], (at[0], at[2])
    assert one([noon, twelve], acts, when=When(window=window, wish=at[1])).outcome is Outcome.RIGHT
    assert one([noon, twelve], acts, when=When(window=window, wish=at[0])).outcome is Outcome.ASKED
    assert one([twelve], acts, when=When(window=window, wish=at[1])).missed == [twelve]


def test_of_one_plain_hour_several_are_no_answer() -> None:
    several = When((WALL, WALL + timedelta(hours=1)), days=(SATURDAY,))
    both = [*SAID, Act(G, "time", time(16))]
    assert one(TIMED, both, when=several).outcome is Outcome.ASKED
    assert one(TIMED, SAID, when=When((WALL,), days=(SATURDAY,), reason="several")).outcome is Outcome.ASKED
    assert one(TIMED, SAID, when=When((WALL,), days=(SATURDAY,))).outcome is Outcome.RIGHT


def test_of_two_persons_one_is_no_answer() -> None:
    two = [Want(G, "person", ("self,husband",))]
    assert one(two, [Act(G, "person", "husband")]).outcome is Outcome.ASKED
    assert one(two, [Act(G, "person", "husband")], people=("self", "husband")).outcome is Outcome.RIGHT

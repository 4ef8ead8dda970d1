"""Choosing a time: from what a customer says to one start that the shop can serve, or to a question with buttons.

Booking and moving both use it. Candidates are kept if the shop's rules allow them: one left is chosen; several are asked
about; none is answered with the reason and the nearest free slots. A start is only ever chosen to be shown: the card that asks
"is this right?" follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from imserver.plugins.booking.schedule.hours import utc_ms, zone_of
from imserver.plugins.booking.schedule.shops import CELL_MIN
from imserver.plugins.booking.schedule.slots import Slot, nearest, open_days, pools, why_not
from imserver.plugins.booking.understanding.acts import Kind, Reading, When

from . import said
from .context import DialogueContext
from .offered import MAX_STARTS, Search, day_option, one_an_hour, ranges, slots_of, start_option, why_not_day
from .state import Dialogue, Unkept

#: Hours of the parts of a day, for lists of free slots.
PARTS = {"morning": (0, 12), "noon": (11, 14), "afternoon": (12, 18), "evening": (17, 24)}
#: Reasons from the most to the least telling, when several candidates fail in different ways.
_TELLING = ("step", "lead", "hours", "closed", "horizon", "skipped", "past", "taken")
DAYS_OFFERED = 5
NEAREST_OFFERED = 3
#: Days of a window that are looked at for a free start.
MAX_WINDOW_DAYS = 14


def choose(context: DialogueContext, state: Dialogue, search: Search, when: When) -> bool:
    """Put a time into `state`. True if a start is settled or a question is open; False if it was answered here."""
    state.unkept = None
    if when.days:
        state.day_said = when.days[-1].isoformat()
    if when.clock is not None:
        state.clock = f"{when.clock:%H:%M}"
    if when.guess is not None:
        _ask_guess(context, state, search, when)
        return False
    if when.shift is not None:
        base = datetime.fromisoformat(state.wall) if state.wall else search.base
        if base is not None:
            return _choose_candidate(context, state, search, [base + when.shift])
    if when.reason is not None and when.candidates:
        return _ask_which(context, state, search, when)
    if when.candidates:
        if when.either_will_do:
            return _choose_first(context, state, search, when.candidates)
        return _choose_candidate(context, state, search, when.candidates)
    if when.window is not None and when.reason is None:
        return _choose_inside(context, state, search, when)
    if when.reason is not None and not (when.days or when.part):
        state.wall = ""
        ask_day(context, state, search, unclear(context, when))
        return False
    return _choose_day(context, state, search, when)


def unclear(context: DialogueContext, when: When) -> str:
    """The words that ask about a time."""
    key = f"unclear.{when.reason}"
    return key if context.words.has(key) else "unclear.leftover"


def _choose_day(context: DialogueContext, state: Dialogue, search: Search, when: When) -> bool:
    """A day, days, or a part of one, without a clock time: the hour chosen before is kept, if it is free then."""
    if _is_one_weekday(when):
        free = tuple(day for day in when.days if slots_of(context, search, day))
        when = replace(when, days=free) if len(free) == 1 else when
    if state.wall and _holds(when, datetime.fromisoformat(state.wall)):
        return True
    kept = datetime.fromisoformat(state.wall).time() if state.wall and when.clock is None else _clock(state)
    if when.part is not None and when.clock is None:
        kept = None
    state.part, state.wall = when.part or "", ""
    if len(when.days) > 1:
        several = "unclear.which_day" if _is_one_weekday(when) else "unclear.several"
        key = several if when.reason in (None, "no_time") else unclear(context, when)
        _ask_days(context, state, search, when.days, kept, key)
        return False
    if when.days:
        state.day = when.days[0].isoformat()
    if when.reason not in (None, "no_time"):
        if when.days and not slots_of(context, search, when.days[0]):
            state.day = ""
        ask_slot(context, state, search, unclear(context, when))
        return False
    if kept is not None and when.days:
        # "Saturday instead": the same time of that day, if the shop has it; it is echoed before anything is booked.
        same = datetime.combine(when.days[0], kept)
        if any(slot.wall == same for slot in slots_of(context, search, when.days[0])):
            take(state, same)
    return True


def _is_one_weekday(when: When) -> bool:
    """Whether one day was said, and it is not known of which week or month: the Thursday of an appointment's week, or the
    coming one."""
    weekdays, numbers = {day.weekday() for day in when.days}, {day.day for day in when.days}
    return len(when.days) > 1 and 1 in (len(weekdays), len(numbers))


def _holds(when: When, wall: datetime) -> bool:
    """Whether a part of a day has the hour that is chosen already: 对，下午, at the card of three o'clock."""
    if when.part is None or when.reason not in (None, "no_time") or when.days not in ((), (wall.date(),)):
        return False
    begin, end = PARTS[when.part]
    return begin <= wall.hour < end


def take(state: Dialogue, wall: datetime) -> None:
    """Choose a start."""
    state.wall = wall.isoformat(timespec="minutes")
    state.day = state.day_said = wall.date().isoformat()
    state.part = state.clock = ""
    state.expired, state.unkept = False, None


def _clock(state: Dialogue) -> time | None:
    return time.fromisoformat(state.clock) if state.clock else None


def _verdict(context: DialogueContext, search: Search, wall: datetime) -> str | None:
    """Why a start is not possible, as far as the shop's rules and an appointment's own cells tell."""
    reason = why_not(context.the_shop, wall, search.minutes, context.now_ms)
    if reason is None and search.is_free(wall) is False:
        return "taken"
    return reason


def _is_free(context: DialogueContext, search: Search, wall: datetime) -> bool:
    """Whether a start can be had now."""
    if _verdict(context, search, wall) is not None:
        return False
    start_at = utc_ms(wall, zone_of(context.the_shop))
    if search.is_free(wall) or start_at is None:
        return start_at is not None
    slot = Slot(wall, start_at)
    return all(pools(context.tx.execute, context.the_shop, search.service, slot, search.minutes))


def _why_taken(context: DialogueContext, state: Dialogue, search: Search, wall: datetime) -> str:
    """`short`: free at this start, but not for long enough. `unfit`: free for what was said at first, and not for the service
    of that age. Of neither it is said that somebody took it."""
    if _is_free(context, Search(search.service, CELL_MIN, search.command), wall):
        return "short"
    plain = context.chain.service(state.plain_service)
    if plain is None or plain is search.service:
        return "taken"
    return "unfit" if _is_free(context, Search(plain, CELL_MIN, search.command), wall) else "taken"


def _choose_candidate(
    context: DialogueContext, state: Dialogue, search: Search, candidates: Sequence[datetime]
) -> bool:
    verdicts = {wall: _verdict(context, search, wall) for wall in candidates}
    good = [wall for wall, reason in verdicts.items() if reason is None]
    if len({wall.time() for wall in candidates}) == 1:
        state.clock = f"{candidates[0]:%H:%M}"
    if len(good) == 1:
        take(state, good[0])
        return True
    state.wall = ""
    if good:
        state.day = good[0].date().isoformat() if len({wall.date() for wall in good}) == 1 else ""
        state.step = "slot"
        context.ask(state, "ask.which_time", [start_option(context, search, wall) for wall in good])
        return False
    reason = min((r for r in verdicts.values() if r), key=_TELLING.index)
    wanted = next(wall for wall, r in verdicts.items() if r == reason)
    refuse(context, state, search, wanted, reason)
    return False


def _ask_which(context: DialogueContext, state: Dialogue, search: Search, when: When) -> bool:
    """Times that were understood and may not be what is meant: asked, also if there is one alone."""
    good = [wall for wall in when.candidates if _verdict(context, search, wall) is None]
    if len({wall.time() for wall in when.candidates}) == 1:
        state.clock = f"{when.candidates[0]:%H:%M}"
    if not good:
        return _choose_candidate(context, state, search, when.candidates)
    state.wall, state.step = "", "slot"
    state.day = good[0].date().isoformat()
    options = [start_option(context, search, wall) for wall in good]
    if when.elsewhere is None:
        context.ask(state, unclear(context, when), options)
    else:
        there, zone = when.elsewhere
        city = zone.rsplit("/", 1)[-1].replace("_", " ")
        here = context.words.moment(good[0])
        context.ask(state, "ask.elsewhere", options, there=context.words.moment(there), city=city, here=here)
    return False


def _choose_first(
    context: DialogueContext, state: Dialogue, search: Search, candidates: Sequence[datetime]
) -> bool:
    """ "A, else B": the first that is free."""
    free = next((wall for wall in candidates if _is_free(context, search, wall)), None)
    if free is None:
        return _choose_candidate(context, state, search, candidates[:1])
    take(state, free)
    return True


def _choose_inside(context: DialogueContext, state: Dialogue, search: Search, when: When) -> bool:
    """A range: its wish if that is free, else the nearest free start inside."""
    assert when.window is not None
    begin, end = when.window
    wish = when.wish or begin
    days = [begin.date() + timedelta(days=ahead) for ahead in range((end.date() - begin.date()).days + 1)]
    free = [
        slot.wall
        for day in days[:MAX_WINDOW_DAYS]
        for slot in slots_of(context, search, day)
        if begin <= slot.wall < end or slot.wall == begin
    ]
    if not free:
        refuse(context, state, search, wish, why_not_day(context, wish.date()) or "full_part")
        return False
    take(state, min(free, key=lambda wall: (abs(wall - wish), wall)))
    return True


def _ask_guess(context: DialogueContext, state: Dialogue, search: Search, when: When) -> None:
    """A word that looks like a day's: the day is asked about."""
    assert when.guess is not None
    state.wall, state.step, state.day_said = "", "day", when.guess.isoformat()
    context.ask(
        state, "ask.guess", [day_option(context, search, when.guess)], day=context.words.day(when.guess)
    )


def _ask_days(
    context: DialogueContext,
    state: Dialogue,
    search: Search,
    days: Sequence[date],
    kept: time | None,
    key: str,
) -> None:
    """Several days: one is to be picked."""
    if kept is not None:
        state.clock = f"{kept:%H:%M}"
    state.step, state.days_asked = "day", [day.isoformat() for day in days]
    open_ones = [day for day in days if why_not_day(context, day) is None]
    if not open_ones:
        noon = datetime.combine(days[0], kept or time(12))
        refuse(context, state, search, noon, why_not_day(context, days[0]) or "full_day", whole_day=True)
        return
    starts = [] if kept is None else [datetime.combine(day, kept) for day in open_ones]
    if starts and all(_is_free(context, search, wall) for wall in starts):
        options = [start_option(context, search, wall) for wall in starts]
    else:
        options = [day_option(context, search, day) for day in open_ones[:MAX_STARTS]]
    context.ask(state, key, options)


def refuse(
    context: DialogueContext,
    state: Dialogue,
    search: Search,
    wanted: datetime,
    reason: str,
    *,
    whole_day: bool = False,
    was_held: bool = False,
) -> None:
    """Say why a start is not possible, and offer the nearest free ones. Of a whole day, `wanted` is a time that nobody said.
    `was_held`: it was kept for this booking, until the booking became another."""
    state.wall, state.step = "", "slot"
    state.day_said = wanted.date().isoformat()
    near = nearest(
        context.tx.execute,
        context.the_shop,
        search.service,
        wanted,
        search.minutes,
        context.now_ms,
        count=NEAREST_OFFERED,
    )
    values = {
        "when": context.words.day(wanted.date()) if whole_day else context.words.moment(wanted),
        "service": search.service.names.in_language(context.words.language),
        "days": context.the_shop.horizon_days,
        "minutes": context.the_shop.lead_min,
        "length": search.minutes,
        "step": context.the_shop.slot_step_min,
    }
    # A day that is full or closed is not kept: the offered starts may lie on another.
    state.day = ""
    if reason == "taken":
        reason = "outgrown" if was_held else _why_taken(context, state, search, wanted)
    if not whole_day:
        walls = [slot.wall.isoformat(timespec="minutes") for slot in near]
        asked = wanted.isoformat(timespec="minutes")
        state.unkept = Unkept(asked, search.service.id, search.minutes, reason, walls)
    why = context.words(f"why_not.{reason}", **values)
    if near:
        context.ask(
            state, "ask.instead", [start_option(context, search, slot.wall) for slot in near], why=why
        )
    else:
        context.ask(state, "ask.nothing_near", why=why)


def ask_day(context: DialogueContext, state: Dialogue, search: Search, key: str = "ask.day") -> None:
    """Ask which day: the nearest free starts, then the days on which the shop opens; none that was refused."""
    state.step, state.days_asked = "day", []
    soonest = nearest(
        context.tx.execute,
        context.the_shop,
        search.service,
        context.now,
        search.minutes,
        context.now_ms,
        count=NEAREST_OFFERED,
    )
    wanted = [slot.wall for slot in soonest if slot.wall.date().isoformat() not in state.refused]
    options = [start_option(context, search, wall) for wall in wanted]
    days = open_days(context.the_shop, context.now_ms, DAYS_OFFERED + len(state.refused))
    kept = [day for day in days if day.isoformat() not in state.refused]
    options += [day_option(context, search, day) for day in kept[:DAYS_OFFERED]]
    context.ask(state, key, options)


def ask_slot(context: DialogueContext, state: Dialogue, search: Search, key: str = "ask.slot") -> None:
    """Ask which free start of the chosen day. None free: the nearest of other days."""
    if not state.day:
        ask_day(context, state, search, "ask.day" if key == "ask.slot" else key)
        return
    day = date.fromisoformat(state.day)
    state.day_said = state.day
    free = slots_of(context, search, day)
    begin, end = PARTS.get(state.part, (0, 24))
    wanted = [slot for slot in free if begin <= slot.wall.hour < end]
    if not wanted:
        noon = datetime.combine(day, datetime.min.time()) + timedelta(hours=(begin + end) // 2)
        reason = why_not_day(context, day) or ("full_part" if free else "full_day")
        refuse(context, state, search, noon, reason, whole_day=True)
        return
    state.step = "slot"
    options = [start_option(context, search, slot.wall) for slot in one_an_hour(wanted)]
    context.ask(state, key, options, day=context.words.day(day), times=ranges(context, wanted))


def takes_only_option(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """Whether a text is a yes to a question about a time that has one button."""
    asked = state.step in ("day", "slot") and len(state.options) == 1
    return (
        asked
        and said.only(reading, Kind.YES, Kind.THANKS)
        and not said.doubtful(reading)
        and context.stands_above(state)
    )


def said_by_option(context: DialogueContext, state: Dialogue) -> Reading:
    """What the one button says behind its command."""
    _, _, words = state.options[0].partition(" ")
    return context.read(words, labels=False)

"""Choosing a time: from a customer's text to one start that the shop can serve, or to a question with buttons.

Booking and moving both use it. Candidates of the date grammar are kept if the shop's rules allow them: one left is
chosen; several are asked about; none is answered with the reason and the nearest free slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.schedule.hours import shop_spans, wall_of, zone_of
from imserver.plugins.booking.schedule.shops import Service
from imserver.plugins.booking.schedule.slots import Slot, free_slots, nearest, open_days, why_not
from imserver.plugins.booking.understanding.ear import Said
from imserver.plugins.booking.understanding.when import Reading

from .context import DialogueContext
from .state import Dialogue

#: Hours of the parts of a day, for lists of free slots.
PARTS = {"morning": (0, 12), "noon": (11, 14), "afternoon": (12, 18), "evening": (17, 24)}
#: Reasons from the most to the least telling, when several candidates fail in different ways.
_TELLING = ("step", "lead", "hours", "closed", "horizon", "skipped", "past")
#: Starts in one list: they fit a telephone and take one digit as an answer.
MAX_STARTS = 9
DAYS_OFFERED = 5
NEAREST_OFFERED = 3


@dataclass(frozen=True, slots=True)
class Search:
    """A search for a start: the service, its length, and the command that the button of a start begins with."""

    service: Service
    minutes: int
    command: str


def understand(context: DialogueContext, state: Dialogue, said: Said) -> Reading | None:
    """Read the text, behind the day chosen before if it names only a time. None: it names no day or time."""
    reading = said.reading
    if reading is None or not said.names_time:
        return None
    if reading.day is None and state.day and (reading.candidates or reading.part or reading.reason == "past"):
        day = date.fromisoformat(state.day)
        return context.texts.ear.read(said.when_text, context.now_ms, context.the_shop, day)
    return reading


def choose(context: DialogueContext, state: Dialogue, search: Search, reading: Reading) -> bool:
    """Put the reading into `state`. True if a start is settled or a question is open; False if it was answered here."""
    if reading.candidates:
        return _choose_candidate(context, state, search, reading.candidates)
    if reading.day is None and reading.part is None:
        state.wall = ""
        ask_day(context, state, search, f"unclear.{reading.reason}")
        return False
    kept = datetime.fromisoformat(state.wall) if state.wall else None
    if reading.day is not None:
        state.day = reading.day.isoformat()
    state.part, state.wall = reading.part or "", ""
    if reading.reason != "no_time":
        ask_slot(context, state, search, f"unclear.{reading.reason}")
        return False
    if kept is not None and reading.day is not None and reading.part is None:
        # "Saturday instead": the same time of that day, if the shop has it; it is echoed before anything is booked.
        same = datetime.combine(reading.day, kept.time())
        if any(slot.wall == same for slot in slots_of(context, search, reading.day)):
            state.wall = same.isoformat(timespec="minutes")
    return True


def _choose_candidate(
    context: DialogueContext, state: Dialogue, search: Search, candidates: Sequence[datetime]
) -> bool:
    verdicts = {wall: why_not(context.the_shop, wall, search.minutes, context.now_ms) for wall in candidates}
    good = [wall for wall, reason in verdicts.items() if reason is None]
    if len(good) == 1:
        state.wall = good[0].isoformat(timespec="minutes")
        state.day, state.part = good[0].date().isoformat(), ""
        return True
    state.wall = ""
    if good:
        state.day = good[0].date().isoformat()
        context.ask(state, "ask.which_time", [start_option(context, search, wall) for wall in good])
        return False
    reason = min((r for r in verdicts.values() if r), key=_TELLING.index)
    wanted = next(wall for wall, r in verdicts.items() if r == reason)
    refuse(context, state, search, wanted, reason)
    return False


def refuse(context: DialogueContext, state: Dialogue, search: Search, wanted: datetime, reason: str) -> None:
    """Say why a start is not possible, and offer the nearest free ones."""
    state.wall, state.step = "", "slot"
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
        "when": context.words.moment(wanted),
        "days": context.the_shop.horizon_days,
        "minutes": context.the_shop.lead_min,
        "step": context.the_shop.slot_step_min,
    }
    # A day that is full or closed is not kept: the offered starts may lie on another.
    state.day = ""
    why = context.words(f"why_not.{reason}", **values)
    if near:
        context.ask(
            state, "ask.instead", [start_option(context, search, slot.wall) for slot in near], why=why
        )
    else:
        context.ask(state, "ask.nothing_near", why=why)


def ask_day(context: DialogueContext, state: Dialogue, search: Search, key: str = "ask.day") -> None:
    """Ask which day: the nearest free starts, then the days on which the shop opens."""
    state.step = "day"
    now = wall_of(context.now_ms, zone_of(context.the_shop))
    soonest = nearest(
        context.tx.execute,
        context.the_shop,
        search.service,
        now,
        search.minutes,
        context.now_ms,
        count=NEAREST_OFFERED,
    )
    options = [start_option(context, search, slot.wall) for slot in soonest]
    options += [
        Option(context.words("day_option", day=context.words.day(day)), f"{search.command} {day.isoformat()}")
        for day in open_days(context.the_shop, context.now_ms, DAYS_OFFERED)
    ]
    context.ask(state, key, options)


def ask_slot(context: DialogueContext, state: Dialogue, search: Search, key: str = "ask.slot") -> None:
    """Ask which free start of the chosen day. None free: the nearest of other days."""
    if not state.day:
        ask_day(context, state, search, "ask.day" if key == "ask.slot" else key)
        return
    day = date.fromisoformat(state.day)
    free = slots_of(context, search, day)
    begin, end = PARTS.get(state.part, (0, 24))
    wanted = [slot for slot in free if begin <= slot.wall.hour < end]
    if not wanted:
        noon = datetime.combine(day, datetime.min.time()) + timedelta(hours=(begin + end) // 2)
        reason = why_not_day(context, day) or ("full_part" if free else "full_day")
        refuse(context, state, search, noon, reason)
        return
    state.step = "slot"
    options = [start_option(context, search, slot.wall) for slot in one_an_hour(wanted)]
    context.ask(state, key, options, day=context.words.day(day), times=ranges(context, wanted))


def why_not_day(context: DialogueContext, day: date) -> str | None:
    """`past`, `horizon` or `closed` for a whole day."""
    now = wall_of(context.now_ms, zone_of(context.the_shop))
    if day < now.date():
        return "past"
    if day > now.date() + timedelta(days=context.the_shop.horizon_days):
        return "horizon"
    return None if shop_spans(context.the_shop, day) else "closed"


def slots_of(context: DialogueContext, search: Search, day: date) -> list[Slot]:
    return free_slots(
        context.tx.execute, context.the_shop, search.service, day, search.minutes, context.now_ms
    )


def start_option(context: DialogueContext, search: Search, wall: datetime) -> Option:
    return Option(context.words.moment(wall), f"{search.command} {wall:%Y-%m-%d %H:%M}")


def one_an_hour(slots: Sequence[Slot]) -> list[Slot]:
    """Few enough for buttons and digits: the first free start of each hour, evenly thinned if there are still too many."""
    hours: dict[int, Slot] = {}
    for slot in slots:
        hours.setdefault(slot.wall.hour, slot)
    chosen = list(hours.values()) if len(slots) > MAX_STARTS else list(slots)
    if len(chosen) <= MAX_STARTS:
        return chosen
    return [chosen[index * len(chosen) // MAX_STARTS] for index in range(MAX_STARTS)]


def ranges(context: DialogueContext, slots: Sequence[Slot]) -> str:
    """`09:00–10:30, 14:00`: starts that follow each other in the shop's step are one range."""
    step = timedelta(minutes=context.the_shop.slot_step_min)
    groups: list[list[datetime]] = []
    for slot in slots:
        if groups and slot.wall - groups[-1][-1] == step:
            groups[-1].append(slot.wall)
        else:
            groups.append([slot.wall])
    texts = [f"{g[0]:%H:%M}–{g[-1]:%H:%M}" if len(g) > 1 else f"{g[0]:%H:%M}" for g in groups]
    return context.words("list_separator").join(texts)

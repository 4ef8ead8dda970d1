"""What is offered where a time is looked for: days and free starts, as buttons and in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.schedule.hours import shop_spans
from imserver.plugins.booking.schedule.shops import Service
from imserver.plugins.booking.schedule.slots import Slot, free_slots

from .context import DialogueContext

#: Starts in one list: they fit a telephone and take one digit as an answer.
MAX_STARTS = 9


def _free_for_all(wall: datetime) -> bool | None:
    return None


@dataclass(frozen=True, slots=True)
class Search:
    """A search for a start: the service, its length, the command that the button of a start begins with, the start that words
    like "half an hour later" are relative to, and whether a start is free for an appointment that owns cells itself."""

    service: Service
    minutes: int
    command: str
    base: datetime | None = None
    is_free: Callable[[datetime], bool | None] = _free_for_all


def why_not_day(context: DialogueContext, day: date) -> str | None:
    """`past`, `horizon` or `closed` for a whole day."""
    today = context.now.date()
    if day < today:
        return "past"
    if day > today + timedelta(days=context.the_shop.horizon_days):
        return "horizon"
    return None if shop_spans(context.the_shop, day) else "closed"


def slots_of(context: DialogueContext, search: Search, day: date) -> list[Slot]:
    return free_slots(
        context.tx.execute, context.the_shop, search.service, day, search.minutes, context.now_ms
    )


def start_option(context: DialogueContext, search: Search, wall: datetime) -> Option:
    """A start as a button: what it posts reads like what people write."""
    moment = context.words.moment(wall)
    return Option(moment, f"{search.command} {moment}")


def day_option(context: DialogueContext, search: Search, day: date) -> Option:
    name = context.words.day(day)
    return Option(context.words("day_option", day=name), f"{search.command} {name}")


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

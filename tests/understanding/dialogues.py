"""Dialogues measured: each is played with the real plugin in memory, at its own time, and what stands at its end is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from imserver.testing import Said
from tests.booking.support.shop import GARDEN, Shop, shown

from .chains import chain_file
from .corpus import SERVICES, ZONE, Half, rows
from .kin import same_person
from .played import Played, Standing, folded, violated

CUSTOMER, STAFF = "customer", "staff-li"
_BOOKED = "status IN ('pending', 'confirmed', 'arrived', 'in_exam', 'done', 'no_show')"
_STANDING = (
    f"SELECT start_wall, service_id, for_name, store_id, person FROM booking_appointments WHERE {_BOOKED} "
    "ORDER BY start_at, id"
)
#: A hold that is let go was never booked.
_CANCELLED = (
    "SELECT start_wall FROM booking_appointments WHERE status = 'cancelled' "
    f"AND id IN (SELECT appointment_id FROM booking_changes WHERE {_BOOKED})"
)
_MOVED = (
    "SELECT DISTINCT later.start_wall FROM booking_changes AS later JOIN booking_changes AS before "
    "ON before.appointment_id = later.appointment_id AND before.version < later.version "
    f"AND before.start_wall <> later.start_wall WHERE before.{_BOOKED} AND later.{_BOOKED}"
)


class End(StrEnum):
    """How a dialogue ended."""

    RIGHT = "right"
    WRONG = "wrong"  # something else is booked, moved or cancelled than was meant
    OPEN = "open"  # what was meant was not reached, and nothing wrong either
    BROKEN = "broken"  # the plugin failed


@dataclass(frozen=True, slots=True)
class DialogueVerdict:
    """How one dialogue ended, and why."""

    id: str
    end: End
    reasons: tuple[str, ...]
    played: Played


async def measure_dialogues(half: Half, folder: Path, name: str = "dialogues") -> list[DialogueVerdict]:
    """Play all of one file of a half."""
    chain = chain_file(half, folder)
    return [verdict(row, await play(row, chain)) for row in rows(half, name)]


async def play(row: Mapping[str, Any], chain: str = "demo") -> Played:
    """One dialogue, in the service conversation of the first shop."""
    now = datetime.fromisoformat(row["now"]).replace(tzinfo=ZoneInfo(ZONE))
    played = Played()
    try:
        async with Shop(now, config={"chain": chain}) as shop:
            await _play(shop, row["turns"], played)
    except Exception as error:  # a plugin that fails has failed this dialogue, and no other
        played.failure = f"{type(error).__name__}: {error}"
    except BaseExceptionGroup as group:
        played.failure = repr(group.exceptions)
    return played


async def _play(shop: Shop, turns: Sequence[Mapping[str, Any]], played: Played) -> None:
    there = await shop.customer(CUSTOMER)
    for turn in turns:
        if "wait_minutes" in turn:
            told = await shop.advance(float(turn["wait_minutes"]))
        else:
            speaker = STAFF if turn.get("by") == "staff" else CUSTOMER
            told = await shop.say(speaker, there, turn["say"])
            played.said.append((speaker, turn["say"]))
        played.said += [("bot", shown(one)) for one in told if one.conversation_id == there]
        played.told_people |= await _people_know(shop, told)
    played.standing = [Standing(*map(str, columns)) for columns in await shop.sql(_STANDING)]
    played.cancelled = [str(start) for (start,) in await shop.sql(_CANCELLED)]
    played.moved_to = [str(start) for (start,) in await shop.sql(_MOVED)]
    played.held = bool(await shop.sql("SELECT 1 FROM booking_appointments WHERE status = 'held'"))


async def _people_know(shop: Shop, told: Sequence[Said]) -> bool:
    """Whether a text waits for the staff, or their group was called."""
    waits = await shop.sql("SELECT 1 FROM booking_services WHERE waiting_since IS NOT NULL")
    group = await shop.staff_group()
    return bool(waits) or any(
        one.conversation_id == group
        and one.sender_id == GARDEN
        and ("conversation" in str(one.content.get("ref")) or "转告店员" in shown(one))
        for one in told
    )


# ---------------------------------------------------------------------------------------------------------------- judging


def verdict(row: Mapping[str, Any], played: Played) -> DialogueVerdict:
    """Compare the end with what was expected."""
    if played.failure:
        return DialogueVerdict(row["id"], End.BROKEN, (played.failure,), played)
    wrong, missing = _compare(row, played)
    end = End.WRONG if wrong else End.OPEN if missing else End.RIGHT
    return DialogueVerdict(row["id"], end, (*wrong, *missing), played)


def _compare(row: Mapping[str, Any], played: Played) -> tuple[list[str], list[str]]:
    expect, wrong, missing = row["expect"], list[str](), list[str]()
    booked = expect.get("booked")
    wanted = booked if isinstance(booked, list) else [booked] if booked else []
    if "booked" in expect:
        left, played_whole = list(played.standing), True
        for one in wanted:
            exact = next((there for there in left if _is(there, one)), None)
            if exact is None:
                played_whole = False
                missing.append(f"not booked: {_brief(one)}")
            else:
                left.remove(exact)
        wrong += [
            f"booked: {there.start} {there.service} {there.name}"
            for there in left
            if not (played_whole and _for_another(there, wanted))
        ]
    if expect.get("cancelled") and not played.cancelled:
        missing.append("not cancelled")
    elsewhere = any(
        one.get("shop", "garden") != "garden" for one in wanted
    )  # the end of the old one is part of that
    if not expect.get("cancelled") and played.cancelled and not expect.get("moved_to") and not elsewhere:
        wrong.append("cancelled")
    if moved := expect.get("moved_to"):
        start = f"{moved['day']}T{moved['start']}"
        if start not in played.moved_to and not any(there.start == start for there in played.standing):
            missing.append(f"not moved to {start}")
    if expect.get("told_people") and not played.told_people:
        missing.append("nobody told")
    wrong += [f"never {phrase}" for phrase in row.get("never", ()) if violated(phrase, played)]
    return wrong, missing


def _is(there: Standing, wanted: Mapping[str, Any]) -> bool:
    service = wanted.get("service", there.service)
    return (
        there.start == f"{wanted['day']}T{wanted['start']}"
        and SERVICES.get(service, service) == there.service
        and ("name" not in wanted or folded(wanted["name"]) == folded(there.name))
        and ("shop" not in wanted or wanted["shop"] == there.shop)
        and ("for" not in wanted or _for_whom(there, str(wanted["for"])))
    )


def _for_whom(there: Standing, wanted: str) -> bool:
    """Whether it is that person's: the customer's own names nobody."""
    return not there.person if wanted == "self" else same_person(wanted, there.person)


def _for_another(there: Standing, wanted: Sequence[Mapping[str, Any]]) -> bool:
    """Of two persons' appointments, `booked` may name the one that the dialogue is about."""
    names = {folded(one["name"]) for one in wanted if "name" in one}
    return len(wanted) == 1 and bool(there.name) and folded(there.name) not in names


def _brief(wanted: Mapping[str, Any]) -> str:
    return " ".join(str(value) for value in wanted.values())

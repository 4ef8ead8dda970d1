"""Commands that programs write, and people may: every part of them is what it says, and nothing is looked for in it.

`/book SERVICE-ID 2026-12-03 15:00` takes that start; `/move CODE vN 2026-12-04 10:30` asks about that one. `/cancel CODE vN`
gives up what is held, and with `yes` behind it it cancels appointments without asking again: the button of that question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial

from imserver.plugins.booking.schedule.appointments import Appointment, by_code
from imserver.plugins.booking.schedule.status import Action, Status
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading, When

from . import book, cancel, draft, move, said
from .allowed import allows
from .asking import go_on
from .choose import take
from .context import DialogueContext, Place
from .holding import release
from .open_question import asked_in
from .subjects import no_such, visible

_WALL = r"(?P<wall>\d{4}-\d\d-\d\d[ T]\d\d:\d\d)"
_CODE = r"[A-Za-z][A-Za-z0-9]{3,7}"
#: Whoever books in others is read like anybody who types.
_YEARS = range(1900, 9000)
_START = re.compile(rf"(?P<service>[a-z0-9][a-z0-9-]{{0,39}}) +(?:at +)?{_WALL}")
_TO = re.compile(rf"(?P<code>{_CODE})(?: +v(?P<version>\d{{1,9}}))? +{_WALL}")
_ONE = re.compile(rf"({_CODE}) +v(\d{{1,9}})")
_ENDS = re.compile(rf"(?P<which>{_CODE} +v\d{{1,9}}(?: +{_CODE} +v\d{{1,9}})*)(?P<sure> +(?:yes|是))?")


def read(context: DialogueContext, name: str, arguments: str) -> Callable[[], bool] | None:
    """What such a command does, once its shop is known; None for one that is to be read like anything that people type."""
    if name == "book":
        found = _START.fullmatch(arguments)
        wall = _wall(found)
        if found is not None and wall is not None and not _is_said(context, found["service"]):
            return partial(_take, context, found["service"], wall)
    if name == "move":
        found = _TO.fullmatch(arguments)
        wall = _wall(found)
        if found is not None and wall is not None:
            return partial(_ask, context, arguments, found["code"], found["version"], wall)
    return _end(context, arguments) if name == "cancel" else None


def _is_said(context: DialogueContext, word: str) -> bool:
    """Whether what stands for a service is no id of one, but words that people have for it, or a "for" and "on". Anything else
    is asked about: a part of it may be some other service's name, and nobody wanted that one."""
    if context.chain.service(word) is not None:
        return False
    reading = context.read(word.replace("-", " "), labels=False)
    if said.service_of(reading, context.chain) is None:
        return not reading.acts and said.is_values(reading)
    (named,) = reading.all(Kind.GIVE, "service")[:1]
    return any(span.start == 0 and span.end == len(word) for span in named.spans)


def _end(context: DialogueContext, arguments: str) -> Callable[[], bool] | None:
    found = _ENDS.fullmatch(arguments)
    if found is None:
        return None
    which = _ONE.findall(found["which"])
    held = by_code(context.tx, which[0][0]) if len(which) == 1 and not found["sure"] else None
    if held is not None and held.card_position is None and held.customer_id == context.customer_id:
        return partial(_give_up, context, held)
    if not found["sure"]:
        return None
    acts = [Act(Kind.YES)]
    for code, version in which:
        acts += [Act(Kind.GIVE, "code", code.upper()), Act(Kind.GIVE, "version", int(version))]
    return partial(cancel.cancel, context, Reading(arguments, tuple(acts)))


def _give_up(context: DialogueContext, held: Appointment) -> bool:
    """End the hold of the booking that is open; say so if it has ended by itself."""
    context.answer_in(asked_in(context))
    state = context.dialogue()
    of = state if state is None or state.kind == "book" else state.below
    if of is not None and held.status is Status.HELD and of.appointment_id == held.id:
        book.give_up(context, of)
    else:
        context.say("stale.hold")
    return True


def _wall(found: re.Match[str] | None) -> datetime | None:
    """The time on the clock; None for one that no calendar has. In the first and the last years the neighbours of a day, which
    are looked at for free times, may not be there."""
    try:
        wall = datetime.fromisoformat(found["wall"]) if found is not None else None
    except ValueError:  # the 31st of February
        return None
    return wall if wall is not None and _YEARS.start <= wall.year < _YEARS.stop else None


def _take(context: DialogueContext, service_id: str, wall: datetime) -> bool:
    """Hold the start for the booking that is open, or for a new one, whatever was chosen in it before."""
    if context.place is Place.STAFF:
        context.say("staff.book_there")
        return True
    state = book.open_draft(context)
    if state.replaces:  # one that was to take the place of an appointment: this says nothing of that
        release(context, state)
        state = draft.begin(context)
    state.step, state.people, state.plain_service = "day", [], ""
    service = context.chain.service(service_id)
    if service is None or not context.the_shop.offers(service):
        name = service_id if service is None else service.names.in_language(context.language)
        context.say("why_not.service", service=name)
        release(context, state)
        state.service_id = ""  # and which one is asked: nothing is held for another than what was wanted
    elif not draft.put(context, state, Reading("", (Act(Kind.GIVE, "service", service.id),))):
        return True
    take(state, wall)
    go_on(context, state)
    return True


def _ask(context: DialogueContext, arguments: str, code: str, version: str | None, wall: datetime) -> bool:
    """Ask whether to move an appointment to that start."""
    appointment = by_code(context.tx, code)
    if appointment is None or not visible(context, appointment):
        no_such(context, code.upper(), "move")
        return True
    if context.place is not Place.STAFF:
        context.go(context.texts.shop_of(appointment))
    acts = [Act(Kind.GIVE, "code", appointment.code)]
    acts += [Act(Kind.GIVE, "version", int(version))] if version else []
    reading = Reading(arguments, tuple(acts), when=When((wall,), wish=wall, days=(wall.date(),)))
    if allows(context, reading, appointment, Action.MOVE):
        move.towards(context, appointment, reading, exact=True)
    return True

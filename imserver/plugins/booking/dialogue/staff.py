"""Commands of staff: the day sheet, and the steps of an appointment (one row of the transition table each)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial

from imserver.plugins.booking.customers import customer as known
from imserver.plugins.booking.journey import notify
from imserver.plugins.booking.schedule import instead, steps
from imserver.plugins.booking.schedule.appointments import Appointment, act, by_code, resources_of
from imserver.plugins.booking.schedule.day_sheet import absences_of, appointments_of, away_from, name_on
from imserver.plugins.booking.schedule.hours import wall_of, zone_of
from imserver.plugins.booking.schedule.leave import leaves_of
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.schedule.status import LIVE, Action, Actor, NotPossible, Status, next_status
from imserver.plugins.booking.understanding.acts import Kind, Reading, Weight

from . import book, move, said, wished_move
from .allowed import not_possible, show_again, stale
from .context import DialogueContext, Place
from .holding import actor
from .subjects import no_such, visible

#: Lines in one message of a day sheet; a longer day is several messages.
MAX_LINES = 50

ACTIONS = {
    "arrive": Action.ARRIVE,
    "start": Action.START,
    "finish": Action.FINISH,
    "no_show": Action.NO_SHOW,
}


def schedule(context: DialogueContext, reading: Reading) -> bool:
    """今日预约 [day]: the day sheet."""
    if context.place is not Place.STAFF:  # elsewhere customers read along
        if not said.is_values(reading):
            return False  # 日程怎么排的 is a question
        context.say("staff.only")
        return True
    shop = context.the_shop
    today = wall_of(context.now_ms, zone_of(shop)).date()
    day = today
    when = said.when_of(reading)
    if when is not None:
        named = list(when.days) or [wall.date() for wall in when.candidates]
        if not named:
            context.say("staff.which_day")
            return True
        day = named[0]
    _show_day(context, shop, day)
    return True


def _show_day(context: DialogueContext, shop: Shop, day: date) -> None:
    words = context.texts.staff_words(shop)
    rows = appointments_of(context.tx, shop, day)
    title = words("sheet.title", store=shop.names.in_language(words.language), day=words.day(day))
    title = "\n".join((title, *_away(context, shop, day)))
    if not rows:
        context.post({"type": "text", "text": f"{title}\n{words('sheet.empty')}"})
        return
    lines = [_line(context, shop, one) for one in rows]
    count = sum(one.status not in (Status.CANCELLED, Status.HELD) for one in rows)
    for first in range(0, len(lines), MAX_LINES):
        part = "\n".join(lines[first : first + MAX_LINES])
        text = words("sheet.text", title=title, count=count, lines=part)
        context.post({"type": "text", "text": text})


def _away(context: DialogueContext, shop: Shop, day: date) -> list[str]:
    """Who is away that day, and when."""
    words, names = context.texts.staff_words(shop), {one.id: one.names for one in shop.resources}
    lines = []
    for one in absences_of(context.tx, shop, day):
        end = "24:00" if one.end.date() != day else f"{one.end:%H:%M}"
        when = words("sheet.all_day") if one.whole_day else f"{one.start:%H:%M}–{end}"
        lines.append(words("sheet.away", name=names[one.resource_id].in_language(words.language), when=when))
    return lines


def _line(context: DialogueContext, shop: Shop, appointment: Appointment) -> str:
    words = context.texts.staff_words(shop)
    service = context.chain.service(appointment.service_id)
    band = context.chain.band(appointment.age_band)
    used = resources_of(context.tx, appointment.id)
    names = [r.names.in_language(words.language) for r in shop.resources if r.id in used]
    leaves = leaves_of(context.tx, shop)
    missing = away_from(leaves, appointment, used, context.now_ms)
    away = [r.names.in_language(words.language) for r in shop.resources if r.id in missing]
    details = [
        service.names.in_language(words.language) if service else appointment.service_id,
        name_on(context.tx, appointment),
        band.names.in_language(words.language) if band else "",
        words("sheet.first_visit") if appointment.first_visit else "",
        words("sheet.wish", when=words.moment(appointment.wished)) if appointment.wished else "",
        words("sheet.no_messages") if known(context.tx, appointment.customer_id).no_messages else "",
        *names,
        words("sheet.away_then", names=words("list_separator").join(away)) if away else "",
        words(f"status.{appointment.status}"),
    ]
    end = wall_of(appointment.end_at, zone_of(shop))
    return words(
        "sheet.line",
        start=f"{appointment.wall:%H:%M}",
        end=f"{end:%H:%M}",
        code=appointment.code,
        details=words("sheet.separator").join(detail for detail in details if detail),
    )


def _is_talk(context: DialogueContext, reading: Reading) -> bool:
    """A question about a step (到店 A2S4 了吗) is none; one with more words than it takes is asked about. What was pressed, or
    carries a version, is a button's."""
    if said.version_of(reading) is not None or context.pressed:
        return False
    return context.text.lstrip()[:1] not in "/／" and context.read_staffs(context.text).has(Kind.QUESTION)


def _says_more(context: DialogueContext, reading: Reading) -> bool:
    """Words beside a step that may change what is meant, or a question: nothing is done, and that is said."""
    if not context.pressed and context.text.rstrip().endswith(("?", "？")):
        context.say("unclear.rest", text=reading.text.strip()[:100])
        return True
    more = [rest.text.strip() for rest in reading.rest if rest.weight is not Weight.HARMLESS]
    denied = [act for act in reading.acts if act.kind in (Kind.NO, Kind.REFUSE, Kind.LATER)]
    if not more and not denied:
        return False
    context.say("unclear.rest", text=(" … ".join(more) or reading.text.strip())[:100])
    return True


def confirm(context: DialogueContext, reading: Reading) -> bool:
    """确认 [CODE]: the customer's yes to the open question, or staff's to a pending appointment."""
    code = said.code_of(reading)
    if not code:
        if context.is_staff and context.place is Place.STAFF:
            _ask_code(context, "confirm")
            return True
        return False
    if context.is_staff and _is_talk(context, reading):
        return False
    appointment = by_code(context.tx, code)
    if appointment is None or not visible(context, appointment):
        no_such(context, code)
        return True
    if not context.is_staff and context.shop is not context.texts.shop_of(appointment):
        context.go(context.texts.shop_of(appointment))
    _confirm(context, reading, appointment)
    return True


def _confirm(context: DialogueContext, reading: Reading, appointment: Appointment) -> None:
    """What a yes to an appointment does, by what it is."""
    if appointment.status is Status.HELD:
        book.confirm_held(context, said.version_of(reading), appointment)
    elif appointment.wished is not None and context.is_staff and not said.names_time(reading):
        if not _says_more(context, reading) and not _is_stale(context, reading, appointment):
            wished_move.agree(context, appointment, appointment.wished)
            _say_done(context, appointment)
    elif said.names_time(reading) and appointment.status in (Status.PENDING, Status.CONFIRMED):
        move.confirm(context, reading, appointment)
    elif appointment.status is Status.PENDING and context.is_staff:
        if not _says_more(context, reading):
            _step(context, reading, appointment, Action.CONFIRM)
    elif appointment.status is Status.EXPIRED:
        context.say("stale.hold")
    elif appointment.status is Status.CONFIRMED and context.is_staff and said.version_of(reading) is None:
        show_again(context, appointment, "stale.already")
    elif appointment.status is Status.CONFIRMED:
        stale(context, appointment)
    else:
        not_possible(context, appointment)


def _ask_code(context: DialogueContext, command: str) -> None:
    context.say("staff.which_code", command=context.words(f"command.{command}"))


def step(action: Action, context: DialogueContext, reading: Reading) -> bool:
    """到店, 开始, 完成, 爽约 CODE."""
    name = next(name for name, one in ACTIONS.items() if one is action)
    return _of_code(context, reading, name, partial(_step, context, reading, action=action))


def undo(context: DialogueContext, reading: Reading) -> bool:
    """撤销 CODE: the last step of the day is taken back, for ten minutes. Of a customer it means to cancel."""
    return _of_code(context, reading, "undo", partial(_undo, context, reading))


def _of_code(
    context: DialogueContext, reading: Reading, command: str, run: Callable[[Appointment], None]
) -> bool:
    """A command of the staff about the appointment whose code stands behind it, and nothing more. False if it is none."""
    code = said.code_of(reading)
    if not context.is_staff or (not code and context.place is not Place.STAFF):
        return False
    if not code:
        _ask_code(context, command)
        return True
    if _is_talk(context, reading):
        return False
    appointment = by_code(context.tx, code)
    if appointment is None or not visible(context, appointment):
        no_such(context, code)
    elif not _says_more(context, reading):
        run(appointment)
    return True


def _is_stale(context: DialogueContext, reading: Reading, appointment: Appointment) -> bool:
    """Whether the button is older than the appointment: then it is shown as it is now."""
    version = said.version_of(reading)
    if version is None or version == appointment.version:
        return False
    stale(context, appointment)
    return True


def _undo(context: DialogueContext, reading: Reading, appointment: Appointment) -> None:
    if _is_stale(context, reading, appointment):
        return
    last = steps.last_step(context.tx, appointment)
    if last is None:
        context.say("step.nothing_to_undo", code=appointment.code)
        return
    if context.now_ms >= steps.undoable_until(last):
        context.say("step.too_late_to_undo", code=appointment.code, minutes=steps.UNDO_MIN)
        return
    changed = steps.take_back(context.tx, appointment, last, context.sender.user_id)
    if changed is None:
        context.say("step.time_is_taken", code=appointment.code, when=context.words.moment(appointment.wall))
        return
    notify.undone(context.tx, context.texts, changed)
    _say_done(context, changed)


def _say_done(context: DialogueContext, appointment: Appointment) -> None:
    """In a service conversation; the staff group has the card."""
    if context.place is not Place.STAFF:
        status = context.words(f"status.{appointment.status}")
        context.say("staff.done", code=appointment.code, status=status)


def _is_untimely(context: DialogueContext, appointment: Appointment, action: Action) -> bool:
    """A step of the day before its time, or after it: nothing happens, and why is said."""
    found = steps.untimely(appointment, action, context.now_ms)
    if found is None:
        return False
    words = context.words
    context.say(
        f"step.{action}_{found.why}",
        code=appointment.code,
        when=words.moment(appointment.wall),
        since=words.moment(found.since),
    )
    return True


def _end_instead(context: DialogueContext, confirmed: Appointment) -> None:
    """The yes to a request that takes the place of an appointment in another shop ends that one, if it is as it was then."""
    found = instead.take(context.tx, confirmed)
    if found is None or context.chain.shop(found[0].store_id) is None:
        return
    ends, unchanged = found
    try:
        if unchanged:
            ended = act(context.tx, ends, Action.CANCEL, Actor.CUSTOMER, confirmed.customer_id)
            notify.cancelled(context.tx, context.texts, ended)
            return
    except NotPossible:
        pass
    if ends.status in LIVE:
        notify.not_replaced(context.tx, context.texts, ends)


def _step(context: DialogueContext, reading: Reading, appointment: Appointment, action: Action) -> None:
    if _is_stale(context, reading, appointment):
        return
    try:
        next_status(appointment.status, action, actor(context))
        if _is_untimely(context, appointment, action):
            return
        changed = act(context.tx, appointment, action, actor(context), context.sender.user_id)
    except NotPossible:
        not_possible(context, appointment)
        return
    if action is Action.CONFIRM:
        notify.confirmed_by_staff(context.tx, context.texts, changed)
        _end_instead(context, changed)
    else:
        notify.stepped(context.tx, context.texts, changed)
    _say_done(context, changed)

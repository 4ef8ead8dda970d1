"""What staff ask for and do: the day sheet, and the steps of an appointment (one row of the transition table each)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from . import booking, changing, outcomes
from .appointments import Appointment, act, between, by_code, resources_of
from .calendar import utc_ms, wall_of, zone_of
from .chain import Store
from .heard import Said
from .states import Action, NotPossible, Status
from .talk import Place, Talk

#: Lines in one message of a day sheet; a longer day is several messages.
MAX_LINES = 50

ACTIONS = {
    "arrive": Action.ARRIVE,
    "start": Action.START,
    "finish": Action.FINISH,
    "no_show": Action.NO_SHOW,
}


def schedule(talk: Talk, said: Said) -> bool:
    """今日预约 [day]: the day sheet."""
    if talk.place is not Place.STAFF:  # elsewhere customers read along
        if said.rest:
            return False  # 日程怎么排的 is a question
        talk.say("staff.only")
        return True
    store = talk.the_store
    today = wall_of(talk.now_ms, zone_of(store)).date()
    day = today
    if said.names_time and said.reading is not None:
        reading = said.reading
        if reading.day is None and not reading.candidates:
            talk.say("staff.which_day")
            return True
        day = reading.day or reading.candidates[0].date()
    _show_day(talk, store, day)
    return True


def _show_day(talk: Talk, store: Store, day: date) -> None:
    words = talk.house.staff_words(store)
    zone = zone_of(store)
    begin = datetime.combine(day, time())
    bounds = [
        utc_ms(wall, zone) or utc_ms(wall + timedelta(hours=1), zone) or 0
        for wall in (begin, begin + timedelta(days=1))
    ]
    rows = between(talk.tx, store.id, bounds[0], bounds[1])
    title = words("sheet.title", store=store.names.in_language(words.language), day=words.day(day))
    if not rows:
        talk.post({"type": "text", "text": f"{title}\n{words('sheet.empty')}"})
        return
    lines = [_line(talk, store, one) for one in rows]
    count = sum(one.status not in (Status.CANCELLED, Status.HELD) for one in rows)
    for first in range(0, len(lines), MAX_LINES):
        part = "\n".join(lines[first : first + MAX_LINES])
        text = words("sheet.text", title=title, count=count, lines=part)
        talk.post({"type": "text", "text": text})


def _line(talk: Talk, store: Store, appointment: Appointment) -> str:
    words = talk.house.staff_words(store)
    service = talk.chain.service(appointment.service_id)
    band = talk.chain.band(appointment.age_band)
    used = resources_of(talk.tx, appointment.id)
    names = [r.names.in_language(words.language) for r in store.resources if r.id in used]
    customer = talk.tx.user(appointment.customer_id)
    details = [
        service.names.in_language(words.language) if service else appointment.service_id,
        appointment.for_name or (customer.display_name if customer else appointment.customer_id),
        band.names.in_language(words.language) if band else "",
        words("sheet.first_visit") if appointment.first_visit else "",
        *names,
        words(f"status.{appointment.status}"),
    ]
    end = wall_of(appointment.end_at, zone_of(store))
    return words(
        "sheet.line",
        start=f"{appointment.wall:%H:%M}",
        end=f"{end:%H:%M}",
        code=appointment.code,
        details=words("sheet.separator").join(detail for detail in details if detail),
    )


def confirm(talk: Talk, said: Said) -> bool:
    """确认 [CODE]: the customer's yes to what is asked, or staff's to a pending appointment."""
    state = talk.dialogue()
    if not said.code:
        if talk.is_staff and talk.place is Place.STAFF:
            talk.say("staff.which_code")
            return True
        return False
    appointment = by_code(talk.tx, said.code)
    if appointment is None or not changing.visible(talk, appointment):
        changing.no_such(talk, said.code)
        return True
    if not talk.is_staff and talk.store is not talk.house.store_of(appointment):
        talk.go(talk.house.store_of(appointment))
        state = talk.dialogue()
    if state is not None and state.kind == "move" and state.appointment_id == appointment.id:
        candidates = said.reading.candidates if said.reading else ()
        changing.confirm_move(talk, state, appointment, said, candidates[0] if candidates else None)
    elif appointment.status is Status.HELD:
        booking.confirm_held(talk, said, appointment)
    elif appointment.status is Status.PENDING and talk.is_staff:
        _step(talk, said, appointment, Action.CONFIRM)
    elif appointment.status is Status.EXPIRED:
        talk.say("stale.hold")
    elif appointment.status is Status.CONFIRMED:
        changing.stale(talk, appointment)
    else:
        changing.not_possible(talk, appointment)
    return True


def step(action: Action, talk: Talk, said: Said) -> bool:
    """到店, 开始, 完成, 爽约 CODE."""
    if not talk.is_staff:
        return False
    if not said.code:
        if talk.place is not Place.STAFF:
            return False
        talk.say("staff.which_code")
        return True
    appointment = by_code(talk.tx, said.code)
    if appointment is None or not changing.visible(talk, appointment):
        changing.no_such(talk, said.code)
        return True
    _step(talk, said, appointment, action)
    return True


def _step(talk: Talk, said: Said, appointment: Appointment, action: Action) -> None:
    if said.version is not None and said.version != appointment.version:
        changing.stale(talk, appointment)
        return
    try:
        changed = act(talk.tx, appointment, action, changing.actor(talk), talk.sender.user_id)
    except NotPossible:
        changing.not_possible(talk, appointment)
        return
    if action is Action.CONFIRM:
        outcomes.confirmed_by_staff(talk.tx, talk.house, changed)
    else:
        outcomes.stepped(talk.tx, talk.house, changed)
    if talk.place is not Place.STAFF:
        talk.say("staff.done", code=changed.code, status=talk.words(f"status.{changed.status}"))

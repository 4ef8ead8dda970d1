"""An appointment as a calendar file, for its customer: the cheapest reminder there is.

Times are UTC: what a calendar shows is the clock of where its owner is, and the file stays true without the rules of a zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from imserver.plugin_api import Context, HttpRequest, HttpResponse, Refusal, RefusalCode
from imserver.plugins.booking.beside import beside
from imserver.plugins.booking.messages.texts import Words, language_of
from imserver.plugins.booking.schedule.appointments import Appointment
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.schedule.status import Status

from .chains import Served
from .reads import Reads

#: So long before the start the calendar rings, as our own second reminder does.
ALARM_BEFORE = timedelta(hours=2)
CONTENT_TYPE = "text/calendar; charset=utf-8"
_SUFFIX = ".ics"
_OVER = frozenset({Status.CANCELLED, Status.NO_SHOW})
_COLUMNS = ", ".join(Appointment.__struct_fields__)


@dataclass(frozen=True, slots=True)
class Event:
    """What the file says of an appointment."""

    uid: str
    sequence: int
    changed: datetime
    begin: datetime
    end: datetime
    status: str
    title: str
    text: str
    place: str
    alarm: str


class EventFiles:
    """`GET /x/booking/event/CODE.ics`."""

    def __init__(self, context: Context, reads: Reads) -> None:
        self._context = context
        self._reads = reads

    def register(self) -> None:
        self._context.route("GET", "/event/{name}", self.answer)

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """The file, for who is signed in and has that appointment; for nobody else there is such a code."""
        if request.user_id is None:
            return HttpResponse.json({"error": "nobody is signed in", "code": "SIGNED_OUT"}, 401)
        self._reads.count(request)  # each is written anew, beside the loop
        name = request.params["name"]
        code = name.removesuffix(_SUFFIX).upper()
        rows = await self._context.read(
            f"SELECT {_COLUMNS} FROM booking_appointments WHERE code = ? AND customer_id = ?"  # noqa: S608  constants
            " AND card_position IS NOT NULL",
            (code, request.user_id),
        )
        served = await self._reads.served()
        appointment = Appointment.of(rows[0]) if rows and name.endswith(_SUFFIX) else None
        shop = served.chain.shop(appointment.store_id) if appointment is not None else None
        if appointment is None or shop is None:
            raise Refusal(RefusalCode.NOT_FOUND, "there is no such appointment")
        words = served.catalogue.words(await self._language(request.user_id), shop)
        event = event_of(appointment, served, shop, words, self._context.public_url)
        # Beside the loop: the library alone takes half a second to load.
        body = await beside(partial(written, event))
        headers = {
            "cache-control": "private, no-store",
            "content-disposition": f'attachment; filename="{appointment.code}{_SUFFIX}"',
        }
        return HttpResponse(200, body, CONTENT_TYPE, headers)

    async def _language(self, user_id: str) -> str:
        rows = await self._context.read(
            "SELECT language FROM booking_customers WHERE user_id = ?", (user_id,)
        )
        if rows and rows[0][0]:
            return str(rows[0][0])
        user = await self._context.user(user_id)
        return language_of(user.language) if user is not None else "en"


def event_of(appointment: Appointment, served: Served, shop: Shop, words: Words, public_url: str) -> Event:
    """What the file says, in the customer's language. The name that a calendar knows it by stays the same for ever; each change
    of the appointment has a higher sequence."""
    service = served.chain.service(appointment.service_id)
    named = {
        "service": service.names.in_language(words.language) if service else appointment.service_id,
        "store": shop.names.in_language(words.language),
    }
    if appointment.status in _OVER:
        status = "CANCELLED"
    else:
        status = "TENTATIVE" if appointment.status is Status.PENDING else "CONFIRMED"
    where = f"{public_url}/s/{shop.id}" if public_url else shop.phone or shop.bot
    return Event(
        uid=f"{appointment.code}-{appointment.created_at}@booking.imserver",
        sequence=appointment.version,
        changed=_utc(appointment.changed_at),
        begin=_utc(appointment.start_at),
        end=_utc(appointment.end_at),
        status=status,
        title=words("event.title", **named),
        text=words("event.text", code=appointment.code, where=where),
        place=shop.address.in_language(words.language),
        alarm=words("event.alarm", **named),
    )


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def written(event: Event) -> bytes:
    """The file (RFC 5545). One that is off says so and does not ring."""
    import icalendar

    made = icalendar.Event()
    made.add("uid", event.uid)
    made.add("sequence", event.sequence)
    made.add("dtstamp", event.changed)
    made.add("last-modified", event.changed)
    made.add("dtstart", event.begin)
    made.add("dtend", event.end)
    made.add("status", event.status)
    made.add("summary", event.title)
    made.add("description", event.text)
    made.add("location", event.place)
    if event.status != "CANCELLED":
        alarm = icalendar.Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", -ALARM_BEFORE)
        alarm.add("description", event.alarm)
        made.add_component(alarm)
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//imserver//booking//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(made)
    return bytes(calendar.to_ical())

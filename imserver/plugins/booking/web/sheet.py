"""The sheet of a day as data: the same as the text of 今日预约, and what can be done with each appointment now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from imserver.plugin_api import User
from imserver.plugins.booking.customers import customer
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule.appointments import Appointment, resources_of
from imserver.plugins.booking.schedule.asked_by_staff import (
    Away,
    Column,
    Names,
    Sheet,
    SheetAction,
    SheetRow,
)
from imserver.plugins.booking.schedule.day_sheet import (
    Absence,
    absences_of,
    appointments_of,
    away_from,
    name_on,
)
from imserver.plugins.booking.schedule.guests import GUEST
from imserver.plugins.booking.schedule.hours import shop_spans
from imserver.plugins.booking.schedule.leave import Leave, leaves_of
from imserver.plugins.booking.schedule.possible import possible
from imserver.plugins.booking.schedule.rows import Rows
from imserver.plugins.booking.schedule.shops import Pair, Resource, Shop
from imserver.plugins.booking.schedule.status import Action

from .chains import Served

#: What an action is called on the page, and in the catalogue's commands; and whether the page asks first: the customer is told,
#: and it cannot be taken back, or only for a while.
_NAMED: dict[Action, tuple[str, str, bool]] = {
    Action.CONFIRM: ("confirm", "confirm", False),
    Action.ARRIVE: ("arrive", "arrive", False),
    Action.START: ("start", "start", False),
    Action.FINISH: ("finish", "finish", False),
    Action.NO_SHOW: ("no_show", "no_show", True),
    Action.UNDO: ("undo", "undo", False),
    Action.MOVE: ("move", "move", False),
    Action.KEEP_TIME: ("decline", "decline", True),
    Action.CANCEL: ("cancel", "cancel", True),
}


def names(pair: Pair) -> Names:
    return Names(zh=pair.zh, en=pair.en)


@dataclass(slots=True)
class Shown:
    """A shop as one answer shows it. Each account is read once."""

    rows: Rows
    served: Served
    shop: Shop
    _users: dict[str, User | None] = field(default_factory=dict)
    _quiet: dict[str, bool] = field(default_factory=dict)
    _leaves: list[Leave] | None = None

    @property
    def words(self) -> Words:
        """The words of commands that staff type."""
        return self.served.catalogue.words(self.served.chain.staff_language, self.shop)

    def user(self, user_id: str) -> User | None:
        if user_id not in self._users:
            self._users[user_id] = self.rows.user(user_id)
        return self._users[user_id]

    def name(self, user_id: str) -> str:
        user = self.user(user_id)
        return user.display_name if user is not None else user_id

    def is_guest(self, user_id: str) -> bool:
        user = self.user(user_id)
        return user is not None and GUEST in user.roles

    def wants_no_messages(self, user_id: str) -> bool:
        if user_id not in self._quiet:
            self._quiet[user_id] = customer(self.rows, user_id).no_messages
        return self._quiet[user_id]

    def leaves(self) -> list[Leave]:
        """What is not over yet."""
        if self._leaves is None:
            self._leaves = leaves_of(self.rows, self.shop)
        return self._leaves

    def service_name(self, service_id: str) -> Names:
        """Also of a service that is not in the chain file any more."""
        service = self.served.chain.service(service_id)
        return names(service.names) if service is not None else Names(zh=service_id, en=service_id)


def sheet_of(shown: Shown, day: date) -> Sheet:
    """The answer to `x-booking.sheet`."""
    rows, shop = shown.rows, shown.shop
    told = [row_of(shown, one) for one in appointments_of(rows, shop, day)]
    spans = shop_spans(shop, day)
    away = absences_of(rows, shop, day)
    return Sheet(
        shop=shop.id,
        day=day.isoformat(),
        zone=shop.zone,
        as_of=rows.now_ms,
        until=earliest(until for _, until in told),
        closed=not spans,
        open=tuple(spans),
        columns=tuple(_column(one, away) for one in shop.resources),
        rows=tuple(row for row, _ in told),
    )


def earliest(moments: Iterable[int | None]) -> int | None:
    return min((at for at in moments if at is not None), default=None)


def _column(resource: Resource, away: Sequence[Absence]) -> Column:
    return Column(
        id=resource.id,
        name=names(resource.names),
        kind=resource.kind,
        away=tuple(
            Away(from_=one.minutes[0], to=one.minutes[1], note=one.note)
            for one in away
            if one.resource_id == resource.id
        ),
    )


def row_of(shown: Shown, appointment: Appointment) -> tuple[SheetRow, int | None]:
    """An appointment, and when its row is another by time alone."""
    chain, shop, customer_id = shown.served.chain, shown.shop, appointment.customer_id
    band = chain.band(appointment.age_band)
    used = resources_of(shown.rows, appointment.id)
    away = away_from(shown.leaves(), appointment, used, shown.rows.now_ms)
    can = possible(shown.rows, appointment)
    row = SheetRow(
        code=appointment.code,
        version=appointment.version,
        status=appointment.status.value,
        wall=appointment.start_wall,
        end=appointment.end_at,
        at=appointment.start_at,
        minutes=appointment.minutes,
        service=appointment.service_id,
        service_name=shown.service_name(appointment.service_id),
        name=name_on(shown.rows, appointment),
        person=appointment.person,
        age=appointment.age_band,
        age_name=names(band.names) if band is not None else None,
        first_visit=appointment.first_visit,
        guest=shown.is_guest(customer_id),
        by_guest=appointment.by_guest,
        with_=tuple(one.id for one in shop.resources if one.id in used),
        away=tuple(one.id for one in shop.resources if one.id in away),
        conversation=appointment.conversation_id,
        customer=customer_id,
        wish=appointment.wish_wall or None,
        hold_until=appointment.hold_until,
        no_messages=shown.wants_no_messages(customer_id),
        note=appointment.note,
        actions=tuple(_action(shown.words, appointment, one) for one in can.actions),
    )
    return row, can.until


def _action(words: Words, appointment: Appointment, action: Action) -> SheetAction:
    kind, name, sure = _NAMED[action]
    command = f"{words(f'command.{name}')} {appointment.code} v{appointment.version}"
    if action is Action.CANCEL:
        command = f"{command} {words('answer.yes')}"  # the page has asked, so the bot need not
    return SheetAction(kind=kind, command=command, sure=sure)

"""What the staff's page reads: `x-booking.staff`, `.inbox`, `.changes`, `.customer` and `.sheet`.

Who may see anything is looked up in the snapshot that is read: whoever is in the shop's staff group there. Nobody else is told
that there is anything, and a customer is not told what staff see.
"""

from __future__ import annotations

from datetime import date

from imserver.plugin_api import Asker, Audience, Clock, Context, Need, Read, Reader
from imserver.plugins.booking.conversations import service_at, staff_group, staff_role
from imserver.plugins.booking.schedule.asked_by_staff import (
    CHANGES,
    CUSTOMER,
    INBOX,
    SHEET,
    STAFF,
    ChangesParams,
    ChangesResult,
    CustomerParams,
    CustomerResult,
    InboxParams,
    InboxResult,
    SheetParams,
    SheetResult,
    StaffParams,
    StaffResult,
    StaffShop,
)
from imserver.plugins.booking.schedule.rows import AsOf
from imserver.plugins.booking.schedule.shops import Shop

from .about_customer import about
from .chains import Chains, Served
from .days import day_named
from .inbox import Desk, counts, inbox_of
from .kept_changes import KeptChanges
from .sheet import Shown, names, sheet_of

#: Years of which no sheet is read: it looks at the day before and behind, and at other zones, which a date may not have there.
_ENDS = (date.min.year, date.max.year)
#: A customer's text is to be seen at once, also while others write: ten rows at most are read for each push.
_CHANGES_EVERY_S = 0.1


class StaffReads:
    """The reads of one running plugin."""

    def __init__(self, context: Context, chains: Chains) -> None:
        self._clock: Clock = context.clock
        self._chains = chains
        self._changes = KeptChanges()

    def register(self, context: Context) -> None:
        """Offer the methods."""
        context.method(Read(STAFF, self.staff, Need.ACCOUNT, hints=True))
        context.method(Read(INBOX, self.inbox, Need.ACCOUNT, hints=True))
        context.method(Read(CHANGES, self.changes, Need.ACCOUNT, hints=True, hints_every_s=_CHANGES_EVERY_S))
        context.method(Read(CUSTOMER, self.customer, Need.ACCOUNT, hints=True))
        context.method(Read(SHEET, self.sheet, Need.ACCOUNT, hints=True))

    def staff(self, reader: Reader, asker: Asker, params: StaffParams) -> StaffResult:
        """The asker's shops."""
        rows = AsOf(reader, self._clock.now_ms())
        served = self._chains.of(reader.execute)
        shops = []
        for shop in served.chain.stores:
            group, staff = _staff(reader, rows, shop)
            if group is not None and asker.user_id in staff:
                waiting, alarms = counts(rows, shop.id)
                shops.append(
                    StaffShop(
                        id=shop.id,
                        name=names(shop.names),
                        zone=shop.zone,
                        group=group,
                        bot=shop.bot,
                        role=staff_role(staff, shop, asker.user_id) or "member",
                        waiting=waiting,
                        alarms=alarms,
                    )
                )
        return StaffResult(tuple(shops))

    def inbox(self, reader: Reader, asker: Asker, params: InboxParams) -> InboxResult:
        """A page of the service conversations of a shop."""
        desk = self._desk(reader, asker, params.shop)
        return InboxResult(None if desk is None else inbox_of(desk, params))

    def changes(self, reader: Reader, asker: Asker, params: ChangesParams) -> ChangesResult:
        """What changed last in the inbox of a shop."""
        desk = self._desk(reader, asker, params.shop)
        return ChangesResult(None if desk is None else self._changes.of(desk))

    def customer(self, reader: Reader, asker: Asker, params: CustomerParams) -> CustomerResult:
        """Whom a service conversation is with."""
        service = service_at(AsOf(reader, self._clock.now_ms()), params.conversation)
        desk = None if service is None else self._desk(reader, asker, service.store_id)
        if service is None or desk is None:
            return CustomerResult(None)
        here = service.customer_id in reader.members(service.conversation_id)
        return CustomerResult(about(desk, service, asker.user_id, here=here))

    def sheet(self, reader: Reader, asker: Asker, params: SheetParams) -> SheetResult:
        """A day of a shop."""
        desk, day = self._desk(reader, asker, params.shop), day_named(params.day)
        if desk is None or day is None or day.year in _ENDS:
            return SheetResult(None)
        return SheetResult(sheet_of(desk.shown, day))

    def _desk(self, reader: Reader, asker: Asker, store_id: str) -> Desk | None:
        """A shop, for its staff; None for everybody else, and for a shop that there is not."""
        rows = AsOf(reader, self._clock.now_ms())
        served: Served = self._chains.of(reader.execute)
        shop = served.chain.shop(store_id)
        staff = {} if shop is None else _staff(reader, rows, shop)[1]
        if shop is None or asker.user_id not in staff:
            return None
        return Desk(Shown(rows, served, shop), staff, reader.message)


def _staff(reader: Reader, rows: AsOf, shop: Shop) -> tuple[str | None, Audience]:
    """The staff group of a shop, and who is in it but the shop's bot."""
    group = staff_group(rows, shop.id)
    members: Audience = {} if group is None else reader.members(group)
    return group, {user_id: role for user_id, role in members.items() if user_id != shop.bot}

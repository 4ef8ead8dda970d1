"""Appointments that the shop cannot serve as the file has it now: the staff hear of each once, at a start or an import.

They stay as they are. They can be moved, then with what the shop has now, and cancelled; until then they own their cells.
"""

from __future__ import annotations

from imserver.plugin_api import Transaction

from .conversations import staff_group
from .journey.offers import MAX_LINES
from .messages import cards
from .messages.cards import Option
from .messages.shop_texts import ShopTexts
from .schedule.appointments import Appointment
from .schedule.day_sheet import name_on
from .schedule.hits import strays
from .schedule.shops import Shop


def show(tx: Transaction, texts: ShopTexts) -> None:
    """Tell each shop's staff of those that they do not know of. Writes nothing if there are none."""
    told = {row[0] for row in tx.execute("SELECT appointment_id FROM booking_strays")}
    for shop in texts.chain.stores:
        new = [one for one in strays(tx, texts.chain, shop.id) if one.id not in told]
        group = staff_group(tx, shop.id)
        if not new or group is None:
            continue
        for one in new:
            tx.execute(
                "INSERT INTO booking_strays (appointment_id, told_at) VALUES (?, ?)", (one.id, tx.now_ms)
            )
        tx.post(group, _card(tx, texts, shop, new), sender_id=shop.bot)


def _card(tx: Transaction, texts: ShopTexts, shop: Shop, new: list[Appointment]) -> dict[str, object]:
    words = texts.staff_words(shop)
    lines = [
        words("strays.line", when=words.moment(one.wall), code=one.code, name=name_on(tx, one))
        for one in new[:MAX_LINES]
    ]
    if len(new) > MAX_LINES:
        lines.append(words("plan.more", count=len(new) - MAX_LINES))
    options = [
        Option(words("strays.move", code=one.code), f"{words('command.move')} {one.code} v{one.version}")
        for one in new[: cards.MAX_ACTIONS]
    ]
    return cards.card(words("strays.title"), words("strays.text", lines="\n".join(lines)), (), options)

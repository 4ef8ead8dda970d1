"""Other times for those whose appointment is in the way of a plan, and the list in the staff group that is ticked off.

Each customer gets a card: the same time with somebody else if that is possible, the nearest free times, cancelling, a human.
Until there is an answer the appointment stays as it is: nothing is moved by anybody but its customer, or staff for them.
"""

from __future__ import annotations

from datetime import datetime

from imserver.plugin_api import Refusal, Transaction
from imserver.plugins.booking.conversations import staff_group
from imserver.plugins.booking.customers import language_for
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule import plans
from imserver.plugins.booking.schedule.appointments import Appointment, get, resources_of
from imserver.plugins.booking.schedule.day_sheet import name_on
from imserver.plugins.booking.schedule.hits import Rules, service_of, stands
from imserver.plugins.booking.schedule.hours import MINUTE_MS
from imserver.plugins.booking.schedule.leave import leaves_of
from imserver.plugins.booking.schedule.plans import OPEN, Offer, Plan
from imserver.plugins.booking.schedule.shops import Resource, Shop
from imserver.plugins.booking.schedule.slots import Slot, pools, spread
from imserver.plugins.booking.schedule.status import Status

from . import reach
from .reach import Reach

#: Tells the next customers, and the staff of whom does not answer.
TIMER = "offers"
#: Customers that one transaction tells.
AT_ONCE = 20
#: The staff hear that there is no answer so long after the customer was told, but always so long before the start, if there is
#: so much time; else at half of it.
PATIENCE_MIN = 24 * 60
BEFORE_START_MIN = 3 * 60
TIMES_OFFERED = 4
#: Lines of a list; a longer one counts the rest.
MAX_LINES = 60
_LEFT_OPEN = frozenset({Status.PENDING, Status.CONFIRMED})


def begin(tx: Transaction, texts: ShopTexts, shop: Shop, plan: Plan, appointments: list[Appointment]) -> None:
    """A plan was agreed to: its list stands in the staff group, and its first customers are told. `shop` is as it will be."""
    for appointment in appointments:
        plans.make_offer(tx, plan.id, appointment.id, appointment.start_wall)
    _tell_next(tx, texts, shop, plan)
    position = _post_list(tx, texts, shop, plan)
    if position is not None:
        plans.show_progress(tx, plan.id, position)


def step(tx: Transaction, texts: ShopTexts, plan_id: int) -> None:
    """The timer: tell those who were not told, and note who has not answered, and whose time has come."""
    plan = plans.plan(tx, plan_id)
    shop = texts.chain.shop(plan.store_id) if plan is not None else None
    if plan is None or shop is None:
        return
    late = [
        offer
        for offer in plans.offers_of(tx, plan.id)
        if offer.state == "waiting" and offer.due_at is not None and offer.due_at <= tx.now_ms
    ]
    for offer in late:
        plans.tick(tx, offer, "silent")
    for offer in plans.offers_of(tx, plan.id):
        if offer.state in OPEN and _starts_at(tx, offer) <= tx.now_ms:
            plans.tick(tx, offer, "over")
    _tell_next(tx, texts, shop, plan)
    _edit_list(tx, texts, shop, plan)
    if late:
        _call(tx, texts, shop, late)


def answered(tx: Transaction, texts: ShopTexts, appointment: Appointment, *, same_time: bool = False) -> None:
    """An appointment changed, by whomever: tick it off where it was in the way."""
    shop = texts.chain.shop(appointment.store_id)
    for offer in plans.open_offers(tx, appointment.id):
        if appointment.status is Status.CANCELLED:
            state = "cancelled"
        elif appointment.status in _LEFT_OPEN:
            state = "kept" if same_time else "moved"
        else:
            state = "over"
        plans.tick(tx, offer, state)
        plan = plans.plan(tx, offer.plan_id)
        if plan is not None and shop is not None:
            _edit_list(tx, texts, shop, plan)


def give_back(tx: Transaction, texts: ShopTexts, shop: Shop, *, but: int) -> None:
    """The shop is another: offers of appointments that are in nobody's way any more end, and their customers hear of it. Not
    those of the plan `but`, which is just being made."""
    rules = Rules(shop, leaves_of(tx, shop))
    touched: dict[int, Plan] = {}
    said: set[int] = set()
    for offer in plans.open_in(tx, shop.id):
        appointment = get(tx, offer.appointment_id)
        if offer.plan_id == but or appointment is None or appointment.status not in _LEFT_OPEN:
            continue
        if not stands(rules, appointment, resources_of(tx, appointment.id)):
            continue
        plans.tick(tx, offer, "withdrawn")
        plan = plans.plan(tx, offer.plan_id)
        if plan is not None:
            touched[plan.id] = plan
        if offer.told_at and offer.state != "unreachable" and appointment.id not in said:
            said.add(appointment.id)
            words = _customer_words(tx, texts, shop, appointment)
            text = words("offer.not_needed", when=words.moment(appointment.wall), code=appointment.code)
            _post(tx, texts, shop, appointment, {"type": "text", "text": text})
    for plan in touched.values():
        _edit_list(tx, texts, shop, plan)


def other_people(
    tx: Transaction, texts: ShopTexts, shop: Shop, appointment: Appointment
) -> list[Resource] | None:
    """Who and what would serve the appointment at its own time, now that somebody is away; None if that cannot be."""
    service = service_of(tx, texts.chain, shop, appointment)
    slot = Slot(appointment.wall, appointment.start_at)
    found = pools(tx.execute, shop, service, slot, appointment.minutes, without=appointment.id)
    if not found or not all(found):
        return None
    return [pool[0] for pool in found]


# -- to customers -----------------------------------------------------------------------------------------------------------


def _tell_next(tx: Transaction, texts: ShopTexts, shop: Shop, plan: Plan) -> None:
    waiting = [offer for offer in plans.offers_of(tx, plan.id) if offer.state == "waiting"]
    untold = [offer for offer in waiting if not offer.told_at]
    for offer in untold[:AT_ONCE]:
        _tell(tx, texts, shop, offer)
    if len(untold) > AT_ONCE:
        tx.schedule(tx.now_ms, TIMER, {"plan": plan.id})
        return
    left = [one for one in plans.offers_of(tx, plan.id) if one.state in OPEN]
    if left:
        due = min(one.due_at or _starts_at(tx, one) for one in left)
        tx.schedule(max(due, tx.now_ms + MINUTE_MS), TIMER, {"plan": plan.id})


def _starts_at(tx: Transaction, offer: Offer) -> int:
    appointment = get(tx, offer.appointment_id)
    return appointment.start_at if appointment is not None else 0


def _tell(tx: Transaction, texts: ShopTexts, shop: Shop, offer: Offer) -> None:
    appointment = get(tx, offer.appointment_id)
    if appointment is None or appointment.status not in _LEFT_OPEN:
        plans.tick(tx, offer, "over")
        return
    others = [one for one in plans.open_offers(tx, appointment.id) if one.plan_id != offer.plan_id]
    asked_before = any(one.told_at and one.state == "waiting" for one in others)
    reached = asked_before or _post(tx, texts, shop, appointment, _card(tx, texts, shop, appointment))
    left = (appointment.start_at - tx.now_ms) // MINUTE_MS
    patience = min(PATIENCE_MIN, max(left - BEFORE_START_MIN, left // 2, 0))
    due = tx.now_ms + patience * MINUTE_MS
    plans.told(tx, offer, "waiting" if reached else "unreachable", due if reached else None)


def asked_again(tx: Transaction, texts: ShopTexts, shop: Shop, appointment: Appointment) -> None:
    """It is talked about in another conversation: a customer who has not answered finds the other times there, too."""
    if any(one.told_at for one in plans.open_offers(tx, appointment.id)):
        _post(tx, texts, shop, appointment, _card(tx, texts, shop, appointment))


def _card(tx: Transaction, texts: ShopTexts, shop: Shop, appointment: Appointment) -> dict[str, object]:
    words = _customer_words(tx, texts, shop, appointment)
    service = service_of(tx, texts.chain, shop, appointment)
    marked = f"{appointment.code} v{appointment.version}"
    options = []
    instead = other_people(tx, texts, shop, appointment)
    if instead is not None:
        names = [one.names.in_language(words.language) for one in instead if one.kind == "person"]
        label = words("offer.keep_with" if names else "offer.keep", name=names[0] if names else "")
        options.append(Option(label, f"{words('plan.keep_command')} {marked}", "primary"))
    near = spread(
        tx.execute, shop, service, appointment.wall, appointment.minutes, tx.now_ms, count=TIMES_OFFERED
    )
    options += [
        Option(words.moment(slot.wall), f"{words('command.move')} {marked} {words.moment(slot.wall)}")
        for slot in near
        if slot.wall != appointment.wall
    ]
    options += [
        Option(words("button.cancel"), f"{words('command.cancel')} {marked}", "danger"),
        Option(words("button.human"), words("command.human")),
    ]
    text = words(
        "offer.text" if near or instead is not None else "offer.nothing_near",
        when=words.moment(appointment.wall),
        store=shop.names.in_language(words.language),
        code=appointment.code,
    )
    return cards.card(
        words("offer.title"), text, (), options, ("appointment", appointment.code, appointment.version)
    )


def _post(
    tx: Transaction, texts: ShopTexts, shop: Shop, appointment: Appointment, content: dict[str, object]
) -> bool:
    """False if the bot may not write there, or the customer is not there any more, and maybe reads it in the direct chat:
    then somebody has to call."""
    words = _customer_words(tx, texts, shop, appointment)
    where = (appointment.conversation_id, appointment.customer_id)
    try:
        return reach.tell(tx, texts.chain, words, shop, where, content) is Reach.HERE
    except Refusal:
        return False


def _customer_words(tx: Transaction, texts: ShopTexts, shop: Shop, appointment: Appointment) -> Words:
    return texts.catalogue.words(language_for(tx, appointment.customer_id), shop)


# -- to staff -----------------------------------------------------------------------------------------------------------


def _post_list(tx: Transaction, texts: ShopTexts, shop: Shop, plan: Plan) -> int | None:
    group = staff_group(tx, shop.id)
    if group is None:
        return None
    return tx.post(group, _list(tx, texts, shop, plan), sender_id=shop.bot)


def _edit_list(tx: Transaction, texts: ShopTexts, shop: Shop, plan: Plan) -> None:
    group = staff_group(tx, shop.id)
    if group is not None and plan.progress_position is not None:
        tx.edit(group, plan.progress_position, _list(tx, texts, shop, plan))


def _list(tx: Transaction, texts: ShopTexts, shop: Shop, plan: Plan) -> dict[str, object]:
    words = texts.staff_words(shop)
    offers = plans.offers_of(tx, plan.id)
    lines = [line(tx, words, offer) for offer in offers[:MAX_LINES]]
    if len(offers) > MAX_LINES:
        lines.append(words("plan.more", count=len(offers) - MAX_LINES))
    done = sum(offer.state not in OPEN for offer in offers)
    text = words("plan.progress", done=done, count=len(offers), lines="\n".join(lines))
    return cards.card(words("plan.progress_title"), f"{plan.detail.summary}\n{text}")


def line(tx: Transaction, words: Words, offer: Offer) -> str:
    """A line of a list: ticked off or not, who, when, and what became of it."""
    appointment = get(tx, offer.appointment_id)
    assert appointment is not None
    return words(
        "plan.line",
        mark=words("plan.open" if offer.state in OPEN else "plan.ticked"),
        when=words.moment(datetime.fromisoformat(offer.start_wall)),
        code=appointment.code,
        name=name_on(tx, appointment),
        state=words(f"offer_state.{offer.state}", when=words.moment(appointment.wall)),
    )


def _call(tx: Transaction, texts: ShopTexts, shop: Shop, late: list[Offer]) -> None:
    group = staff_group(tx, shop.id)
    if group is None:
        return
    words = texts.staff_words(shop)
    found = [get(tx, offer.appointment_id) for offer in late]
    lines = [
        words(
            "plan.silent_line",
            when=words.moment(one.wall),
            code=one.code,
            name=name_on(tx, one),
            phone=one.phone,
        )
        for one in found
        if one is not None
    ]
    text = words("plan.silent", lines="\n".join(lines[:MAX_LINES]))
    tx.post(group, cards.card(words("plan.silent_title"), text), sender_id=shop.bot)

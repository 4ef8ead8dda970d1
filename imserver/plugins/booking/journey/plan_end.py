"""Plans that nobody answers end by themselves, with words to the staff: when the first appointment in their way begins, or
after a day. A yes that comes later finds them called off, and nothing is changed by surprise."""

from __future__ import annotations

from functools import partial

from imserver.plugin_api import Transaction
from imserver.plugins.booking.conversations import staff_group
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule import plans
from imserver.plugins.booking.schedule.appointments import get
from imserver.plugins.booking.schedule.plans import Plan

TIMER = "plan"
#: So long a plan waits for its yes.
WAITS_MS = 24 * 3_600_000


def watch(tx: Transaction, plan: Plan) -> None:
    """Make the timer of a plan that is asked about."""
    tx.schedule(_due_at(tx, plan), TIMER, {"plan": plan.id})


def end(tx: Transaction, texts: ShopTexts, plan_id: int) -> None:
    """The timer: the plan is called off if nobody has answered; later, if what was in its way is so by now."""
    plan = plans.plan(tx, plan_id)
    if plan is None or plan.state != "asked":
        return
    if _due_at(tx, plan) > tx.now_ms:
        watch(tx, plan)
        return
    plans.decide(tx, plan, "ended", "")
    shop, group = texts.chain.shop(plan.store_id), staff_group(tx, plan.store_id)
    if shop is not None and group is not None:
        text = texts.staff_words(shop)("plan.expired", summary=plan.detail.summary)
        tx.post(group, {"type": "text", "text": text}, sender_id=shop.bot)


def end_overdue(tx: Transaction, texts: ShopTexts) -> None:
    """At the start: plans from before they had a timer."""
    for plan in map(partial(plans.plan, tx), plans.asked(tx)):
        if plan is not None and _due_at(tx, plan) <= tx.now_ms:
            end(tx, texts, plan.id)


def _due_at(tx: Transaction, plan: Plan) -> int:
    starts = [one.start_at for number in plan.detail.hits if (one := get(tx, number)) is not None]
    return min([plan.asked_at + WAITS_MS, *starts])

"""When people talk to people: the bot keeps quiet, makes sure that the shop hears of a waiting customer, and calls for help.

A customer's text that is no command and no answer is for the staff. If none of them answers within 5 minutes of opening
hours, the bot says once that the shop has been told, and tells the staff group; outside opening hours it says when the
shop opens.
"""

from __future__ import annotations

from imserver.plugin_api import Transaction

from . import cards
from .calendar import MINUTE_MS, after_open_minutes, is_open, next_opening, wall_of, zone_of
from .customers import language_for
from .places import service_at, services_of, staff_group
from .redflags import RedFlag
from .state import doubt_all
from .talk import House, Place, Talk

UNANSWERED_TIMER = "unanswered"
#: A human who wrote so recently is still in the conversation.
HUMAN_MIN = 10
WAIT_MIN = 5


def staff_wrote(tx: Transaction, conversation_id: str) -> None:
    """A human answers: nothing waits any more, the bot keeps quiet for a while, and a yes may be for them."""
    doubt_all(tx, conversation_id)
    tx.execute(
        "UPDATE booking_services SET last_human_at = ?, waiting_since = NULL WHERE conversation_id = ?",
        (tx.now_ms, conversation_id),
    )


def human_is_there(tx: Transaction, conversation_id: str) -> bool:
    service = service_at(tx, conversation_id)
    return service is not None and tx.now_ms - service.last_human_at < HUMAN_MIN * MINUTE_MS


def wait_for_human(talk: Talk) -> bool:
    """A customer's text for the staff. True if something was said (only outside opening hours, and once)."""
    service = service_at(talk.tx, talk.home)
    if service is None or service.waiting_since is not None or human_is_there(talk.tx, talk.home):
        return False
    store = talk.the_store
    talk.tx.execute(
        "UPDATE booking_services SET waiting_since = ? WHERE conversation_id = ?", (talk.now_ms, talk.home)
    )
    due = after_open_minutes(store, talk.now_ms, WAIT_MIN)
    if due is not None:
        talk.tx.schedule(due, UNANSWERED_TIMER, {"conversation": talk.home, "since": talk.now_ms})
    if is_open(store, talk.now_ms):
        return False
    opens = next_opening(store, talk.now_ms)
    if opens is None:
        talk.say("human.closed_long")
    else:
        zone = zone_of(store)
        today = wall_of(talk.now_ms, zone).date()
        talk.say("human.closed", opens=talk.words.relative(wall_of(opens, zone), today))
    return True


def unanswered(tx: Transaction, house: House, conversation_id: str, since: int) -> None:
    """The timer: still nobody answered the text of `since`."""
    service = service_at(tx, conversation_id)
    if service is None or service.waiting_since != since:
        return
    store = house.chain.store(service.store_id)
    if store is None:
        return
    words = house.catalogue.words(language_for(tx, service.customer_id), store)
    tx.post(conversation_id, {"type": "text", "text": words("human.told")}, sender_id=store.bot)
    _ping(tx, house, store.id, service.customer_id, "staff.waiting", conversation_id)


def human(talk: Talk) -> bool:
    """人工: somebody wants a human now."""
    if talk.place is Place.STAFF:
        return False
    talk.tx.execute(
        "UPDATE booking_services SET waiting_since = COALESCE(waiting_since, ?) WHERE conversation_id = ?",
        (talk.now_ms, talk.home),
    )
    store = talk.the_store
    if is_open(store, talk.now_ms):
        talk.say("human.called")
    else:
        opens = next_opening(store, talk.now_ms)
        today = wall_of(talk.now_ms, zone_of(store)).date()
        if opens is None:
            talk.say("human.closed_long")
        else:
            talk.say("human.closed", opens=talk.words.relative(wall_of(opens, zone_of(store)), today))
    _ping(talk.tx, talk.house, store.id, talk.customer_id, "staff.wants_human", talk.home)
    return True


def emergency(talk: Talk, flag: RedFlag) -> None:
    """A red flag: the way to the emergency department at once, and every shop that knows the customer is called."""
    text = talk.words(f"red_flag.{flag.kind}")
    sender = talk.bot if talk.home == talk.heard_in else talk.heard_by
    talk.tx.post(talk.heard_in, cards.card(talk.words("red_flag.title"), text), sender_id=sender)
    known = [service.store_id for service in services_of(talk.tx, talk.customer_id)]
    here = [talk.store.id] if talk.store else []
    for store_id in dict.fromkeys(here or known or [talk.chain.stores[0].id]):
        _ping(talk.tx, talk.house, store_id, talk.customer_id, "staff.red_flag", talk.heard_in)


def _ping(
    tx: Transaction, house: House, store_id: str, customer_id: str, key: str, conversation_id: str
) -> None:
    store = house.chain.store(store_id)
    group = staff_group(tx, store_id)
    if store is None or group is None:
        return
    words = house.staff_words(store)
    user = tx.user(customer_id)
    content = cards.card(
        words(f"{key}_title"),
        words(key, name=user.display_name if user else customer_id),
        ref=("conversation", conversation_id, 1),
    )
    tx.post(group, content, sender_id=store.bot)

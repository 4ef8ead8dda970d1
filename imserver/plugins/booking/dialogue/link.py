"""/link (关联): a customer's new phone at the counter, by the code that it shows; and sign-in links for colleagues.

In the conversation of the customer's old account staff type the code; the phone asks its guest, and what a yes does is in
`joined`. In the staff group an admin names a colleague; the link goes to the admin's own direct chat and to nobody else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from imserver.plugin_api import Refusal, RefusalCode, Transaction, direct_conversation_id
from imserver.plugins.booking.conversations import service_at, staff_admins, staff_group, staff_of
from imserver.plugins.booking.customers import customer
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule import joins
from imserver.plugins.booking.schedule.appointments import upcoming
from imserver.plugins.booking.schedule.guests import called
from imserver.plugins.booking.schedule.hours import wall_of, zone_of
from imserver.plugins.booking.understanding.acts import Reading

from .context import DialogueContext, Place

#: A code is over; a sign-in link is.
CODE_TIMER, LINK_TIMER = "code", "sign_in_link"
_BETWEEN_DIGITS = re.compile(r"[\s\-–·]+")
#: Behind a name: "Wang (optometrist)".
_ROLE = re.compile(r"\s*[(（].*")
_CODE = re.compile(r"[0-9]{6}")
#: What stands for the rest of a name.
_MASK = "**"
#: Characters of what was typed that are repeated.
MAX_SAID = 40


def link(context: DialogueContext, reading: Reading) -> bool:
    """关联 482913, of staff in a customer's conversation; 关联 李老师, of an admin in the staff group."""
    typed = unicodedata.normalize("NFKC", reading.text).strip()
    digits = _BETWEEN_DIGITS.sub("", typed)
    is_code = _CODE.fullmatch(digits) is not None
    if not context.is_staff:
        if context.text.lstrip()[:1] not in "/／" and not is_code:
            return False  # 关联 said in passing
        context.say("link.say_it")
    elif context.place is Place.SERVICE:
        if is_code:
            _ask(context, digits)
        else:
            context.say("link.how", command=context.words("command.link"))
    elif is_code:
        context.say("link.in_conversation")
    elif typed:
        _sign_in(context, typed)
    else:
        context.say("link.how_in_group", command=context.words("command.link"))
    return True


# -- a customer's new phone -------------------------------------------------------------------------------------------------


def _ask(context: DialogueContext, code: str) -> None:
    tx, who = context.tx, context.sender.user_id
    until = joins.stopped_until(tx, who)
    if until:
        context.say("link.stopped", until=_time(context, until))
        return
    shown = tx.shown_code(code)
    if shown is None or shown.shop not in ("", context.the_shop.id):
        _wrong(context, code)
        return
    if shown.guest.user_id == context.customer_id:
        context.say("link.itself")
        return
    # Whom an administrator of a group added has power without a role.
    if any(context.customer_id in staff_of(tx, shop) for shop in context.chain.stores):
        context.say("link.no_account", code=code)
        return
    again = shown.account_id == context.customer_id
    try:
        tx.ask_guest(code, context.customer_id, asked_by=who, about=_about(context))
    except Refusal as refusal:
        in_use = refusal.code is RefusalCode.CONFLICT
        context.say("link.in_use" if in_use else "link.no_account", code=code)
        return
    joins.note_asked(tx, shown.guest.user_id, context.customer_id, context.home, who)
    if not again:
        payload = {"conversation": context.home, "code": code, "guest": shown.guest.user_id}
        tx.schedule(shown.expires_at, CODE_TIMER, payload)
    context.say(
        "link.asked",
        guest=called(tx, shown.guest.user_id),
        code=code,
        name=called(tx, context.customer_id),
        until=_time(context, shown.expires_at),
    )


def _about(context: DialogueContext) -> dict[str, object]:
    """What the guest is shown: whoever it is knows himself by it, and nobody else learns a name or a time."""
    tx, customer_id, names = context.tx, context.customer_id, context.the_shop.names
    return {
        "shop": {"zh": names.in_language("zh"), "en": names.in_language("en")},
        "name": (customer(tx, customer_id).name or called(tx, customer_id))[:1] + _MASK,
        "appointments": len(upcoming(tx, customer_id)),
    }


def _wrong(context: DialogueContext, code: str) -> None:
    tx, who = context.tx, context.sender
    tx.audit("join.wrong", actor_id=who.user_id, conversation_id=context.home, position=context.position)
    if not joins.count_wrong(tx, who.user_id):
        context.say("link.wrong", code=code)
        return
    until = _time(context, joins.stopped_until(tx, who.user_id))
    context.say("link.stopped", until=until)
    group = staff_group(tx, context.the_shop.id)
    if group is not None:
        words = context.texts.staff_words(context.the_shop)
        text = words("link.stopped_group", name=who.display_name, count=joins.WRONG_CODES, until=until)
        tx.post(group, {"type": "text", "text": text}, sender_id=context.bot)


def code_over(tx: Transaction, texts: ShopTexts, payload: Mapping[str, Any]) -> None:
    """The timer: without a yes the staff hear that nothing was joined."""
    service = service_at(tx, str(payload["conversation"]))
    shop = texts.chain.shop(service.store_id) if service is not None else None
    if service is None or shop is None or joins.goes_on_as(tx, str(payload["guest"])) is not None:
        return
    text = texts.staff_words(shop)("link.over", code=payload["code"])
    tx.post(service.conversation_id, {"type": "text", "text": text}, sender_id=shop.bot)


# -- a colleague ------------------------------------------------------------------------------------------------------------


def _sign_in(context: DialogueContext, name: str) -> None:
    tx, shop, who = context.tx, context.the_shop, context.sender
    admins = staff_admins(tx, shop)
    if who.user_id not in admins:
        _name_admins(context, admins)
        return
    people = {user_id: _names(context, user_id) for user_id in sorted(staff_of(tx, shop))}
    meant = [user_id for user_id, names in people.items() if name.casefold() in map(str.casefold, names)]
    if len(meant) != 1:
        listed = context.words("list_separator").join(names[0] for names in people.values())
        context.say("link.no_such", name=name[:MAX_SAID], names=listed)
    elif not context.texts.public_url:
        context.say("link.no_address")
    else:
        _send(context, meant[0], people[meant[0]][0])


def _name_admins(context: DialogueContext, admins: set[str]) -> None:
    if not admins:
        context.say("link.no_admin")
        return
    names = [_names(context, user_id)[0] for user_id in sorted(admins)]
    context.say("link.admin_only", names=context.words("list_separator").join(names))


def _send(context: DialogueContext, user_id: str, name: str) -> None:
    tx, admin = context.tx, context.sender
    try:
        made = tx.make_link(user_id, asked_by=admin.user_id)
    except Refusal as refusal:
        many = refusal.code is RefusalCode.RATE_LIMITED
        context.say("link.too_many" if many else "link.not_staff", name=name)
        return
    until, there = _time(context, made.expires_at), direct_conversation_id(context.bot, admin.user_id)
    address = context.texts.public_url.rstrip("/") + made.path
    text = context.words("link.link", name=name, until=until, address=address)
    try:
        position = tx.post(there, {"type": "text", "text": text}, sender_id=context.bot)
    except Refusal:
        context.say("link.blocked", by=admin.display_name)
        return
    payload = {"store": context.the_shop.id, "conversation": there, "position": position}
    tx.schedule(made.expires_at, LINK_TIMER, payload)
    context.say("link.sent", name=name, by=admin.display_name, until=until)


def link_over(tx: Transaction, texts: ShopTexts, payload: Mapping[str, Any]) -> None:
    """The timer: a secret that is good for nothing any more need not stand in a chat."""
    with suppress(Refusal):  # the chat is blocked, or somebody took it back
        tx.retract(str(payload["conversation"]), int(payload["position"]))


def _names(context: DialogueContext, user_id: str) -> list[str]:
    """What a member of the staff is called: first as in the file, then by the account."""
    user = context.tx.user(user_id)
    own = [one.names for one in context.the_shop.resources if one.user_id == user_id]
    named = [one.in_language(language) for one in own for language in (context.language, "zh", "en")]
    named += [_ROLE.sub("", name) for name in named]
    return [*named, *([user.display_name] if user is not None else ()), user_id]


def _time(context: DialogueContext, at: int) -> str:
    return f"{wall_of(at, zone_of(context.the_shop)):%H:%M}"


TIMERS = {CODE_TIMER: code_over, LINK_TIMER: link_over}

"""Which appointment is meant: by its code, its day, what it is for; what is named and not found never acts.

A mistyped code is said, and the person's appointments are listed as buttons.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.schedule import lives
from imserver.plugins.booking.schedule.appointments import (
    Appointment,
    by_code,
    upcoming,
)
from imserver.plugins.booking.schedule.hours import MINUTE_MS, wall_of, zone_of
from imserver.plugins.booking.schedule.status import Status
from imserver.plugins.booking.understanding.acts import Kind, Reading, Rest, Weight

from . import said, which
from .context import DialogueContext, Place
from .draft import SELF
from .labels import label_key

_LIKE_A_CODE = re.compile("(?<![A-Za-z0-9])[A-Za-z0-9]{3,8}(?![A-Za-z0-9])")
#: Between the verb and the code that is changed.
_TO_A_CODE = re.compile(
    "(?: |我|的|个|了|下|预约码?|預約碼?|号|號|code|booking|appointment|appt|my|the|no\\.?|[:：#])*",
    re.IGNORECASE,
)
_CODE_LENGTHS = (4, 6)
#: The signs that no code has, as they look like each other.
_MISTAKABLE = re.compile("[oil01]+", re.IGNORECASE)
_CHINESE = re.compile("[\u4e00-\u9fff]")
#: What people say loud where a code may stand: "cancel it NOW".
_SAID_LOUD = frozenset(
    ("ALSO", "ASAP", "BACK", "BOTH", "EXAM", "FIRST", "HELLO", "HERE", "JUST", "LATER", "MAYBE", "OKAY", "ONCE", "ONLY",
     "PLEASE", "PLEAS", "SLOT", "SOON", "SORRY", "TEST", "THANK", "THANKS", "THAT", "THEM", "THEN", "THIS", "TIME", "TODAY",
     "VISIT")
)  # fmt: skip
#: So long after "booked" another time is a correction of it.
FRESH_MIN = 5
_AGREED = frozenset({Status.PENDING, Status.CONFIRMED})


def subjects(context: DialogueContext, reading: Reading, command: str) -> list[Appointment]:
    """The appointments that are meant; none if it is not clear, and then the bot asked."""
    denied = which.denied_codes(reading.text)
    codes = [code for code in said.codes_of(reading) if code not in denied]
    if codes and not which.follows_denied(reading.text):
        return _by_codes(context, codes, command)
    if denied:
        return _but(context, reading, denied, command)
    wrong = _like_a_code(reading)
    if wrong:
        no_such(context, wrong, command)
        return []
    if context.place is Place.STAFF:
        context.say("staff.which_code", command=context.words(f"command.{command}"))
        return []
    mine = mine_of(context)
    if not mine:
        context.say("my.none")
        return []
    meant = _meant(context, reading, mine, command)
    place = which.place_of(reading.text) if command != "correct" else None
    if place is not None and place <= len(mine) and len(mine) > 1 and which.says_only_place(reading):
        (*_, chosen) = mine[: place if place > 0 else len(mine)]
        context.go(context.texts.shop_of(chosen))
        return [chosen]
    every = command == "cancel" and place is None and _are_all(reading, mine, meant)
    if command == "cancel" and len(mine) > 1 and which.excepts(reading.text):
        others = [one for one in mine if one not in meant]
        if others and which.says_all(reading.text):
            context.go(context.texts.shop_of(others[0]))
            return others
        _ask_which(context, others or mine, mine, command, "")
        return []
    if every and which.count_of(reading.text) == len(mine):
        meant = mine  # "cancel both"
    elif (
        not every
        and len(mine) > 1
        and (reading.dangerous or (said.unread(reading) and not _names_day(reading)))
    ):
        meant = mine  # something was not understood: it may be what tells them apart
    if len(meant) == 1 or (every and meant):
        context.go(context.texts.shop_of(meant[0]))
        return list(meant)
    _ask_which(context, meant or mine, mine, command, said.time_words(reading) if command == "move" else "")
    return []


def _are_all(reading: Reading, mine: Sequence[Appointment], meant: Sequence[Appointment]) -> bool:
    """Whether all of those that the words name are meant (都取消, cancel both); a number beside it has to be theirs."""
    count = which.count_of(reading.text)
    if count is not None and (count not in (len(mine), len(meant)) or len(mine) == 1):
        return False
    spoken_of = count is not None and reading.given("number") == count  # 取消我那两个预约
    return spoken_of or which.means_all(reading)


def _but(
    context: DialogueContext, reading: Reading, denied: Sequence[str], command: str
) -> list[Appointment]:
    """Codes are said not to be meant, and no other is: the rest of all (all but A2S4), or it is asked which."""
    if context.place is Place.STAFF:
        context.say("staff.which_code", command=context.words(f"command.{command}"))
        return []
    mine = mine_of(context)
    left = [one for one in mine if one.code not in denied]
    if not left:
        context.say("done.kept" if mine else "my.none")
        return []
    if command == "cancel" and which.says_all(reading.text) and not which.follows_denied(reading.text):
        context.go(context.texts.shop_of(left[0]))
        return left
    _ask_which(context, left, left, command, "")
    return []


def _ask_which(
    context: DialogueContext,
    shown: Sequence[Appointment],
    mine: Sequence[Appointment],
    command: str,
    rest: str,
) -> None:
    options = _options(context, shown, command, rest)
    if command == "cancel":
        named = " ".join(f"{one.code} v{one.version}" for one in mine)
        options.append(
            Option(context.words("button.cancel_all"), f"{context.words('command.cancel')} {named}", "danger")
        )
    context.offer(f"ask.which_{command}", options)


def names_appointment(reading: Reading) -> bool:
    """Whether an appointment is to be moved or cancelled that is named by a code, also by one that cannot be."""
    changes = reading.has(Kind.BEGIN, "move") or reading.has(Kind.BEGIN, "cancel")
    return changes and bool(said.codes_of(reading) or _like_a_code(reading))


def _by_codes(context: DialogueContext, codes: Sequence[str], command: str) -> list[Appointment]:
    found = []
    for code in codes:
        appointment = by_code(context.tx, code)
        if (
            appointment is None
            or not visible(context, appointment)
            or appointment.status in (Status.HELD, Status.EXPIRED)
        ):
            no_such(context, code, command)
            return []
        found.append(appointment)
    shop = context.texts.shop_of(found[0])
    if context.place is not Place.STAFF and (
        context.shop is not shop or context.home != found[0].conversation_id
    ):
        context.go(shop)
    return found


def no_such(context: DialogueContext, code: str, command: str = "") -> None:
    """A code that is nobody's, or somebody else's: it never acts. The person's own appointments are shown as buttons."""
    mine = [] if context.place is Place.STAFF or not command else mine_of(context)
    life = lives.lost_with(context.tx, code)
    if life is not None:
        zone, words = zone_of(context.shop or context.chain.stores[0]), context.words
        moments = [
            words.relative(wall_of(at, zone), context.now.date()) for at in (life.copied_at, life.restored_at)
        ]
        context.say("code_of_lost_life", code=code, to=moments[0], until=moments[1])
        if mine:
            context.offer("no_such_of_these", _options(context, mine, command, ""), code=code)
        return
    if not mine:
        context.say("no_such_code", code=code)
        return
    context.offer("no_such_of_these", _options(context, mine, command, ""), code=code)


def visible(context: DialogueContext, appointment: Appointment) -> bool:
    """In a staff group every appointment of the shop; elsewhere only the customer's: others may be reading along."""
    if context.chain.shop(appointment.store_id) is None:
        return False  # the shop left the chain file
    if context.is_staff and appointment.store_id != context.the_shop.id:
        return False  # staff of one shop have no rights in another, also if they share the customer
    return context.place is Place.STAFF or appointment.customer_id == context.customer_id


def mine_of(context: DialogueContext) -> list[Appointment]:
    store_id = context.shop.id if context.shop else None
    return [one for one in upcoming(context.tx, context.customer_id, store_id) if visible(context, one)]


def fresh_of(context: DialogueContext) -> Appointment | None:
    """The appointment that was made or changed just now: what puts a time right means that one."""
    since = context.now_ms - FRESH_MIN * MINUTE_MS
    fresh = [one for one in mine_of(context) if one.changed_at >= since and one.status in _AGREED]
    return max(fresh, key=lambda one: (one.changed_at, one.id), default=None)


def _options(context: DialogueContext, mine: Sequence[Appointment], command: str, rest: str) -> list[Option]:
    return [
        Option(
            f"{context.words.moment(one.wall)} {one.code}",
            f"{context.words(f'command.{command}')} {one.code} v{one.version} {rest}".strip(),
        )
        for one in mine
    ]


def _like_a_code(reading: Reading) -> str:
    """What nobody understood and is a code that was mistyped: letters and digits, or signs that stand in its place."""
    for rest in reading.rest:
        for word in _LIKE_A_CODE.findall(rest.text):
            if rest.weight is Weight.HARMLESS and not _is_code_for_all_it_says(word):
                continue
            if any(char.isdigit() for char in word) and any(char.isalpha() for char in word):
                return str(word)
            if _stands_for_a_code(word, rest, reading):
                return str(word)
    return ""


def _is_code_for_all_it_says(word: str) -> bool:
    """A word that is passed over, an address or a kiss, may be a code where it is written as one: in capitals."""
    return word.isupper() and word not in _SAID_LOUD


def _stands_for_a_code(word: str, rest: Rest, reading: Reading) -> bool:
    """Whether signs of a code's length stand beside the verb and are written as no word of the sentence is: in capitals, in
    letters that look like digits, or in Latin behind a Chinese verb."""
    if not _CODE_LENGTHS[0] <= len(word) <= _CODE_LENGTHS[1]:
        return False
    text, start = reading.text, rest.span.start + rest.text.find(word)
    verbs = [span for act in reading.all(Kind.BEGIN) if act.what in ("move", "cancel") for span in act.spans]
    behind = any(_TO_A_CODE.fullmatch(text, span.end, start) for span in verbs if span.end <= start) or (
        not verbs and not text[:start].strip()  # behind /move, which is no part of the text
    )
    before = any(not text[start + len(word) : span.start].strip() for span in verbs if start < span.start)
    chinese = _CHINESE.search(text) is not None
    capitals = word.isupper() and (chinese or not text.isupper() or (not verbs and word == text.strip()))
    odd = word.isdigit() or capitals or _MISTAKABLE.fullmatch(word) is not None
    return (behind and (odd or chinese)) or (before and odd)


def _meant(
    context: DialogueContext, reading: Reading, mine: Sequence[Appointment], command: str
) -> Sequence[Appointment]:
    """Those that the words name: by day or time (of a cancel; of a move only what is refused), service, person, name. None,
    if somebody is named who has none: it is asked which."""
    person, name = reading.given("person"), reading.given("name")
    if person and command != "correct":
        mine = [one for one in mine if _is_for(one, str(person))]
    if name and command != "correct":
        mine = [one for one in mine if label_key(one.for_name) == label_key(str(name))]
    if len(mine) == 1 and command != "cancel":
        return mine
    refused = said.refused_times(reading)
    given = [
        one
        for one in reading.acts
        if one.what in ("day", "time") and one.kind in (Kind.GIVE, Kind.CORRECT, Kind.REFUSE)
    ]
    named = refused or (given if command == "cancel" else [])
    if command == "cancel" and refused:
        wanted = [one for one in given if one.kind is not Kind.REFUSE and one.value is not None]
        plain = [one for one in mine if wanted and all(said.hits(act, one.wall) for act in wanted)]
        if plain:  # 取消周六那个，不是周日那个
            return [one for one in plain if not any(said.hits(act, one.wall) for act in refused if act.value)]
    meant = [one for one in mine if all(said.hits(act, one.wall) for act in named if act.value is not None)]
    service = said.service_of(reading, context.chain)
    if service is not None:
        meant = [one for one in meant if one.service_id == service.id] or meant
    fresh = fresh_of(context)
    corrects = not context.command and not reading.has(Kind.BEGIN, "move") and said.corrects_time(reading)
    if command == "move" and not named and corrects and fresh is not None and fresh in mine:
        return [fresh]
    if person and command == "correct":
        meant = [one for one in meant if _is_for(one, str(person))] or meant
    return meant


def _names_day(reading: Reading) -> bool:
    return any(act.what == "day" and act.value is not None for act in reading.acts)


def _is_for(one: Appointment, person: str) -> bool:
    """Whether it is for somebody as the customer calls them: 妈 and 妈妈 are one."""
    wanted = "" if person.casefold() in SELF else person
    return one.person == wanted or bool(
        wanted and one.person and (wanted in one.person or one.person in wanted)
    )

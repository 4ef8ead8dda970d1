"""/details (资料): whom a booking is for, in lines with labels. What stands behind a label is taken as it is, and never read.

A form sends it, and people may type it:

    /details
    name: Ann Lee
    age: adult
    first visit: yes

All lines are right and all of them count, or none does and the bot says what is wrong with each.

A form may say yes to what its writer has seen: `yes: A7K2 v1 exam 30 2026-12-03 15:00` names the hold and its version, the
service, its minutes and its start. It books in the same turn if the card that would ask shows just that and the form's own
lines, and nothing else; otherwise the card asks as ever.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from imserver.plugins.booking.messages.consent_text import consent_of
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule import codes, consents
from imserver.plugins.booking.schedule.shops import Chain, Service, minutes_of
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading

from . import draft
from .asking import go_on
from .book import MAX_NAME, finish
from .choose import take
from .context import DialogueContext
from .holding import held_of
from .labels import label_key
from .state import Dialogue

NAME = "details"
ALIASES = ("资料", "資料")
#: Characters of a value that are shown again where it is wrong.
_SHOWN = 40
_MAX_AGE, _AGE_DIGITS = 130, 3
#: Lines of one form: more are none of it.
_MAX_LINES = 20

_LABELS = {
    "name": ("name", "姓名", "名字"),
    "age": ("age", "年龄", "年齡"),
    "first": ("first visit", "first-visit", "第一次来", "第一次來", "首次"),
    "consent": ("consent", "同意"),
    "person": ("for", "为谁", "為誰", "给谁", "給誰"),
    "yes": ("yes", "确认", "確認"),
}
_FIELD_OF = {label: name for name, labels in _LABELS.items() for label in labels}
_YES = frozenset({"yes", "true", "是", "是的"})
_NO = frozenset({"no", "false", "否", "不是"})
_SELF = frozenset({"", "me", "我", "自己", "本人"})
_LINE = re.compile(r"([^:：]{1,20})[:：](.*)", re.DOTALL)
_SEEN = re.compile(
    rf"{codes.MARKED.pattern} (?P<service>[a-z0-9][a-z0-9-]{{0,39}}) (?P<minutes>[0-9]{{1,4}})"
    r" (?P<wall>\d{4}-\d\d-\d\d[ T]\d\d:\d\d)",
    re.ASCII | re.IGNORECASE,
)
#: Parts of what is seen that are no letters: they join signs, or choose how one is drawn.
_PARTS = frozenset("\u200c\u200d\ufe0e\ufe0f")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a yes in a form is to: the hold as its writer saw it, and the visit. `wall`: ISO, on the shop's clock."""

    code: str
    version: int
    service_id: str
    minutes: int
    wall: str


@dataclass(frozen=True, slots=True)
class Form:
    """What the lines say; None: no such line. `faults`: what is wrong with them, as they read it who typed it."""

    name: str | None = None
    band: str | None = None
    first_visit: bool | None = None
    person: str | None = None
    consent: str | None = None
    seen: Seen | None = None
    faults: tuple[str, ...] = ()

    @property
    def acts(self) -> tuple[Act, ...]:
        """What is said of the person, as a text would say it."""
        given = (
            ("person", self.person),
            ("name", self.name),
            ("age", self.band),
            ("first", self.first_visit),
        )
        return tuple(Act(Kind.GIVE, what, value) for what, value in given if value is not None)


def is_form(text: str) -> bool:
    """Whether a text that is too long for a command began as one of these."""
    head = text.lstrip()[:20].lower()
    return any(head.startswith(one) for one in (f"/{NAME}", *ALIASES))


def without_values(text: str) -> str:
    """The text of somebody's own words: of a form its command and labels. A name is no sign of the language that one speaks."""
    if not is_form(text):
        return text
    return "\n".join(re.split("[:：]", line, maxsplit=1)[0] for line in text.splitlines())


def details(context: DialogueContext, arguments: str) -> bool:
    """Put the lines into the booking that is open here, and ask what is still missing, or whether all is right."""
    state = context.dialogue()
    if state is not None and state.kind != "book" and state.below is not None:
        state = state.below
    if state is None or state.kind != "book":
        context.say("details.nothing_open")
        return True
    form = read_form(arguments, context.chain, context.words)
    faults = [*form.faults, *_wrong_consent(context, form)]
    if faults:
        context.say("details.wrong", lines="\n".join(faults))
        return True
    _take(context, state, form)
    return True


def too_long(context: DialogueContext) -> None:
    """A form of thousands of characters: whatever it says, it is not put into a booking."""
    context.say("details.too_long", most=MAX_NAME)


def _take(context: DialogueContext, state: Dialogue, form: Form) -> None:
    agrees = _is_of_hold(context, state, form)  # as it was seen: what the form says may change it
    if form.consent:
        consents.give(
            context.tx, context.customer_id, context.the_shop.id, form.consent, context.sender.user_id
        )
    state.step, state.people = "", []
    if (
        state.unkept is not None and not state.wall
    ):  # 8, tapped in error, made it too long: what is said now may fit
        take(state, datetime.fromisoformat(state.unkept.wall))
    if not draft.put(context, state, Reading("", form.acts)):
        return
    if agrees and _shows(context, state, form):
        finish(context, state)
    else:
        go_on(context, state)


def _is_of_hold(context: DialogueContext, state: Dialogue, form: Form) -> bool:
    """Whether the form says yes to the hold as it is."""
    held = held_of(context, state)
    return (
        held is not None
        and form.seen is not None
        and (held.code, held.version) == (form.seen.code, form.seen.version)
    )


def _shows(context: DialogueContext, state: Dialogue, form: Form) -> bool:
    """Whether the card that would ask shows what the form shows, and nothing else: a yes books only what was seen. What was
    typed beside the form (whom it is for, what it takes the place of, notes) no form shows."""
    service = context.chain.service(state.service_id)
    if service is None or form.seen is None or state.expired or state.replaces or state.person or state.notes:
        return False
    minutes = minutes_of(service, state.age_band, bool(state.first_visit))
    seen = form.seen
    return (
        (service.id, minutes, state.wall) == (seen.service_id, seen.minutes, seen.wall)
        and _same_facts(service, state, form)
        and _has_agreed(context)
    )


def _same_facts(service: Service, state: Dialogue, form: Form) -> bool:
    return (
        state.name == form.name
        and (not service.asks_age or state.age_band == form.band)
        and (not service.asks_first_visit or state.first_visit is form.first_visit is not None)
    )


def _has_agreed(context: DialogueContext) -> bool:
    """Whether the shop needs no consent any more: without it the page has no yes (`web.mine`)."""
    asked = consent_of(context.texts.catalogue, context.the_shop)
    given = consents.standing(context.tx, context.customer_id)
    return asked is None or given.get(context.the_shop.id) == asked.version


def _wrong_consent(context: DialogueContext, form: Form) -> list[str]:
    """Nobody agrees to words that are not the shop's any more, nor again and again."""
    if form.consent is None:
        return []
    asked, shop = consent_of(context.texts.catalogue, context.the_shop), context.the_shop
    if asked is None or form.consent != asked.version:
        return [context.words("details.consent", version=shown(form.consent))]
    if consents.may_give(context.tx, context.customer_id, shop.id, form.consent):
        return []
    return [context.words("consent.often", phone=shop.phone)]


def read_form(arguments: str, chain: Chain, words: Words) -> Form:
    """The lines as a form."""
    found: dict[str, object] = {}
    faults: list[str] = []
    lines = [line for line in re.split(r"[\r\n]+", arguments) if line.strip()]
    for line in lines[:_MAX_LINES]:
        split = _LINE.fullmatch(line)
        field = _FIELD_OF.get(label_key(split[1].strip())) if split is not None else None
        if split is None or field is None or field in found:
            faults.append(words("details.line", line=shown(line)))
            continue
        value, fault = _READ[field](split[2].strip(), chain, words)
        found[field] = value
        if fault:
            faults.append(fault)
    if not lines or len(lines) > _MAX_LINES:
        faults.append(words("details.empty"))
    first, seen = found.get("first"), found.get("yes")
    return Form(
        name=_text(found.get("name")),
        band=_text(found.get("age")),
        first_visit=first if isinstance(first, bool) else None,
        person=_text(found.get("person")),
        consent=_text(found.get("consent")),
        seen=seen if isinstance(seen, Seen) else None,
        faults=tuple(faults),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


Read = Callable[[str, Chain, Words], tuple[object, str]]


def _read_name(text: str, chain: Chain, words: Words) -> tuple[object, str]:
    fault = name_fault(text)
    return text, words(f"details_name.{fault}", name=shown(text), most=MAX_NAME) if fault else ""


def name_fault(text: str) -> str:
    """Why a text cannot stand as a name on cards and day sheets: `empty`, `long`, `unseen`, `letters`; "" if it can."""
    if not text:
        return "empty"
    if len(text) > MAX_NAME:
        return "long"
    if any(not char.isprintable() and char not in _PARTS for char in text):
        return "unseen"  # what turns the line around it, or is not seen at all
    return "" if any(unicodedata.category(char)[0] == "L" for char in text) else "letters"


def shown(text: str) -> str:
    """What was typed, so far as it can be shown on a line."""
    seen = "".join(char if char.isprintable() else "�" for char in text[:_SHOWN])
    return seen + ("…" if len(text) > _SHOWN else "")


def _read_age(text: str, chain: Chain, words: Words) -> tuple[object, str]:
    key = label_key(text)
    for band in chain.age_bands:
        if text == band.id or key in (label_key(band.names.zh), label_key(band.names.en)):
            return band.id, ""
    if text.isascii() and text.isdigit() and len(text) <= _AGE_DIGITS and 0 < int(text) < _MAX_AGE:
        return chain.band_of_age(int(text)).id, ""
    return None, words(
        "details.age", text=shown(text), ids=words("list_separator").join(one.id for one in chain.age_bands)
    )


def _read_first(text: str, chain: Chain, words: Words) -> tuple[object, str]:
    key = label_key(text)
    if key in _YES or key in _NO:
        return key in _YES, ""
    return None, words("details.first", text=shown(text))


def _read_person(text: str, chain: Chain, words: Words) -> tuple[object, str]:
    if label_key(text) in _SELF:
        return "me", ""
    fault = name_fault(text)
    return text, words(f"details_name.{fault}", name=shown(text), most=MAX_NAME) if fault else ""


def _read_consent(text: str, chain: Chain, words: Words) -> tuple[object, str]:
    return text, ""


def _read_seen(text: str, chain: Chain, words: Words) -> tuple[object, str]:
    found = _SEEN.fullmatch(" ".join(text.split()))
    if found is None:
        return None, words("details.yes", text=shown(text))
    wall = found["wall"].replace(" ", "T")
    return Seen(found[1].upper(), int(found[2]), found["service"], int(found["minutes"]), wall), ""


_READ: dict[str, Read] = {
    "name": _read_name,
    "age": _read_age,
    "first": _read_first,
    "person": _read_person,
    "consent": _read_consent,
    "yes": _read_seen,
}

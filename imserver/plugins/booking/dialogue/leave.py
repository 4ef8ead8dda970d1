"""Commands of the staff group that change the shop: leave, closed days, opening hours, breaks, people.

Each becomes a plan. Its card says what it does and which appointments are in the way, and waits for a yes; the yes carries
the version of the card, and counts only for the appointments that were shown on it. Then the rows are written, slots follow at
once, holds in the way are given back with words, and every customer in the way is offered other times (`journey.offers`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec

from imserver.plugin_api import Refusal, Transaction
from imserver.plugins.booking.customers import language_for
from imserver.plugins.booking.journey import notify, offers, plan_end, reach
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule import changes, codes, plans
from imserver.plugins.booking.schedule import leave as leaves
from imserver.plugins.booking.schedule.appointments import Appointment, Wish, act, by_code, place
from imserver.plugins.booking.schedule.changes import InEffect, Origin
from imserver.plugins.booking.schedule.faults import Fault
from imserver.plugins.booking.schedule.hits import Rules, hit, service_of
from imserver.plugins.booking.schedule.hours import moments, shop_spans, wall_of, zone_of
from imserver.plugins.booking.schedule.leave import Leave
from imserver.plugins.booking.schedule.plans import Detail, FieldWish, LeaveWish, Plan
from imserver.plugins.booking.schedule.shops import WEEKDAYS, Resource, Shop, shop_of, span_minutes
from imserver.plugins.booking.schedule.slots import Slot, nearest
from imserver.plugins.booking.schedule.status import Action, Actor, NotPossible, Status
from imserver.plugins.booking.understanding.acts import Kind, Reading

from .allowed import not_possible, stale
from .context import DialogueContext, Place
from .holding import actor
from .labels import label_key
from .plan_words import KINDS, Period, read_opening_days, read_period, read_spans, says_none, typed
from .state import Dialogue, dialogues_on, save_dialogue
from .subjects import no_such, visible

#: Lines of one card.
MAX_LINES = 20
#: Days that are closed, or given other hours, at once.
MAX_DAYS = 62
#: Leave at once: a parent's year fits.
MAX_LEAVE_DAYS = 500
MAX_NAME_CHARS = 40
_DAY_MS = 24 * 3_600_000
#: Where a fault stands that is no field's: what was asked does not fit the shop any more.
_OUT_OF_PLACE = ("(now)",)

_DECIDED = re.compile(r"#?(\d{1,12}) v(\d{1,9}) (\S+)")
_LEAVE_NUMBER = re.compile(r"#(\d{1,12})")
_VERSION = re.compile(r"(?<![A-Za-z0-9])v(\d{1,9})(?![A-Za-z0-9])", re.IGNORECASE)


# -- commands -------------------------------------------------------------------------------------------------------------


def leave(context: DialogueContext, reading: Reading) -> bool:
    """请假 [李老师] 周五下午."""
    if context.place is not Place.STAFF:
        return False
    found, rest = _resource(context, typed(reading.text))
    period = read_period(rest, _now(context), zone_of(context.the_shop))
    if period is None or period.end - period.start > timedelta(days=MAX_LEAVE_DAYS):
        return _not_read(context, "leave", named=found is not None)
    resource = found or _own(context, rest, period)
    if resource is None:
        _ask_who(context, "leave", rest)
        return True
    words = context.words
    start_at, end_at = leaves.bounds(period.start, period.end, zone_of(context.the_shop))
    name = resource.names.in_language(words.language)
    when = _period_text(context, period.start, period.end)
    mine = leaves.leaves_of(context.tx, context.the_shop, resource.id)
    if leaves.covered(mine, max(start_at, context.now_ms), end_at):
        context.say("plan.away_already", name=name, when=when)
        return True
    note = words("plan.note", note=period.note) if period.note else ""
    _propose(
        context,
        Detail(
            summary=words("plan.leave", name=name, when=when) + note,
            leaves=(LeaveWish(resource.id, period.start.isoformat(), period.end.isoformat(), period.note),),
            begin=start_at,
            end=end_at,
        ),
    )
    return True


def back(context: DialogueContext, reading: Reading) -> bool:
    """销假 李老师 [周五]: leave is withdrawn."""
    if context.place is not Place.STAFF:
        return False
    shop, words = context.the_shop, context.words
    found, rest = _resource(context, typed(reading.text))
    numbered = _LEAVE_NUMBER.search(rest)
    known = [
        one
        for one in leaves.leaves_of(context.tx, shop, found.id if found is not None else None)
        if _named(shop, one.resource_id) is not None
    ]
    if numbered is not None:
        known = [one for one in known if one.id == int(numbered[1])]
    elif rest.strip():
        period = read_period(rest, _now(context), zone_of(shop))
        if period is None:
            return _not_read(context, "back", named=found is not None)
        begin, end = leaves.bounds(period.start, period.end, zone_of(shop))
        known = [one for one in known if one.start_at < end and begin < one.end_at]
    elif found is None:
        own = _own_resource(context)
        known = [one for one in known if own is None or one.resource_id == own.id]
    if not known:
        context.say("plan.no_leave")
    elif len(known) > 1:
        options = [
            Option(_leave_line(context, one), f"{words('plan.back_command')} #{one.id}")
            for one in known[: cards.MAX_ACTIONS]
        ]
        context.offer("plan.which_leave", options)
    else:
        summary = words("plan.back", leave=_leave_line(context, known[0]))
        _propose(context, Detail(summary=summary, withdrawn=(known[0].id,)))
    return True


def closed(context: DialogueContext, reading: Reading) -> bool:
    """休息 12月25日, 休息 12月25日到27日, 休息 周五下午."""
    if context.place is not Place.STAFF:
        return False
    shop, zone = context.the_shop, zone_of(context.the_shop)
    period = read_period(typed(reading.text), _now(context), zone)
    if period is None or period.note or period.end - period.start > timedelta(days=MAX_DAYS):
        return _not_read(context, "closed")
    wishes = []
    day = period.start.date()
    while datetime.combine(day, time()) < period.end:
        before = shop_spans(shop, day)
        left = _without(before, _within(day, period))
        if left != before:
            wishes.append(FieldWish(_path(shop, "exceptions", day.isoformat()), [_span(one) for one in left]))
        day += timedelta(days=1)
    when = _period_text(context, period.start, period.end)
    if not wishes:
        context.say("plan.closed_already", when=when)
        return True
    begin, end = leaves.bounds(period.start, period.end, zone)
    _propose(
        context,
        Detail(summary=context.words("plan.closed", when=when), fields=tuple(wishes), begin=begin, end=end),
    )
    return True


def hours(context: DialogueContext, reading: Reading) -> bool:
    """营业 每周六 10:00-16:00, 营业 12月26日 10:00-16:00, 营业 12月25日 (as on other weeks)."""
    if context.place is not Place.STAFF:
        return False
    shop, words = context.the_shop, context.words
    spans, rest = read_spans(typed(reading.text))
    days = read_opening_days(rest, _now(context), zone_of(shop))
    if days is None or (spans is None and (days.day is None or days.which)):
        return _not_read(context, "hours")
    told = _spans_text(context, spans or ())
    if days.which:
        assert days.day is not None
        said_spans = " ".join(spans or ()) or words("plan.closed_word")
        (index,) = days.weekdays
        every = words("plan.every", weekday=words.weekday(index))
        options = [
            Option(every, f"{words('plan.hours_command')} {every} {said_spans}"),
            Option(
                words("plan.only", day=words.day(days.day)),
                f"{words('plan.hours_command')} {days.day.isoformat()} {said_spans}",
            ),
        ]
        context.offer("plan.which_days", options)
        return True
    if days.day is not None:
        name = days.day.isoformat()
        if spans is None:  # as in any week
            summary = words("plan.as_usual", day=words.day(days.day))
        else:
            summary = words("plan.hours_on", day=words.day(days.day), hours=told)
        value = None if spans is None else list(spans)
        wishes = (FieldWish(_path(shop, "exceptions", name), value),)
        begin, end = moments(zone_of(shop), days.day, (0, 24 * 60))
        detail = Detail(summary=summary, fields=wishes, begin=begin, end=end)
    else:
        names = words("list_separator").join(words.weekday(index) for index in days.weekdays)
        detail = Detail(
            summary=words("plan.hours_weekly", days=names, hours=told),
            fields=tuple(
                FieldWish(_path(shop, "hours", WEEKDAYS[index]), list(spans or ())) for index in days.weekdays
            ),
            begin=context.now_ms,
            end=context.now_ms + (shop.horizon_days + 2) * _DAY_MS,
            weekdays=days.weekdays,
        )
    _propose_fields(context, detail)
    return True


def breaks(context: DialogueContext, reading: Reading) -> bool:
    """午休 [李老师] 12:00-13:00, 午休 李老师 取消: of one person, or of everybody."""
    if context.place is not Place.STAFF:
        return False
    shop, words = context.the_shop, context.words
    found, rest = _resource(context, typed(reading.text))
    spans, rest = read_spans(rest)
    none = spans is None and says_none(rest)
    if not spans and not none:
        return _not_read(context, "breaks", named=found is not None)
    people = [found] if found is not None else [one for one in shop.resources if one.kind == "person"]
    names = words("list_separator").join(one.names.in_language(words.language) for one in people)
    summary = words("plan.no_breaks", name=names) if none else words(
        "plan.breaks", name=names, hours=_spans_text(context, spans or ())
    )  # fmt: skip
    _propose_fields(
        context,
        Detail(
            summary=summary,
            fields=tuple(
                FieldWish(_path(shop, "resources", one.id, "breaks"), list(spans or ())) for one in people
            ),
            begin=context.now_ms,
            end=context.now_ms + (shop.horizon_days + 2) * _DAY_MS,
        ),
    )
    return True


def add(context: DialogueContext, reading: Reading) -> bool:
    """添加 验光师 孙老师, 添加 房间 3号验光室."""
    if context.place is not Place.STAFF:
        return False
    text = typed(reading.text)
    found = next((row for row in KINDS if text.casefold().startswith(row[0])), None)
    name = text[len(found[0]) :].strip() if found is not None else ""
    if found is None or not name:
        return _not_read(context, "add")
    shop, words = context.the_shop, context.words
    if len(name) > MAX_NAME_CHARS or any(name in (one.names.zh, one.names.en) for one in shop.resources):
        context.say("plan.no_such_name", name=name[:MAX_NAME_CHARS])
        return True
    in_effect, (_, kind, role) = _in_effect(context), found
    again = _in_file(in_effect, shop, name)
    if again is not None:  # somebody of the file who was removed by talking
        made: dict[str, Any] = again
    else:
        made = {
            "id": _free_id(in_effect, shop, kind, context.position),
            "kind": kind,
            "names": {"zh": name, "en": name},
        }
        skills = _skills_like(shop, kind, role)
        made |= {"role": role} if role else {}
        made |= {"skills": skills} if skills else {}
    skills_text = words("list_separator").join(made.get("skills", ())) or words("plan.no_skills")
    summary = words("plan.add", kind=found[0], name=name, skills=skills_text)
    _propose(
        context,
        Detail(summary=summary, fields=(FieldWish(_path(shop, "resources", made["id"]), made),)),
    )
    return True


def remove(context: DialogueContext, reading: Reading) -> bool:
    """移除 李老师."""
    if context.place is not Place.STAFF:
        return False
    found, rest = _resource(context, typed(reading.text))
    if found is None or rest.strip():
        return _not_read(context, "remove", named=found is not None)
    shop, words = context.the_shop, context.words
    _propose(
        context,
        Detail(
            summary=words("plan.remove", name=found.names.in_language(words.language)),
            fields=(FieldWish(_path(shop, "resources", found.id)),),
            begin=context.now_ms,
            end=context.now_ms + 400 * _DAY_MS,
        ),
    )
    return True


def decide(context: DialogueContext, reading: Reading) -> bool:
    """安排 12 v1 好: the button under a plan."""
    found = _DECIDED.fullmatch(typed(reading.text))
    if context.place is not Place.STAFF or found is None:
        return False
    plan = plans.plan(context.tx, int(found[1]))
    yes = found[3] == context.words("plan.yes_word")
    if plan is None or plan.store_id != context.the_shop.id:
        context.say("plan.no_such")
    elif plan.state != "asked":
        context.say(f"plan.is_{plan.state}", summary=plan.detail.summary)
    elif not yes:
        plans.decide(context.tx, plan, "dropped", context.sender.user_id)
        context.keep(None)
        context.say("plan.dropped", summary=plan.detail.summary)
    elif int(found[2]) != plan.version:
        context.say("stale.question")
        _show(context, plan)
    else:
        _agree(context, plan)
    return True


def answer(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A text without a command while a plan is asked about: a yes or a no."""
    yes, no = reading.has(Kind.YES) and not reading.disarms, reading.has(Kind.NO)
    if yes == no or not state.options:
        return False
    command = state.options[0 if yes else 1]
    if state.step != "confirm" and yes:  # something was said in between
        asked = _DECIDED.search(command)
        plan = plans.plan(context.tx, int(asked[1])) if asked is not None else None
        if plan is not None and plan.state == "asked":
            _show(context, plan)
            return True
    _, _, arguments = command.partition(" ")
    return decide(context, Reading(arguments))


def keep(context: DialogueContext, reading: Reading) -> bool:
    """照旧 CODE: an appointment that is in the way keeps its time, with somebody else."""
    code, version = codes.PATTERN.search(typed(reading.text)), _VERSION.search(typed(reading.text))
    if code is None:
        return False
    appointment = by_code(context.tx, code[0])
    if appointment is None or not visible(context, appointment):
        no_such(context, code[0].upper())
        return True
    shop = context.texts.shop_of(appointment)
    if context.place is not Place.STAFF and context.home != appointment.conversation_id:
        context.go(shop)
    if version is None or int(version[1]) != appointment.version:
        stale(context, appointment)
    elif not plans.open_offers(context.tx, appointment.id):
        context.say("offer.not_asked", code=appointment.code)
    else:
        _keep(context, shop, appointment)
    return True


def _keep(context: DialogueContext, shop: Shop, appointment: Appointment) -> None:
    service = service_of(context.tx, context.chain, shop, appointment)
    wish = Wish(
        shop,
        service,
        appointment.customer_id,
        appointment.conversation_id,
        context.sender.user_id,
        appointment.minutes,
    )
    slot = Slot(appointment.wall, appointment.start_at)
    kept = None
    try:
        if offers.other_people(context.tx, context.texts, shop, appointment) is not None:
            kept = place(context.tx, appointment, wish, slot, actor(context))
    except NotPossible:
        not_possible(context, appointment)
        return
    if kept is None:
        context.say("offer.keep_gone", when=context.words.moment(appointment.wall))
        return
    state = context.dialogue()
    if state is not None and state.appointment_id == appointment.id:
        context.close(state)  # a question about its other times
    notify.kept(context.tx, context.texts, kept)


# -- plans ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What a plan comes to: the shop as it will be, and who is in the way; or what is wrong with it."""

    shop: Shop
    hits: Sequence[Appointment]
    faults: Sequence[Fault] = ()

    @property
    def promised(self) -> list[Appointment]:
        """Those that customers count on; the others are holds."""
        return [one for one in self.hits if one.status is not Status.HELD]


def _outlook(context: DialogueContext, detail: Detail) -> _Outlook:
    tx, shop = context.tx, context.the_shop
    gone = _out_of_place(context, detail)
    if gone is not None:
        return _Outlook(shop, (), (gone,))
    tree = {"stores": [copy.deepcopy(changes.found(_in_effect(context).tree, ("stores", shop.id)))]}
    for wish in detail.fields:
        changes.put(tree, tuple(wish.path.split(".")), wish.value)
    after, faults = shop_of(context.chain, tree["stores"][0])
    if faults:
        return _Outlook(shop, (), faults)
    zone, now = zone_of(shop), leaves.leaves_of(tx, shop)
    then = [one for one in now if one.id not in detail.withdrawn]
    for wanted in detail.leaves:
        start, end = datetime.fromisoformat(wanted.start), datetime.fromisoformat(wanted.end)
        then.append(Leave(0, wanted.resource_id, start, end, *leaves.bounds(start, end, zone)))
    if detail.end <= detail.begin:
        return _Outlook(after, ())
    found = hit(tx, Rules(shop, now), Rules(after, then), detail.begin, detail.end, detail.weekdays)
    return _Outlook(after, found)


def _out_of_place(context: DialogueContext, detail: Detail) -> Fault | None:
    """The shop is another since this was asked: somebody is not there any more, or is there by now."""
    here = {one.id for one in context.the_shop.resources}
    called = {name for one in context.the_shop.resources for name in (one.names.zh, one.names.en)}
    names = [wanted.resource_id for wanted in detail.leaves]
    for wish in detail.fields:
        _, _, table, *rest = wish.path.split(".")
        added = table == "resources" and len(rest) == 1 and wish.value is not None
        if added and (rest[0] in here or called & set(wish.value["names"].values())):
            return Fault((*_OUT_OF_PLACE, rest[0]), "")
        if table == "resources" and (len(rest) > 1 or wish.value is None):
            names.append(rest[0])
    return next((Fault((*_OUT_OF_PLACE, name), "") for name in names if name not in here), None)


def _standing(context: DialogueContext, wish: FieldWish) -> Any:
    """What stands now where a plan wants something else."""
    path = tuple(wish.path.split("."))
    if path[2] == "exceptions":
        return [_span(one) for one in shop_spans(context.the_shop, date.fromisoformat(path[3]))]
    return changes.found(_in_effect(context).tree, path)


def _propose_fields(context: DialogueContext, detail: Detail) -> None:
    """The same for plans of nothing but fields: one that changes nothing is none."""
    tree = _in_effect(context).tree
    if all(_same(changes.found(tree, tuple(one.path.split("."))), one) for one in detail.fields):
        context.say("plan.so_already", summary=detail.summary)
        return
    _propose(context, detail)


def _same(here: Any, wish: FieldWish) -> bool:
    """No exception and a closed day are two things; no breaks and an empty list are one."""
    return bool(here == wish.value or (".exceptions." not in wish.path and not here and not wish.value))


def _propose(context: DialogueContext, detail: Detail) -> None:
    outlook = _outlook(context, detail)
    if outlook.faults:
        _say_fault(context, outlook.faults[0])
        return
    origin = Origin(context.sender.user_id, context.heard_in, context.position, context.now_ms)
    fields = tuple(msgspec.structs.replace(one, was=_standing(context, one)) for one in detail.fields)
    shown = msgspec.structs.replace(detail, fields=fields, hits=tuple(one.id for one in outlook.promised))
    plan = plans.ask(context.tx, context.the_shop.id, shown, origin)
    plan_end.watch(context.tx, plan)
    _show(context, plan, outlook)


def _say_fault(context: DialogueContext, fault: Fault) -> None:
    """Why a plan cannot be, in the words of the staff; what they do not name by a command in those of the check."""
    if fault.path[:1] == _OUT_OF_PLACE:
        context.say("plan.out_of_place")
    elif {"hours", "exceptions", "breaks"} & set(fault.path):
        context.say("plan.wrong_hours")
    elif fault.path[-1] == "services":
        context.say("plan.wrong_services")
    else:
        context.say("plan.wrong", fault=str(fault))


def _show(context: DialogueContext, plan: Plan, outlook: _Outlook | None = None) -> None:
    """The card of a plan: what it does, who is in the way, and the two buttons."""
    words = context.words
    if outlook is None:
        outlook = _outlook(context, plan.detail)
    promised = outlook.promised
    held = len(outlook.hits) - len(promised)
    lines = [
        words("plan.hit", when=words.moment(one.wall), code=one.code, name=offers.name_of(context.tx, one))
        for one in promised[:MAX_LINES]
    ]
    if len(promised) > MAX_LINES:
        lines.append(words("plan.more", count=len(promised) - MAX_LINES))
    parts = [plan.detail.summary]
    parts.append(
        words("plan.hits", count=len(promised), lines="\n".join(lines)) if promised else words("plan.no_hits")
    )
    if held:
        parts.append(words("plan.held", count=held))
    command = f"{words('plan.decide_command')} {plan.id} v{plan.version}"
    options = [
        Option(words("plan.yes"), f"{command} {words('plan.yes_word')}", "primary"),
        Option(words("plan.no"), f"{command} {words('plan.no_word')}"),
    ]
    context.ask(
        Dialogue(kind="plan", step="confirm"), "plan.ask", options, words("plan.title"), text="\n".join(parts)
    )


def _agree(context: DialogueContext, plan: Plan) -> None:
    """The yes: all of it in this transaction."""
    tx, texts = context.tx, context.texts
    if any(_standing(context, one) != one.was for one in plan.detail.fields):
        context.say(
            "plan.out_of_place"
        )  # two who close half a day each: the second would open the first half again
        return
    outlook = _outlook(context, plan.detail)
    if outlook.faults:
        _say_fault(context, outlook.faults[0])
        return
    ids = tuple(one.id for one in outlook.promised)
    if not set(ids) <= set(plan.detail.hits):
        context.say("plan.more_hits")
        again = plans.ask_again(tx, plan, msgspec.structs.replace(plan.detail, hits=ids))
        plan_end.watch(tx, again)
        _show(context, again, outlook)
        return
    context.keep(None)
    _write(context, plan)
    plans.decide(tx, plan, "agreed", context.sender.user_id)
    for one in outlook.hits:
        if one.status is Status.HELD:
            _release(context, outlook.shop, one)
    if outlook.promised:
        offers.begin(tx, texts, outlook.shop, plan, outlook.promised)
    else:
        context.say("plan.done", summary=plan.detail.summary)
    offers.give_back(tx, texts, outlook.shop, but=plan.id)


def _write(context: DialogueContext, plan: Plan) -> None:
    tx, shop, detail = context.tx, context.the_shop, plan.detail
    asked = plan.origin()
    origin = Origin(asked.actor_id, asked.conversation_id, asked.position, context.now_ms)
    for wanted in detail.leaves:
        start, end = datetime.fromisoformat(wanted.start), datetime.fromisoformat(wanted.end)
        leaves.give(tx, shop, wanted.resource_id, start, end, origin, note=wanted.note)
    for number in detail.withdrawn:
        leaves.withdraw(tx, number, origin)
    for wish in detail.fields:
        changes.change(tx, _in_effect(context).file, tuple(wish.path.split(".")), wish.value, origin)


def _release(context: DialogueContext, shop: Shop, held: Appointment) -> None:
    """A hold that is in the way: the slot is gone, its customer hears it, and what was said so far is kept."""
    tx, texts = context.tx, context.texts
    asked = dialogues_on(tx, held.id, held.conversation_id)
    act(tx, held, Action.CANCEL, Actor.STAFF, context.sender.user_id)
    for user_id, state in asked:
        options = _say_gone(tx, texts, shop, held, user_id)
        draft = state if state.appointment_id == held.id or state.below is None else state.below
        draft.appointment_id, draft.version, draft.wall, draft.day, draft.step = 0, 0, "", "", "slot"
        state.doubt()
        state.show(
            [option.command for option in options], {label_key(one.label): one.command for one in options}
        )
        save_dialogue(tx, held.conversation_id, user_id, state)
    if not asked:  # no question is about it any more: its customer hears of it all the same
        _say_gone(tx, texts, shop, held, held.customer_id)


def _say_gone(tx: Transaction, texts: ShopTexts, shop: Shop, held: Appointment, user_id: str) -> list[Option]:
    """The words about a hold that was given back, where its customer is, and the times instead."""
    words = texts.catalogue.words(language_for(tx, user_id), shop)
    service = service_of(tx, texts.chain, shop, held)
    near = nearest(tx.execute, shop, service, held.wall, held.minutes, tx.now_ms)
    options = [
        Option(words.moment(slot.wall), f"{words('command.book')} {words.moment(slot.wall)}") for slot in near
    ]
    text = words("offer.hold_gone" if near else "offer.hold_gone_none", when=words.moment(held.wall))
    content = cards.question(words, "", text, options)
    with suppress(Refusal):  # where the bot may not speak any more, the slot is gone all the same
        reach.tell(tx, texts.chain, words, shop, (held.conversation_id, held.customer_id), content)
    return options


# -- names --------------------------------------------------------------------------------------------------------------------


def _resource(context: DialogueContext, text: str) -> tuple[Resource | None, str]:
    """Who is named, the longest name first, and the text without it."""
    names = sorted(
        ((name, one) for one in context.the_shop.resources for name in _names(one)),
        key=lambda pair: len(pair[0]),
        reverse=True,
    )
    for name, resource in names:
        found = re.search(_bounded(typed(name)), text, re.IGNORECASE)
        if found is not None:
            return resource, f"{text[: found.start()]} {text[found.end() :]}".strip()
    return None, text


def _names(resource: Resource) -> Iterable[str]:
    for name in (resource.names.zh, resource.names.en, resource.id):
        yield name
        short = re.sub(r"\s*[(（].*", "", name)
        if short:
            yield short


def _bounded(word: str) -> str:
    before = r"(?<![A-Za-z0-9-])" if word[:1].isascii() else ""
    behind = r"(?![A-Za-z0-9-])" if word[-1:].isascii() else ""
    return f"{before}{re.escape(word)}{behind}"


def _named(shop: Shop, resource_id: str) -> Resource | None:
    return next((one for one in shop.resources if one.id == resource_id), None)


def _own_resource(context: DialogueContext) -> Resource | None:
    return next((one for one in context.the_shop.resources if one.user_id == context.sender.user_id), None)


def _own(context: DialogueContext, text: str, period: Period) -> Resource | None:
    """Whoever writes, if nobody else can be meant: nothing stands before the day."""
    if period.note and text.strip().startswith(period.note.split()[0]):
        return None
    return _own_resource(context)


def _ask_who(context: DialogueContext, command: str, rest: str) -> None:
    words = context.words
    options = [
        Option(one.names.in_language(words.language), f"{words(f'plan.{command}_command')} {one.id} {rest}")
        for one in context.the_shop.resources
        if one.kind == "person"
    ]
    context.offer("plan.who", options)


def _in_effect(context: DialogueContext) -> InEffect:
    found = context.texts.in_effect
    assert found is not None, "the plugin is not started"
    return found


def _in_file(in_effect: InEffect, shop: Shop, name: str) -> dict[str, Any] | None:
    """A resource of the file with this name that is not in effect now."""
    here = {one.id for one in shop.resources}
    known = changes.found(in_effect.file.tree, ("stores", shop.id, "resources")) or []
    return next(
        (one for one in known if one["id"] not in here and name in (one["names"]["zh"], one["names"]["en"])),
        None,
    )


def _free_id(in_effect: InEffect, shop: Shop, kind: str, position: int) -> str:
    """An id that no resource has, or had in the file, or gets by another message: an id is never somebody else's."""
    taken = {
        one.id
        for chain in (in_effect.chain, in_effect.file.chain)
        for each in chain.stores
        for one in each.resources
    }
    number = position
    while (name := f"{shop.id[:20]}-{kind}-{number}") in taken:
        number += 1
    return name


def _skills_like(shop: Shop, kind: str, role: str) -> list[str]:
    """What others of the role can do, all of it that they have in common."""
    alike = [set(one.skills) for one in shop.resources if one.kind == kind and one.role == role]
    return sorted(set.intersection(*alike)) if alike else []


def _path(shop: Shop, *parts: str) -> str:
    return ".".join(("stores", shop.id, *parts))


# -- words --------------------------------------------------------------------------------------------------------------------


def _not_read(context: DialogueContext, command: str, *, named: bool = False) -> bool:
    """An example for whoever meant a command; colleagues who only talk (休息一下) are left alone."""
    words = context.words
    text = typed(context.text)
    word = words(f"plan.{command}_command")
    if not (named or text == word or text.startswith((f"{word} ", "/"))):
        return False
    context.say(f"plan.{command}_example")
    return True


def _now(context: DialogueContext) -> datetime:
    return wall_of(context.now_ms, zone_of(context.the_shop))


def _period_text(context: DialogueContext, start: datetime, end: datetime) -> str:
    words = context.words
    if leaves.is_whole_days(start, end):
        last = end.date() - timedelta(days=1)
        if last == start.date():
            return words.day(last)
        return words("plan.days", first=words.day(start.date()), last=words.day(last))
    if end == datetime.combine(start.date() + timedelta(days=1), time()):
        return words("plan.within", day=words.day(start.date()), start=f"{start:%H:%M}", end="24:00")
    if start.date() == end.date():
        return words("plan.within", day=words.day(start.date()), start=f"{start:%H:%M}", end=f"{end:%H:%M}")
    return words("plan.days", first=words.moment(start), last=words.moment(end))


def _leave_line(context: DialogueContext, one: Leave) -> str:
    resource = _named(context.the_shop, one.resource_id)
    assert resource is not None
    return context.words(
        "plan.leave_line",
        name=resource.names.in_language(context.language),
        when=_period_text(context, one.start_wall, one.end_wall),
    )


def _spans_text(context: DialogueContext, spans: Sequence[str]) -> str:
    shown = [span.replace("-", "–") for span in spans]
    return context.words("list_separator").join(shown) or context.words("plan.closed_word")


def _within(day: date, period: Period) -> tuple[int, int]:
    """The minutes of a day that a period has."""
    midnight = datetime.combine(day, time())
    begin = max(period.start - midnight, timedelta())
    end = min(period.end - midnight, timedelta(days=1))
    return int(begin.total_seconds() // 60), int(end.total_seconds() // 60)


def _without(spans: Sequence[tuple[int, int]], gone: tuple[int, int]) -> list[tuple[int, int]]:
    """Opening spans without a part of the day, in steps of five minutes."""
    begin, end = gone[0] // 5 * 5, -(-gone[1] // 5) * 5
    left = []
    for opens, closes in spans:
        left += [
            (one, other)
            for one, other in ((opens, min(closes, begin)), (max(opens, end), closes))
            if one < other
        ]
    return left


def _span(minutes: tuple[int, int]) -> str:
    text = "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes)
    assert span_minutes(text) == minutes
    return text

"""The router: every text that the plugin receives goes to a command, to the open question, to a wish, or to the staff.

The precedence is the plugin's promise: red flags first; then what staff and slashes command; the exact label of a button; its
number; then what the acts of the text say to the open question, and after that by themselves; the rest is for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import partial

from imserver.plugin_api import Audience, Transaction, User
from imserver.plugins.booking.conversations import (
    has_left,
    service_at,
    services_of,
    shop_of_staff_group,
    staff_of,
)
from imserver.plugins.booking.customers import customer, language_for, remember
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import language_of
from imserver.plugins.booking.schedule.appointments import upcoming
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading
from imserver.plugins.booking.understanding.alarms import RedFlag

from . import (
    answers,
    book,
    browse,
    cancel,
    coming_back,
    correct,
    emergency,
    handoff,
    holding,
    leave,
    move,
    quiet,
    said,
    staff,
)
from .context import Answering, DialogueContext, OutOfReach, Place
from .labels import label_key
from .state import Dialogue, doubt_all, load_dialogue
from .subjects import fresh_of


class Where(Enum):
    """Where a command runs."""

    SHOP = "shop"  # needs a shop: asks which if that is not clear
    SHOP_IF_KNOWN = "shop_if_known"  # in the shop's conversation if one was opened, else across all shops
    HERE = "here"


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the command table. `run` answers False if the text was no command after all (取消… said in passing)."""

    name: str
    aliases: tuple[str, ...]
    run: Callable[[DialogueContext, Reading], bool]
    where: Where
    help: str


def _cancel(context: DialogueContext, reading: Reading) -> bool:
    """取消 alone ends the open booking or move; otherwise it names an appointment."""
    if not _says_nothing(reading):
        return cancel.cancel(context, reading)
    answering = _asked_in(context)
    state = load_dialogue(context.tx, answering.conversation_id, context.sender.user_id)
    if state is not None and state.kind == "cancel" and not context.pressed:
        whole = context.read(context.text)  # 取消吧, below "really cancel?"
        if whole.has(Kind.YES):
            context.answer_in(answering)
            return _answered(context, state, whole)
    if state is None or state.kind not in ("book", "move", "correct"):
        return cancel.cancel(context, reading)
    context.answer_in(answering)
    return _answered(context, state, Reading(context.text, (Act(Kind.NO),)), stopping=True)


def _confirm(context: DialogueContext, reading: Reading) -> bool:
    """确认 alone is a yes to the open question; 确认 #12, a button, to the question that showed it and no other."""
    state = context.dialogue()
    numbered = _QUESTION.fullmatch(reading.text.strip())
    if numbered is not None:
        return _confirm_numbered(context, state, int(numbered[1]))
    if state is None or not _says_nothing(reading):
        return staff.confirm(context, reading)
    return _answered(context, state, Reading(context.text, (Act(Kind.YES),)))


def _confirm_numbered(context: DialogueContext, state: Dialogue | None, number: int) -> bool:
    """The button of a question that names no appointment. It counts whatever was said in between, as long as it is open."""
    if state is None or state.number != number:
        context.say("stale.question")
        return True
    if state.asks_yes:
        state.arm(armed=True)
        state.asked[context.heard_in] = 0
    return _answered(context, state, Reading(context.text, (Act(Kind.YES),)))


def _says_nothing(reading: Reading) -> bool:
    return not reading.acts and not said.unread(reading) and not said.notes(reading)


def _human(context: DialogueContext, reading: Reading) -> bool:
    return handoff.human(context)


def _open(context: DialogueContext, reading: Reading) -> bool:
    """/open CONVERSATION [WORDS]: the button of a pointer, and the way back; what was wanted goes on there."""
    found = coming_back.opened(context, reading.text)
    if found is None:
        return False
    shop, then = found
    state = context.dialogue()
    if context.place is not Place.SERVICE and state is not None and state.kind == "menu":
        context.passing = state.passing
        context.keep(None)  # the card is answered: what was open in the shop's conversation is open again
    if not then:
        context.go(shop)
        browse.welcome(context)
        return True
    context.text, context.command, context.pressed = then, "", ""
    named = split(then)
    if named is None:
        _text(context)
    elif named[0] != "open":
        _run(context, *named)
    return True


COMMANDS: tuple[Command, ...] = (
    Command("book", ("预约", "預約"), book.book, Where.SHOP, "book an appointment"),
    Command("slots", ("空档", "空檔"), browse.slots, Where.SHOP, "free slots of a day"),
    Command("my", ("我的预约", "我的預約"), browse.my, Where.SHOP_IF_KNOWN, "my appointments"),
    Command("move", ("改约", "改約", "改期"), move.move, Where.SHOP_IF_KNOWN, "move an appointment"),
    Command("cancel", ("取消", "取消预约", "取消預約"), _cancel, Where.SHOP_IF_KNOWN, "cancel an appointment"),
    Command("stores", ("门店", "門店"), browse.stores, Where.HERE, "the shops"),
    Command("info", ("地址",), browse.info, Where.SHOP, "address, parking, opening hours"),
    Command("human", ("人工",), _human, Where.SHOP, "call the staff"),
    Command("lenses", ("我戴",), browse.lenses, Where.SHOP, "what to mind with contact lenses"),
    Command("quiet", ("不要消息", "免打扰", "免打擾"), quiet.no_messages, Where.HERE, "no messages any more"),
    Command("messages", ("恢复消息", "恢復消息"), quiet.messages, Where.HERE, "messages again"),
    Command("correct", ("更正", "改名"), correct.correct, Where.SHOP_IF_KNOWN, "put a name or an age right"),
    Command("longer", ("续留", "續留"), holding.keep_held, Where.SHOP_IF_KNOWN, "keep the time that is held longer"),
    Command("one", (), browse.one, Where.SHOP_IF_KNOWN, "an appointment by its code"),
    Command("open", (), _open, Where.HERE, "go on in that conversation"),
    Command("help", ("帮助", "幫助"), browse.help_, Where.HERE, "what can be typed"),
    Command("confirm", ("确认", "確認"), _confirm, Where.SHOP_IF_KNOWN, "say yes; staff: confirm a request"),
    Command("schedule", ("今日预约", "今日預約", "日程"), staff.schedule, Where.HERE, "staff: the day sheet"),
    *(
        Command(name, aliases, partial(staff.step, staff.ACTIONS[action]), Where.HERE, f"staff: {help_text}")
        for name, aliases, action, help_text in (
            ("arrive", ("到店",), "arrive", "the customer is here"),
            ("start", ("开始", "開始"), "start", "the exam begins"),
            ("done", ("完成",), "finish", "the exam is over"),
            ("no-show", ("爽约", "爽約"), "no_show", "the customer did not come"),
        )
    ),
    Command("undo", ("撤销", "撤銷"), staff.undo, Where.HERE, "staff: take the last step back"),
    Command("leave", ("请假", "請假"), leave.leave, Where.HERE, "staff: somebody is away"),
    Command("back", ("销假", "銷假"), leave.back, Where.HERE, "staff: somebody is back"),
    Command("closed", ("休息",), leave.closed, Where.HERE, "staff: the shop is closed"),
    Command("hours", ("营业", "營業"), leave.hours, Where.HERE, "staff: opening hours"),
    Command("break", ("午休",), leave.breaks, Where.HERE, "staff: daily breaks"),
    Command("add", ("添加",), leave.add, Where.HERE, "staff: a new person, room or device"),
    Command("remove", ("移除",), leave.remove, Where.HERE, "staff: somebody or something is gone"),
    Command("plan", ("安排",), leave.decide, Where.HERE, "staff: yes or no to one of these"),
    Command("keep", ("照旧", "照舊"), leave.keep, Where.HERE, "the same time with somebody else"),
)  # fmt: skip
#: Commands that continue the open question. After any other a yes may be meant for that one's answer.
_GO_ON = frozenset({"book", "move", "cancel", "confirm", "correct", "longer"})
#: Behind 确认: the number of the question that the button stood below.
_QUESTION = re.compile(r"#(\d{1,15})")
#: What an intention in a sentence runs.
_BEGUN = {
    "list": "my", "slots": "slots", "info": "info", "human": "human", "help": "help", "stores": "stores",
    "move": "move", "cancel": "cancel", "book": "book",
}  # fmt: skip
#: Commands in which a shop's name is not where the command runs: the appointment is elsewhere, and is to go there.
_OF_OTHER_SHOPS = frozenset({"move", "cancel", "correct"})
#: Commands that hold and confirm nothing: whoever left a shop's conversation is answered in the direct chat.
_ANYWHERE = frozenset({"cancel", "my", "info", "one"})
_BY_NAME = {command.name: command for command in COMMANDS}
_TRIGGERS = {
    **{alias: command for command in COMMANDS for alias in command.aliases},
    **{f"/{command.name}": command for command in COMMANDS},
}


def split(line: str) -> tuple[str, str] | None:
    """(command, arguments) of a line that our own buttons hold, or None."""
    for trigger in sorted(_TRIGGERS, key=len, reverse=True):
        if (
            line == trigger
            or line.startswith(f"{trigger} ")
            or (line.startswith(trigger) and trigger[0] != "/")
        ):
            return _TRIGGERS[trigger].name, line[len(trigger) :].strip()
    return None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message: where, by whom, among whom, and its text ("" for a picture or a file)."""

    conversation_id: str
    sender_id: str
    audience: Audience
    text: str
    position: int = 0
    #: The red flag found in the text.
    flag: RedFlag | None = None
    #: It is too long to be meant for a bot.
    for_people: bool = False


def hear_command(tx: Transaction, texts: ShopTexts, message: Incoming, name: str, arguments: str) -> None:
    """Handle a text that the host took for one of our commands."""
    holding.expire_overdue(tx, texts)
    context = locate(tx, texts, message)
    if context is None:
        return
    _doubt_others(context)
    if not _emergency(context, message.flag):
        _within_reach(context, partial(_run, context, name, arguments))


def hear_text(tx: Transaction, texts: ShopTexts, message: Incoming) -> None:
    """Handle any other message in a conversation with one of our bots."""
    holding.expire_overdue(tx, texts)
    context = locate(tx, texts, message)
    if context is None:
        return
    _doubt_others(context)
    if not _emergency(context, message.flag):
        _within_reach(context, partial(_text, context, for_people=message.for_people))


def _within_reach(context: DialogueContext, handle: Callable[[], None]) -> None:
    """Handle a text, unless its customer could not read what comes of it: then they are asked back first."""
    try:
        if context.place is Place.SERVICE and has_left(context.tx, context.heard_in, context.sender.user_id):
            context.require_reach(context.the_shop)  # they left since they wrote
        handle()
        if context.stuck:
            handoff.call_for(context)
    except OutOfReach as left:
        coming_back.ask_back(context, left)
    context.point()


def locate(tx: Transaction, texts: ShopTexts, message: Incoming) -> DialogueContext | None:
    """The context of a message; None if it is not for us (a shop that left the chain, a group without our bots), and if its
    sender has left meanwhile: whoever was staff when it was written, and is not now, does nothing more here."""
    here = message.conversation_id
    sender = tx.user(message.sender_id) or User(message.sender_id, message.sender_id)
    service = service_at(tx, here)
    group = shop_of_staff_group(tx, here) if service is None else None
    shop = texts.chain.shop(service.store_id if service else group or "")
    if (service or group) and shop is None:
        return None
    customer_id = service.customer_id if service else sender.user_id
    if sender.user_id not in tx.members(here) and (group or sender.user_id != customer_id):
        return None
    if shop is not None:
        place = Place.SERVICE if service else Place.STAFF
        bot = shop.bot
    else:
        bots = {texts.chain.bot: None, **{one.bot: one for one in texts.chain.stores}}
        found = next((one for one in bots if one in message.audience), None)
        if found is None:
            return None
        place = Place.DIRECT if here.startswith("direct/") else Place.OTHER
        bot, shop = found, bots[found]
    is_staff = place is Place.STAFF or (
        place is Place.SERVICE and shop is not None and sender.user_id != customer_id
        and sender.user_id in staff_of(tx, shop)
    )  # fmt: skip
    language = texts.chain.staff_language if is_staff else language_for(tx, customer_id)
    return DialogueContext(
        tx,
        texts,
        sender,
        message.text,
        message.position,
        place,
        here,
        bot,
        Answering(here, shop, bot),
        customer_id,
        language,
        is_staff,
    )


def _emergency(context: DialogueContext, flag: RedFlag | None) -> bool:
    """Answer a red flag of a customer. True if nothing else in the text counts."""
    if context.is_staff or flag is None:
        return False
    _speak_as_written(context, remembered=False)
    if not flag.urgent:
        emergency.caution(context)
        return False
    emergency.raise_alarm(context, flag)
    _doubt_own(context)
    return True


def _doubt_own(context: DialogueContext) -> None:
    """Doubt the sender's open question: the sender asked for something else, and was answered."""
    asked_in = {
        context.heard_in,
        *(service.conversation_id for service in services_of(context.tx, context.customer_id)),
    }
    for conversation_id in sorted(asked_in):
        doubt_all(context.tx, conversation_id, context.sender.user_id)


def _doubt_others(context: DialogueContext) -> None:
    """Doubt the others' open questions: the next yes of theirs may be meant for what was said now (two parents and a shop, or
    two of the staff in their group)."""
    if context.place in (Place.SERVICE, Place.STAFF):
        doubt_all(context.tx, context.heard_in, but=context.sender.user_id)


def _speak_as_written(context: DialogueContext, *, remembered: bool = True) -> None:
    """Chinese is answered in Chinese, whatever the account says; a command in Latin letters in the account's language."""
    if context.is_staff:
        return
    if any("\u4e00" <= char <= "\u9fff" for char in context.text):
        context.language = "zh"
    elif any(char.isalpha() for char in context.text) and remembered:
        context.language = language_of(context.sender.language)
    known = customer(context.tx, context.customer_id)
    if remembered and context.language != known.language and context.sender.user_id == context.customer_id:
        remember(context.tx, replace(known, language=context.language))


def _run(context: DialogueContext, name: str, arguments: str) -> None:
    row = _BY_NAME[name]
    reading = context.read(arguments, labels=False)
    if not _is_command(context, reading):
        _text(context)
        return
    _speak_as_written(context)
    context.command = name
    if row.name not in _GO_ON:
        _doubt_own(context)
    if not _enter(context, row, reading, arguments):
        return
    if not row.run(context, context.again(reading)):
        context.command = ""
        _text(context)


def _is_command(context: DialogueContext, reading: Reading) -> bool:
    """A slash, a member of the staff and our own buttons command. A Chinese word does if the rest is values or nothing: what
    else begins with it is a sentence (取消要扣钱吗)."""
    if context.is_staff or context.text.lstrip()[:1] in "/／" or said.is_values(reading):
        return True
    if _QUESTION.fullmatch(reading.text.strip()):
        return True  # the button of a question, also of one that is not open any more
    state = load_dialogue(context.tx, _asked_in(context).conversation_id, context.sender.user_id)
    return state is not None and context.text.strip() in state.commands


def _enter(context: DialogueContext, row: Command, reading: Reading, arguments: str) -> bool:
    """Go to the shop that the command is about. False if the bot has to ask which first."""
    if row.where is Where.HERE or context.place is Place.STAFF:
        return True
    context.anywhere = row.name in _ANYWHERE
    here = context.shop if context.place is Place.SERVICE else None
    named = None if row.name in _OF_OTHER_SHOPS else said.shop_of(reading, context.chain)
    wanted = context.shop if context.is_staff else named or context.shop
    if wanted is None and row.where is Where.SHOP:
        wanted = _only_shop(context)
        if wanted is None:
            browse.ask_shop(context, context.words(f"command.{row.name}"), arguments)
            return False
    if wanted is not None and wanted is not here:
        if row.name == "book" and here is not None and _moves_along(context, wanted, reading):
            return False
        context.go(wanted)
    return True


def _moves_along(context: DialogueContext, wanted: Shop, reading: Reading) -> bool:
    """A booking that is open here goes on in the shop that is named."""
    state = context.dialogue()
    return state is not None and state.kind == "book" and book.answer(context, state, reading)


def _only_shop(context: DialogueContext) -> Shop | None:
    stores = context.chain.stores
    return stores[0] if len(stores) == 1 else None


def _text(context: DialogueContext, *, for_people: bool = False) -> None:
    """No command: an answer to the open question, a wish, or words for people; the latter for certain if that is said."""
    context.answer_in(_asked_in(context))
    state = context.dialogue()
    if not for_people and _understood(context, state, context.read(context.text)):
        return
    misspelt = not for_people and label_key(context.text).startswith("/")
    _doubt_own(context)
    if state is not None:
        state.doubt()
    if context.is_staff:
        if context.place is Place.SERVICE:
            coming_back.tell_of_staff(context)
            handoff.staff_wrote(context.tx, context.heard_in)
        elif misspelt:
            _unknown_command(context)
        return
    if context.place is Place.OTHER:
        return
    if misspelt:
        _unknown_command(context)
    elif context.home == context.heard_in and context.place is Place.DIRECT:
        _speak_as_written(context, remembered=False)
        browse.offer_people(context)
    else:
        _for_people(context, state)


def _unknown_command(context: DialogueContext) -> None:
    browse.show_help(context, "help.unknown", command=label_key(context.text).split()[0][:40])


def _understood(context: DialogueContext, state: Dialogue | None, reading: Reading) -> bool:
    """Whether something came of the text: a button, an answer, or a wish."""
    command = _pressed(state, reading)
    if command is not None and state is not None and state.asks_yes and command == state.yes:
        reading = Reading(
            reading.text, (Act(Kind.YES),)
        )  # the button's words are a yes, and no more than one
    elif command is not None:
        named = split(command)
        if named is not None:
            context.pressed = command
            _run_option(context, *named)
            return True
    there = handoff.human_is_there(context.tx, context.home)
    if there and said.only(reading, Kind.QUESTION, Kind.THANKS, Kind.GREETING):
        return False  # a human has just written: it is meant for the human
    if state is not None and _answered(context, state, reading):
        return True
    if context.is_staff or context.place not in (Place.SERVICE, Place.DIRECT):
        return False
    return not there and _wished(context, state, reading)


def _pressed(state: Dialogue | None, reading: Reading) -> str | None:
    """The command of the button whose label, or number, is the whole text."""
    if reading.label is not None:
        return reading.label
    number = said.number_of(reading)
    return None if state is None or number is None else state.command_of(number)


def _answered(context: DialogueContext, state: Dialogue, reading: Reading, *, stopping: bool = False) -> bool:
    """The acts of a text as an answer to the open question. `stopping`: 取消 alone, which ends whatever is open."""
    if stopping and state.kind == "book":
        book.give_up(context, state)
        return True
    handlers = {
        "book": book.answer,
        "move": move.answer,
        "cancel": cancel.answer,
        "correct": correct.answer,
        "plan": leave.answer,
    }
    if state.kind in handlers and handlers[state.kind](context, state, reading):
        return True
    number = said.number_of(reading)
    if number is not None and state.options and number <= 99:
        dated = _of_day(context, state, number)
        if dated is not None:
            context.pressed = dated[0]
            _run_option(context, *dated[1])
            return True
        context.say("unclear.number", count=len(state.options))
        return True
    return False


def _of_day(context: DialogueContext, state: Dialogue, number: int) -> tuple[str, tuple[str, str]] | None:
    """The one button whose day is this day of the month, of those that ask which day: 28, to "the 21st or the 28th?"."""
    found = []
    for command in state.options if state.step in ("day", "slot") else ():
        named = split(command)
        when = said.when_of(context.read(named[1], labels=False)) if named is not None else None
        if named is not None and when is not None and {day.day for day in when.days} == {number}:
            found.append((command, named))
    return found[0] if len(found) == 1 else None


def _wished(context: DialogueContext, state: Dialogue | None, reading: Reading) -> bool:
    """What the acts of a customer's text want by themselves, in the order of the promise. False: nothing."""
    _speak_as_written(context, remembered=reading.has(Kind.BEGIN))
    fresh = fresh_of(context)
    if fresh is not None:
        reading = _put_right(context, reading, fresh.wall)
    if _only_courtesy(state, reading):
        return _courtesy(context, state, reading)
    if said.puts_off(reading) and not reading.has(Kind.BEGIN):
        context.say("later.open")
        return True
    if fresh is not None and said.only_repeats(reading, fresh.wall):
        context.say("small.see_you", when=context.words.moment(fresh.wall))
        return True
    name = _wish(context, reading)
    if name is not None:
        _doubt_own(context)
        row = _BY_NAME[name]
        if _enter(context, row, reading, context.text):
            row.run(context, context.again(reading))
        return True
    if reading.has(Kind.QUESTION):
        return _question(context, state, reading)
    if said.refused_times(reading) and _coming(context):
        _doubt_own(context)
        context.say("ask.move_or_cancel")
        browse.my(context, reading)
        return True
    return False


def _put_right(context: DialogueContext, reading: Reading, wall: datetime) -> Reading:
    """Just after "booked": the time behind the confession of a slip, and a day that is better, put that appointment right."""
    meant = said.behind_slip(reading.text) or said.preferred_day(reading)
    if not meant:
        return reading
    alone = context.read(meant, labels=False)
    if not said.corrects_time(alone):
        return reading
    return alone if said.repeats(alone, wall) else said.as_correction(alone)


def _wish(context: DialogueContext, reading: Reading) -> str | None:
    """The command that a text comes to."""
    begun = [act.what for act in reading.all(Kind.BEGIN)]
    if "human" in begun:
        return "human"
    changed = _change(context, reading, begun)
    if changed is not None:
        return changed
    for one in (*(one for one in begun if one != "book"), *begun):
        if one in _BEGUN:
            return _BEGUN[one]
    return None if reading.has(Kind.QUESTION) else _wish_of_values(reading)


def _change(context: DialogueContext, reading: Reading, begun: list[str]) -> str | None:
    """A change of an appointment. One that is refused or cancelled for another time is to be moved there."""
    coming = upcoming(context.tx, context.customer_id, context.shop.id if context.shop else None)
    refused = said.refused_times(reading)
    instead = said.takes_time(reading) and any(said.hits(act, one.wall) for act in refused for one in coming)
    if coming and instead:
        return "move"
    if "cancel" in begun:
        replaced = coming and reading.has(Kind.GIVE) and "book" in begun
        return "move" if replaced and said.takes_time(reading) else "cancel"
    if "move" in begun:
        return "move"
    fresh = fresh_of(context)
    if fresh is not None and said.corrects_time(reading) and not said.repeats(reading, fresh.wall):
        return "move"
    if not coming or "book" in begun:
        return None
    when = said.when_of(reading)
    if (when is not None and when.shift is not None) or said.corrects(reading, "day", "time", "range"):
        return "move"
    return "correct" if correct.is_wished(reading) else None


def _wish_of_values(reading: Reading) -> str | None:
    """Values without an intention: a service or an hour is a wish, a day is a question about free time."""
    when = said.when_of(reading)
    if reading.given("service") is not None or len(reading.people) > 1:
        return "book"
    if when is not None and said.takes_time(reading):
        return "book" if when.candidates or when.window or when.guess else "slots"
    if said.code_of(reading):
        return "one"
    return next(
        (name for what, name in (("lenses", "lenses"), ("shop", "stores")) if reading.given(what)), None
    )


def _only_courtesy(state: Dialogue | None, reading: Reading) -> bool:
    """Thanks, a greeting, a yes or no where nothing is asked: nobody has to be told."""
    if said.unread(reading) or said.notes(reading) or said.names_time(reading):
        return False
    if said.only(reading, Kind.THANKS, Kind.GREETING):
        return True
    answers_nothing = state is None or state.kind == "menu"
    return answers_nothing and said.only(reading, Kind.THANKS, Kind.GREETING, Kind.YES, Kind.NO)


def _courtesy(context: DialogueContext, state: Dialogue | None, reading: Reading) -> bool:
    if reading.has(Kind.THANKS):
        context.say("small.thanks")
    elif reading.has(Kind.GREETING) and handoff.waits(context.tx, context.home):
        return False  # 在吗, to people who have not answered yet
    elif reading.has(Kind.GREETING) and (state is None or state.kind == "menu"):
        browse.greet(context)
    elif reading.has(Kind.GREETING):
        context.say("small.greeting")
    else:
        picks = state is not None and state.picks and reading.has(Kind.YES)
        context.say("small.pick" if picks else "small.nothing_open")
    return True


def _question(context: DialogueContext, state: Dialogue | None, reading: Reading) -> bool:
    """Answered from the shop's facts, or passed on; in the chain's own chat the shop is asked first."""
    named = said.shop_of(reading, context.chain)
    if context.shop is None and named is None and _only_shop(context) is None:
        handoff.pass_on(context, reading.text)
        browse.ask_shop(context, context.words("command.stores"), "", "ask.store_for")
        return True
    if context.shop is None:
        context.go(named or context.chain.stores[0])
    if state is not None:
        state.doubt()
        context.keep(state)
    answers.reply(context, reading, state)
    return True


def _coming(context: DialogueContext) -> bool:
    return bool(upcoming(context.tx, context.customer_id, context.shop.id if context.shop else None))


def _run_option(context: DialogueContext, name: str, arguments: str) -> None:
    """A number or a label stands for a button. Its language is the one that the button was shown in."""
    row = _BY_NAME[name]
    context.command = name
    reading = context.read(arguments, labels=False)
    if row.name not in _GO_ON:
        _doubt_own(context)
    if _enter(context, row, reading, arguments):
        row.run(context, context.again(reading))


def _asked_in(context: DialogueContext) -> Answering:
    """Where the open question of this text stands: text in the direct chat may answer a shop's question, and in one shop's
    conversation another shop's that was repeated there. Of several it is the one that stands lowest here; the others are
    doubted: the next yes may be a second one to this."""
    tx, here, sender_id = context.tx, context.answering, context.sender.user_id
    if (
        context.place not in (Place.DIRECT, Place.SERVICE)
        or context.dialogue() is not None
        or context.is_staff
    ):
        return here
    asked: list[tuple[int, Answering]] = []
    for service in services_of(tx, context.customer_id):
        shop = context.chain.shop(service.store_id)
        if shop is None or (context.place is Place.DIRECT and here.shop not in (None, shop)):
            continue
        state = load_dialogue(tx, service.conversation_id, sender_id)
        if state is not None and (context.place is Place.DIRECT or context.heard_in in state.pointed):
            place = Answering(service.conversation_id, shop, shop.bot)
            asked.append((state.asked.get(context.heard_in, 0), place))
    if not asked:
        return here
    _, lowest = max(asked, key=lambda one: one[0])
    for _, place in asked:
        if place is not lowest:
            doubt_all(tx, place.conversation_id, sender_id)
    return lowest


def _for_people(context: DialogueContext, state: Dialogue | None) -> None:
    """A customer's words for the staff. An open question is asked once more, but not while staff are there."""
    if handoff.human_is_there(context.tx, context.home):
        return
    said_something = False
    if context.home != context.heard_in:
        handoff.forward(context, context.text)  # the staff do not read what is typed elsewhere
    else:
        said_something = handoff.wait_for_human(context)
    if state is None or state.kind == "menu" or state.misses or said_something:
        return
    state.misses += 1
    context.keep(state)
    context.say("unclear.left_to_staff")
    if state.kind == "book":
        book.repeat(context, state, armed=False)
    elif state.kind == "move":
        move.repeat(context, state)
    state = context.dialogue()
    if state is not None:
        state.misses = 1
        context.keep(state)

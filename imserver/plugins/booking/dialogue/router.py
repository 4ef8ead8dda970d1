"""The router: every text that the plugin receives goes to a command, to the open question, or to the staff.

The order is the plugin's promise: red flags first; then commands; then answers to the bot's questions; the rest is for staff.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

from imserver.plugin_api import Audience, Transaction, User
from imserver.plugins.booking.conversations import service_at, services_of, shop_of_staff_group, staff_of
from imserver.plugins.booking.customers import customer, language_for, remember
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import language_of
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.understanding.alarms import RedFlag
from imserver.plugins.booking.understanding.ear import Said, fold

from . import book, browse, change, emergency, handoff, leave, quiet, staff
from .context import Answering, DialogueContext, Place
from .state import Dialogue, doubt_all, load_dialogue


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
    run: Callable[[DialogueContext, Said], bool]
    where: Where
    help: str


def _cancel(context: DialogueContext, said: Said) -> bool:
    """取消 alone ends the open booking or move; otherwise it names an appointment."""
    if said.code or said.rest:
        return change.cancel(context, said)
    answering = _asked_in(context)
    state = load_dialogue(context.tx, answering.conversation_id, context.sender.user_id)
    if state is None or state.kind not in ("book", "move"):
        return change.cancel(context, said)
    context.answering = answering
    return _answered(context, state, replace(said, answer=False))


def _confirm(context: DialogueContext, said: Said) -> bool:
    """确认 alone is a yes to the open question."""
    state = context.dialogue()
    if said.code or said.rest or state is None:
        return staff.confirm(context, said)
    return _answered(context, state, replace(said, answer=True))


def _human(context: DialogueContext, said: Said) -> bool:
    return handoff.human(context)


COMMANDS: tuple[Command, ...] = (
    Command("book", ("预约", "預約"), book.book, Where.SHOP, "book an appointment"),
    Command("slots", ("空档", "空檔"), browse.slots, Where.SHOP, "free slots of a day"),
    Command("my", ("我的预约", "我的預約"), browse.my, Where.SHOP_IF_KNOWN, "my appointments"),
    Command("move", ("改约", "改約", "改期"), change.move, Where.SHOP_IF_KNOWN, "move an appointment"),
    Command("cancel", ("取消", "取消预约", "取消預約"), _cancel, Where.SHOP_IF_KNOWN, "cancel an appointment"),
    Command("stores", ("门店", "門店"), browse.stores, Where.HERE, "the shops"),
    Command("info", ("地址",), browse.info, Where.SHOP, "address, parking, opening hours"),
    Command("human", ("人工",), _human, Where.SHOP, "call the staff"),
    Command("lenses", ("我戴",), browse.lenses, Where.SHOP, "what to mind with contact lenses"),
    Command("quiet", ("不要消息", "免打扰", "免打擾"), quiet.no_messages, Where.HERE, "no messages any more"),
    Command("messages", ("恢复消息", "恢復消息"), quiet.messages, Where.HERE, "messages again"),
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
_GO_ON = frozenset({"book", "move", "cancel", "confirm"})
#: Commands whose Chinese words also begin questions to people: 预约要多少钱, 取消要扣钱吗.
_ASKED_ABOUT = frozenset({"book", "move", "cancel"})
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
    #: The red flag found in the text.
    flag: RedFlag | None = None
    #: It is too long to be meant for a bot.
    for_people: bool = False
    position: int = 0


def hear_command(tx: Transaction, texts: ShopTexts, message: Incoming, name: str, arguments: str) -> None:
    """Handle a text that the host took for one of our commands."""
    book.expire_overdue(tx, texts)
    context = locate(tx, texts, message)
    if context is not None and not _emergency(context, message.flag):
        _run(context, name, arguments)


def hear_text(tx: Transaction, texts: ShopTexts, message: Incoming) -> None:
    """Handle any other message in a conversation with one of our bots."""
    book.expire_overdue(tx, texts)
    context = locate(tx, texts, message)
    if context is not None and not _emergency(context, message.flag):
        _text(context, for_people=message.for_people)


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
        tx, texts, sender, message.text, place, here, bot, Answering(here, shop, bot), customer_id, language, is_staff,
        position=message.position,
    )  # fmt: skip


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
    _doubt_others(context)
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
    """Doubt the others' open questions: any member may say yes to words for people (two parents and a shop)."""
    if context.place is Place.SERVICE:
        doubt_all(context.tx, context.heard_in)


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
    _speak_as_written(context)
    context.command = name
    said = context.hear(arguments)
    if row.name in _ASKED_ABOUT and context.text[:1] not in "/／" and context.texts.ear.asks_people(said):
        context.command = ""
        _text(context)
        return
    if row.name not in _GO_ON:
        _doubt_own(context)
    if not _enter(context, row, said, arguments):
        return
    if not row.run(context, said):
        context.command = ""
        _text(context)


def _enter(context: DialogueContext, row: Command, said: Said, arguments: str) -> bool:
    """Go to the shop that the command is about. False if the bot has to ask which first."""
    if row.where is Where.HERE or context.place is Place.STAFF:
        return True
    here = context.shop if context.place is Place.SERVICE else None
    wanted = context.shop if context.is_staff else said.shop or context.shop
    if wanted is None and row.where is Where.SHOP:
        wanted = _only_shop(context)
        if wanted is None:
            browse.ask_shop(context, context.words(f"command.{row.name}"), arguments)
            return False
    if wanted is not None and wanted is not here:
        context.go(wanted)
    return True


def _only_shop(context: DialogueContext) -> Shop | None:
    stores = context.chain.stores
    return stores[0] if len(stores) == 1 else None


def _text(context: DialogueContext, *, for_people: bool = False) -> None:
    """No command: an answer to the open question, or words for people; the latter for certain if that is said."""
    context.answering = _asked_in(context)
    state = context.dialogue()
    if not for_people and state is not None and _answered(context, state, context.hear(context.text)):
        return
    misspelt = not for_people and fold(context.text).startswith("/")
    _doubt_own(context)
    _doubt_others(context)
    if state is not None:
        state.doubt()
    if context.is_staff:
        if context.place is Place.SERVICE:
            handoff.staff_wrote(context.tx, context.heard_in)
        elif misspelt:
            browse.show_help(context, "help.unknown", command=fold(context.text).split()[0][:40])
        return
    if context.place is Place.OTHER:
        return
    if misspelt:
        browse.show_help(context, "help.unknown", command=fold(context.text).split()[0][:40])
    elif context.home == context.heard_in and context.place is Place.DIRECT:
        _speak_as_written(context, remembered=False)
        browse.show_help(context, "help.title")
    else:
        _for_people(context, state)


def _answered(context: DialogueContext, state: Dialogue, said: Said) -> bool:
    if said.number is not None and 1 <= said.number <= len(state.options):
        command = split(state.options[said.number - 1])
        if command is not None:
            _run_option(context, *command)
            return True
    handlers = {
        "book": book.answer,
        "move": change.answer_move,
        "cancel": change.answer_cancel,
        "plan": leave.answer,
    }
    if state.kind in handlers and handlers[state.kind](context, state, said):
        return True
    if said.number is not None and state.options and said.number <= 99:
        context.say("unclear.number", count=len(state.options))
        return True
    return False


def _run_option(context: DialogueContext, name: str, arguments: str) -> None:
    """A number stands for a button. Its language is the one that the button was shown in."""
    row = _BY_NAME[name]
    context.command = name
    said = context.hear(arguments)
    if _enter(context, row, said, arguments):
        row.run(context, said)


def _asked_in(context: DialogueContext) -> Answering:
    """Where the open question of this text stands: text in the direct chat may answer a shop's question."""
    tx, here, sender_id = context.tx, context.answering, context.sender.user_id
    if context.place is not Place.DIRECT or context.dialogue() is not None:
        return here
    for service in services_of(tx, context.customer_id):
        shop = context.chain.shop(service.store_id)
        if shop is None or here.shop not in (None, shop):
            continue
        if load_dialogue(tx, service.conversation_id, sender_id) is not None:
            return Answering(service.conversation_id, shop, shop.bot)
    return here


def _for_people(context: DialogueContext, state: Dialogue | None) -> None:
    """A customer's words for the staff. An open question is asked once more, but not while staff are there."""
    if handoff.human_is_there(context.tx, context.home):
        return
    said_something = handoff.wait_for_human(context)
    if state is None or state.kind == "menu" or state.misses or said_something:
        return
    state.misses += 1
    context.keep(state)
    context.say("unclear.left_to_staff")
    if state.kind == "book":
        book.repeat(context, state)
        state = context.dialogue()
        if state is not None:
            state.misses = 1
            context.keep(state)

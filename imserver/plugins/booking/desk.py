"""The front desk: every text that the plugin hears comes here and goes to a command, to the open question, or to people.

The order is the plugin's promise: red flags first; then commands; then answers to what the bot asked; the rest is for humans.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

from imserver.plugin_api import Audience, Transaction, User

from . import booking, browse, changing, humans, staff
from .catalogue import language_of
from .chain import Store
from .customers import customer, language_for, remember
from .heard import Said, fold
from .places import service_at, services_of, staff_of, store_of_staff_group
from .redflags import RedFlag
from .state import Dialogue, doubt_all
from .talk import House, Place, Talk


class Where(Enum):
    """Where a command is carried out."""

    SHOP = "shop"  # needs a shop: asks which if that is not clear
    SHOP_IF_KNOWN = "shop_if_known"  # in the shop's conversation if one was opened, else across all shops
    HERE = "here"


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the command table. `run` answers False if the text was no command after all (取消… said in passing)."""

    name: str
    aliases: tuple[str, ...]
    run: Callable[[Talk, Said], bool]
    where: Where
    help: str


def _cancel(talk: Talk, said: Said) -> bool:
    """取消 alone ends what is being booked or moved; otherwise it is about an appointment."""
    if said.code or said.rest:
        return changing.cancel(talk, said)
    here = talk.home, talk.store, talk.bot
    _find_dialogue(talk)
    state = talk.dialogue()
    if state is None or state.kind not in ("book", "move"):
        talk.home, talk.store, talk.bot = here
        return changing.cancel(talk, said)
    return _answered(talk, state, replace(said, answer=False))


def _confirm(talk: Talk, said: Said) -> bool:
    """确认 alone is a yes to what was asked."""
    state = talk.dialogue()
    if said.code or said.rest or state is None:
        return staff.confirm(talk, said)
    return _answered(talk, state, replace(said, answer=True))


def _human(talk: Talk, said: Said) -> bool:
    return humans.human(talk)


COMMANDS: tuple[Command, ...] = (
    Command("book", ("预约", "預約"), booking.book, Where.SHOP, "book an appointment"),
    Command("slots", ("空档", "空檔"), browse.slots, Where.SHOP, "free slots of a day"),
    Command("my", ("我的预约", "我的預約"), browse.my, Where.SHOP_IF_KNOWN, "my appointments"),
    Command("move", ("改约", "改約", "改期"), changing.move, Where.SHOP_IF_KNOWN, "move an appointment"),
    Command("cancel", ("取消", "取消预约", "取消預約"), _cancel, Where.SHOP_IF_KNOWN, "cancel an appointment"),
    Command("stores", ("门店", "門店"), browse.stores, Where.HERE, "the shops"),
    Command("info", ("地址",), browse.info, Where.SHOP, "address, parking, opening hours"),
    Command("human", ("人工",), _human, Where.SHOP, "call the staff"),
    Command("lenses", ("我戴",), browse.lenses, Where.SHOP, "what to mind with contact lenses"),
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
)  # fmt: skip
#: Commands that go on with what is being asked. After any other a yes may be meant for that one's answer.
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
    #: What was found in the text before anything else.
    flag: RedFlag | None = None


def hear_command(tx: Transaction, house: House, message: Incoming, name: str, arguments: str) -> None:
    """A text that the host took for one of our commands."""
    booking.expire_overdue(tx, house)
    talk = locate(tx, house, message)
    if talk is not None and not _emergency(talk, message.flag):
        _run(talk, name, arguments)


def hear_text(tx: Transaction, house: House, message: Incoming) -> None:
    """Any other message in a conversation with one of our bots."""
    booking.expire_overdue(tx, house)
    talk = locate(tx, house, message)
    if talk is not None and not _emergency(talk, message.flag):
        _text(talk)


def locate(tx: Transaction, house: House, message: Incoming) -> Talk | None:
    """Whose talk this is; None if it is not for us (a shop that left the chain, a group without our bots)."""
    here = message.conversation_id
    sender = tx.user(message.sender_id) or User(message.sender_id, message.sender_id)
    service = service_at(tx, here)
    group = store_of_staff_group(tx, here) if service is None else None
    store = house.chain.store(service.store_id if service else group or "")
    if (service or group) and store is None:
        return None
    if store is not None:
        place = Place.SERVICE if service else Place.STAFF
        bot = store.bot
    else:
        bots = {house.chain.bot: None, **{one.bot: one for one in house.chain.stores}}
        found = next((one for one in bots if one in message.audience), None)
        if found is None:
            return None
        place = Place.DIRECT if here.startswith("direct/") else Place.OTHER
        bot, store = found, bots[found]
    customer_id = service.customer_id if service else sender.user_id
    is_staff = place is Place.STAFF or (
        place is Place.SERVICE and store is not None and sender.user_id != customer_id
        and sender.user_id in staff_of(tx, store)
    )  # fmt: skip
    language = house.chain.staff_language if is_staff else language_for(tx, customer_id)
    return Talk(
        tx, house, sender, message.text, place, here, bot, bot, store, customer_id, here, language, is_staff
    )


def _emergency(talk: Talk, flag: RedFlag | None) -> bool:
    if talk.is_staff:
        return False
    if flag is not None:
        _speak_as_written(talk, remembered=False)
        humans.emergency(talk, flag)
        _doubt_own(talk)
        _doubt_others(talk)
    return flag is not None


def _doubt_own(talk: Talk) -> None:
    """The sender asked for something else, and was answered."""
    asked_in = {
        talk.heard_in,
        *(service.conversation_id for service in services_of(talk.tx, talk.customer_id)),
    }
    for conversation_id in sorted(asked_in):
        doubt_all(talk.tx, conversation_id, talk.sender.user_id)


def _doubt_others(talk: Talk) -> None:
    """Words for people, which everybody in the conversation may say yes to (two parents and a shop)."""
    if talk.place is Place.SERVICE:
        doubt_all(talk.tx, talk.heard_in)


def _speak_as_written(talk: Talk, *, remembered: bool = True) -> None:
    """Chinese is answered in Chinese, whatever the account says; a command in Latin letters in the account's language."""
    if talk.is_staff:
        return
    if any("\u4e00" <= char <= "\u9fff" for char in talk.text):
        talk.language = "zh"
    elif any(char.isalpha() for char in talk.text) and remembered:
        talk.language = language_of(talk.sender.language)
    known = customer(talk.tx, talk.customer_id)
    if remembered and talk.language != known.language and talk.sender.user_id == talk.customer_id:
        remember(talk.tx, replace(known, language=talk.language))


def _run(talk: Talk, name: str, arguments: str) -> None:
    row = _BY_NAME[name]
    _speak_as_written(talk)
    talk.command = name
    said = talk.hear(arguments)
    if row.name in _ASKED_ABOUT and talk.text[:1] not in "/／" and talk.house.ear.asks_people(said):
        talk.command = ""
        _text(talk)
        return
    if row.name not in _GO_ON:
        _doubt_own(talk)
    if not _enter(talk, row, said, arguments):
        return
    if not row.run(talk, said):
        talk.command = ""
        _text(talk)


def _enter(talk: Talk, row: Command, said: Said, arguments: str) -> bool:
    """Go to the shop that the command is about. False if first has to be asked which."""
    if row.where is Where.HERE or talk.place is Place.STAFF:
        return True
    here = talk.store if talk.place is Place.SERVICE else None
    wanted = talk.store if talk.is_staff else said.store or talk.store
    if wanted is None and row.where is Where.SHOP:
        wanted = _only_store(talk)
        if wanted is None:
            browse.ask_store(talk, talk.words(f"command.{row.name}"), arguments)
            return False
    if wanted is not None and wanted is not here:
        talk.go(wanted)
    return True


def _only_store(talk: Talk) -> Store | None:
    stores = talk.chain.stores
    return stores[0] if len(stores) == 1 else None


def _text(talk: Talk) -> None:
    """No command: an answer to the open question, or words for people."""
    _find_dialogue(talk)
    state = talk.dialogue()
    said = talk.hear(talk.text)
    if state is not None and _answered(talk, state, said):
        return
    _doubt_own(talk)
    _doubt_others(talk)
    if state is not None:
        state.doubt()
    if talk.is_staff:
        if talk.place is Place.SERVICE:
            humans.staff_wrote(talk.tx, talk.heard_in)
        elif fold(talk.text).startswith("/"):
            browse.show_help(talk, "help.unknown", command=fold(talk.text).split()[0][:40])
        return
    if talk.place is Place.OTHER:
        return
    if fold(talk.text).startswith("/"):
        browse.show_help(talk, "help.unknown", command=fold(talk.text).split()[0][:40])
    elif talk.home == talk.heard_in and talk.place is Place.DIRECT:
        _speak_as_written(talk, remembered=False)
        browse.show_help(talk, "help.title")
    else:
        _for_people(talk, state)


def _answered(talk: Talk, state: Dialogue, said: Said) -> bool:
    if said.number is not None and 1 <= said.number <= len(state.options):
        command = split(state.options[said.number - 1])
        if command is not None:
            _run_option(talk, *command)
            return True
    handlers = {"book": booking.answer, "move": changing.answer_move, "cancel": changing.answer_cancel}
    if state.kind in handlers and handlers[state.kind](talk, state, said):
        return True
    if said.number is not None and state.options and said.number <= 99:
        talk.say("unclear.number", count=len(state.options))
        return True
    return False


def _run_option(talk: Talk, name: str, arguments: str) -> None:
    """A number stands for a button. Its language is the one that the button was shown in."""
    row = _BY_NAME[name]
    talk.command = name
    said = talk.hear(arguments)
    if _enter(talk, row, said, arguments):
        row.run(talk, said)


def _find_dialogue(talk: Talk) -> None:
    """An answer typed in the direct chat belongs to the question asked in a service conversation."""
    if talk.place is not Place.DIRECT or talk.dialogue() is not None:
        return
    for service in services_of(talk.tx, talk.customer_id):
        store = talk.chain.store(service.store_id)
        if store is None or talk.store not in (None, store):
            continue
        here = talk.home, talk.store, talk.bot
        talk.home, talk.store, talk.bot = service.conversation_id, store, store.bot
        if talk.dialogue() is not None:
            return
        talk.home, talk.store, talk.bot = here


def _for_people(talk: Talk, state: Dialogue | None) -> None:
    """A customer's words for the staff. An open question is asked once more, but not while a human is there."""
    if humans.human_is_there(talk.tx, talk.home):
        return
    said_something = humans.wait_for_human(talk)
    if state is None or state.kind == "menu" or state.misses or said_something:
        return
    state.misses += 1
    talk.keep(state)
    talk.say("unclear.left_to_staff")
    if state.kind == "book":
        booking.repeat(talk, state)
        state = talk.dialogue()
        if state is not None:
            state.misses = 1
            talk.keep(state)

"""The router: every text that the plugin receives goes to a command, to the open question, to a wish, or to the staff.

The precedence is the plugin's promise: red flags first; then what staff and slashes command; the exact label of a button; its
number; then what the acts of the text say to the open question, and after that by themselves; the rest is for people.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from imserver.plugin_api import Transaction
from imserver.plugins.booking.conversations import follow_name, has_left
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule.guests import called
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading
from imserver.plugins.booking.understanding.alarms import RedFlag
from imserver.plugins.booking.waiting import Why

from . import (
    answers,
    book,
    browse,
    coming_back,
    commands,
    details,
    emergency,
    exact,
    handoff,
    holding,
    joined,
    said,
    staff_talk,
    take_over,
    which,
    wished_move,
)
from .commands import ANYWHERE, GO_ON, LITERAL, OF_OTHER_SHOPS, QUESTION_NUMBER, Command, Where
from .context import DialogueContext, OutOfReach, Place
from .incoming import Incoming, locate, speak_as_written
from .labels import label_key
from .open_question import answered, asked_in, doubt_others, doubt_own, repeat_unarmed
from .state import Dialogue, load_dialogue
from .subjects import fresh_of
from .wishes import (
    changes_service,
    in_place_of_one,
    is_coming,
    is_courtesy,
    is_late,
    is_offered_times,
    put_right,
    wish_of,
)


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


def _details(context: DialogueContext, reading: Reading) -> bool:
    """/details and its lines."""
    context.answer_in(asked_in(context))
    if context.shop is None:
        context.say("details.nothing_open")
        return True
    return details.details(context, reading.text)


#: Every command. `open` stands here as it goes on with whatever was wanted, a command or a text.
COMMANDS = (
    *commands.COMMANDS,
    Command("open", (), _open, Where.HERE, "go on in that conversation"),
    Command(details.NAME, details.ALIASES, _details, Where.HERE, "whom a booking is for, in lines"),
)
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


def hear_command(tx: Transaction, texts: ShopTexts, message: Incoming, name: str, arguments: str) -> None:
    """Handle a text that the host took for one of our commands."""
    holding.expire_overdue(tx, texts)
    _hear(tx, texts, message, lambda context: _run(context, name, arguments))


def hear_text(tx: Transaction, texts: ShopTexts, message: Incoming) -> None:
    """Handle any other message in a conversation with one of our bots."""
    holding.expire_overdue(tx, texts)
    _hear(tx, texts, message, lambda context: _text(context, for_people=message.for_people))


def _hear(
    tx: Transaction, texts: ShopTexts, message: Incoming, handle: Callable[[DialogueContext], None]
) -> None:
    """A red flag goes before everything; what was said to people who have taken the conversation over is theirs."""
    context = locate(tx, texts, message)
    if context is None or joined.is_behind(context, message):
        return
    doubt_others(context)
    before = called(tx, context.customer_id)
    if not _emergency(context, message.flag):
        if take_over.is_for_people(context, message):
            handle = partial(take_over.talk, for_people=message.for_people)
        _within_reach(context, partial(handle, context))
    if called(tx, context.customer_id) != before:  # a guest has said a name
        follow_name(tx, texts.chain, texts.catalogue, context.customer_id)
    handoff.heard(context)


def _within_reach(context: DialogueContext, handle: Callable[[], None]) -> None:
    """Handle a text, unless its customer could not read what comes of it: then they are asked back first."""
    try:
        if context.place is Place.SERVICE and has_left(context.tx, context.heard_in, context.sender.user_id):
            context.require_reach(context.the_shop)  # they left since they wrote
        handle()
        if context.calls_for is not None:
            handoff.call_for(context, context.calls_for)
    except OutOfReach as left:
        coming_back.ask_back(context, left)
    context.point()


def _emergency(context: DialogueContext, flag: RedFlag | None) -> bool:
    """Answer a red flag of a customer. True if nothing else in the text counts."""
    if context.is_staff or flag is None:
        return False
    speak_as_written(context, remembered=False)
    emergency.answer(context, flag)
    if not flag.urgent:
        return False
    doubt_own(context)
    return True


def _run(context: DialogueContext, name: str, arguments: str) -> None:
    row = _BY_NAME[name]
    literal = exact.read(context, name, arguments)
    context.exact = literal is not None or name in LITERAL
    if context.exact:
        reading = Reading(arguments)
    else:
        reading = context.read(arguments, labels=False)
        if not _is_command(context, reading):
            _text(context)
            return
    speak_as_written(context)
    context.command = name
    if row.name not in GO_ON:
        doubt_own(context)
    if not _enter(context, row, reading, arguments):
        return
    if literal is not None:
        literal()
    elif not row.run(context, reading if name in LITERAL else context.again(reading)):
        context.command = ""
        _text(context)


def _is_command(context: DialogueContext, reading: Reading) -> bool:
    """A slash, a member of the staff and our own buttons command. A Chinese word does if the rest is values or nothing: what
    else begins with it is a sentence (取消要扣钱吗)."""
    if context.is_staff or context.text.lstrip()[:1] in "/／" or said.is_values(reading):
        return True
    if QUESTION_NUMBER.fullmatch(reading.text.strip()):
        return True  # the button of a question, also of one that is not open any more
    state = load_dialogue(context.tx, asked_in(context).conversation_id, context.sender.user_id)
    return state is not None and context.text.strip() in state.commands


def _enter(context: DialogueContext, row: Command, reading: Reading, arguments: str) -> bool:
    """Go to the shop that the command is about. False if the bot has to ask which first."""
    if row.where is Where.HERE or context.place is Place.STAFF:
        return True
    context.anywhere = row.name in ANYWHERE
    here = context.shop if context.place is Place.SERVICE else None
    named = None if row.name in OF_OTHER_SHOPS else said.shop_of(reading, context.chain)
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
    context.answer_in(asked_in(context))
    state = context.dialogue()
    reading = None if for_people else context.read(context.text)
    if reading is not None and _understood(context, state, reading):
        return
    if for_people and details.is_form(context.text) and state is not None and not context.is_staff:
        details.too_long(context)
        return
    misspelt = not for_people and label_key(context.text).startswith("/")
    doubt_own(context)
    if state is not None:
        state.doubt()
    if context.is_staff:
        if context.place is Place.SERVICE:
            coming_back.tell_of_staff(context)
            handoff.staff_wrote(context.tx, context.heard_in, context.position)
        elif misspelt:
            _unknown_command(context)
        elif context.place is Place.STAFF and not for_people:
            _of_staff(context, state)
        return
    if context.place is Place.OTHER:
        return
    if misspelt:
        _unknown_command(context)
    elif context.home == context.heard_in and context.place is Place.DIRECT:
        speak_as_written(context, remembered=False)
        browse.offer_people(context)
    else:
        _for_people(context, state, reading)


def _of_staff(context: DialogueContext, state: Dialogue | None) -> None:
    """No command as it stands, in the staff group."""
    line = staff_talk.with_slash(context)
    named = split(line) if line else None
    if named is None:
        staff_talk.heard(context, open_question=state is not None)
        return
    context.text = line
    _run(context, *named)


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
    if state is not None and (answered(context, state, reading) or _numbered(context, state, reading)):
        return True
    if context.is_staff or context.place not in (Place.SERVICE, Place.DIRECT):
        return False
    return not there and _wished(context, state, reading)


def _pressed(state: Dialogue | None, reading: Reading) -> str | None:
    """The command of the button whose label, or number, is the whole text."""
    if reading.label is not None:
        return reading.label
    number = _number_of(state, reading)
    return None if state is None or number is None else state.command_of(number)


def _number_of(state: Dialogue | None, reading: Reading) -> int | None:
    """The number of a button; below a list also its place in words, where nothing else was read in them."""
    number = said.number_of(reading)
    if number is not None or state is None or not state.lists or reading.acts:
        return number
    return which.place_alone(reading.text)


def _numbered(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A number that no button has: the day of the month of a button, or it is said how many there are."""
    number = _number_of(state, reading)
    if number is not None and state.options and number <= 99:
        dated = _of_day(context, state, number)
        if dated is not None:
            context.pressed = dated[0]
            _run_option(context, *dated[1])
            return True
        state.doubt()
        context.keep(state)
        context.say("unclear.number", count=len(state.options))
        return True
    return False


def _of_day(context: DialogueContext, state: Dialogue, number: int) -> tuple[str, tuple[str, str]] | None:
    """The one button whose day is this day of the month, of those that ask which day: 28, to "the 21st or the 28th?"; or whose
    hour it is: 10, below 9:00, 10:00 and 11:00."""
    of_day, of_hour = [], []
    for command in state.options:
        named = split(command)
        when = said.when_of(context.read(named[1], labels=False)) if named is not None else None
        if named is None or when is None:
            continue
        if state.step in ("day", "slot") and {day.day for day in when.days} == {number}:
            of_day.append((command, named))
        elif number > 0 and {one.hour for one in when.candidates} & {number, number + 12}:
            of_hour.append((command, named))
    return next((found[0] for found in (of_day, of_hour) if len(found) == 1), None)


def _wished(context: DialogueContext, state: Dialogue | None, reading: Reading) -> bool:
    """What the acts of a customer's text want by themselves, in the order of the promise. False: nothing."""
    speak_as_written(context, remembered=reading.has(Kind.BEGIN))
    fresh = fresh_of(context)
    reading = in_place_of_one(context, put_right(context, reading, fresh))
    if is_courtesy(state, reading):
        return wished_move.takes_back(context, state, reading) or _courtesy(context, state, reading)
    if said.puts_off(reading) and not reading.has(Kind.BEGIN):
        context.say("later.open")
        return True
    if is_late(reading):
        return False
    if fresh is not None and said.only_repeats(reading, fresh.wall):
        context.say("small.see_you", when=context.words.moment(fresh.wall))
        return True
    if _of_what_stands(context, reading):
        return True
    name = wish_of(context, reading)
    if name == "several":
        doubt_own(context)
        context.say("ask.one_by_one")
        browse.my(context, reading)
        return True
    if name is None and wished_move.takes_back(context, state, reading):
        return True
    if name is not None:
        doubt_own(context)
        row = _BY_NAME[name]
        if _enter(context, row, reading, context.text):
            row.run(context, context.again(reading))
        return True
    if reading.has(Kind.QUESTION):
        return _question(context, state, reading)
    if said.refused_times(reading) and is_coming(context):
        doubt_own(context)
        context.say("ask.move_or_cancel")
        browse.my(context, reading)
        return True
    return False


def _courtesy(context: DialogueContext, state: Dialogue | None, reading: Reading) -> bool:
    if reading.has(Kind.THANKS):
        context.say("small.thanks")
    elif reading.has(Kind.GREETING) and handoff.waits(context.tx, context.home):
        return False  # 在吗, to people who have not answered yet
    elif reading.has(Kind.GREETING) and (state is None or state.kind == "menu"):
        browse.greet(context)
    elif reading.has(Kind.GREETING):
        context.say("small.greeting")
    elif is_offered_times(context):
        _picks_none(context, reading)
    else:
        picks = state is not None and state.picks and reading.has(Kind.YES)
        context.say("small.pick" if picks else "small.nothing_open")
    return True


def _of_what_stands(context: DialogueContext, reading: Reading) -> bool:
    """What the bot cannot do to an appointment: another service, which people change; a number below the times on offer."""
    if changes_service(reading) and is_coming(context):
        handoff.pass_on(context, reading.text)
        return True
    if said.number_of(reading) is None or not is_offered_times(context):
        return False
    _picks_none(context, reading)
    return True


def _picks_none(context: DialogueContext, reading: Reading) -> None:
    """都不行, below the times that the shop offers instead: the people hear of it. 好 and 1 name none of them."""
    if reading.has(Kind.NO):
        handoff.call_for(context, Why.REQUEST)
    context.say("offer.none_fits" if reading.has(Kind.NO) else "offer.which")


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


def _run_option(context: DialogueContext, name: str, arguments: str) -> None:
    """A number or a label stands for a button. Its language is the one that the button was shown in."""
    row = _BY_NAME[name]
    context.command = name
    reading = context.read(arguments, labels=False)
    if row.name not in GO_ON:
        doubt_own(context)
    if _enter(context, row, reading, arguments):
        row.run(context, context.again(reading))


def _for_people(context: DialogueContext, state: Dialogue | None, reading: Reading | None) -> None:
    """A customer's words for the staff. An open question is asked once more, but not while staff are there."""
    if handoff.human_is_there(context.tx, context.home):
        handoff.answers_people(context, reading)
        return
    said_something = False
    if context.home != context.heard_in:
        handoff.forward(context, context.text, Why.UNREAD)  # the staff do not read what is typed elsewhere
    else:
        said_something = handoff.wait_for_human(context, Why.UNREAD)
    if state is None or state.kind == "menu" or state.misses or said_something:
        return
    state.misses += 1
    context.keep(state)
    context.say("unclear.left_to_staff")
    repeat_unarmed(context, state)
    state = context.dialogue()
    if state is not None:
        state.misses = 1
        context.keep(state)

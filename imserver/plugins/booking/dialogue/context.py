"""The context of one text: who speaks, for which customer, in which shop, and where the bot answers.

Customers and staff meet in the *service conversation*, one for each (shop, customer). The bot answers there also what a
customer types to it elsewhere, with a pointer in that chat.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from imserver.plugin_api import Transaction, User
from imserver.plugins.booking.conversations import has_left, known_service, service_conversation
from imserver.plugins.booking.dates.scan import is_chinese
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule.appointments import get
from imserver.plugins.booking.schedule.hours import wall_of, zone_of
from imserver.plugins.booking.schedule.shops import Chain, Shop
from imserver.plugins.booking.understanding.acts import Reading, Scene, Shown
from imserver.plugins.booking.understanding.reader import understand
from imserver.plugins.booking.waiting import Why

from .labels import label_key, labels_of, standing_labels
from .state import Dialogue, load_dialogue, save_dialogue

#: The third time in a row the same question is not shown again.
STUCK_TIMES = 3
_DIGITS_OF_MINUTES = re.compile("[0-9]+(?= ?(?:分钟|minute))")


class Place(Enum):
    """Kinds of conversation that the bot reads."""

    SERVICE = "service"
    STAFF = "staff"
    DIRECT = "direct"  # a customer and one of our bots
    OTHER = "other"  # a group that a user added a bot to


class OutOfReach(Exception):
    """The customer has left the conversation in which the bot would go on: nothing is asked, held or confirmed there before
    they are back. Raised before anything is written."""

    def __init__(self, shop: Shop, conversation_id: str) -> None:
        super().__init__(f"the customer is not in {conversation_id}")
        self.shop = shop
        self.conversation_id = conversation_id


@dataclass(frozen=True, slots=True)
class Answering:
    """Where the bot answers, for which shop (None while none is chosen), and as which of our bots."""

    conversation_id: str
    shop: Shop | None
    bot: str


@dataclass(slots=True)
class DialogueContext:
    """Lives for one transaction."""

    tx: Transaction
    texts: ShopTexts
    sender: User
    text: str
    #: The position of the text in the conversation where it was heard.
    position: int
    place: Place
    heard_in: str
    #: Our bot in that conversation.
    heard_by: str
    answering: Answering
    customer_id: str
    language: str
    is_staff: bool = False
    #: The command being run; "" for a text without one.
    command: str = ""
    #: The conversation elsewhere in which something was said, and the question that was asked there.
    said_in: str = ""
    asked: str = ""
    #: The buttons of that question, unless it asks for a yes.
    choices: Sequence[Option] = ()
    #: Words for the people that waited for a shop to be chosen.
    passing: str = ""
    #: The zone in which the text was read.
    zone: str = ""
    #: The command of the button that was pressed; "" for what was typed.
    pressed: str = ""
    #: What is asked for holds and confirms nothing: a customer who left the shop's conversation is answered in the direct chat.
    anywhere: bool = False
    #: A program wrote it, such as the page: whoever taps reads its words, and needs no people to be called.
    exact: bool = False
    #: Why the people are to be called for this text: the customer was told what is missing instead of the same question again,
    #: or wishes what the bot may not give.
    calls_for: Why | None = None

    @property
    def home(self) -> str:
        """The conversation in which the bot answers."""
        return self.answering.conversation_id

    @property
    def shop(self) -> Shop | None:
        return self.answering.shop

    @property
    def bot(self) -> str:
        """Our bot that answers."""
        return self.answering.bot

    @property
    def words(self) -> Words:
        return self.texts.catalogue.words(self.language, self.shop)

    @property
    def chain(self) -> Chain:
        return self.texts.chain

    @property
    def now_ms(self) -> int:
        return self.tx.now_ms

    @property
    def the_shop(self) -> Shop:
        assert self.shop is not None
        return self.shop

    @property
    def now(self) -> datetime:
        """Wall time of the shop, or of the chain's first where none is chosen."""
        return wall_of(self.now_ms, zone_of(self.shop or self.chain.stores[0]))

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(
        self, text: str, *, labels: bool = True, day: date | None = None, about: datetime | None = None
    ) -> Reading:
        """Read a text as an answer to what is open here. Without `labels` it is no button's: the words behind a command. `day`:
        the day of a bare hour, if it is not the one that was said or shown last. `about`: the start of the appointment that is
        spoken of, while no card shows another: what is relative is relative to it."""
        state = self.dialogue()
        shop = self.shop or self.chain.stores[0]
        about = about or self._moved(state)
        scene = Scene(
            now=self.now,
            zone=shop.zone,
            shop=self.shop.id if self.shop else "",
            step=_step(state),
            labels=self._labels(state) if labels else {},
            shown=_shown(state) if about is None else Shown(about.date(), about, booked=True),
            days_asked=_days_asked(state),
            day_said=day or _day_said(state) or (about and about.date()),
            name=state.name if state is not None else "",
            asks=state.kind if state is not None and state.asks_yes else "",
            staff=self.is_staff and state is None and labels,
            chinese=is_chinese(_in_front(self.text, text)),
        )
        self.zone = shop.zone
        return understand(text, scene, self.texts.lexicon)

    def _moved(self, state: Dialogue | None) -> datetime | None:
        """The start of the appointment that is moved, while no other day is chosen."""
        if state is None or state.kind != "move" or state.wall or state.day:
            return None
        appointment = get(self.tx, state.appointment_id)
        return appointment.wall if appointment is not None else None

    def read_staffs(self, text: str) -> Reading:
        """A whole text of the staff, whatever is open: with its command word, as people read it."""
        shop = self.the_shop
        scene = Scene(now=self.now, zone=shop.zone, shop=shop.id, step="", labels={}, staff=True)
        return understand(text, scene, self.texts.lexicon)

    def again(self, reading: Reading) -> Reading:
        """The same words in the time of the shop that is spoken to by now."""
        shop = self.shop
        return reading if shop is None or shop.zone == self.zone else self.read(reading.text, labels=False)

    def _labels(self, state: Dialogue | None) -> Mapping[str, str]:
        labels = {} if self.is_staff else dict(standing_labels())
        if state is not None:
            labels |= state.labels
            if state.kind == "cancel" and state.asks_yes:  # its button, in whatever language it is typed
                labels |= dict.fromkeys(labels_of("button.yes_cancel"), state.yes)
            if state.expired:  # a list that interrupts another question: its numbers are its labels
                labels |= {str(number): command for number, command in enumerate(state.options, 1)}
        return labels

    # -- answering ----------------------------------------------------------------------------------------------------

    def say(self, key: str, **values: object) -> int:
        """Post a text where answers go; its position."""
        return self.post({"type": "text", "text": self.words(key, **values)})

    def post(self, content: Mapping[str, Any]) -> int:
        """Post where answers go."""
        if self.home != self.heard_in:
            self.said_in = self.home
        return self.tx.post(self.home, content, sender_id=self.bot)

    def offer(self, key: str, options: Sequence[Option], code: str = "", store: str = "") -> None:
        """Post a card with options beside whatever is open: a yes may not answer that any more."""
        state = self.dialogue() or Dialogue()
        state.doubt()
        yes, number, last, times = state.yes, state.number, state.last, state.times
        self.ask(state, key, options, code=code, store=store)
        state.yes, state.number = yes, number  # none of these is the yes to what is open
        state.last, state.times = last, times
        state.picks = True
        self.keep(state)

    def ask(
        self,
        state: Dialogue,
        key: str,
        options: Sequence[Option] = (),
        title: str = "",
        fields: Sequence[tuple[str, str]] = (),
        **values: object,
    ) -> None:
        """Post a question of a dialogue and keep its state; without options a plain text."""
        text = self.words(key, **values)
        if self._is_stuck(state, [text, *(value for pair in fields for value in pair)]):
            return
        if options or fields:
            position = self.post(cards.question(self.words, title, text, options, fields))
        else:
            position = self.post({"type": "text", "text": text})
        shown = options[: cards.MAX_ACTIONS]
        state.show(
            [option.command for option in shown],
            {label_key(option.label): option.command for option in shown},
        )
        state.asked = {self.home: position}
        state.picks = False
        state.yes = shown[0].command if state.asks_yes and shown else ""
        if not any(option.command.endswith(f" #{state.number}") for option in shown):
            state.number = 0
        self.asked, self.choices = text, () if state.asks_yes else shown
        self.keep(state)

    def _is_stuck(self, state: Dialogue, shown: Sequence[str]) -> bool:
        """Whether the same question would be shown for the third time in a row: then what is missing is said, and the people
        are called. What it shows, without the minutes that run off."""
        if self.exact:
            state.times, state.last = 0, ""
            return False
        what = _DIGITS_OF_MINUTES.sub("", "\n".join((state.kind, state.step.removesuffix("_again"), *shown)))
        state.times = state.times + 1 if what == state.last else 1
        state.last = what
        if state.times < STUCK_TIMES or self.is_staff or self.shop is None or self.home != self.heard_in:
            return False
        self.say(f"stuck.{_missing(state)}", question=shown[0])
        state.times = 0  # and then the question again
        self.keep(state)
        self.calls_for = Why.CIRCLES
        return True

    def yes_command(self, state: Dialogue) -> str:
        """The command of a yes that names no appointment: its number makes it the answer to this question alone, however often
        the card is shown. Whoever changes what it shows takes the number away."""
        state.number = state.number or self.now_ms + self.position
        return f"{self.words('command.confirm')} #{state.number}"

    def point(self) -> None:
        """The pointer to where the bot answered, if that was elsewhere. A question is repeated in it: it may be answered here,
        below it."""
        if not self.said_in or self.said_in != self.home:
            return
        store = self.the_shop.names.in_language(self.language)
        if self.place is Place.OTHER:
            self.asked, self.choices = "", ()  # others read along, and it cannot be answered there
        key = "pointer.asks" if self.asked else "pointer.text"
        text = self.words(key, store=store, question=self.asked)
        choices = cards.numbered(self.words, self.choices)
        pointer = cards.card(
            self.words("pointer.title"),
            f"{text}\n{choices}" if choices else text,
            options=[*self.choices, Option(self.words("button.open"), f"/open {self.home}")],
            ref=("conversation", self.home, 1),
        )
        position = self.tx.post(self.heard_in, pointer, sender_id=self.heard_by)
        state = self.dialogue()
        if state is not None:
            if self.asked:
                state.asked[self.heard_in] = position
            if self.heard_in not in state.pointed:
                state.pointed.append(self.heard_in)
            self.keep(state)

    # -- the dialogue of this person in this conversation ---------------------------------------------------------------

    def dialogue(self) -> Dialogue | None:
        return load_dialogue(self.tx, self.home, self.sender.user_id)

    def keep(self, state: Dialogue | None) -> None:
        save_dialogue(self.tx, self.home, self.sender.user_id, state)

    def close(self, state: Dialogue | None) -> None:
        """The question is answered: the one that it interrupted is open again, and a yes asks first which that was."""
        self.keep(state.below if state is not None else None)

    def interrupts(self, state: Dialogue) -> Dialogue:
        """`state` as a new question: a booking that is open goes on behind it."""
        open_now = self.dialogue()
        if open_now is not None:
            state.labels = open_now.labels
            state.below = open_now if open_now.kind == "book" else open_now.below
            if state.below is not None:
                state.below.doubt()
        return state

    def stands_above(self, state: Dialogue) -> bool:
        """Whether the question stands above the text, in the conversation of the text."""
        return state.asked.get(self.heard_in, self.position) < self.position

    # -- going to a shop ------------------------------------------------------------------------------------------------

    def go(self, shop: Shop) -> None:
        """From here on answer as `shop`, in the customer's service conversation (made now if there is none)."""
        if self.place is Place.STAFF:
            return
        if self.anywhere and self.place is Place.DIRECT and self._left(shop) is not None:
            self.answering = Answering(self.heard_in, shop, self.heard_by)
            return
        self.require_reach(shop)
        if self.place is not Place.SERVICE:
            waiting = load_dialogue(self.tx, self.heard_in, self.sender.user_id)
            self.passing = waiting.passing if waiting is not None else self.passing
            save_dialogue(
                self.tx, self.heard_in, self.sender.user_id, None
            )  # the next answer belongs to the shop
        home = service_conversation(self.tx, self.chain, self.texts.catalogue, shop, self.customer_id)
        self.answering = Answering(home, shop, shop.bot)

    def answer_in(self, answering: Answering) -> None:
        """From here on answer there, where a question of this person is open."""
        if answering.shop is not None and answering.conversation_id != self.heard_in:
            self.require_reach(answering.shop)
        self.answering = answering

    def require_reach(self, shop: Shop) -> None:
        """Raises OutOfReach if the customer who speaks has left the conversation with this shop."""
        left = self._left(shop)
        if left is not None:
            raise OutOfReach(shop, left)

    def _left(self, shop: Shop) -> str | None:
        """The conversation with the shop, if there is one and the sender, its customer, is not in it."""
        if self.is_staff or self.sender.user_id != self.customer_id:
            return None
        there = known_service(self.tx, shop.id, self.customer_id)
        return there if there is not None and has_left(self.tx, there, self.customer_id) else None


def _in_front(typed: str, text: str) -> str:
    """The word of the command that a text stands behind, as it was typed; "" for a whole text."""
    front = typed.strip().removesuffix(text.strip()).strip()
    return front.casefold() if len(front) < len(typed.strip()) else ""


def _missing(state: Dialogue) -> str:
    """What the open question waits for."""
    if state.asks_yes:
        return "yes"
    return (
        state.step if state.step in ("service", "day", "slot", "name", "age", "first_visit", "who") else "any"
    )


def _step(state: Dialogue | None) -> str:
    """The step as the reader knows it."""
    if state is None:
        return ""
    return "service" if state.step == "who" else state.step


def _shown(state: Dialogue | None) -> Shown:
    if state is None or not state.wall:
        return Shown(day=date.fromisoformat(state.day) if state and state.day else None)
    start = datetime.fromisoformat(state.wall)
    return Shown(start.date(), start, state.asks_yes)


def _days_asked(state: Dialogue | None) -> tuple[date, ...]:
    asked = state.days_asked if state is not None and state.step == "day" else ()
    return tuple(date.fromisoformat(day) for day in asked)


def _day_said(state: Dialogue | None) -> date | None:
    said = (state.day_said or state.day) if state is not None else ""
    return date.fromisoformat(said) if said else None

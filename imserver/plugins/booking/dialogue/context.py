"""The context of one text: who speaks, for which customer, in which shop, and where the bot answers.

Customers and staff meet in the *service conversation*, one for each (shop, customer). The bot answers there also what a
customer types to it directly, with a pointer in the direct chat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from imserver.plugin_api import Transaction, User
from imserver.plugins.booking.conversations import service_conversation
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule.shops import Chain, Shop
from imserver.plugins.booking.understanding.ear import Said

from .state import Dialogue, load_dialogue, save_dialogue


class Place(Enum):
    """Kinds of conversation that the bot reads."""

    SERVICE = "service"
    STAFF = "staff"
    DIRECT = "direct"  # a customer and one of our bots
    OTHER = "other"  # a group that a user added a bot to


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
    place: Place
    heard_in: str
    #: Our bot in that conversation.
    heard_by: str
    answering: Answering
    customer_id: str
    language: str
    is_staff: bool = False
    #: Of the message, in the conversation that it was heard in.
    position: int = 0
    #: The command being run; "" for a text without one.
    command: str = ""
    pointed: bool = False

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

    def hear(self, text: str) -> Said:
        return self.texts.ear.hear(text, self.now_ms, self.shop)

    # -- answering ----------------------------------------------------------------------------------------------------

    def say(self, key: str, **values: object) -> None:
        self.post({"type": "text", "text": self.words(key, **values)})

    def post(self, content: Mapping[str, Any]) -> int:
        """Post where answers go; the first time also a pointer, if the text came in another conversation."""
        if self.home != self.heard_in and not self.pointed:
            self.pointed = True
            name = self.the_shop.names.in_language(self.language)
            pointer = cards.card(
                self.words("pointer.title"),
                self.words("pointer.text", store=name),
                ref=("conversation", self.home, 1),
            )
            self.tx.post(self.heard_in, pointer, sender_id=self.heard_by)
        return self.tx.post(self.home, content, sender_id=self.bot)

    def offer(self, key: str, options: Sequence[Option]) -> None:
        """Post a card with options, and remember them under their numbers.

        The question before is over (a yes may not answer it); only the draft of a booking is kept.
        """
        state = self.dialogue()
        if state is None or state.kind != "book":
            state = Dialogue()
        state.doubt()
        self.ask(state, key, options)

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
        if options or fields:
            self.post(cards.question(self.words, title, text, options, fields))
        else:
            self.post({"type": "text", "text": text})
        state.options = [option.command for option in options[: cards.MAX_ACTIONS]]
        self.keep(state)

    # -- the dialogue of this person in this conversation ---------------------------------------------------------------

    def dialogue(self) -> Dialogue | None:
        return load_dialogue(self.tx, self.home, self.sender.user_id)

    def keep(self, state: Dialogue | None) -> None:
        save_dialogue(self.tx, self.home, self.sender.user_id, state)

    # -- going to a shop ------------------------------------------------------------------------------------------------

    def go(self, shop: Shop) -> None:
        """From here on answer as `shop`, in the customer's service conversation (made now if there is none)."""
        if self.place is Place.STAFF:
            return
        if self.place is not Place.SERVICE:
            save_dialogue(
                self.tx, self.heard_in, self.sender.user_id, None
            )  # the next answer belongs to the shop
        home = service_conversation(self.tx, self.chain, self.texts.catalogue, shop, self.customer_id)
        self.answering = Answering(home, shop, shop.bot)

"""The chat's memory: conversations with their shown messages, and the names of users. No input, no output."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from imserver_client import Client, Cursor, Item, Message, Refused
from imserver_protocol.shared.bounds import MORE_UNREAD

from .render import Action, Tick, actions_of, preview, tick_of

Shows = TypeVar("Shows", Message, Item)

#: Messages of a conversation whose revision is remembered, so that a change is shown once.
MAX_REMEMBERED = 1000
#: Cells of a card that is named.
CARD_CELLS = 50
#: Remembered names; a full memory is cleared.
MAX_NAMES = 10_000
#: User ids in one question (the server's bound).
MAX_NAMES_ASKED = 100
#: Seconds that a message waits for the name of its sender.
NAME_WAIT_S = 3.0


@dataclass(slots=True)
class Place:
    """One conversation as this chat knows it. `user_id`: the chat's own user."""

    conversation_id: str
    user_id: str
    title: str
    unread: int = 0
    #: The server's count of unread messages, from which ours continues, went up to this position.
    counted_to: int = 0
    announced_at: float = -1e9
    #: Shown up to this position.
    shown_to: int = 0
    #: Position -> revision that was shown.
    revisions: dict[int, int] = field(default_factory=dict)
    #: Position -> revision of messages that were taken back, as far as this chat was told.
    gone: dict[int, int] = field(default_factory=dict)
    #: Position -> what was shown below it, if anything.
    marks: dict[int, str] = field(default_factory=dict)
    #: Position -> a card of somebody else that was shown, in few words.
    cards: dict[int, str] = field(default_factory=dict)
    #: The buttons that a digit taps, and the position of their card.
    actions: list[Action] = field(default_factory=list)
    card_at: int = 0
    #: Command -> label of buttons of bots, in the order in which they were shown.
    labels: dict[str, str] = field(default_factory=dict)
    #: The newest own message, and its shown ticks: user id -> tick.
    last_own: int = 0
    told: dict[str, Tick] = field(default_factory=dict)
    #: Messages that arrive while the history is being read.
    arriving: list[Message] | None = None

    def unread_text(self) -> str:
        """How many messages of others are unread; above 99 the server tells of no number either."""
        return str(self.unread) if self.unread < MORE_UNREAD else f"{MORE_UNREAD - 1}+"

    def note(self, item: Message | Item, cursors: Mapping[str, Cursor]) -> None:
        """Note a shown item: its revision, the newest own message, and the buttons that a digit taps from here on."""
        if len(self.revisions) >= MAX_REMEMBERED:
            self.marks.pop(oldest := min(self.revisions), None)
            del self.revisions[oldest]
        self.revisions[item.position] = item.revision
        if is_system(item.content):
            return
        own = item.sender_id == self.user_id
        if not own and item.content is not None and item.content.get("type") == "card":
            if len(self.cards) >= MAX_REMEMBERED:
                del self.cards[min(self.cards)]
            self.cards[item.position] = preview(item.content, CARD_CELLS) or "a card"
        if own and item.position > self.last_own:
            self.last_own = item.position
            self.told = {
                user_id: tick_of(item.position, [cursor]) for user_id, cursor in self.others(cursors).items()
            }
        actions = actions_of(item.content)
        if actions and item.position >= self.card_at:
            self.actions, self.card_at = actions, item.position
        elif item.position == self.card_at or (not own and item.position > self.card_at):
            self.actions = []  # a message came after the card: a digit answers that one

    def know_buttons(self, content: Any) -> None:
        """Remember what the buttons of a bot's card are called. A person's card may call a button what it is not."""
        for action in actions_of(content):
            self.labels.pop(action.command, None)  # the newest ones stay longest
            self.labels[action.command] = action.label
        while len(self.labels) > MAX_REMEMBERED:
            del self.labels[next(iter(self.labels))]

    def as_tapped(self, content: Any) -> Any:
        """A text that is a button's command with more in it than one word, `/confirm A7K2 v3`, as that button: `[Confirm]`.
        What people type themselves, `/my`, stays."""
        if not isinstance(content, dict) or content.get("type") != "text":
            return content
        text = content.get("text")
        label = self.labels.get(text) if isinstance(text, str) and " " in text else None
        return content if label is None else {**content, "text": f"[{label}]"}

    def taken_back(self, position: int, revision: int) -> bool:
        """Note that a message was taken back: what still shows it is too old. True if it was on the screen."""
        if len(self.gone) >= MAX_REMEMBERED:
            del self.gone[min(self.gone)]
        self.gone[position] = revision
        return self.revisions.get(position, revision) < revision

    def as_now(self, item: Shows) -> Shows:
        """The message, or its tombstone."""
        revision = self.gone.get(item.position, 0)
        return replace(item, content=None, revision=revision) if item.revision < revision else item

    def fall(self, agreed: int) -> list[str]:
        """Above this position it is another history: forget what was shown there. Returns the cards among it, in few words.

        Of what stays, edits and retractions may be gone: it is shown again when that is told.
        """
        lost = [card for position, card in sorted(self.cards.items()) if position > agreed]
        self.shown_to, self.counted_to = min(self.shown_to, agreed), min(self.counted_to, agreed)
        self.revisions = {
            position: 0 if revision > 1 else revision
            for position, revision in self.revisions.items()
            if position <= agreed
        }
        self.cards = {position: card for position, card in self.cards.items() if position <= agreed}
        self.marks = {position: marks for position, marks in self.marks.items() if position <= agreed}
        self.gone, self.told = {}, {}
        if self.last_own > agreed:
            self.last_own = 0
        if self.card_at > agreed:
            self.actions, self.card_at = [], 0
        return lost

    def others(self, cursors: Mapping[str, Cursor]) -> dict[str, tuple[int, int]]:
        """(delivered, read) of all members but the own user."""
        return {
            user_id: (cursor.delivered, cursor.read)
            for user_id, cursor in cursors.items()
            if user_id != self.user_id
        }


class Names:
    """Display names, read from the server when needed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._names: dict[str, str] = {}
        self._bots: set[str] = set()

    def is_bot(self, user_id: str) -> bool:
        """Whether a program writes under this name, as far as the server says."""
        return user_id in self._bots

    def __call__(self, user_id: str) -> str:
        """The display name, or the id while the name is unknown."""
        return self._names.get(user_id, user_id)

    async def learn(self, user_ids: Iterable[str]) -> None:
        """Read unknown names from the server. Without an answer the chat shows ids."""
        if len(self._names) > MAX_NAMES:
            self._names.clear()
            self._bots.clear()
        wanted = sorted({user_id for user_id in user_ids if user_id and user_id not in self._names})
        for start in range(0, len(wanted), MAX_NAMES_ASKED):
            try:
                async with asyncio.timeout(NAME_WAIT_S):
                    for user in await self._client.users(wanted[start : start + MAX_NAMES_ASKED]):
                        self._names[user.user_id] = user.display_name or user.user_id
                        if user.is_bot:
                            self._bots.add(user.user_id)
            except (TimeoutError, Refused):
                return


def is_system(content: Any) -> bool:
    """True for the server's system messages: of members, titles and more."""
    return isinstance(content, dict) and content.get("type") == "system"


def tells_of_retraction(content: Any) -> bool:
    """True for the system message of a message that was taken back: its tombstone is drawn instead."""
    return is_system(content) and content.get("event") == "retracted"


def users_in(content: Any) -> list[str]:
    """The users that a system message names."""
    user = content.get("user") if is_system(content) else None
    return [user] if isinstance(user, str) else []

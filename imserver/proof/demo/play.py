"""The vocabulary of the demonstration's scenes: post, wait for the answer, and show both on a person's screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imserver.proof.player import Heard, Player
from imserver_client import Posted, State

from .environment import LI, STORE_BOT, DemoEnvironment
from .stage import Line, Stage

Match = Callable[[Heard], bool]


@dataclass(slots=True)
class Kill:
    """A SIGKILL: the posts in flight, and how many of them the database already had."""

    pid: int
    unanswered: int
    stored: int


@dataclass(slots=True)
class Play:
    """The environment, the stage, and the faults so far."""

    environment: DemoEnvironment
    stage: Stage
    #: Damage to the database while the server is down, if this run shall fail (`sabotage.py`).
    while_down: Callable[[Path], None]
    kills: list[Kill] = field(default_factory=list)
    #: How far each player's screen was shown.
    _shown: dict[str, int] = field(default_factory=dict)
    #: How far the news were shown, by player and conversation.
    _told: dict[tuple[str, str], int] = field(default_factory=dict)
    _looking_at: tuple[str, str] = ("", "")

    def player(self, user_id: str) -> Player:
        return self.environment.players[user_id]

    # -- places -------------------------------------------------------------------------------------------------------

    async def shop_of(self, player: Player) -> str:
        """The conversation of this customer with the shop, as soon as the shop has made it."""
        direct = player.client.direct(STORE_BOT)
        found = await player.find(lambda one: one.conversation_id != direct, "the shop's conversation")
        return player.heard[found].conversation_id

    def look(self, player: Player, place: str) -> None:
        """Turn to this person's screen, unless we are there."""
        if self._looking_at != (player.name, place):
            self._looking_at = (player.name, place)
            self.stage.screen(player.name, place)

    def scene(self, title: str) -> None:
        self._looking_at = ("", "")
        self.stage.scene(title)

    async def tell(self, text: str, *, bad: bool = False) -> None:
        """The narrator."""
        self.stage.tell(text, bad=bad)
        await self.stage.pause()

    async def note(self, text: str, *, bad: bool = False) -> None:
        """On the screen that we look at."""
        self.stage.note(text, bad=bad)
        await self.stage.pause()

    # -- talking ------------------------------------------------------------------------------------------------------

    async def say(self, player: Player, conversation_id: str, text: str) -> Posted:
        """Post, wait until it is stored, and show it."""
        key = player.post(conversation_id, text)
        posted = await player.posted(key)
        await self.show_post(player, posted, text)
        return posted

    async def show_post(self, player: Player, posted: Posted, text: str) -> None:
        """One's own message, stored."""
        line = Line(player.name, posted.sent_at, {"type": "text", "text": text}, "committed")
        self.stage.line(line)
        await self.stage.pause()

    async def show_waiting(self, player: Player, text: str) -> None:
        """One's own message that is only in the outbox."""
        line = Line(player.name, self.environment.clock.now_ms(), {"type": "text", "text": text}, "queued")
        self.stage.line(line)
        await self.stage.pause()

    async def hear(self, player: Player, match: Match, what: str, *, show: Match | None = None) -> Heard:
        """Wait for a match, and show the messages up to it (all that `show` lets through)."""
        start = self._shown.get(player.client.user_id, 0)
        found = await player.find(match, what, start)
        for heard in player.heard[start : found + 1]:
            if _is_news(player, heard) and (show is None or show(heard)):
                self.stage.line(self._line(heard))
                await self.stage.pause()
        self._shown[player.client.user_id] = found + 1
        return player.heard[found]

    async def ask(self, player: Player, conversation_id: str, text: str, what: str = "an answer") -> Heard:
        """Post to the shop's bot and show everything up to its first answer there."""
        posted = await self.say(player, conversation_id, text)
        return await self.answer(player, conversation_id, posted.position, what)

    async def answer(
        self,
        player: Player,
        conversation_id: str,
        after: int,
        what: str = "an answer",
        show: Match | None = None,
    ) -> Heard:
        """The bot's messages after a position."""

        def is_answer(heard: Heard) -> bool:
            return (
                heard.conversation_id == conversation_id
                and heard.position > after
                and heard.sender_id == STORE_BOT
                and is_speech(heard)
            )

        return await self.hear(player, is_answer, what, show=show)

    async def news(self, player: Player, conversation_id: str) -> None:
        """Cards of a conversation that have come since this was last asked, a line each."""
        place = (player.client.user_id, conversation_id)
        for heard in player.heard[self._told.get(place, 0) :]:
            if heard.conversation_id == conversation_id and heard.content.get("type") == "card":
                await self.note(f"• {heard.content.get('title')}: {heard.content.get('text')}")
        self._told[place] = len(player.heard)

    def skip(self, player: Player) -> None:
        """Do not show this player's messages up to now (another screen showed them, or they bring nothing new)."""
        self._shown[player.client.user_id] = len(player.heard)

    def _line(self, heard: Heard) -> Line:
        return Line(self._name(heard.sender_id), heard.sent_at, heard.content, changed=heard.changed)

    def _name(self, user_id: str) -> str:
        if user_id in self.environment.players:
            return self.environment.players[user_id].name
        return "花园店" if user_id == STORE_BOT else user_id

    # -- the machines -------------------------------------------------------------------------------------------------

    async def connection_back(self, player: Player, since: int) -> bool:
        """Wait until the client is connected again; True if its session went on. `since`: reports before do not count."""

        def back() -> bool:
            return any(one.state is State.CONNECTED for one in player.connections[since:])

        await player.until(back, "the connection to come back")
        return next(one.resumed for one in player.connections[since:] if one.state is State.CONNECTED)

    async def connection_lost(self, player: Player, since: int) -> str:
        """Wait until the client has noticed; its reason."""

        def lost() -> bool:
            return any(one.state is State.WAITING for one in player.connections[since:])

        await player.until(lost, "the connection to be lost")
        return next(one.reason for one in player.connections[since:] if one.state is State.WAITING)

    @property
    def li(self) -> Player:
        """The shop's side."""
        return self.player(LI.user_id)

    @property
    def staff_group(self) -> str:
        """The conversation of the shop's staff, which exists from the start."""
        return next(name for name in self.li.transcript.heads if not name.startswith("direct/"))


def is_speech(heard: Heard) -> bool:
    """True for texts and cards, not for system messages."""
    return heard.content.get("type") in ("text", "card")


def nothing(heard: Heard) -> bool:
    """Matches no message: show none."""
    return False


def is_card(title: str, *, changed: bool | None = None) -> Match:
    """A card with this title."""
    return lambda heard: (
        heard.content.get("type") == "card"
        and heard.content.get("title") == title
        and changed in (None, heard.changed)
    )


def button(card: Heard, labels: Sequence[str]) -> str:
    """The command of the first button whose label contains one of the texts: a tap posts it."""
    for action in card.content.get("actions", ()):
        if any(label in action["label"] for label in labels):
            return str(action["command"])
    raise KeyError(f"no button {labels} on {card.content!r}")


def _is_news(player: Player, heard: Heard) -> bool:
    """True unless it is an own message or a signpost (an answer in another conversation, which is shown there)."""
    own = heard.sender_id == player.client.user_id
    signpost = dict(heard.content.get("ref") or {}).get("kind") == "conversation"
    return is_speech(heard) and not own and not signpost

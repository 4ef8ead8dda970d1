"""Customers who book, move and cancel, and staff who change their appointments: all compete for the same times.

They follow the buttons on the cards, so every dialogue leads somewhere; without an answer in time they start over.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from imserver_client import Posted, direct_conversation_id

from .appointment_card import appointment_card
from .card_words import NEWS, STATUSES

ZONE = ZoneInfo("Asia/Shanghai")
#: For so long the customers of all processes want the same time (seconds).
SAME_WISH_S = 4
#: Days from now to ask for: beyond the cut-off for changes, within the horizon of 60.
FIRST_DAY, LAST_DAY = 2, 55
#: Steps of a dialogue; the longest wait for an answer; messages that follow it within this time belong to it (seconds).
MAX_STEPS, ANSWER_S, TOGETHER_S = 6, 10.0, 0.2
#: Appointments of one customer above which one is given back. The shop allows eight.
ENOUGH = 3
#: Between two errands of a customer, and of staff, on average (seconds).
CUSTOMER_PAUSE_S, STAFF_PAUSE_S = 1.0, 4.0
ASKS = ("Is this right?", "请确认")


class Part(Protocol):
    """The identity of a booker: the user, the bot of its shop, and whether it writes Chinese."""

    @property
    def user_id(self) -> str: ...

    @property
    def shop(self) -> str: ...

    @property
    def chinese(self) -> bool: ...


class Counts(Protocol):
    """Sums of the run."""

    booked: int
    moved: int
    cancelled: int
    unheard: int


class Conversation(Protocol):
    """A conversation in a list."""

    @property
    def conversation_id(self) -> str: ...


class Actor(Protocol):
    """The client that a booker uses. `hear` gets every message and edit."""

    hear: Callable[[str, int, str, Mapping[str, Any]], None]
    #: Hears of a conversation that is another one above a position; None: from its beginning, or no more at all.
    fell: Callable[[str, int | None], None]

    @property
    def part(self) -> Part: ...

    @property
    def counts(self) -> Counts: ...

    @property
    def ready(self) -> asyncio.Event: ...

    def post(self, conversation_id: str, words: str) -> Awaitable[Posted | None] | None: ...

    async def conversations(self) -> Sequence[Conversation]: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """A message or edit of the bot."""

    position: int
    content: Mapping[str, Any]

    @property
    def commands(self) -> list[str]:
        return [str(action["command"]) for action in self.content.get("actions", ())]

    @property
    def title(self) -> str:
        return str(self.content.get("title", ""))


class Booker:
    """Base of customers and staff: a conversation with a bot, and the appointments that they know."""

    def __init__(self, actor: Actor, rng: random.Random, seed: int) -> None:
        self.actor = actor
        self.rng = rng
        self.here = ""
        #: Code -> version of booked appointments, as the cards said.
        self.known: dict[str, int] = {}
        self._seed = seed
        self._heard: list[Heard] = []
        self._arrived = asyncio.Event()
        actor.hear = self.hear
        actor.fell = self.fell

    @property
    def part(self) -> Part:
        return self.actor.part

    async def play(self, stopping: asyncio.Event, pause_s: float) -> None:
        """One errand after the other."""
        await self.actor.ready.wait()
        while not stopping.is_set():
            try:
                async with asyncio.timeout(self.rng.expovariate(1 / pause_s)):
                    await stopping.wait()
            except TimeoutError:
                await self.find_here()
                await self.errand(self.wish(), stopping)

    async def find_here(self) -> None:
        raise NotImplementedError

    def wish(self) -> str:
        """The first line of a dialogue."""
        raise NotImplementedError

    async def errand(self, words: str, stopping: asyncio.Event) -> None:
        """One dialogue."""
        for _ in range(MAX_STEPS):
            if not words or stopping.is_set():
                return
            answers = await self.ask(words)
            words = self.react(answers)

    async def ask(self, words: str) -> list[Heard]:
        """Post the words, sometimes twice as nervous people do, and wait for the bot's answer."""
        if self.rng.random() < 0.05:
            self.actor.post(self.here, words)
        posting = self.actor.post(self.here, words)
        posted = None if posting is None else await posting
        if posted is None:
            return []
        try:
            async with asyncio.timeout(ANSWER_S):
                while not self._since(posted.position):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            self.actor.counts.unheard += 1
            return []
        await asyncio.sleep(TOGETHER_S)
        return self._since(posted.position)

    def react(self, answers: list[Heard]) -> str:
        """The next line; "" to end the dialogue."""
        asking = next((one for one in reversed(answers) if one.commands), None)
        if asking is None or appointment_card(asking.content) is not None:
            return ""
        if asking.title in ASKS:
            return "/cancel" if self.rng.random() < 0.1 else "yes"
        if self.rng.random() < 0.05:
            return "/cancel"
        return self.rng.choice(asking.commands)

    def hear(self, conversation_id: str, position: int, sender_id: str, content: Mapping[str, Any]) -> None:
        """Take each message and edit that the client receives."""
        self._learn(conversation_id, content)
        if conversation_id == self.here and sender_id == self.part.shop:
            self._heard = [*self._heard[-20:], Heard(position, content)]
            self._arrived.set()

    def fell(self, conversation_id: str, agreed: int | None) -> None:
        """An older copy came back: what was heard after that was never said."""
        if conversation_id == self.here:
            self._heard = [heard for heard in self._heard if heard.position <= (agreed or 0)]
            if agreed is None:
                self.here = ""

    def _learn(self, conversation_id: str, content: Mapping[str, Any]) -> None:
        card = appointment_card(content)
        if card is None:
            return
        counts = self.actor.counts
        status = STATUSES.get(card.title) or NEWS.get(card.title)
        if status == "cancelled":
            counts.cancelled += self.known.pop(card.code, None) is not None
        elif status == "confirmed" and card.version >= self.known.get(card.code, 0):
            old = self.known.get(card.code)
            counts.booked += old is None
            counts.moved += old is not None and card.version > old
            self.known[card.code] = card.version

    def _since(self, position: int) -> list[Heard]:
        return [one for one in self._heard if one.position > position]

    def _time(self) -> str:
        """Mostly the time that all customers want now."""
        same = self.rng.random() < 0.7
        rng = random.Random(f"{self._seed} {int(time.time() / SAME_WISH_S)}") if same else self.rng
        day = datetime.now(ZONE) + timedelta(days=rng.randint(FIRST_DAY, LAST_DAY))
        return f"{day:%Y-%m-%d} {rng.randint(9, 18):02}:{rng.choice((0, 15, 30, 45)):02}"


class Customer(Booker):
    """Books for itself."""

    async def find_here(self) -> None:
        """Find the service conversation: the shop makes it on the first word."""
        direct = direct_conversation_id(self.part.user_id, self.part.shop)
        while not self.here:
            groups = [
                row.conversation_id
                for row in await self.actor.conversations()
                if not row.conversation_id.startswith("direct/")
            ]
            if groups:
                self.here = groups[0]
                return
            shop = "garden" if "garden" in self.part.shop else "riverside"
            posting = self.actor.post(direct, f"/stores {shop}")
            if posting is not None:
                await posting
            await asyncio.sleep(0.5)

    def wish(self) -> str:
        chinese = self.part.chinese
        dice = self.rng.random()
        code = self.rng.choice(sorted(self.known)) if self.known else ""
        if code and (len(self.known) >= ENOUGH or dice < 0.15):
            version = self.known[code]
            sure = f" v{version} {'好' if chinese else 'yes'}" if self.rng.random() < 0.5 else ""
            return f"{'取消' if chinese else '/cancel'} {code}{sure}"
        if code and dice < 0.4:
            return f"{'改约' if chinese else '/move'} {code} {self._time()}"
        if dice > 0.93:
            return "我的预约" if chinese else "/my"
        if chinese:
            return f"预约 {self._time()} 验光，我叫王小明，成人，来过"
        return f"/book {self._time()} eye exam, my name is Ann Lee, adult, been before"


class Staff(Booker):
    """Moves and cancels appointments of others, from the staff group."""

    async def find_here(self) -> None:
        """Find the news conversation: its first message names it."""

    def _learn(self, conversation_id: str, content: Mapping[str, Any]) -> None:
        super()._learn(conversation_id, content)
        if content.get("title") in NEWS:
            self.here = conversation_id
        while len(self.known) > 30:
            del self.known[next(iter(self.known))]

    def wish(self) -> str:
        if not self.here or not self.known:
            return ""
        code = self.rng.choice(sorted(self.known))
        dice = self.rng.random()
        if dice < 0.5:
            return f"改约 {code} {self._time()}"
        if dice < 0.9:
            return f"取消 {code}"
        return "今日预约"

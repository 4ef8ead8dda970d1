"""The workload of a run's applications: the seed chooses each act."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from imserver.proof.acts import Act, all_acts
from imserver.proof.booking.phrases import ENTRY, LINES, SHOPS
from imserver_client import Abandoned, ClientEvent, Disconnected, Refused, direct_conversation_id

from .device import Device
from .echo import BOT, LATER
from .hand import DeviceHand
from .record import Answer, Post
from .setting import PEOPLE

#: Remembered buttons of cards.
MAX_BUTTONS = 6
#: Posts that a long run takes, and how many of one's own are remembered to be offered again in it.
RUNS, REMEMBERED = (66, 99, 130, 200), 300
#: Acts of one device that wait for an answer at the same time.
MAX_PENDING = 40


class Workload:
    """The application of one device. Its memory of the chat survives its process, as a person's does."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._random = device.random
        language = PEOPLE.get(device.user_id, "staff")
        self._language = "zh" if language.startswith("zh") else language
        self._buttons: list[tuple[str, str]] = []
        self._shops: list[str] = []
        self._mine: list[Post] = []
        device.heard = self._heard
        device.told, device.rest = self._told, self._rest
        self._hands = {name: DeviceHand(name, device, self) for name in all_acts()}
        table: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (30, self._say),
            (16, self._burst),
            (4, self._say_much),
            (9, self._to_echo),
            (3, self._later),
            (7, self._page),
            (3, self._list),
            (2, self._members),
            (4, self._cursor),
            (8, self._read),
            *((act.weight, partial(self._act, hand, act)) for hand, act in self._acts_of_features()),
            (2, self._create),
            (8, self._membership),
            (4, self._say_twice),
            (3, self._lose_patience),
            (3, self._give_up),
            (3, self._look_away),
            (1, self._renew),
        ]
        if device.world.setting.bulky:
            table.append((12, self._flood))
        if device.world.setting.booking:
            table.append((14, self._book))
        if device.world.setting.runs:
            table.append((25, self._long_run))
        self._weights = [weight for weight, _ in table]
        self._acts = [act for _, act in table]

    async def run(self) -> None:
        """Act until the world is calm; then only read."""
        device, random = self.device, self._random
        world = device.world
        pace = 1 / world.setting.pace_s
        while True:
            await asyncio.sleep(random.expovariate(pace))
            if world.calm:
                await world.loop.create_future()
            if device.pending < MAX_PENDING and device.client is not None:
                await random.choices(self._acts, self._weights)[0]()

    # -- saying -------------------------------------------------------------------------------------------------------

    def where(self) -> str:
        """Mostly a conversation of this device, sometimes another one."""
        world, random = self.device.world, self._random
        where = random.choice(world.conversations)
        if where not in self.device.storage.begins and random.random() < 0.8:
            where = world.conversations[0]
        return where

    def own(self) -> list[tuple[str, int]]:
        """Own posts that are stored, as far as remembered."""
        return [(post.conversation_id, post.position) for post in self._mine if post.outcome == "stored"]

    def text(self, size: int = 0) -> dict[str, Any]:
        """At least so many characters, each of two bytes."""
        text = f"{self.device.device_id} {self.device.record.numbers + 1}"
        return {"type": "text", "text": text.ljust(size, "·")}

    def _post(self, where: str, content: dict[str, Any]) -> Post:
        post = self.device.post(where, content)
        self._mine.append(post)
        del self._mine[: -(REMEMBERED if self.device.world.setting.runs else 30)]
        return post

    async def _say(self) -> None:
        where = self.where()
        if self._random.random() < 0.3:
            others = [user_id for user_id in PEOPLE if user_id != self.device.user_id]
            where = direct_conversation_id(self.device.user_id, self._random.choice(others))
        self._post(where, self.text())

    async def _burst(self) -> None:
        where = self.where()
        for _ in range(self._random.randint(2, 25)):
            self._post(where if self._random.random() < 0.9 else self.where(), self.text())

    async def _say_much(self) -> None:
        self._post(self.where(), self.text(self._random.choice((400, 1500, 5000))))

    async def _flood(self) -> None:
        where = self.where()
        for _ in range(self._random.randint(8, 24)):
            self._post(where, self.text(15_000))

    async def _to_echo(self) -> None:
        self._post(direct_conversation_id(self.device.user_id, BOT), self.text())

    async def _later(self) -> None:
        content = self.text()
        content["text"] = LATER + content["text"]
        self._post(direct_conversation_id(self.device.user_id, BOT), content)

    async def _say_twice(self) -> None:
        """The same key again: while it is under way, or long after."""
        if self._mine:
            post = self._random.choice(self._mine)
            if post.outcome not in ("refused", "abandoned") and self.device.process is not None:
                self.device.process.spawn(self.device.offer(post), "again")

    async def _long_run(self) -> None:
        """Post many at once, as after a cut: new posts mixed with earlier ones, whose outcome may be unknown to the device."""
        random, where = self._random, self.where()
        again = [post for post in self._mine if post.outcome not in ("refused", "abandoned")]
        again = random.sample(again, k=min(len(again), random.choice((1, 1, 2, 10, 40))))
        run: list[Post | None] = [*[None] * random.choice(RUNS), *again]
        if random.random() < 0.5:
            random.shuffle(run)
        for post in run:
            if post is None:
                self._post(where if random.random() < 0.9 else self.where(), self.text())
            elif self.device.process is not None:
                self.device.process.spawn(self.device.offer(post), "again")
        self.device.world.journal.counts["long runs"] += 1
        self.device.world.journal.counts["posts offered again in them"] += len(again)

    async def _lose_patience(self) -> None:
        self.device.post(self.where(), self.text(), patience_s=self._random.choice((0.0, 0.01, 0.5)))

    async def _give_up(self) -> None:
        """Post, and abandon it a moment later."""
        post = self._post(self.where(), self.text())
        self._mine.remove(post)  # it is not offered again
        if self.device.process is not None:
            self.device.process.spawn(self._abandon(post, self._random.choice((0.0, 0.02, 1.0))), "abandon")

    async def _abandon(self, post: Post, after_s: float) -> None:
        await asyncio.sleep(after_s)
        client = self.device.client
        if client is None:
            return
        self.device.pending += 1
        try:
            posted = await client.abandon(post.conversation_id, post.key)
        except (Disconnected, Refused):
            pass
        else:
            self._given_up(post, posted)
        finally:
            self.device.pending -= 1

    def _given_up(self, post: Post, posted: Any) -> None:
        self.device.world.journal.counts["posts given up" if posted is None else "given up too late"] += 1
        if posted is not None:
            self.device._settled(post, posted, None)
        elif post.outcome in ("", "abandoned"):
            self.device._settled(post, None, Abandoned("given up"))
        elif post.outcome == "stored":
            text = f"{self.device.device_id} post {post.number} was stored, and abandon says that it is not"
            self.device.world.journal.finding(text)

    # -- reading ------------------------------------------------------------------------------------------------------

    def _ask(self, call: Callable[[Any], Any], then: Callable[[Any], None] = lambda answer: None) -> None:
        if self.device.process is not None:
            self.device.process.spawn(self.device.ask(call, then), "ask")

    def _ask_about(
        self,
        where: str,
        what: str,
        call: Callable[[Any], Any],
        then: Callable[[Any], None] = lambda answer: None,
    ) -> None:
        """Ask what only members are told."""
        now, record = self.device.world.loop.time, self.device.record
        asked_at = now()

        def answered(answer: Any) -> None:
            record.answers.append(Answer(what, where, asked_at, now()))
            then(answer)

        self._ask(call, answered)

    async def _page(self) -> None:
        where, record = self.where(), self.device.record
        have = self.device.storage.have(where).have
        before = self._random.choice((None, None, max(1, have - 3), 5))
        limit = self._random.choice((1, 10, 60))
        self._ask_about(
            where,
            "history",
            lambda client: client.history(where, before=before, limit=limit),
            lambda page: self._take_page(page, record),
        )

    def _take_page(self, page: Any, record: Any) -> None:
        record.items.extend(page.items)
        positions = [item.position for item in page.items]
        if positions != list(range(page.first, page.last + 1)):
            self.device.world.journal.finding(
                f"{self.device.device_id} was given a page {page.first}-{page.last} with {positions}"
            )

    async def _list(self) -> None:
        record = self.device.record

        now = self.device.world.loop.time
        asked_at = now()

        def take(page: Any) -> None:
            record.items.extend(row.last for row in page.conversations if row.last is not None)
            for row in page.conversations:
                record.answers.append(Answer("conversations", row.conversation_id, asked_at, now()))

        self._ask(lambda client: client.conversations(limit=self._random.choice((2, 50))), take)

    async def _members(self) -> None:
        where = self.where()
        self._ask_about(where, "members", lambda client: client.members(where))

    async def _cursor(self) -> None:
        where = self.where()
        have, record = self.device.storage.have(where).have, self.device.record
        read = self._random.randint(0, have + 1)
        self._ask_about(
            where,
            "cursor",
            lambda client: client.cursor(where, delivered=have or None, read=read or None),
            lambda cursor: record.cursors.append((where, cursor.delivered, cursor.read)),
        )

    async def _read(self) -> None:
        where = self.where()
        have = self.device.storage.have(where).have
        if have and self.device.client is not None:
            self.device.client.mark_read(where, have)

    async def _look_away(self) -> None:
        """The application does not read for a while."""
        self.device.reads_at = self.device.world.loop.time() + self._random.choice((0.5, 3.0, 12.0))
        self.device.world.journal.fault("slow reader", self.device.device_id)

    async def _renew(self) -> None:
        token = self.device._token()
        self._ask(lambda client: client.renew(token))

    # -- changing -----------------------------------------------------------------------------------------------------

    async def _create(self) -> None:
        members = self._random.sample(sorted(PEOPLE), k=self._random.randint(0, 3))
        world, record = self.device.world, self.device.record

        def take(conversation_id: str) -> None:
            record.created.append((conversation_id, members))
            world.conversations.append(conversation_id)

        self._ask(lambda client: client.create_group(f"group {record.numbers}", members), take)

    async def _membership(self) -> None:
        where, whom, record = self.where(), self._random.choice(sorted(PEOPLE)), self.device.record
        if where == self.device.world.conversations[0]:
            return
        calls: tuple[Callable[[Any], Any], ...] = (
            lambda client: client.add_member(where, whom),
            lambda client: client.add_member(where, whom),
            lambda client: client.remove_member(where, whom),
            lambda client: client.leave(where),
        )
        self._ask(self._random.choice(calls), lambda position: record.changes.append((where, position)))

    # -- what features offer ------------------------------------------------------------------------------------------

    def _acts_of_features(self) -> list[tuple[DeviceHand, Act]]:
        """The frequent ones first."""
        rows = [(self._hands[name], act) for name, acts in all_acts().items() for act in acts.acts]
        return sorted(rows, key=lambda row: -row[1].weight)

    async def _act(self, hand: DeviceHand, act: Act) -> None:
        if self.device.client is not None:
            act.do(hand)

    def _told(self, event: ClientEvent) -> None:
        for name, acts in all_acts().items():
            if acts.hears is not None:
                acts.hears(self._hands[name], event)

    async def _rest(self) -> None:
        for name, acts in all_acts().items():
            if acts.rest is not None:
                self.device.record.rests[name] = list(await acts.rest(self._hands[name]))

    # -- booking ------------------------------------------------------------------------------------------------------

    def _heard(self, conversation_id: str, sender_id: str, content: Any) -> None:
        """Remember a card's buttons, and the shops' conversations."""
        if content is None or not (sender_id in SHOPS or sender_id == ENTRY):
            return
        if not conversation_id.startswith("direct/") and conversation_id not in self._shops:
            self._shops.append(conversation_id)
        for action in content.get("actions", ()):
            self._buttons.append((conversation_id, action["command"]))
        del self._buttons[:-MAX_BUTTONS]

    async def _book(self) -> None:
        """Post a line to a shop: a customer's phrase, or a button of a card."""
        random = self._random
        if self._buttons and random.random() < 0.5:
            where, line = random.choice(self._buttons)
        else:
            direct = direct_conversation_id(self.device.user_id, random.choice((*SHOPS, ENTRY)))
            where = random.choice((*self._shops, direct))
            line = random.choice(LINES[self._language])
        self._post(where, {"type": "text", "text": line})

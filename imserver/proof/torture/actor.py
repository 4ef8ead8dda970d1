"""One client of the torture run: the real library with its store on disk, and a journal of all that it receives."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imserver.model import KEY_BYTES
from imserver.proof.acts import all_acts
from imserver_client import (
    Abandoned,
    CatchUpFailed,
    Client,
    ClientError,
    ClientEvent,
    ConnectionChanged,
    CursorMoved,
    Disconnected,
    Environment,
    HistoryReplaced,
    Message,
    OutboxFull,
    Posted,
    PostSettled,
    PostsGone,
    Refused,
    State,
    Stopped,
    Undeliverable,
    connect,
)
from imserver_protocol.errors import CloseCode

from .client_journal import ClientJournal, now_ms
from .participants import Part

#: A short back-off: the kills are under test, not the clients' patience.
IMPATIENT = Environment(uniform=lambda low, high: min(high, 0.1 + secrets.randbelow(300) / 1000))
#: Unanswered posts above which a client posts no more: the load is open, but bounded.
MAX_UNANSWERED = 200
#: Answered posts that are remembered to be offered again.
MAX_REMEMBERED = 200
#: Messages shown last that are remembered to be acted upon.
MAX_SEEN = 50
#: Share of slow clients; the share of messages that each delays, and by how much at most (seconds). Still faster than the load.
SLOW_SHARE = 0.3
DAWDLE_SHARE, DAWDLE_S = 0.2, 0.04
#: Share of own posts that are gone with an older copy, and that a person sends again.
SEND_AGAIN_SHARE = 0.5
#: For leaving at the end (seconds).
CLOSE_S = 10.0
#: What is said to whoever is shut out.
SHUT_OUT = (CloseCode.REVOKED, CloseCode.AUTH_FAILED)


@dataclass(slots=True)
class Counts:
    """Figures of one process in one life."""

    posted: int = 0
    answered: int = 0
    held_back: int = 0
    shown: int = 0
    marked: int = 0
    acts: int = 0
    given_up: int = 0
    booked: int = 0
    moved: int = 0
    cancelled: int = 0
    shut_out: int = 0
    unheard: int = 0
    sent_again: int = 0
    connections: int = 0
    resumed: int = 0
    connected: int = 0


@dataclass(slots=True)
class _Line:
    """The times when the connection came and went (monotonic seconds), the newest last."""

    changes: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=64))

    def note(self, up: bool) -> None:
        self.changes.append((time.monotonic(), up))

    def up_at(self, moment: float) -> bool:
        return next((up for at, up in reversed(self.changes) if at <= moment), False)


class Actor:
    """A client from its connection until it leaves. `hear` gets every message after the journal has it; `fell` hears of each
    conversation that is another one above a position, None: from its beginning, or no more at all."""

    def __init__(self, part: Part, folder: Path, life: int, counts: Counts) -> None:
        self.part = part
        self.journal = ClientJournal(folder, part.name, life)
        self.counts = counts
        self.hear: Callable[[str, int, str, Mapping[str, Any]], None] = lambda *message: None
        self.fell: Callable[[str, int | None], None] = lambda conversation_id, agreed: None
        self.ready = asyncio.Event()
        #: An employee was told to be shut out: this life of the client is over.
        self.out = asyncio.Event()
        self.broken = ""
        self._folder = folder
        self._life = life
        self._client: Client | None = None
        self._line = _Line()
        self._unanswered: dict[bytes, float] = {}
        self._said: deque[tuple[str, dict[str, Any], bytes]] = deque(maxlen=MAX_REMEMBERED)
        #: Messages that acts of features may be about: own ones that are stored, and those that were shown lately.
        self.stored: deque[tuple[str, int]] = deque(maxlen=MAX_REMEMBERED)
        self.seen: deque[tuple[str, int]] = deque(maxlen=MAX_SEEN)
        self._last: dict[str, int] = {}
        self._moved = asyncio.Event()
        self._rng = random.Random(f"{part.name} {life}")
        self.slow = self._rng.random() < SLOW_SHARE
        #: Cursors as they were told, with the beginning of the connection that told them.
        self._cursors: dict[tuple[str, str], tuple[tuple[int, int], float]] = {}
        self._up_since = 0.0
        #: When the present attempt to connect began (UTC ms).
        self._trying_since = 0
        #: The message that is being read, until it is void.
        self._in_hand: Message | None = None
        #: Conversations of which an older copy came back.
        self.replaced: set[str] = set()
        self._waiting: set[asyncio.Task[Any]] = set()
        #: Calls of acts that have no answer.
        self._asking = 0

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    @property
    def connected(self) -> bool:
        """Whether a post would go out at once."""
        return self._client is not None and self._client.state is State.CONNECTED

    async def live(self, address: str, token: str, leaving: asyncio.Event) -> None:
        """Connect, and read until `leaving` is set, or access has ended."""
        self._up_since = time.monotonic()
        self._trying_since = now_ms()
        connecting = connect(
            address,
            token=token,
            device_id=self.part.device_id,
            store=self._folder / f"{self.part.name}.store",
            timeout=None,
            close_timeout=CLOSE_S,
            environment=IMPATIENT,
        )
        try:
            async with connecting as client:
                await self._stay(client, leaving)
        except ClientError as error:
            if not self._ends(error):
                self._break(f"the client gave up: {error!r}")
        finally:
            self.journal.close()

    async def _stay(self, client: Client, leaving: asyncio.Event) -> None:
        self._client = client
        events = client.events()
        self._line.note(client.state is State.CONNECTED)
        self.journal.entered(self._trying_since)
        for queued in client.outbox():
            self._unanswered[queued.key] = 0.0  # by an earlier life
        if self._life == 0:
            self.journal.heads({row.conversation_id: row.head for row in await self._conversations()})
        readers = [  # what an earlier life did not hear to its end comes before any message
            asyncio.ensure_future(self._guarded(self._read_events(events))),
            asyncio.ensure_future(self._guarded(self._read_messages())),
        ]
        self.ready.set()
        ends = [asyncio.ensure_future(event.wait()) for event in (leaving, self.out)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*ends, *readers, *self._waiting):
                task.cancel()
            await asyncio.gather(*ends, *readers, *self._waiting, return_exceptions=True)

    # -- saying -------------------------------------------------------------------------------------------------------

    def post(self, conversation_id: str, text: str) -> asyncio.Task[Posted | None] | None:
        """Post through the outbox. The task returns the answer, or None if there will be none."""
        if len(self._unanswered) >= MAX_UNANSWERED:
            self.counts.held_back += 1
            return None
        key = secrets.token_bytes(KEY_BYTES)
        content = {"type": "text", "text": text}
        self.journal.posting(key, conversation_id, content)
        self._unanswered[key] = time.monotonic()
        self.counts.posted += 1
        return self._spawn(self._post(conversation_id, content, key))

    async def _post(self, conversation_id: str, content: dict[str, Any], key: bytes) -> Posted | None:
        answer = asyncio.ensure_future(self.client.post(conversation_id, content, key=key))
        answer.add_done_callback(_looked_at)
        await asyncio.sleep(0)  # its first step is done now, and that puts it into the outbox
        if not answer.done() or answer.cancelled() or answer.exception() is None:
            self.journal.taken(key)
        outcome: Posted | ClientError
        try:
            outcome = await answer
        except ClientError as error:
            outcome = error
        self._settled(key, outcome)
        if not isinstance(outcome, Posted):
            return None
        self._said.append((conversation_id, content, key))
        self.stored.append((outcome.conversation_id, outcome.position))
        return outcome

    def offer_again(self, count: int) -> None:
        """Some posts that were answered before, as an application does that was cut off and does not know."""
        for said in self._rng.sample([*self._said], k=min(count, len(self._said))):
            self._spawn(self._offer_again(*said))

    async def _offer_again(self, conversation_id: str, content: dict[str, Any], key: bytes) -> None:
        self.journal.again(key)
        try:
            answer = await self.client.post(conversation_id, content, key=key)
        except OutboxFull:
            self.counts.held_back += 1
        except (Refused, Undeliverable, Abandoned) as error:
            if conversation_id in self.replaced:
                self._settled(key, error)
            elif not self.part.comes_and_goes:
                self._break(f"{key.hex()} was answered, and then offered again: {error!r}")
        else:
            self.journal.answered(answer)  # to be held against the first answer, and against what is stored

    def _settled(self, key: bytes, outcome: Posted | ClientError | None) -> None:
        if isinstance(outcome, Disconnected) or self._ends(outcome):
            return  # the client leaves; the post stays in the outbox
        self._unanswered.pop(key, None)
        if isinstance(outcome, Posted):
            self.counts.answered += 1
            self.journal.answered(outcome)
        elif isinstance(outcome, Abandoned):
            self.journal.given_up(key)
        elif isinstance(outcome, OutboxFull):
            self.counts.held_back += 1
        elif isinstance(outcome, Refused | Undeliverable):
            self.journal.refused(key, repr(outcome))
        else:
            self._break(f"post: {outcome!r}")
        self._moved.set()

    def give_up_last(self, conversation_id: str) -> None:
        """Abandon the newest unanswered post of a conversation, if there is one."""
        mine = [queued.key for queued in self.client.outbox() if queued.conversation_id == conversation_id]
        if mine:
            self.journal.giving_up(mine[-1])
            self._spawn(self._give_up(conversation_id, mine[-1]))

    async def _give_up(self, conversation_id: str, key: bytes) -> None:
        try:
            if await self.client.abandon(conversation_id, key) is None:
                self.counts.given_up += 1
        except Disconnected:
            pass
        except ClientError as error:
            out_of_team = self.part.comes_and_goes and isinstance(error, Refused)
            if not out_of_team and not self._ends(error):
                self._break(f"abandon: {error!r}")

    # -- what features offer ------------------------------------------------------------------------------------------

    def act(self, rng: random.Random, places: Sequence[str], text: Callable[[], str]) -> None:
        """Do something that a feature offers, somewhere in `places` if it is not about a message."""
        rows = [(name, act) for name, acts in all_acts().items() for act in acts.acts]
        [(name, act)] = rng.choices(rows, [act.weight for _, act in rows])
        act.do(ActorHand(name, self, rng, places, text))

    def ask(
        self, call: Callable[[Client], Awaitable[Any]], then: Callable[[Any], None] = lambda answer: None
    ) -> None:
        """Make a call, and hear its answer. A refusal is one; it may also be lost with the process."""
        self._spawn(self._ask(call, then))

    async def _ask(self, call: Callable[[Client], Awaitable[Any]], then: Callable[[Any], None]) -> None:
        self._asking += 1
        try:
            answer = await call(self.client)
        except (Refused, OutboxFull):
            return
        finally:
            self._asking -= 1
            self._moved.set()
        self.counts.acts += 1
        then(answer)

    def _hear_event(self, event: ClientEvent) -> None:
        for name, acts in all_acts().items():
            if acts.hears is not None:
                acts.hears(ActorHand(name, self, self._rng), event)

    async def _rest(self) -> None:
        """Ask what this client shows, now that nothing happens any more."""
        for name, acts in all_acts().items():
            if acts.rest is not None:
                self.journal.rested(name, await acts.rest(ActorHand(name, self, self._rng)))

    # -- hearing ------------------------------------------------------------------------------------------------------

    async def _read_messages(self) -> None:
        async for message in self.client.messages():
            self._in_hand = message
            await self._dawdle()  # a kill may come before a message is written down …
            if self._put_down(message):
                continue  # … or an older copy, and then it is none any more …
            self.journal.shown(message)
            self.counts.shown += 1
            self.counts.marked += message.redelivered
            self._last[message.conversation_id] = message.position
            self.seen.append((message.conversation_id, message.position))
            self._moved.set()
            self._hear(message)
            await self._dawdle()  # … or before it is done

    def _put_down(self, message: Message) -> bool:
        return self._in_hand is not message

    async def _dawdle(self) -> None:
        """Delay some messages of a slow client."""
        if self.slow and self._rng.random() < DAWDLE_SHARE:
            await asyncio.sleep(self._rng.uniform(0, DAWDLE_S))

    def _hear(self, message: Message) -> None:
        if message.content is not None:
            self.hear(message.conversation_id, message.position, message.sender_id, message.content)

    async def _read_events(self, events: Any) -> None:
        async for event in events:
            self._hear_event(event)
            match event:
                case PostSettled():
                    self._settled(event.key, event.posted or event.error)
                case ConnectionChanged():
                    self._note_connection(event)
                case CursorMoved():
                    self._note_cursor(event)
                case HistoryReplaced():
                    self._note_fall(event)
                case PostsGone():
                    self._note_gone(event)
                # Who goes from a team may be told so by a page that is not for him any more.
                case CatchUpFailed() if not self.part.comes_and_goes:
                    self._break(repr(event))

    def _note_connection(self, event: ConnectionChanged) -> None:
        up = event.state is State.CONNECTED
        if event.state is State.CONNECTING:
            self._trying_since = now_ms()
        if up:
            self._up_since = time.monotonic()
            self.journal.entered(self._trying_since)
        self._line.note(up)
        self.counts.connections += up
        self.counts.resumed += event.resumed
        self._moved.set()

    def _note_fall(self, event: HistoryReplaced) -> None:
        """What was known above a position is void, as it would be for any application."""
        name, keep = event.conversation_id, event.agreed or 0
        self.journal.fell(name, keep, self._up_since)
        self.replaced.add(name)
        hand = self._in_hand
        if hand is not None and hand.conversation_id == name and hand.position > keep:
            self._in_hand = None
        if name in self._last:
            self._last[name] = min(self._last[name], keep)
        for places in (self.stored, self.seen):
            left = [place for place in places if place[0] != name or place[1] <= keep]
            places.clear()
            places.extend(left)
        self.fell(name, event.agreed)
        self._moved.set()

    def _note_gone(self, event: PostsGone) -> None:
        """People send some of what is gone again."""
        keys = {post.key for post in event.posts}
        left = [said for said in self._said if said[2] not in keys]
        self._said.clear()
        self._said.extend(left)
        for post in event.posts:
            self.journal.gone(post.key, post.content)
            if post.content is not None and self._rng.random() < SEND_AGAIN_SHARE:
                self.counts.sent_again += 1
                self._spawn(self._offer_again(event.conversation_id, post.content, post.key))

    def _note_cursor(self, event: CursorMoved) -> None:
        """Cursors go back with an older copy only."""
        place = (event.conversation_id, event.user_id)
        new = (event.cursor.delivered, event.cursor.read)
        old, since = self._cursors.get(place, ((0, 0), 0.0))
        if new[0] < old[0] or new[1] < old[1]:
            self.journal.cursors_fell(f"the cursors of {place} went back from {old} to {new}", since)
        self._cursors[place] = (new, self._up_since)

    # -- orders -------------------------------------------------------------------------------------------------------

    def unanswered_at(self, moment: float) -> list[bytes]:
        """Keys of posts that had gone out to a server at that moment, and have no answer now."""
        if not self._line.up_at(moment):
            return []
        return [key for key, since in self._unanswered.items() if since < moment]

    async def settle(self, timeout_s: float) -> str:
        """Wait until all posts and calls are answered and all messages are here. Returns what it waits for in vain, or ""."""
        waits_for = "its connection"
        try:
            async with asyncio.timeout(timeout_s):
                await self.ready.wait()
                heads: dict[str, int] | None = None
                # An act may follow an answer: were it not waited for, others would be asked what they see too early.
                while heads is None or self._unanswered or self._asking:
                    while self._unanswered or len(self.client.outbox()):
                        waits_for = f"answers to {len(self._unanswered)} posts, {len(self.client.outbox())} in the outbox"
                        await self._wait()
                    while self._asking:
                        waits_for = f"answers to {self._asking} calls"
                        await self._wait()
                    waits_for = "the list of conversations"
                    heads = {row.conversation_id: row.head for row in await self._conversations()}
                earlier = self.journal.last_shown()
                while behind := [
                    f"message {head} of {conversation_id}"
                    for conversation_id, head in heads.items()
                    if head > max(self._last.get(conversation_id, 0), earlier.get(conversation_id, 0))
                ]:
                    waits_for = f"{behind[0]} and {len(behind) - 1} more conversations"
                    await self._wait()
        except TimeoutError:
            return f"{self.part.name} ({'connected' if self.connected else 'not connected'}) waits for {waits_for}"
        except ClientError as error:
            if not self._ends(error):
                self._break(f"settle: {error!r}")
            return f"{self.part.name}: {error!r}"
        self.journal.caught_up(heads)
        try:
            async with asyncio.timeout(timeout_s):
                await self._rest()
        except (TimeoutError, ClientError) as error:
            return f"{self.part.name} cannot read what features show: {error!r}"
        return ""

    async def _wait(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    async def _conversations(self) -> list[Any]:
        rows: list[Any] = []
        before = None
        while True:
            page = await self.client.conversations(before=before, limit=100)
            rows += page.conversations
            before = page.next
            if before is None:
                return rows

    async def conversations(self) -> list[Any]:
        """All of them, newest first."""
        return await self._conversations()

    # -- tasks --------------------------------------------------------------------------------------------------------

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(self._guarded(work))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        task.add_done_callback(lambda _: work.close())  # which may have come to its end before it began
        return task

    async def _guarded(self, work: Any) -> Any:
        try:
            return await work
        except Disconnected:
            return None
        except Exception as error:
            if self._ends(error):
                return None
            traceback.print_exception(error)
            self._break(repr(error))
            return None

    def _ends(self, outcome: object) -> bool:
        """Whether the server has ended the access of an employee: what waits stays in the store, for the next life."""
        if not (self.part.comes_and_goes and isinstance(outcome, Stopped) and outcome.code in SHUT_OUT):
            return False
        self.counts.shut_out += not self.out.is_set()
        self.out.set()
        self._moved.set()
        return True

    def _break(self, text: str) -> None:
        self.broken = self.broken or text
        self.journal.trouble(text)
        self._moved.set()


def _looked_at(answer: asyncio.Future[Any]) -> None:
    """Nobody may be left to look at an answer that comes with the end of this life."""
    if not answer.cancelled():
        answer.exception()


class ActorHand:
    """An actor as acts of one feature work with it: `imserver.proof.acts.Hand`."""

    def __init__(
        self,
        feature: str,
        actor: Actor,
        rng: random.Random,
        places: Sequence[str] = (),
        text: Callable[[], str] = str,
    ) -> None:
        self._feature = feature
        self._actor = actor
        self._places = places
        self._text = text
        self.random = rng
        self.user_id = actor.part.user_id
        self.ask = actor.ask

    @property
    def client(self) -> Client:
        return self._actor.client

    def note(self, *facts: Any) -> None:
        self._actor.journal.noted(self._feature, facts)

    def says_now(
        self, conversation_id: str, position: int, revision: int, content: Mapping[str, Any] | None
    ) -> None:
        self._actor.journal.replaced(conversation_id, position, revision, content)
        if content is not None:
            self._actor.hear(conversation_id, position, "", content)

    def where(self) -> str:
        return self.random.choice(self._places)

    def own(self) -> Sequence[tuple[str, int]]:
        return self._actor.stored

    def seen(self) -> Sequence[tuple[str, int]]:
        return self._actor.seen

    def text(self) -> dict[str, Any]:
        return {"type": "text", "text": self._text()}

"""Worker: delivers one plugin's messages and its due timers, one at a time, from a durable cursor.

Messages and timers take turns, so neither starves the other, and of messages those of each user do (`feed`). A plugin's
handlers never run concurrently: its state in memory needs no lock. What a handler returned to be done is committed while
the next message's handler runs (`in_flight`); a timer fires when nothing is on its way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from typing import Any

from imserver.chat.ports import Store
from imserver.chat.reader import Reader
from imserver.chat.text_commands import Matched, fold
from imserver.clock import Clock
from imserver.content import decode_content
from imserver.errors import StoreFailed
from imserver.events import MessagePosted, SetBack, TimerFired
from imserver.model import User
from imserver.plugin_api import Answer, Call, Content, Effects
from imserver.plugin_host.attempt import CURRENT
from imserver.plugin_host.feed import Feed, Room
from imserver.plugin_host.handling import Delivery, Handling, NoHandler, Outcome, Reply
from imserver.plugin_host.in_flight import Flight, InFlight
from imserver.plugin_host.limits import HostLimits
from imserver.plugin_host.registrations import CommandHandler, Listener, Registrations
from imserver.plugin_host.timers import Timers
from imserver.plugin_host.transaction import bots_among

#: After a fault of our own or of the store's reader the worker waits this long before it tries again.
FAULT_PAUSE_S = 1.0
#: Timers that are looked at when an older copy has come back.
MAX_OVERDUE = 1_000_000
#: A plugin without a `help` command gets this one: the list of its commands.
HELP = "/help"
#: Messages that wait whose senders are looked up together: one read for all of a crowd.
SENDERS_AT_ONCE = 64


@dataclass(slots=True)
class Newest:
    """The newest message that the host was notified of. Shared by all workers of one host."""

    change: int = 0


class Worker:
    """The task of one plugin."""

    def __init__(
        self,
        registrations: Registrations,
        store: Store,
        *,
        cursor: int,
        ahead: Sequence[int],
        set_backs: Sequence[tuple[int, int, int]],
        newest: Newest,
        bots_of_all: Mapping[str, str],
        clock: Clock,
        log: Any,
        random_bytes: Callable[[int], bytes],
        limits: HostLimits,
    ) -> None:
        self.registrations = registrations
        #: The durable cursor, as last read or stored.
        self.marked = cursor
        self._store = store
        self._newest = newest
        self._bots_of_all = bots_of_all
        self._log = log
        self._limits = limits
        room = Room(limits.max_live_events, limits.max_user_events, limits.max_events_ahead)
        self._feed = Feed(cursor, ahead, room)
        #: Changes above the floor that were dealt with, and of which the store does not know.
        self._unstored: set[int] = set()
        #: Who wrote the messages in memory, as far as they were looked up: since each was posted, not before.
        self._senders: dict[int, User] = {}
        self._timers = Timers(
            registrations.name, store, clock, page=limits.read_page, poll_s=limits.timer_poll_s
        )
        self.handling = Handling(registrations, store, log=log, random_bytes=random_bytes, limits=limits)
        registrations.timers_changed = self._timers_changed
        self._set_backs = deque(set_backs)
        self._wake = asyncio.Event()
        self._flights = InFlight(limits.max_in_flight, self._wake.set)
        registrations.effects_decided = self._flights.decided
        self._idle_waiters: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._idle = False

    # -- from the host ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start to deliver, from the cursor on."""
        self._task = asyncio.get_running_loop().create_task(
            self._run(), name=f"plugin {self.registrations.name}"
        )

    def offer(self, event: MessagePosted) -> None:
        """A message was committed in a conversation with some plugin's bot. Never blocks, never raises."""
        if not event.audience.keys().isdisjoint(self.registrations.bots.keys()) and self._wanted(event):
            self._feed.offer(event)
            self._idle = False
            self._wake.set()

    def _wanted(self, event: MessagePosted) -> bool:
        """A plugin does not hear its own bots."""
        return event.message.sender_id not in self.registrations.bots

    @property
    def done(self) -> int:
        """The change up to which every message is dealt with, at least in memory."""
        return self._feed.floor(self._newest.change)

    def unstored(self) -> tuple[int, list[int]] | None:
        """What the store does not know of: `done`, and the changes above it that are dealt with; None if it knows all."""
        done = self.done
        ahead = sorted(change for change in self._unstored if change > done)
        return (done, ahead) if done > self.marked or ahead else None

    def stored(self, done: int, ahead: Sequence[int]) -> None:
        """The store knows of that now."""
        self._unstored.difference_update(ahead)
        self._marked(done)

    def _marked(self, upto: int) -> None:
        self.marked = max(self.marked, upto)
        self._unstored = {change for change in self._unstored if change > upto}

    @property
    def waiting(self) -> int:
        """Messages in memory that wait for delivery."""
        return len(self._feed)

    @property
    def behind(self) -> bool:
        """True while messages are to be read from the store that are not in memory."""
        return self._feed.behind or self._feed.leaves

    @property
    def idle(self) -> bool:
        """True if there is nothing to deliver, or the worker does not run."""
        return self._idle or self._task is None or self._task.done()

    async def until_idle(self) -> None:
        """Wait until there is nothing to deliver and no timer due. For tests, which then need no sleep."""
        if self._task is None or self._task.done():
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._idle_waiters.append(waiter)
        self._wake.set()
        await waiter

    async def stop(self) -> None:
        """Let the running handler end, within its deadline, and deliver nothing more."""
        self.handling.stopping.set()
        self._wake.set()
        if self._task is not None:
            patience_s = self._limits.handler_deadline_s + self._limits.cancel_grace_s
            done, _ = await asyncio.wait({self._task}, timeout=patience_s)
            if not done:
                await self.kill()
        await self.handling.close()

    async def kill(self) -> None:
        """Stop at once, in mid-work, as a crash does."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._flights.withdraw()

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self.handling.stopping.is_set():
                await self._turn()
            await self._all_landed()
        except StoreFailed:
            # The server stops for it, and recovers by restarting; the plugin's cursor is where it was.
            self._log.error("plugin_stopped_with_the_store")
        finally:
            self._idle = True
            self._release(self._idle_waiters)

    async def _turn(self) -> None:
        """Deliver one message and fire one timer, or rest if there is neither, until one comes or what is on its way lands."""
        self._wake.clear()
        waiters = list(self._idle_waiters)  # later waiters have to wait for a whole turn, too
        try:
            if self._set_backs and not await self._set_back():
                return
            busy = await self._next_message()
            busy = await self._next_timer() or busy
        except StoreFailed:
            raise
        except Exception as error:  # the worker must outlive any error of one turn
            self._log.error("plugin_worker_fault", exc_info=error)
            await self.handling.pause(FAULT_PAUSE_S)
            return
        if busy:
            await asyncio.sleep(0)  # handlers that wait for nothing leave the loop a turn between two
            return
        if self._flights:
            await self._rest(self._timers.wait_s())
            return
        self._idle = not self._wake.is_set()
        self._release(waiters)
        await self._rest(self._timers.wait_s())

    def _release(self, waiters: list[asyncio.Future[None]]) -> None:
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._idle_waiters = [waiter for waiter in self._idle_waiters if not waiter.done()]

    async def _rest(self, seconds: float | None) -> None:
        """Wait to be woken, for so long at most: by a timer of our own, since `asyncio.timeout` costs as much as a turn."""
        ring = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if ring is not None:
                ring.cancel()

    def _timers_changed(self, first: int | None) -> None:
        self._timers.changed(first)
        self._idle = False
        self._wake.set()

    # -- older copies -------------------------------------------------------------------------------------------------

    async def _set_back(self) -> bool:
        """Tell of the older copies that have come back, before anything else. False if the plugin stops."""
        while self._set_backs:
            run, copied_at, restored_at = self._set_backs[0]
            sent = await self._store.read(partial(self._overdue, restored_at))
            event = SetBack(run, copied_at, restored_at, sent)
            if sent:
                self._log.info("timers_not_fired", run=run, count=len(sent))
            delivery = Delivery(event, partial(self._tell, event))
            if await self.handling.deal_with(delivery) is Outcome.PUT_OFF:
                return False
            self._set_backs.popleft()
            self._timers.changed()
        return True

    async def _tell(self, event: SetBack) -> None:
        if self.registrations.set_back is not None:
            await self.registrations.set_back(event)

    def _overdue(self, now: int, reader: Reader) -> tuple[TimerFired, ...]:
        """Timers that send something, and were due at that time."""
        name, sending = self.registrations.name, self.registrations.sending
        if not sending:
            return ()
        return tuple(
            TimerFired(timer_id, name, timer, due_at, payload)
            for timer_id, timer, due_at, payload in reader.timers_due(name, now, MAX_OVERDUE)
            if timer in sending
        )

    # -- messages -----------------------------------------------------------------------------------------------------

    async def _next_message(self) -> bool:
        """Deal with what has landed, read what is missing, and deliver one message. False if there was nothing to do."""
        if not await self._landed() or self._flights.full:
            return False
        after = self._feed.to_read()
        if after is not None:
            await self._read(after)
        event = self._feed.take(self._flights)
        if event is None:
            return after is not None
        upto = self._feed.floor(self._newest.change, dealing=event)
        self.registrations.in_hand[event.change] = upto
        delivery = self._delivery(event)
        if delivery is None:
            return self._dealt(event, upto, Outcome.UNMARKED)
        begun = await self.handling.begin(delivery)
        if isinstance(begun, Outcome):
            return self._dealt(event, upto, begun)
        self._flights.begin(Flight(event, delivery, upto, begun))
        return True

    async def _landed(self) -> bool:
        """Deal with the flights that have landed; what failed is tried again here, by itself. False if the plugin stops."""
        for flight, error in self._flights.landed():
            outcome = Outcome.MARKED
            if error is None:
                self.handling.handled_count += 1
            else:
                outcome = await self.handling.deal_with(flight.delivery, error)
            if not self._dealt(flight.event, flight.upto, outcome):
                return False
        return True

    async def _all_landed(self) -> bool:
        """Wait until nothing is on its way. False if the plugin stops."""
        await self._flights.decided()
        await asyncio.sleep(0)  # behind the callbacks of those that were just decided
        return await self._landed()

    def _dealt(self, event: MessagePosted, upto: int, outcome: Outcome) -> bool:
        """Note what became of a message. False if the plugin stops: it stays, so that no cursor passes it."""
        del self.registrations.in_hand[event.change]
        if outcome is Outcome.PUT_OFF:
            return False
        self._feed.deal(event)
        self._senders.pop(event.change, None)
        if outcome is Outcome.MARKED:
            self._marked(upto)
        elif event.change > upto:
            self._unstored.add(event.change)
        self._feed.forget(upto)
        return True

    async def _read(self, after: int) -> None:
        bots = self.registrations.bots
        rows, complete = await self._store.read(
            lambda reader: reader.messages_after(after, list(bots), self._limits.read_page)
        )
        if bots is not self.registrations.bots:
            return  # a bot was added meanwhile: its messages are missing from the answer
        events = [MessagePosted(change, message, audience) for change, message, audience in rows]
        self._feed.fill(after, filter(self._wanted, events), complete, self._newest.change)
        if not events and complete <= after and not len(self._feed) and self._feed.to_read() is not None:
            await self._rest(
                self._limits.timer_poll_s
            )  # the reader's snapshot is older than the last notification

    def _delivery(self, event: MessagePosted) -> Delivery | None:
        """Choose the message's handler: its command, or the listeners; None without either."""
        message, registrations = event.message, self.registrations
        bots = bots_among(event.audience, registrations.bots)
        if not bots or message.sender_id in registrations.bots or message.content is None:
            return None
        reply = Reply(message.conversation_id, bots[0], message.sender_id)
        content = _readable(message.content)
        text = content.get("text") if content.get("type") == "text" else None
        if isinstance(text, str) and len(text) <= self._limits.max_text_chars:
            matched = registrations.commands.match(text)
            if matched is not None:
                return Delivery(event, lambda: self._command(matched, event, content), reply)
            if fold(text.strip()) == HELP and len(registrations.commands):
                return Delivery(event, self._help, reply)
        if not registrations.listeners:
            return None
        # Two plugins whose bots complain about each other's complaints would never stop.
        to_a_person = message.sender_id not in self._bots_of_all
        return Delivery(
            event, lambda: self._listen(event), reply if to_a_person else None, mark_at_once=False
        )

    def _command(
        self, matched: Matched[CommandHandler], event: MessagePosted, content: Content
    ) -> Answer | Awaitable[Answer]:
        command = matched.command
        sender = self._senders.pop(event.change, None)
        if command.name in self.registrations.senders_unread:
            sender = User(event.message.sender_id, event.message.sender_id)
        if sender is None:
            return self._command_of_unknown(matched, event, content)
        place = event.message.conversation_id
        return command.target(Call(command.name, matched.arguments, sender, place, event, content))

    async def _command_of_unknown(
        self, matched: Matched[CommandHandler], event: MessagePosted, content: Content
    ) -> Answer:
        await self._look_up(event)
        answer = self._command(matched, event, content)
        return await answer if isawaitable(answer) else answer

    async def _look_up(self, event: MessagePosted) -> None:
        """Learn the sender of a message; those of the messages that wait behind it are looked up with it."""
        senders = {one.change: one.message.sender_id for one in self._feed.waiting(SENDERS_AT_ONCE)}
        senders[event.change] = event.message.sender_id
        found = await self._store.read(lambda reader: reader.users(list(senders.values())))
        known = {user.user_id: user for user in found}
        self._senders = {
            change: known.get(user_id) or User(user_id, user_id) for change, user_id in senders.items()
        }

    def _listen(self, event: MessagePosted) -> Effects | Awaitable[Effects | None] | None:
        return self._ask(iter(list(self.registrations.listeners)), event)

    def _ask(
        self, listeners: Iterator[Listener], event: MessagePosted
    ) -> Effects | Awaitable[Effects | None] | None:
        # One event, one mark: the listener that marks it has dealt with it, and those behind it are not asked.
        for listener in listeners:
            effects = listener(event)
            if isawaitable(effects):
                return self._ask_on(effects, listeners, event)
            if effects is not None:
                return effects
        return None

    async def _ask_on(
        self, waits: Awaitable[Effects | None], behind: Iterator[Listener], event: MessagePosted
    ) -> Effects | None:
        """Wait for a listener, then ask those behind it."""
        effects = await waits
        attempt = CURRENT.get()
        if effects is not None or (attempt is not None and attempt.handled):
            return effects
        others = self._ask(behind, event)
        return await others if isawaitable(others) else others

    def _help(self) -> str:
        return "\n".join(
            f"/{row.name}"
            + "".join(f" · {alias}" for alias in row.aliases)
            + (f" — {row.help}" if row.help else "")
            for row in self.registrations.commands
        )

    # -- timers -------------------------------------------------------------------------------------------------------

    async def _next_timer(self) -> bool:
        """Fire one due timer. False if none is due."""
        if self.handling.stopping.is_set():
            return False
        timer = await self._timers.next_due()
        if timer is None:
            return False
        try:
            if self._flights:
                self._timers.changed()  # what is on its way may cancel it
                if not await self._all_landed():
                    return False
                timer = await self._timers.next_due()
                if timer is None:
                    return True
            await self.handling.deal_with(Delivery(timer, partial(self._fire, timer)))
        except BaseException:
            self._timers.changed()
            raise
        return True

    async def _fire(self, timer: TimerFired) -> None:
        handler = self.registrations.timers.get(timer.name)
        if handler is None:
            raise NoHandler(f"no handler for timers named {timer.name!r}")
        await handler(timer)


def _readable(content: bytes) -> Content:
    try:
        return decode_content(content)
    except Exception:  # an error of the codec's package: unreadable content is no command
        return {}

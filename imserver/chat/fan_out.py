"""Fan-out: in commit order, pushes committed facts to every session of every member and then answers each unit's caller.

A push tail is encoded once and its bytes are shared by all recipients. The work is bounded: at most `TURN_S` a turn of the
event loop; the backlog is counted in deliveries, and above `max_backlog` the writer holds its next batch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from operator import itemgetter
from typing import Any

from imserver.chat.ports import PushEncoder
from imserver.chat.state_pushes import StatePushes
from imserver.chat.units import Outlet, PostUnit, Unit
from imserver.clock import Clock
from imserver.errors import StoreFailed
from imserver.events import (
    AboutChanged,
    AccessEnded,
    AccountChanged,
    ContactChanged,
    CursorMoved,
    ItemsChanged,
    MessageEdited,
    MessagePosted,
    PluginNoted,
    Pushed,
    SettingsChanged,
    StoredEvent,
)
from imserver.model import Audience, QuietAudience, TeamAudience

#: Longest stretch of fan-out in one turn of the loop (seconds), so that reads, pings and acks stay prompt.
TURN_S = 0.005
#: Deliveries of neighbouring messages that are made together, about a millisecond.
MAX_RUN_DELIVERIES = 2048
#: Conversations whose last audience is remembered for signals.
MAX_AUDIENCES = 10_000

_SECOND = itemgetter(1)


class Hub:
    """The one listener of commits: knows every user's sessions and pushes to them."""

    def __init__(self, encode_push: PushEncoder, clock: Clock, log: Any, *, max_backlog: int) -> None:
        self._encode_push = encode_push
        self._clock = clock
        self._log = log
        #: Deliveries above which the writer waits.
        self.max_backlog = max_backlog
        self._outlets: dict[str, list[Outlet]] = {}
        self._queue: deque[tuple[Unit, int]] = deque()
        self._backlog = 0
        self._scheduled = False
        self._held_writer = False
        self._audiences: dict[str, Audience] = {}
        self._state = StatePushes(encode_push, clock, self._push_to_all, self.audience_of)
        #: Units that were ever queued; and for each batch that is not fanned out, their number behind it and its last change.
        self._queued = 0
        self._batches: deque[tuple[int, int]] = deque()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._failure: StoreFailed | None = None
        #: The change up to which everything was pushed. It may lag behind the truth, while nobody asks.
        self.told = 0
        #: The store's last change that was handed over here.
        self.committed_change: Callable[[], int] = lambda: 0
        #: Called with each batch's events after the commit, in commit order (the plugin host; in-process readers).
        self.observers: list[Callable[[Sequence[StoredEvent]], None]] = []
        #: Called with a conversation whose audience was not remembered, and is.
        self.on_audience: Callable[[str], object] = lambda conversation_id: None
        #: Called when a session is over, before the next commit is fanned out.
        self.on_gone: Callable[[Outlet], None] = lambda outlet: None
        #: Called for each commit that ends somebody's access, at once and in commit order: no backlog delays it.
        self.on_access_ended: Callable[[AccessEnded], None] = lambda event: None
        #: Called when the backlog is down to half of its bound after the writer had to hold.
        self.on_relief: Callable[[], None] = lambda: None

    # -- outlets ------------------------------------------------------------------------------------------------------

    def register(self, outlet: Outlet) -> None:
        """Push to this outlet, too, from the next commit on."""
        self._outlets.setdefault(outlet.user_id, []).append(outlet)

    def unregister(self, outlet: Outlet) -> None:
        """Stop pushing to an ended session. Unknown outlets are ignored: ending twice is harmless."""
        self.on_gone(outlet)
        outlets = self._outlets.get(outlet.user_id, [])
        if outlet in outlets:
            outlets.remove(outlet)
            if not outlets:
                del self._outlets[outlet.user_id]

    def outlets_of(self, user_id: str) -> Sequence[Outlet]:
        """The user's sessions, attached or detached."""
        return self._outlets.get(user_id, ())

    def audience_of(self, conversation_id: str) -> Audience | None:
        """Members as of the last message, if still remembered: enough for signals, which may be dropped."""
        return self._audiences.get(conversation_id)

    @property
    def backlog(self) -> int:
        """Deliveries that wait for fan-out."""
        return self._backlog

    # -- commits ------------------------------------------------------------------------------------------------------

    def committed(self, units: Sequence[Unit]) -> None:
        """Queue the batch and fan it out at once, for at most `TURN_S`."""
        for unit in units:
            if unit.happened:  # plain posts have none
                self._end_access(unit.happened)
        weighed = [(unit, _weight(unit)) for unit in units]
        self._queue.extend(weighed)
        self._queued += len(weighed)
        self._batches.append((self._queued, self.committed_change()))
        self._backlog += sum(map(_SECOND, weighed))
        if not self._scheduled:
            self._work()

    def _end_access(self, events: Sequence[StoredEvent]) -> None:
        for event in events:
            if isinstance(event, AccessEnded):
                try:
                    self.on_access_ended(event)
                except Exception:
                    self._log.exception("access_not_ended")

    def saturated(self) -> bool:
        """True while the writer should hold its next batch; `on_relief` follows."""
        self._held_writer = self._backlog > self.max_backlog
        return self._held_writer

    async def until_told(self, change: int) -> None:
        """Wait until everything up to this change, which somebody has read, was pushed. Raises `StoreFailed`."""
        if self._failure is not None:
            raise self._failure
        if not self._batches:
            self.told = self.committed_change()
        if change > self.told:
            told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((change, told))
            await told

    def store_failed(self, failure: StoreFailed) -> None:
        """Nothing is handed over any more: who waits for it waits in vain."""
        self._failure = failure
        for _, told in self._waiting:
            if not told.done():
                told.set_exception(failure)
        self._waiting.clear()

    def close(self) -> None:
        """The sessions are over."""
        self._state.close()

    def _work(self) -> None:
        self._scheduled = False
        monotonic = self._clock.monotonic
        until = monotonic() + TURN_S
        queue = self._queue
        events: list[StoredEvent] = []
        while queue:
            run = self._next_run()
            try:
                self._fan_out(run)
            except Exception:
                # The message is stored: its author gets the reply all the same, and members without the push find the gap.
                self._log.exception("fan_out_failed")
            try:
                if len(run) == 1:
                    run[0].settle()
                else:
                    run[0].settle_together(run)
            except Exception:
                # One unit's error must not stop the rest of the batch; its author will offer this one again.
                self._log.exception("settle_failed")
            if self.observers:
                for unit in run:
                    events.extend(unit.events())
            if queue and monotonic() > until:
                self._scheduled = True
                asyncio.get_running_loop().call_soon(self._work)
                break
        self._tell_waiting()
        if events:
            for observer in list(self.observers):
                try:
                    observer(events)
                except Exception:
                    self._log.exception("observer_failed")
        if self._held_writer and self._backlog <= self.max_backlog // 2:
            self._held_writer = False
            self.on_relief()

    def _tell_waiting(self) -> None:
        """Note how far the fan-out has come."""
        done = self._queued - len(self._queue)
        batches = self._batches
        while batches and batches[0][0] <= done:
            self.told = batches.popleft()[1]
        if self._waiting:
            for change, told in self._waiting:
                if change <= self.told and not told.done():
                    told.set_result(None)
            self._waiting = [one for one in self._waiting if not one[1].done()]

    def _next_run(self) -> list[Unit]:
        """Take the next units to fan out: one, or neighbours that are posts of one session to one conversation.

        Their recipients are looked up once (benchmark "throughput"); each sees the same order as one by one.
        """
        queue = self._queue
        unit, weight = queue.popleft()
        self._backlog -= weight
        run, origin = [unit], unit.origin
        if origin is None or not queue or queue[0][0].origin is not origin:
            return run
        audience, room = unit.audience, MAX_RUN_DELIVERIES - weight
        if audience is None:
            return run
        conversation_id = unit.conversation_id
        while queue:
            unit, weight = queue[0]
            if (
                unit.origin is not origin
                or weight > room
                or unit.audience is not audience
                or unit.conversation_id != conversation_id
            ):
                break
            queue.popleft()
            run.append(unit)
            room -= weight
            self._backlog -= weight
        return run

    def _fan_out(self, run: Sequence[Unit]) -> None:
        first = run[0]
        if (audience := first.audience) is not None:
            posts: Sequence[PostUnit] = run  # type: ignore[assignment]  # they have audiences
            tails = [self._post(posts[0])] if len(posts) == 1 else list(map(self._post, posts))
            self._push(tails, audience, first.origin)
            self._remember(posts[0].conversation_id, audience)
            return
        for event in first.events():
            if isinstance(event, MessagePosted):
                self._push([self._message(event)], event.audience, first.origin)
                present = event.audience if event.remaining is None else event.remaining
                self._remember(event.message.conversation_id, present)
                if event.of_team:
                    self._forget_gone(event.message.conversation_id, event.audience.keys() - present.keys())
            elif isinstance(event, CursorMoved):
                self._push([self._cursor(event)], event.audience, first.origin)
            elif isinstance(event, ContactChanged):
                self._remember(event.conversation_id, event.audience)
            elif isinstance(event, Pushed):
                self._push([self._encode_push.told(event.kind, event.fields)], event.audience, first.origin)
            elif not isinstance(event, MessageEdited | PluginNoted | AccessEnded):
                self._state.tell(event)
                if isinstance(event, ItemsChanged | AboutChanged):  # what is put there costs as among so many
                    self._remember(event.conversation_id, event.audience)

    def _post(self, unit: PostUnit) -> object:
        return self._encode_push.message(
            unit.conversation_id, unit.result[0], unit.sender_id, unit.sent_at, unit.key, unit.content
        )

    def _message(self, event: MessagePosted) -> object:
        message = event.message
        return self._encode_push.message(
            message.conversation_id,
            message.position,
            message.sender_id,
            message.sent_at,
            message.key,
            message.content,
        )

    def _cursor(self, event: CursorMoved) -> object:
        cursors = event.cursors
        return self._encode_push.cursor(event.conversation_id, event.user_id, cursors.delivered, cursors.read)

    def _push(self, tails: Sequence[object], audience: Collection[str], origin: Outlet | None) -> None:
        outlets = self._outlets
        # Loop over the smaller set: members of the conversation, or users with a session.
        names = [name for name in outlets if name in audience] if len(audience) > len(outlets) else audience
        for user_id in names:
            for outlet in outlets.get(user_id, ()):
                if outlet is not origin:
                    outlet.push_all(tails)

    def _push_to_all(self, tail: object, audience: Collection[str]) -> None:
        self._push([tail], audience, None)

    def _remember(self, conversation_id: str, audience: Audience) -> None:
        audiences = self._audiences
        if type(audience) is QuietAudience:
            audiences.pop(conversation_id, None)
            return
        if conversation_id in audiences:
            audiences[conversation_id] = audience
            return
        if len(audiences) >= MAX_AUDIENCES:
            del audiences[next(iter(audiences))]
        audiences[conversation_id] = audience
        self.on_audience(conversation_id)

    def _forget_gone(self, team_id: str, gone: Collection[str]) -> None:
        """Forget, in what is remembered of conversations with this team, who is in it no more: signals must not reach them."""
        audiences = self._audiences
        for conversation_id, audience in audiences.items():
            if isinstance(audience, TeamAudience) and audience.team_id == team_id:
                audiences[conversation_id] = audience.without(gone)


def _weight(unit: Unit) -> int:
    if unit.audience is not None:
        return 1 + len(unit.audience)
    weight = 1
    for event in unit.events():
        if not isinstance(
            event,
            MessageEdited | SettingsChanged | AccountChanged | ContactChanged | PluginNoted | AccessEnded,
        ):
            weight += len(event.audience)
    return weight

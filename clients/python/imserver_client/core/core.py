"""The composition root of one client: makes the parts, owns their tasks, and dispatches a connection's events."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import ssl
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import structs

from imserver_client import storage as stored
from imserver_client import wire
from imserver_client.address import Address
from imserver_client.environment import Environment
from imserver_client.errors import (
    CannotConnect,
    ClientError,
    Disconnected,
    Misuse,
    Stopped,
    StoreError,
    plain,
)
from imserver_client.events import CatchUpFailed, ConnectionChanged, Retracted
from imserver_client.features.base import Feature, Port
from imserver_client.limits import ClientLimits
from imserver_client.values import Cursor, Message, State
from imserver_protocol import (
    CloseCode,
    Closed,
    EncodeError,
    Event,
    PushReceived,
    RefusalReceived,
    ReplyReceived,
    SignalReceived,
    WelcomeReceived,
)
from imserver_protocol.methods.check import CheckAnswer, CheckResult, Known
from imserver_protocol.methods.conversations import ConversationRow
from imserver_protocol.methods.cursor import CURSOR_MOVED, CursorPush
from imserver_protocol.methods.descriptors import Shape, Signal
from imserver_protocol.methods.history import HistoryResult, PageItem
from imserver_protocol.methods.lagging import LAGGING, LaggingPush
from imserver_protocol.methods.post import MESSAGE, MessagePush
from imserver_protocol.methods.state import ABOUT, ACCOUNT, ITEM, SETTINGS
from imserver_protocol.methods.sync import SyncRow
from imserver_protocol.shared.words import Kind

from .announcer import Announcer, EventStream
from .backoff import Backoff
from .calls import Calls
from .catch_up import CatchUp
from .cursors import Cursors, Receipts
from .delivery import Delivery
from .inbox import Inbox, Place, Track
from .lineage import ACCOUNT as ACCOUNT_TRAIL
from .lineage import Checked, Lineage
from .outbox import Entry
from .ports import FeaturePort, Kinds
from .posting import Posting
from .questions import Questions
from .reconnect import Reconnect, Tokens, TokenSource
from .requests import Requests, closed
from .states import States
from .telling import Telling
from .window import Window
from .writes import Writes

P = TypeVar("P", bound=Shape)

_log = logging.getLogger("imserver_client")

#: Signals are dropped while so many bytes wait for the socket: messages that are stuck matter more than typing.
_SIGNALS_UP_TO_BYTES = 64 * 1024
_DEVICE_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of `connect()`."""

    address: Address
    token: TokenSource = field(repr=False)
    device_id: str | None
    tls: ssl.SSLContext | None
    timeout: float | None
    close_timeout: float
    have: dict[str, int]
    client_info: dict[str, Any]


class Core:
    """The implementation behind a Client."""

    def __init__(
        self,
        options: Options,
        storage: stored.Storage,
        limits: ClientLimits,
        environment: Environment,
        features: Mapping[str, Callable[[Port], Feature]],
    ) -> None:
        self._options = options
        self._storage = storage
        self.limits = limits
        self._environment = environment
        self.monotonic = environment.monotonic
        self.key = environment.key
        self.state = State.CONNECTING
        self.user_id = ""
        self.device_id = ""
        self.store_epoch = ""
        #: Those that WELCOME named; none: the server does not say.
        self.server_features: frozenset[str] = frozenset()
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: asyncio.Future[None] | None = None
        self._last_failure = "no attempt was finished"
        self._end: Callable[[], ClientError] | None = None
        self._opened = False

        self.announcer = Announcer(limits.max_queued_events)
        self.announce = self.announcer.announce
        self.requests = Requests(limits, self._make_backoff, self._sent, self.violated)
        self.inbox = Inbox(limits.max_conversations, limits.max_unknown_conversations)
        self.lineage = Lineage()
        self.telling = Telling(self.lineage, storage, self.announcer)
        self.delivery = Delivery(storage, self.lineage, limits, self._room_again, self._finished)
        self.states = States(self, self.requests, self.inbox, self.lineage, storage, limits)
        self.catch_up = CatchUp(self, self.requests, self.inbox, self.lineage, self.delivery, storage, limits)
        self.posting = Posting(self, self.requests, storage, self.lineage, limits, self._make_backoff)
        self.encode = self.posting.encode
        self.cursors = Cursors(limits.max_cursors, limits.max_cursors_in_all, self.announce)
        self.receipts = Receipts(self.requests, limits, self._is_by_team)
        self.window = Window(
            self.inbox,
            self.lineage,
            self.states,
            self.delivery,
            self.posting,
            self.cursors,
            storage,
            limits,
        )
        self.writes = Writes(self.requests, limits.max_writes)
        self.questions = Questions(self)
        self._tokens = Tokens(options.token)
        self.calls = Calls(self, self.requests, self.cursors, self.states, self._tokens, limits)
        self._reconnect = Reconnect(
            self, options.address, options.tls, self._tokens, options.client_info, limits, environment
        )
        #: A kind without a row is a plugin's, or ignored (SPEC 13).
        self.pushes: Kinds = {
            MESSAGE.kind: (MESSAGE.fields, self._on_message),
            CURSOR_MOVED.kind: (CURSOR_MOVED.fields, self._on_cursor),
            LAGGING.kind: (LAGGING.fields, self._on_lagging),
            ITEM.kind: (ITEM.fields, self.states.on_item),
            ABOUT.kind: (ABOUT.fields, self.states.on_about),
            SETTINGS.kind: (SETTINGS.fields, self.states.on_settings),
            ACCOUNT.kind: (ACCOUNT.fields, self.states.on_account),
        }
        self.signals: Kinds = {}
        self._ports = {name: FeaturePort(self, name) for name in features}
        self.features = {name: make(self._ports[name]) for name, make in features.items()}

    def _make_backoff(self) -> Backoff:
        return Backoff(self._environment.uniform, self.limits.max_retry_after_s)

    # -- opening and closing ------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect; returns when the first sync is finished. On failure cleans up and raises as `connect` does."""
        if self._opened:
            raise Misuse("a client is opened once; call connect() again")
        self._opened = True
        self._ready = asyncio.get_running_loop().create_future()
        try:
            self._restore(self._storage.open())
            for name, work in (
                ("reconnect", self._reconnect.run()),
                ("catch up", self.catch_up.run()),
                ("receipts", self.receipts.run()),
                ("state", self.states.run()),
                *((name, work()) for name, port in self._ports.items() for work in port.works),
            ):
                self._spawn(name, work)
            async with asyncio.timeout(self._options.timeout):
                await self._ready
        except TimeoutError:
            await self._shut()
            raise CannotConnect(f"no connection in {self._options.timeout} s: {self._last_failure}") from None
        except BaseException:
            await self._shut()
            raise

    def _restore(self, saved: stored.Saved) -> None:
        wanted = self._options.device_id
        if wanted is not None and saved.device_id not in (None, wanted):
            raise StoreError(f"the store belongs to the device {saved.device_id!r}, not {wanted!r}")
        self.device_id = wanted or saved.device_id or ""
        self.user_id = saved.user_id or ""
        self.store_epoch = saved.store_epoch or ""
        stored.adopt(saved, self._options.have)
        # Posts may have been answered where no row of sync has told of the conversation yet.
        known = {*saved.positions, *(one.conversation_id for one in saved.own.values()), ACCOUNT_TRAIL}
        known.update(post.conversation_id for post in saved.outbox)
        trails = {name: one for name, one in saved.trails.items() if name in known or one.place is not None}
        self.lineage.restore(trails, saved.own, saved.notices)
        self.telling.restore()
        self.inbox.restore(saved.positions)
        self.states.restore(saved)
        self.catch_up.restore(saved)
        self.posting.restore(saved.outbox)

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"imserver_client {name}")
        task.add_done_callback(self._task_ended)
        self._tasks.append(task)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._stop(error)

    async def close(self, *, flush: bool) -> None:
        """See Client.close. Cancelling an orderly close makes it an immediate one."""
        try:
            await self._leave(flush)
        finally:
            self._reconnect.leaving = True
            await self._shut()

    async def _leave(self, flush: bool) -> None:
        if self._end is None and flush:
            try:
                async with asyncio.timeout(self._options.close_timeout):
                    await self.posting.empty.wait()
                    await self.writes.empty.wait()
                    if self.state is State.CONNECTED:
                        await self.receipts.flush()
            except* (TimeoutError, ClientError):
                pass  # unsent posts stay in the outbox; the next client reports cursors again
        if self._end is None:
            with contextlib.suppress(StoreError):  # what is not kept is asked again
                self.states.save()
        if len(self.posting) and self.state is not State.CLOSED:
            _log.info("closing with %d posts in the outbox", len(self.posting))
        self._reconnect.leaving = True
        transport = self._reconnect.transport
        if transport is not None:
            transport.connection.close(CloseCode.OK, now=self.monotonic())
            transport.step_soon()
            await transport.lost.wait()

    async def abort(self) -> None:
        """See Client.abort."""
        self._reconnect.leaving = True
        await self._shut()

    async def _shut(self) -> None:
        """End every task and release all resources. Idempotent."""
        if self.state is not State.CLOSED:
            self._change(State.CLOSED)
        self._finish(closed)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.posting.close()
            await self.writes.close()
        finally:
            self._storage.close()

    def _stop(self, error: BaseException) -> None:
        """The client cannot go on: every pending or later call raises the reason."""
        if self._end is not None:
            return
        _log.info("client stopped: %s", error)
        self._change(State.STOPPED, str(error))

        def make() -> ClientError:
            if isinstance(error, Stopped):
                return Stopped(error.code, error.text)
            if isinstance(error, StoreError):
                return StoreError(str(error))
            stopped = Stopped(0, str(error) or type(error).__name__)
            stopped.__cause__ = error
            return stopped

        self._finish(make)
        for task in self._tasks:
            task.cancel()

    def _finish(self, error: Callable[[], ClientError]) -> None:
        self._end = error
        self.telling.end()
        self.requests.end(error)
        self.posting.end(error)
        self.writes.end(error)
        self.delivery.end(error)
        self.questions.missed()
        self.announcer.end(error)
        if self._ready is not None and not self._ready.done():
            if isinstance(error(), Disconnected):
                self._ready.cancel()
            else:
                self._ready.set_exception(error())

    def _change(
        self, state: State, reason: str = "", retry_in_s: float | None = None, resumed: bool = False
    ) -> None:
        self.state = state
        self.announce(ConnectionChanged(state, reason, retry_in_s, resumed))

    # -- events of the connection -------------------------------------------------------------------------------------

    def connection_event(self, event: Event) -> None:
        """Handle one event of the connection."""
        try:
            if isinstance(event, PushReceived):
                if not self.lineage.open and event.kind in self.pushes:
                    self._drop_push(event)
                elif not self._take(self.pushes, event):
                    self.questions.pushed(event.kind, event.fields)
            elif isinstance(event, (ReplyReceived, RefusalReceived)):
                self.requests.answered(event)
            elif isinstance(event, SignalReceived):
                self._take(self.signals, event)
            elif isinstance(event, WelcomeReceived):
                self._on_welcome(event)
            elif isinstance(event, Closed):
                self.requests.detach()
                self._reconnect.closed = structs.replace(event, text=plain(event.text))
        except wire.BadShape as error:
            self.violated(str(error))

    def step_done(self) -> None:
        """The window may have room: send queued requests and posts."""
        self.requests.serve_line()
        self.posting.offer()

    def connection_failed(self, error: Exception) -> None:
        """A fault of ours, or of the store: going on could lose something."""
        self._stop(error)
        transport = self._reconnect.transport
        if transport is not None:
            transport.abort()

    def _on_welcome(self, event: WelcomeReceived) -> None:
        welcome = event.welcome
        if self.user_id not in ("", welcome.user_id):
            raise StoreError(
                f"the store belongs to the user {self.user_id!r}, the token to {welcome.user_id!r}"
            )
        if event.resumed and self.store_epoch != welcome.store_epoch:
            self.violated("another store_epoch in the same session")
            return
        self.user_id = welcome.user_id
        self.server_features = frozenset(welcome.features)
        if not event.resumed:
            self.session_over()
            self._begin(welcome.place, welcome.store_epoch)
        self._storage.save_identity(self.device_id, self.user_id, self.store_epoch, self.server_features)
        self._reconnect.welcomed(event.session)
        self.requests.attach(event.session)
        if self.lineage.open:
            self.requests.release()
        self._change(State.CONNECTED, plain(welcome.reason), resumed=event.resumed)

    def _begin(self, place: str, store_epoch: str) -> None:
        """A fresh session."""
        known, self.store_epoch = self.store_epoch, store_epoch
        self.catch_up.begin(place)
        recount = self.states.served_with(self.server_features)
        # Another epoch: the database is another one, and no token of the old one is good.
        if known not in ("", store_epoch) or (recount and self.catch_up.since is not None):
            self.catch_up.let_go(store_epoch, recount=recount)
        elif recount:
            self._storage.forget_since(store_epoch, self.lineage.unsaved(), recount=True)
            self.lineage.saved()

    def _drop_push(self, event: PushReceived) -> None:
        """It came before it is known whose history this session goes on with: sync tells of it again."""
        if event.kind == LAGGING.kind:
            self.questions.missed()
        self.catch_up.missed()

    def _take(self, kinds: Kinds, event: PushReceived | SignalReceived) -> bool:
        """Handle it. False for a kind without a row, which is ignored (SPEC 13), or a plugin's."""
        row = kinds.get(event.kind)
        if row is None:
            return False
        shape, handler = row
        handler(wire.read(event.fields, shape))
        return True

    def _on_message(self, push: MessagePush) -> None:
        conversation_id, position = push.conversation_id, push.position
        if push.sender_id == self.user_id:
            self.posting.seen(push.key, conversation_id, position, push.sent_at_ms)
        self.states.told(conversation_id)
        place = self.inbox.place(conversation_id, position)
        if place is Place.NEXT and self.delivery.has_room():
            self.lineage.moved(conversation_id)
            item = PageItem(position, push.sender_id, push.sent_at_ms, push.key, push.content, 1)
            self._deliver(conversation_id, item)
        elif place is not Place.DUPLICATE:
            self.note_head(conversation_id, position)
            if self.inbox.get(conversation_id) is not None:
                self._note_event(conversation_id, push.content)

    def _on_cursor(self, moved: CursorPush) -> None:
        if self.inbox.get(moved.conversation_id) is not None:
            self.lineage.moved(moved.conversation_id)
            self.cursors.moved(moved.conversation_id, moved.user_id, moved.delivered, moved.read)
        else:
            # The conversation is new, and a sync in flight may be older than this cursor: sync once more.
            self.catch_up.want_sync()

    def _on_lagging(self, _: LaggingPush) -> None:
        self._pushes_missed()
        self.catch_up.want_sync()

    def _pushes_missed(self) -> None:
        """Whoever heard of changes by push asks again."""
        self.questions.missed()
        for port in self._ports.values():
            port.pushes_missed()

    # -- calls between the parts --------------------------------------------------------------------------------------

    def device_for(self, token: str) -> str:
        """The device id for HELLO. By default it follows from the first token: servers bind a token to the device
        that used it first, so a made-up id would lock the token out at the next start without a store."""
        if not self.device_id:
            self.device_id = hashlib.sha256(token.encode()).hexdigest()[:_DEVICE_ID_DIGITS]
        return self.device_id

    def connecting(self) -> None:
        self._change(State.CONNECTING)

    def attempt_failed(self, text: str, retry_in_s: float) -> None:
        self._last_failure = text
        self._change(State.WAITING, text, retry_in_s)

    def violation(self, closed: Closed) -> None:
        self.posting.violation(closed.code, closed.text, by_server=closed.by_peer)

    def session_over(self) -> None:
        self.states.session_lost()
        self._pushes_missed()
        self.requests.lose_session()
        self.posting.session_lost()

    def violated(self, text: str) -> None:
        """The server's payload violates the SPEC: end the session."""
        transport = self._reconnect.transport
        if transport is not None:
            transport.connection.close(CloseCode.MALFORMED, text, now=self.monotonic())
            transport.step_soon()

    @property
    def may_offer(self) -> bool:
        return self.catch_up.started and self.lineage.open

    @property
    def heard(self) -> bool:
        return self.announcer.heard

    def subscribe(self) -> EventStream:
        """See Client.events."""
        stream = self.announcer.subscribe()
        self.catch_up.wake()  # what is read again for events waits for a reader
        return stream

    def synced(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        self.states.synced()
        self.posting.offer()

    def want_sync(self) -> None:
        self.catch_up.want_sync()

    def note_head(self, conversation_id: str, position: int) -> None:
        if self.inbox.note_head(conversation_id, position):
            self.catch_up.want_sync()
        else:
            self.lineage.moved(conversation_id)
            self.catch_up.wake()

    def own_message(self, entry: Entry, position: int, sent_at: int) -> None:
        place = self.inbox.place(entry.conversation_id, position)
        if place is Place.NEXT and self.delivery.has_room():
            self.lineage.moved(entry.conversation_id)
            item = PageItem(position, self.user_id, sent_at, entry.key, entry.content, 1)
            self._deliver(entry.conversation_id, item, answered=True)
        elif place is not Place.DUPLICATE:
            self.note_head(entry.conversation_id, position)

    def take_item(self, conversation_id: str, item: PageItem) -> None:
        if item.sender_id == self.user_id:
            self.posting.seen(item.key, conversation_id, item.position, item.sent_at_ms)
        if self.inbox.place(conversation_id, item.position) is not Place.DUPLICATE:
            self._deliver(conversation_id, item)

    def take_rows(self, rows: tuple[SyncRow, ...]) -> None:
        for row in rows:
            self.cursors.moved(row.conversation_id, self.user_id, row.delivered, row.read)
            for cursor in row.cursors:
                self.cursors.moved(row.conversation_id, cursor.user_id, cursor.delivered, cursor.read)

    # -- when an older copy of the server's database has come back ------------------------------------------------------

    def since_refused(self) -> None:
        self.requests.hold()
        told = self.lineage.notices()
        self.catch_up.let_go(self.store_epoch)
        for notice in self.lineage.notices():
            if notice not in told:  # it waited for this: to lose a conversation of a team may be ordinary
                self.telling.notice(notice)

    def opened(self) -> None:
        self.requests.release()
        self.posting.offer()
        for name in self.lineage.looked_for():
            self.read_up_to_head(name)

    def take_answers(self, asked: Sequence[Known], result: CheckResult) -> None:
        offered = [
            one.post
            for known, answer in zip(asked, result.answers, strict=False)
            for one in self._void_answers(known, answer)
        ]
        falls: dict[str, stored.SavedFall | None] = {}
        answers = zip(asked, result.answers, self.lineage.answer(result.answers), strict=False)
        for known, answer, outcome in answers:
            name = known.conversation_id
            if isinstance(outcome, Checked):
                assert answer is not None
                if self.inbox.get(name) is None:  # sync lists it, from where this user joined
                    self._announce_notice(name)
                    continue
                self._fall(outcome, answer.agreed, known.position)
                upto = known.position if outcome.keep is None else outcome.keep
                falls[name] = stored.SavedFall(upto, outcome.head)
            else:
                self._announce_notice(name)
                self._drop([name])
                falls[name] = None
        self.states.account_is(result.account_seq or 0, result.account)
        states, account = self.states.unsaved()
        keys = [post.key for post in offered]
        self._storage.save_checked(falls, keys, states, account, self.lineage.unsaved())
        self.states.saved()
        self.lineage.saved()
        self.posting.offer_again(offered)

    def _void_answers(self, known: Known, answer: CheckAnswer | None) -> list[stored.SavedAnswered]:
        """Posts whose answers are none in this history, and that the application has not seen as messages: they are offered
        again, in the order of before, with those that were posted again by then. The key keeps each single."""
        agreed = 0 if answer is None else answer.agreed or 0
        if answer is not None and agreed == known.position:
            return []
        again = [one for one in self.posting.posted_again(known.conversation_id) if one.position > agreed]
        void = [
            one
            for one in self._storage.answered(known.conversation_id, agreed)
            if not one.passed and self.lineage.take_back(one.post.key, one.position)
        ]
        return sorted([*void, *again], key=lambda one: one.position)

    def _fall(self, outcome: Checked, agreed: int | None, asked: int) -> None:
        """A row that replaces what is known of its conversation. `asked`: the position that was known."""
        row, keep = outcome.row, outcome.keep
        name = row.conversation_id
        cursors = {one.user_id: Cursor(one.delivered, one.read) for one in row.cursors}
        cursors[self.user_id] = Cursor(row.delivered, row.read)
        before = self._own_cursor(row)
        if keep is not None:
            _log.info("the history of %r was replaced above %s", name, agreed)
            self.telling.replaced(name, agreed)
            self.delivery.fall(name, keep)
            self.writes.fall(name, keep)
            for port in self._ports.values():
                port.fall(name, keep)
        if keep is not None or row.delivered < before.delivered or row.read < before.read:
            self.receipts.fall(name, asked if keep is None else keep, before)
        self.inbox.fall(row, keep, outcome.head)
        self.states.fall(outcome)
        self.cursors.replace(name, cursors)

    def _own_cursor(self, row: SyncRow) -> Cursor:
        """What the server had been told of this user's own cursor, as far as it is known: after a restart, that what is done
        was delivered."""
        name = row.conversation_id
        if row.left_at is not None or row.kind == Kind.CHANNEL:
            return Cursor()
        known = self.cursors.of(name).get(self.user_id, Cursor())
        kept = self._storage.places([name]).get(name)
        done = 0 if kept is None or self._is_by_team(name) else kept.have
        return Cursor(max(known.delivered, done), known.read)

    def _is_by_team(self, conversation_id: str) -> bool:
        return self.lineage.team_of(conversation_id) is not None

    def _drop(self, conversation_ids: Collection[str]) -> None:
        """The conversations are followed no more."""
        self.delivery.forget(conversation_ids)
        for name in conversation_ids:
            self.inbox.drop(name)
            self.states.drop(name)
            self.cursors.drop(name)
            self.receipts.drop(name)
            self.writes.fall(name, 0)
            for port in self._ports.values():
                port.fall(name, 0)

    def _announce_notice(self, name: str) -> None:
        for notice in self.lineage.notices():
            if notice.conversation_id == name:
                self.telling.notice(notice)

    def read_up_to_head(self, conversation_id: str) -> None:
        if not self.lineage.is_looked_for(conversation_id) or not self.lineage.open:
            return
        track = self.inbox.get(conversation_id)
        if track is not None and track.have >= track.known_head:
            self.lineage.reached(conversation_id)
            self._storage.save_lineage(self.lineage.unsaved())
            self.lineage.saved()
            for notice in self.lineage.notices():
                if notice.conversation_id == conversation_id:
                    self.telling.gone(notice)

    def read_again(self, conversation_id: str, item: PageItem) -> None:
        # That it was edited is known: it would be news, and be read again for ever.
        for port in self._ports.values():
            port.changed(conversation_id, item)

    def left_teams(self, rows: tuple[SyncRow, ...], *, listed: bool) -> list[str]:
        self.lineage.teams_left({row.conversation_id for row in rows if row.left_at is not None})
        if not listed:
            return []
        ended, younger = self.lineage.ended(lambda name: self.inbox.get(name) is not None)
        if younger:
            self.catch_up.want_sync()
        if ended:
            _log.info("%d conversations of a team that was left are followed no more", len(ended))
            self._forget(ended)
        return ended

    def standing(self, conversation_id: str) -> tuple[int, int] | None:
        return self.inbox.standing(conversation_id)

    def not_found(self, conversation_id: str, standing: tuple[int, int] | None) -> None:
        track = self.inbox.get(conversation_id)
        if track is None or track.standing != standing:
            return
        _log.info("%r is not found: it is followed no more", conversation_id)
        if track.have < track.known_head:
            self.cannot_read(conversation_id, track.have, track.known_head, "not found")
        self.lineage.not_found(conversation_id, posting=conversation_id in self.posting.conversations())
        self._drop([conversation_id])
        states, account = self.states.unsaved()
        self._storage.save_checked({conversation_id: None}, (), states, account, self.lineage.unsaved())
        self.states.saved()
        self.lineage.saved()
        self.tell_gone([conversation_id])

    def _forget(self, conversation_ids: Collection[str]) -> None:
        self.lineage.forget_all(conversation_ids, self.posting.conversations())
        self._drop(conversation_ids)

    def tell_gone(self, conversation_ids: Collection[str]) -> None:
        for notice in self.lineage.notices() if conversation_ids else ():
            if notice.conversation_id in conversation_ids:
                self.telling.gone(notice)

    def moved(self, conversation_id: str) -> None:
        if self.inbox.get(conversation_id) is not None:
            self.lineage.moved(conversation_id)

    def paged(self, conversation_id: str, page: HistoryResult) -> None:
        """The application is about to get this page: what vouches for it is stored before."""
        track = self.inbox.get(conversation_id)
        if track is None:
            return
        if page.head <= track.known_head:
            self.lineage.moved(conversation_id)
        self._vouch(self._looked(conversation_id, track, page.head, page.items))

    def listed(self, rows: Iterable[ConversationRow]) -> None:
        """The application is about to get these rows: what vouches for their last messages is stored before. A row that
        shows nothing younger than what is known moves nothing: otherwise each list would have all of it checked anew."""
        heads: dict[str, int] = {}
        for row in rows:
            track, last = self.inbox.get(row.conversation_id), row.last_item
            if track is None:
                continue
            if last is not None and last.revision > 1:
                self.lineage.moved(row.conversation_id)
            heads |= self._looked(row.conversation_id, track, row.head, () if last is None else (last,))
        self._vouch(heads)

    def _looked(
        self, conversation_id: str, track: Track, head: int, items: Iterable[PageItem]
    ) -> dict[str, int]:
        """Messages of a followed conversation are about to be shown: its head, if that is news."""
        news = head > track.known_head
        if news:
            self.note_head(conversation_id, head)
        for item in items:
            if item.sender_id == self.user_id or item.revision > 1:
                self._met(conversation_id, item, None)
        return {conversation_id: head} if news else {}

    def _vouch(self, heads: Mapping[str, int]) -> None:
        """Store under which place it was learnt, with the heads that came."""
        step = self.lineage.step()
        if heads or step is not None:
            self._storage.save_lineage(step or stored.LineageStep(), heads)
            self.lineage.saved()

    def _met(self, conversation_id: str, item: PageItem, said: Mapping[str, Any] | None) -> None:
        """A message of one's own, or one that was edited, was handed on, or a page shows it."""
        own = item.sender_id == self.user_id and item.content is not None
        key = item.key if own and (said or wire.system_event(item.content)) is None else None
        self.lineage.message(conversation_id, item.position, item.revision, key)

    def _note_event(self, conversation_id: str, content: bytes | None) -> Mapping[str, Any] | None:
        """A system message, handed on or not: it may tell of something else that is to be read again, or of oneself."""
        said = wire.system_event(content)
        if said is None:
            return None
        target = wire.changed(said)
        if target is not None:
            self.lineage.edited(conversation_id, target)
            self._storage.forget_content(conversation_id, target)
        elif said.get("event") in ("added", "left", "removed") and said.get("user") == self.user_id:
            if said["event"] != "added":
                self.lineage.left(conversation_id)
            self.catch_up.want_sync()  # it may be a team: rows say what else begins or ends
        return said

    # -- calls between the parts, further -------------------------------------------------------------------------------

    def cannot_read(self, conversation_id: str, after: int, known_head: int, reason: str) -> None:
        self.announce(CatchUpFailed(conversation_id, after, known_head, reason))

    def signal(self, signal: Signal[P, Any], said: P) -> None:
        """Ephemeral: dropped while not connected, or while the socket is stuck."""
        transport = self._reconnect.transport
        if transport is not None and transport.buffered_bytes < _SIGNALS_UP_TO_BYTES:
            try:
                transport.connection.signal(signal.kind, *structs.astuple(said))
            except EncodeError as error:
                raise Misuse(str(error)) from None
            transport.step_soon()

    def _sent(self) -> None:
        transport = self._reconnect.transport
        if transport is not None:
            transport.step_soon()

    def _room_again(self) -> None:
        self.catch_up.wake()

    def _finished(self, message: Message) -> None:
        track = self.inbox.get(message.conversation_id)
        if not message.own and (track is None or track.kind != "channel"):
            self.receipts.delivered(message.conversation_id, message.position)

    def _deliver(self, conversation_id: str, item: PageItem, *, answered: bool = False) -> None:
        """Put a conversation's next message into the application's queue. `answered`: it is a post that was answered, which
        `posting` is about to note."""
        track = self.inbox.get(conversation_id)
        assert track is not None
        self.inbox.advance(conversation_id, item.position)
        self.states.handed_on(conversation_id, item.position)
        own = item.sender_id == self.user_id
        said = self._note_event(conversation_id, item.content)
        told = None if said is None else wire.taken_back(said)
        if (own and not answered) or item.revision > 1:
            self._met(conversation_id, item, said)
        if told is not None:
            self.delivery.taken_back(conversation_id, *told)
        self.delivery.put(
            conversation_id,
            item,
            redelivered=item.position <= track.handed,
            own=own,
        )
        if self.lineage.is_looked_for(conversation_id):
            self.read_up_to_head(conversation_id)
        if self.announcer.heard:
            content = wire.read_content(item.content)
            for port in self._ports.values():
                port.message(conversation_id, content)
            if told is not None:
                self.announce(Retracted(conversation_id, *told, item.sender_id))

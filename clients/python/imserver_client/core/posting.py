"""Gets posts to the server exactly once: ties outbox, store, requests and waiting calls together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

from imserver_client import wire
from imserver_client.errors import (
    Abandoned,
    ClientError,
    Disconnected,
    Misuse,
    OutboxFull,
    Refused,
    Stopped,
    Undeliverable,
)
from imserver_client.events import PostsDelayed, PostSettled
from imserver_client.limits import ClientLimits
from imserver_client.storage import SavedAnswered, SavedPost, Storage
from imserver_client.values import Content, Posted, Queued
from imserver_protocol import (
    RETRYABLE,
    EncodeError,
    Limits,
    RefusalReceived,
    encode_content,
)
from imserver_protocol.errors import RefusalCode
from imserver_protocol.methods.abandon import ABANDON, AbandonParams
from imserver_protocol.methods.history import HISTORY, HistoryParams
from imserver_protocol.methods.post import POST
from imserver_protocol.shared.content import content_fault
from imserver_protocol.shared.ids import KEY_BYTES

from .backoff import Backoff
from .delays import Delays
from .lineage import Lineage
from .outbox import Entry, Outbox
from .requests import Answer, Requests, SessionLost


class PostingOwner(Protocol):
    """The rest of the client, as `Posting` uses it."""

    @property
    def may_offer(self) -> bool:
        """False until the first sync of a new device is finished: where it starts must not depend on its own posts. And until
        it is known whose history a fresh session goes on with."""
        ...

    def own_message(self, entry: Entry, position: int, sent_at: int) -> None:
        """The reply counts as this position (SPEC, "Sending")."""
        ...

    def note_head(self, conversation_id: str, position: int) -> None:
        """The conversation is at least this long."""
        ...

    def violated(self, text: str) -> None:
        """The server's answer violates the SPEC."""
        ...

    def connection_failed(self, error: Exception) -> None:
        """A fault of ours, or of the store: the client is over."""
        ...

    def announce(self, event: PostSettled | PostsDelayed) -> None: ...

    def monotonic(self) -> float: ...

    def key(self) -> bytes: ...


class Posting:
    """`post` and `abandon`, and offering the outbox whenever there is room."""

    def __init__(
        self,
        owner: PostingOwner,
        requests: Requests,
        storage: Storage,
        lineage: Lineage,
        limits: ClientLimits,
        make_backoff: Callable[[], Backoff],
    ) -> None:
        self._owner = owner
        self._requests = requests
        self._storage = storage
        self._lineage = lineage
        self._limits = limits
        self._make_backoff = make_backoff
        self._outbox = Outbox()
        self._delays = Delays(owner.announce, owner.monotonic, limits.delay_over_after_s)
        self._waiters: dict[bytes, list[asyncio.Future[Posted]]] = {}
        self._landings: dict[bytes, list[asyncio.Future[None]]] = {}
        #: Times that answers turned out to be void.
        self._offered_again = 0
        self._giving_up: set[asyncio.Task[Posted | None]] = set()
        self._backoffs: dict[str, Backoff] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._end: Callable[[], ClientError] | None = None
        #: Set while there is nothing in the outbox.
        self.empty = asyncio.Event()
        self.empty.set()

    def restore(self, posts: list[SavedPost]) -> None:
        """Take over the posts that an earlier process left."""
        for post in posts:
            self._outbox.add(post.conversation_id, post.key, post.content, offered=True)
            self.empty.clear()

    # -- the application's calls --------------------------------------------------------------------------------------

    async def post(self, conversation_id: str, content: Content | str, key: bytes | None) -> Posted:
        """See Client.post."""
        entry = self._enqueue(conversation_id, content, key)
        return await self._settled(entry)

    async def _settled(self, entry: Entry) -> Posted:
        key = entry.key
        future: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(key, [])
        waiters.append(future)
        self.offer()
        try:
            return await future
        except asyncio.CancelledError:
            if not future.cancelled() and entry.gone and len(waiters) == 1:
                # The post was settled in the turn in which the call was cancelled: announce the outcome.
                error = future.exception()
                if error is None or isinstance(error, ClientError):
                    self._tell(entry, error or future.result())
            raise
        finally:
            waiters.remove(future)
            if not waiters and self._waiters.get(key) is waiters:
                del self._waiters[key]

    def _enqueue(self, conversation_id: str, content: Content | str, key: bytes | None) -> Entry:
        if self._end is not None:
            raise self._end()
        encoded = self.encode(conversation_id, content)
        if key is None:
            key = self._owner.key()
        elif type(key) is not bytes or len(key) != KEY_BYTES:
            raise Misuse(f"a key is {KEY_BYTES} bytes")
        entry = self._outbox.get(key)
        if entry is not None:
            if (entry.conversation_id, entry.content) != (conversation_id, encoded):
                raise Misuse("this key is in the outbox with another conversation or content")
            return entry
        if (
            len(self._outbox) >= self._limits.max_outbox_entries
            or self._outbox.bytes + len(encoded) > self._limits.max_outbox_bytes
        ):
            raise OutboxFull(f"{len(self._outbox)} posts of {self._outbox.bytes} bytes wait for an answer")
        offered = self._was_answered(key)
        self._storage.add_post(SavedPost(conversation_id, key, encoded))
        self.empty.clear()
        return self._outbox.add(conversation_id, key, encoded, offered=offered)

    def _was_answered(self, key: bytes) -> bool:
        """Whether a message with this key was met before, in any history: the server may have it, so only the server knows what
        becomes of giving it up."""
        return self._lineage.met(key) or bool(self._storage.contents([key]))

    def encode(self, conversation_id: str, content: Content | str) -> bytes:
        """Check and encode a content. Raises Misuse."""
        try:
            size = len(conversation_id.encode())
        except UnicodeEncodeError:
            raise Misuse("a conversation id is UTF-8, without surrogates") from None
        if not 0 < size <= 1024:
            raise Misuse("a conversation id is a string of at most 1024 bytes")
        if isinstance(content, str):
            content = {"type": "text", "text": content}
        fault = content_fault(content)
        if fault is not None:
            raise Misuse(f"content: {fault[1]}")
        limits = self._requests.limits
        try:
            encoded = encode_content(content, Limits() if limits is None else limits)
        except EncodeError as error:
            raise Misuse(str(error)) from None
        return encoded

    async def abandon(self, conversation_id: str, key: bytes) -> Posted | None:
        """See Client.abandon."""
        while True:
            offered_again = self._offered_again
            with contextlib.suppress(SessionLost):
                posted = await self._abandon(conversation_id, key)
                if posted is not None or offered_again == self._offered_again:
                    return posted
            # Had it been answered, that answer may be void: an older copy of the database came back, and the post is offered
            # again, or was. Then it is of no worth that it was not stored just before (SPEC, "Giving up").

    async def _abandon(self, conversation_id: str, key: bytes) -> Posted | None:
        """Ask once. Raises SessionLost for a post that is not in the outbox."""
        entry = self._outbox.get(key)
        if entry is None:
            return await self._ask_to_abandon(conversation_id, key)
        if entry.conversation_id != conversation_id:
            raise Misuse("this key is in the outbox for another conversation")
        if not entry.offered:
            self._settle(entry, Abandoned("given up before it was sent"))
            return None
        self._outbox.give_up(entry)
        giving_up = asyncio.create_task(self._give_up(entry), name="imserver_client abandon")
        self._giving_up.add(giving_up)
        giving_up.add_done_callback(self._gave_up)
        await asyncio.wait([giving_up])  # a cancelled caller stops waiting; the request cannot be taken back
        if giving_up.cancelled() and self._end is not None:
            raise self._end()
        return giving_up.result()

    async def _give_up(self, entry: Entry) -> Posted | None:
        try:
            posted = await self._abandoned(entry)
            if not entry.gone:
                self._settle(entry, posted or Abandoned("given up"))
        except BaseException:
            self._outbox.resume(entry)
            self.offer()
            raise
        self._outbox.given_up(entry)
        self.offer()
        return posted

    def _gave_up(self, giving_up: asyncio.Task[Posted | None]) -> None:
        self._giving_up.discard(giving_up)
        error = None if giving_up.cancelled() else giving_up.exception()
        if isinstance(error, Exception) and not isinstance(error, (Refused, Disconnected, Stopped)):
            self._owner.connection_failed(error)  # the store's error; the caller may be gone

    async def _abandoned(self, entry: Entry) -> Posted | None:
        """The answer to `abandon` in a session that has refused the post for now, or has settled it."""
        while True:
            while entry.in_flight or not (entry.holds or entry.gone):
                await self._landing(entry.key)
            with contextlib.suppress(SessionLost):
                return await self._ask_to_abandon(entry.conversation_id, entry.key)

    async def _landing(self, key: bytes) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._landings.setdefault(key, []).append(future)
        await future
        if self._end is not None:
            raise self._end()

    async def _ask_to_abandon(self, conversation_id: str, key: bytes) -> Posted | None:
        """Raises SessionLost: the next session may go on with another history."""
        try:
            return await self._ask_once_to_abandon(conversation_id, key)
        except Refused as refused:
            if refused.code != RefusalCode.EPOCH_CHANGED:
                raise
        # Between its answer and the page an older copy of the database has come back: that answer is void.
        return await self._ask_once_to_abandon(conversation_id, key)

    async def _ask_once_to_abandon(self, conversation_id: str, key: bytes) -> Posted | None:
        result = await self._requests.call(ABANDON, AbandonParams(conversation_id, key), patient=False)
        if result.position is None:
            return None
        return await self._posted_at(conversation_id, key, result.position)

    async def _posted_at(self, conversation_id: str, key: bytes, position: int) -> Posted:
        params = HistoryParams(conversation_id, after=position - 1, limit=1)
        page = await self._requests.call(HISTORY, params, patient=False)
        sent_at = next((item.sent_at_ms for item in page.items if item.position == position), 0)
        return Posted(conversation_id, position, sent_at, key)

    def queued(self) -> list[Queued]:
        """See Client.outbox."""
        return [
            Queued(entry.conversation_id, entry.key, wire.read_content(entry.content) or {})
            for entry in self._outbox
        ]

    # -- offering -----------------------------------------------------------------------------------------------------

    def offer(self) -> None:
        """Send the posts that may be offered while there is room. Called after every step of the connection."""
        outbox, requests = self._outbox, self._requests
        if not len(outbox) or not self._owner.may_offer:
            return
        while requests.room_for_posts:
            entry = outbox.next()
            if entry is None:
                return
            try:
                sent = requests.send(
                    POST.name, (entry.conversation_id, entry.key, entry.content), self._answer_to(entry)
                )
            except EncodeError as error:
                try:
                    self._settle(entry, Misuse(f"the server takes no such post: {error}"))
                except BaseException:
                    outbox.back(entry)  # the store cannot forget it
                    raise
                continue
            if not sent:
                outbox.back(entry)
                return

    def _answer_to(self, entry: Entry) -> Callable[[Answer | None], None]:
        def on_answer(answer: Answer | None) -> None:
            if answer is None:
                return  # `session_lost` puts all of them back in order
            if isinstance(answer, RefusalReceived):
                self._refused(entry, answer)
            else:
                self._replied(entry, answer.result)
            self._landed(entry.key)

        return on_answer

    def _replied(self, entry: Entry, result: object) -> None:
        try:
            posted = wire.read(result, POST.result)
        except wire.BadShape as error:
            self._owner.violated(f"post: {error}")
            return
        self._backoffs.pop(entry.conversation_id, None)
        if entry.gone or posted.duplicate:
            # A push or page delivers the message: the reply must not count as its position.
            self._owner.note_head(entry.conversation_id, posted.position)
        else:
            self._owner.own_message(entry, posted.position, posted.sent_at_ms)
        if entry.gone:
            self._outbox.landed(entry)
            return
        done = Posted(entry.conversation_id, posted.position, posted.sent_at_ms, entry.key)
        self._settle(entry, done, accepted=True)

    def _refused(self, entry: Entry, refusal: RefusalReceived) -> None:
        if refusal.code not in RETRYABLE:
            if entry.gone:
                self._outbox.landed(entry)
            else:
                self._settle(entry, Refused(refusal.code, refusal.text, refusal.detail))
            return
        if self._outbox.is_held(entry.conversation_id):
            # One of many that were in flight behind the first: HELD says nothing new, so the wait does not grow.
            delay = min(refusal.retry_after_ms / 1000, self._limits.max_retry_after_s)
        else:
            backoff = self._backoffs.setdefault(entry.conversation_id, self._make_backoff())
            delay = backoff.next(refusal.retry_after_ms)
        self._delays.refused(refusal, delay, len(self._outbox))
        self._outbox.held(entry, self._owner.monotonic() + delay)
        self._arm()

    def _arm(self) -> None:
        """One timer, for the first hold that ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._owner.monotonic()
        next_at = self._outbox.lift(now)
        if next_at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, next_at - now), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._arm()
        try:
            self.offer()
        except Exception as error:  # the store's error; the event loop would only log it
            self._owner.connection_failed(error)

    # -- answers ------------------------------------------------------------------------------------------------------

    def seen(self, key: bytes, conversation_id: str, position: int, sent_at: int) -> None:
        """Our own key in a push or page: the post is committed, whatever becomes of its reply."""
        entry = self._outbox.get(key)
        if entry is not None and entry.conversation_id == conversation_id:
            self._settle(entry, Posted(conversation_id, position, sent_at, key))

    def session_lost(self) -> None:
        """A fresh session: offer everything again."""
        keys = [entry.key for entry in self._outbox if entry.in_flight]
        self._outbox.session_lost()
        for key in keys:
            self._landed(key)

    def posted_again(self, conversation_id: str) -> list[SavedAnswered]:
        """Posts without an answer that had one before, and where that was."""
        return [
            SavedAnswered(SavedPost(conversation_id, entry.key, entry.content), position, passed=False)
            for entry in self._outbox.of(conversation_id)
            if (position := self._lineage.position_of(entry.key))
        ]

    def offer_again(self, posts: Sequence[SavedPost]) -> None:
        """These were answered, and their answers are void: an older copy has come back. They go before all others."""
        if posts:
            self._offered_again += 1
            self._outbox.offer_first([(post.conversation_id, post.key, post.content) for post in posts])
            self.empty.clear()

    def violation(self, code: int, text: str, *, by_server: bool) -> None:
        """A connection closed with 210-215: offer one by one from now on, and drop a post that caused it twice."""
        guilty = self._outbox.violation(by_server=by_server)
        if guilty is not None:
            self._settle(guilty, Undeliverable(code, text))

    async def close(self) -> None:
        """After `end`: wait until pending `abandon` calls have ended and no longer need the storage."""
        await asyncio.gather(*self._giving_up, return_exceptions=True)

    def end(self, error: Callable[[], ClientError]) -> None:
        """The client is over. The store keeps the outbox."""
        self._end = error
        self._delays.end()
        self.empty.set()  # there is nothing more to wait for
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for giving_up in self._giving_up:
            giving_up.cancel()
        for waiters in self._waiters.values():
            for future in waiters:
                if not future.done():
                    future.set_exception(error())
        for key in list(self._landings):
            self._landed(key)

    def conversations(self) -> set[str]:
        """Those that have posts without an answer."""
        return self._outbox.conversations()

    def __len__(self) -> int:
        return len(self._outbox)

    def _settle(self, entry: Entry, outcome: Posted | ClientError, *, accepted: bool = False) -> None:
        if isinstance(outcome, Posted):
            # It stays in the store: should an older copy of the server's database come back, it can be offered again.
            self._lineage.moved(entry.conversation_id)
            self._lineage.posted(entry.conversation_id, outcome.position, entry.key)
            step = self._lineage.step()
            self._storage.answer_post(entry.key, outcome.position, step)
            if step is not None:
                self._lineage.saved()
        else:
            self._storage.remove_post(entry.key)
        self._outbox.remove(entry, accepted=accepted)
        if not len(self._outbox):
            self.empty.set()
        self._landed(entry.key)
        waiters = [future for future in self._waiters.get(entry.key, ()) if not future.done()]
        for future in waiters:
            if isinstance(outcome, Posted):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)
        if not waiters:
            self._tell(entry, outcome)

    def _tell(self, entry: Entry, outcome: Posted | ClientError) -> None:
        posted = outcome if isinstance(outcome, Posted) else None
        error = None if isinstance(outcome, Posted) else outcome
        self._owner.announce(PostSettled(entry.conversation_id, entry.key, posted, error))

    def _landed(self, key: bytes) -> None:
        for future in self._landings.pop(key, ()):
            if not future.done():
                future.set_result(None)

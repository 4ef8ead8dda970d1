"""Posting: checks a message, limits its author's rate, lets plugins review it, and puts it into the writer's queue.

Posts of one session to one conversation enter the queue strictly in order. A retryable refusal *holds* the conversation for
that session (SPEC, "Holding"): later posts are refused HELD until the refused key is offered again or abandoned, so that a
retry neither overtakes nor is overtaken.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, cast

from imserver.chat.holds import Holds
from imserver.chat.ports import Reviewer, Store
from imserver.chat.quotas import Quotas, Used
from imserver.chat.rates import ROUNDING, Rates
from imserver.chat.tickets import Ticket
from imserver.chat.transaction import Posted, Transaction
from imserver.chat.units import Outlet, PostUnit, Unit, Work, resolve, resolve_lost
from imserver.clock import Clock
from imserver.config import LimitsConfig
from imserver.content import decode_content, is_plain_text
from imserver.errors import Refusal, RefusalCode, StoreFailed
from imserver.model import KEY_BYTES, content_digest
from imserver_protocol.shared.content import content_fault

#: A reviewing plugin that takes longer refuses the post with OVERLOADED (seconds).
REVIEW_DEADLINE_S = 2.0
#: Recipients that one post's token pays for; in larger conversations a post counts as more.
MEMBERS_A_POST = 100
#: Conversations of unknown size that something was written to, and not yet paid for by its audience.
MAX_OWED = 10_000
#: Shortest wait told to a post behind a write that waits: time for a few commits, after which there is room (milliseconds).
ROOM_MS = 100


class Poster(Outlet, Protocol):
    """A session that posts: holds conversations and is answered by request number."""

    holds: Holds
    #: What its user has used of the quotas.
    used: Used

    @property
    def ended(self) -> bool:
        """True once the session is over: its posts that are not queued yet will be offered again by another session."""
        ...

    def posts_done(self, answers: Sequence[tuple[int, Posted]]) -> None:
        """Answer posts by request number, in order."""
        ...

    def post_refused(self, request_seq: int, refusal: Exception) -> None: ...


class SessionPost(PostUnit):
    """A post that came over a session."""

    __slots__ = ("poster", "request_seq", "ticket")

    def __init__(
        self,
        poster: Poster,
        request_seq: int,
        ticket: Ticket,
        conversation_id: str,
        key: bytes,
        content: bytes,
        sent_at: int,
    ) -> None:
        # Sets what `PostUnit` and `Unit` would set, without calling them: one is made for every post (benchmark "throughput").
        self.origin = poster
        self.result = None
        self.error = None
        self.happened = ()
        self.audience = None
        self.submitted_at = 0.0
        self.conversation_id = conversation_id
        self.sender_id = poster.user_id
        self.key = key
        self.content = content
        self.digest = content_digest(content)
        self.sent_at = sent_at
        self.size_bytes = Unit.size_bytes + len(content)
        self.poster = poster
        self.request_seq = request_seq
        self.ticket = ticket

    def withdrawn(self) -> Exception | None:
        holds = self.poster.holds
        if holds.matter and holds.overtakes(self.conversation_id, self.ticket):
            return _held()
        return None

    def fail(self, error: Exception) -> None:
        self.error = error
        if not isinstance(error, Refusal) or error.code.retryable:
            self.poster.holds.hold(self.conversation_id, self.ticket, self.key)

    def not_stored(self) -> None:
        """What was counted for it does not count: it is refused, or was stored before."""
        self.poster.used.give_back(len(self.content))

    def settle(self) -> None:
        if self.error is None:
            if self.result[2]:
                self.not_stored()
            self.poster.posts_done([(self.request_seq, self.result)])
        else:
            self.not_stored()
            self.poster.post_refused(self.request_seq, self.error)

    def settle_together(self, run: Sequence[Unit]) -> None:
        posts = cast(
            "Sequence[SessionPost]", run
        )  # of one session's posts only, each of which was stored just now
        self.poster.posts_done([(post.request_seq, post.result) for post in posts])


class RefusedPost(SessionPost):
    """A post that is about to be refused for long: the store looks its key up first, in the order of the queue.

    If the key was committed, the author gets the original reply, though the refusal would be right by now.
    """

    __slots__ = ("refusal",)

    refusal: Refusal

    def run(self, tx: Transaction) -> Posted:
        found = tx.find_key(self.conversation_id, self.sender_id, self.key, self.digest)
        if found is None:
            raise self.refusal
        return found

    def not_stored(self) -> None:
        """It was not counted."""


class LocalPost(PostUnit):
    """A post made in-process, by the embedding application or a test: its future gets the answer."""

    __slots__ = ("future",)

    def __init__(
        self, conversation_id: str, sender_id: str, key: bytes, content: bytes, sent_at: int
    ) -> None:
        super().__init__(conversation_id, sender_id, key, content, content_digest(content), sent_at)
        self.future: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()

    def lost(self, error: Exception) -> None:
        resolve_lost(self.future, error)

    def settle(self) -> None:
        resolve(self.future, self)


class SessionWrite(Unit):
    """Any other write that came over a session: `work` in the transaction, and `done` answers it."""

    __slots__ = ("barrier", "counted", "done", "poster", "refused", "work")

    conversation_id: str

    def __init__(
        self,
        poster: Poster,
        conversation_id: str,
        work: Work[Any],
        done: Callable[[Unit], None],
        refused: Callable[[Refusal], Work[Any]] | None = None,
        *,
        barrier: bool = False,
    ) -> None:
        super().__init__()  # no origin: the session that asked gets the pushes, too
        self.poster = poster
        self.conversation_id = conversation_id
        self.work = work
        self.done = done
        #: For a write with a content, which is reviewed: the work that refuses it finally, unless it has happened already.
        self.refused = refused
        self.barrier = barrier
        #: Bytes of its content that were counted.
        self.counted = 0

    @property
    def session(self) -> object | None:
        return self.poster

    def run(self, tx: Transaction) -> Any:
        return self.work(tx)

    def not_stored(self) -> None:
        """What was counted for it does not count: it is refused, or had happened before."""
        if self.counted:
            self.poster.used.give_back(self.counted)
            self.counted = 0

    def settle(self) -> None:
        if self.error is not None or not self.happened:
            self.not_stored()
        self.done(self)


class Posting:
    """Accepts posts without waiting: the answer comes through `Poster.posts_done` or `post_refused`."""

    def __init__(self, store: Store, clock: Clock, limits: LimitsConfig) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        #: Of posts, and of all that costs as many of them.
        self.rates = Rates(limits.posts_per_second, limits.posts_burst, clock)
        self.quotas = Quotas(store, clock, limits)
        self._reviewing: dict[
            tuple[int, str], deque[tuple[SessionPost | SessionWrite, Mapping[str, Any] | None]]
        ] = {}
        self._review_tasks: set[asyncio.Task[None]] = set()
        #: Plugins' review hooks, called in order before a post may enter the queue.
        self.reviewers: Sequence[Reviewer] = ()
        #: Checks of features by type of content; each raises `Refusal`.
        self.content_checks: Mapping[str, Callable[[Mapping[str, Any]], None]] = {}
        #: The audience of a conversation, as far as it is known without reading the store.
        self.audience_of: Callable[[str], Collection[str] | None] = lambda conversation_id: None
        #: What was written to conversations whose audience was not known: how often, by whom.
        self._owed: OrderedDict[str, Counter[str]] = OrderedDict()
        #: Set by drain: from then on every new post is refused.
        self.draining = False

    def use_limits(self, limits: LimitsConfig) -> None:
        """Have these hold from the next post on."""
        self._limits = limits
        self.rates.change(limits.posts_per_second, limits.posts_burst)
        self.quotas.use_limits(limits)

    def post_all(self, poster: Poster, posts: Iterable[tuple[int, str, bytes, bytes]]) -> None:
        """Take posts that arrived together over a session, in order: `(request_seq, conversation_id, key, content)` each.

        Each is queued, or refused at once. Values shared by all of them are looked up once (benchmark "throughput").
        """
        holds, now, sent_at = poster.holds, self._clock.monotonic(), self._clock.now_ms()
        tokens = had = self.rates.tokens(poster.user_id, now)
        room = free = poster.used.room(sent_at)
        cost, cost_of, strange = 1.0, None, False
        behind = holds.waiting
        max_plain_bytes = self._limits.max_content_bytes if not (self.reviewers or self._reviewing) else -1
        for request_seq, conversation_id, key, content in posts:
            if len(key) != KEY_BYTES:
                # Checked before any hold: holds are kept in memory, so only a well-formed key may become one.
                poster.post_refused(request_seq, _malformed_key(key))
                continue
            ticket = holds.offer(conversation_id, key)
            if ticket is None:
                poster.post_refused(request_seq, _held())
                continue
            if conversation_id != cost_of:
                audience = self.audience_of(conversation_id)
                cost, cost_of = self._cost_among(poster.user_id, audience), conversation_id
                strange = audience is None
            if tokens < cost - ROUNDING or self.draining or (behind and conversation_id in behind):
                holds.hold(conversation_id, ticket, key)
                poster.post_refused(request_seq, self._not_now(tokens, cost, holds, conversation_id))
                continue
            tokens -= cost
            if strange:
                self._owe(poster.user_id, conversation_id)
            size = len(content)
            if size <= room and size <= max_plain_bytes and is_plain_text(content):
                room -= size
                unit = SessionPost(poster, request_seq, ticket, conversation_id, key, content, sent_at)
                unit.submitted_at = now
                self._submit(unit)
            else:
                if room != free:
                    poster.used.take(free - room)
                self._look_at(poster, request_seq, ticket, conversation_id, key, content, sent_at)
                room = free = poster.used.room(sent_at)
        if tokens != had:
            self.rates.keep(poster.user_id, tokens, now)
        if room != free:
            poster.used.take(free - room)

    def write(self, unit: SessionWrite, content: Mapping[str, Any] | None = None, size: int = 0) -> None:
        """Take any other write of a session, in the order of arrival. Raises `Refusal`, or `StoreFailed`.

        `content`, of `size` bytes, counts like a post's and is reviewed first. Posts of the session to the same conversation
        may still be under review: then it follows them.
        """
        self.require_accepting()
        if content is not None and not self._count(unit, size):
            content = None  # the answer is certain, unless it has happened already
        if (id(unit.poster), unit.conversation_id) in self._reviewing or (
            content is not None and self.reviewers
        ):
            self._line_up(unit, content)
            return
        try:
            self._store.submit(unit)
        except Refusal:
            unit.not_stored()
            raise

    def require_accepting(self) -> None:
        """Raises the refusal of drain."""
        if self.draining:
            raise shutting_down()

    def _look_at(
        self,
        poster: Poster,
        request_seq: int,
        ticket: Ticket,
        conversation_id: str,
        key: bytes,
        content: bytes,
        sent_at: int,
    ) -> None:
        """Count a post, and decode it in order to check or review it."""
        decoded, refusal = self.check(key, content)
        used, size = poster.used, len(content)
        if refusal is None and size > used.room(sent_at):
            refusal = used.refusal(size)
        if refusal is not None:
            refused = RefusedPost(poster, request_seq, ticket, conversation_id, key, content, sent_at)
            refused.refusal = refusal
            self._enter(refused, None)
            return
        used.take(size)
        unit = SessionPost(poster, request_seq, ticket, conversation_id, key, content, sent_at)
        self._enter(unit, decoded)

    def _count(self, unit: SessionWrite, size: int) -> bool:
        """Count the content of another write. False: there is no room; it is refused, unless it has happened already."""
        used = unit.poster.used
        if size <= used.room(self._clock.now_ms()):
            used.take(size)
            unit.counted = size
            return True
        assert unit.refused is not None, "only what has a content is counted"
        unit.work = unit.refused(used.refusal(size))
        return False

    async def post_for(self, user_id: str, conversation_id: str, key: bytes, content: bytes) -> Posted:
        """Post from inside this process, as if the user did it now: within his rate and his quotas."""
        wait_s = self.rates.take(user_id, self.cost(user_id, conversation_id))
        if wait_s > 0:
            raise Refusal(
                RefusalCode.RATE_LIMITED, "too many messages", retry_after_ms=int(wait_s * 1000) + 1
            )
        used = await self.quotas.load(user_id)
        if len(content) > used.room(self._clock.now_ms()):
            digest = content_digest(content)
            found = await self._store.write(lambda tx: tx.find_key(conversation_id, user_id, key, digest))
            if found is None:
                raise used.refusal(len(content))
            return found
        used.take(len(content))
        stored = False
        try:
            posted = await self.post_local(conversation_id, user_id, key, content)
            stored = not posted.duplicate
        except asyncio.CancelledError:
            stored = True  # it may be in the queue, where it stays
            raise
        finally:
            if not stored:
                used.give_back(len(content))
        return posted

    async def post_local(self, conversation_id: str, sender_id: str, key: bytes, content: bytes) -> Posted:
        """Post from inside this process. Cancelling the caller does not take a queued post back."""
        self.require_accepting()
        decoded, final = self.check(key, content)
        if final is not None:
            raise final
        refusal = await self.review(conversation_id, sender_id, decoded)
        if refusal is not None:
            raise refusal
        unit = LocalPost(conversation_id, sender_id, key, content, self._clock.now_ms())
        self._store.submit(unit)
        return await unit.future

    def check(self, key: bytes, content: bytes) -> tuple[Mapping[str, Any], Refusal | None]:
        """Return the decoded content, or the refusal if it can never be stored."""
        if len(key) != KEY_BYTES:
            return {}, _malformed_key(key)
        if len(content) > self._limits.max_content_bytes:
            text = f"content: at most {self._limits.max_content_bytes} bytes, not {len(content)}"
            return {}, Refusal(RefusalCode.TOO_LARGE, text, detail=self._limits.max_content_bytes)
        try:
            decoded = decode_content(content)
        except Exception as error:  # the codec declares one error, of a package that chat may not know
            return {}, Refusal(RefusalCode.INVALID, f"content: {error}", detail="content")
        fault = content_fault(decoded)
        if fault is not None:
            place, text = fault
            return {}, Refusal(RefusalCode.INVALID, f"content: {text}", detail=place)
        check = self.content_checks.get(decoded["type"])
        if check is not None:
            try:
                check(decoded)
            except Refusal as refusal:
                return {}, refusal
        return decoded, None

    async def close(self) -> None:
        """Wait for running reviews to end."""
        if self._review_tasks:
            await asyncio.gather(*self._review_tasks, return_exceptions=True)

    # -- before the queue ---------------------------------------------------------------------------------------------

    def take_tokens(self, user_id: str, cost: float = 1.0) -> float:
        """Take `cost` tokens of the user's rate. Returns 0.0 if taken, otherwise the seconds until there are enough."""
        return self.rates.take(user_id, cost)

    def cost(self, user_id: str, conversation_id: str) -> float:
        """Tokens that a post costs its author, and by which the cost of any write is multiplied that all members hear of."""
        return self._cost_among(user_id, self.audience_of(conversation_id))

    def _cost_among(self, user_id: str, audience: Collection[str] | None) -> float:
        if audience is None or user_id not in audience:
            return 1.0
        return min(1.0 + len(audience) // MEMBERS_A_POST, float(self._limits.posts_burst))

    def cost_of_write(self, user_id: str, conversation_id: str) -> float:
        """The same, for a write that will be done: what is not known of its audience yet is paid later."""
        if self.audience_of(conversation_id) is None:
            self._owe(user_id, conversation_id)
        return self.cost(user_id, conversation_id)

    def _owe(self, user_id: str, conversation_id: str) -> None:
        owed = self._owed.get(conversation_id)
        if owed is None:
            if len(self._owed) >= MAX_OWED:
                self._owed.popitem(last=False)
            owed = self._owed[conversation_id] = Counter()
        owed[user_id] += 1

    def audience_known(self, conversation_id: str) -> None:
        """The audience was not known, and is: who has written there meanwhile pays as if it had been.

        Else the first acts in a large conversation, of which nobody has spoken since the start or for long, would cost as much
        as in a direct one, however many are sent in one piece.
        """
        now = self._clock.monotonic()
        for user_id, count in self._owed.pop(conversation_id, {}).items():
            extra = count * (self.cost(user_id, conversation_id) - 1.0)
            if extra > 0:
                self.rates.keep(user_id, self.rates.tokens(user_id, now) - extra, now)

    def _not_now(self, tokens: float, cost: float, holds: Holds, conversation_id: str) -> Refusal:
        """The retryable refusal for a post that comes too early."""
        if self.draining:
            return shutting_down()
        rate, least_ms = self._limits.posts_per_second, 1
        text = f"more than {rate / cost:g} messages a second"
        if conversation_id in holds.waiting:
            text = "an earlier request to this conversation waits for its turn"
            cost, least_ms = cost + holds.waiting_tokens, ROOM_MS
        after_ms = max(least_ms, math.ceil((cost - tokens) / rate * 1000))
        return Refusal(RefusalCode.RATE_LIMITED, text, retry_after_ms=after_ms)

    def _enter(self, unit: SessionPost, decoded: Mapping[str, Any] | None) -> None:
        """Put a post into the writer's queue; through the reviewers first, in order, if there are any."""
        if (id(unit.poster), unit.conversation_id) in self._reviewing or (
            self.reviewers and decoded is not None
        ):
            self._line_up(unit, decoded)
        else:
            self._submit(unit)

    def _line_up(self, unit: SessionPost | SessionWrite, decoded: Mapping[str, Any] | None) -> None:
        """Let a unit follow those of its session and conversation that are under review. None: it is not reviewed itself."""
        lane_key = (id(unit.poster), unit.conversation_id)
        lane = self._reviewing.get(lane_key)
        if lane is not None:
            lane.append((unit, decoded))
            return
        self._reviewing[lane_key] = deque([(unit, decoded)])
        task = asyncio.get_running_loop().create_task(self._review_lane(lane_key))
        self._review_tasks.add(task)
        task.add_done_callback(self._review_tasks.discard)

    def _submit(self, unit: SessionPost | SessionWrite) -> None:
        try:
            withdrawn = unit.withdrawn()
            if withdrawn is not None:
                raise withdrawn
            self._store.submit(unit)
        except Refusal as refusal:
            unit.fail(refusal)
            unit.settle()
        except StoreFailed:
            return  # no reply after a store failure: the server is about to end, and the client offers the key again

    async def _review_lane(self, lane_key: tuple[int, str]) -> None:
        lane = self._reviewing[lane_key]
        try:
            while lane:
                unit, decoded = lane[0]
                if decoded is not None and not unit.poster.ended:
                    refusal = await self.review(unit.conversation_id, unit.poster.user_id, decoded)
                    if refusal is not None:
                        unit = self._refused(unit, refusal)
                lane.popleft()
                if unit.poster.ended:
                    # Its next session may abandon the key: a post that was not queued may not appear after that.
                    if isinstance(unit, SessionWrite):
                        unit.fail(shutting_down())
                        unit.settle()  # nobody reads the answer, but its place in the user's share comes back
                    else:
                        unit.not_stored()
                    continue
                if unit.error is None:
                    self._submit(unit)
                else:
                    unit.settle()
        finally:
            del self._reviewing[lane_key]

    @staticmethod
    def _refused(unit: SessionPost | SessionWrite, refusal: Refusal) -> SessionPost | SessionWrite:
        if refusal.code.retryable:
            unit.fail(refusal)
            return unit
        if isinstance(unit, SessionWrite):
            assert unit.refused is not None, "only what has a content is reviewed"
            unit.work = unit.refused(refusal)
            return unit
        unit.not_stored()
        refused = RefusedPost(
            unit.poster,
            unit.request_seq,
            unit.ticket,
            unit.conversation_id,
            unit.key,
            unit.content,
            unit.sent_at,
        )
        refused.refusal = refusal
        return refused

    async def review(
        self, conversation_id: str, sender_id: str, decoded: Mapping[str, Any]
    ) -> Refusal | None:
        """What plugins say to a content: None, or why not."""
        if self.draining:  # a drain waits for the reviews that have begun, and not for all that stand in line
            return shutting_down()
        for reviewer in self.reviewers:
            try:
                async with asyncio.timeout(REVIEW_DEADLINE_S):
                    refusal = await reviewer(conversation_id, sender_id, decoded)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                return _not_reviewed()  # a task that the reviewer waited for was cancelled, and not this one
            except Exception:  # a broken reviewer must not reject a post for good: try again later
                return _not_reviewed()
            if refusal is not None:
                return refusal
        return None


def shutting_down() -> Refusal:
    """The refusal of every write during drain."""
    return Refusal(RefusalCode.OVERLOADED, "the server is shutting down", retry_after_ms=1000)


def _malformed_key(key: bytes) -> Refusal:
    return Refusal(RefusalCode.INVALID, f"key: {KEY_BYTES} bytes, not {len(key)}", detail="key")


def _not_reviewed() -> Refusal:
    return Refusal(RefusalCode.OVERLOADED, "this message could not be reviewed", retry_after_ms=1000)


def _held() -> Refusal:
    return Refusal(RefusalCode.HELD, "an earlier message of this conversation has to be decided first")

"""One device's session on the server: its stream, and its requests in progress.

It outlives its socket: attached or detached, it takes the hub's pushes and answers posts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, cast

from imserver.chat.accounts import Identity
from imserver.chat.holds import Holds
from imserver.chat.posting import SessionWrite, shutting_down
from imserver.chat.quotas import Used
from imserver.chat.service import Chat
from imserver.chat.transaction import Posted
from imserver.chat.units import Unit, Work
from imserver.config import LimitsConfig
from imserver.errors import NotAuthorized, Refusal, RefusalCode, StoreFailed
from imserver.model import group_conversation_id
from imserver.net.dispatch import (
    PACKED_ABOVE_BYTES,
    MethodTable,
    RequestContext,
    Reviewed,
    Row,
    Waiting,
    plain,
    read_params,
)
from imserver.net.scheduling.request_order import RequestOrder
from imserver.net.scheduling.user_quota import UserQuota
from imserver_protocol.errors import CloseCode, EncodeError, LocalError, WindowFull
from imserver_protocol.methods.abandon import ABANDON
from imserver_protocol.methods.post import POST
from imserver_protocol.session.events import RequestReceived
from imserver_protocol.session.post_frames import EncodedResult, PostReceived
from imserver_protocol.session.posts import post_reply_tail, result_tail
from imserver_protocol.session.session import Session
from imserver_protocol.session.states import SessionState
from imserver_protocol.wire.tails import Tail

#: Longest name of an unknown method that is repeated in its refusal (characters).
MAX_METHOD_NAME_SHOWN = 40
#: Characters of a session's id in the log: enough to tell any two sessions apart, too few to ask for one.
LOGGED_ID_CHARS = 8


class Transport(Protocol):
    """The transport of an attached session."""

    #: Its number in the log.
    number: int
    address: str

    def mark(self) -> None:
        """The session has something to send: write it in this turn."""
        ...

    def close(self, code: CloseCode, text: str = "", retry_after_ms: int = 0) -> None: ...


class SessionContext(Protocol):
    """The parts of a server that all its sessions share."""

    chat: Chat
    limits: LimitsConfig
    log: Any
    random_bytes: Callable[[int], bytes]
    methods: MethodTable
    #: Refused requests, for metrics.
    refusals: Counter[RefusalCode]


class DeviceSession:
    """One session: its protocol stream, its unanswered requests, and the transport to write to."""

    __slots__ = (
        "_aside",
        "_context",
        "_order",
        "_page_room_bytes",
        "_quota",
        "_tasks",
        "began_at",
        "device_id",
        "heard_at",
        "holds",
        "identity",
        "stream",
        "transport",
        "used",
        "user_id",
    )

    def __init__(
        self,
        session: Session,
        identity: Identity,
        context: SessionContext,
        quota: UserQuota,
        used: Used,
        began_at: int = 0,
    ) -> None:
        self.stream = session
        #: UTC milliseconds.
        self.began_at = began_at
        self.user_id = session.user_id
        self.device_id = session.device_id
        self.identity = identity
        self.used = used
        self.holds = Holds(context.limits.max_requests)
        self.transport: Transport | None = None
        #: When a signal of each kind was last heard (monotonic seconds). Made on demand: most sessions are idle.
        self.heard_at: dict[str, float] | None = None
        self._context = context
        self._quota = quota
        # Each holds at most a window of requests; `_tasks` is made on demand, for most sessions are idle.
        self._order: RequestOrder[Waiting] = RequestOrder()
        self._tasks: dict[asyncio.Task[None], Row] | None = None
        #: Reads that are due and wait for the rate of names, in order.
        self._aside: list[tuple[int, Waiting]] = []
        self._page_room_bytes = context.limits.max_frame_bytes

    @property
    def ended(self) -> bool:
        """True once the session is over."""
        return self.stream.state is SessionState.ENDED

    @property
    def log(self) -> Any:
        """The log of this session and of its connection, if it has one. Made for each line: most sessions never log any."""
        named: dict[str, Any] = {"session": logged_id(self.stream.session_id), "user_id": self.user_id}
        if self.transport is not None:
            named["connection"] = self.transport.number
        return self._context.log.bind(**named)

    # -- called by the hub and the writer -----------------------------------------------------------------------------

    def push_all(self, tails: Sequence[Tail]) -> None:
        """Append pushes. A lagging session drops them and will read instead."""
        stream, transport = self.stream, self.transport
        stream.push_all(tails)
        if transport is not None and stream.queue.has_unsent:
            transport.mark()

    def posts_done(self, answers: Sequence[tuple[int, Posted]]) -> None:
        """The commit is durable: reply to its posts. No other place confirms a post."""
        reply = self.stream.reply_with
        for request_seq, posted in answers:
            try:
                reply(request_seq, post_reply_tail(request_seq, posted))
            except LocalError:  # a fault of ours, which must not stop the replies behind it
                self.log.exception("reply_failed")
        if self.transport is not None:
            self.transport.mark()
        order = self._order
        if order.reads:
            for request_seq, _ in answers:
                order.settled(request_seq)
            self.pump()
        else:
            order.unsettled -= len(answers)

    def post_refused(self, request_seq: int, refusal: Exception) -> None:
        """Refuse a post: not stored (final), or to be offered again (retryable)."""
        self._refuse(request_seq, refusal)
        self._order.settled(request_seq)
        if self._order.read_is_due:
            self.pump()

    # -- requests -----------------------------------------------------------------------------------------------------

    def posts(self, received: Sequence[PostReceived]) -> None:
        """Pass posts that arrived together straight to the queue."""
        self._order.unsettled += len(received)
        self._context.chat.posting.post_all(
            self,
            [
                (post.seq, params.conversation_id, params.key, params.content)
                for post in received
                for params in (post.params,)
            ],
        )

    def request(self, event: RequestReceived) -> None:
        """Take any other request: it waits until there is room for its reply."""
        row = self._context.methods.get(event.method)
        if row is None:
            name = event.method[:MAX_METHOD_NAME_SHOWN]
            self._refuse(event.seq, Refusal(RefusalCode.UNKNOWN_METHOD, f"no method {name!r}"))
            return
        try:
            params = read_params(row.method, event.params)
        except Refusal as refusal:
            self._refuse(event.seq, refusal)
            return
        if row.method is POST:
            self._order.unsettled += 1
            self._context.chat.posting.post_all(
                self, [(event.seq, params.conversation_id, params.key, params.content)]
            )
            return
        conversation_id = self._conversation_of(params) if row.writes else ""
        request = Waiting(row, params, conversation_id, lambda: self._post_cost(conversation_id))
        if row.writes:
            self.holds.write_waits(request.conversation_id, request.cost)
            self._order.add_write(event.seq, request)
        else:
            self._order.add_read(event.seq, request)
        self.pump()
        if event.size > PACKED_ABOVE_BYTES:
            request.pack()

    def pump(self) -> None:
        """Begin waiting requests, in order, while there is room for them and for their replies. Called after acks, too."""
        order = self._order
        while order.writes and self._has_room(*order.writes[0]):
            seq, request = order.writes.pop(0)
            self.holds.write_begins(request.conversation_id, request.cost)
            self._write(seq, request)
        aside = self._aside
        while aside and self._has_paid(aside[0][1]) and self._has_room(*aside[0]):
            self._begin_read(*aside.pop(0))
        while order.read_is_due:
            seq, request = order.reads[0]
            if request.names and (aside or not self._has_paid(request)):
                # Other reads pass it; none that asks for fewer names does, or it might wait for ever.
                aside.append(order.begin_read())
                continue
            if not self._has_room(seq, request):
                break
            self._begin_read(*order.begin_read())

    def _begin_read(self, seq: int, request: Waiting) -> None:
        task = asyncio.get_running_loop().create_task(self._work(seq, request.row, request.take()))
        if self._tasks is None:
            self._tasks = {}
        self._tasks[task] = request.row
        task.add_done_callback(self._tasks.pop)

    def _has_paid(self, request: Waiting) -> bool:
        """Pay for the names that a read looks up, once."""
        if request.names and self._quota.pay_names(self, request.names):
            request.names = 0
        return not request.names

    @property
    def waiting(self) -> bool:
        """True while requests wait to begin."""
        return self._order.waiting or bool(self._aside)

    def _has_room(self, seq: int, request: Waiting) -> bool:
        """Take room for a request and its reply."""
        row = request.row
        return (
            self.stream.state is not SessionState.ENDED
            and self.stream.reserve_reply(seq, row.reply_bytes(self._page_room_bytes))
            and self._quota.begin(self, reads=row.pages, cost=request.cost)
        )

    def _conversation_of(self, params: Any) -> str:
        """The conversation that a write changes; `create` makes it. Empty for what names none, and has no key either."""
        conversation_id: str | None = getattr(params, "conversation_id", None)
        if conversation_id is not None:
            return conversation_id
        key: bytes | None = getattr(params, "key", None)
        return "" if key is None else group_conversation_id(self.user_id, key)

    def _post_cost(self, conversation_id: str) -> float:
        return self._context.chat.posting.cost_of_write(self.user_id, conversation_id)

    def cancel_tasks(self) -> None:
        """Drop what waits for the rate of names, and cancel what takes as long as it likes: the session is over, or the server
        goes down."""
        if self._aside:
            self._aside.clear()
            self._quota.leave_line(self)
        for task, row in (self._tasks or {}).items():
            if row.cancelled:
                # In the next turn: one that never began would not give back its place in the user's share.
                asyncio.get_running_loop().call_soon(task.cancel)

    async def close(self) -> None:
        """Drop waiting requests, and wait for those in progress."""
        self._order.clear()
        self.cancel_tasks()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, seq: int, row: Row, params: Any) -> None:
        try:
            answer = cast("Awaitable[Any]", row.handler(self._context.chat, self._asking(), params))
            self._reply(seq, await answer)
        except StoreFailed:
            return  # after a store failure no request is answered
        except Exception as error:
            self._refuse(seq, error)
        except asyncio.CancelledError:
            if row.cancelled:
                self._refuse(seq, shutting_down())
            raise
        finally:
            self._quota.end(reads=row.pages)
            self.pump()

    def _reply(self, seq: int, result: Any) -> None:
        """Answer. Raises EncodeError for what fits no frame."""
        if type(result) is EncodedResult:
            self.stream.reply_with(seq, result_tail(seq, result, self.stream.limits))
        else:
            self.stream.reply(seq, plain(result))
        if self.transport is not None:
            self.transport.mark()

    def _write(self, seq: int, request: Waiting) -> None:
        """Put a write into the queue now, behind the writes before it."""
        row, params = request.row, request.take()

        def done(unit: Unit) -> None:
            self._quota.end(reads=False)
            self._order.settled(seq)
            if unit.error is not None:
                self._refuse(seq, unit.error)
            else:
                if row.method is ABANDON:
                    self.holds.release(params.conversation_id, params.key)
                try:
                    self._reply(seq, unit.result)
                except LocalError as error:  # it happened, and a feature's result fits no frame, or no room
                    self._refuse(seq, error)
            self.pump()

        try:
            planned = row.handler(self._context.chat, self._asking(), params)
            work, content, refused, size = (
                planned if isinstance(planned, Reviewed) else (planned, None, None, 0)
            )
            unit = SessionWrite(
                self,
                request.conversation_id,
                cast("Work[Any]", work),
                done,
                refused,
                barrier=row.barrier,
            )
            self._context.chat.posting.write(unit, content, size)
        except StoreFailed:
            return  # after a store failure no request is answered
        except Exception as error:
            self._refuse(seq, error)
            self._order.settled(seq)
            # Later: `end` called here would begin the next waiting request here, and so on, recursively.
            asyncio.get_running_loop().call_soon(self._not_queued)

    def _not_queued(self) -> None:
        self._quota.end(reads=False)
        self.pump()

    def _asking(self) -> RequestContext:
        return RequestContext(self.user_id, self._renew, self._page_room_bytes // 2, self)

    async def _renew(self, token: str) -> int:
        """`expires_at_ms` of the extended session. The token must be for the same user and device."""
        try:
            identity = await self._context.chat.accounts.authenticate(token, self.device_id)
        except NotAuthorized:
            raise Refusal(RefusalCode.FORBIDDEN, "this token was not accepted") from None
        if identity.user.user_id != self.user_id:
            raise Refusal(RefusalCode.FORBIDDEN, "this token was not accepted")
        if identity.expires_at_s < self.identity.expires_at_s:
            raise Refusal(RefusalCode.FORBIDDEN, "this token ends before the present one")
        self.identity = identity
        return identity.expires_at_s * 1000

    def _refuse(self, seq: int, error: Exception) -> None:
        if self.stream.state is SessionState.ENDED:
            return
        if isinstance(error, WindowFull):  # a result of a feature's that is longer than it said
            error = Refusal(RefusalCode.OVERLOADED, "no room for the reply: ack others", retry_after_ms=1000)
        if isinstance(error, Refusal):
            code, text, after, detail = error.code, error.text, error.retry_after_ms, error.detail
        else:
            # The cause stays in our log; the device gets an id that finds it there.
            error_id = self._context.random_bytes(4).hex()
            self.log.error("request_failed", error_id=error_id, exc_info=error)
            code, text, after, detail = RefusalCode.INTERNAL, f"that did not work (id {error_id})", 0, None
        self._context.refusals[code] += 1
        try:
            self.stream.refuse(seq, code, text, after, detail)
        except EncodeError:
            self.stream.refuse(seq, code, code.name, after, None)
        except LocalError:
            return  # answered already: the session ended and was freed in between
        if self.transport is not None:
            self.transport.mark()


def logged_id(session_id: str) -> str:
    """A session's name in the log. Neither it nor the whole id resumes anything: that takes the resume token."""
    return session_id[:LOGGED_ID_CHARS]

"""Requests in flight, and calls that wait for room in the window. A request's name is its seq, as on the wire."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from imserver_client import wire
from imserver_client.errors import ClientError, Disconnected, Misuse, Refused
from imserver_client.limits import ClientLimits
from imserver_protocol import (
    RETRYABLE,
    EncodeError,
    Limits,
    RefusalReceived,
    ReplyReceived,
    Session,
    SessionState,
    WindowFull,
)
from imserver_protocol.methods.descriptors import Method, Shape

from .backoff import Backoff

P = TypeVar("P", bound=Shape)
R = TypeVar("R")
Answer = ReplyReceived | RefusalReceived
#: Called once with the answer, or with None when the session is lost: then its outcome is unknown.
OnAnswer = Callable[[Answer | None], None]


class SessionLost(Exception):
    """The session ended before the answer came. Never leaves this package."""


@dataclass(slots=True, eq=False)
class _Ask:
    method: str
    params: Sequence[Any]
    patient: bool
    urgent: bool
    answer: asyncio.Future[Answer | None]


class Requests:
    """The client's side of one session after another. `sent` is called when something was queued for writing."""

    def __init__(
        self,
        limits: ClientLimits,
        make_backoff: Callable[[], Backoff],
        sent: Callable[[], None],
        violated: Callable[[str], None],
    ) -> None:
        self._limits = limits
        self._make_backoff = make_backoff
        self._sent = sent
        self._violated = violated
        self._session: Session | None = None
        self._attached = False
        self._waiting: dict[int, OnAnswer] = {}
        self._line: deque[_Ask] = deque()
        #: Set while more than urgent requests may be sent: not before a fresh session has shown whose history it goes on with.
        self.released = asyncio.Event()
        self._end: Callable[[], ClientError] | None = None

    # -- the life of sessions -----------------------------------------------------------------------------------------

    def attach(self, session: Session) -> None:
        """Allow sending. If the session is a new one, pending calls learn that the old one was lost."""
        if session is not self._session:
            self.lose_session()
        self._session = session
        self._attached = True

    def release(self) -> None:
        """Send whatever waits: the session goes on with the history that is known."""
        if not self.released.is_set():
            self.released.set()
            self.serve_line()

    def hold(self) -> None:
        """From now on send only what is urgent."""
        self.released.clear()

    def detach(self) -> None:
        """The connection is gone. Requests in flight stay so, in the session."""
        self._attached = False

    def lose_session(self) -> None:
        """Requests in flight end undecided, and so do queued calls that depend on the session: the next one may go on
        with another history."""
        self._session = None
        self._attached = False
        self.hold()
        waiting, self._waiting = self._waiting, {}
        for on_answer in waiting.values():
            on_answer(None)
        for ask in [ask for ask in self._line if not ask.patient]:
            self._line.remove(ask)
            if not ask.answer.done():
                ask.answer.set_result(None)

    def end(self, error: Callable[[], ClientError]) -> None:
        """Stop sending: every pending or later call raises the exception that `error` makes."""
        self._end = error
        self.lose_session()  # calls in flight repeat their request, and see the end
        for ask in self._line:
            if not ask.answer.done():
                ask.answer.set_exception(error())
        self._line.clear()

    # -- sending ------------------------------------------------------------------------------------------------------

    @property
    def room_for_posts(self) -> bool:
        """Whether the outbox may send one more: it leaves some of the window to reads."""
        session = self._session
        if not self._attached or session is None or session.state is not SessionState.ATTACHED:
            return False
        if not self.released.is_set():
            return False
        most = session.limits.max_requests
        return len(session.open_requests) < max(most - self._limits.requests_kept_for_reads, most // 2, 1)

    @property
    def limits(self) -> Limits | None:
        """The server's limits, once WELCOME has brought them."""
        return self._session.limits if self._session is not None else None

    def send(self, method: str, params: Sequence[Any], on_answer: OnAnswer) -> bool:
        """Send now; False if there is no room, or no connection. Raises EncodeError."""
        session = self._session
        if not self._attached or session is None or session.state is not SessionState.ATTACHED:
            return False
        try:
            seq = session.request(method, params)
        except WindowFull:
            return False
        self._waiting[seq] = on_answer
        self._sent()
        return True

    def serve_line(self) -> None:
        """Send queued requests while there is room, first come, first served; only urgent ones while the rest is held."""
        held: list[_Ask] = []
        while self._line:
            ask = self._line[0]
            if not (ask.urgent or self.released.is_set()) and not ask.answer.done():
                held.append(self._line.popleft())
                continue
            if not ask.answer.done():
                try:
                    if not self.send(ask.method, ask.params, _resolver(ask.answer)):
                        break
                except EncodeError as error:
                    ask.answer.set_exception(Misuse(str(error)))
            self._line.popleft()
        if held:
            self._line.extendleft(reversed(held))

    def answered(self, answer: Answer) -> None:
        """A REPLY or REFUSAL arrived; the connection has checked that it answers an open request."""
        on_answer = self._waiting.pop(answer.request_seq, None)
        if on_answer is not None:
            on_answer(answer)

    # -- asking -------------------------------------------------------------------------------------------------------

    async def call(self, method: Method[P, R], params: P, *, patient: bool = True, urgent: bool = False) -> R:
        """The result of a request that may be repeated: a read, or one with a key.

        A patient call goes on through lost sessions and retryable refusals. An impatient one raises SessionLost instead,
        for callers whose parameters depend on the session. An urgent one does not wait for `release`. Raises Refused, Stopped
        or Disconnected.
        """
        backoff = self._make_backoff()
        try:
            plain = msgspec.to_builtins(params, builtin_types=(bytes,))
        except TypeError as error:
            raise Misuse(str(error)) from None
        while True:
            answer = await self._ask(method.name, plain, patient, urgent)
            if isinstance(answer, RefusalReceived):
                if answer.code not in RETRYABLE:
                    raise Refused(answer.code, answer.text, answer.detail)
                session = self._session
                await asyncio.sleep(backoff.next(answer.retry_after_ms))
                if not patient and self._session is not session:
                    raise SessionLost
                continue
            if isinstance(answer, ReplyReceived):
                try:
                    return wire.read(answer.result, method.result)
                except wire.BadShape as error:
                    self._violated(f"{method.name}: {error}")
            if not patient:
                raise SessionLost

    async def _ask(self, method: str, params: Sequence[Any], patient: bool, urgent: bool) -> Answer | None:
        if self._end is not None:
            raise self._end()
        ask = _Ask(method, params, patient, urgent, asyncio.get_running_loop().create_future())
        self._line.append(ask)
        self.serve_line()
        try:
            return await ask.answer
        except asyncio.CancelledError:
            # Else an application that calls with time-outs would fill the queue while the server is away.
            with contextlib.suppress(ValueError):
                self._line.remove(ask)
            raise


def _resolver(future: asyncio.Future[Answer | None]) -> OnAnswer:
    def resolve(answer: Answer | None) -> None:
        if not future.done():
            future.set_result(answer)

    return resolve


def closed() -> ClientError:
    """The exception of calls after the application closed the client."""
    return Disconnected("the client is closed")

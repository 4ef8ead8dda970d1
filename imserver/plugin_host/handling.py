"""Handling: calls a handler until its event is dealt with, with deadline, attempts, and a failure answer at the end.

An event is dealt with when a committed unit has marked it. Three kinds of unit can: the handler's own, the host's after a
handler that returned without one, and the host's failure answer. The first one wins; the others roll back by
`AlreadyHandled`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from enum import Enum
from functools import partial
from inspect import isawaitable
from typing import Any

from imserver.chat.ports import Store
from imserver.errors import AlreadyHandled, PluginError, Refusal, StoreFailed
from imserver.events import SetBack, TimerFired
from imserver.plugin_api import Answer, Effects, Event, Stale
from imserver.plugin_host.attempt import CURRENT, Attempt, is_store_busy
from imserver.plugin_host.limits import HostLimits
from imserver.plugin_host.registrations import Registrations
from imserver.plugin_host.transaction import Keys, PluginTransaction, PluginUnit

#: Longest text of an error in `plugin_failures`.
MAX_ERROR_CHARS = 500

_DID_NOT_WORK = {
    "en": "Sorry, that did not work (id {error_id}).",
    "zh": "抱歉，没有成功（编号 {error_id}）。",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """The destination of a handler's answer: conversation, posting bot, and addressed user."""

    conversation_id: str
    bot_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a handler."""

    event: Event
    call: Callable[[], Answer | Awaitable[Answer]]
    #: Destination of answers; None if no user waits for one (timers).
    reply: Reply | None = None
    #: False: a handler that made no transaction leaves the mark to the lazy cursor.
    mark_at_once: bool = True


class Outcome(Enum):
    """The outcome of a delivery."""

    MARKED = "a committed unit marked the event"
    UNMARKED = "dealt with without any transaction: the lazy cursor may pass it"
    PUT_OFF = "the plugin stops: it is delivered again after the next start"


class NoHandler(Exception):  # nothing is wrong with the server
    """No handler takes this timer (any more). Trying again does not help."""


class Late(Exception):  # it is not our error but the plugin's state
    """The handler did not return within its deadline."""


class Handling:
    """Deals with one delivery at a time, for one plugin."""

    def __init__(
        self,
        registrations: Registrations,
        store: Store,
        *,
        log: Any,
        random_bytes: Callable[[int], bytes],
        limits: HostLimits,
    ) -> None:
        self._registrations = registrations
        self._store = store
        self._log = log
        self._random_bytes = random_bytes
        self._limits = limits
        self._left_behind: set[asyncio.Task[Any]] = set()
        #: Set when the plugin is to stop: no further attempts.
        self.stopping = asyncio.Event()
        self.handled_count = 0
        self.failed_count = 0

    async def begin(self, delivery: Delivery) -> Outcome | PluginUnit:
        """Call the handler. Effects that it returns: their unit, in the writer's queue, and what becomes of it is for
        `deal_with`, should it fail. Anything else is dealt with."""
        attempt = Attempt(delivery.event)
        answer, error = await self._called(attempt, delivery.call)
        if error is None and isinstance(answer, Effects) and not attempt.handled:
            unit = self._unit(answer.fn, delivery.event, "handler")
            try:
                unit.submit(self._store)
                return unit
            except Exception as refused:
                error = refused
        elif error is None:
            error = await self._end(attempt, delivery, answer)
        return await self._until_dealt_with(delivery, attempt, error)

    async def deal_with(self, delivery: Delivery, failed: Exception | None = None) -> Outcome:
        """Call the handler again and again until the event is dealt with. `failed`: what became of the first attempt."""
        attempt = Attempt(delivery.event)
        error = failed or await self._attempt(attempt, delivery)
        return await self._until_dealt_with(delivery, attempt, error)

    async def _until_dealt_with(
        self, delivery: Delivery, attempt: Attempt, error: Exception | None
    ) -> Outcome:
        failures = stale = 0
        busy_s, most_busy_s = self._limits.store_busy_delays_s
        error_id = ""
        while True:
            if error is None or attempt.handled or isinstance(error, AlreadyHandled):
                self.handled_count += 1
                if error is None and not attempt.handled:
                    return Outcome.UNMARKED
                if isinstance(error, Late):
                    self._log.warning("plugin_handler_late", event_id=describe(delivery.event))
                elif error is not None and not isinstance(error, AlreadyHandled):
                    self._log_failure("plugin_handler_failed_after_commit", delivery.event, error)
                return Outcome.MARKED
            if isinstance(error, StoreFailed):
                raise error
            if attempt.store_busy or is_store_busy(error):
                pause_s, busy_s = busy_s, min(busy_s * 2, most_busy_s)
            elif isinstance(error, Stale) and stale < self._limits.max_stale:
                pause_s, stale = 0.0, stale + 1
            else:
                failures += 1
                error_id = error_id or self._random_bytes(4).hex()
                self._log_failure(
                    "plugin_handler_failed", delivery.event, error, error_id=error_id, attempt=failures
                )
                if failures >= self._limits.max_attempts or isinstance(error, NoHandler):
                    return await self._give_up(delivery, error, error_id)
                pause_s = self._limits.retry_delays_s[min(failures, len(self._limits.retry_delays_s)) - 1]
            if await self.pause(pause_s):
                return Outcome.PUT_OFF
            attempt = Attempt(delivery.event)
            error = await self._attempt(attempt, delivery)

    async def close(self) -> None:
        """Cancel handlers that still run after their deadline."""
        for task in self._left_behind:
            task.cancel()
        if self._left_behind:
            await asyncio.wait(self._left_behind, timeout=self._limits.cancel_grace_s)

    # -- one attempt --------------------------------------------------------------------------------------------------

    async def _attempt(self, attempt: Attempt, delivery: Delivery) -> Exception | None:
        """Call the handler, then mark the event if it has not. None on success."""
        answer, error = await self._called(attempt, delivery.call)
        return await self._end(attempt, delivery, answer) if error is None else error

    async def _end(self, attempt: Attempt, delivery: Delivery, answer: Answer) -> Exception | None:
        """Do what the handler returned, and mark its event. None on success."""
        if attempt.handled:
            if answer is not None:
                self._log.warning("plugin_answer_after_mark_not_posted", event_id=describe(delivery.event))
            return None
        if answer is None and not attempt.unit_count and not delivery.mark_at_once:
            return None

        def post(tx: PluginTransaction) -> None:
            if answer is not None and not isinstance(answer, Effects) and delivery.reply is not None:
                content = {"type": "text", "text": answer} if isinstance(answer, str) else answer
                tx.post(delivery.reply.conversation_id, content, sender_id=delivery.reply.bot_id)

        try:
            if isinstance(answer, Effects):
                await self._write(answer.fn, delivery.event, "handler", attempt)  # the keys of `begin`
            else:
                await self._write(post, delivery.event, "answer", attempt)
        except StoreFailed:
            raise
        except Exception as fault:  # a content that cannot be encoded, a removed bot: the caller judges
            return fault
        return None

    async def _called(
        self, attempt: Attempt, call: Callable[[], Answer | Awaitable[Answer]]
    ) -> tuple[Answer, Exception | None]:
        """Return the handler's answer, or its error, once all units of the handler are decided."""
        while len(self._left_behind) >= self._limits.max_left_behind:
            await asyncio.wait(self._left_behind, return_when=asyncio.FIRST_COMPLETED)
        context = copy_context()  # the handler's own, task or not
        context.run(CURRENT.set, attempt)
        try:
            answer = context.run(call)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            attempt.over = True
            return None, _as_exception(error)
        if not isawaitable(answer):
            attempt.over = True
            return answer, None
        return await self._awaited(attempt, answer, context)

    async def _awaited(
        self, attempt: Attempt, answer: Awaitable[Answer], context: Context
    ) -> tuple[Answer, Exception | None]:
        """The same of a handler that waits: in a task, which can be cancelled at its deadline."""

        async def body() -> Answer:
            return await answer

        task = asyncio.get_running_loop().create_task(body(), context=context)
        try:
            done, _ = await asyncio.wait({task}, timeout=self._limits.handler_deadline_s)
            if not done:
                attempt.abandoned = True
                task.cancel()
                done, _ = await asyncio.wait({task}, timeout=self._limits.cancel_grace_s)
                if not done:
                    self._log.error("plugin_handler_left_behind", event_id=describe(attempt.event))
        finally:
            self._leave(attempt, task)
        await attempt.all_decided()
        if attempt.abandoned:
            return None, Late(f"the handler took longer than {self._limits.handler_deadline_s:g} s")
        if task.cancelled():
            return None, RuntimeError("the handler cancelled itself")
        error = task.exception()
        return (task.result(), None) if error is None else (None, _as_exception(error))

    def _leave(self, attempt: Attempt, task: asyncio.Task[Any]) -> None:
        attempt.over = True
        if task.done():
            if not task.cancelled():
                task.exception()  # it counts as looked at, also if a crash ends whoever would do so
            return
        attempt.abandoned = True
        task.cancel()
        self._left_behind.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._left_behind.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._log.error("plugin_handler_failed_late", exc_info=task.exception())

    # -- giving up ----------------------------------------------------------------------------------------------------

    async def _give_up(self, delivery: Delivery, error: Exception, error_id: str) -> Outcome:
        """Record the failure, answer the user, mark the event: one unit, so none of it happens twice or alone."""
        text = f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARS]

        def fail(tx: PluginTransaction, reply: Reply | None) -> None:
            tx.record_failure(describe(delivery.event), error_id, text)
            if reply is not None:
                user = tx.user(reply.user_id)
                words = _DID_NOT_WORK["zh" if user is not None and user.language.startswith("zh") else "en"]
                content = {"type": "text", "text": words.format(error_id=error_id)}
                tx.post(reply.conversation_id, content, sender_id=reply.bot_id)

        for reply in dict.fromkeys((delivery.reply, None)):
            try:
                await self._write(partial(fail, reply=reply), delivery.event, "failure")
            except AlreadyHandled:
                break  # the unit of a late handler was first, after all
            except (Refusal, PluginError) as refused:
                if is_store_busy(refused):
                    return Outcome.PUT_OFF
                if reply is None:
                    raise
                # The bot may not post there (any more). The failure itself must be recorded all the same.
                self._log.warning("plugin_failure_not_told", error_id=error_id, reason=str(refused))
            else:
                self.failed_count += 1
                break
        return Outcome.MARKED

    async def _write(
        self,
        fn: Callable[[PluginTransaction], object],
        event: Event,
        purpose: str,
        attempt: Attempt | None = None,
    ) -> None:
        """Run a unit of the host's own that marks the event; waits while the store is busy."""
        busy_s, most_busy_s = self._limits.store_busy_delays_s
        while True:
            try:
                await self._unit(fn, event, purpose, attempt).through(self._store)
                return
            except Refusal as refusal:
                if not is_store_busy(refusal) or await self.pause(busy_s):
                    raise
                busy_s = min(busy_s * 2, most_busy_s)

    def _unit(
        self,
        fn: Callable[[PluginTransaction], object],
        event: Event,
        purpose: str,
        attempt: Attempt | None = None,
    ) -> PluginUnit:
        name = self._registrations.name
        return PluginUnit(
            fn,
            self._registrations,
            Keys.of_event(name, event, purpose),
            event=event,
            attempt=attempt,
            max_content_bytes=self._limits.max_content_bytes,
        )

    async def pause(self, seconds: float) -> bool:
        """Wait for `seconds`. True, at once, if the plugin is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            return False
        return True

    def _log_failure(self, what: str, event: Event, error: Exception, **more: Any) -> None:
        # The event's id, never its content: contents do not belong into logs.
        self._log.error(what, event_id=describe(event), exc_info=error, **more)


def _as_exception(error: BaseException) -> Exception:
    """What a handler raised, as a failure that its event is tried again for."""
    return error if isinstance(error, Exception) else RuntimeError(repr(error))


def describe(event: Event) -> str:
    """The event in logs and in `plugin_failures`: enough to find it, nothing of its content."""
    if isinstance(event, TimerFired):
        return f"timer {event.timer_id} {event.name} due {event.due_at}"
    if isinstance(event, SetBack):
        return f"set back to {event.copied_at} with run {event.run}"
    return f"message {event.message.conversation_id}#{event.message.position} change {event.change}"

"""Who asked what: sessions that asked a read are told, at most so often each, that its answer may be another now.

What is pushed is the question again, `[method, params…]`: the read that it names tells the rest. So nothing has to be compared,
and of many changes in that time the last one is as good as all. A session that asked stands here before its answer is looked
up: a change behind that snapshot reaches it for certain.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from imserver.chat.units import Outlet
from imserver.clock import Clock
from imserver.errors import Refusal, RefusalCode
from imserver_protocol.methods.descriptors import Method, Shape
from imserver_protocol.shared.bounds import MAX_QUESTION_BYTES, MAX_QUESTIONS
from imserver_protocol.shared.said import said_of

#: What is told of one question is told to the same person again after this time at the soonest (seconds), unless its read says
#: another: each telling is one more answer to look up. The first change after a quiet time is told at once, and what is some
#: people's own does not wait for others'.
TOLD_EVERY_S = 1.0
#: Questions whose names are kept, some 200 bytes each.
MAX_NAMED = 1024
#: Sessions that are told in one turn of the event loop, about a millisecond.
TOLD_A_TURN = 500


class Asking(Outlet, Protocol):
    """A session that asks."""

    @property
    def ended(self) -> bool:
        """True once it is over: it asks nothing any more."""
        ...


class _Question:
    """Who asked it, and when they may be told of again. None stands for everybody who asked."""

    __slots__ = ("due", "every_s", "fields", "kind", "outlets", "waiting")

    def __init__(self, kind: str, fields: Sequence[Any], every_s: float) -> None:
        self.kind = kind
        self.fields = fields
        self.every_s = every_s
        #: By user, in order.
        self.outlets: dict[str | None, dict[Asking, None]] = {}
        #: Of those who were told within the last `every_s`.
        self.due: dict[str | None, float] = {}
        #: Who is to be told when it is due.
        self.waiting: dict[str | None, None] = {}

    def is_quiet(self, who: str | None, now: float) -> bool:
        """Whether they were told a moment ago, alone or with everybody."""
        return any(self.due.get(one, now) > now for one in (who, None))


class Askers:
    """The questions of all sessions of one server. Lives on the event loop."""

    def __init__(self, clock: Clock, encode: Callable[[str, Sequence[Any]], object]) -> None:
        self._clock = clock
        self._encode = encode
        self._questions: dict[bytes, _Question] = {}
        self._of_outlet: dict[Asking, OrderedDict[bytes, None]] = {}
        #: When which question may be told to whom again, the soonest first (a heap; a number keeps users from being compared).
        #: One that was told since then has a later time among its own, and counts by that.
        self._quiet: list[tuple[float, int, bytes, str | None]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0

    # -- from sessions ------------------------------------------------------------------------------------------------

    def asked(
        self, outlet: Asking, method: Method[Any, Any], params: Shape, every_s: float = TOLD_EVERY_S
    ) -> None:
        """This session asks: call it before the answer is looked up. `every_s`: of the method, always the same. Raises
        `Refusal` for more than is remembered."""
        if outlet.ended:
            return
        if len(msgspec.msgpack.encode(said_of(params))) > MAX_QUESTION_BYTES:
            most = MAX_QUESTION_BYTES
            raise Refusal(
                RefusalCode.TOO_LARGE, f"{method.name}: params of at most {most} bytes", detail=most
            )
        name = name_of(method, params)
        own = self._of_outlet.setdefault(outlet, OrderedDict())
        own[name] = None
        own.move_to_end(name)
        question = self._questions.get(name)
        if question is None:
            question = self._questions[name] = _Question(method.name, said_of(params), every_s)
        question.outlets.setdefault(outlet.user_id, {})[outlet] = None
        if len(own) > MAX_QUESTIONS:
            oldest, _ = own.popitem(last=False)
            question = self._questions[oldest]
            self._leave(oldest, outlet)
            # It hears no longer of this one: whoever still wants to know asks again, and is heard in place of the next oldest.
            outlet.push_all([self._encode(question.kind, question.fields)])

    def refused(self, outlet: Asking, method: Method[Any, Any], params: Shape) -> None:
        """It was refused: it hears nothing of what it may not ask."""
        name = name_of(method, params)
        own = self._of_outlet.get(outlet)
        if own is not None and name in own:
            del own[name]
            if not own:
                del self._of_outlet[outlet]
            self._leave(name, outlet)

    def forget(self, outlet: Any) -> None:
        """The session is over."""
        for name in self._of_outlet.pop(outlet, ()):
            self._leave(name, outlet)

    def _leave(self, name: bytes, outlet: Asking) -> None:
        question = self._questions[name]
        of_user = question.outlets[outlet.user_id]
        del of_user[outlet]
        if not of_user:
            del question.outlets[outlet.user_id]
        self._drop_if_idle(name, question)

    def _drop_if_idle(self, name: bytes, question: _Question) -> None:
        if not question.outlets and not question.due:
            del self._questions[name]

    # -- from plugins -------------------------------------------------------------------------------------------------

    def changed(self, name: bytes | str, users: Iterable[str] | None = None) -> None:
        """Something was committed that gives this question another answer: for everybody, or for these users. The name of a
        method: all that was asked by it."""
        if isinstance(name, str):  # rare (a shop's opening hours): no index is kept for it
            for one in [one for one, question in self._questions.items() if question.kind == name]:
                self.changed(one, users)
            return
        question = self._questions.get(name)
        if question is None:
            return
        now = self._clock.monotonic()
        for who in (None,) if users is None else [user for user in users if user in question.outlets]:
            if question.is_quiet(who, now):
                question.waiting[who] = None
            else:
                self._tell(name, question, who)

    def look(self) -> None:
        """Tell what is due. Called by a timer, and by whoever moves the clock by hand."""
        now = self._clock.monotonic()
        while self._quiet and self._quiet[0][0] <= now:
            due, _, name, told = heapq.heappop(self._quiet)
            question = self._questions.get(name)
            if question is None or question.due.get(told) != due:
                continue
            del question.due[told]
            for who in (None, *question.waiting) if told is None else (told,):
                if who in question.waiting and not question.is_quiet(who, now):
                    self._tell(name, question, who)
            self._drop_if_idle(name, question)
        self._set_timer()

    def close(self) -> None:
        """The sessions are over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._questions.clear()
        self._of_outlet.clear()
        self._quiet.clear()

    def _tell(self, name: bytes, question: _Question, who: str | None) -> None:
        now = self._clock.monotonic()
        told = [who]
        for user in question.outlets if who is None else ():
            if question.due.get(user, now) > now:
                question.waiting[user] = None  # told alone a moment ago
            else:
                told.append(user)
        for one in told:
            question.waiting.pop(one, None)
        outlets = [outlet for one in told for outlet in question.outlets.get(one, ())]
        question.due[who] = due = now + question.every_s
        self._count += 1
        heapq.heappush(self._quiet, (due, self._count, name, who))
        self._set_timer()
        self._push([self._encode(question.kind, question.fields)], outlets)

    def _push(self, tails: Sequence[object], outlets: list[Asking]) -> None:
        for outlet in outlets[:TOLD_A_TURN]:
            if not outlet.ended:
                outlet.push_all(tails)
        if len(outlets) > TOLD_A_TURN:
            asyncio.get_running_loop().call_soon(self._push, tails, outlets[TOLD_A_TURN:])

    def _set_timer(self) -> None:
        at = self._quiet[0][0] if self._quiet else None
        if self._timer is not None:
            if at is not None and at >= self._rings_at:
                return
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._rings_at = at
            wait_s = max(0.0, at - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._timer_rang)

    def _timer_rang(self) -> None:
        self._timer = None
        self.look()


def name_of(method: Method[Any, Any], params: Shape) -> bytes:
    """What stands for a question: the same for requests that say the same, defaults or not."""
    try:
        return _name_of(method.name, params)
    except TypeError:  # a list or a map in it has no hash
        return _name_of.__wrapped__(method.name, params)


@lru_cache(maxsize=MAX_NAMED)
def _name_of(method: str, params: Shape) -> bytes:
    """Kept, because a transaction tells of a dozen questions, and nearly all are those of the one before."""
    return blake2b(method.encode() + b"\0" + msgspec.msgpack.encode(said_of(params)), digest_size=16).digest()

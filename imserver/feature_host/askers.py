"""Who asked what: sessions that asked a read are told, at most once a second each, that its answer may be another now.

What is pushed is the question again, `[method, params…]`: the read that it names tells the rest. So nothing has to be compared,
and of many changes in one second the last one is as good as all. A session that asked stands here before its answer is looked
up: a change behind that snapshot reaches it for certain.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from imserver.chat.units import Outlet
from imserver.clock import Clock
from imserver.errors import Refusal, RefusalCode
from imserver_protocol.methods.descriptors import Method, Shape
from imserver_protocol.shared.bounds import MAX_QUESTION_BYTES, MAX_QUESTIONS
from imserver_protocol.shared.said import said_of

#: What is told of one question is told to the same person again after this time at the soonest (seconds): what is some
#: people's own does not wait for others'.
TOLD_EVERY_S = 1.0
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

    __slots__ = ("due", "fields", "kind", "outlets", "waiting")

    def __init__(self, kind: str, fields: Sequence[Any]) -> None:
        self.kind = kind
        self.fields = fields
        #: By user, in order.
        self.outlets: dict[str | None, dict[Asking, None]] = {}
        #: Of those who were told within the last second.
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
        #: Questions, and to whom they were told within the last second, by the time when they may be again.
        self._quiet: dict[tuple[bytes, str | None], None] = {}
        self._timer: asyncio.TimerHandle | None = None

    # -- from sessions ------------------------------------------------------------------------------------------------

    def asked(self, outlet: Asking, method: Method[Any, Any], params: Shape) -> None:
        """This session asks: call it before the answer is looked up. Raises `Refusal` for more than is remembered."""
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
            question = self._questions[name] = _Question(method.name, said_of(params))
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
        for name, told in list(self._quiet):
            question = self._questions[name]
            if question.due[told] > now:
                break  # all wait equally long, so the first is the next
            del self._quiet[name, told], question.due[told]
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
        question.due[who] = now + TOLD_EVERY_S
        self._quiet.pop((name, who), None)
        self._quiet[name, who] = None
        self._set_timer()
        self._push([self._encode(question.kind, question.fields)], outlets)

    def _push(self, tails: Sequence[object], outlets: list[Asking]) -> None:
        for outlet in outlets[:TOLD_A_TURN]:
            if not outlet.ended:
                outlet.push_all(tails)
        if len(outlets) > TOLD_A_TURN:
            asyncio.get_running_loop().call_soon(self._push, tails, outlets[TOLD_A_TURN:])

    def _set_timer(self) -> None:
        if self._timer is not None:
            if self._quiet:
                return
            self._timer.cancel()
            self._timer = None
        if self._quiet:
            name, told = next(iter(self._quiet))
            wait_s = max(0.0, self._questions[name].due[told] - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._timer_rang)

    def _timer_rang(self) -> None:
        self._timer = None
        self.look()


def name_of(method: Method[Any, Any], params: Shape) -> bytes:
    """What stands for a question: the same for requests that say the same, defaults or not."""
    return blake2b(
        method.name.encode() + b"\0" + msgspec.msgpack.encode(said_of(params)), digest_size=16
    ).digest()

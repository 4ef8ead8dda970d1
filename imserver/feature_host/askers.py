"""Who asked what: sessions that asked a read are told, at most once a second each, that its answer may be another now.

What is pushed is the question again, `[method, params…]`: the read that it names tells the rest. So nothing has to be compared,
and of many changes in one second the last one is as good as all. A session that asked stands here before its answer is looked
up: a change behind that snapshot reaches it for certain.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from imserver.chat.units import Outlet
from imserver.clock import Clock
from imserver.errors import Refusal, RefusalCode
from imserver_protocol.methods.descriptors import Method, Shape
from imserver_protocol.shared.bounds import MAX_QUESTION_BYTES, MAX_QUESTIONS
from imserver_protocol.shared.said import said_of

#: What is told of one question is told again after this time at the soonest (seconds).
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
    """Who asked it, in order, and when it may be told of again."""

    __slots__ = ("due", "everybody", "fields", "kind", "outlets", "users")

    def __init__(self, kind: str, fields: Sequence[Any]) -> None:
        self.kind = kind
        self.fields = fields
        self.outlets: dict[Asking, None] = {}
        self.due = float("-inf")
        #: Who is to be told when it is due: everybody who asked, or what these users asked.
        self.everybody = False
        self.users: set[str] = set()


class Askers:
    """The questions of all sessions of one server. Lives on the event loop."""

    def __init__(self, clock: Clock, encode: Callable[[str, Sequence[Any]], object]) -> None:
        self._clock = clock
        self._encode = encode
        self._questions: dict[bytes, _Question] = {}
        self._of_outlet: dict[Asking, OrderedDict[bytes, None]] = {}
        #: Questions that were told of within the last second, by the time when they may be again.
        self._quiet: dict[bytes, None] = {}
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
        question.outlets[outlet] = None
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
        del question.outlets[outlet]
        self._drop_if_idle(name, question)

    def _drop_if_idle(self, name: bytes, question: _Question) -> None:
        if not question.outlets and name not in self._quiet:
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
        if users is None:
            question.everybody = True
        else:
            question.users.update(users)
        if self._clock.monotonic() >= question.due:
            self._tell(name, question)

    def look(self) -> None:
        """Tell what is due. Called by a timer, and by whoever moves the clock by hand."""
        now = self._clock.monotonic()
        for name in list(self._quiet):
            question = self._questions[name]
            if question.due > now:
                break  # all wait equally long, so the first is the next
            del self._quiet[name]
            if question.everybody or question.users:
                self._tell(name, question)
            else:
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

    def _tell(self, name: bytes, question: _Question) -> None:
        outlets: Collection[Asking] = question.outlets
        if not question.everybody:
            outlets = [outlet for outlet in outlets if outlet.user_id in question.users]
        question.everybody = False
        question.users.clear()
        question.due = self._clock.monotonic() + TOLD_EVERY_S
        self._quiet.pop(name, None)
        self._quiet[name] = None
        self._set_timer()
        self._push([self._encode(question.kind, question.fields)], list(outlets))

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
            first = self._questions[next(iter(self._quiet))]
            wait_s = max(0.0, first.due - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._timer_rang)

    def _timer_rang(self) -> None:
        self._timer = None
        self.look()


def name_of(method: Method[Any, Any], params: Shape) -> bytes:
    """What stands for a question: the same for requests that say the same, defaults or not."""
    return blake2b(
        method.name.encode() + b"\0" + msgspec.msgpack.encode(said_of(params)), digest_size=16
    ).digest()

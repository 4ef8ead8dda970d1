"""What an application asks of a server's plugins: a question once, or again whenever it has another answer.

A server pushes to who asked `[method, params…]` (SPEC 19): the question again, which is then asked again. What is lost with a
session, or dropped because this client lags behind, is asked again, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakSet

import msgspec

from imserver_client.errors import Disconnected, Misuse, NotOffered
from imserver_protocol.methods.descriptors import Method, Shape
from imserver_protocol.shared.bounds import MAX_QUESTIONS
from imserver_protocol.shared.said import said_of

from .requests import Requests
from .writes import Writes

P = TypeVar("P", bound=Shape)
R = TypeVar("R")


class Asker(Protocol):
    """The rest of the client, as `Questions` uses it."""

    server_features: frozenset[str]
    requests: Requests
    writes: Writes


class Answers(Generic[R]):
    """`async for answer in client.watch(…)`: the answer now, and each later one that is asked because it is another.

    Always the newest: a slow reader misses those in between. It goes on for as long as somebody holds it.
    """

    def __init__(self, questions: Questions, method: Method[Any, R], params: Shape) -> None:
        self._questions = questions
        self._method = method
        self._params = params
        try:
            self._said = [method.name, *msgspec.to_builtins(said_of(params), builtin_types=(bytes,))]
        except TypeError as error:
            raise Misuse(str(error)) from None
        self._asking = False
        self._again = asyncio.Event()
        self._again.set()

    def ask_again(self) -> None:
        """There may be another answer."""
        self._again.set()

    def pushed(self, told: Sequence[Any]) -> None:
        """There is another answer to this question: maybe this one."""
        if _begins(told, self._said):
            self._again.set()

    def __aiter__(self) -> Answers[R]:
        return self

    async def __anext__(self) -> R:
        if self._asking:
            raise RuntimeError("these answers are being read already")
        self._asking = True
        try:
            await self._again.wait()
            self._again.clear()  # before it is asked: a push from now on means that the answer may be old
            try:
                return await self._questions.ask(self._method, self._params)
            except Disconnected:
                raise StopAsyncIteration from None
            except BaseException:
                self._again.set()
                raise
        finally:
            self._asking = False


class Questions:
    """Questions of one client, and what it has others do."""

    def __init__(self, core: Asker) -> None:
        self._core = core
        self._watched: WeakSet[Answers[Any]] = WeakSet()

    async def ask(self, method: Method[P, R], params: P) -> R:
        """Ask once."""
        self._feature(method)
        return await self._core.requests.call(method, params)

    async def write(self, method: Method[P, R], params: P) -> R:
        """Have something done, once."""
        return await self._core.writes.write(self._feature(method), method, params)

    def watch(self, method: Method[P, R], params: P) -> Answers[R]:
        """Ask now, and again for as long as the answers are held."""
        if len(self._watched) >= MAX_QUESTIONS:
            raise Misuse(f"at most {MAX_QUESTIONS} questions are watched at once")
        answers = Answers(self, method, params)
        self._watched.add(answers)
        return answers

    def pushed(self, kind: str, fields: Sequence[Any]) -> None:
        """A push of a kind that nobody else knows: a question that has another answer, maybe one of ours."""
        if self._watched:
            told = [kind, *fields]
            for answers in self._watched:
                answers.pushed(told)

    def missed(self) -> None:
        """Pushes were lost, or may have been; or the client is over, which who asks again will be told."""
        for answers in self._watched:
            answers.ask_again()

    def _feature(self, method: Method[Any, Any]) -> str:
        """The plugin, as WELCOME names it. Raises Misuse or NotOffered."""
        feature, dot, name = method.name.partition(".")
        if not (feature.startswith("x-") and dot and name):
            raise Misuse(f"{method.name!r} is no method of a plugin: x-PLUGIN.NAME")
        named = self._core.server_features
        if named and feature not in named:
            raise NotOffered(feature)
        return feature


def _begins(told: Any, said: Any) -> bool:
    """Whether what is told begins with what was said. It may have more behind, in every array (SPEC 5.1)."""
    if isinstance(said, (list, tuple)) and isinstance(told, (list, tuple)):
        return len(told) >= len(said) and all(map(_begins, told, said))
    return bool(told == said)

"""What a scenario sees: the client under test, the server that the judge plays, and verbs that say what has to happen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from imserver.features import NAMES
from imserver_protocol.limits import Limits

from .breach import Breach
from .driver import BadDriver, Driver, Refused, Told
from .journal import NOTE_CHARS, Journal
from .line import Line
from .session import Request, Session
from .talks import Message, Talk
from .wires import Listen, Wire
from .world import Refuse, World

#: How long a client may take for what it does at once. Busy machines are slow; a scenario that waits for time says so itself.
PATIENCE_S: Final = 8.0
#: And for each of many messages that are handed over: each may be a write to the disk.
EACH_S: Final = 0.1
ALL_FEATURES: Final = NAMES


@dataclass
class Play:
    """One scenario with one client. Made by the judge, which calls `open` and `close`."""

    name: str
    driver: Driver
    start_driver: Callable[[], Awaitable[Driver]]
    listen: Listen
    store: str
    world: World
    features: tuple[str, ...] = ALL_FEATURES
    limits: Limits = field(default_factory=Limits)
    tokens: tuple[str, ...] = ("TOKEN",)
    device: str = "phone"
    patience_s: float = PATIENCE_S
    #: Takes a HELLO over; True: it was answered, or will be.
    on_hello_do: Callable[[Line], bool] | None = None
    grow: Callable[[int, tuple[Any, ...], str], tuple[Any, ...]] | None = None

    def __post_init__(self) -> None:
        self.lines: list[Line] = []
        self.sessions: list[Session] = []
        #: All requests, in the order in which they came; and those of a held method, which wait for the scenario.
        self.asked: list[Request] = []
        self._held: dict[str, list[Request]] = {}
        self._told = Told(happened=self.happened)
        self._breach: Breach | None = None
        self._watchers: list[asyncio.Future[None]] = []
        self._work: set[asyncio.Task[Any]] = set()
        self._own: Driver | None = None
        self._listener: Any = None
        self.journal = Journal(asyncio.get_running_loop().time)
        self.note = self.journal.note

    # -- life ----------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        self._listener = await self.listen(self._serve)
        self.driver.client(self.name, self._told)

    async def close(self) -> None:
        for line in self.lines:
            line.give_up()
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        try:
            async with asyncio.timeout(2.0):
                await self.driver.do(self.name, "kill")
        except (BadDriver, Refused, TimeoutError):
            pass  # a client that has stopped is gone already
        self.driver.forget(self.name)
        if self._own is not None:
            await self._own.kill()
        await self._listener.close()

    async def _serve(self, wire: Wire) -> None:
        line = Line(wire, self)
        self.lines.append(line)
        self.note("*", f"connection {len(self.lines)} opened")
        await line.run()
        self.note("*", f"connection {self.lines.index(line) + 1} ended")

    @property
    def events(self) -> list[dict[str, Any]]:
        return self._told.events

    @property
    def line(self) -> Line:
        """The newest connection."""
        return self.lines[-1]

    @property
    def session(self) -> Session:
        """The newest session."""
        return self.sessions[-1]

    def wire_limits(self) -> dict[str, Any]:
        return dict(self.limits.to_wire())

    @property
    def leisure(self) -> float:
        """So many times as long as usual a client may take for whatever has an end: its machine has other work."""
        return max(1.0, self.patience_s / PATIENCE_S)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    # -- what the server does by itself -----------------------------------------------------------------------------------

    def on_hello(self, line: Line) -> None:
        if self.on_hello_do is None or not self.on_hello_do(line):
            self.welcome(line)

    def welcome(self, line: Line, **says: Any) -> Session:
        """As a server answers: the offered session if there is one, a fresh one otherwise."""
        assert line.hello is not None
        offered = line.hello.resume
        known = next((one for one in self.sessions if offered and one.session_id == offered[0]), None)
        if known is not None and not known.over and "resumed" not in says:
            self.judge_offer(line, known)
            line.welcome(known, **{"resumed": True, **says})
            return known
        reason = "unknown session" if offered else ""
        for one in self.sessions:
            one.over = True
        fresh = Session(
            f"session-{len(self.sessions) + 1}", self.limits, line.hello.device_id, grow=self.grow
        )
        self.sessions.append(fresh)
        line.welcome(fresh, **{"reason": reason, **says})
        return fresh

    def judge_offer(self, line: Line, session: Session) -> None:
        """HELLO offers this session: its token is one that is good, its ack what was received (SPEC, section 6.1)."""
        assert line.hello is not None
        assert line.hello.resume is not None
        if line.hello.resume[1] not in session.tokens:
            self.failed(Breach("HELLO with a resume token that no WELCOME brought", "6.3"))
        ack = line.hello.ack
        if not session.acked <= ack <= session.sent:
            self.failed(Breach(f"HELLO with ack {ack}; {session.acked} to {session.sent} may be", "6.1"))
            return
        session.take_ack(ack)

    def on_request(self, request: Request) -> None:
        self.asked.append(request)
        if request.method in self._held:
            self._held[request.method].append(request)
        else:
            self.answer(request)
        self.happened()

    def answer(self, request: Request) -> None:
        """As the chat does."""
        try:
            result = self.world.answer(request.method, request.params)
        except Refuse as refuse:
            request.refuse(refuse.code, detail=refuse.detail)
        else:
            request.reply(result)

    # -- what a scenario makes happen ---------------------------------------------------------------------------------------

    def hold(self, *methods: str) -> None:
        """Do not answer these by yourself any more."""
        for method in methods:
            self._held.setdefault(method, [])

    def let_go(self, *methods: str) -> None:
        """Answer them again; those that wait, too."""
        for method in methods:
            for request in self._held.pop(method, []):
                self.answer(request)

    async def take(self, method: str, within: float | None = None, section: str = "9") -> Request:
        """The next request of a held method."""
        waiting = self._held[method]
        await self.until(lambda: bool(waiting), f"ask {method}", section, within)
        return waiting.pop(0)

    def waiting(self, method: str) -> list[Request]:
        return self._held[method]

    async def connect(self, *, ready: bool = True, **options: Any) -> Line:
        """Start the client; with `ready` until its first sync is finished."""
        count = len(self.lines)
        started = self.start_client(**options)
        await self.until(lambda: any(line.hello for line in self.lines[count:]), "send HELLO", "6")
        if ready:
            await self.done(started, "connecting", "10.3")
        return self.line

    def start_client(self, **options: Any) -> asyncio.Task[Any]:
        """`connect` of the client; its result comes when the first sync is finished."""
        told = {"address": self._listener.address, "tokens": list(self.tokens), "device": self.device}
        return self.later("connect", **{**told, "store": self.store, **options})

    async def restart(self, *, ready: bool = True, **options: Any) -> Line:
        """kill -9 of the client's process, and another one with the same store."""
        await self.kill()
        return await self.connect(ready=ready, **options)

    async def kill(self) -> None:
        """kill -9. The scenario has a driver of its own."""
        assert self._own is not None, "a scenario that kills says so"
        self.check()
        for line in self.lines:
            line.patient = True
        await self._own.kill()
        self.driver = self._own = await self.start_driver()
        await self.until(lambda: all(line.ended for line in self.lines), "end its connections", "2")
        self._told = Told(events=self.events, happened=self.happened)
        self.driver.client(self.name, self._told)

    def owns(self, driver: Driver) -> None:
        self._own = driver

    def later(self, what: str, **arguments: Any) -> asyncio.Task[Any]:
        """A command whose result comes when it comes."""
        self.note("*", f"the application: {what} {arguments if what != 'connect' else ''}"[:NOTE_CHARS])
        return self._task(self.driver.do(self.name, what, **arguments))

    def _task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            task.exception()  # whoever waits for it is told; nobody else has to be
        self.happened()

    async def done(
        self, task: asyncio.Task[Any], what: str, section: str, within: float | None = None
    ) -> Any:
        """The result of a command. An error of the client fails the scenario."""
        await self.until(task.done, f"finish {what}", section, within)
        try:
            return task.result()
        except Refused as refused:
            raise refused.as_breach(what, section) from None

    async def error(
        self, task: asyncio.Task[Any], what: str, section: str, within: float | None = None
    ) -> Refused:
        """The error of a command. A result fails the scenario."""
        await self.until(task.done, f"refuse {what}", section, within)
        try:
            result = task.result()
        except Refused as refused:
            return refused
        raise Breach(f"{what} went through: {result}", section)

    async def do(self, what: str, section: str = "", **arguments: Any) -> Any:
        return await self.done(self.later(what, **arguments), what, section)

    def post(self, text: str, conversation: str = "", **more: Any) -> asyncio.Task[Any]:
        content = {"type": "text", "text": text}
        return self.later("post", conversation=conversation or self.world.direct, content=content, **more)

    def say(self, text: str, talk: Talk | None = None, *, pushed: bool = True) -> Message:
        """Somebody else posts."""
        talk = talk or self.world.talk()
        made = self.world.say(text, talk)
        if pushed:
            self.push(talk, made)
        return made

    def push(self, talk: Talk, message: Message) -> None:
        self.session.push("message", *message.push(talk.conversation_id))

    # -- what has to happen ---------------------------------------------------------------------------------------------------

    def happened(self) -> None:
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    def failed(self, breach: Breach) -> None:
        """A rule was broken, at any time."""
        if self._breach is None:
            self._breach = breach
            self.note("!", f"{breach.text} (SPEC section {breach.section})")
        self.happened()

    def check(self) -> None:
        """Raise what was broken meanwhile."""
        if self._breach is not None:
            raise self._breach
        if self.driver.ended:
            raise BadDriver(self.driver.ended)

    async def until(
        self, true: Callable[[], bool], what: str, section: str, within: float | None = None
    ) -> None:
        """Wait until it is true. Raises Breach "the client did not WHAT". `within`: seconds; None: what it does at once."""
        within = self.patience_s if within is None else within * self.leisure
        try:
            async with asyncio.timeout(within):
                while True:
                    self.check()
                    if true():
                        return
                    watcher = asyncio.get_running_loop().create_future()
                    self._watchers.append(watcher)
                    await watcher
        except TimeoutError:
            raise Breach(f"the client did not {what} within {within:g} s", section) from None

    async def acked(self) -> None:
        """The client has acked, so parsed, all that it was sent. What it posts before may have been under way already."""
        await self.until(lambda: not self.session.kept, "ack what it was sent", "7")

    async def never(self, true: Callable[[], bool], what: str, section: str, during: float = 0.4) -> None:
        """It stays untrue for so long. Raises Breach "the client …"."""
        end = self.now() + during
        while not true():
            self.check()
            left = end - self.now()
            if left <= 0:
                return
            watcher = asyncio.get_running_loop().create_future()
            self._watchers.append(watcher)
            await asyncio.wait([watcher], timeout=left)
        raise Breach(f"the client {what}", section)

    def require(self, true: object, what: str, section: str) -> None:
        if not true:
            raise Breach(what, section)

    async def event(
        self, kind: str, section: str, within: float | None = None, **fields: Any
    ) -> dict[str, Any]:
        """The first event of the kind with these fields; those that came already count."""

        def find() -> dict[str, Any] | None:
            fits = (one for one in self.events if one["event"] == kind)
            return next((one for one in fits if all(one.get(key) == fields[key] for key in fields)), None)

        named = ", ".join(f"{key} {value!r}" for key, value in fields.items())
        await self.until(lambda: find() is not None, f"tell {kind} ({named})", section, within)
        found = find()
        assert found is not None
        return found

    async def next_line(self, section: str = "13", within: float | None = None) -> Line:
        """The connection behind the newest one, with its HELLO."""
        count = len(self.lines)
        await self.until(
            lambda: len(self.lines) > count and self.line.hello is not None, "come back", section, within
        )
        return self.line

    async def come_back(self, section: str = "13", within: float | None = None) -> Line:
        """Cut, and wait for the next HELLO."""
        self.line.cut()
        return await self.next_line(section, within)

    def texts(self, conversation: str = "") -> list[str]:
        """What the application was handed of a conversation, in order; "" for a tombstone."""
        name = conversation or self.world.direct
        return [
            (one.get("content") or {}).get("text", "")
            for one in self.events
            if one["event"] == "message" and one["conversation"] == name
        ]

    def positions(self, conversation: str = "") -> list[int]:
        name = conversation or self.world.direct
        return [
            one["position"]
            for one in self.events
            if one["event"] == "message" and one["conversation"] == name
        ]

    async def heard(self, *positions: int, section: str, conversation: str = "") -> None:
        """The application was handed exactly these positions of a conversation, in this order."""
        wanted = list(positions)
        await self.until(
            lambda: len(self.positions(conversation)) >= len(wanted),
            f"hand over positions {wanted}",
            section,
            self.patience_s + EACH_S * len(wanted),
        )
        await asyncio.sleep(0)
        found = self.positions(conversation)
        self.require(found == wanted, f"positions {found} were handed over where {wanted} are right", section)

    async def closes(self, code: int, section: str, within: float | None = None) -> None:
        """The client closes the newest connection with this code."""
        line = self.line
        await self.until(
            lambda: line.goodbye is not None or line.ended, "close the connection", section, within
        )
        found = line.goodbye.code if line.goodbye is not None else None
        self.require(found == code, f"the client closed with {found} where {code} is right", section)

    def count(self, method: str) -> int:
        return sum(1 for one in self.asked if one.method == method)

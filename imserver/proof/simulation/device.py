"""One installation of the real client library, killed and started again on the same storage, with an application on top."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from random import Random
from typing import Any, Protocol

import jwt

from imserver.proof.acts import all_acts
from imserver_client import (
    Abandoned,
    CatchUpFailed,
    Client,
    ClientError,
    ClientEvent,
    ClientLimits,
    ConnectionChanged,
    CursorMoved,
    Disconnected,
    Environment,
    HistoryReplaced,
    OutboxFull,
    PostSettled,
    PostsGone,
    Refused,
    Retracted,
    State,
    Stopped,
    connect,
)
from imserver_client.address import Address
from imserver_protocol.errors import CloseCode

from .journal import Journal
from .loop import Process, VirtualLoop
from .machine import Machine
from .network import Network
from .record import Heard, Post, Record, Shown, Storage
from .setting import SECRET, Setting, for_runs


class World(Protocol):
    """The simulated world, as a device sees it."""

    loop: VirtualLoop
    setting: Setting
    network: Network
    journal: Journal
    machine: Machine
    #: Set when no device begins anything any more.
    calm: bool
    #: Conversations that any device knows.
    conversations: list[str]

    @property
    def touched(self) -> Collection[str]:
        """Users whom an operator ever shut out, or whose tokens he revoked."""
        ...


class Device:
    """`run()` starts one life after another until the world is `over`."""

    def __init__(self, world: World, user_id: str, number: int) -> None:
        self.world = world
        self.user_id = user_id
        self.device_id = f"{user_id}-{number}"
        self.random = Random(f"{world.setting.seed} {self.device_id}")
        self.storage = Storage()
        self.record = Record(user_id, self.device_id, now=world.loop.time)
        self.record.follows = lambda conversation_id: conversation_id in self.storage.begins
        self.storage.welcomed, self.storage.fell = self.record.welcomed, self.record.fell
        self.storage.left, self.storage.begun = self.record.left, self.record.began
        self.client: Client | None = None
        self.process: Process | None = None
        #: Unanswered calls of the application.
        self.pending = 0
        #: The application does not read before this moment.
        self.reads_at = 0.0
        #: The application that runs in each life.
        self.application: Callable[[], Awaitable[None]] = asyncio.Event().wait  # type: ignore[assignment]
        #: Called with each message that is handed over: conversation, sender, content.
        self.heard: Callable[[str, str, Any], None] = lambda conversation_id, sender_id, content: None
        #: Called with each event of the client.
        self.told: Callable[[ClientEvent], None] = lambda event: None
        #: Asked when nothing happens any more, and everything was read again.
        self.rest: Callable[[], Awaitable[None]] = _nothing
        self._address = (f"10.1.0.{1 + self.random.randrange(200)}", 40_000)
        self._ended = asyncio.Event()
        #: Of the token made last.
        self.token_id = ""
        self._wanted = True
        self._claims_device = self.random.random() < 0.6
        self._limits = self._draw_limits()

    def _draw_limits(self) -> ClientLimits:
        choice, chance = self.random.choice, self.random.random
        drawn = {
            "max_queued_messages": (1, 3, 20),
            "max_queued_bytes": (300, 5_000),
            "page_items": (1, 3, 50),
            "sync_rows": (1, 3),
            "max_parallel_reads": (1, 2),
            "requests_kept_for_reads": (1,),
            "max_outbox_entries": (12,),
            "max_queued_events": (5,),
        }
        limits = {name: choice(values) for name, values in drawn.items() if chance() < 0.25}
        return ClientLimits(**(for_runs(limits) if self.world.setting.runs else limits))

    # -- lives --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run one life after another."""
        while self._wanted:
            self._ended.clear()
            self.record.lives += 1
            process = self.process = Process(self.world.loop, f"{self.device_id} {self.record.lives}")
            task = process.spawn(self._live(), "main")
            task.add_done_callback(partial(self._done, process))
            await self._ended.wait()
            if self._wanted:
                await asyncio.sleep(0.05 if self.world.calm else self.random.choice((0.0, 0.3, 2.0, 8.0)))

    def kill(self) -> None:
        """SIGKILL of the client's process."""
        process = self.process
        if process is None:
            return
        self.process = self.client = None
        self.pending = 0
        process.kill()
        self.world.network.died(process, self.world.network.network_faults.vanishes)
        self._ended.set()

    def off(self) -> None:
        """Let the device never come back."""
        self._wanted = False
        self.kill()

    async def leave(self) -> None:
        """The application closes its client, and comes back later."""
        process, client = self.process, self.client
        if process is not None and client is not None:
            self.client = None
            flush = self.random.random() < 0.5
            process.spawn(self._close(client, flush), "close")
            await self._ended.wait()

    async def _close(self, client: Client, flush: bool) -> None:
        await client.close(flush=flush)
        self.kill()

    def _done(self, process: Process, done: asyncio.Task[None]) -> None:
        """The application came to an end by itself."""
        if self.process is not process:
            return
        error = None if done.cancelled() else done.exception()
        if _shut_out(error) and self.user_id in self.world.touched:
            self.world.journal.counts["applications told to come with another token"] += 1
        elif not isinstance(error, Disconnected):
            self.world.journal.finding(f"{self.device_id}'s application ended: {error!r}")
        self.kill()

    async def _live(self) -> None:
        client = await connect(
            "imserver://10.0.0.1:7410",
            token=self._token,
            device_id=self.device_id,
            store=self.storage,
            timeout=None,
            limits=self._limits,
            environment=Environment(
                monotonic=self.world.loop.time,
                now_ms=self.world.machine.clock.now_ms,
                uniform=self.random.uniform,
                random_bytes=self.random.randbytes,
                open_transport=self._open_transport,
                recorder=self.world.journal.row,
            ),
        )
        self.client = client
        if self.world.setting.copies:
            self.record.told_cursors.clear()
        if self.record.ready_at is None:
            self.record.ready_at = self.world.loop.time()
        # Where copies come back everybody listens: nobody else can be told.
        events = client.events() if self.random.random() < 0.8 or self.world.setting.copies else None
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(client))
            if events is not None:
                group.create_task(self._hear(events))
            await self.application()

    async def _open_transport(self, address: Address, tls: object, factory: Callable[[], Any]) -> None:
        await self.world.network.connect(self._address, factory)

    def _token(self) -> str:
        now_ms = self.world.machine.clock.now_ms()
        self.token_id = self.random.randbytes(8).hex()
        claims: dict[str, Any] = {
            "sub": self.user_id,
            "exp": now_ms // 1000 + self.world.setting.token_ttl_s,
            "jti": self.token_id,
        }
        if self.world.setting.people:
            claims["iat"] = (
                now_ms / 1000
            )  # without it, tokens that are made behind a revocation are not good either
        if self._claims_device:
            claims["device"] = self.device_id
        return jwt.encode(claims, SECRET, algorithm="HS256")

    # -- reading ------------------------------------------------------------------------------------------------------

    async def _read(self, client: Client) -> None:
        loop, record, life = self.world.loop, self.record, self.record.lives
        stream = client.messages()
        while True:
            if self.reads_at > loop.time() and not self.world.calm:
                await asyncio.sleep(min(1.0, self.reads_at - loop.time()))
                continue
            try:
                message = await stream.__anext__()
            except StopAsyncIteration:
                return
            record.unfinished[life] = (message.conversation_id, message.position)
            record.shown.append(Shown(message, life, loop.time()))
            self.heard(message.conversation_id, message.sender_id, message.content)

    async def _hear(self, events: Any) -> None:
        record, life, journal = self.record, self.record.lives, self.world.journal
        async for event in events:
            if isinstance(event, CursorMoved):
                cursor = event.cursor
                self._told_cursor(event)
                record.told_cursors.append(
                    (life, event.conversation_id, event.user_id, cursor.delivered, cursor.read)
                )
            elif isinstance(event, PostSettled):
                self._settled(record.posts[event.key], event.posted, event.error)
            elif isinstance(event, Retracted):
                record.retracted.append((event.conversation_id, event.position, event.revision))
            elif isinstance(event, HistoryReplaced | PostsGone):
                self._told_of_another_history(event)
            elif isinstance(event, ConnectionChanged):
                if self.world.setting.copies and event.state is State.CONNECTED and not event.resumed:
                    record.told_cursors.clear()  # another server may have lower ones
            elif isinstance(event, CatchUpFailed):
                journal.counts["catch-up gave up"] += 1
                journal.note("catch-up gave up", self.device_id, event.conversation_id, event.reason)
            for acts in all_acts().values():
                if told := acts.tells_of(event):
                    record.heard.append(Heard(self.world.loop.time(), *told, None))
            self.told(event)

    def _told_cursor(self, event: CursorMoved) -> None:
        cursors = (event.cursor.delivered, event.cursor.read)
        self.record.heard.append(Heard(self.world.loop.time(), event.conversation_id, event.user_id, cursors))

    def _told_of_another_history(self, event: HistoryReplaced | PostsGone) -> None:
        record, journal = self.record, self.world.journal
        journal.note("told of another history", self.device_id, event.conversation_id)
        named = isinstance(event, HistoryReplaced)  # the oracle looks whether that is right
        if not self.world.machine.put_back and not named:
            journal.finding(f"{self.device_id} was told of another history, and there is none: {event}")
        if isinstance(event, HistoryReplaced):
            record.history_replaced(event.conversation_id, event.agreed)
        else:
            record.posts_gone(event.conversation_id, [gone.key for gone in event.posts])
        record.told_after.add(self.world.machine.put_back)

    # -- posting ------------------------------------------------------------------------------------------------------

    def post(self, conversation_id: str, content: Any, *, patience_s: float | None = None) -> Post:
        """Post in the background, and record the outcome when it comes."""
        record = self.record
        record.numbers += 1
        post = Post(self.random.randbytes(16), conversation_id, content, record.numbers)
        assert self.process is not None
        self.process.spawn(self.offer(post, patience_s), "post")
        return post

    async def offer(self, post: Post, patience_s: float | None = None) -> None:
        """Hand a post to the client, and wait for its outcome."""
        assert self.client is not None
        self.pending += 1
        first = post.key not in self.record.posts
        known = self.record.posts.setdefault(post.key, post)
        try:
            async with asyncio.timeout(patience_s):
                posted = await self.client.post(post.conversation_id, post.content, key=post.key)
        except TimeoutError:
            self.pending -= 1
            return  # it is still in the outbox
        except (Disconnected, Stopped):
            self.pending -= 1
            return
        except ClientError as error:
            # A full outbox does not decide a post that was offered before.
            if first or not isinstance(error, OutboxFull):
                self._settled(known, None, error)
        else:
            self._settled(known, posted, None)
        self.pending -= 1

    def _settled(self, post: Post, posted: Any, error: ClientError | None) -> None:
        outcome = (
            "stored" if posted is not None else "abandoned" if isinstance(error, Abandoned) else "refused"
        )
        detail = "" if error is None else f"{type(error).__name__} {getattr(error, 'code', '')}"
        position = posted.position if posted is not None else 0
        self.world.journal.note("settled", self.device_id, post.number, outcome, position, detail)
        if post.outcome and (post.outcome, post.position) != (outcome, position):
            self.world.journal.finding(
                f"post {post.number} of {self.device_id} was {post.outcome} and then {outcome} ({detail})"
            )
        if not post.outcome and outcome != "abandoned":
            self.world.journal.counts[f"posts {outcome}"] += 1
        post.outcome, post.detail = outcome, detail
        if posted is not None:
            post.position, post.sent_at, post.ended = posted.position, posted.sent_at, False

    async def ask(
        self, call: Callable[[Client], Any], then: Callable[[Any], None] = lambda answer: None
    ) -> None:
        """Make one request to the server, and handle the answer. A refusal is an answer, too."""
        client = self.client
        if client is None:
            return
        self.pending += 1
        try:
            then(await call(client))
        except Refused as refused:
            self.world.journal.counts[f"refused {refused.code}"] += 1
        except (Disconnected, Stopped, OutboxFull):
            pass
        finally:
            self.pending -= 1


def _shut_out(error: BaseException | None) -> bool:
    """Whether the client gave up because no token lets it in."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_shut_out, error.exceptions))
    return isinstance(error, Stopped) and error.code in (CloseCode.AUTH_FAILED, CloseCode.REVOKED)


async def _nothing() -> None:
    """No application has anything to say."""

"""Peers with a good token and bad intentions, before the door: nothing hangs, and nothing is done for who has gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import Refusal, RefusalCode
from imserver.feature_api import (
    Device,
    Feature,
    Heard,
    Message,
    Method,
    Need,
    Repetition,
    Services,
    Sessions,
    Shape,
    Task,
    Transaction,
    Write,
)
from imserver.model import Kind, User
from imserver.net.scheduling.user_quota import MAX_AT_WORK
from imserver_protocol.session.events import RequestReceived
from tests.features.house import AB, INVALID, KEY_REUSED, NOT_FOUND, OVERLOADED, code_of, house
from tests.features.trial import VOTE, WAIT, WAVE, Trial, VoteParams, WaitParams, Waved
from tests.limits.raw import REQUEST, SIGNAL, Raw, eventually, new_key, packed, said
from tests.support.servers import config, running

#: Of an account at once (docs/imserver.toml, `posts_burst`).
BURST = 200
REVOKED = 302
#: Pages that fill the room for replies of a session that acks nothing, and more.
PAGES = 40


# -- answers that find no room --------------------------------------------------------------------------------------------


async def full_of_pages(server: Server, raw: Raw) -> int:
    """The room for replies of alice's session is full of pages that she does not ack; returns what she has acked."""
    for _ in range(PAGES):
        await server.chat.post("bob", AB, "x" * 8_000)
    await raw.enter(server, "alice")
    acked = raw.received
    for _ in range(PAGES):
        raw.request("history", AB, None, None, 200, ack=acked)
    [device] = server.listener.sessions
    await eventually(lambda: device.stream.recv_seq == raw.seq and device.waiting and not device._tasks)
    return acked


async def test_how_items_stand_waits_for_room_and_each_put_is_answered(tmp_path: Path) -> None:
    async with house(tmp_path, Trial()) as server, await Raw.open(server) as raw:
        acked = await full_of_pages(server, raw)
        puts = [
            raw.request("x-vote", AB, number % PAGES + 1, f"{number:0480}", ack=acked)
            for number in range(BURST)
        ]
        [device] = server.listener.sessions
        await eventually(lambda: device.stream.recv_seq == raw.seq and not device._quota._at_work)
        while not all(seq in raw._answers for seq in puts):
            await raw.frame()
            raw.ack()
        assert {raw._answers[seq].code for seq in puts} == {0}
        assert (device.holds.waiting, device.holds.waiting_tokens) == ({}, 0.0), (
            "a post need not wait for them"
        )


@pytest.mark.parametrize(("room", "codes"), [(512, {0, OVERLOADED}), (9_000, {0})])
async def test_a_result_longer_than_its_method_said_is_refused_for_now(
    tmp_path: Path, room: int, codes: set[int]
) -> None:
    """Where there is room, it is told; where there is none, the request may come again and does not wait for ever."""

    class Params(Shape, frozen=True):
        key: bytes

    class Result(Shape, frozen=True):
        text: str
        duplicate: bool

    def tell(tx: Transaction, asker: Any, params: Params) -> Result:
        return Result("x" * 8_000, duplicate=False)

    method = Method("x-tell", Params, Result)
    row = Write(method, tell, Need.ACCOUNT, Repetition.OUTCOME, reply_bytes=room)
    feature = Feature("tell", methods=(row,))
    async with Server(config(tmp_path), features=(feature,)) as server, await Raw.open(server) as raw:
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name))
        acked = await full_of_pages(server, raw)
        [device] = server.listener.sessions
        keys = [new_key() for _ in range(20)]
        seqs = [raw.request("x-tell", key, ack=acked) for key in keys]
        await eventually(lambda: device.stream.recv_seq == raw.seq and not device._quota._at_work)
        while not all(seq in raw._answers for seq in seqs):
            await raw.frame()
            raw.ack()
        assert {raw._answers[seq].code for seq in seqs} == codes
        for key, seq in zip(keys, seqs, strict=True):
            if raw._answers[seq].code:
                again = await raw.ask("x-tell", key)
                assert again.result == ["x" * 8_000, True], "it has happened"


# -- keys -----------------------------------------------------------------------------------------------------------------


class Twice(Shape, frozen=True):
    """What four methods take alike."""

    conversation_id: str
    key: bytes
    title: str = ""


class Counts(Shape, frozen=True):
    """And what they answer."""

    position: int
    duplicate: bool


def alike() -> tuple[Feature, list[Method[Twice, Counts]]]:
    """Two methods that leave a message and two that leave none, which differ by their names alone; and two that call the first
    word of a title the same request."""

    def tell(tx: Transaction, asker: Any, params: Twice) -> Counts:
        return Counts(tx.post_system(params.conversation_id, {"event": "x-told"}), duplicate=False)

    def once(tx: Transaction, asker: Any, params: Twice) -> Counts:
        return Counts(0, duplicate=False)

    def again(told: Message) -> Counts:
        return Counts(told.position, duplicate=True)

    def first_word(params: Twice) -> bytes:
        return params.title.partition(" ")[0].encode()

    methods = [
        Method(f"x-{name}", Twice, Counts) for name in ("tell", "retell", "once", "twice", "word", "words")
    ]
    first, second, third, fourth, fifth, sixth = methods
    rows = (
        Write(first, tell, Need.SPEAK, Repetition.MESSAGE, again=again),
        Write(second, tell, Need.SPEAK, Repetition.MESSAGE, again=again),
        Write(third, once, Need.SPEAK, Repetition.OUTCOME),
        Write(fourth, once, Need.SPEAK, Repetition.OUTCOME),
        Write(fifth, once, Need.SPEAK, Repetition.OUTCOME, digest=first_word),
        Write(sixth, once, Need.SPEAK, Repetition.OUTCOME, digest=first_word),
    )
    return Feature("alike", methods=rows), methods


async def test_a_key_is_of_one_request_among_messages_and_of_one_among_outcomes(tmp_path: Path) -> None:
    """Whatever a peer asks under a key that it has used: of another method, elsewhere, or of somebody else."""
    feature, (tell, retell, once, twice, word, words) = alike()
    async with running(tmp_path, "alice bob", features=(feature,)) as server, await Raw.open(server) as raw:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await raw.enter(server, "alice")
        key, title = new_key(), "a title"
        for conversation_id, method, answer in [
            (group, tell, [2, False]),
            (group, tell, [2, True]),
            (group, retell, KEY_REUSED),
            (group, once, [0, False]),  # keys of messages and of outcomes are not compared
            (group, once, [0, True]),
            (group, twice, KEY_REUSED),
            (group, word, KEY_REUSED),
            ("group/other", tell, NOT_FOUND),  # where the key is not known
            ("group/other", once, KEY_REUSED),
        ]:
            got = await raw.ask(method.name, conversation_id, key, title)
            assert (got.code or got.result) == answer, (method.name, conversation_id)
        assert (await raw.ask("post", group, key, said("x"))).code == KEY_REUSED
        assert (await server.call(tell, "bob", Twice(group, key, title))) == Counts(3, duplicate=False)
        assert (await server.call(once, "bob", Twice(group, key, title))) == Counts(0, duplicate=False)
        posted = new_key()
        assert (await raw.ask("post", group, posted, said("x"))).result[0] == 4
        assert (await raw.ask("x-tell", group, posted)).code == KEY_REUSED
        other = new_key()
        assert (await raw.ask("x-word", group, other, "one")).result == [0, False]
        assert (await raw.ask("x-word", group, other, "one more")).result == [0, True]
        assert (await raw.ask("x-word", group, other, "another")).code == KEY_REUSED
        assert (await raw.ask(words.name, group, other, "one")).code == KEY_REUSED
        for odd in (b"", b"k" * 15, b"k" * 17, b"k" * 30_000):
            for method in (tell, once):
                assert (await raw.ask(method.name, group, odd)).code == INVALID


# -- prices ---------------------------------------------------------------------------------------------------------------


async def test_what_is_put_among_many_costs_as_much_before_anybody_posts(tmp_path: Path) -> None:
    """After a restart nobody's members are known; the first put tells how many there are."""
    trial, members = Trial(), [f"m{number}" for number in range(250)]
    async with house(tmp_path, trial) as server:
        for name in members:
            await server.chat.put_user(User(name, name))
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", members)
    async with house(tmp_path, trial) as server:
        await server.call(VOTE, "alice", VoteParams(group, 1, "yes"))
        assert server.posting.cost("alice", group) == 3.0
    async with house(tmp_path, trial) as server:
        await server.store.write(lambda tx: tx.set_about(group, "trial", "many"))
        assert server.posting.cost("alice", group) == 3.0


# -- what nobody waits for any more ---------------------------------------------------------------------------------------


class Slow:
    """A reviewer that counts, and takes as long as it is told to."""

    def __init__(self, refusal: Refusal | None = None) -> None:
        self.asked = 0
        self.go_on = asyncio.Event()
        self.refusal = refusal

    async def __call__(
        self, conversation_id: str, sender_id: str, content: Mapping[str, Any]
    ) -> Refusal | None:
        self.asked += 1
        await self.go_on.wait()
        return self.refusal


async def test_of_a_session_that_ended_nothing_more_is_reviewed(tmp_path: Path) -> None:
    """A window of posts may wait for a slow reviewer, and a device may leave one behind with each of its sessions."""
    async with house(tmp_path, Trial()) as server, await Raw.open(server) as raw:
        slow = Slow()
        server.posting.reviewers = [slow]
        await raw.enter(server, "alice")
        for number in range(10):
            raw.request("post", AB, new_key(), said(str(number)))
        [device] = server.listener.sessions
        await eventually(lambda: device.stream.recv_seq == raw.seq)
        server.listener.sessions.end(device, server.clock.monotonic())
        slow.go_on.set()
        await eventually(lambda: not server.posting._review_tasks)
        assert slow.asked == 1


async def test_a_drain_waits_for_the_review_that_has_begun_and_for_no_other(tmp_path: Path) -> None:
    async with house(tmp_path, Trial()) as server, await Raw.open(server) as raw:
        slow = Slow()
        server.posting.reviewers = [slow]
        await raw.enter(server, "alice")
        seqs = [raw.request("post", AB, new_key(), said(str(number))) for number in range(10)]
        await eventually(lambda: slow.asked == 1)
        [device] = server.listener.sessions
        await eventually(lambda: device.stream.recv_seq == raw.seq)
        stopping = asyncio.create_task(server.stop())
        await eventually(lambda: server.posting.draining)
        slow.go_on.set()
        assert [(await raw.answer(seq)).code for seq in seqs] == [0, *[OVERLOADED] * 9]
        await stopping
        assert slow.asked == 1


async def test_a_write_whose_review_says_no_during_the_drain_is_answered(tmp_path: Path) -> None:
    """With what it was answered before, if it has happened."""
    async with house(tmp_path, Trial()) as server, await Raw.open(server) as raw:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await raw.enter(server, "alice")
        key, slow = new_key(), Slow(Refusal(RefusalCode.FORBIDDEN, "mind your words"))
        assert (await raw.ask("x-rename", group, key, "n", said("x"))).result == [2, False]
        server.posting.reviewers = [slow]
        again = raw.request("x-rename", group, key, "n", said("x"))
        await eventually(lambda: slow.asked == 1)
        stopping = asyncio.create_task(server.stop())
        await eventually(lambda: server.posting.draining)
        slow.go_on.set()
        assert (await raw.answer(again)).result == [2, True]
        await stopping


class Endless:
    """What a task does that never ends by itself."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0

    async def __call__(self, services: Services) -> int:
        self.begun += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return 0


async def test_behind_the_signal_that_ends_a_session_nothing_counts(tmp_path: Path) -> None:
    """What came in one piece with it, too: the next session may have given up the key of a post."""
    heard = []

    def end(sessions: Sessions, device: Device, said: Waved) -> None:
        heard.append(sessions.end(device.user_id, device.device_id))

    feature = Feature("strict", signals=(Heard(WAVE, end),))
    async with running(tmp_path, features=(feature,)) as server, await Raw.open(server) as raw:
        await server.chat.post("alice", AB, "x")
        await raw.enter(server, "alice")
        wave = packed(SIGNAL, 0, 0, "x-wave", AB)
        raw.send_bytes(wave + packed(REQUEST, 1, 0, "post", [AB, new_key(), said("late")]) + wave)
        assert (await raw.goodbye()).code == REVOKED
        assert (await server.chat.history("bob", AB)).head == 1
        assert heard == [True]


@asynccontextmanager
async def patient(folder: Path, endless: Endless, drain_timeout_s: float = 3600.0) -> AsyncIterator[Server]:
    """A server whose tasks have all the time in the world."""
    trial = Trial()
    trial.wait = endless
    feature = trial.feature()
    methods = tuple(
        replace(row, deadline_s=3600.0) if isinstance(row, Task) else row for row in feature.methods
    )
    settings = config(folder, server={"drain_timeout_s": drain_timeout_s})
    async with Server(settings, features=(replace(feature, methods=methods),)) as server:
        await server.chat.put_user(User("alice", "Alice"))
        yield server


@pytest.mark.parametrize("begun", [True, False])
async def test_tasks_end_with_their_session_and_give_their_places_back(tmp_path: Path, begun: bool) -> None:
    endless = Endless()
    async with patient(tmp_path, endless) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        [device] = server.listener.sessions
        if begun:
            for _ in range(MAX_AT_WORK):
                raw.request("x-wait", "a")
            await eventually(lambda: endless.begun == MAX_AT_WORK)
        else:  # in one turn, and the session ends in the same one
            for number in range(1, MAX_AT_WORK + 1):
                device.stream.open_requests[number] = 10
                device.request(RequestReceived(number, "x-wait", ("a",), 10))
            server.listener.sessions.end(device, server.clock.monotonic())
        async with await Raw.open(server) as next_one:
            await next_one.enter(server, "alice")  # a fresh session of the same device ends the one before
            assert (await next_one.ask("users", ["alice"])).code == 0
            await eventually(lambda: endless.cancelled == MAX_AT_WORK)
            assert endless.begun == MAX_AT_WORK


async def test_a_drain_cancels_tasks_and_begins_none(tmp_path: Path) -> None:
    """It waits for requests in progress, not for what takes as long as it likes: that is answered at once."""
    endless = Endless()
    async with patient(tmp_path, endless, drain_timeout_s=10.0) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        seq = raw.request("x-wait", "a")
        await eventually(lambda: endless.begun == 1)
        server.posting.draining = True
        assert await code_of(server.call(WAIT, "alice", WaitParams("a"))) is RefusalCode.OVERLOADED
        assert await code_of(server.call(VOTE, "alice", VoteParams(AB, 1))) is RefusalCode.OVERLOADED
        stopping = asyncio.create_task(server.stop())
        async with asyncio.timeout(5):
            assert (await raw.answer(seq)).code == OVERLOADED
        await stopping
        assert (endless.begun, endless.cancelled) == (1, 1)


async def test_who_hears_that_a_connection_went_may_end_its_session(tmp_path: Path) -> None:
    def went(sessions: Sessions, device: Device) -> None:
        sessions.end(device.user_id, device.device_id)

    limits = {"max_detached_sessions": 1}
    async with running(tmp_path, features=(Feature("strict", detached=went),), limits=limits) as server:
        for _ in range(3):
            async with await Raw.open(server) as raw:
                await raw.enter(server, "alice")
            await eventually(lambda: not len(server.listener.sessions))
        assert server.listener.attachments.sessions.detached_count == 0

"""Ids that `users` looks up cost of a rate of the asker, known or not; what is above it waits, and nothing else does."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.ports import Store
from imserver.errors import RefusalCode
from imserver.model import User
from imserver_client import Client
from imserver_protocol.shared.bounds import MAX_USERS_ASKED
from tests.limits.raw import Raw, neighbourhood, new_key, said
from tests.support.servers import people, running

#: What is left comes back so slowly that no test sees it.
SLOW = {"users_per_second": 0.001, "users_burst": 250}
HERE = "direct/alice/bob"
NAMES = [f"user{number}" for number in range(MAX_USERS_ASKED)]


def looked_up(store: Store) -> list[int]:
    """How many ids each read of names looked up, from now on."""
    found: list[int] = []
    real = store.read

    async def read(query: Any) -> Any:
        return await real(lambda reader: query(_Counting(reader, found)))

    store.read = read  # type: ignore[method-assign]
    return found


class _Counting:
    def __init__(self, reader: object, found: list[int]) -> None:
        self._reader, self._found = reader, found

    def users(self, user_ids: list[str]) -> list[User]:
        self._found.append(len(user_ids))
        return self._reader.users(user_ids)  # type: ignore[attr-defined, no-any-return]

    def __getattr__(self, name: str) -> object:
        return getattr(self._reader, name)


async def with_names(server: Server) -> None:
    await asyncio.gather(*(server.chat.put_user(User(name, name.title())) for name in NAMES))


@pytest.mark.parametrize("known", [True, False])
async def test_each_id_costs_whether_there_is_such_a_user_or_not(tmp_path: Path, known: bool) -> None:
    async with running(tmp_path, limits=SLOW) as server, await Raw.open(server) as raw:
        await with_names(server)
        await raw.enter(server, "alice")
        asked = NAMES if known else [f"nobody{number}" for number in range(MAX_USERS_ASKED)]
        found = looked_up(server.store)
        for some in (asked, asked, asked[:50]):
            assert len((await raw.ask("users", some)).result) == (len(some) if known else 0)
        late = [raw.request("users", some) for some in (asked[:1], [], asked)]
        assert (await raw.ask("sync")).code == 0, "all of them have arrived"
        assert found == [100, 100, 50], "nobody was looked up in vain"
        assert not any(raw.answered(seq, 0) for seq in late), "they wait"
        assert not server.listener.attachments.refusals


async def test_what_waits_is_answered_when_it_is_paid_for_in_the_order_of_asking(tmp_path: Path) -> None:
    """None passes a longer one: else that could wait for ever."""
    limits = {"users_per_second": 1_000.0, "users_burst": 250}
    async with running(tmp_path, limits=limits) as server, await Raw.open(server) as raw:
        await with_names(server)
        await raw.enter(server, "alice")
        now = asyncio.get_running_loop().time
        begun = now()
        sizes = (100, 100, 100, 1, 50, 1, 100)
        found = looked_up(server.store)
        seqs = [raw.request("users", NAMES[:size]) for size in sizes]
        for seq, size in zip(seqs, sizes, strict=True):
            assert len((await raw.answer(seq)).result) == size
        assert tuple(found) == sizes
        assert now() - begun >= (sum(sizes) - 250) / 1_000 - 0.005, "no faster than the rate"


async def test_devices_share_and_people_do_not(tmp_path: Path) -> None:
    async with running(tmp_path, limits=SLOW) as server, AsyncExitStack() as stack:
        raws = []
        for name, device in (("alice", "1"), ("alice", "2"), ("alice", "3"), ("bob", "1")):
            raw = await stack.enter_async_context(await Raw.open(server))
            await raw.enter(server, name, device)
            raws.append((raw, raw.request("users", NAMES)))
            await raw.ask("sync")
        assert [raw.answered(seq, 0) for raw, seq in raws] == [True, True, False, True]


async def test_devices_that_wait_take_turns(tmp_path: Path) -> None:
    limits = {"users_per_second": 1_000.0, "users_burst": 100}
    async with running(tmp_path, limits=limits) as server, AsyncExitStack() as stack:
        asked = []
        for device, size in (("1", 100), ("2", 99)):
            raw = await stack.enter_async_context(await Raw.open(server))
            await raw.enter(server, "alice", device)
            asked.append((raw, size))
        found = looked_up(server.store)
        seqs = [(raw, raw.request("users", NAMES[:size])) for raw, size in asked for _ in range(5)]
        for raw, seq in seqs:
            await raw.answer(seq)
        assert sorted(found) == [99] * 5 + [100] * 5
        for count in range(1, 9):
            behind = found[:count].count(100) - found[:count].count(99)
            assert -2 <= behind <= 2, f"one device waited for all that the other asked before: {found}"


async def test_a_session_that_ends_in_the_line_does_not_stop_it(tmp_path: Path) -> None:
    limits = {"users_per_second": 400.0, "users_burst": 100}
    async with running(tmp_path, limits=limits) as server, await Raw.open(server) as second:
        await with_names(server)
        async with await Raw.open(server) as first:
            await first.enter(server, "alice", "1")
            for _ in range(50):
                first.request("users", NAMES)
            await first.ask("sync")
            await second.enter(server, "alice", "2")
            late = second.request("users", NAMES)
            await second.ask("sync")
            server.listener.sessions.end(server.listener.sessions.of_user("alice")[0], 0.0)
        assert len((await second.answer(late)).result) == MAX_USERS_ASKED


async def test_what_is_asked_wrongly_is_refused_and_costs_little(tmp_path: Path) -> None:
    async with running(tmp_path, limits=SLOW) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        for _ in range(25):
            assert (await raw.ask("users", [*NAMES, "one"])).code == RefusalCode.TOO_LARGE
            assert (await raw.ask("users", 7)).code == RefusalCode.INVALID
        assert (await raw.ask("users", NAMES)).code == 0


async def test_other_requests_of_the_session_do_not_wait_for_names(tmp_path: Path) -> None:
    async with running(tmp_path, limits=SLOW) as server, await Raw.open(server) as raw:
        await server.chat.post("bob", HERE, "x")
        await raw.enter(server, "alice")
        asked = [raw.request("users", NAMES) for _ in range(20)]
        page = await raw.ask("history", HERE)
        assert [item[0] for item in page.result[0]] == [1]
        assert (await raw.ask("post", HERE, new_key(), said("y"))).result[0] == 2
        assert (await raw.ask("cursor", HERE, 2, 2)).result == [2, 2]
        assert len((await raw.ask("history", HERE)).result[0]) == 2
        assert [raw.answered(seq, 0) for seq in asked] == [True] * 2 + [False] * 18


async def test_names_show_what_was_written_before_they_were_asked_for(tmp_path: Path) -> None:
    """Also if they waited meanwhile: the order of requests holds."""
    limits = {"users_per_second": 2_000.0, "users_burst": 100}
    async with running(tmp_path, limits=limits) as server, await Raw.open(server) as raw:
        await with_names(server)
        await raw.enter(server, "alice")
        seqs = [raw.request("users", NAMES) for _ in range(3)]
        seqs += [raw.request("post", HERE, new_key(), said("x")), raw.request("users", NAMES)]
        seqs += [raw.request("history", HERE)]
        assert {(await raw.answer(seq)).code for seq in seqs} == {0}
        assert len((await raw.answer(seqs[-1])).result[0]) == 1


async def test_what_waits_goes_with_its_session_and_does_not_keep_a_drain(tmp_path: Path) -> None:
    async with running(tmp_path, limits=SLOW) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        late = [raw.request("users", NAMES) for _ in range(10)][-1]
        await raw.ask("sync")
        [session] = server.listener.sessions
        assert session.waiting
        await server.stop()
        await raw.goodbye()
        assert not raw.answered(late, 0)
        assert not session.waiting


async def test_a_client_that_begins_with_200_conversations_does_not_wait(tmp_path: Path) -> None:
    """A name for each, and 1,000 more for the groups among them."""
    slow = {"users_per_second": 0.001}
    async with running(tmp_path, limits=slow) as server, people(server) as enter:
        alice: Client = await enter("alice")
        for number in range(12):
            await alice.users([f"someone{number}-{n}" for n in range(MAX_USERS_ASKED)])


async def test_a_client_that_asks_for_more_gets_all_a_little_later(tmp_path: Path) -> None:
    limits = {"users_per_second": 2_000.0, "users_burst": 100}
    async with running(tmp_path, limits=limits) as server, people(server) as enter:
        await with_names(server)
        alice = await enter("alice")
        pages = await asyncio.gather(*(alice.users(NAMES) for _ in range(5)))
        assert [len(page) for page in pages] == [MAX_USERS_ASKED] * 5


async def test_the_program_around_asks_as_often_as_it_likes(tmp_path: Path) -> None:
    async with running(tmp_path, limits=SLOW) as server:
        await with_names(server)
        for _ in range(10):
            assert len(await server.chat.users(NAMES)) == MAX_USERS_ASKED


async def test_an_honest_neighbour_is_answered_at_once_beside_who_asks_in_a_loop(tmp_path: Path) -> None:
    """In requests: of what eve has under way, a neighbour's single question waits for none that is not begun."""
    async with neighbourhood(tmp_path, limits=SLOW) as (server, neighbours):
        await with_names(server)
        found = looked_up(server.store)
        raws = [await Raw.open(server) for _ in range(8)]
        for number, raw in enumerate(raws):
            await raw.enter(server, "eve", f"{number}")
        asked = [(raw, raw.request("users", NAMES)) for _ in range(100) for raw in raws]
        async with await Raw.open(server) as bob:
            await bob.enter(server, "bob")
            answer = await bob.ask("users", NAMES)
            assert len(answer.result) == MAX_USERS_ASKED
        await neighbours.talk()
        assert sum(raw.answered(seq, 0) for raw, seq in asked) <= 2
        assert sum(size for size in found if size > 1) == 3 * MAX_USERS_ASKED, "eve's two, and bob's"
        for raw in raws:
            await raw.hang_up()

"""State that is no message, over connections: who hears what, and that pushes, pages and `changes` tell the same.

Nothing writes state over the wire by itself: transactions do, in the server's process.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imserver import Server
from imserver.chat import fan_out, state_pushes
from imserver.chat.transaction import Transaction
from imserver.chat.units import Unit
from imserver.errors import Refusal, RefusalCode, StoreFailed
from imserver.feature_api import Feature
from imserver.features import FEATURES
from imserver.model import Kind, User
from tests.limits.raw import PUSH, REPLY, Raw, new_key, said
from tests.support.servers import running

PAIR = "direct/alice/bob"
NOT_FOUND, INVALID = 603, 600


@asynccontextmanager
async def entered(
    folder: Path, *names: str, users: str = "alice bob", **sections: Any
) -> AsyncIterator[tuple[Server, list[Raw]]]:
    """A server with connections of these users, who may be named more than once, and a conversation of three messages."""
    async with running(folder, users, **sections) as server, AsyncExitStack() as stack:
        for number in range(3):
            await server.chat.post("alice", PAIR, f"{number}")
        raws = []
        for number, name in enumerate(names):
            raws.append(await stack.enter_async_context(await Raw.open(server)))
            await raws[-1].enter(server, name, f"device {number}")
        yield server, raws


async def write(server: Server, *steps: Callable[[Transaction], Any]) -> Any:
    """All of it in one unit; the last result."""
    return await server.store.write(lambda tx: [step(tx) for step in steps][-1])


def item(position: int, value: Any, own: dict[str, Any] | None = None, place: str = PAIR) -> Any:
    return lambda tx: tx.set_item(place, position, "marks", value, own)


async def history(raw: Raw, place: str = PAIR) -> tuple[dict[int, Any], int]:
    """What the items of the newest page end with, and the page's modseq."""
    page = (await raw.ask("history", place, None, None, 200)).result
    return {one[0]: [*one[6:], {}, {}][:2] for one in page[0]}, page[4] if len(page) > 4 else 0


# -- who hears what -------------------------------------------------------------------------------------------------------


async def test_one_push_a_unit_and_mine_only_for_whom_it_changed(tmp_path: Path) -> None:
    async with entered(tmp_path, "alice", "alice", "bob") as (server, (phone, desk, bob)):
        await write(server, item(2, {"a": 1}, {"alice": ["a"]}), item(1, "x"))
        for raw in (phone, desk):
            assert await raw.push() == [
                ["item", PAIR, 1, [[2, {"marks": {"a": 1}}, {"marks": ["a"]}], [1, {"marks": "x"}]]]
            ]
        assert await bob.push() == [["item", PAIR, 1, [[2, {"marks": {"a": 1}}], [1, {"marks": "x"}]]]]
        await write(server, item(2, {"a": 1}, {"bob": ["a"]}))
        assert (await bob.push(2))[1] == ["item", PAIR, 2, [[2, {"marks": {"a": 1}}, {"marks": ["a"]}]]]
        assert (await desk.push(2))[1] == ["item", PAIR, 2, [[2, {"marks": {"a": 1}}]]]
        assert await history(phone) == (
            {1: [{"marks": "x"}, {}], 2: [{"marks": {"a": 1}}, {"marks": ["a"]}], 3: [{}, {}]}, 2,
        )  # fmt: skip
        await write(server, item(2, None, {"alice": None}))
        assert (await bob.push(3))[2] == ["item", PAIR, 3, [[2, {}, {}]]], "everybody's own is gone"
        assert (await phone.push(3))[2] == ["item", PAIR, 3, [[2, {}, {}]]]
        assert await history(bob) == ({1: [{"marks": "x"}, {}], 2: [{}, {}], 3: [{}, {}]}, 3)
        gone = (await phone.ask("changes", PAIR, 2)).result
        assert gone == [[[2, 3, {}]], 3, False], "who was away hears that it is gone"
        await write(server, item(2, "again", {"bob": 1}))
        assert (await phone.push(4))[3] == ["item", PAIR, 4, [[2, {"marks": "again"}]]]
        changed = (await phone.ask("changes", PAIR, 0)).result
        assert changed == [[[1, 1, {"marks": "x"}], [2, 4, {"marks": "again"}]], 4, False]


async def test_emptied_and_set_again_in_one_unit(tmp_path: Path) -> None:
    async with entered(tmp_path, "alice", "bob") as (server, (alice, bob)):
        await write(server, item(2, 1, {"alice": 1, "bob": 1}))
        await write(server, item(2, None), item(2, 2, {"bob": 2}))
        assert (await alice.push(2))[1] == ["item", PAIR, 2, [[2, {"marks": 2}, {}]]]
        assert (await bob.push(2))[1] == ["item", PAIR, 2, [[2, {"marks": 2}, {"marks": 2}]]]
        assert (await history(alice))[0][2] == [{"marks": 2}, {}]


async def test_a_conversation_shows_something_and_settings_are_ones_own(tmp_path: Path) -> None:
    async with entered(tmp_path, "alice", "alice", "bob") as (server, (phone, desk, bob)):
        since = (await phone.ask("sync")).result[1]
        await write(
            server,
            lambda tx: tx.set_about(PAIR, "marks", "about"),
            lambda tx: tx.set_own(PAIR, "alice", "x", 1),
            lambda tx: tx.set_account("alice", "x", 2),
        )
        mine = [
            ["about", PAIR, 1, {"marks": "about"}],
            ["settings", PAIR, 1, {"x": 1}],
            ["account", 1, {"x": 2}],
        ]
        assert [await phone.push(3), await desk.push(3)] == [mine, mine]
        rows, later, _, account, account_seq = (await phone.ask("sync", since)).result
        assert (rows[0][9], rows[0][11:], account, account_seq) == (
            {"x": 1}, [{"marks": "about"}, 1, None, 1], {"x": 2}, 1,
        )  # fmt: skip
        listed = (await phone.ask("conversations")).result[0][0]
        assert listed[7:] == [{"x": 1}, {"marks": "about"}, 1, None, 1]
        assert len((await phone.ask("sync", later)).result) == 3, "the account has not changed since"
        assert (await phone.ask("check", [])).result == [[], {"x": 2}, 1], "as it is, whenever it changed"
        row = (await bob.ask("sync")).result[0][0]
        assert (row[9], row[11:]) == ({}, [{"marks": "about"}, 1])
        assert bob.pushes == mine[:1]


async def test_what_changes_nothing_takes_nothing_and_is_told_to_nobody(tmp_path: Path) -> None:
    async with entered(tmp_path, "alice") as (server, (alice,)):
        await write(server, item(1, 1, {"alice": 1}))
        before = (await server.store.read(lambda reader: reader.head_change()), await history(alice))
        for _ in range(2):
            await write(server, item(1, 1, {"alice": 1, "bob": None}), item(2, None))
            await write(
                server,
                lambda tx: tx.set_about(PAIR, "x", None),
                lambda tx: tx.set_account("bob", "x", None),
            )
        assert (await server.store.read(lambda reader: reader.head_change()), await history(alice)) == before
        assert len(alice.pushes) == 1


async def test_an_undone_unit_leaves_no_modseq_and_no_value(tmp_path: Path) -> None:
    async with entered(tmp_path, "alice") as (server, (alice,)):
        await write(server, item(1, 1))

        def spoiled(tx: Transaction) -> None:
            tx.set_item(PAIR, 1, "marks", 2)
            tx.set_about(PAIR, "marks", 2)
            tx.set_own(PAIR, "alice", "marks", 2)
            raise ValueError("spoiled")

        with pytest.raises(ValueError, match="spoiled"):
            await write(server, spoiled)
        await write(server, item(2, 3))
        assert await history(alice) == ({1: [{"marks": 1}, {}], 2: [{"marks": 3}, {}], 3: [{}, {}]}, 2)
        assert [push[2] for push in await alice.push(2)] == [1, 2]


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (item(4, 1), RefusalCode.NOT_FOUND),
        (item(0, 1), RefusalCode.NOT_FOUND),
        (item(1, 1, place="direct/alice/cy"), RefusalCode.NOT_FOUND),
        (item(1, 1, {"nobody": 1}), RefusalCode.NOT_FOUND),
        (item(1, "x" * 511), RefusalCode.TOO_LARGE),
        (item(1, float("nan")), RefusalCode.INVALID),
        (item(1, [[[[[[[[[1]]]]]]]]]), RefusalCode.INVALID),
        (lambda tx: tx.set_own(PAIR, "nobody", "x", 1), RefusalCode.NOT_FOUND),
        (lambda tx: tx.set_account("nobody", "x", 1), RefusalCode.NOT_FOUND),
    ],
)
async def test_what_is_not_there_or_too_much_is_refused_and_writes_nothing(
    tmp_path: Path, step: Any, code: RefusalCode
) -> None:
    async with entered(tmp_path, "alice") as (server, (alice,)):

        def caught(tx: Transaction) -> RefusalCode:
            with pytest.raises(Refusal) as caught:
                step(tx)
            return caught.value.code

        assert await write(server, caught) is code
        if code is RefusalCode.TOO_LARGE:
            await write(
                server, lambda tx: tx.set_own(PAIR, "alice", "x", "x" * 509)
            )  # with its head, all that fits
        assert await history(alice) == ({1: [{}, {}], 2: [{}, {}], 3: [{}, {}]}, 0)


async def test_maps_are_bounded_together(tmp_path: Path) -> None:
    def fills(tx: Transaction, most: int, put: Callable[[str, Any], None]) -> None:
        for number in range(most // 500):
            put(f"x{number}", "v" * 490)
        with pytest.raises(Refusal) as caught:
            put("marks", "v" * 490)
        assert caught.value.code is RefusalCode.TOO_LARGE

    async with entered(tmp_path, "alice") as (server, (alice,)):
        await write(server, lambda tx: fills(tx, 1024, lambda name, value: tx.set_item(PAIR, 1, name, value)))
        await write(server, lambda tx: fills(tx, 2048, lambda name, value: tx.set_about(PAIR, name, value)))
        await write(
            server, lambda tx: fills(tx, 2048, lambda name, value: tx.set_own(PAIR, "bob", name, value))
        )
        await write(
            server, lambda tx: fills(tx, 2048, lambda name, value: tx.set_account("bob", name, value))
        )
        assert list((await history(alice))[0][1][0]) == ["x0", "x1"]


def _set_one(name: str, tx: Transaction) -> None:
    tx.set_item(PAIR, 1, name, 1)


async def test_names_stand_in_their_order_whoever_comes_first(tmp_path: Path) -> None:
    """So that equal maps are equal bytes."""
    async with entered(tmp_path, "alice") as (server, (alice,)):
        for name in ("c", "a", "b"):
            await write(server, partial(_set_one, name))
        assert list((await history(alice))[0][1][0]) == ["a", "b", "c"]


async def test_at_most_sixteen_messages_in_one_step(tmp_path: Path) -> None:
    async with entered(tmp_path, "alice") as (server, (alice,)):
        for number in range(15):
            await server.chat.post("alice", PAIR, f"{number}")

        def many(tx: Transaction) -> None:
            for position in range(1, 17):
                tx.set_item(PAIR, position, "x", position)
            with pytest.raises(Refusal) as caught:
                tx.set_item(PAIR, 17, "x", 17)
            assert caught.value.code is RefusalCode.TOO_LARGE
            tx.set_item(PAIR, 1, "x", "of these")

        await write(server, many)
        told = [push for push in await alice.push(16) if push[0] == "item"]
        assert [(push[2], len(push[3])) for push in told] == [(1, 16)]
        rows, upto, more = (await alice.ask("changes", PAIR, 0, 1)).result
        assert (len(rows), upto, more) == (16, 1, False), "a step is not divided"


async def test_who_left_is_shown_what_there_was(tmp_path: Path) -> None:
    async with entered(tmp_path, "bob", users="alice bob cy") as (server, (bob,)):
        place, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob", "cy"])
        await server.chat.post("alice", place, "2")
        await write(server, item(1, "then", {"bob": 1}, place), lambda tx: tx.set_about(place, "x", 1))
        await write(server, item(2, "then", None, place))
        await server.chat.remove_member("alice", place, "bob")
        await write(server, item(2, "later", {"bob": 2}, place), lambda tx: tx.set_about(place, "x", 2))
        shown, modseq = await history(bob, place)
        assert (shown[1], shown[2], modseq) == ([{"marks": "then"}, {"marks": 1}], [{}, {}], 3)
        row = next(row for row in (await bob.ask("sync")).result[0] if row[0] == place)
        assert row[11:] == [None, 3], "no about, and the modseq of leaving"
        assert (await bob.ask("changes", place, 0)).code == NOT_FOUND
        assert (await bob.ask("changes", "group/none", 0)).code == NOT_FOUND
        assert (await bob.ask("changes", PAIR, -1)).code == INVALID
        assert max(push[2] for push in bob.pushes if push[0] in {"item", "about"}) == 3


async def test_a_step_ends_where_somebody_leaves(tmp_path: Path) -> None:
    """Who leaves in the middle of a unit keeps what there was, under a modseq that means nothing else."""
    async with entered(tmp_path, "bob", users="alice bob") as (server, (bob,)):
        place, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await write(
            server,
            item(1, "then", None, place),
            lambda tx: tx.remove_member(place, "alice", new_key(), "bob"),
            item(1, "later", None, place),
        )
        assert (await history(bob, place))[1] == 1
        assert [push[2:] for push in bob.pushes if push[0] == "item"] == [[1, [[1, {"marks": "then"}]]]]


# -- the same by every way ------------------------------------------------------------------------------------------------

PEOPLE = ("alice", "bob", "cy")
values = st.sampled_from((None, None, 1, "two", ["three"], {"k": "v" * 100}))
steps = st.tuples(
    st.integers(1, 4), st.sampled_from(("marks", "x")), values,
    st.dictionaries(st.sampled_from(PEOPLE), values, max_size=3),
)  # fmt: skip
units = st.lists(st.lists(steps, min_size=1, max_size=6), min_size=1, max_size=12)


class Told:
    """What somebody makes of pushes alone: a value replaces, `mine` that is not said stays."""

    def __init__(self) -> None:
        self.extra: defaultdict[int, Any] = defaultdict(dict)
        self.mine: defaultdict[int, Any] = defaultdict(dict)
        self.modseq = 0

    def hear(self, push: list[Any]) -> None:
        _, _, modseq, items = push
        assert modseq == self.modseq + 1, "no gap"
        self.modseq = modseq
        for position, extra, *mine in items:
            self.extra[position] = extra
            if mine:
                self.mine[position] = mine[0]

    def row(self, position: int) -> list[Any]:
        return [self.extra[position], self.mine[position]]


class Expected:
    """What there must be, by rules of its own: values by name, of all and of each."""

    def __init__(self) -> None:
        self.all: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        self.own: defaultdict[tuple[int, str], dict[str, Any]] = defaultdict(dict)
        self.steps = 0

    def unit(self, drawn: list[Any]) -> None:
        touched = False
        for position, name, value, own in drawn:
            touched |= self._step(position, name, value, own)
        self.steps += touched

    def _step(self, position: int, name: str, value: Any, own: dict[str, Any]) -> bool:
        others = {key: one for key, one in self.all[position].items() if key != name}
        shown = others if value is None else {**others, name: value}
        if not shown and any(one is not None for one in own.values()):
            return False  # refused
        touched = shown != self.all[position]
        self.all[position] = shown
        for person in PEOPLE:
            old = self.own[position, person]
            new = {key: one for key, one in old.items() if key != name or person not in own}
            if own.get(person) is not None:
                new[name] = own[person]
            if not shown:
                new = {}
            touched |= new != old
            self.own[position, person] = new
        return touched

    def row(self, position: int, person: str) -> list[Any]:
        return [self.all[position], self.own[position, person]]


def do(drawn: list[Any], place: str, tx: Transaction) -> None:
    for position, name, value, own in drawn:
        try:
            tx.set_item(place, position, name, value, own)
        except ValueError:
            continue


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=units, seed=st.integers(0, 2**16))
def test_pushes_pages_and_changes_tell_the_same(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[list[Any]], seed: int
) -> None:
    asyncio.run(tell_the_same(tmp_path_factory.mktemp("state"), drawn, random.Random(seed)))


async def tell_the_same(folder: Path, drawn: list[list[Any]], rng: random.Random) -> None:
    async with entered(folder, *PEOPLE, users=" ".join(PEOPLE)) as (server, raws):
        place, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob", "cy"])
        for number in range(3):
            await server.chat.post("alice", place, f"{number}")
        told = [Told() for _ in PEOPLE]
        expected = Expected()
        seen = [0 for _ in PEOPLE]
        #: What each knows by `changes` alone, asked now and then.
        asked: list[dict[int, Any]] = [{} for _ in PEOPLE]
        heard = [0 for _ in PEOPLE]
        for unit in drawn:
            expected.unit(unit)
            await write(server, partial(do, unit, place))
            for who, (person, raw) in enumerate(zip(PEOPLE, raws, strict=True)):
                shown, modseq = await history(raw, place)
                items = [push for push in raw.pushes if push[0] == "item"]
                for push in items[heard[who] :]:
                    told[who].hear(push)
                heard[who] = len(items)
                assert modseq == told[who].modseq == expected.steps
                for position in range(1, 5):
                    assert shown[position] == told[who].row(position) == expected.row(position, person)
                if rng.random() < 0.7:
                    seen[who] = await ask_all(raw, place, seen[who], asked[who], rng.randint(1, 3))
                    assert seen[who] == modseq
                    assert {position: row for position, row in shown.items() if row != [{}, {}]} == {
                        position: row for position, row in asked[who].items() if row != [{}, {}]
                    }


async def ask_all(raw: Raw, place: str, after: int, known: dict[int, Any], limit: int) -> int:
    """Page through `changes`; returns up to where it came."""
    while True:
        rows, upto, more = (await raw.ask("changes", place, after, limit)).result
        assert [row[1] for row in rows] == sorted(row[1] for row in rows)
        assert all(after < row[1] <= upto for row in rows)
        for position, _, extra, *mine in rows:
            known[position] = [extra, mine[0] if mine else {}]
        after = upto
        if not more:
            return after


async def test_pages_of_changes_are_bounded_in_bytes(tmp_path: Path) -> None:
    async with entered(tmp_path, "alice") as (server, (alice,)):
        for number in range(57):
            await server.chat.post("alice", PAIR, f"{number}")
        for position in range(1, 61):
            await write(server, item(position, "v" * 500, {"alice": "v" * 500}))
            alice.ack()
        known: dict[int, Any] = {}
        first = (await alice.ask("changes", PAIR, 0)).result
        assert first[2]
        assert 25 < len(first[0]) < 35, "half a frame"
        assert await ask_all(alice, PAIR, 0, known, 200) == 60
        assert len(known) == 60
        page = (await alice.ask("history", PAIR, 0, None, 200)).result
        assert 25 < len(page[0]) < 35, "state counts in the room of a page"


# -- large conversations --------------------------------------------------------------------------------------------------


async def crowd(server: Server, size: int) -> str:
    names = [f"user{number}" for number in range(size - 1)]

    def make(tx: Transaction) -> None:
        for name in names:
            tx.put_user(User(name, name))

    await server.store.write(make)
    place, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", names)
    return place


async def test_a_large_conversation_is_hinted_at_and_the_last_hint_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_pushes, "HINT_INTERVAL_S", 0.3)
    async with entered(tmp_path, "alice") as (server, (alice,)):
        place = await crowd(server, 51)
        for number in range(5):
            await write(server, item(1, number, {"alice": number}, place))
        await alice.push(3)
        await asyncio.sleep(0.4)
        await alice.ask("cursor", PAIR)
        assert [push for push in alice.pushes if push[0] == "item"] == [
            ["item", place, 1, None],
            ["item", place, 5, None],
        ]
        await asyncio.sleep(0.4)
        await write(server, item(1, "at once", None, place))
        await alice.push(4)
        assert alice.pushes[-1] == ["item", place, 6, None]
        await write(server, item(1, "held back at the end", None, place))


async def test_behind_a_hint_that_was_held_back_there_is_a_rest_as_well(tmp_path: Path) -> None:
    async with entered(tmp_path, "alice") as (server, (alice,)):
        place = await crowd(server, 51)

        def hints() -> list[int]:
            return [push[2] for push in alice.pushes if push[0] == "item"]

        for number in (1, 2):
            await write(server, item(1, number, None, place))
        while len(hints()) < 2:
            await alice.frame()
        await write(server, item(1, 3, None, place))
        await alice.ask("cursor", PAIR)
        assert hints() == [1, 2]
        while len(hints()) < 3:
            await alice.frame()
        assert hints() == [1, 2, 3]


async def test_fifty_are_told_everything(tmp_path: Path) -> None:
    async with entered(tmp_path, "alice") as (server, (alice,)):
        place = await crowd(server, 50)
        await write(server, item(1, 1, None, place))
        await write(server, item(1, 2, None, place))
        told = [push for push in await alice.push(3) if push[0] == "item"]
        assert [push[2:] for push in told] == [[1, [[1, {"marks": 1}]]], [2, [[1, {"marks": 2}]]]]


async def test_who_left_meanwhile_hears_no_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_pushes, "HINT_INTERVAL_S", 0.2)
    async with entered(tmp_path, "alice", "user0", users="alice bob user0") as (server, (alice, gone)):
        place = await crowd(server, 52)
        for number in range(2):
            await write(server, item(1, number, None, place))
        await server.chat.remove_member("alice", place, "user0")
        while not any(push[:3] == ["item", place, 2] for push in alice.pushes):
            await alice.frame()
        await gone.ask("cursor", place)
        assert [push[2] for push in gone.pushes if push[0] == "item"] == [1]


# -- order ----------------------------------------------------------------------------------------------------------------


class Marking(Unit):
    """Sets one item, so that many are done in one batch."""

    def __init__(self, place: str, value: int) -> None:
        super().__init__()
        self.conversation_id = place
        self._value = value

    def run(self, tx: Transaction) -> None:
        tx.set_item(self.conversation_id or "", 1, "marks", self._value)
        tx.set_account("alice", "x", self._value)


@pytest.mark.parametrize("asked", ["history", "changes", "sync", "conversations", "check"])
async def test_no_answer_is_ahead_of_a_push(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """Fan-out takes its time, one unit a turn: what a page shows was pushed before it all the same.

    Each round waits for its pushes, too: several together are more than the session's window, and some would be left out.
    """
    monkeypatch.setattr(fan_out, "TURN_S", -1.0)
    async with entered(tmp_path, "alice") as (server, (alice,)):
        requests: dict[str, tuple[Any, ...]] = {
            "history": (PAIR,), "changes": (PAIR, 0), "sync": (), "conversations": (),
            "check": ([[PAIR, alice.place, 0, 0]],),
        }  # fmt: skip
        modseq_of: dict[str, Callable[[Any], int]] = {
            "history": lambda result: result[4],
            "changes": lambda result: result[1],
            "sync": lambda result: result[0][0][12],
            "conversations": lambda result: result[0][0][9],
            "check": lambda result: result[0][0][2][12],
        }
        await server.store.write(lambda tx: tx.set_item(PAIR, 1, "marks", "first"))
        pushed = answered = 0
        for number in range(12):
            for value in range(20):
                server.store.submit(Marking(PAIR, 100 * number + value))
            for _ in range(6):
                alice.request(asked, *requests[asked])
                await asyncio.sleep(0.001)
            while answered < 6 * (number + 1) or pushed < 1 + 20 * (number + 1):
                frame = await alice.frame()
                assert frame[3:4] != ["lagging"]
                if frame[0] == PUSH and frame[3] == "item":
                    assert frame[5] == pushed + 1
                    pushed = frame[5]
                elif frame[0] == REPLY:
                    answered += 1
                    assert modseq_of[asked](frame[4]) <= pushed
            alice.ack()


async def test_an_answer_does_not_wait_for_ever(tmp_path: Path) -> None:
    async with entered(tmp_path, "alice") as (server, _):
        await write(server, item(1, 1))
        far = server.store.change + 5
        waiting = asyncio.create_task(server.hub.until_told(far))
        cancelled = asyncio.create_task(server.hub.until_told(far))
        await asyncio.sleep(0)
        cancelled.cancel()
        await write(server, item(1, 2))
        assert not waiting.done()
        await server.hub.until_told(server.store.change)
        server.hub.store_failed(StoreFailed("the disk is gone"))
        with pytest.raises(StoreFailed):
            await waiting
        with pytest.raises(StoreFailed):
            await server.hub.until_told(far)


async def test_a_page_after_a_restart_waits_for_nothing(tmp_path: Path) -> None:
    async with entered(tmp_path, "alice") as (server, _):
        await write(server, item(1, 1))
    features = (*FEATURES, Feature("marks"))
    async with running(tmp_path, features=features) as again, await Raw.open(again) as alice:
        await alice.enter(again, "alice")
        assert await history(alice) == ({1: [{"marks": 1}, {}], 2: [{}, {}], 3: [{}, {}]}, 1)


async def test_what_was_said_stays_said(tmp_path: Path) -> None:
    """Messages and their state keep to themselves: no position, no place in the list, no unread."""
    async with entered(tmp_path, "bob") as (server, (bob,)):
        before = (await bob.ask("conversations")).result[0][0][:5]
        for number in range(30):
            await write(server, item(1 + number % 3, number))
        bob.ack()
        assert (await bob.ask("conversations")).result[0][0][:5] == before
        assert (await bob.ask("post", PAIR, new_key(), said("four"))).result[0] == 4

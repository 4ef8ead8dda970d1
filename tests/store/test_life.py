"""Contract: a store is opened, used, closed and opened again; reads are of one moment; a database that fails tells no lies."""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from imserver.chat.reader import Reader
from imserver.chat.units import PostUnit
from imserver.errors import Refusal, RefusalCode, StartError, StoreFailed
from imserver.model import Cursors
from imserver.store.engine.faults import Fault
from tests.store.homes import Fail, Home, Where
from tests.store.support import DIRECT, USERS, Recorder, Stand, key, meaning, outcome, post, refusal_of, said


async def opened(home: Home, *users: str) -> Stand:
    store = home.store(rng=random.Random(1))
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users(*users)
    return stand


# -- opening and closing ----------------------------------------------------------------------------------------------


async def test_what_was_settled_is_there_in_the_next_life(home: Home) -> None:
    stand = await opened(home, *USERS)
    epoch = stand.store.epoch
    assert re.fullmatch(r"[0-9a-f]{16}", epoch)
    await stand.post(post(1), post(2))
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", 2, 1))
    # The cursor's change is the last before the restart: it is told, and not given out twice.
    moved = stand.recorder.events[-1].change
    assert await stand.read(lambda reader: reader.head_change()) == moved
    _, token, _ = await stand.read(lambda reader: reader.sync("bob", None, 10))
    await stand.store.close()
    stand = await opened(home)
    assert stand.store.epoch == epoch
    assert await stand.post(post(2), post(3)) == [(2, 1002, True), (3, 1003, False)]
    rows, _, _ = await stand.read(lambda reader: reader.sync("bob", token, 10))
    assert [(row.conversation_id, row.head, row.cursors) for row in rows] == [(DIRECT, 3, Cursors(2, 1))]
    assert stand.recorder.events[0].change == moved + 1
    await stand.store.close()


async def test_closing_does_all_that_was_submitted(home: Home) -> None:
    stand = await opened(home, *USERS)
    units = [post(number) for number in range(1, 1200)]
    for unit in units:
        stand.store.submit(unit)
    await stand.store.close()
    assert [outcome(unit) for unit in units] == [(number, 1000 + number, False) for number in range(1, 1200)]
    assert stand.recorder.units[-len(units) :] == units


async def test_a_store_that_closes_takes_no_unit(engine_home: Home) -> None:
    stand = await opened(engine_home, *USERS)
    stand.store.submit(post(1))
    closing = asyncio.ensure_future(stand.store.close())
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as refused:
        stand.store.submit(post(2))
    assert refused.value.code is RefusalCode.OVERLOADED
    await closing


async def test_closing_twice_and_before_opening_is_harmless(engine_home: Home) -> None:
    store = engine_home.store()
    for _ in range(2):
        await store.close()
        await store.open(Recorder())
        await store.close()


async def test_one_store_alone_has_a_database(engine_home: Home) -> None:
    """The second gets one line for its operator, and the first goes on."""
    stand = await opened(engine_home, *USERS)
    second = engine_home.store()
    with pytest.raises(StartError) as error:
        await second.open(Recorder())
    assert "\n" not in str(error.value)
    assert await stand.post(post(1)) == [(1, 1001, False)]
    await stand.store.close()
    await second.open(Recorder())
    await second.close()


# -- units and reads --------------------------------------------------------------------------------------------------


async def test_a_read_shows_all_that_was_settled_before_it(stand: Stand) -> None:
    for number in range(1, 30):
        await stand.post(post(number))
        page = await stand.read(lambda reader: reader.history(DIRECT, "bob", None, None, 1, 10_000))
        assert page.head == number


async def test_a_read_is_of_one_moment_whatever_is_committed_meanwhile(engine_stand: Stand) -> None:
    await engine_stand.post(post(1))
    began, committed = threading.Event(), threading.Event()

    def slow(reader: Reader) -> tuple[int, int, int]:
        head = reader.head_change()
        began.set()
        committed.wait(20)
        return head, reader.head_change(), reader.history(DIRECT, "ann", 0, None, 10, 10_000).head

    reading = asyncio.ensure_future(engine_stand.read(slow))
    await asyncio.to_thread(began.wait, 20)
    await engine_stand.post(post(2))
    committed.set()
    head, same, last = await reading
    assert (same, last) == (head, 1)


async def test_what_a_function_raises_is_raised_to_who_asked(stand: Stand) -> None:
    def spoiled(_: Any) -> None:
        raise ValueError("spoiled")

    for asked in (stand.store.write, stand.store.read):
        with pytest.raises(ValueError, match="spoiled"):
            await asked(spoiled)


async def test_who_gives_up_before_it_begins_has_asked_for_nothing(stand: Stand) -> None:
    writing = asyncio.ensure_future(
        stand.store.write(lambda tx: tx.post(DIRECT, "ann", key(1), said("1"), sent_at=1))
    )
    await asyncio.sleep(0)  # it is queued, and its batch begins behind this turn
    writing.cancel()
    assert await stand.post(post(2)) == [(1, 1002, False)]
    assert writing.cancelled()


async def test_the_place_of_now_is_that_of_what_the_listener_is_told(stand: Stand) -> None:
    """A session that begins in that turn has learnt it, or gets it as a push."""
    committed = stand.recorder.committed
    places: list[str] = []

    def noted(units: Any) -> None:
        places.append(stand.store.place())
        committed(units)

    stand.recorder.committed = noted  # type: ignore[method-assign]
    for number in (1, 2):
        await stand.post(post(number))
        head = await stand.read(lambda reader: reader.head_change())
        for place in (places[-1], stand.store.place()):
            assert await stand.read(meaning, place) == (head, head)


# -- a database that fails --------------------------------------------------------------------------------------------


class Failing(Stand):
    """A store whose database fails when it is told to."""

    def __init__(self, store: Any, recorder: Recorder, fail: Fail) -> None:
        super().__init__(store, recorder)
        self.fail = fail
        self.failures: list[Exception] = []
        store.on_failure(self.failures.append)


@pytest.fixture
async def failing(engine_home: Home) -> AsyncIterator[Failing]:
    made = engine_home.failing()
    if made is None:
        pytest.skip("nothing makes this engine fail")
    store, fail = made
    stand = Failing(store, Recorder(), fail)
    await store.open(stand.recorder)
    await stand.users(*USERS)
    await stand.post(post(1))
    yield stand
    fail(None, "commit")
    await store.close()


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.FULL, RefusalCode.STORE_FULL), (Fault.BUSY, RefusalCode.OVERLOADED)]
)
@pytest.mark.parametrize("where", ["begin", "message", "commit"])
async def test_a_fault_that_passes_refuses_for_now_and_stores_nothing(
    failing: Failing, where: Where, fault: Fault, code: RefusalCode
) -> None:
    """Reads go on; and when it has passed, what is offered again takes the positions that nobody got."""
    failing.fail(fault, where)
    units = [post(number) for number in range(2, 6)]
    for unit in units:
        failing.store.submit(unit)
    asked = failing.tx(lambda tx: tx.post(DIRECT, "ann", key(9), said("9"), sent_at=1))
    assert await refusal_of(asked) is code
    assert [outcome(unit) for unit in units] == [code] * 4
    assert all(isinstance(unit.error, Refusal) and unit.error.retry_after_ms > 0 for unit in units)
    assert not any(unit.events() for unit in units)
    page = await failing.read(lambda reader: reader.history(DIRECT, "ann", 0, None, 9, 9_999))
    assert [item.key for item in page.items] == [key(1)]
    failing.fail(None, where)
    again = [PostUnit(DIRECT, "ann", u.key, u.content, u.digest, u.sent_at) for u in units]
    assert await failing.post(*again) == [(number, 1000 + number, False) for number in range(2, 6)]
    changes = [event.change for event in failing.recorder.events]
    assert changes == sorted(set(changes))
    assert failing.failures == []


@pytest.mark.parametrize("where", ["begin", "message", "commit"])
async def test_a_database_that_does_not_work_answers_nobody_and_stops_the_store(
    failing: Failing, where: Where
) -> None:
    failing.fail(Fault.BROKEN, where)
    settled = len(failing.recorder.units)
    for number in (2, 3):
        failing.store.submit(post(number))
    with pytest.raises(StoreFailed):
        await failing.store.write(lambda tx: None)
    assert len(failing.recorder.units) == settled
    assert len(failing.failures) == 1
    with pytest.raises(StoreFailed):
        failing.store.submit(post(4))
    with pytest.raises(StoreFailed):
        await failing.read(lambda reader: reader.head_change())

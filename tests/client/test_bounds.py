"""Every queue of the client keeps its bound, by count and by bytes, and frees the room of entries that leave it."""

from __future__ import annotations

import random
import time

import pytest

from imserver_client import (
    ClientLimits,
    CloseCode,
    MemoryStorage,
    Stopped,
    connect,
)
from imserver_client.core.cursors import Cursors
from imserver_client.core.delivery import Delivery
from imserver_client.core.inbox import Inbox
from imserver_client.core.lineage import Lineage
from imserver_client.core.outbox import Outbox
from imserver_client.environment import Environment
from imserver_client.events import CursorMoved
from imserver_client.storage import LineageStep, SavedFall, SavedPosition
from imserver_client.values import Cursor
from imserver_protocol.methods.sync import SyncRow
from tests.client.stories.bounds import *  # noqa: F403
from tests.client.stories.bounds import item


@pytest.mark.parametrize("by_hand", [False, True])
async def test_what_is_in_hand_when_the_history_is_replaced_is_not_done_in_the_new_one(by_hand: bool) -> None:
    """Its position is one of the old history: taken for done in the new one, the first messages there would be left out."""
    storage = MemoryStorage()
    finished: list[int] = []
    queue = Delivery(
        storage, Lineage(), ClientLimits(), lambda: None, lambda message: finished.append(message.position)
    )
    for name, position in (("c", 7), ("c", 8), ("d", 5)):
        queue.put(name, item(position, 1), redelivered=False, own=False)
    of_old = await queue.take()
    queue.fall("c", 4)
    storage.save_checked({"c": SavedFall(4, 4)}, (), {}, None, LineageStep())
    if by_hand:
        of_old.done()
    queue.put("c", item(5, 1), redelivered=False, own=False)
    assert [(one.conversation_id, one.position) for one in [await queue.take(), await queue.take()]] == [
        ("d", 5),
        ("c", 5),
    ]
    assert storage.open().positions == {"c": SavedPosition(0, 5, 4), "d": SavedPosition(5, 5, 0)}
    assert finished == [5]


async def test_what_both_histories_have_is_done_in_either() -> None:
    storage = MemoryStorage()
    queue = Delivery(storage, Lineage(), ClientLimits(), lambda: None, lambda message: None)
    queue.put("c", item(4, 1), redelivered=False, own=False)
    in_hand = await queue.take()
    queue.fall("c", 4)
    in_hand.done()
    assert storage.open().positions == {"c": SavedPosition(4, 4, 0)}


# -- events -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_cursors_are_bounded_in_each_conversation_and_in_all(seed: int) -> None:
    """A model that is asked for everything after each move."""
    dice = random.Random(seed)
    told: list[CursorMoved] = []
    cursors = Cursors(3, 8, told.append)
    model: dict[str, dict[str, Cursor]] = {}
    for _ in range(300):
        if dice.random() < 0.02:
            gone = dice.choice("abcdef")
            cursors.drop(gone)
            model.pop(gone, None)
        place, user = dice.choice("abcdef"), dice.choice("uvwxy")
        delivered, read = dice.randrange(20), dice.randrange(20)
        before = len(told)
        cursors.moved(place, user, delivered, read)
        old = model.get(place, {}).get(user, Cursor())
        new = Cursor(max(old.delivered, delivered), max(old.read, read))
        fits = user in model.get(place, {}) or len(model.get(place, {})) < 3
        moves = fits and new != old
        assert told[before:] == ([CursorMoved(place, user, new)] if moves else [])
        if moves:
            model[place] = {**model.pop(place, {}), user: new}
            while sum(map(len, model.values())) > 8:
                del model[next(iter(model))]
        assert {each: cursors.of(each) for each in "abcdef" if cursors.of(each)} == model


def test_heads_of_unknown_conversations_are_bounded_and_the_highest_is_kept() -> None:
    inbox = Inbox(10, max_unknown=2)
    for name, position in (("a", 5), ("b", 1), ("c", 9), ("a", 3), ("b", 4)):
        assert inbox.note_head(name, position)
    rows = [SyncRow(name, "group", "", 2, 1, None, "member", 0, 0, {}, ()) for name in "abc"]
    inbox.apply(rows, first_sync=True)
    assert [inbox.known_head(name) for name in "abc"] == [5, 4, 2]
    assert inbox.explained() == []


# -- holds --------------------------------------------------------------------------------------------------------------


def test_the_hold_that_ends_first_is_the_next_one() -> None:
    outbox = Outbox()
    entries = [outbox.add(lane, lane.encode(), b"x") for lane in "abc"]
    for _ in entries:
        outbox.next()
    for entry, until in zip(entries, (5.0, 3.0, 4.0), strict=True):
        outbox.held(entry, until)
    assert outbox.lift(0) == 3.0
    found = [(outbox.lift(now), outbox.next()) for now in (3.0, 4.0, 5.0)]
    assert found == [(4.0, entries[1]), (5.0, entries[2]), (None, entries[0])]


@pytest.mark.parametrize("times", [(2.0, 7.0), (7.0, 2.0)])
def test_a_lane_waits_for_the_last_of_its_refusals(times: tuple[float, float]) -> None:
    outbox = Outbox()
    entries = [outbox.add("a", key, b"x") for key in (b"1", b"2")]
    assert [outbox.next() for _ in entries] == entries
    for entry, until in zip(entries, times, strict=True):
        outbox.held(entry, until)
    assert outbox.lift(6.9) == 7.0
    assert outbox.next() is None
    assert outbox.lift(7.0) is None
    assert outbox.next() is entries[0]


async def test_violations_that_lie_far_apart_are_not_added_up(server, waits):
    """The count begins anew after a calm time."""
    ahead = [0.0]
    environment = Environment(monotonic=lambda: time.monotonic() + ahead[0], uniform=waits)
    limits = ClientLimits(max_violations=3, calm_after_s=300.0)
    async with connect(server.url, token="alice", limits=limits, environment=environment) as alice:
        for number in range(1, 7):
            ahead[0] += 300.0 * (number % 2)
            server.goodbye(CloseCode.MALFORMED, "scripted")
            await alice.conversations()

        async def breached_again_and_again() -> None:
            for _ in range(10):
                server.goodbye(CloseCode.MALFORMED, "scripted")
                await alice.conversations()

        with pytest.raises(Stopped):
            await breached_again_and_again()

"""The writer's queue over a whole life of chance: what it says of itself is so, and when all is decided it is as new."""

from __future__ import annotations

from random import Random

import pytest

from imserver.chat.units import Unit
from imserver.errors import Refusal, RefusalCode, StoreFailed
from imserver.store.engine.writer import MAX_BATCH_BYTES
from tests.store.support import Recorder
from tests.store.writers import Disk, Sized, turn, writer

BOUND_UNITS, BOUND_BYTES = 12, 4_000


class Wavering(Sized):
    """A unit that its owner may withdraw before it begins, and that says how often it was settled and with what."""

    __slots__ = ("given_up", "outcomes")

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.given_up = False
        self.outcomes: list[Exception | None] = []

    def withdrawn(self) -> Exception | None:
        return Refusal(RefusalCode.HELD, "given up") if self.given_up else None

    def settle(self) -> None:
        self.outcomes.append(self.error)


class Life:
    """A writer, its disk, and what a bystander knows of its queue."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.disk, self.listener = Disk(), Recorder()
        bounds = {"max_queue_units": BOUND_UNITS, "max_queue_bytes": BOUND_BYTES, "max_batch_units": 5}
        self.queue = writer(self.disk, self.listener, **bounds)
        self.taken: list[Wavering] = []
        self.refused = 0

    def offer(self, size: int) -> None:
        """Taken exactly as long as both bounds allow it."""
        waiting, unit = self.waiting(), Wavering(size)
        fits = len(waiting) < BOUND_UNITS and sum(one.size_bytes for one in waiting) + size <= BOUND_BYTES
        try:
            self.queue.submit(unit)
        except Refusal:
            assert not fits, f"{len(waiting)} units wait, {size} bytes more were refused"
            self.refused += 1
        else:
            assert fits, f"{len(waiting)} units wait, {size} bytes more were taken"
            self.taken.append(unit)

    def waiting(self) -> list[Wavering]:
        """What has not begun: neither on the disk nor settled."""
        begun: set[Unit] = {unit for batch in self.disk.batches for unit in batch}
        return [unit for unit in self.taken if unit not in begun and not unit.outcomes and unit.error is None]

    def decide(self) -> None:
        """The disk is done; some units of the batch were refused there."""
        if self.disk.waiting:
            for unit in self.disk.batches[-1]:
                if self.random.random() < 0.2:
                    unit.error = Refusal(RefusalCode.STORE_FULL, "full")
            self.disk.finish()

    async def step(self) -> None:
        chance = self.random.random()
        if chance < 0.5:
            for _ in range(self.random.choice((1, 3, 15))):
                self.offer(self.random.choice((0, 256, 300, 1_000, BOUND_BYTES)))
        elif chance < 0.7:
            for unit in self.waiting():
                unit.given_up |= self.random.random() < self.random.choice((0.3, 1.0))
        elif chance < 0.8:
            self.listener.full = not self.listener.full
            self.queue.resume()
        else:
            self.decide()
        await turn()
        waiting = self.waiting()
        assert self.queue.queued_units == len(waiting)
        assert self.queue.queued_bytes == sum(unit.size_bytes for unit in waiting)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_becomes_of_units_the_queue_gives_their_room_back(seed: int) -> None:
    """Stored, refused by the disk, or withdrawn: each is settled once, and an idle writer takes all that it may again."""
    life = Life(Random(seed))
    for _ in range(150):
        await life.step()
    life.listener.full = False
    life.queue.resume()
    while not life.queue.idle:
        await turn()
        life.decide()
    await turn()
    assert [len(unit.outcomes) for unit in life.taken] == [1] * len(life.taken)
    assert all(unit.given_up for unit in life.taken if _held(unit))
    stored = {unit for batch in life.disk.batches for unit in batch}
    assert not [unit for unit in life.taken if _held(unit) and unit in stored], "withdrawn and stored"
    assert life.refused > 10
    assert (life.queue.queued_units, life.queue.queued_bytes) == (0, 0)
    life.offer(BOUND_BYTES)  # all the room there is


def _held(unit: Wavering) -> bool:
    error = unit.outcomes[0]
    return isinstance(error, Refusal) and error.code is RefusalCode.HELD


@pytest.mark.parametrize("given_up", [1, 2])
async def test_what_is_withdrawn_takes_no_room_in_a_batch(given_up: int) -> None:
    """Neither of its units nor of its bytes: the others share one commit as if it had never been there."""
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener, max_batch_units=3)
    units = [Wavering(MAX_BATCH_BYTES) for _ in range(given_up)] + [Wavering(100) for _ in range(4)]
    for unit in units[:given_up]:
        unit.given_up = True
    for unit in units:
        queue.submit(unit)
    await turn()
    assert disk.batches == [units[given_up : given_up + 3]]
    disk.finish()
    await turn()
    assert disk.batches[1:] == [units[-1:]]
    disk.finish()
    assert listener.units == units, "in the order in which they came"


async def test_when_the_disk_fails_everybody_who_waits_is_told_once() -> None:
    """Those of the batch and those of the queue alike; nobody is settled, and nothing is kept."""
    disk, listener = Disk(), Recorder()
    failures: list[StoreFailed] = []
    queue = writer(disk, listener, on_failure=failures.append, max_batch_units=2)
    told: list[Unit] = []

    class Losing(Wavering):
        __slots__ = ()

        def lost(self, error: Exception) -> None:
            told.append(self)

    units = [Losing(100) for _ in range(5)]
    for unit in units:
        queue.submit(unit)
    await turn()
    disk.finish(StoreFailed("who knows"))
    await turn()
    assert told == units
    assert (listener.units, len(failures), len(disk.batches)) == ([], 1, 1)
    assert (queue.queued_units, queue.queued_bytes, queue.idle) == (0, 0, True)

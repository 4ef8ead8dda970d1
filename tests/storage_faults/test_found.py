"""What was found by failing every call, each by its name: a scenario and a fault, replayed at every call of one kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.errors import StartError
from tests.storage_faults.disk import Disk
from tests.storage_faults.faults import Fault, Kind
from tests.storage_faults.life import Ledger, Life
from tests.storage_faults.sweep import ALL, Course, Totals


async def replay(folder: Path, scenario: str, kind: Kind, fault: Fault) -> list[str]:
    """What is wrong after this fault, at whichever call of this kind it strikes."""
    [found] = [each for each in ALL if each.name == scenario]
    course, totals = Course(found, folder), Totals()
    await course.prepare()
    points = [point for point in course.points if (point.kind, point.fault) == (kind, fault)]
    assert points
    for point in points:
        await course.try_point(point, totals)
    return totals.wrong


async def test_what_a_killed_process_had_not_synced_is_synced_before_the_next_one_answers_it(
    tmp_path: Path,
) -> None:
    """The row is in the log that the system keeps in memory: offered again it is a duplicate, and was gone with the power."""
    assert await replay(tmp_path, "posts, one by one", Kind.SYNC, Fault.KILLED) == []


async def test_what_a_failed_fsync_left_in_memory_alone_is_written_anew_before_it_is_answered(
    tmp_path: Path,
) -> None:
    """After a failed fsync the system takes its pages for written: no later fsync of the log writes them."""
    assert await replay(tmp_path, "posts, one by one", Kind.SYNC, Fault.FORGOTTEN) == []


@pytest.mark.parametrize("fault", [Fault.POWER_LOST, Fault.POWER_LOST_TORN])
async def test_lost_power_soon_after_an_old_copy_was_put_back_makes_no_new_epoch(
    tmp_path: Path, fault: Fault
) -> None:
    """The side file was renamed and never synced: with the power it fell back to what it knew before, or to an empty file."""
    assert await replay(tmp_path, "start with an old copy", Kind.WRITE, fault) == []


async def test_a_first_start_that_lost_its_power_half_way_is_begun_anew(tmp_path: Path) -> None:
    """A first page half written and a journal beside it: SQLite would have taken it back, we did not let it look."""
    assert await replay(tmp_path, "first start", Kind.WRITE, Fault.POWER_LOST_TORN) == []


async def test_whichever_read_fails_at_start_says_so_in_one_line(tmp_path: Path) -> None:
    """The readers' connections, and what is asked after the set-up, raised SQLite's error with a traceback."""
    disk = Disk(tmp_path)
    life = Life(disk, Ledger())
    await life.open()
    await life.close()
    disk.arm()
    life = Life(disk, Ledger())
    await life.open()
    await life.close()
    count = len(disk.calls)
    assert count > 10
    said: list[str] = []
    for at in range(1, count + 1):
        disk.replace()
        disk.arm(at, Fault.DEAD)
        life = Life(disk, Ledger())
        try:
            await life.store.open(life)
            disk.replace()
            await life.close()
        except StartError as error:
            said.append(str(error))
    disk.close()
    assert len(said) > 10
    assert not any("\n" in line for line in said)

"""The storage faults notice what they are there for: whatever is wrong behind a crash, and a run that tried too little."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.store.sqlite.database import HighWater
from tests.storage_faults import sweep
from tests.storage_faults.connection import FaultyDisksConnection
from tests.storage_faults.disk import Disk
from tests.storage_faults.examine import examine, state_in
from tests.storage_faults.faults import FAULTS, Fault, Kind
from tests.storage_faults.gate import (
    IN_A_SAMPLE,
    LEAST_POINTS,
    LEAST_REAL_POINTS,
    LEAST_SCENARIOS,
    OUTCOMES,
    REAL_OUTCOMES,
    real_shortcomings,
    shortcomings,
)
from tests.storage_faults.life import DATABASE, Ledger, Life, Wrong, key, post
from tests.storage_faults.scenarios import DIRECT, people
from tests.storage_faults.sweep import ALL, Course, Totals, live_through

[POSTS] = [each for each in ALL if each.name == "posts, one by one"]


class Left:
    """What a process that did everything left behind, and what was answered."""

    def __init__(self, course: Course, folder: Path, ledger: Ledger) -> None:
        self.course = course
        self.folder = folder
        self.ledger = ledger

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.folder / DATABASE)) as raw, raw:
            for statement in statements:
                raw.execute(statement)

    def examine(self) -> int:
        """As after a crash."""
        return examine(self.folder, self.course.states, self.ledger, POSTS.unlike, look_aside=True)


@pytest.fixture
async def left(tmp_path: Path) -> Left:
    course = Course(POSTS, tmp_path)
    await course.prepare()
    disk, ledger = course.fresh()
    life = POSTS.make_life(disk, ledger)
    assert await live_through(life, POSTS, None)
    await life.close()
    disk.close()
    return Left(course, disk.folder, ledger)


def damage(left: Left) -> None:
    """A page more than anything uses: every row can be read."""
    path = left.folder / DATABASE
    data = bytearray(path.read_bytes())
    data[28:32] = (int.from_bytes(data[28:32], "big") + 1).to_bytes(4, "big")
    data += bytes(int.from_bytes(data[16:18], "big"))
    path.write_bytes(data)


def empty(left: Left) -> None:
    for path in left.folder.iterdir():
        path.unlink()


def known(left: Left, *statements: str) -> None:
    """Changed in a way that a run without faults is said to go through."""
    left.sql(*statements)
    left.course.states.add(state_in(left.folder, left.course.scenario.unlike))


#: What is done to what was left, and what the examiner says.
SPOILT: dict[str, tuple[Callable[[Left], Any], str]] = {
    "empty": (empty, "an empty database, after answers"),
    "damaged": (damage, "damaged"),
    "a row gone": (lambda left: left.sql("DELETE FROM messages WHERE position = 2"), "a state that should not be: .*lacks"),
    "a row altered": (lambda left: left.sql("UPDATE messages SET sent_at = 1 WHERE position = 2"), "should not be: has"),
    "a cursor moved": (lambda left: left.sql("UPDATE members SET read = 1"), "a state that should not be"),
    "a head too far": (lambda left: left.sql("UPDATE heads SET position = position + 1"), "a state that should not be"),
    "another schema": (lambda left: left.sql("PRAGMA user_version = 99"), "a state that should not be"),
    "a table more": (lambda left: left.sql("CREATE TABLE mine (x)", "INSERT INTO mine VALUES (1)"), "should not be: has"),
    "a gap": (lambda left: known(left, "DELETE FROM messages WHERE position = 2"), "imserver check"),
    "never shown": (lambda left: left.ledger.show(DIRECT, 99, b"k"), "99.* was shown and is not there"),
    "shown another": (lambda left: left.ledger.shown.update({(DIRECT, 1): b"k"}), "1.* was shown and is not there"),
    "answered later": (lambda left: left.course.states.index_of.update({"post 1": 10**6}), "post 1 was answered and is not"),
}  # fmt: skip


async def test_what_a_good_end_left_is_right(left: Left) -> None:
    assert left.examine() == left.course.states.newest
    assert left.ledger.answers


@pytest.mark.parametrize("what", SPOILT)
async def test_what_is_wrong_behind_a_crash_is_found(left: Left, what: str) -> None:
    spoil, words = SPOILT[what]
    spoil(left)
    with pytest.raises(Wrong, match=words):
        left.examine()


async def test_an_earlier_state_is_right_until_something_of_a_later_one_was_answered(left: Left) -> None:
    """What is left of a crash in the middle is a state on the way; what was answered may not be behind it."""
    disk, ledger = left.course.fresh()
    disk.close()
    early = Left(left.course, disk.folder, ledger)
    assert early.examine() < left.course.states.newest
    newest = max(left.course.states.index_of, key=left.course.states.index_of.__getitem__)
    ledger.answers[newest] = 1
    with pytest.raises(Wrong, match=f"{newest} was answered and is not there"):
        early.examine()


async def test_a_side_file_that_claims_more_than_there_is_is_found(left: Left) -> None:
    with closing(sqlite3.connect(left.folder / DATABASE)) as raw:
        (epoch,) = raw.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
    mark = HighWater(left.folder / DATABASE)
    mark.write(epoch, 10**6)
    with pytest.raises(Wrong, match="imserver check"):
        left.examine()


# -- what people were told ------------------------------------------------------------------------------------------------


def test_two_answers_to_one_deed_are_wrong_unless_they_are_the_same() -> None:
    ledger, deed = Ledger(), post(1, "ann", DIRECT)
    ledger.answered(deed, (1, 1000, False))
    ledger.answered(deed, (1, 1000, True))  # a duplicate
    with pytest.raises(Wrong, match=r"post 1: answered \(1, 1000\), and later \(2, 1000\)"):
        ledger.answered(deed, (2, 1000, True))
    with pytest.raises(Wrong):
        ledger.answered(deed, (1, 1001, True))


def test_two_messages_at_one_position_are_wrong() -> None:
    ledger = Ledger()
    ledger.show(DIRECT, 1, key(1))
    ledger.show(DIRECT, 1, key(1))
    ledger.show("elsewhere", 1, key(2))
    with pytest.raises(Wrong, match="was given to two messages"):
        ledger.show(DIRECT, 1, key(2))


async def test_another_epoch_is_wrong(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    ledger = Ledger()
    life = Life(disk, ledger)
    await life.open()
    await people(life)
    await life.close()
    ledger.epoch = "another"
    life = Life(disk, ledger)
    with pytest.raises(Wrong, match="a new epoch"):
        await life.open()
    await life.close()
    disk.close()


# -- the sweep ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.POWER_LOST, Fault.POWER_LOST_TORN])
async def test_a_store_that_answers_before_it_has_synced_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    execute = FaultyDisksConnection.execute

    def lazily(self: FaultyDisksConnection, sql: str, params: Any = ()) -> Any:
        return execute(self, sql.replace("synchronous = FULL", "synchronous = NORMAL"), params)

    good, lazy = tmp_path / "good", tmp_path / "lazy"
    good.mkdir()
    lazy.mkdir()

    async def wrong(folder: Path) -> list[str]:
        course, totals = Course(POSTS, folder), Totals()
        await course.prepare()
        points = [point for point in course.points if (point.kind, point.fault) == (Kind.WRITE, fault)]
        for point in points[:4]:
            await course.try_point(point, totals)
        assert sum(totals.points.values()) == min(len(points), 4)
        return totals.wrong

    assert await wrong(good) == []
    monkeypatch.setattr(FaultyDisksConnection, "execute", lazily)
    found = await wrong(lazy)
    assert found
    assert all(text.startswith(f"posts, one by one: {fault} at call") for text in found)
    assert any("is not there" in text for text in found)


async def test_every_call_of_a_run_has_a_point_for_each_of_its_faults(tmp_path: Path) -> None:
    course = Course(POSTS, tmp_path)
    await course.prepare()
    by_call: dict[int, set[Fault]] = {}
    kinds: dict[int, Kind] = {}
    for point in course.points:
        by_call.setdefault(point.at, set()).add(point.fault)
        kinds[point.at] = point.kind
    assert {Kind.WRITE, Kind.SYNC} <= set(kinds.values())
    assert all(by_call[at] == set(FAULTS[kinds[at]]) for at in by_call)


def test_a_sample_is_spread_evenly_over_all_points() -> None:
    points = [sweep.Point(at, Kind.WRITE, Fault.EIO) for at in range(100)]
    for seed in range(5):
        chosen = [point.at for point in sweep.chosen(points, 20, seed)]
        assert len(set(chosen)) == 20
        assert {at // 5 for at in chosen} == set(range(20))
    assert sweep.chosen(points, None, 1) == sweep.chosen(points, 100, 1) == points


@pytest.mark.parametrize("wrong", [[], ["posts: EIO at call 1: lost"]])
def test_a_sweep_that_finds_something_says_so_and_exits_with_1(
    wrong: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def swept(*_: Any, **__: Any) -> Totals:
        return Totals(Counter({"posts|write EIO": 1}), Counter(), wrong)

    monkeypatch.setattr(sweep, "sweep", swept)
    monkeypatch.setattr("sys.argv", ["sweep"])
    assert sweep.main() == len(wrong)
    assert json.loads(capsys.readouterr().out)["wrong"] == wrong


# -- too little -----------------------------------------------------------------------------------------------------------


def enough(*, faults: Any = tuple(Fault), points: int = LEAST_POINTS) -> tuple[Counter[str], Counter[str]]:
    names = [f"scenario {n}|write {fault}" for n in range(LEAST_SCENARIOS + 1) for fault in faults]
    tried = Counter(names)
    tried[names[0]] += points - len(names)
    return tried, Counter(dict.fromkeys(OUTCOMES, 1))


def missed(tried: Counter[str], seen: Counter[str], *wrong: str, proof: bool = True) -> list[str]:
    return list(shortcomings(tried, seen, wrong, scenarios=LEAST_SCENARIOS + 1, proof=proof))


def test_enough_is_enough() -> None:
    assert missed(*enough()) == []
    assert missed(*enough(faults=IN_A_SAMPLE, points=200), proof=False) == []


@pytest.mark.parametrize("proof", [True, False])
def test_a_run_with_anything_wrong_or_not_reached_does_not_pass(proof: bool) -> None:
    assert missed(*enough(), "lost", proof=proof) == ["wrong: lost"]
    tried, seen = enough()
    seen["not reached"] = 1
    assert missed(tried, seen, proof=proof) == ["1 points were not reached"]
    tried = Counter({name: count for name, count in tried.items() if not name.startswith("scenario 3|")})
    tried["scenario 1|write EIO"] += LEAST_POINTS
    assert f"{LEAST_SCENARIOS} of {LEAST_SCENARIOS + 1} scenarios" in missed(tried, seen, proof=proof)


@pytest.mark.parametrize("fault", Fault)
def test_a_run_without_one_of_its_faults_does_not_pass(fault: Fault) -> None:
    others = [other for other in Fault if other is not fault]
    assert missed(*enough(faults=others)) == [f"no {fault}"]
    assert missed(*enough(faults=others), proof=False) == ([f"no {fault}"] if fault in IN_A_SAMPLE else [])


def test_a_proof_of_too_few_points_or_outcomes_does_not_pass() -> None:
    assert missed(*enough(points=LEAST_POINTS - 1)) == [f"{LEAST_POINTS - 1} points, not {LEAST_POINTS}"]
    for outcome in OUTCOMES:
        tried, seen = enough()
        del seen[outcome]
        assert missed(tried, seen) == [f"never seen: {outcome}"]


def test_the_proof_on_a_real_process_has_its_minimums() -> None:
    counts = Counter({"ended by itself": LEAST_REAL_POINTS // 4 + 1, **dict.fromkeys(REAL_OUTCOMES, 1)})
    assert list(real_shortcomings(LEAST_REAL_POINTS, counts)) == []
    assert list(real_shortcomings(LEAST_REAL_POINTS - 1, counts)) == ["99 points, not 100"]
    for name in counts:
        fewer = counts - Counter({name: 1})
        assert len(list(real_shortcomings(LEAST_REAL_POINTS, fewer))) == 1

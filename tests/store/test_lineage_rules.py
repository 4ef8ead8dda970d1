"""The rules of lineage against histories written out in full: many lives, copies taken at any time, and put back at any time.

A history is a list of entries, rows of the lineage and operations; a copy is its beginning, and whoever opens one adds a row.
What two histories share is the beginning that is the same entry for entry, which no rule ever looks at.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from imserver.store.engine.lineage import (
    MARK_BYTES,
    Lineage,
    Place,
    Run,
    agreed_position,
    new_mark,
    state_good,
)
from imserver.testing import ManualClock

ASKER = "ann"
CONVERSATIONS = ("one", "two")


@dataclass(frozen=True, slots=True)
class Entry:
    """`kind`: row, post, state, leave, join, or something else that takes a change. `name` is hidden from the rules."""

    kind: str
    name: int
    conversation: str = ""


@dataclass(slots=True)
class Chat:
    """A conversation, read out of a history. A message is (change, name), a state (modseq, number of the run, name)."""

    messages: list[tuple[int, int]] = field(default_factory=list)
    states: list[tuple[int, int, int]] = field(default_factory=list)
    left_at: int | None = None
    left_modseq: int = 0

    @property
    def last(self) -> int:
        return len(self.messages) if self.left_at is None else self.left_at

    @property
    def modseq(self) -> int:
        return len(self.states) if self.left_at is None else self.left_modseq


@dataclass(slots=True)
class History:
    """What a database says whose log this is."""

    log: list[Entry]
    change: int = 0
    runs: list[Run] = field(default_factory=list)
    chats: dict[str, Chat] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chats = {name: Chat() for name in CONVERSATIONS}
        for entry in self.log:
            if entry.kind == "row":
                mark = entry.name.to_bytes(16, "big")
                self.runs.append(Run(len(self.runs) + 1, mark, mark, self.change + 1))
                continue
            self.change += 1
            chat = self.chats[entry.conversation]
            if entry.kind == "state":
                chat.states.append((len(chat.states) + 1, len(self.runs), entry.name))
            elif entry.kind != "other":
                chat.messages.append((self.change, entry.name))
                if entry.kind == "leave":
                    chat.left_at, chat.left_modseq = len(chat.messages), len(chat.states)
                elif entry.kind == "join":
                    chat.left_at = None

    @property
    def lineage(self) -> Lineage:
        return Lineage(self.runs)

    def operations(self) -> list[Entry]:
        return [entry for entry in self.log if entry.kind != "row"]

    def check(self, place: Place, conversation: str, position: int, modseq: int) -> tuple[int | None, bool]:
        """The product's rules on this history, as a store calls them."""
        chat, lineage = self.chats[conversation], self.lineage
        common = lineage.common(place, self.change)
        readable = chat.messages[: min(position, chat.last)]
        first_after = None
        if common < self.change:
            no = lineage.run_of(common + 1).no
            first_after = next((modseq for modseq, run, _ in chat.states if run >= no), None)
        agreed = agreed_position(
            position,
            first=1,
            last=chat.last,
            common=sum(change <= common for change, _ in readable),
        )
        return agreed, state_good(modseq, present=chat.modseq, first_after=first_after)


class World:
    """A server that is stopped, killed and set back, and clients who learnt something at any time."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names = 0
        self.log: list[Entry] = []
        self.copies: list[list[Entry]] = []
        #: Where somebody learnt something, and all that was known in that life by then.
        self.learnt: list[tuple[Place, History, History]] = []
        self.begin: tuple[Place, History] | None = None
        self.open()

    def name(self) -> int:
        self.names += 1
        return self.names

    def open(self) -> None:
        self.log = [*self.log, Entry("row", self.name())]
        self.begin = None

    def act(self) -> None:
        choice = self.random.random()
        if choice < 0.6:
            self.write()
        elif choice < 0.7:
            self.open()
        elif choice < 0.8:
            self.copies = [*self.copies, self.log][-3:]
        elif choice < 0.86:
            self.log = self.random.choice([*self.copies, self.log[: self.random.randint(1, len(self.log))]])
            self.open()
        elif self.begin is None:
            history = History(self.log)
            self.begin = history.lineage.place(history.change), history
        else:
            self.learnt = [*self.learnt, (*self.begin, History(self.log))][-6:]

    def write(self) -> None:
        conversation = self.random.choice(CONVERSATIONS)
        left = History(self.log).chats[conversation].left_at
        kinds = ("post", "post", "post", "state", "state", "other", "leave" if left is None else "join")
        entry = Entry(self.random.choice(kinds), self.name(), conversation)
        self.log = [*self.log, entry]

    def now(self) -> History:
        return History(self.log)


def shared(one: History, other: History) -> int:
    """Operations that both histories begin with, entry for entry."""
    count = 0
    for left, right in zip(one.log, other.log, strict=False):
        if left != right:
            break
        count += left.kind != "row"
    return count


def judge(world: World) -> dict[str, int]:
    """Ask everything of everybody who learnt something; returns how often which case came up."""
    now, met = world.now(), {"good": 0, "refused": 0, "lowered": 0, "bad state": 0, "nothing known": 0}
    for place, then, known in world.learnt:
        whole = shared(then, now) == then.change
        assert now.lineage.good(place, now.change) == (whole and now.log[: len(then.log)] == then.log)
        met["good" if whole else "refused"] += 1
        common, truth = now.lineage.common(place, now.change), shared(known, now)
        if any(run.life == life for run in now.runs for life, _ in place.lives):
            assert min(common, known.change) == truth
        else:
            met["nothing known"] += 1
            assert common == 0
        for conversation, there in known.chats.items():
            met = _judge_chat(now, place, conversation, there, met)
            if now.log[: len(known.log)] == known.log:  # nothing was set back
                whole_chat = now.check(place, conversation, there.last, there.modseq)
                assert whole_chat == (min(there.last, now.chats[conversation].last), True)
    return met


def _judge_chat(
    now: History, place: Place, conversation: str, there: Chat, met: dict[str, int]
) -> dict[str, int]:
    here = now.chats[conversation]
    for asked in {0, there.last // 2, there.last}:
        agreed, _ = now.check(place, conversation, asked, 0)
        assert agreed is not None
        assert there.messages[:agreed] == here.messages[:agreed]
        assert agreed <= min(asked, here.last)
        known_life = now.lineage.common(place, now.change) > 0
        if known_life and agreed < min(asked, here.last):
            assert there.messages[agreed] != here.messages[agreed], "lowered further than it had to be"
            met["lowered"] += 1
    for modseq in {0, there.modseq // 2, there.modseq}:
        _, good = now.check(place, conversation, there.last, modseq)
        same = [name for _, _, name in there.states[:modseq]] == [name for _, _, name in here.states[:modseq]]
        if good:
            assert same, "state of another history was called good"
            assert modseq <= here.modseq
        met["bad state"] += not good
    return met


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_what_is_told_is_what_the_histories_share(first: int) -> None:
    total: dict[str, int] = {}
    for seed in range(first, first + 100):
        world = World(seed)
        for step in range(120):
            world.act()
            if step % 10 == 9:
                for case, times in judge(world).items():
                    total[case] = total.get(case, 0) + times
    assert min(total.values()) > 5, total


def test_restarts_alone_reset_nobody() -> None:
    """However many, and however often the place is older than eight lives."""
    lineage, places, change = Lineage([run_of(1, 1)]), [], 0
    for number in range(2, 40):
        places.append(lineage.place(change))
        change += number % 3
        lineage = lineage.with_run(run_of(number, change + 1))
        assert all(lineage.good(place, change) for place in places)
        assert [lineage.common(place, change) for place in places[-8:]] == [
            run.first_change - 1 for run in lineage.runs[1:][-8:]
        ]


def test_starts_in_which_nothing_was_written_use_no_life_up() -> None:
    """A port that is taken, and a supervisor that tries again all night: the copy of the day before is still known."""
    runs = [run_of(1, 1), run_of(2, 11)]
    copy, here = Lineage(runs), Lineage([*runs, run_of(99, 15)])
    there = copy
    for number in range(3, 40):
        there = there.with_run(run_of(number, 21))
    place = there.place(30)
    assert [end for _, end in place.lives] == [30, 20, 10]
    assert here.common(place, 18) == 14
    # Of an earlier life only what was known there then.
    assert Lineage([runs[0], run_of(98, 21)]).common(place, 25) == 10


def test_state_that_was_not_lost_is_good_to_the_last_change_of_it() -> None:
    """Copied behind the third state; the next life gave the fourth another time."""
    a, b, c = (run_of(number, first) for number, first in ((1, 1), (2, 6), (3, 4)))
    there, here = Lineage([a, b]), Lineage([a, c])
    place = there.place(9)
    assert here.common(place, 8) == 3
    assert here.run_of(4) == c
    for modseq, good in ((0, True), (3, True), (4, False), (9, False)):
        assert state_good(modseq, present=8, first_after=4) is good
    assert state_good(4, present=8, first_after=None)
    assert not state_good(9, present=8, first_after=None)


@pytest.mark.parametrize(
    ("asked", "first", "last", "common", "agreed"),
    [
        (0, 1, 9, 0, 0),  # who has nothing agrees
        (5, 1, 9, 5, 5),
        (9, 1, 7, 4, 4),
        (5, 1, 9, 0, 0),  # nothing is the same, and nothing was ever removed: from the beginning
        (
            5,
            3,
            9,
            0,
            None,
        ),  # what the asker has may be that of another history, and there is nothing to compare
        (2, 3, 9, 0, 2),  # below what is kept nothing can differ
        (2, 3, 1, 0, 1),
        (5, 3, 9, 3, 3),
    ],
)
def test_the_position_that_is_agreed(
    asked: int, first: int, last: int, common: int, agreed: int | None
) -> None:
    assert agreed_position(asked, first=first, last=last, common=common) == agreed


def test_a_run_that_goes_on_with_a_life_moves_its_end() -> None:
    """The end of a life is the end of its last run; a mark stands for its own run."""
    a, again, b = run_of(1, 1), run_of(2, 4)._replace(life=run_of(1, 1).life), run_of(3, 8)
    lineage = Lineage([a, again, b])
    assert lineage.earlier == ((a.life, 7),)
    assert lineage.common(Lineage([a]).place(2), 9) == 7
    assert not lineage.good(Place(a.mark, 5, ((a.life, 5),), 5), 9)
    assert lineage.good(Place(again.mark, 5, ((a.life, 5),), 5), 9)


def run_of(number: int, first_change: int) -> Run:
    mark = number.to_bytes(16, "big")
    return Run(number, mark, mark, first_change)


def test_there_is_no_lineage_without_a_run() -> None:
    nothing: Any = ()
    with pytest.raises(ValueError, match="at least one"):
        Lineage(nothing)


def test_a_machine_that_repeats_its_chance_makes_another_mark_all_the_same() -> None:
    """One that came back with its memory: the hour is another then."""
    marks = {
        new_mark(random.Random(1), ManualClock(now_ms), no) for now_ms in (1_000, 2_000) for no in (1, 2)
    }
    assert len(marks) == 4
    assert {len(mark) for mark in marks} == {MARK_BYTES}

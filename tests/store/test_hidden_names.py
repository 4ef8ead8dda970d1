"""Names of state that a server does not have are in nothing that it tells, and are there again where it has them; counters stay
what they are. Without such names nothing is decoded, and no statement is asked more."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.reader import Reader
from imserver.chat.transaction import Transaction
from imserver.content import decode_content
from imserver.errors import Refusal
from imserver.events import AboutChanged, AccountChanged, ItemsChanged, SettingsChanged
from imserver.model import EMPTY_MAP, ItemState, Learnt
from imserver.store.engine import hidden
from imserver.store.sqlite.store import SqliteStore
from imserver.testing import ManualClock
from tests.store.homes import Home, SqliteHome
from tests.store.support import DIRECT, USERS, Recorder, Stand, faulty, post

ALL = ("marks", "stars")


@asynccontextmanager
async def server(home: Home, names: Iterable[str] | None = None) -> AsyncIterator[Stand]:
    """A life of a server that has these names; None: one that does not say."""
    store = home.store(clock=ManualClock(), rng=random.Random(7))
    if names is not None:
        store.show(names)
    await store.open(recorder := Recorder())
    try:
        yield Stand(store, recorder)
    finally:
        await store.close()


def write(tx: Transaction) -> None:
    """State under two names in every scope: message 1 has both, 2 the first, 3 the second for all and both of one's own."""
    tx.set_item(DIRECT, 1, "marks", 1, {"ann": "m"})
    tx.set_item(DIRECT, 1, "stars", 2, {"ann": "s", "bob": "s"})
    tx.set_item(DIRECT, 2, "marks", 3, {"ann": "m"})
    tx.set_item(DIRECT, 3, "stars", 4, {"ann": "s"})
    for name in ALL:
        tx.set_about(DIRECT, name, f"about {name}")
        tx.set_own(DIRECT, "ann", name, f"own {name}")
        tx.set_account("ann", name, f"account {name}")


async def lived_in(home: Home) -> None:
    async with server(home, ALL) as stand:
        await stand.users(*USERS)
        await stand.post(*(post(number) for number in range(1, 5)))
        await stand.tx(write)


def told(reader: Reader) -> dict[str, Any]:
    """All that `ann` is told of state, by what tells it, decoded; and the counters."""
    page = reader.history_items(DIRECT, "ann", 0, None, 9, 9999)
    changes = reader.changes(DIRECT, "ann", 0, 9, 9999)
    synced = reader.sync_page("ann", None, 9)
    (listed,), _ = reader.conversations("ann", None, 9)
    agreed = reader.check("ann", Learnt(DIRECT, synced.next_since, 4, page.modseq))
    assert synced.account is not None
    assert agreed is not None
    rows = (synced.rows[0], listed, agreed.row)
    return {
        "page": {item[0]: [decode_content(bytes(one)) for one in item[6:]] for item in page.items},
        "changes": {row[0]: (decode_content(row[2]), decode_content(row[3])) for row in changes.rows},
        "rows": [(decode_content(row.about or b""), decode_content(row.settings or b"")) for row in rows],
        "account": decode_content(synced.account.data),
        "counters": (
            page.modseq,
            [row[1] for row in changes.rows],
            changes.upto,
            [(row.modseq, row.settings_seq) for row in rows],
            synced.account.seq,
        ),
    }


WHOLE: dict[str, Any] = {
    "page": {
        1: [{"marks": 1, "stars": 2}, {"marks": "m", "stars": "s"}],
        2: [{"marks": 3}, {"marks": "m"}],
        3: [{"stars": 4}, {"stars": "s"}],
        4: [],
    },
    "changes": {
        1: ({"marks": 1, "stars": 2}, {"marks": "m", "stars": "s"}),
        2: ({"marks": 3}, {"marks": "m"}),
        3: ({"stars": 4}, {"stars": "s"}),
    },
    "rows": [
        (
            {"marks": "about marks", "stars": "about stars"},
            {"marks": "own marks", "stars": "own stars"},
        )
    ]
    * 3,
    "account": {"marks": "account marks", "stars": "account stars"},
    "counters": (3, [1, 1, 1], 3, [(3, 2)] * 3, 2),
}
WITHOUT_STARS: dict[str, Any] = {
    "page": {1: [{"marks": 1}, {"marks": "m"}], 2: [{"marks": 3}, {"marks": "m"}], 3: [], 4: []},
    "changes": {1: ({"marks": 1}, {"marks": "m"}), 2: ({"marks": 3}, {"marks": "m"}), 3: ({}, {})},
    "rows": [({"marks": "about marks"}, {"marks": "own marks"})] * 3,
    "account": {"marks": "account marks"},
    "counters": WHOLE["counters"],
}
WITHOUT_ANY: dict[str, Any] = {
    "page": {1: [], 2: [], 3: [], 4: []},
    "changes": {1: ({}, {}), 2: ({}, {}), 3: ({}, {})},
    "rows": [({}, {})] * 3,
    "account": {},
    "counters": WHOLE["counters"],
}


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (None, WHOLE),
        (ALL, WHOLE),
        ((*ALL, "never"), WHOLE),
        (("marks",), WITHOUT_STARS),
        (("marks", "never"), WITHOUT_STARS),
        ((), WITHOUT_ANY),
    ],
)
async def test_what_it_does_not_have_is_in_nothing_that_it_tells(
    home: Home, names: Iterable[str] | None, shown: Any
) -> None:
    await lived_in(home)
    async with server(home, names) as stand:
        assert await stand.read(told) == shown
    async with server(home, ALL) as stand:
        assert await stand.read(told) == WHOLE
    assert home.findings() == []


async def test_events_and_answers_leave_it_out_and_the_rows_keep_it(home: Home) -> None:
    await lived_in(home)

    def set_all(tx: Transaction) -> tuple[list[ItemState], list[Any]]:
        tx.set_item(DIRECT, 1, "marks", None, {"bob": "new"})
        tx.set_item(DIRECT, 3, "marks", 5, {"ann": 6})
        tx.set_about(DIRECT, "marks", None)
        tx.set_own(DIRECT, "ann", "marks", 7)
        tx.set_account("ann", "marks", 8)
        items = [tx.item(DIRECT, position, "ann") for position in (1, 3)]
        return items, [tx.about(DIRECT), tx.settings(DIRECT, "ann"), tx.account("ann")]

    async with server(home, ("marks",)) as stand:
        answered, others = await stand.tx(set_all)
        assert [shown for _, shown in others] == [{}, {"marks": 7}, {"marks": 8}]
        assert answered == [ItemState(5, {}, {"marks": "m"}), ItemState(5, {"marks": 5}, {"marks": 6})]
        items, about, own, account = stand.recorder.events
        assert isinstance(items, ItemsChanged)
        assert isinstance(about, AboutChanged)
        assert isinstance(own, SettingsChanged)
        assert isinstance(account, AccountChanged)
        said = [
            (
                one.position,
                decode_content(one.extra),
                {who: decode_content(own) for who, own in one.mine.items()},
            )
            for one in items.items
        ]
        assert said == [(1, {}, {"bob": {"marks": "new"}}), (3, {"marks": 5}, {"ann": {"marks": 6}})]
        assert not any(one.emptied for one in items.items)
        assert (about.about, decode_content(own.settings)) == (EMPTY_MAP, {"marks": 7})
        assert decode_content(account.account) == {"marks": 8}
        assert (items.modseq, about.modseq, own.seq, account.seq) == (4, 5, 3, 3)
        page = (await stand.read(told))["page"]
        assert page[1] == [{}, {"marks": "m"}]
        assert page[3] == [{"marks": 5}, {"marks": 6}]
    async with server(home) as stand:
        page = (await stand.read(told))["page"]
        assert page[1] == [{"stars": 2}, {"marks": "m", "stars": "s"}]
        assert page[3] == [{"marks": 5, "stars": 4}, {"marks": 6, "stars": "s"}]


async def test_a_name_counts_from_its_first_write_that_is_committed(home: Home) -> None:
    """What was undone left no name, also in memory; what is written behind the opening is shown."""

    def spoiled(tx: Transaction) -> None:
        tx.set_account("ann", "stars", 1)
        raise ValueError("spoiled")

    async with server(home, ("marks",)) as stand:
        await stand.users(*USERS)
        with pytest.raises(ValueError, match="spoiled"):
            await stand.tx(spoiled)
        with pytest.raises(Refusal):
            await stand.tx(lambda tx: tx.set_account("nobody", "stars", 1))
        await stand.tx(lambda tx: tx.set_account("ann", "stars", 1))
        page = await stand.read(lambda reader: reader.sync_page("ann", None, 9))
        assert decode_content(page.account.data) == {"stars": 1}
    assert home.findings() == []
    async with server(home, ("marks",)) as stand:
        page = await stand.read(lambda reader: reader.sync_page("ann", None, 9))
        assert (page.account.seq, page.account.data) == (1, EMPTY_MAP)


async def test_with_all_names_nothing_is_decoded_and_nothing_asked_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statements of a page, of rows and of a put are those of a store that knows of no names."""
    home = SqliteHome(tmp_path)
    await lived_in(home)
    connector, connections = faulty()
    asked: list[str] = []
    connections.before = staticmethod(asked.append)

    async def statements(names: tuple[str, ...] | None) -> list[str]:
        store = SqliteStore(home.store()._config, rng=random.Random(7), connector=connector)
        if names is not None:
            store.show(names)
        await store.open(recorder := Recorder())
        stand = Stand(store, recorder)
        asked.clear()
        await stand.read(told)
        await stand.tx(lambda tx: tx.set_item(DIRECT, 1, "marks", len(asked) + 100 * len(names or ())))
        await store.close()
        return [sql for sql in asked if "PRAGMA" not in sql]

    monkeypatch.setattr(hidden, "decode_content", None)
    plain = await statements(None)
    assert plain == await statements(ALL)
    assert not [sql for sql in plain if "state_names" in sql]
    monkeypatch.undo()
    connections.before = staticmethod(asked.append)
    assert [sql for sql in await statements(("stars",)) if "INSERT" not in sql] == [
        sql for sql in plain if "INSERT" not in sql
    ]


async def test_a_name_is_stored_once(tmp_path: Path) -> None:
    home = SqliteHome(tmp_path)
    await lived_in(home)
    async with server(home) as stand:
        await stand.tx(lambda tx: tx.set_account("ann", "stars", 3))
    with sqlite3.connect(home.path) as raw:
        assert raw.execute("SELECT name FROM state_names").fetchall() == [("marks",), ("stars",)]

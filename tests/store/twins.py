"""A store and its model, side by side."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import Any

from hypothesis import strategies as st

from imserver.chat.ports import Store
from imserver.chat.reader import Reader
from imserver.chat.units import Unit
from imserver.config import StoreConfig
from imserver.errors import Refusal
from imserver.events import MessageEdited, MessagePosted, StoredEvent
from imserver.model import Kind, Learnt, Role, User
from imserver.store import SqliteStore
from imserver.store.engine.places import LISTED
from imserver.store.sqlite.connection import Connector, connect
from imserver.store.sqlite.inline import open_inline
from imserver.testing import ManualClock
from tests.store.deeds import (
    GROUPS,
    ONE_MORE,
    PAIRS,
    PEOPLE,
    PLUGINS,
    Op,
    accounts,
    adds,
    asked_by,
    codes,
    comes_back,
    creates,
    edits,
    ends,
    leaves_between_edits,
    marks,
    moves,
    posts,
    removes,
    retracts,
    sets,
    several,
    shows,
    talks,
)
from tests.store.model import ModelReader, ModelStore
from tests.store.scenes import SESSIONS
from tests.store.support import Recorder, Stand, meaning, post

TABLES = "CREATE TABLE shop_codes (code INTEGER PRIMARY KEY)"


people = st.sampled_from(PEOPLE)


anybody = st.sampled_from((*PEOPLE, "nobody"))


places = st.sampled_from((*PAIRS, *GROUPS, *GROUPS, "group/none"))


keys = st.integers(1, 12)


roles = st.sampled_from(tuple(Role))


texts = st.sampled_from(("a", "b"))


delays = st.integers(0, 2)


positions = st.one_of(st.none(), st.integers(0, 12))


#: In a conversation of a few messages.
near = st.integers(0, 5)


names = st.sampled_from(("marks", "x"))


VALUES = (None, None, 1, (2, "b"), {"k": 1}, "v" * 300, "v" * 506, "v" * 600)


@st.composite
def values(draw: st.DrawFn) -> Any:
    return draw(st.sampled_from(VALUES))


@st.composite
def owned(draw: st.DrawFn) -> Any:
    return draw(st.dictionaries(anybody, values(), max_size=2))


@st.composite
def states(draw: st.DrawFn) -> Op:
    """Composite, as these two are: pytest tells of strategies, and they are long."""
    return draw(
        st.one_of(
            st.builds(marks, places, near, names, values(), owned()),
            st.builds(marks, places, near, names, values(), st.just({})),
            st.builds(shows, places, names, values()),
            st.builds(sets, places, people, names, values()),
            st.builds(accounts, anybody, names, values()),
        )
    )


simple = st.one_of(
    st.builds(posts, keys, people, places, texts, delays),
    st.builds(posts, keys, people, places, texts, delays),
    st.builds(posts, keys, people, places, texts, delays),
    st.builds(
        creates,
        people,
        st.sampled_from((100, 101)),
        st.sampled_from(tuple(Kind)),
        st.dictionaries(anybody, roles, max_size=3),
    ),
    st.builds(adds, places, people, keys, anybody, roles),
    st.builds(removes, places, people, keys, people),
    st.builds(edits, places, people, keys, st.integers(0, 8), texts, st.one_of(st.none(), st.integers(1, 3))),
    st.builds(moves, places, people, positions, positions),
    st.builds(retracts, places, people, keys, st.integers(0, 8)),
)


ops = st.one_of(
    simple,
    simple,
    simple,
    states(),
    st.builds(
        several, st.lists(st.one_of(simple, states(), states()), min_size=1, max_size=4), st.booleans()
    ),
    st.builds(comes_back, st.sampled_from(PEOPLE[:2]), keys, people, roles, roles),
    st.builds(
        leaves_between_edits, st.sampled_from(PEOPLE[:2]), keys, people, st.integers(0, 3), st.integers(0, 3)
    ),
    st.builds(
        talks,
        st.sampled_from(PAIRS[:3]),
        keys,
        st.lists(st.tuples(near, st.one_of(st.none(), near)), min_size=2, max_size=4),
    ),
    st.builds(codes, st.integers(1, 4)),
    st.builds(ends, st.integers(1, 4)),
)


#: Room for everybody but one.
MAX_MEMBERS = len(PEOPLE)


#: What a page of history may be asked for, also in vain: after, before, limit.
PAGES = (
    (0, None, 99),
    (None, None, 2),
    (1, None, 2),
    (None, 3, 5),
    (None, 20, 4),
    (15, None, 4),
    (99, None, 1),
    (-1, None, 1),
    (None, 0, 1),
    (1, 3, 1),
    (0, None, 0),
)


def answer(unit: Unit) -> Any:
    if unit.error is None:
        return unit.result
    return unit.error.code if isinstance(unit.error, Refusal) else type(unit.error).__name__


def everything(reader: Reader) -> list[Any]:
    """All that anybody can read, in small pages too."""
    seen: list[Any] = [reader.messages_after(0, None, 10_000), reader.messages_after(0, ["bob"], 7)]
    seen += [reader.messages_after(2, bots, 100) for bots in ([], ["cy"], ["ann", "dee"])]
    for person in PEOPLE:
        rows, token, more, account, _ = reader.sync_page(person, None, 3)
        behind, last, _, later, _ = reader.sync_page(person, token, 100)
        seen.append((rows, meaning(reader, token), more, account, behind, meaning(reader, last), later))
        seen.append(reader.account(person))
        for limit in (2, 100):
            listed, following = reader.conversations(person, None, limit)
            seen.append((listed, meaning(reader, following, LISTED)))
        for place in (*PAIRS, *GROUPS):
            seen += [reader.check(person, Learnt(place, token, number, number)) for number in (0, 1, 3, 99)]
    for place in (*PAIRS, *GROUPS):
        seen.append(reader.members(place))
        seen.append([reader.members_page(place, after, 2) for after in (None, "ann", "bz", "zoe")])
        for person in PEOPLE:
            seen.append(reader.seat(place, person))
            for after, before, limit in PAGES:
                try:
                    seen.append(reader.history_items(place, person, after, before, limit, 200))
                except Refusal as refusal:
                    seen.append(refusal.code)
            for after, limit, room in ((0, 99, 10**6), (0, 1, 10**6), (2, 99, 400)):
                try:
                    seen.append(reader.changes(place, person, after, limit, room))
                except Refusal as refusal:
                    seen.append(refusal.code)
    for plugin in PLUGINS:
        due = [reader.timers_due(plugin, now_ms, limit) for now_ms in (4, 5, 9) for limit in (1, 9)]
        seen += [
            due,
            reader.next_timer_at(plugin),
            reader.plugin_cursor(plugin),
            reader.plugin_handled(plugin),
        ]
    seen += [reader.users([*PEOPLE, "nobody", "ann"]), reader.bound_device("token"), codes_of(reader)]
    return seen


def codes_of(reader: Reader) -> list[int]:
    if isinstance(reader, ModelReader):
        return sorted(reader.world.notes)
    return [code for (code,) in reader.plugin_sql("shop", "SELECT code FROM shop_codes ORDER BY code")]


def in_order(batch: list[Op]) -> list[Unit]:
    """Units that one session asked for, so that none passes another."""
    return [asked_by(SESSIONS[0], op)() for op in batch]


def product(config: StoreConfig, clock: ManualClock, connector: Connector = connect) -> SqliteStore:
    """Without threads: a difference comes again in every run, and is soon made small."""
    return SqliteStore(
        config,
        clock=clock,
        rng=random.Random(3),
        connector=connector,
        opener=open_inline,
        max_members=MAX_MEMBERS,
    )


def model(config: StoreConfig, clock: ManualClock) -> ModelStore:
    return ModelStore(config, clock=clock, rng=random.Random(3), max_members=MAX_MEMBERS)


async def opened(store: Store) -> Stand:
    """With all people, and with the table of a plugin where there are plugins."""
    stand = Stand(store, recorder := Recorder())
    await store.open(recorder)
    for person in (*PEOPLE, ONE_MORE):
        await stand.tx(lambda tx, name: tx.put_user(User(name, name)), person)
    if not isinstance(store, ModelStore):
        await store.migrate_plugin("shop", [(1, TABLES)])
    return stand


async def play(store: Store, batches: list[list[Op]]) -> list[Any]:
    stand = await opened(store)
    try:
        told: list[Any] = []
        for batch in batches:
            units = in_order(batch)
            await stand.do(units)
            told.append([(answer(unit), list(unit.events())) for unit in units])
        told.append(await store.read(everything))
        assert store.witnesses == 0, "no place that was given out is of another history"
        return told
    finally:
        await store.close()


def without_change(event: StoredEvent) -> Any:
    """What happened, but for its number."""
    if not isinstance(event, MessagePosted | MessageEdited):
        return replace(event, change=0)
    return event.message, getattr(event, "audience", "edited"), getattr(event, "remaining", None)


def place_of(event: StoredEvent) -> str:
    if isinstance(event, MessagePosted | MessageEdited):
        return event.message.conversation_id
    return getattr(event, "conversation_id", "an account")


def each_by_itself(reader: Reader) -> dict[str, list[Any]]:
    """What `everything` says, of each conversation alone."""
    seen: defaultdict[str, list[Any]] = defaultdict(list)
    for person in PEOPLE:
        rows, token, _ = reader.sync(person, None, 100)
        listed, _ = reader.conversations(person, None, 100)
        for row in (*rows, *listed):
            seen[row.conversation_id].append(row)
        for place in (*PAIRS, *GROUPS):
            seen[place] += [
                reader.check(person, Learnt(place, token, number, number)) for number in (0, 3, 99)
            ]
            try:
                seen[place].append(reader.history_items(place, person, 0, None, 99, 10**6)[:5])
                seen[place].append(reader.changes(place, person, 0, 99, 10**6)[:3])
            except Refusal as refusal:
                seen[place].append(refusal.code)
    for _, message, audience in reader.messages_after(0, None, 10_000)[0]:
        seen[message.conversation_id].append((message, audience))
    for place, of_place in seen.items():
        of_place.append(reader.members(place))
    return seen


def orders(asked: list[Unit], done: list[Unit]) -> list[Any]:
    """The order of doing, as far as it is promised: of each session, of each conversation, of all that is no plain post, and
    what was done before each unit that names no conversation. What is told is told in this order."""
    number = {id(unit): at for at, unit in enumerate(asked)}
    done = [unit for unit in done if id(unit) in number]
    lanes: defaultdict[object, list[int]] = defaultdict(list)
    for unit in done:
        lanes[unit.conversation_id].append(number[id(unit)])
        if unit.session is not None:
            lanes[id(unit.session)].append(number[id(unit)])
        if not unit.together:
            lanes["others"].append(number[id(unit)])
    before = [
        sorted(number[id(earlier)] for earlier in done[:at])
        for at, unit in enumerate(done)
        if unit.conversation_id is None
    ]
    changes = [event.change for unit in done for event in unit.events()]
    return [dict(lanes), before, changes == sorted(changes)]


async def play_apart(store: Store, batches: list[list[Op]]) -> list[Any]:
    """What each unit is told, and each conversation's events in the order of the commit; then all that is there."""
    stand = await opened(store)
    try:
        told: list[Any] = []
        for batch in batches:
            before = len(stand.recorder.units)
            units = [op() for op in batch]
            await stand.do(units)
            told.append([(answer(unit), list(map(without_change, unit.events()))) for unit in units])
            told.append(orders(units, stand.recorder.units[before:]))
            happened: dict[str, list[Any]] = {}
            for unit in stand.recorder.units[before:]:
                for event in unit.events():
                    happened.setdefault(place_of(event), []).append(without_change(event))
            told.append(happened)
        told += [await store.read(each_by_itself), await store.read(codes_of)]
        return told
    finally:
        await store.close()


class Pager:
    """Somebody who pages through both lists, one small page at a time, while things change."""

    def __init__(self, person: str) -> None:
        self._person = person
        self._since: str | None = None
        self._before: str | None = None

    def pages(self, reader: Reader, limit: int) -> list[Any]:
        """The next of both; and of what else is remembered the same page again."""
        rows, self._since, more = reader.sync(self._person, self._since, limit)
        listed, self._before = reader.conversations(self._person, self._before, limit)
        return [
            rows,
            meaning(reader, self._since),
            more,
            listed,
            meaning(reader, self._before, LISTED),
            reader.messages_after(0, [self._person], 100),
            [reader.members_page(place, "b", limit) for place in GROUPS],
        ]


async def page_on(store: Store, batches: list[tuple[list[Op], int, int | None]]) -> list[Any]:
    stand = await opened(store)
    try:
        await stand.post(
            *(post(50 + number, place.split("/")[1], place) for number, place in enumerate(PAIRS))
        )
        told: list[Any] = []
        pagers = [Pager(person) for person in (*PEOPLE, *PEOPLE[:2])]
        for pager in pagers[:2]:  # these two are up to date when the others begin
            told += [await store.read(partial(pager.pages, limit=100))]
        for number, (batch, limit, anew) in enumerate(batches):
            await stand.do(in_order(batch))
            if anew is not None:  # a new device of the same person
                pagers[anew] = Pager((*PEOPLE, *PEOPLE[:2])[anew])
            # The last two begin later, and not every time: their places in the lists are others.
            for pager in pagers[: 6 if number % 3 else 4]:
                pages = partial(pager.pages, limit=limit)
                told += [await store.read(pages)]
        return told
    finally:
        await store.close()

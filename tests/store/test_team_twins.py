"""However people join and leave teams, and whatever is said between the pages of their syncs: store and model tell the same,
and each device ends with exactly the rows that it should know."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from imserver.chat.permissions import Need, may
from imserver.chat.ports import Store
from imserver.config import StoreConfig
from imserver.model import ConversationRow, Cursors, Kind, Role, group_conversation_id
from imserver.testing import ManualClock
from tests.store.deeds import PEOPLE
from tests.store.model.reader import ModelReader
from tests.store.model.world import World
from tests.store.support import Stand, edit_message, key, meaning, post, said
from tests.store.twins import model, opened, product

ANN = "ann"
TEAMS = [group_conversation_id(ANN, key(number)) for number in (1, 2)]
PLACES = [group_conversation_id(ANN, key(number)) for number in range(3, 9)]
STEPS = 60


@dataclass
class Device:
    """A client that syncs page by page, and forgets at the end what is of a team that it is out of."""

    who: str
    #: Tokens of both stores, which mean the same.
    since: list[str | None] = field(default_factory=lambda: [None, None])
    known: dict[str, ConversationRow] = field(default_factory=dict)
    #: What ends with its team, unless a row says otherwise before the last page is told.
    ending: set[str] = field(default_factory=set)

    async def page(self, stands: list[Stand], world: World, limit: int) -> bool:
        """Ask both; they agree. True if there is more."""
        pages = [
            await stand.read(lambda reader, since: _page(reader, self.who, since, limit), since)
            for stand, since in zip(stands, self.since, strict=True)
        ]
        (rows, token, more, told), (other_rows, other_token, other_more, other_told) = pages
        assert (rows, more, told) == (other_rows, other_more, other_told)
        assert len(rows) <= limit
        assert rows or not more
        self.since = [token, other_token]
        for row in rows:
            before = self.known.get(row.conversation_id, row)
            assert row.cursors.delivered >= before.cursors.delivered
            assert row.cursors.read >= before.cursors.read
            self.known[row.conversation_id] = row
            self.ending.discard(row.conversation_id)
            if row.left_at is not None:
                self.ending |= {name for name, one in self.known.items() if one.team == row.conversation_id}
        if not more:
            for name in self.ending:
                del self.known[name]
                assert self.who not in world.talks[name].members, (
                    "a place of one's own, present or former, is told first"
                )
            self.ending.clear()
        return bool(more)

    def check(self, world: World, teamed: set[str]) -> None:
        """`teamed`: conversations that got a team when they were there already."""
        reader = ModelReader(world, None)  # type: ignore[arg-type]  # it seals nothing
        for name, talk in world.talks.items():
            known = self.known.get(name)
            if self.who in talk.audience or self.who in talk.members:
                # A client begins at `joined_at` once; whose cursors are shown changes with the team, in silence.
                assert known is not None, (self.who, name)
                assert _core(known) == _core(reader._row(talk, self.who, None))
            elif known is not None:
                # Who was here by a row before there was a team, and left that before the next sync, hears of it at the first
                # NOT_FOUND.
                assert name in teamed
                assert known.team is None


def _page(reader: Any, who: str, since: str | None, limit: int) -> tuple[Any, ...]:
    rows, token, more = reader.sync(who, since, limit)
    return rows, token, more, meaning(reader, token)


def _core(row: ConversationRow) -> ConversationRow:
    return replace(row, joined_at=0, cursors_of=())


def deed(rng: random.Random, world: World, number: int) -> Any:
    """Something that may be done now, as a unit or a work of a transaction."""
    place = rng.choice([*PLACES, *TEAMS, *TEAMS])
    talk = world.talks.get(place)
    person = rng.choice(PEOPLE[1:])
    if talk is None:
        members = {person: Role.MEMBER} if rng.random() < 0.5 else {}
        team = None if place in TEAMS or rng.random() < 0.3 else rng.choice(TEAMS)
        if team is not None and team not in world.talks:
            return None
        at = [*TEAMS, *PLACES].index(place) + 1
        return lambda tx: tx.create_conversation(ANN, key(at), Kind.GROUP, "g", members, team=team)
    if talk.team is None and place in PLACES and rng.random() < 0.2 and TEAMS[0] in world.talks:
        return lambda tx: tx.set_team(place, TEAMS[0])
    who = rng.choice(sorted(talk.audience))
    chance = rng.random()
    if chance < 0.35 or (place in TEAMS and chance < 0.7):
        if person in talk.rows:
            return lambda tx: tx.remove_member(place, ANN, key(number), person)
        if place in TEAMS or rng.random() < 0.4:
            return lambda tx: tx.add_member(place, ANN, key(number), person, Role.MEMBER)
    if chance < 0.75:
        return post(number, who, place)
    if chance < 0.9:
        read = rng.randint(0, talk.head)
        return lambda tx: tx.move_cursors(place, who, read + (talk.head - read) // 2, read)
    mine = [one for one in talk.said if one.counts and one.message.sender_id == who]
    if mine and may(Need.CHANGE_OWN, talk.seat(who)):
        position = rng.choice(mine).message.position
        return lambda tx: edit_message(tx, place, who, key(number), position, said(f"e{number}"))
    return lambda tx: tx.set_own(place, who, "x", number)


async def run(seed: int) -> None:
    rng, clock = random.Random(seed), ManualClock()
    config = StoreConfig(path=":memory:")
    twin = model(config, clock)
    stores: list[Store] = [product(config, clock), twin]
    stands = [await opened(store) for store in stores]
    teamed: set[str] = set()
    devices = [Device(who) for who in PEOPLE for _ in range(2)]
    try:
        for number in range(100, 100 + STEPS):
            teamless = {name for name, talk in twin.world.talks.items() if talk.team is None}
            act = deed(rng, twin.world, number)
            for stand in stands:
                if callable(act):
                    await stand.tx(act)
                elif act is not None:
                    unit = post(number, act.sender_id, act.conversation_id)
                    unit.sent_at = clock.now_ms()
                    await stand.post(unit)
                    assert unit.error is None, unit.error
            teamed |= {name for name in teamless if twin.world.talks[name].team is not None}
            if rng.random() < 0.4:
                await rng.choice(devices).page(stands, twin.world, rng.choice((1, 1, 2, 3, 50)))
        for device in devices:
            while await device.page(stands, twin.world, rng.choice((1, 2, 5))):
                pass
            device.check(twin.world, teamed)
        for who in PEOPLE:
            rows_too = {name for name, talk in twin.world.talks.items() if who in talk.members}
            await lists_agree(stands, who, rows_too | teamed)
    finally:
        for store in stores:
            await store.close()


async def lists_agree(stands: list[Stand], who: str, by_row: set[str]) -> None:
    """Conversations and members, in small pages and in large ones; seats and audiences. `by_row`: where one was a member by a
    row, too, what was unread before that stays read when one is here by the team."""
    told = []
    for stand in stands:
        seen: list[Any] = []
        for limit in (1, 3, 50):
            before, begun = None, False
            while before is not None or not begun:
                rows, before = await stand.read(
                    lambda reader, before, limit: reader.conversations(who, before, limit), before, limit
                )
                seen += [
                    replace(row, unread=0) if row.team and row.conversation_id in by_row else row
                    for row in rows
                ]
                seen.append(len(rows))
                begun = True
        for place in (*TEAMS, *PLACES):
            seen.append(await stand.read(lambda reader, place: reader.members(place), place))
            seen.append(await stand.read(lambda reader, place: reader.members_page(place, "ann", 2), place))
            seen.append(await stand.read(lambda reader, place: reader.seat(place, who), place))
        seen.append(await stand.read(lambda reader: reader.messages_after(0, None, 1_000)))
        told.append(seen)
    assert told[0] == told[1]


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_each_device_ends_with_what_it_should_know(seed: int) -> None:
    asyncio.run(run(seed))


def test_cursors_are_compared() -> None:
    """Of the device's own row: only those of others may be older."""
    row = ConversationRow("c", Kind.GROUP, "", 1, 1, None, Role.MEMBER, Cursors(1, 1))
    assert _core(row) != _core(replace(row, cursors=Cursors(1, 0)))

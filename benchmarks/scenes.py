"""Databases of people, teams and large groups, made by the store itself: what it would have stored, because it did."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from imserver.chat.transaction import Transaction
from imserver.chat.units import Unit
from imserver.config import StoreConfig
from imserver.model import BOT, Kind, Role, User
from imserver.store.sqlite.store import SqliteStore

#: Pieces of work in one unit, so that a hundred thousand do not take a commit each.
IN_UNIT = 500

Piece = Callable[[Transaction], Any]


class Shop(NamedTuple):
    """A team, and conversations with a customer each that name it."""

    team: str
    #: The id of each conversation, in the order of the customers.
    conversations: list[str]


class _Settling:
    """A listener of commits that only settles their units."""

    def committed(self, units: Sequence[Unit]) -> None:
        for unit in units:
            unit.settle()

    def saturated(self) -> bool:
        return False


def people(path: Path, names: Iterable[str]) -> None:
    """Accounts of these names."""
    _made(path, (_account(name) for name in names))


def shop(path: Path, *, bot: str, admin: str, staff: Sequence[str], customers: int, friends: int) -> Shop:
    """The team of a bot, run by an admin, and a conversation of the bot with each customer, `c0`, `c1`, …; the first ones bring
    a friend each, `f0`, `f1`, …"""
    names = [admin, *staff, *(f"c{number}" for number in range(customers))]
    names += [f"f{number}" for number in range(friends)]
    people(path, names)
    roles = {admin: Role.ADMIN, **dict.fromkeys(staff, Role.MEMBER)}

    def team(tx: Transaction) -> str:
        tx.put_user(User(bot, bot, kind=BOT))
        return tx.create_conversation(bot, _key(0), Kind.GROUP, "staff", roles)[0]

    [team_id] = _made(path, [team])

    def served(number: int) -> Piece:
        there = [f"c{number}", f"f{number}"][: 1 + (number < friends)]
        members = dict.fromkeys(there, Role.MEMBER)
        return lambda tx: tx.create_conversation(
            bot, _key(number + 1), Kind.GROUP, "service", members, team_id
        )[0]

    return Shop(team_id, _made(path, map(served, range(customers))))


def served(path: Path, *, bot: str, team: str, customers: Sequence[str]) -> list[str]:
    """The conversation of a shop's bot with each customer, which names this team, and in which nobody has said a word: what a
    plugin would read when its server starts. The bot's account and the team are there."""

    def one(number: int, name: str) -> Piece:
        def make(tx: Transaction) -> str:
            tx.put_user(User(name, name))
            members = {name: Role.MEMBER}
            made: str = tx.create_conversation(bot, _key(number), Kind.GROUP, name, members, team)[0]
            return made

        return make

    return _made(path, (one(number, name) for number, name in enumerate(customers)))


def group(path: Path, owner: str, members: Sequence[str]) -> str:
    """The id of a group of these members and its owner."""
    people(path, [owner, *members])
    roles = dict.fromkeys(members, Role.MEMBER)
    [group_id] = _made(
        path, [lambda tx: tx.create_conversation(owner, _key(0), Kind.GROUP, "everybody", roles)[0]]
    )
    return str(group_id)


def _account(name: str) -> Piece:
    return lambda tx: tx.put_user(User(name, name))


def _key(number: int) -> bytes:
    return time.time_ns().to_bytes(8, "big") + number.to_bytes(8, "big")


def _made(path: Path, pieces: Iterable[Piece]) -> list[Any]:
    """What each of the pieces returns."""
    return asyncio.run(_making(path, pieces))


async def _making(path: Path, pieces: Iterable[Piece]) -> list[Any]:
    store = SqliteStore(StoreConfig(path=str(path)))
    await store.open(_Settling())
    made: list[Any] = []
    rest = iter(pieces)
    while some := list(islice(rest, IN_UNIT)):
        made += await store.write(lambda tx, some=some: [piece(tx) for piece in some])  # type: ignore[misc]
    await store.close()
    return made

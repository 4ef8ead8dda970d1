"""What features keep of a person: their tables are filled by their own acts, and each row is looked for.

A person is known in rows by number. Ours has one that nothing else has, so a row with it is a row of that person, whatever its
column is called.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from imserver import Server
from imserver.feature_api import Feature
from imserver.feature_host.views import FeatureReader
from imserver.model import User
from imserver.proof.acts import Acts
from imserver.store.checks import open_snapshot
from imserver_client import Client, Refused, direct_conversation_id
from tests.support.servers import Inbox, config, people

T = TypeVar("T")

#: So many accounts come before the person.
STRANGERS = 4_321
WHO, PEER = "zoe", "bob"
HERE = direct_conversation_id(WHO, PEER)
#: Each act is done so often.
ROUNDS = 12


@dataclass
class PersonsHand:
    """`imserver.proof.acts.Hand` of the person, one call after another."""

    client: Client
    random: Random
    messages: Sequence[tuple[str, int]]
    user_id: str = WHO
    calls: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    said: int = 0

    def note(self, *facts: Any) -> None:
        """Nobody judges here."""

    def says_now(
        self, conversation_id: str, position: int, revision: int, content: Mapping[str, Any] | None
    ) -> None:
        """Nobody compares here."""

    def where(self) -> str:
        return HERE

    def own(self) -> Sequence[tuple[str, int]]:
        return self.messages[::2]

    def seen(self) -> Sequence[tuple[str, int]]:
        return self.messages

    def text(self) -> dict[str, Any]:
        self.said += 1
        return {"type": "text", "text": f"words {self.said}"}

    def ask(
        self, call: Callable[[Client], Awaitable[T]], then: Callable[[T], None] = lambda answer: None
    ) -> None:
        async def asked() -> None:
            try:
                then(await call(self.client))
            except Refused:
                return

        self.calls.append(asked)


@dataclass
class Filled:
    """A server on which the person has done all that a feature offers."""

    server: Server
    feature: Feature
    path: Path
    user_no: int

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """The feature's tables, and all rows of each."""
        with closing(sqlite3.connect(self.path)) as sql:
            names = sql.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE ? ESCAPE '!' ORDER BY name",
                (f"{self.feature.name}!_%",),
            ).fetchall()
            return {name: sql.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}

    def of_the_person(self) -> set[str]:
        """The tables with rows in which the person stands, by number or name."""
        return {
            name
            for name, rows in self.rows().items()
            if any(self.user_no in row or WHO in row for row in rows)
        }

    def state_of_the_person(self) -> list[tuple[Any, ...]]:
        """What is kept under the feature's name for this person alone, and what everybody sees that names the person."""
        with open_snapshot(self.path) as snapshot:
            kept = snapshot.feature(self.feature.name, budget_s=60.0)
            items = [row for row in kept.items() if row[2] == self.user_no or _names_the_person(row[3])]
            abouts = [row for row in kept.abouts() if _names_the_person(row[1])]
            settings = [row for row in kept.settings() if row[1] == self.user_no]
            accounts = [row for row in kept.accounts() if row[0] == self.user_no]
            return [*items, *abouts, *settings, *accounts]

    async def exported(self) -> tuple[Mapping[str, Any], str]:
        """What the feature gives of the person, and the SQL by which it found it."""
        export, asked = self.feature.export, []
        assert export is not None

        class Watched(FeatureReader):
            def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
                asked.append(sql)
                return super().execute(sql, params)

        given = await self.server.store.read(lambda reader: export(Watched(reader, self.feature), WHO))
        return given, "\n".join(asked)


def _names_the_person(value: Any) -> bool:
    """Whether a value has the person's id in it, at any depth."""
    if isinstance(value, Mapping):
        return any(map(_names_the_person, (*value, *value.values())))
    if isinstance(value, list | tuple):
        return any(map(_names_the_person, value))
    return bool(value == WHO)


async def wrongs(filled: Filled) -> list[str]:
    """What export and erase leave out."""
    wrong = [f"{name}: no act fills it" for name, rows in filled.rows().items() if not rows]
    theirs = filled.of_the_person()
    if filled.feature.export is None or filled.feature.erase is None:
        kept = [*sorted(theirs), *filled.state_of_the_person()]
        return [*wrong, *(f"{one}: kept of a person, and neither exported nor erased" for one in kept)]
    given, asked = await filled.exported()
    wrong += [f"{name}: not exported" for name in sorted(theirs) if name not in asked]
    if theirs and not any(given.values()):
        wrong.append(f"exported: {given}")
    await filled.server.features.erase(WHO)
    wrong += [f"{name}: not erased" for name in sorted(filled.of_the_person())]
    wrong += [f"state: not erased: {kept}" for kept in filled.state_of_the_person()]
    given, _ = await filled.exported()
    if any(given.values()):
        wrong.append(f"exported after erasing: {given}")
    return wrong


@asynccontextmanager
async def filled(
    folder: Path, feature: Feature, acts: Acts | None, others: Sequence[Feature] = ()
) -> AsyncIterator[Filled]:
    """Let the person do all that `acts` know, in a conversation with somebody who talks, too."""
    settings = config(folder)
    path = Path(settings.store.path)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Server(settings, features=(*others, feature)))

        def strangers(tx: Any) -> None:
            for number in range(STRANGERS):
                tx.put_user(User(f"user-{number}", ""))
            for name in (WHO, PEER):
                tx.put_user(User(name, name.title()))

        await server.store.write(strangers)
        user_no = await server.store.read(lambda reader: reader.number_of(WHO))
        enter = await stack.enter_async_context(people(server))
        zoe, bob = await enter(WHO), await enter(PEER)
        heard = Inbox(zoe)
        for number in range(4):
            await (zoe, bob)[number % 2].post(HERE, f"message {number}")
        await heard.until(4)
        hand = PersonsHand(zoe, Random(feature.name), [(HERE, position) for position in range(1, 5)])
        for act in acts.acts if acts is not None else ():
            for _ in range(ROUNDS):
                act.do(hand)
                while hand.calls:
                    await hand.calls.pop(0)()
        await server.features.idle()
        yield Filled(server, feature, path, user_no)
        await heard.close()

"""A team and the conversations that name it, for tests of what its persons see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from imserver.chat.transaction import Transaction
from imserver.clock import Clock
from imserver.model import (
    ConversationRow,
    Kind,
    Role,
    User,
    group_conversation_id,
)
from tests.store.model import ModelTransaction
from tests.store.support import Stand, key, post

#: Owner of the team and of all conversations, by rows of their own.
BOSS = "boss"

#: The staff of a shop, run by ann; and the shop's conversation with a customer, dee, made by the bot.
STAFF = group_conversation_id("ann", key(900))
TALK = group_conversation_id("bot", key(910))


class Shop:
    """A team whose persons come and go, and service conversations with a customer each."""

    def __init__(self, stand: Stand, clock: Clock, keys: Iterator[int]) -> None:
        self.stand = stand
        self.clock = clock
        self.keys = keys
        self.team = ""

    @classmethod
    async def opened(cls, stand: Stand, clock: Clock, *persons: str, beside: Shop | None = None) -> Shop:
        """A shop with these in its team, and the boss; or another one of the same boss, beside the first."""
        shop = cls(stand, clock, count(10_000) if beside is None else beside.keys)
        await stand.users(BOSS, "cust", *persons)
        shop.team, _, _ = await stand.tx(
            lambda tx, number: tx.create_conversation(
                BOSS, number, Kind.GROUP, "team", dict.fromkeys(persons, Role.MEMBER)
            ),
            shop.key(),
        )
        return shop

    def key(self) -> bytes:
        return key(next(self.keys))

    async def serve(self, customer: str = "cust") -> str:
        """A conversation with this customer that names the team."""
        return (await self.serve_many(1, customer))[0]

    async def serve_many(self, number: int, customer: str = "cust") -> list[str]:
        def make(tx: Any) -> list[str]:
            return [
                tx.create_conversation(
                    BOSS, self.key(), Kind.GROUP, "service", {customer: Role.MEMBER}, team=self.team
                )[0]
                for _ in range(number)
            ]

        return await self.stand.tx(make)

    async def join(self, person: str, conversation_id: str | None = None, role: Role = Role.MEMBER) -> None:
        place = conversation_id or self.team
        await self.stand.tx(lambda tx, number: tx.add_member(place, BOSS, number, person, role), self.key())

    async def leave(self, person: str, conversation_id: str | None = None) -> None:
        place = conversation_id or self.team
        await self.stand.tx(lambda tx, number: tx.remove_member(place, BOSS, number, person), self.key())

    async def say(self, conversation_id: str, who: str = "cust") -> None:
        unit = post(next(self.keys), who, conversation_id)
        unit.sent_at = self.clock.now_ms()
        await self.stand.post(unit)
        assert unit.error is None, unit.error

    async def read(self, conversation_id: str, who: str, position: int) -> None:
        await self.stand.tx(lambda tx: tx.move_cursors(conversation_id, who, None, position))

    # -- what somebody sees -------------------------------------------------------------------------------------------

    async def sync(
        self, who: str, since: str | None = None, limit: int = 500
    ) -> tuple[list[ConversationRow], str, bool]:
        """One page."""
        return await self.stand.read(lambda reader: reader.sync(who, since, limit))

    async def synced(
        self, who: str, since: str | None = None, limit: int = 500
    ) -> tuple[list[ConversationRow], str]:
        """All pages."""
        rows: list[ConversationRow] = []
        more = True
        while more:
            page, since, more = await self.sync(who, since, limit)
            rows += page
            assert page or not more
        assert since is not None
        return rows, since

    async def listed(self, who: str, limit: int = 500) -> list[ConversationRow]:
        """All pages of `conversations`."""
        rows: list[ConversationRow] = []
        before: str | None = None
        while True:
            page, before = await self.stand.read(
                lambda reader, before: reader.conversations(who, before, limit), before
            )
            rows += page
            if before is None:
                return rows


def ids(rows: list[ConversationRow]) -> list[str]:
    return [row.conversation_id for row in rows]


def make_bot(tx: Any, user_id: str) -> None:
    if isinstance(tx, ModelTransaction):
        tx.be_bot(user_id)
    else:
        tx.sql("UPDATE users SET kind = 'bot' WHERE user_id = ?", (user_id,))


def make_staff(tx: Transaction) -> None:
    """ann runs it, bob is in it, and the bot, which is no person."""
    make_bot(tx, "bot")
    tx.put_user(User("eve", "Eve"))
    members = {"bob": Role.MEMBER, "bot": Role.ADMIN}
    tx.create_conversation("ann", key(900), Kind.GROUP, "staff", members)


def make_talk(tx: Transaction) -> None:
    tx.create_conversation("bot", key(910), Kind.GROUP, "service", {"dee": Role.MEMBER}, STAFF)


async def audience(stand: Stand, place: str = TALK) -> Mapping[str, Role]:
    found: Mapping[str, Role] | None = await stand.tx(lambda tx: tx.audience(place))
    assert found is not None
    return found


async def hires(stand: Stand, user_id: str, number: int = 920) -> None:
    await stand.tx(lambda tx: tx.add_member(STAFF, "ann", key(number), user_id, Role.MEMBER))


async def fires(stand: Stand, user_id: str, number: int = 940) -> None:
    await stand.tx(lambda tx: tx.remove_member(STAFF, "ann", key(number), user_id))

"""Who is staff: the chain file says it, and takes it away again.

`settle` runs at every start, in one transaction. Whom the file names is in the store's staff group and has the role `staff`;
whom it named before, and does not any more, has neither, and with the group goes every service conversation, because the group
is their team. What others decide stands: whoever left by himself stays out until the operator takes him out of the file and
names him again; a disabled account is not staff, whatever the file says; a role that an operator gave, and a member whom an
administrator of the group added, stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from imserver.plugin_api import Audience, Kind, Refusal, Role, Transaction, User

from .conversations import staff_group
from .messages.texts import Catalogue
from .schedule.shops import Chain, Shop

ROLE = "staff"


class Settled(NamedTuple):
    """What a start should say: ids, in order."""

    #: Users whom the file names, and an operator has disabled.
    disabled: tuple[str, ...] = ()
    #: Users who were staff, and whom the file does not name any more.
    ended: tuple[str, ...] = ()
    #: Users who could not be brought into a group, which the next start will try again.
    not_added: tuple[str, ...] = ()
    #: Stores whose staff group is not run by their bot any more: nothing could be settled there.
    lost: tuple[str, ...] = ()


def settle(tx: Transaction, chain: Chain, catalogue: Catalogue) -> Settled:
    """Make each store's staff group, and its staff what the file says. Idempotent."""
    work = _Settling(tx)
    wanted = {shop.id: _accounts(tx, chain, shop) for shop in chain.stores}
    named = {user_id for user_ids in wanted.values() for user_id in user_ids}
    active = {user_id for user_id in named if tx.is_active(user_id)}
    for user_id in sorted(active):
        tx.give_role(user_id, ROLE)  # first: whoever is staff may be brought into a group
    for shop in chain.stores:
        group = staff_group(tx, shop.id) or _make_group(tx, chain, catalogue, shop)
        work.store(shop.id, group, [user_id for user_id in wanted[shop.id] if user_id in active])
    for store_id, group in _groups(tx):
        if store_id not in wanted:
            work.store(store_id, group, [])
    disabled = named - active
    for user_id in sorted((work.ended | disabled) - active):
        tx.take_role(user_id, ROLE)
    ended = work.ended - active - disabled
    return Settled(*(tuple(sorted(found)) for found in (disabled, ended, work.not_added, work.lost)))


def former_bots(tx: Transaction, chain: Chain) -> list[User]:
    """The bots of stores that left the file: what they ran is still to be settled."""
    stores = {shop.id for shop in chain.stores}
    ids = (bot_of(tx, tx.members(group)) for store_id, group in _groups(tx) if store_id not in stores)
    bots = (tx.user(bot) for bot in ids if bot is not None)
    return [bot for bot in bots if bot is not None]


def bot_of(tx: Transaction, members: Audience) -> str | None:
    """The bot that runs a conversation; None if a person does, or nobody."""
    owner = next((user_id for user_id, role in members.items() if role is Role.OWNER), None)
    user = tx.user(owner) if owner is not None else None
    return user.user_id if user is not None and user.kind == "bot" else None


class _Settling:
    """One run, store by store."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        #: Whom the file has named so far, by store; a store is missing where nothing was written down.
        self._known: dict[str, set[str]] = {}
        for store_id, user_id, ended_at in tx.execute(
            "SELECT store_id, user_id, ended_at FROM booking_staff"
        ):
            known = self._known.setdefault(store_id, set())
            if ended_at is None:
                known.add(user_id)
        self.ended: set[str] = set()
        self.not_added: set[str] = set()
        self.lost: set[str] = set()

    def store(self, store_id: str, group: str, active: list[str]) -> None:
        """Make the members of a store's group what the file says."""
        tx, members, known = self._tx, self._tx.members(group), self._known.get(store_id)
        bot = bot_of(tx, members)
        if bot is None:
            self.lost.add(store_id)
            return
        if known is None:
            # From before this was kept: whoever is in the group was named then. Who left was brought back at every start.
            known = {user_id for user_id in members if user_id != bot}
            new = active
        else:
            new = [user_id for user_id in active if user_id not in known]
        for user_id in known.difference(active):
            tx.remove_member(group, user_id)
            self.ended.add(user_id)
        added = [user_id for user_id in new if self._add(group, user_id)]
        self._write(store_id, added, None)
        self._write(store_id, known.difference(active), tx.now_ms)

    def _add(self, group: str, user_id: str) -> bool:
        try:
            self._tx.add_member(group, user_id, lets_back=True)
        except Refusal:
            self.not_added.add(user_id)
            return False
        return True

    def _write(self, store_id: str, user_ids: Iterable[str], ended_at: int | None) -> None:
        values = [value for user_id in sorted(user_ids) for value in (store_id, user_id, ended_at)]
        if values:
            rows = ", ".join(["(?, ?, ?)"] * (len(values) // 3))
            self._tx.execute(
                f"INSERT INTO booking_staff (store_id, user_id, ended_at) VALUES {rows}"  # noqa: S608 - question marks
                " ON CONFLICT (store_id, user_id) DO UPDATE SET ended_at = excluded.ended_at",
                values,
            )


def _groups(tx: Transaction) -> list[tuple[str, str]]:
    """(store, its staff group) of every store that ever was."""
    rows = tx.execute("SELECT store_id, conversation_id FROM booking_staff_groups ORDER BY store_id")
    return [(store_id, group) for store_id, group in rows]


def _accounts(tx: Transaction, chain: Chain, shop: Shop) -> list[str]:
    """The accounts that the file names for a store, made if there are none. One that exists keeps its name and language."""
    for resource in shop.resources:
        if resource.user_id and tx.user(resource.user_id) is None:
            name = resource.names.in_language(chain.staff_language)
            tx.ensure_user(User(resource.user_id, name, "zh-CN" if chain.staff_language == "zh" else "en"))
    return list(dict.fromkeys(shop.staff_ids()))


def _make_group(tx: Transaction, chain: Chain, catalogue: Catalogue, shop: Shop) -> str:
    words = catalogue.words(chain.staff_language, shop)
    group = tx.ensure_conversation(
        f"staff/{shop.id}",
        Kind.GROUP,
        {shop.bot: Role.OWNER},
        title=words("staff.group_title", store=shop.names.in_language(chain.staff_language)),
        owner_id=shop.bot,
    )
    tx.execute("INSERT INTO booking_staff_groups (conversation_id, store_id) VALUES (?, ?)", (group, shop.id))
    return group

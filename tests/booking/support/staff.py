"""Chain files whose staff come and go, and what somebody is in a conversation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from imserver.chat.permissions import Relation
from tests.booking.support.chains import DEMO
from tests.booking.support.shop import Shop

PERSON = """
[[stores.resources]]
id = "garden-{name}"
kind = "person"
user_id = "staff-{name}"
names = {{ zh = "{name}", en = "{name}" }}

"""


class ChainFile:
    """The demo chain, whose first shop gets other staff."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "chain.toml"
        self.write()

    @property
    def config(self) -> dict[str, str]:
        return {"chain": str(self.path)}

    def change(self, old: str, new: str) -> None:
        """One place of it."""
        text = self.path.read_text("utf-8")
        assert old in text
        self.path.write_text(text.replace(old, new, 1), "utf-8")

    def write(self, *, without: Iterable[str] = (), more: Iterable[str] = (), stores: int = 2) -> None:
        """The file with these persons of the first shop more, without those anywhere, and with its first `stores`."""
        text = DEMO.read_text("utf-8")
        river = text.index('[[stores]]\nid = "river"')
        people = "".join(PERSON.format(name=name.removeprefix("staff-")) for name in more)
        for name in without:
            assert f'user_id = "{name}"\n' in text, name
        gone = "|".join(without)
        first, second = (re.sub(f'user_id = "({gone})"\n', "", part) for part in (text[:river], text[river:]))
        text = first + people + (second if stores > 1 else "")
        self.path.write_text(text, "utf-8")


async def relation(shop: Shop, user_id: str, conversation_id: str) -> Relation:
    """What the readers think; the writer agrees."""
    found = await shop.kit.store.read(lambda reader: reader.seat(conversation_id, user_id).standing.relation)
    written = await shop.kit.store.write(lambda tx: tx.seat(conversation_id, user_id).standing.relation)
    here = (Relation.MEMBER, Relation.TEAM_MEMBER)
    assert written is (found if found in here else Relation.STRANGER)
    return found


async def roles(shop: Shop, user_id: str) -> tuple[str, ...]:
    user = await shop.kit.store.write(lambda tx: tx.user(user_id))
    assert user is not None
    return user.roles

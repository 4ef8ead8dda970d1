"""Ledgers of copied databases, as a test writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imserver.chat.ports import Store
from imserver.chat.transaction import Transaction
from imserver.model import User
from imserver.store.engine.ledger import Kinds, Record, first_line, line, sum_of

#: Of a ledger.
NAME = bytes(8)


def renamed(tx: Transaction, record: Record) -> None:
    """The tests' own kind: a user's name is the last one on record."""
    tx.put_user(User("ann", str(record.body["name"])))


KINDS: Kinds = {"renamed": renamed}


def written(*bodies: Mapping[str, Any], name: bytes = NAME) -> bytes:
    """A ledger with these records."""
    data = first_line(name)
    before = sum_of(b"", data[:-1])
    for number, body in enumerate(bodies, 1):
        text, record = line(number, 7, "renamed", body, before)
        data, before = data + text, record.sum
    return data


def ledger(*names: str, name: bytes = NAME) -> bytes:
    return written(*({"name": each} for each in names), name=name)


async def name_of(store: Store) -> str | None:
    found = await store.read(lambda reader: reader.users(["ann"]))
    return found[0].display_name if found else None

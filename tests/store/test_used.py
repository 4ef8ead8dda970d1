"""What users have posted is kept by every engine: replaced as a whole, and by nobody but users."""

from __future__ import annotations

from imserver.model import Usage
from tests.store.support import Stand


async def test_what_was_used_replaces_what_was_known(stand: Stand) -> None:
    assert await stand.read(lambda reader: reader.used("ann")) == Usage("ann")
    for used in (Usage("ann", 7, 20_000, 5), Usage("ann", 2**53, 20_001, 0), Usage("ann", 1, 3, 1)):
        await stand.tx(lambda tx, used=used: tx.put_used([used, Usage("bob", 9, 20_000, 9)]))
        assert await stand.read(lambda reader: reader.used("ann")) == used
    assert await stand.read(lambda reader: reader.used("bob")) == Usage("bob", 9, 20_000, 9)
    assert await stand.read(lambda reader: reader.used("cy")) == Usage("cy")


async def test_who_has_no_account_has_used_nothing(stand: Stand) -> None:
    await stand.tx(lambda tx: tx.put_used([Usage("nobody", 7, 1, 7), Usage("ann", 1, 1, 1)]))
    assert await stand.read(lambda reader: reader.used("nobody")) == Usage("nobody")
    assert await stand.read(lambda reader: reader.used("ann")) == Usage("ann", 1, 1, 1)


async def test_it_takes_no_number_of_a_change(stand: Stand) -> None:
    before = stand.store.change
    await stand.tx(lambda tx: tx.put_used([Usage("ann", 1, 1, 1)]))
    assert stand.store.change == before

"""A database from before the staff's inbox goes on: what waited waits, since when it did; and nobody has taken anything over.

`fixtures/before_inbox.sql` is of commit d39f1746. Hong asked a question that no fact answers, then Lan could not see any more;
Eve called people and was answered. Ming has an appointment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from imserver.plugins.booking.schedule.asked_by_staff import INBOX, Inbox, InboxParams
from tests.booking.support.shop import NOW, Shop

OLD = Path(__file__).parent / "fixtures" / "before_inbox.sql"
BEGUN = int(NOW.timestamp() * 1000)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    path = tmp_path / "chat.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.executescript(OLD.read_text("utf-8"))
        number = "SELECT MAX(number) FROM plugin_migrations WHERE plugin = 'booking'"
        assert raw.execute(number).fetchone() == (12,)
    async with Shop(path=path, seed=2) as shop:
        yield shop


async def inbox(shop: Shop) -> Inbox:
    told = (await shop.kit.call(INBOX, "staff-wang", InboxParams("garden"))).inbox
    assert told is not None
    return told


async def test_what_waited_waits_though_nobody_knows_why_any_more(shop: Shop) -> None:
    told = await inbox(shop)
    assert [(one.customer.id, one.since, one.why, one.position, one.text) for one in told.waiting] == [
        ("hong", BEGUN + 60_000, "unread", None, ""),
        ("lan", BEGUN + 120_000, "unread", None, ""),
    ]
    assert [(one.customer.id, one.at, one.last_human_at) for one in told.recent] == [
        ("eve", BEGUN + 180_000, BEGUN + 180_000),
        ("ming", BEGUN, None),
    ]
    assert {one.taken for one in (*told.waiting, *told.recent)} == {None}


async def test_it_goes_on_with_what_is_new(shop: Shop) -> None:
    rooms = {one: await shop.service(one) for one in ("hong", "lan", "eve")}
    await shop.say("lan", rooms["lan"], "突然看不见了")
    assert [(one.customer.id, one.why) for one in (await inbox(shop)).waiting] == [
        ("lan", "alarm"),
        ("hong", "unread"),
    ]
    group = await shop.staff_group()
    assert group in [one.conversation_id for one in await shop.advance(6)], "timers of before go on"
    await shop.say("staff-li", rooms["hong"], "接手")
    await shop.say("staff-li", rooms["hong"], "有的")
    told = await inbox(shop)
    assert [one.customer.id for one in told.waiting] == ["lan"]
    assert told.recent[0].taken is not None

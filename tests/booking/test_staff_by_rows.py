"""A database from before teams: each service conversation gets its team in units, killed at any of them.

Whoever is staff keeps what he had, whoever was staff reads nothing, the customer stays. `fixtures/staff_by_rows.sql` is of
commit ddfba07. In the shop Garden, Sun had been dropped from the chain file, Qian, too, and had left the staff group; both kept
every conversation. Zhou was a customer of his own shop, Chen of another; Lan had left her conversation, and Li that one, too;
Mum was brought by Li.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.permissions import Relation
from imserver.check.consistency import check_file
from imserver.errors import Refusal, RefusalCode
from imserver.model import ConversationRow, Cursors, Page
from imserver.plugin_api import Transaction
from imserver.plugins.booking import to_teams
from tests.booking.support.shop import Shop, shown
from tests.booking.support.staff import ChainFile, relation, roles

OLD = Path(__file__).parent / "fixtures" / "staff_by_rows.sql"
IN, OUT = Relation.TEAM_MEMBER, Relation.FORMER_TEAM_MEMBER
FORMER_STAFF = ("staff-qian", "staff-sun", "staff-wang")
STAFF = ("staff-li", "staff-zhou", "staff-new")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "chat.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.executescript(OLD.read_text("utf-8"))
    return path


@pytest.fixture
def chain(tmp_path: Path) -> ChainFile:
    """Wang has gone, and New has come."""
    file = ChainFile(tmp_path)
    file.write(without=["staff-wang"], more=["staff-new"])
    return file


def opened(path: Path, chain: ChainFile) -> Shop:
    return Shop(path=path, config=chain.config, seed=2)


async def settled(shop: Shop) -> list[tuple[str, str, str]]:
    """(customer, who is there, what they are) of every service conversation; each is in order."""
    await shop.kit.idle()
    assert await shop.sql("SELECT 1 FROM booking_services WHERE by_team = 0") == []
    assert await shop.sql("SELECT 1 FROM booking_to_team") == []
    people = [*STAFF, *FORMER_STAFF, "staff-chen", "staff-zhang", "ming", "hong", "lan", "eve", "mum"]
    found = []
    for place, customer in await shop.sql("SELECT conversation_id, customer_id FROM booking_services"):
        found += [(customer, one, (await relation(shop, one, place)).name) for one in people]
    return sorted(found)


def stands(found: list[tuple[str, str, str]], customer: str, *people: str) -> set[Relation]:
    return {Relation[name] for where, one, name in found if where == customer and one in people}


async def history(shop: Shop, user_id: str, place: str) -> Page:
    """From the first message on."""
    return await shop.kit.store.read(lambda reader: reader.history(place, user_id, 0, None, 50, 99_999))


async def synced(shop: Shop, user_id: str) -> list[ConversationRow]:
    rows, _, more = await shop.kit.store.read(lambda reader: reader.sync(user_id, None, 500))
    assert not more
    return rows


async def findings(path: Path) -> list[str]:
    report = await check_file(path, {"booking": {}})
    assert set(report.skipped) <= {"booking"}
    return [str(finding) for finding in report.findings]


async def test_staff_of_now_are_in_by_the_team_and_who_was_staff_reads_nothing(
    old: Path, chain: ChainFile
) -> None:
    assert await findings(old) == []  # right before, by the tables of then
    async with opened(old, chain) as shop:
        found = await settled(shop)
        for customer in ("ming", "hong", "lan", "staff-chen"):
            assert stands(found, customer, *STAFF) == {IN}
            assert stands(found, customer, *FORMER_STAFF) == {OUT}
        assert stands(found, "eve", "staff-chen", "staff-zhang") == {IN}
        assert stands(found, "eve", *STAFF, *FORMER_STAFF) == {Relation.STRANGER}
        # Customers keep what they had: also who left, who is staff there, and who is staff elsewhere.
        assert stands(found, "ming", "ming") | stands(found, "staff-chen", "staff-chen") == {Relation.MEMBER}
        assert stands(found, "staff-zhou", "staff-zhou") == {Relation.MEMBER}
        assert stands(found, "lan", "lan") == {Relation.FORMER}
        assert stands(found, "ming", "mum") == {Relation.MEMBER}
        assert [await roles(shop, one) for one in ("staff-wang", "staff-sun", "staff-qian")] == [(), (), ()]
        assert await roles(shop, "staff-li") == ("staff",)
    assert await findings(old) == []


async def test_who_was_staff_reads_not_even_what_he_once_read(old: Path, chain: ChainFile) -> None:
    async with opened(old, chain) as shop:
        await settled(shop)
        here, there = await shop.service("ming"), await shop.service("hong")
        for user_id in FORMER_STAFF:
            for place in (here, there):
                with pytest.raises(Refusal) as caught:
                    await history(shop, user_id, place)
                assert caught.value.code is RefusalCode.NOT_FOUND
            rows = await synced(shop, user_id)
            assert {row.conversation_id for row in rows} & {here, there} == set()
        page = await history(shop, "staff-new", here)
        assert any("青光眼" in str(item.content, "utf-8", "ignore") for item in page.items if item.content)
        removed = [
            said.content["user"]
            for said in shop.kit._said[here].values()
            if said.content.get("event") == "removed"
        ]
        assert removed == sorted(removed) == list(FORMER_STAFF)


async def test_who_is_staff_keeps_cursors_and_settings(old: Path, chain: ChainFile) -> None:
    async with opened(old, chain) as shop:
        await settled(shop)
        here = await shop.service("ming")
        assert await shop.kit.store.write(lambda tx: tx.move_cursors(here, "staff-li", 0, 0)) == Cursors(4, 4)
        assert await shop.kit.store.write(lambda tx: tx.settings(here, "staff-li")) == (1, {"pinned": 1})
        [row] = [row for row in await synced(shop, "staff-li") if row.conversation_id == here]
        assert (row.team, row.cursors.read) == (await shop.staff_group(), 4)


async def test_everybody_goes_on_meanwhile(
    old: Path, chain: ChainFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its turn a conversation is served as before; the appointment stays what it was."""
    monkeypatch.setattr(to_teams, "AT_ONCE", 1)
    monkeypatch.setattr(to_teams, "_plan", later := Later())
    async with opened(old, chain) as shop:
        places = [await shop.service(one) for one in ("ming", "hong", "lan")]
        for done in range(7):
            await shop.kit.idle()
            await shop.say("ming", places[0], "你好")
            await shop.say("staff-li", places[0], "您好")
            with pytest.raises(Refusal):  # the group he lost at once
                await shop.kit.post("staff-wang", await shop.staff_group(), "在吗")
            left = await shop.sql("SELECT 1 FROM booking_services WHERE by_team = 0")
            assert len(left) == max(0, 5 - done)
            assert await shop.findings() == []
            await shop.advance(Later.MINUTES)
        assert later.planned == 7
        assert "王小明" in await shop.hear("staff-new", await shop.staff_group(), "今日预约 明天")
        [code] = [row[0] for row in await shop.appointments()]
        answer = await shop.say("staff-new", places[0], f"取消 {code}")
        assert any(code in shown(one) for one in answer)


class Later:
    """Plans each unit a while after the last."""

    MINUTES = 1.0

    def __init__(self) -> None:
        self.planned = 0

    def __call__(self, tx: Transaction) -> None:
        self.planned += 1
        due = tx.now_ms + (0 if self.planned == 1 else int(self.MINUTES * 60_000))
        tx.execute(
            "INSERT INTO booking_to_team (timer_id) VALUES (?)", (tx.schedule(due, to_teams.TIMER, {}),)
        )


async def test_killed_at_any_unit_it_ends_the_same(
    old: Path, chain: ChainFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the disk when a unit begins is what a kill leaves; a server is opened on each."""
    images: list[Path] = []
    step = to_teams.step

    def imaged(tx: Transaction) -> list[str]:
        image = tmp_path / f"image-{len(images)}.db"
        with closing(sqlite3.connect(old)) as source, closing(sqlite3.connect(image)) as copy:
            source.backup(copy)
        images.append(image)
        return step(tx)

    monkeypatch.setattr(to_teams, "AT_ONCE", 1)
    monkeypatch.setattr(to_teams, "step", imaged)
    async with opened(old, chain) as shop:
        whole = await settled(shop)
    monkeypatch.setattr(to_teams, "step", step)
    assert len(images) == 7  # six conversations, and nothing left
    for number, image in enumerate(images):
        with closing(sqlite3.connect(image)) as raw:
            done = raw.execute("SELECT count(*) FROM booking_services WHERE by_team = 1").fetchone()
        assert done == (number,)
        assert await findings(image) == []
        async with opened(image, chain) as shop:
            assert await settled(shop) == whole, number
        assert await findings(image) == []


async def test_a_conversation_that_the_bot_lost_is_left_and_said(old: Path, chain: ChainFile) -> None:
    """Somebody with the bot's token had made himself its owner; the others are brought in order."""
    shutil.copy(old, old.with_suffix(".copy"))
    with closing(sqlite3.connect(old, isolation_level=None)) as raw:
        raw.execute(
            "UPDATE members SET role = CASE role WHEN 'owner' THEN 'admin' ELSE 'owner' END WHERE"
            " user_no IN (SELECT no FROM users WHERE user_id IN ('store-garden', 'staff-wang')) AND conversation_no ="
            " (SELECT c.no FROM conversations c JOIN booking_services s USING (conversation_id) WHERE customer_id = 'hong')"
        )
    shop = opened(old, chain)
    await shop.kit.__aenter__()
    try:
        found = await settled(shop)
        lost = [fields for _, event, fields in shop.kit.log.lines if event == "service_conversations_lost"]
        assert [one["conversations"] for one in lost] == [[await shop.service("hong")]]
        assert stands(found, "ming", *FORMER_STAFF) == {OUT}
        assert any("staff are a team" in text for text in await shop.findings())
    finally:
        await shop.kit.__aexit__(None, None, None)


def test_the_fixture_is_what_it_says(old: Path) -> None:
    with closing(sqlite3.connect(old)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (4,)

        def staff(customer: str) -> Any:
            return raw.execute(
                "SELECT u.user_id FROM members m JOIN users u ON u.no = m.user_no JOIN conversations c"
                " ON c.no = m.conversation_no JOIN booking_services s USING (conversation_id)"
                " WHERE s.customer_id = ? AND m.left_at IS NULL AND m.role = 'admin' ORDER BY 1",
                (customer,),
            ).fetchall()

        everybody = [("staff-li",), ("staff-qian",), ("staff-sun",), ("staff-wang",), ("staff-zhou",)]
        assert staff("ming") == staff("hong") == everybody
        assert staff("lan") == everybody[1:]


async def test_whoever_was_ever_staff_is_no_guest(old: Path, chain: ChainFile) -> None:
    """A colleague had brought Qian back by hand, as a plain member; the role was taken at an earlier conversation."""
    with closing(sqlite3.connect(old, isolation_level=None)) as raw:
        raw.execute(
            "UPDATE members SET role = 'member' WHERE user_no = (SELECT no FROM users WHERE user_id = 'staff-qian')"
        )
        raw.execute(
            "UPDATE members SET role = 'member' WHERE user_no = (SELECT no FROM users WHERE user_id = 'staff-sun')"
        )
    async with opened(old, chain) as shop:
        found = await settled(shop)
        for customer in ("ming", "hong", "lan", "staff-chen"):
            assert stands(found, customer, *FORMER_STAFF) == {OUT}
        assert await shop.sql("SELECT user_id FROM booking_guests") == [("mum",)]

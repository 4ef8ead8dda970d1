"""Booking's part of `imserver check`: a shop's life passes; the check for each kind of damage finds it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from imserver.check.consistency import ask_plugins, check_file
from imserver.content import encode_content
from imserver.plugin_host import PluginCheck
from imserver.plugins.booking.checks import CHECKS
from imserver.store.checks import Report, Snapshot
from tests.booking.support.booked import booked
from tests.booking.support.chains import DEMO
from tests.booking.support.leave import agreed
from tests.booking.support.shop import RIVER, Shop


async def lived_in(path: Path) -> None:
    """A confirmed appointment that was moved, a cancelled one, one that is over, one that is held, and a request. The first is
    in the way of a closed morning, and somebody is on leave. Somebody was sent to the hospital."""
    chain = path.with_name("chain.toml")
    by_hand = 'id = "river"\nconfirmation = "staff"\n'
    chain.write_text(DEMO.read_text("utf-8").replace('id = "river"\n', by_hand, 1), "utf-8")
    async with Shop(path=path, config={"chain": str(chain)}) as shop:
        here, _ = await booked(shop)
        for text in ("改约 周五上午10点半", "好"):
            await shop.say("ming", here, text)
        place, _ = await booked(shop, "ann")
        for text in ("取消", "好"):
            await shop.say("ann", place, text)
        _, code = await booked(shop, "dee", "今天12:00")
        await shop.until("2026-11-18T11:50")
        group = await shop.staff_group()
        for step in ("到店", "撤销", "到店", "开始", "完成"):
            await shop.say("staff-li", group, f"{step} {code}")
        there = await shop.customer("fay", bot=RIVER)
        for text in ("预约 后天15:00 验光 我叫小红 成人 来过", "好"):
            await shop.say("fay", there, text)
        river = await shop.customer("eve", bot=RIVER)
        await shop.say("eve", river, "预约 明天15:00 验光 我叫小明 成人 来过")
        # Withdrawn as in the chat, which would need a ledger beside the copies.
        await shop.sql(
            "INSERT INTO booking_consents (customer_id, store_id, kind, version, given_at, given_by, withdrawn_at,"
            " withdrawn_by) VALUES ('eve', 'river', 'booking', 'shipped-1', 1000, 'eve', 2000, 'eve')"
        )
        await shop.say("eve", river, "隐私 shipped-1")
        await shop.say("eve", river, "你们那里有儿童椅吗?")
        await shop.say("eve", river, "右眼突然看不见了")
        await shop.say("staff-chen", there, "接手")
        await agreed(shop, "休息 周五上午")
        await agreed(shop, "请假 李老师 12月3日")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of that shop's database."""
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    asyncio.run(lived_in(path))
    return path.read_bytes()


@pytest.fixture
def raw(tmp_path, whole):
    """A connection to a copy of it."""
    path = tmp_path / "shop.db"
    path.write_bytes(whole)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def ask(raw: sqlite3.Connection) -> Report:
    report = Report()
    raw.execute("BEGIN")
    ask_plugins(
        Snapshot(raw), [PluginCheck("booking", name, query) for name, query in CHECKS.items()], report
    )
    raw.execute("ROLLBACK")
    return report


async def test_a_shops_life_passes_and_every_check_looks_at_something(tmp_path, whole) -> None:
    path = tmp_path / "shop.db"
    path.write_bytes(whole)
    report = await check_file(path, {"booking": {}})
    assert report.findings == []
    assert report.skipped == {}
    asked = {row.name for row in report.results if row.checked and row.name.startswith("booking: ")}
    assert asked == {f"booking: {name}" for name in CHECKS}


def test_all_that_is_wrong_is_counted(raw: sqlite3.Connection) -> None:
    """Also beyond the lines that the report has."""
    raw.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)"
        " INSERT INTO booking_customers (user_id) SELECT 'nobody-' || i FROM n"
    )
    assert [row.found for row in ask(raw).results if row.found] == [60]


CONFIRMED = "(SELECT id FROM booking_appointments WHERE status = 'confirmed')"
HELD = "(SELECT id FROM booking_appointments WHERE status = 'held')"
CARD = (
    "(SELECT m.change FROM messages m JOIN conversations c ON c.no = m.conversation_no JOIN booking_appointments a"
    " ON a.conversation_id = c.conversation_id AND a.card_position = m.position WHERE a.status = 'confirmed')"
)
EVES = (
    "(SELECT c.no FROM conversations c JOIN booking_services s ON s.conversation_id = c.conversation_id"
    " WHERE s.customer_id = 'eve')"
)
GARDENS = "(SELECT conversation_id FROM booking_staff_groups WHERE store_id = 'garden')"

#: What was done to the tables, and which checks see it.
DAMAGES: list[tuple[str, set[str]]] = [
    (f"DELETE FROM booking_cells WHERE appointment_id = {HELD} AND cell % 2 = 0", {"cells are owned"}),
    ("DELETE FROM booking_cells", {"cells are owned"}),
    (f"INSERT INTO booking_cells VALUES ('garden-wang', 1, {CONFIRMED})", {"cells are owned"}),
    ("INSERT INTO booking_cells SELECT 'garden-wang', 1, id FROM booking_appointments WHERE status = 'done'",
     {"no cell without an appointment"}),
    ("INSERT INTO booking_cells VALUES ('garden-wang', 1, 99)", {"no cell without an appointment"}),
    ((f"UPDATE booking_appointment_resources SET resource_id = 'x' WHERE appointment_id = {HELD}"
     " AND resource_id LIKE '%room%'"), {"cells are owned"}),
    ("UPDATE booking_appointments SET code = 'A2A2' WHERE status = 'held'", {"appointments are sane"}),
    ("UPDATE booking_appointments SET wish_start_at = 300000 WHERE status = 'confirmed'", {"wished times are owned"}),
    ("UPDATE booking_appointments SET wish_wall = '2026-11-20T11:00' WHERE status = 'confirmed'",
     {"wished times are owned", "requests will end"}),
    ("UPDATE booking_appointments SET wish_resources = 'x' WHERE status = 'held'", {"wished times are owned"}),
    ("UPDATE booking_appointments SET zone = 'Europe/Berlin' WHERE status = 'held'", {"appointments are sane"}),
    ("UPDATE booking_appointments SET zone = 'Nowhere' WHERE status = 'held'", {"appointments are sane"}),
    ("UPDATE booking_appointments SET end_at = start_at WHERE status = 'held'", {"appointments are sane"}),
    ("UPDATE booking_appointments SET hold_until = NULL WHERE status = 'held'", {"appointments are sane"}),
    ("UPDATE booking_appointments SET hold_until = 5 WHERE status = 'confirmed'", {"appointments are sane"}),
    (f"UPDATE booking_reminders SET state = 'not_sent' WHERE appointment_id = {CONFIRMED}", {"reminders have timers"}),
    (f"DELETE FROM booking_reminders WHERE appointment_id = {CONFIRMED} AND kind = 'same_day'",
     {"confirmed appointments have reminders", "reminders have timers"}),
    ("UPDATE booking_reminders SET timer_id = NULL", {"confirmed appointments have reminders", "reminders have timers"}),
    ("UPDATE booking_reminders SET state = 'planned' WHERE appointment_id <> " + CONFIRMED,
     {"no reminder for nothing", "reminders have timers"}),
    ("DELETE FROM booking_changes WHERE version = 1", {"history is whole"}),
    ("UPDATE booking_changes SET action = 'cancel' WHERE action = 'finish'", {"history is whole"}),
    ("UPDATE booking_changes SET action = 'confirm' WHERE action = 'hold'", {"history is whole"}),
    ("UPDATE booking_changes SET start_wall = '2026-11-19T10:00' WHERE action = 'start'",
     {"history is whole"}),
    ("UPDATE booking_appointments SET status = 'no_show' WHERE status = 'done'", {"history is whole"}),
    ("UPDATE booking_appointments SET customer_id = 'staff-li' WHERE status = 'held'", {"conversations are known"}),
    ("UPDATE booking_appointments SET store_id = 'garden' WHERE status = 'held'", {"conversations are known"}),
    ("DELETE FROM timers WHERE name = 'hold'", {"holds will end"}),
    ("DELETE FROM timers WHERE name = 'request'", {"requests will end"}),
    ("DELETE FROM booking_requests", {"requests will end"}),
    (f"INSERT INTO booking_requests SELECT {CONFIRMED}, asked_at, next_step, due_at, timer_id FROM booking_requests",
     {"requests will end"}),
    ("UPDATE booking_changes SET status = 'arrived' WHERE action = 'undo'", {"history is whole"}),
    ("UPDATE booking_changes SET action = 'undo' WHERE action = 'finish'", {"history is whole"}),
    ("DELETE FROM timers WHERE name = 'reminder' AND timer_id = (SELECT max(timer_id) FROM timers WHERE name = 'reminder')",
     {"reminders have timers"}),
    ("UPDATE timers SET due_at = due_at + 1 WHERE name = 'reminder'", {"reminders have timers"}),
    ("UPDATE timers SET name = 'remainder' WHERE name = 'unanswered'", {"timers are known"}),
    ("UPDATE timers SET payload = :nothing WHERE name = 'unanswered'", {"timers are known"}),
    ("UPDATE booking_appointments SET card_position = NULL WHERE status = 'confirmed'", {"cards are shown"}),
    ("UPDATE booking_appointments SET card_position = 1 WHERE status = 'confirmed'", {"cards are shown"}),
    ("UPDATE booking_appointments SET card_position = 1000 WHERE status = 'confirmed'", {"cards are shown"}),
    ("UPDATE booking_appointments SET card_position = 3 WHERE status = 'held'", {"cards are shown"}),
    (f"UPDATE messages SET content = :card WHERE change = {CARD}", {"cards are shown"}),
    (f"UPDATE messages SET content = NULL WHERE change = {CARD}", {"cards are shown"}),
    ("UPDATE booking_staff_groups SET conversation_id = 'group/0' WHERE store_id = 'garden'",
     {"places exist", "staff are a team", "plans can be read"}),
    (("DELETE FROM members WHERE role = 'owner' AND conversation_no = (SELECT no FROM conversations c"
     " JOIN booking_services s ON s.conversation_id = c.conversation_id WHERE s.customer_id = 'eve')"), {"places exist"}),
    (f"UPDATE conversations SET team = NULL WHERE no = {EVES}", {"staff are a team"}),
    (f"UPDATE conversations SET team = (SELECT no FROM conversations WHERE conversation_id = {GARDENS}) WHERE no = {EVES}",
     {"staff are a team"}),
    ((f"INSERT INTO members (conversation_no, user_no, role, joined_at, seen_no, changed) SELECT {EVES}, no, 'admin', 1, 0, 1"
     " FROM users WHERE user_id = 'staff-chen'"), {"staff are a team"}),
    ((f"INSERT INTO members (conversation_no, user_no, role, joined_at, seen_no, changed) SELECT {EVES}, no, 'member', 1, 0, 1"
     " FROM users WHERE user_id = 'ming'"), {"staff are a team"}),
    (("INSERT INTO members (conversation_no, user_no, role, joined_at, seen_no, changed, left_at)"
     f" SELECT {EVES}, no, 'member', 1, 0, 1, 2 FROM users WHERE user_id = 'staff-li'"), {"staff are a team"}),
    (f"DELETE FROM members WHERE role = 'member' AND conversation_no = {EVES}", {"staff are a team"}),
    ("INSERT INTO booking_customers (user_id) VALUES ('nobody')", {"places exist"}),
    ("UPDATE booking_consents SET customer_id = 'nobody' WHERE id = 1", {"consents are sane"}),
    ("UPDATE booking_consents SET given_by = '' WHERE id = 2", {"consents are sane"}),
    ("UPDATE booking_consents SET kind = 'other' WHERE id = 2", {"consents are sane"}),
    ("UPDATE booking_consents SET version = '' WHERE id = 2", {"consents are sane"}),
    ("UPDATE booking_consents SET withdrawn_by = '' WHERE id = 1", {"consents are sane"}),
    ("UPDATE booking_consents SET withdrawn_by = 'ann' WHERE id = 2", {"consents are sane"}),
    ("UPDATE booking_consents SET withdrawn_at = 5 WHERE id = 1", {"consents are sane"}),
    ("UPDATE booking_alarms SET customer_id = 'nobody'", {"alarms are sane"}),
    ("UPDATE booking_alarms SET told = 'urgent urgent'", {"alarms are sane"}),
    ("UPDATE booking_alarms SET told = 'pain'", {"alarms are sane"}),
    ("UPDATE booking_alarms SET told = ''", {"alarms are sane"}),
    ("UPDATE booking_alarms SET urgent_at = 0", {"alarms are sane"}),
    ("UPDATE booking_alarms SET urgent_at = 0, told = ''", {"alarms are sane"}),
    ("INSERT INTO booking_alarms (customer_id, careful_at) VALUES ('ann', -5)", {"alarms are sane"}),
    ("UPDATE booking_services SET waiting_why = '' WHERE waiting_since IS NOT NULL", {"waits are sane"}),
    ("UPDATE booking_services SET waiting_why = 'tired' WHERE waiting_since IS NOT NULL", {"waits are sane"}),
    ("UPDATE booking_services SET waiting_why = 'asked' WHERE waiting_since IS NULL", {"waits are sane"}),
    ("UPDATE booking_services SET waiting_position = 3 WHERE waiting_since IS NULL", {"waits are sane"}),
    ("UPDATE booking_services SET taken_by = 'nobody' WHERE taken_by <> ''", {"take-overs will end"}),
    ("UPDATE booking_services SET taken_by = '' WHERE taken_by <> ''", {"take-overs will end"}),
    ("UPDATE booking_services SET taken_at = taken_at + 1 WHERE taken_by <> ''", {"take-overs will end"}),
    ("DELETE FROM timers WHERE name = 'take_over'", {"take-overs will end"}),
    ("UPDATE booking_dialogues SET state = '{'", {"questions can be read"}),
    ("UPDATE booking_dialogues SET state = '{\"appointment_id\": 99}'", {"questions can be read"}),
    ("UPDATE booking_chain_changes SET path = 'stores.garden'", {"changes can be read"}),
    ("UPDATE booking_chain_changes SET value = '['", {"changes can be read"}),
    ("DELETE FROM booking_chain", {"changes can be read"}),
    ("UPDATE booking_leaves SET end_at = start_at", {"leave is sane"}),
    ("UPDATE booking_leaves SET end_wall = '2026-12-03T18:00'", {"leave is sane"}),
    ("UPDATE booking_leaves SET zone = 'Nowhere'", {"leave is sane"}),
    ("UPDATE booking_plans SET state = 'dropped' WHERE progress_position IS NOT NULL", {"offers are ticked off"}),
    ("UPDATE booking_offers SET appointment_id = (SELECT id FROM booking_appointments WHERE status = 'done')",
     {"offers are ticked off"}),
    ("UPDATE booking_plans SET detail = '{}'", {"plans can be read"}),
    ("UPDATE booking_plans SET progress_position = 99 WHERE progress_position IS NOT NULL", {"plans can be read"}),
    ("DELETE FROM timers WHERE name = 'offers'", {"plans can be read"}),
    ("UPDATE timers SET payload = :nothing WHERE name = 'offers'", {"plans can be read", "timers are known"}),
]  # fmt: skip
VALUES = {
    "nothing": encode_content({"conversation": "group/0", "since": 1}),
    "card": encode_content({"type": "card", "ref": {"kind": "appointment", "id": "A2A2", "version": 1}}),
}


@pytest.mark.parametrize(("damage", "found_by"), DAMAGES, ids=[damage[:70] for damage, _ in DAMAGES])
def test_a_damage_is_found_by_its_check_alone(raw, damage, found_by) -> None:
    assert raw.execute(damage, {name: VALUES[name] for name in VALUES if f":{name}" in damage}).rowcount
    report = ask(raw)
    assert {row.name.removeprefix("booking: ") for row in report.results if row.found} == found_by, (
        report.findings
    )


def test_two_at_one_time_are_found_also_if_the_cells_say_otherwise(raw) -> None:
    raw.execute(
        "UPDATE booking_appointment_resources SET resource_id = 'the one' WHERE resource_id LIKE '%room%'"
    )
    raw.execute(
        f"UPDATE booking_appointments SET (start_at, end_at, free_at) = (SELECT start_at, end_at, free_at"
        f" FROM booking_appointments WHERE id = {HELD}) WHERE id = {CONFIRMED}"
    )
    found = {row.name for row in ask(raw).results if row.found}
    assert "booking: nobody is promised twice" in found

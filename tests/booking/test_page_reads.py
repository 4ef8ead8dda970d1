"""What pages read: days, shops and one's own, as methods and over HTTP; and who is told when an answer is another."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from imserver.errors import Refusal, RefusalCode
from imserver.plugins.booking.schedule.asked import (
    DAY,
    MINE,
    DayParams,
)
from imserver.plugins.booking.web.limit import BURST
from tests.booking.support.chains import demo
from tests.booking.support.leave import agreed
from tests.booking.support.page import FRIDAY, day, free, get, mine, without_time
from tests.booking.support.shop import GARDEN, Shop, button


async def test_a_day_has_every_start_to_come_and_what_is_free(shop: Shop) -> None:
    room = await shop.customer("ming")
    before = await day(shop)
    assert "15:00" in free(before)
    await shop.say("ming", room, "预约 周五下午3点 验光")
    for_others = await day(shop)
    assert len(for_others.starts) == len(before.starts)
    assert "15:00" in free(for_others), "two optometrists"
    other = await shop.customer("hong")
    await shop.say("hong", other, "预约 周五下午3点 验光")
    assert "15:00" not in free(await day(shop))


async def test_whoever_waits_for_people_is_shown_since_when_until_they_write(shop: Shop) -> None:
    room = await shop.customer("ming")
    assert (await mine(shop, "ming")).waiting == {}
    await shop.say("ming", room, "/human")
    told = await mine(shop, "ming")
    assert told.waiting == {"garden": told.as_of}
    await shop.say("staff-li", room, "您好")
    assert (await mine(shop, "ming")).waiting == {}


# -- who is told ----------------------------------------------------------------------------------------------------------

CUSTOMERS = ("ming", "hong", "lan")
DAYS = ("2026-11-19", FRIDAY, "2026-11-21", "2026-11-22")
TYPED = (
    "预约 周五下午3点 验光", "预约 周六上午10点 验光", "预约 明天11点 配镜", "王小明，成人，第一次", "李红", "成人",
    "好", "好", "不", "取消", "改约 周六上午11点", "改约 周日下午2点", "我的预约", "更正 我叫王大明", "换河畔店",
    "/lenses soft", "1", "2",
    "/book exam 2026-11-20 16:00", "/details\nname: 王明\nage: adult\nfirst visit: no", "/move {code} 2026-11-21 14:00", "好",
    "/cancel {held} v1", "/longer {held}", "/consent shipped-1", "/withdraw", "不改 {code}",
    "/human", "镜框有蓝色的吗",
)  # fmt: skip
STAFF = (
    "请假 李老师和王老师 周五", "销假 李老师和王老师 周五", "请假 王老师 周六下午", "休息 11月21日",
    "营业 11月21日 10:00-16:00",
    "午休 李老师 12:00-13:00", "添加 房间 9号验光室", "移除 9号验光室", "确认 {code}",
    "确认 {code}", "改约 {code} 周六15:00", "取消 {code}",
    "不改 {code}",
)  # fmt: skip


class Page:
    """Whoever asks for all days and their own, keeps the answers, and asks again what is pushed."""

    def __init__(self, shop: Shop, user_id: str) -> None:
        self.shop, self.user_id = shop, user_id
        self.known: dict[tuple[str, ...], Any] = {}

    async def ask(self, *question: str) -> Any:
        if question[0] == MINE.name:
            return await mine(self.shop, self.user_id)
        return await day(self.shop, self.user_id, question[2], question[1])

    async def open(self) -> None:
        questions = [(DAY.name, store, one) for store in ("garden", "river") for one in DAYS]
        for question in [*questions, (MINE.name,)]:
            self.known[question] = await self.ask(*question)

    async def check(self, act: str) -> set[str]:
        """What was not pushed is as it was; what is known for so long may pass by itself."""
        pushed = {tuple(one) for one in self.shop.kit.pushes(self.user_id)}
        changed = set()
        for question, before in list(self.known.items()):
            after = await self.ask(*question)
            if without_time(after) != without_time(before):
                changed.add(question[0])
                by_time = before.until is not None and before.until <= self.shop.kit.clock.now_ms()
                assert question in pushed or by_time, (act, question, before, after)
            self.known[question] = after
        return changed


async def codes(shop: Shop, who: str) -> dict[str, list[str]]:
    """Codes that a customer can name, or anybody's for the staff: of appointments, and of what is held."""
    rows = await shop.sql(
        "SELECT code, status FROM booking_appointments WHERE customer_id = ? OR ? ORDER BY id DESC LIMIT 30",
        who,
        who == "staff",
    )
    return {
        "code": [code for code, status in rows if status in ("confirmed", "pending")] or ["A2S4"],
        "held": [code for code, status in rows if status == "held"] or ["A2S4"],
    }


@pytest.mark.parametrize("confirmation", ["auto", "staff"])
@pytest.mark.parametrize("seed", range(2))
async def test_whatever_changes_an_answer_is_told(seed: int, confirmation: str, tmp_path: Path) -> None:
    random, changed = Random(seed), set[str]()
    chain = {"chain": demo(tmp_path, confirmation=f'"{confirmation}"')}
    async with Shop(config=chain) as shop:
        rooms = {one: await shop.customer(one) for one in CUSTOMERS}
        group = await shop.staff_group()
        pages = [Page(shop, one) for one in CUSTOMERS]
        for page in pages:
            await page.open()
        for _ in range(50):
            who = random.choice((*CUSTOMERS, *CUSTOMERS, "staff", "staff", "time"))
            named = {name: random.choice(found) for name, found in (await codes(shop, who)).items()}
            text = random.choice(STAFF if who == "staff" else TYPED).format(**named)
            if who == "time":
                await shop.advance(random.choice((1, 2, 4)))
            elif who == "staff":
                await shop.say("staff-li", group, text)
                await shop.say("staff-li", group, "好")
            else:
                await shop.say(who, rooms[who], text)
            await shop.advance(0.02)
            for page in pages:
                changed |= await page.check(f"seed {seed} {confirmation}: {who} {text}")
    assert changed == {DAY.name, MINE.name}


@pytest.mark.parametrize(
    ("before", "act", "where"),
    [
        ((), "请假 李老师和王老师 周五", FRIDAY),
        (("请假 李老师和王老师 周五",), "销假 李老师和王老师 周五", FRIDAY),
        ((), "休息 11月21日", "2026-11-21"),
        ((), "午休 12:00-13:00", FRIDAY),
    ],
)
async def test_what_the_staff_do_to_a_day_is_told(
    shop: Shop, before: tuple[str, ...], act: str, where: str
) -> None:
    await shop.customer("ming")
    for text in before:
        await agreed(shop, text)
    there, other = await day(shop, text=where), await day(shop, text="2026-11-26")
    await shop.advance(0.02)
    shop.kit.pushes("ming")
    await agreed(shop, act)
    assert ("x-booking.day", "garden", where) in shop.kit.pushes("ming")
    assert free(await day(shop, text=where)) != free(there)
    if "销假" in act or "请假" in act:
        assert free(await day(shop, text="2026-11-26")) == free(other)


async def test_leave_of_months_is_told_to_all_days_and_so_is_an_import(tmp_path: Path) -> None:
    config = {"chain": demo(tmp_path)}
    async with Shop(config=config) as shop:
        await shop.customer("ming")
        await day(shop)
        shop.kit.pushes("ming")
        await agreed(shop, "请假 王老师 12月1日到1月15日")
        assert ("x-booking.day", "garden", FRIDAY) in shop.kit.pushes("ming")
        await shop.advance(0.02)
        shop.kit.pushes("ming")
        demo(tmp_path, slot_step_min="30")
        await shop.kit.operate("settle", decisions={})
        pushed = shop.kit.pushes("ming")
        assert ("x-booking.day", "garden", FRIDAY) in pushed
        assert [one.minute % 30 for one in (await day(shop)).starts] == [0] * len((await day(shop)).starts)


async def test_ones_own_is_told_each_time_though_it_changes_again_within_a_second(shop: Shop) -> None:
    room = await shop.customer("ming")
    await mine(shop, "ming")
    await shop.advance(0.02)
    shop.kit.pushes("ming")
    for text in ("预约 周五下午3点 验光", "王小明，成人，第一次", "好"):
        await shop.say("ming", room, text)
        await shop.kit.advance(0.1)
        assert (MINE.name,) in shop.kit.pushes("ming"), text


# -- over HTTP ------------------------------------------------------------------------------------------------------------


async def test_whoever_looks_needs_no_account_and_sees_the_same(shop: Shop) -> None:
    await shop.customer("ming")
    by_method, by_http = await day(shop), await get(shop, f"day?shop=garden&day={FRIDAY}")
    assert by_http == json.loads(msgspec.json.encode(by_method))
    assert by_http["services"][0] == "exam"
    assert {"minute", "at"} & set(by_http) == set()
    chain = await get(shop, "chain")
    garden = chain["shops"][0]
    exam, child = (
        next(one for one in garden["services"] if one["id"] == name) for name in ("exam", "child-exam")
    )
    assert exam["fits"] == {
        "child": {"service": "child-exam", "first": 60, "later": 45},
        "adult": {"service": "exam", "first": 30, "later": 30},
        "senior": {"service": "exam", "first": 40, "later": 40},
    }
    assert child["fits"] == {}
    assert garden["cutoffMinutes"] == 120
    assert (garden["id"], garden["bot"], garden["name"]["en"]) == ("garden", GARDEN, "Garden Road")
    assert garden["open"] == {"now": True, "text": {"en": "Open until 20:00", "zh": "营业中，到 20:00"}}
    assert [one["usual"] for one in garden["services"]].count(True) == 1
    assert garden["consent"]["version"] == "shipped-1"
    assert (await shop.sql("SELECT COUNT(*) FROM booking_customers WHERE user_id <> 'ming'"))[0][0] == 0


async def test_days_say_free_few_full_and_closed(shop: Shop) -> None:
    await shop.customer("ming")
    await agreed(shop, "休息 11月21日")
    await agreed(shop, "请假 李老师和王老师 11月22日")
    await agreed(shop, "请假 李老师和王老师 11月23日 10:00-19:15")
    told = await get(shop, "days?shop=garden&service=exam&from=2026-11-20&count=4")
    assert [(one["day"][-2:], one["state"]) for one in told["days"]] == [
        ("20", "free"), ("21", "closed"), ("22", "full"), ("23", "few"),
    ]  # fmt: skip
    past = await get(shop, "days?shop=garden&service=exam&from=2020-01-01&count=2")
    assert [one["day"] for one in past["days"]] == ["2026-11-18", "2026-11-19"]
    assert len((await get(shop, "days?shop=garden&service=exam&count=999"))["days"]) == 31


@pytest.mark.parametrize(
    ("path", "status"),
    [("day", 400), ("day?shop=garden&day=20.11.2026", 400), ("day?shop=garden&day=2026-02-31", 400),
     ("day?shop=garden&day=2026-W47-5", 400), ("days?shop=garden&service=exam&from=x", 400),
     ("days?shop=garden&service=exam&count=x", 400), ("days?shop=garden&service=exam&count=-1", 400),
     ("days?shop=garden&service=exam&count=%D9%A1", 400), ("days?shop=garden&service=exam&count=10000", 400),
     ("day?shop=gone&day=2026-11-20", 404), ("days?shop=garden", 404), ("days?shop=garden&service=gone", 404)],
)  # fmt: skip
async def test_what_is_no_question_gets_words_and_costs_nothing(shop: Shop, path: str, status: int) -> None:
    told = [await get(shop, path, status) for _ in range(int(BURST) + 1)]
    refused = told[-1]
    assert refused["code"] == {400: "INVALID", 404: "NOT_FOUND"}[status]
    assert len(refused["error"]) > 10
    assert (await get(shop, f"day?shop=garden&day={FRIDAY}"))["starts"]


async def test_a_day_that_there_is_not(shop: Shop) -> None:
    await shop.kit.user("ming")
    assert (await shop.kit.call(DAY, "ming", DayParams("gone", FRIDAY))).day is None
    for other in ("2026-02-31", "2026-W47-5", "２０２６-11-20"):
        assert (await shop.kit.call(DAY, "ming", DayParams("garden", other))).day is None


@pytest.mark.parametrize("text", ["0001-01-01", "2026-11-17", "2027-11-20", "9999-12-31"])
async def test_a_day_that_nobody_can_book_has_no_starts_and_costs_nothing(shop: Shop, text: str) -> None:
    await shop.kit.user("ming")
    assert (await day(shop, text=text)).starts == ()
    for _ in range(int(BURST) + 1):
        assert (await get(shop, f"day?shop=garden&day={text}"))["starts"] == []


async def test_an_answer_holds_for_a_second(shop: Shop) -> None:
    room, path = await shop.customer("ming"), f"day?shop=garden&day={FRIDAY}"
    before = await get(shop, path)
    await agreed(shop, "请假 李老师和王老师 周五")
    assert await get(shop, path) == before
    await shop.advance(0.02)
    assert await get(shop, path) != before
    assert room


async def test_an_address_has_so_much_worked_out_and_what_is_kept_costs_nothing(shop: Shop) -> None:
    async def ask(number: int, address: str) -> int:
        service, count = ("exam", "glasses", "collect")[number // 31], number % 31 + 1
        path = f"/x/booking/days?shop=garden&service={service}&count={count}"
        return (await shop.kit.http("GET", path, address=address)).status

    said = [await ask(number, "192.0.2.9") for number in range(int(BURST) + 1)]
    assert said == [200] * int(BURST) + [429]
    refused = await shop.kit.http(
        "GET", "/x/booking/days?shop=garden&service=collect&count=31", address="192.0.2.9"
    )
    assert (refused.headers["retry-after"], json.loads(refused.body)["code"]) == ("1", "RATE_LIMITED")
    assert await ask(1, "192.0.2.9") == 200, "it is kept"
    shops = await shop.kit.http("GET", "/x/booking/chain", address="192.0.2.9")
    assert shops.status == 200, "a neighbour behind the same address sees the shops"
    assert await ask(90, "192.0.2.10") == 200, "another address"
    await shop.advance(0.02)
    assert await ask(90, "192.0.2.9") == 200


async def test_one_question_in_many_spellings_is_worked_out_once(shop: Shop) -> None:
    """Whoever writes it in ever other ways takes nothing of what neighbours behind the same address have."""
    days = "days?shop=garden&service=exam"
    spellings = [f"{days}&count={count}" for count in ("031", *range(31, 61))]
    spellings += [f"{days}&count=31&from=20{year}-01-{one}" for year in range(10, 26) for one in ("01", "02")]
    spellings += [f"{days}&x={number}&count=99&from=" for number in range(3)]
    told = [await get(shop, path) for path in spellings]
    assert len(told) > BURST
    assert all(one == told[0] for one in told)
    assert len(told[0]["days"]) == 31
    assert (await get(shop, f"day?shop=garden&day={FRIDAY}"))["starts"], "there is room for another question"


async def test_a_crowd_behind_one_address_that_asks_in_one_moment_is_answered(shop: Shop) -> None:
    """Of whoever asks while it is worked out, one counts."""
    path = f"/x/booking/day?shop=garden&day={FRIDAY}"
    asked = [shop.kit.http("GET", path, address="192.0.2.9") for _ in range(2 * int(BURST))]
    assert {answer.status for answer in await asyncio.gather(*asked)} == {200}


async def test_whoever_waits_for_an_answer_that_fails_has_one_worked_out(shop: Shop) -> None:
    path, read, reads = f"/x/booking/day?shop=garden&day={FRIDAY}", shop.kit.store.read, 0

    async def failing(*args: Any, **more: Any) -> Any:
        nonlocal reads
        reads += 1
        await asyncio.sleep(0)
        if reads == 1:
            raise Refusal(RefusalCode.OVERLOADED, "no time", retry_after_ms=1000)
        return await read(*args, **more)

    await get(shop, "day?shop=garden&day=2026-11-21")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop.kit.store, "read", failing)
        both = await asyncio.gather(*(shop.kit.http("GET", path) for _ in range(2)))
    assert sorted(answer.status for answer in both) == [200, 503]


async def test_a_crowd_that_opens_the_page_in_one_moment_is_answered(shop: Shop) -> None:
    paths = [("chain", 60), (f"day?shop=garden&day={FRIDAY}", 40)]
    asked = [
        shop.kit.http("GET", f"/x/booking/{path}", address=f"192.0.2.{number}")
        for path, count in paths
        for number in range(count)
    ]
    assert {answer.status for answer in await asyncio.gather(*asked)} == {200}


async def test_until_says_when_an_answer_passes_by_itself(shop: Shop) -> None:
    """Today: the next start is too near an hour ahead (`lead_min`), and left out from then on: it is not taken."""
    await shop.customer("ming")
    await shop.advance(1)
    today = await day(shop, text="2026-11-18")
    assert min(one.at for one in today.starts) - shop.kit.clock.now_ms() >= 3_600_000
    assert today.until is not None
    await shop.advance((today.until - shop.kit.clock.now_ms()) / 60_000 - 0.001)
    assert without_time(await day(shop, text="2026-11-18")) == without_time(today)
    await shop.advance(0.002)
    assert without_time(await day(shop, text="2026-11-18")) != without_time(today)


async def test_each_question_of_the_bot_is_told_to_whom_it_asks(shop: Shop) -> None:
    room = await shop.customer("ming", "en")
    before = await mine(shop, "ming")
    code = ""
    for text in (
        "/book exam 2026-11-20 15:00", "/details\nname: Ming", "/longer {code}", "/details\nage: adult\nfirst visit: no",
        "/confirm {code} v{version}", "/move {code} 2026-11-21 10:30", "no", "/cancel {code} v{version}", "no",
    ):  # fmt: skip
        kept = before.held or (before.upcoming[0] if before.upcoming else None)
        code = kept.code if kept is not None else code
        await shop.advance(0.02)
        shop.kit.pushes("ming")
        await shop.say("ming", room, text.format(code=code, version=kept.version if kept is not None else 0))
        after = await mine(shop, "ming")
        assert without_time(after) != without_time(before), text
        assert ("x-booking.mine",) in shop.kit.pushes("ming"), text
        before = after


async def test_the_same_time_with_somebody_else_is_told_to_who_looks_at_the_day(shop: Shop) -> None:
    room = await shop.customer("ming")
    await shop.customer("hong")
    for text in ("预约 周五15:00 验光", "王小明，成人，来过", "好"):
        await shop.say("ming", room, text)
    said = await agreed(shop, "请假 李老师 周五")
    assert "15:00" in free(await day(shop, "hong"))
    await shop.advance(0.02)
    shop.kit.pushes("hong")
    await shop.say("ming", room, button([one for one in said if one.conversation_id == room], "时间不变"))
    assert "15:00" not in free(await day(shop, "hong"))
    assert ("x-booking.day", "garden", FRIDAY) in shop.kit.pushes("hong")

"""What an answer to a page is true of: until when, of which shop, day and service, and for whom."""

from __future__ import annotations

from datetime import date, timedelta

from imserver.plugins.booking.schedule.asked import DAY
from tests.booking.support.leave import agreed
from tests.booking.support.page import FRIDAY, day, free, get, mine, without_time
from tests.booking.support.shop import RIVER, Shop


async def test_what_one_may_still_do_with_an_appointment_ends_by_itself(shop: Shop) -> None:
    room = await shop.customer("ming", "en")
    for text in ("/book exam 2026-11-18 14:00", "/details\nname: Ming\nage: adult\nfirst visit: no", "yes"):
        await shop.say("ming", room, text)
    told = await mine(shop, "ming")
    (one,) = told.upcoming
    assert None not in (one.move, one.cancel)
    assert told.until is not None
    assert told.until < one.at
    await shop.advance((told.until - shop.kit.clock.now_ms()) / 60_000 - 0.001)
    assert without_time(await mine(shop, "ming")) == without_time(told)
    await shop.advance(0.002)
    told = await mine(shop, "ming")
    (late,) = told.upcoming
    assert (late.move, late.cancel, told.until) == (None, None, one.end)
    await shop.advance((one.end - shop.kit.clock.now_ms()) / 60_000 + 1)
    (over,) = (await mine(shop, "ming")).past
    assert (over.code, over.move, over.cancel) == (one.code, None, None)


async def test_of_what_is_open_in_two_shops_the_last_tap_is_shown(shop: Shop) -> None:
    """A page that went back to the other shop waits for what it asked for there: it would call it taken."""
    rooms = {"garden": await shop.customer("ming"), "river": await shop.customer_again("ming", RIVER)}
    for name, wall in (("garden", "15:00"), ("river", "16:00"), ("garden", "17:00"), ("river", "16:00")):
        await shop.advance(0.02)
        await shop.say("ming", rooms[name], f"/book exam 2026-11-20 {wall}")
        held = (await mine(shop, "ming")).held
        assert held is not None
        assert (held.shop, held.wall) == (name, f"2026-11-20T{wall}")


async def test_leave_of_some_days_is_told_to_each_of_them(shop: Shop) -> None:
    await shop.customer("ming")
    for wanted in (days := (FRIDAY, "2026-11-21", "2026-11-22")):
        await day(shop, text=wanted)
    shop.kit.pushes("ming")
    await shop.advance(0.02)
    await agreed(shop, "请假 王老师 11月20日到11月22日")
    assert {(DAY.name, "garden", one) for one in days} <= set(shop.kit.pushes("ming"))


async def test_what_is_kept_of_one_question_answers_no_other(shop: Shop) -> None:
    await shop.customer("ming")
    await agreed(shop, "请假 李老师和王老师 11月22日")
    for store, wanted in (("garden", FRIDAY), ("garden", "2026-11-22"), ("river", FRIDAY)):
        told = await get(shop, f"day?shop={store}&day={wanted}")
        assert (told["shop"], told["day"]) == (store, wanted)
    for service, state in (("exam", "full"), ("collect", "free")):
        told = await get(shop, f"days?shop=garden&service={service}&from=2026-11-22&count=1")
        assert told["days"] == [{"day": "2026-11-22", "state": state}]


async def test_a_start_is_free_if_it_is_for_whoever_needs_longest(shop: Shop) -> None:
    """An exam takes 30 minutes of most people, and 40 of children."""
    await shop.customer("ming")
    await agreed(shop, "请假 李老师和王老师 周五 9:00-11:15")
    await agreed(shop, "请假 李老师和王老师 周五 11:50-20:00")
    assert free(await day(shop)) == []
    chain = await get(shop, "chain")
    assert chain["shops"][0]["services"][0]["minutes"] == 40


async def test_the_last_day_that_can_be_booked_has_times_and_the_next_one_none(shop: Shop) -> None:
    await shop.customer("ming")
    garden = (await get(shop, "chain"))["shops"][0]
    last = date.fromisoformat(garden["today"]) + timedelta(days=garden["horizonDays"])
    assert free(await day(shop, text=last.isoformat()))
    assert (await day(shop, text=(last + timedelta(days=1)).isoformat())).starts == ()

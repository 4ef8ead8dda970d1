"""An emergency: one card for a customer and ten minutes, the number of the shop's country, and who is woken at night."""

from __future__ import annotations

import tomllib
from pathlib import Path
from zoneinfo import available_timezones

import pytest

from imserver.plugins import booking
from imserver.plugins.booking.dialogue.emergency import FAMILIES, family_of
from imserver.plugins.booking.schedule.chain_file import ChainError, load_chain, parse_chain
from imserver.plugins.booking.schedule.emergency import emergency_number
from imserver.plugins.booking.understanding.alarms import KINDS
from imserver.testing import Said
from tests.booking.support.chains import DEMO
from tests.booking.support.shop import ENTRY, GARDEN, NOW, RIVER, Shop, shown

NUMBERS = Path(booking.__file__).parent / "words" / "emergency.toml"
SUDDEN = "右眼突然看不见了"


def cards(said: list[Said]) -> list[Said]:
    return [one for one in said if one.content["type"] == "card" and one.content["title"] == "请马上就医"]


def demo(path: Path, *, garden: str = "", river: str = "") -> dict[str, str]:
    """The demo chain with lines added to its shops."""
    text = DEMO.read_text("utf-8")
    for store, lines in (("garden", garden), ("river", river)):
        text = text.replace(f'id = "{store}"\n', f'id = "{store}"\n{lines}\n', 1)
    path = path / "chain.toml"
    path.write_text(text, "utf-8")
    return {"chain": str(path)}


# -- one card -----------------------------------------------------------------------------------------------------------


async def test_sixty_alarms_in_a_row_get_one_card_and_one_call() -> None:
    async with Shop() as shop:
        here, group = await shop.customer("ming"), await shop.staff_group()
        said = [one for number in range(60) for one in await shop.say("ming", here, f"{SUDDEN}{number}")]
        assert len(cards(said)) == 1
        assert len([one for one in said if one.conversation_id == group]) == 1
        assert len(said) == 2  # and nothing else is posted: the sixty cost next to nothing
        [(waiting,)] = await shop.sql("SELECT waiting_since FROM booking_services")
        assert waiting is not None  # but none is left unsaid: people are waited for


async def test_after_ten_minutes_there_is_a_card_again() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert len(cards(await shop.say("ming", here, SUDDEN))) == 1
        await shop.advance(9)
        assert cards(await shop.say("ming", here, SUDDEN)) == []
        await shop.advance(1.1)
        said = await shop.say("ming", here, SUDDEN)
        assert len(cards(said)) == 1
        assert await shop.staff_group() in {one.conversation_id for one in said}


async def test_the_ten_minutes_are_those_behind_the_card() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert len(cards(await shop.say("ming", here, SUDDEN))) == 1
        await shop.advance(9)
        assert cards(await shop.say("ming", here, "洗洁精溅进眼睛了")) == []
        await shop.advance(2)
        assert len(cards(await shop.say("ming", here, SUDDEN))) == 1


async def test_one_customer_takes_no_card_from_another() -> None:
    async with Shop() as shop:
        ming, ann = await shop.customer("ming"), await shop.customer("ann")
        assert len(cards(await shop.say("ming", ming, SUDDEN))) == 1
        assert len(cards(await shop.say("ann", ann, SUDDEN))) == 1


async def test_in_the_direct_chat_of_who_has_opened_no_shop_each_text_is_answered() -> None:
    async with Shop() as shop:
        await shop.kit.user("ann", language="zh-CN")
        direct = shop.kit.direct("ann", ENTRY)
        said = [await shop.say("ann", direct, SUDDEN) for _ in range(3)]
        assert [len(cards(one)) for one in said] == [1, 0, 0]
        assert ["已通知店员" in shown(one[0]) for one in said[1:]] == [True, True]


async def test_acid_after_pain_says_to_rinse_first_without_another_card() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "右眼剧痛")
        said = await shop.say("ming", here, "是洁厕灵溅到眼睛里了")
        assert cards(said) == []
        assert "清水" in shown(said[0])
        assert await shop.say("ming", here, "洁厕灵溅到眼睛里了怎么办") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [("洁厕灵溅到眼睛里了", "清水"), ("爸爸嘴歪了看东西双影", "从几点开始"), (SUDDEN, "不要自己开车")],
)
async def test_a_family_of_kinds_has_its_own_words(text: str, words: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        [card] = cards(await shop.say("ming", here, text))
        assert words in card.content["text"]
        assert "拨打 120" in card.content["text"]


def test_every_kind_belongs_to_a_family() -> None:
    assert {family_of(kind) for kind in KINDS} == {*FAMILIES, "urgent"}


async def test_people_who_do_not_answer_an_alarm_are_called_again() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, SUDDEN)
        said = await shop.advance(6)
        assert sorted(one.conversation_id for one in said) == sorted([here, await shop.staff_group()])
        assert await shop.advance(60) == []


# -- careful ------------------------------------------------------------------------------------------------------------


async def test_a_careful_text_says_where_to_go_and_the_rest_is_read_as_ever() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        said = await shop.say("ming", here, "预约 明天15:00 验光 眼睛不痛")
        texts = "\n".join(shown(one) for one in said)
        assert cards(said) == []
        assert "眼科急诊" in texts
        assert "不能判断" in texts
        assert len(said) == 2  # the careful text, and what the bot has to say about the booking
        assert all(one.conversation_id == here for one in said)  # nobody is called
        again = await shop.say("ming", here, "眼睛不痛")
        assert "不能判断" not in "\n".join(shown(one) for one in again)


async def test_an_urgent_text_after_a_careful_one_gets_its_card_and_a_careful_one_after_it_nothing() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert "不能判断" in await shop.hear("ming", here, "没有重影")
        assert len(cards(await shop.say("ming", here, SUDDEN))) == 1
        assert "不能判断" not in await shop.hear("ming", here, "没有重影")


async def test_a_careful_text_beside_an_urgent_card_is_not_said() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert len(cards(await shop.say("ming", here, SUDDEN))) == 1
        assert "不能判断" not in await shop.hear("ming", here, "没有重影")


# -- the number ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "said", "not_said"),
    [
        ('emergency = "112"', "拨打 112", "120"),
        ('emergency = "none"', "叫救护车", "拨打"),
        ("", "拨打 120", "叫救护车"),
    ],
)
async def test_the_card_names_the_number_of_the_shop(
    tmp_path: Path, lines: str, said: str, not_said: str
) -> None:
    async with Shop(NOW.replace(hour=23), config=demo(tmp_path, garden=lines)) as shop:
        here = await shop.customer("ming")
        [card] = cards(await shop.say("ming", here, SUDDEN))
        assert said in card.content["text"]
        assert not_said not in card.content["text"]


@pytest.mark.parametrize(
    ("zone", "number"),
    [
        ("Asia/Shanghai", "120"),
        ("Asia/Hong_Kong", "999"),
        ("Asia/Taipei", "119"),
        ("Europe/Berlin", "112"),
        ("Europe/London", "999"),
        ("America/New_York", "911"),
        ("Australia/Sydney", "000"),
        ("Africa/Cairo", ""),
    ],
)
def test_a_zone_has_the_number_of_its_country_or_none(zone: str, number: str) -> None:
    text = DEMO.read_text("utf-8").replace('zone = "Asia/Shanghai"', f'zone = "{zone}"')
    assert {emergency_number(store) for store in parse_chain(text).stores} == {number}


def test_the_table_names_zones_that_exist() -> None:
    numbers = tomllib.loads(NUMBERS.read_text("utf-8"))
    assert set(numbers["zones"]) <= available_timezones()
    assert set(numbers["parts"]) <= {zone.partition("/")[0] for zone in available_timezones()}


# -- who is woken -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hour", "woken"), [(23, True), (10, False)])
async def test_those_on_call_are_written_to_outside_opening_hours_only(
    tmp_path: Path, hour: int, woken: bool
) -> None:
    config = demo(tmp_path, garden='on_call = ["staff-li"]')
    async with Shop(NOW.replace(hour=hour), config=config) as shop:
        await shop.kit.user("staff-li")
        here, group = await shop.customer("ming"), await shop.staff_group()
        direct = shop.kit.direct("staff-li", GARDEN)
        said = await shop.say("ming", here, SUDDEN)
        assert [one.conversation_id for one in said if one.conversation_id == group] == [group]
        calls = [one for one in said if one.conversation_id == direct]
        assert len(calls) == int(woken)
        assert all(one.content["ref"]["id"] == here for one in calls)
        assert [one for one in await shop.say("ming", here, SUDDEN) if one.conversation_id == direct] == []


async def test_whoever_is_on_call_in_one_shop_sleeps_when_another_is_spoken_to(tmp_path: Path) -> None:
    config = demo(tmp_path, garden='on_call = ["staff-li"]')
    async with Shop(NOW.replace(hour=23), config=config) as shop:
        await shop.kit.user("staff-li")
        here = await shop.customer("ming", bot=RIVER)
        said = await shop.say("ming", here, SUDDEN)
        assert {one.conversation_id for one in said} == {here, await shop.staff_group("river")}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('on_call = ["somebody"]', r"stores\.garden\.on_call: somebody is no `user_id`"),
        ('emergency = "one"', "emergency"),
        ('emergency = "+86 120"', "emergency"),
    ],
)
def test_a_mistake_in_the_chain_file_is_named(tmp_path: Path, lines: str, words: str) -> None:
    with pytest.raises(ChainError, match=words):
        load_chain(demo(tmp_path, garden=lines)["chain"])

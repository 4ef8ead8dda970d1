"""The info pack and the cards say only the lines that fit the person, the service, the shop and the state."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from imserver.plugins.booking.messages.cards import appointment_card, staff_options
from imserver.plugins.booking.messages.info_pack import place_fields
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import load_words
from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.schedule.status import Status
from tests.booking.support.shop import GARDEN, NOW, RIVER, Shop, shown

#: Sentences of the pack that depend on something.
NOTES = ("bring", "bring_little", "id_card", "first_visit", "guardian", "presbyopia", "dilation")
LENSES = ("wear", "before", "soft_before", "rgp_before")

#: (shop, service, details, what is known of lenses): the notes, the sentence on lenses, whether it asks for their kind.
PACKS = [
    (GARDEN, "验光", "成人 来过", "", "bring bring_little", "before", True),
    (GARDEN, "验光", "成人 第一次", "软镜", "bring first_visit", "soft_before", False),
    (RIVER, "验光", "成人 来过", "RGP", "bring bring_little id_card dilation", "rgp_before", False),
    (RIVER, "验光", "60岁 来过", "", "bring bring_little id_card presbyopia dilation", "before", True),
    (GARDEN, "儿童验光", "第一次", "", "bring first_visit guardian", "before", True),
    (RIVER, "儿童验光", "来过", "", "bring bring_little id_card guardian dilation", "before", True),
    (RIVER, "配镜", "成人 来过", "", "bring bring_little id_card", "before", True),
    (GARDEN, "隐形复查", "成人", "软镜", "bring_little", "wear", False),
    (GARDEN, "取镜", "", "", "bring_little", "", False),
    (RIVER, "调整", "", "", "bring bring_little id_card", "", False),
]


@pytest.mark.parametrize("day", range(16, 23))
async def test_the_way_to_a_shop_has_the_hours_of_a_whole_week(day: int) -> None:
    """From today on, whatever day it is: the last one is the day before today's name comes again."""
    async with Shop(NOW.replace(day=day)) as shop:
        here = await shop.customer("ming")
        (place,) = await shop.say("ming", here, "地址")
        named = re.findall("周[一二三四五六日]", str(place.content["text"]))
        week = [f"周{name}" for name in "一二三四五六日" * 2]
        assert named == week[day - 16 : day - 9]


@pytest.mark.parametrize(("bot", "service", "details", "kind", "notes", "lenses", "asks"), PACKS)
async def test_the_pack_fits(
    bot: str, service: str, details: str, kind: str, notes: str, lenses: str, asks: bool
) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", bot=bot)
        if kind:
            await shop.say("ming", here, f"我戴{kind}")
        await shop.say("ming", here, f"预约 明天15:00 {service} 我叫小明 {details}")
        said = await shop.say("ming", here, "好")
        (pack,) = [one for one in said if one.content.get("title") == "来之前请看"]
        words, text = load_words("zh"), shown(pack)
        assert [name for name in NOTES if str(words[f"info.{name}"]) in text] == notes.split()
        assert [name for name in LENSES if str(words[f"lenses.{name}"]) in text] == lenses.split()
        assert len(pack.content["actions"]) == (3 if asks else 0)
        card = shown(next(one for one in said if one.content.get("title") == "预约成功"))
        assert "验光师: " in card
        assert "室" not in card


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("明天15:00", "11月19日 周四 13:00 之前可以在这里改时间或取消"),
        ("今天11:30", "来不了的话，请打电话给门店（000-"),
    ],
)
async def test_the_pack_says_until_when_it_can_be_changed(start: str, words: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, f"预约 {start} 验光 我叫小明 成人 来过")
        assert words in await shop.hear("ming", here, "好")


def test_the_map_is_a_line_of_the_pack_only_where_everybody_can_open_it() -> None:
    shop = replace(load_chain("demo").stores[0], map_link="geo:31.2300,121.4700")
    words = ShopTexts.of(load_chain("demo")).catalogue.words("en", shop)
    assert "Map" not in dict(place_fields(words, shop))
    link = "https://maps.example/garden"
    assert dict(place_fields(words, replace(shop, map_link=link)))["Map"] == link


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_the_page_shows_names_no_command(language: str) -> None:
    """The consent and the pack are read where nothing can be typed."""
    words = load_words(language)
    shown_there = [words["consent.text"], *(text for key, text in words.items() if key.startswith("info."))]
    assert [text for text in shown_there if " /" in str(text)] == []


BUTTONS = {
    "held": ("", ""),
    "pending": ("改约 取消 地址", "确认 取消"),
    "confirmed": ("改约 取消 地址", "到店 爽约"),
    "arrived": ("", "开始 撤销"),
    "in_exam": ("", "完成 撤销"),
    "done": ("", "撤销"),
    "cancelled": ("", ""),
    "no_show": ("", "撤销"),
    "expired": ("", ""),
}


@pytest.mark.parametrize("status", Status)
def test_the_buttons_of_each_status(status: Status) -> None:
    from imserver.plugins.booking.schedule.appointments import Appointment

    chain = load_chain("demo")
    store = chain.stores[0]
    words = ShopTexts.of(chain).catalogue.words("zh", store)
    appointment = Appointment(
        1, "A7K2", "garden", "exam", "ming", "here", "小明", "adult", False, "", "", "2026-11-19T15:00", store.zone,
        0, 1_800_000, 2_100_000, status, 5, None, 1, 0, 0, "ming",
    )  # fmt: skip
    customer, staff = BUTTONS[str(status)]
    commands = [action["command"] for action in appointment_card(words, chain, store, appointment)["actions"]]
    versioned = [name if name == "地址" else f"{name} A7K2 v5" for name in customer.split()]
    assert commands == versioned
    assert [one.command for one in staff_options(words, appointment)] == [
        f"{one} A7K2 v5" for one in staff.split()
    ]

"""Questions: answered from the shop's facts while a booking stays open, or passed on, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.plugins.booking.schedule.chain_file import ChainError, parse_chain
from tests.booking.support.booked import booked
from tests.booking.support.chains import DEMO
from tests.booking.support.scripted import asks, begin, give, reading, scripted
from tests.booking.support.shop import ENTRY, GARDEN, Shop, button, shown

ANSWERS = """
[[stores.answers]]
words = ["多少钱", "价格", "price", "how much"]
answer = "验光免费，配镜 300 元起。"
language = "zh"

[[stores.answers]]
words = ["多少钱", "价格", "price", "how much"]
answer = "The exam is free."
language = "en"

[[stores.answers]]
words = ["医保", "insurance"]
answer = "医保可用 / insurance is welcome"

[[stores.resources]]
id = "garden-li"
"""


def chain(folder: Path) -> dict[str, str]:
    """The demo chain, whose first shop answers three questions."""
    file = folder / "chain.toml"
    text = DEMO.read_text("utf-8")
    file.write_text(text.replace('[[stores.resources]]\nid = "garden-li"\n', ANSWERS, 1), "utf-8")
    return {"chain": str(file)}


@pytest.mark.parametrize(
    ("language", "question", "answer"),
    [
        ("zh-CN", "验光多少钱", "验光免费"),
        ("en", "how much is an eye exam?", "The exam is free."),
        ("zh-CN", "能用医保吗", "医保可用"),
        ("en", "do you take insurance?", "医保可用"),
    ],
)
async def test_the_shops_own_answers_in_the_language_of_the_customer(
    language: str, question: str, answer: str, tmp_path: Path
) -> None:
    async with Shop(config=chain(tmp_path)) as shop:
        here = await shop.customer("ming", language)
        assert answer in await shop.hear("ming", here, question)
        assert await shop.advance(10) == []  # nobody has to be told


async def test_a_booking_stays_open_while_questions_are_answered(tmp_path: Path) -> None:
    async with Shop(config=chain(tmp_path)) as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光")
        heard = await shop.hear("ming", here, "验光多少钱")
        assert heard.index("验光免费") < heard.index("怎么称呼")
        assert "年龄" in await shop.hear("ming", here, "王小明")


async def test_at_the_card_a_price_is_said_first_and_the_yes_asked_for_again(tmp_path: Path) -> None:
    async with Shop(config=chain(tmp_path)) as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光 我叫王小明 成人 来过")
        heard = await shop.hear("ming", here, "好 多少钱")
        assert heard.index("验光免费") < heard.index("请确认")
        assert await shop.appointments() == []
        await shop.say("ming", here, "好")
        assert len(await shop.appointments()) == 1


def test_an_answer_without_words_is_a_fault_of_the_file() -> None:
    text = DEMO.read_text("utf-8").replace(
        '[[stores.resources]]\nid = "garden-li"\n',
        '[[stores.answers]]\nwords = []\nanswer = "x"\n\n[[stores.resources]]\nid = "garden-li"\n',
        1,
    )
    with pytest.raises(ChainError, match=r"answers\[1\]\.words: \[\]: a list of at least 1 is wanted"):
        parse_chain(text)


async def test_a_question_that_nobody_answers_is_passed_on_and_said_to_be() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert "已转给店员" in await shop.hear("ming", here, "镜框多少钱")
        assert len(await shop.advance(6)) == 2  # the customer is told again, and the staff are called


@pytest.mark.parametrize("text", ["谢谢", "谢谢你们！", "thanks a lot", "你好", "好的", "👌", "ok"])
async def test_courtesy_alarms_nobody_and_gets_a_word(text: str) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        assert await shop.hear("ming", here, text)
        assert await shop.advance(10) == []
        assert len(await shop.appointments()) == 1


async def test_what_is_asked_in_a_direct_chat_is_repeated_where_the_staff_read_it() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        said = await shop.say("ming", shop.kit.direct("ming", GARDEN), "镜框多少钱")
        assert any("镜框多少钱" in shown(one) for one in said if one.conversation_id == here)
        assert len(await shop.advance(6)) == 2


async def test_what_is_asked_of_the_chain_goes_to_the_shop_that_is_chosen() -> None:
    async with Shop() as shop:
        await shop.kit.user("ming", language="zh-CN")
        entry = shop.kit.direct("ming", ENTRY)
        said = await shop.say("ming", entry, "镜框多少钱")
        assert "转给哪一家" in shown(said[-1])
        await shop.say("ming", entry, button(said, "河畔店"))
        here = await shop.service("ming", "river")
        assert any("镜框多少钱" in shown(one) for one in shop.kit.messages(here))
        assert await shop.sql("SELECT store_id FROM booking_services WHERE waiting_since IS NOT NULL") == [
            ("river",)
        ]


async def test_words_that_nothing_came_of_are_passed_on_by_a_button() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        direct = shop.kit.direct("ming", GARDEN)
        said = await shop.say("ming", direct, "我家的猫很可爱")
        assert "没有看懂" in shown(said[-1])
        await shop.say("ming", direct, button(said, "找店员"))
        assert any("我家的猫很可爱" in shown(one) for one in shop.kit.messages(here))


# ------------------------------------------------------- the first sentence, in whatever chat it comes

FREE_TIME = "周六下午有空吗"
WISHES = ("我想约周六上午十一点验光", "周六上午11点想来验光", "周六上午11点能来验光吗")


@pytest.mark.parametrize("where", ["the shop's conversation", "the shop's bot", "the chain's bot"])
@pytest.mark.parametrize("text", WISHES)
async def test_a_wish_in_a_sentence_begins_a_booking(text: str, where: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        place = {
            "the shop's bot": shop.kit.direct("ming", GARDEN),
            "the chain's bot": shop.kit.direct("ming", ENTRY),
        }.get(where, here)
        said = await shop.say("ming", place, text)
        if where == "the chain's bot":
            assert "哪一家" in shown(said[-1])
            said = await shop.say("ming", place, button(said, "花园店"))
        assert any("怎么称呼" in shown(one) for one in said if one.conversation_id == here)
        assert [row[1] for row in await shop.appointments("held")] == ["2026-11-21T11:00"]


@pytest.mark.parametrize("where", ["the shop's conversation", "the shop's bot"])
async def test_a_question_about_free_time_shows_times_and_holds_nothing(where: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        place = here if where == "the shop's conversation" else shop.kit.direct("ming", GARDEN)
        said = await shop.say("ming", place, FREE_TIME)
        assert any("有空的时间" in shown(one) for one in said if one.conversation_id == here)
        assert await shop.appointments("held") == []


async def test_a_question_about_free_time_changes_no_open_booking() -> None:
    with scripted({"FREE": reading(begin("slots"), give("day", None))}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, "预约 明天15:00 验光 我叫王小明 成人 来过")
            await shop.say("ming", here, "FREE")
            assert [row[1] for row in await shop.appointments("held")] == ["2026-11-19T15:00"]
            assert "11月19日 周四 15:00" in await shop.hear("ming", here, "好")  # asked again
            assert await shop.appointments() == []


async def test_a_pointer_leads_to_the_conversation_by_a_button() -> None:
    async with Shop() as shop:
        await shop.kit.user("ming", language="zh-CN")
        direct = shop.kit.direct("ming", GARDEN)
        said = await shop.say("ming", direct, "你好")
        here = await shop.service("ming")
        pointer = next(one for one in said if one.conversation_id == direct)
        assert pointer.content["ref"]["id"] == here
        command = button([pointer], "去那里继续")
        assert command == f"/open {here}"  # a client opens it; the bot answers there
        assert {one.conversation_id for one in await shop.say("ming", direct, command)} == {direct, here}


async def test_a_pointer_to_a_list_has_the_list() -> None:
    """Two people tap the same start in the shops' direct chats: what the loser reads ends with times, not with a colon."""
    async with Shop() as shop:
        for user in ("ann", "bob", "cy"):
            await shop.kit.user(user, language="en")
        direct = {user: shop.kit.direct(user, GARDEN) for user in ("ann", "bob", "cy")}
        for user in ("ann", "bob"):
            await shop.say(user, direct[user], "/book exam 2026-11-20 15:00")
        said = await shop.say("cy", direct["cy"], "/book exam 2026-11-20 15:00")
        pointer = next(one for one in said if one.conversation_id == direct["cy"])
        assert "has just been taken. The nearest free times:\n1. Fri 20 Nov 1" in str(pointer.content["text"])
        nearest = pointer.content["actions"][0]["command"]
        await shop.say("cy", direct["cy"], nearest)
        assert len(await shop.appointments("held")) == 3


async def test_a_question_at_the_card_is_of_no_value() -> None:
    """The services and shops that a question is about are not wished for."""
    asked = reading(asks("price"), give("service", "glasses"), give("shop", "river"))
    with scripted({"HOW MUCH": asked}):
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, "预约 明天15:00 验光 我叫王小明 成人 来过")
            heard = await shop.hear("ming", here, "HOW MUCH")
            assert "项目: 验光" in heard
            assert "门店: 花园店" in heard

"""Every label on every button, typed, does what the button does: in both languages, and also when another card follows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imserver.plugins.booking.dialogue.labels import STANDING
from imserver.plugins.booking.dialogue.state import Dialogue
from imserver.plugins.booking.messages.texts import load_words
from imserver.testing import Said
from tests.booking.support.booked import booked
from tests.booking.support.chains import demo
from tests.booking.support.shop import Shop, button, shown

LANGUAGES = ("zh", "en")
#: Labels that are shown by a dialogue alone, which remembers them; and those of staff, which are commands themselves.
OF_DIALOGUES = {"confirm", "longer", "cancel_all", "open"}
OF_STAFF = {"arrive", "start", "finish", "no_show", "undo"}
#: The label below a wish for another time: it takes back the only one that waits.
OF_WISHES = {"decline"}
#: Below a consent: remembered, and a command itself.
OF_CONSENT = {"agree", "withdraw"}

BOOKS = {
    "zh": ("预约 明天15:00 验光，我叫王小明，成人，来过", "好"),
    "en": ("/book tomorrow 15:00 eye exam, my name is Ann, adult, been before", "yes"),
}


def account(language: str) -> str:
    return "zh-CN" if language == "zh" else "en"


def told(said: list[Said]) -> list[str]:
    """What was said where, without ids and codes."""
    return [re.sub(r"\b[A-Z]\d[A-Z]\d\b|group/\w+", "…", shown(one)) for one in said]


def test_no_label_of_the_catalogue_is_forgotten() -> None:
    labels = {key for key in load_words("zh") if key.startswith("button.")}
    assert labels == set(STANDING) | {
        f"button.{name}" for name in OF_DIALOGUES | OF_STAFF | OF_WISHES | OF_CONSENT
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("label", sorted(OF_WISHES))
async def test_the_label_below_a_wish_for_another_time(label: str, language: str, tmp_path: Path) -> None:
    words = load_words(language)
    answers = []
    for typed in (True, False):
        async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
            here, group = await shop.customer("ming", account(language)), await shop.staff_group()
            for line in BOOKS[language]:
                await shop.say("ming", here, line)
            ((code, *_),) = await shop.appointments("pending")
            await shop.say("staff-li", group, f"确认 {code}")
            await shop.say("ming", here, f"{words['command.move']} {code} 11-26 10:30")
            asked = await shop.say("ming", here, {"zh": "好", "en": "yes"}[language])
            shown_there = [one for one in asked if one.conversation_id == here]
            text = str(words[f"button.{label}"])
            answers.append(told(await shop.say("ming", here, text if typed else button(shown_there, text))))
    assert answers[0] == answers[1] != []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("label", sorted(STANDING))
async def test_a_standing_label_does_what_its_command_does(label: str, language: str) -> None:
    words = load_words(language)
    answers = []
    for text in (str(words[label]), str(words[STANDING[label]])):
        async with Shop() as shop:
            here = await shop.customer("ming", account(language))
            for line in BOOKS[language]:
                await shop.say("ming", here, line)
            answers.append(told(await shop.say("ming", here, text)))
    assert answers[0] == answers[1] != []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["soft", "rgp", "orthok"])
async def test_the_kinds_of_lenses_below_the_info_pack(kind: str, language: str) -> None:
    words = load_words(language)
    async with Shop() as shop:
        here = await shop.customer("ming", account(language))
        assert str(words[f"lenses.{kind}"]) in await shop.hear(
            "ming", here, str(words[f"lenses.{kind}_label"])
        )


WALKS = {
    "zh": (
        "预约",
        "儿童验光",
        "11月19日 周四（看当天空档）",
        "11月19日 周四 11:00",
        "小宝",
        "以前来过",
        "确认",
    ),
    "en": (
        "/book",
        "eye exam",
        "Thu 19 Nov (free times)",
        "Thu 19 Nov 11:00",
        "Ann Lee",
        "adult (16-44)",
        "Been before",
        "Confirm",
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_booking_by_typed_labels_alone(language: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", account(language))
        said: list[Said] = []
        for text in WALKS[language]:
            labels = [action["label"] for one in said for action in one.content.get("actions", ())]
            assert not labels or text in labels or text in ("小宝", "Ann Lee"), (text, labels)
            said = await shop.say("ming", here, text)
        assert [row[1] for row in await shop.appointments()] == ["2026-11-19T11:00"]


@pytest.mark.parametrize("way", ["label", "command"])
@pytest.mark.parametrize("index", range(3))
async def test_every_age_is_the_one_on_its_button(index: int, way: str) -> None:
    """儿童（未满16岁） is no age of 16."""
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光")
        (card,) = await shop.say("ming", here, "王小明")
        action = card.content["actions"][index]
        await shop.say("ming", here, action[way])
        assert f"年龄: {action['label']}" in await shop.hear("ming", here, "来过")


async def test_a_button_above_the_last_card_is_pressed_by_its_label_or_its_number() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        said = await shop.say("ming", here, "空档 周六")
        early = said[0].content["actions"][2]
        await shop.say("ming", here, "地址")
        assert "周六" in await shop.hear("ming", here, early["label"])
        assert [f"{row[1]}" for row in await shop.appointments("held")] == []  # which service is asked first
        await shop.say("ming", here, "验光")
        await shop.say("ming", here, "王小明，成人，来过")
        assert early["label"] in await shop.hear("ming", here, early["label"])


@pytest.mark.parametrize("between", ["门店", "地址", "我的预约", "空档 周六", "改约", "预约 周六11:00 验光"])
@pytest.mark.parametrize("card", ["取消", "改约 周五10:30"])
async def test_a_button_of_a_question_counts_also_below_another_card(card: str, between: str) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        press = button(await shop.say("ming", here, card), "确定取消" if card == "取消" else "确认")
        await shop.say("ming", here, between)
        await shop.say("ming", here, press)
        left = [row[1] for row in await shop.appointments()]
        assert left == ([] if card == "取消" else ["2026-11-20T10:30"])


async def test_a_booking_goes_on_where_it_was_interrupted() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.say("ming", here, "预约 周六11:00 验光")
        await shop.say("ming", here, f"取消 {code}")
        assert "不变" in await shop.hear("ming", here, "不")
        assert "11月21日 周六 11:00" in await shop.hear(
            "ming", here, "好"
        )  # a yes asks first which question is meant
        await shop.say("ming", here, "好")
        assert [row[1] for row in await shop.appointments()] == ["2026-11-19T15:00", "2026-11-21T11:00"]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_a_button_posts_reads_like_what_people_write(language: str) -> None:
    """The command of a start stands in the history, where everybody reads it."""
    async with Shop() as shop:
        here = await shop.customer("ming", account(language))
        first, second = (
            ("空档 周六", "11月21日 周六 10:00") if language == "zh" else ("/slots sat", "Sat 21 Nov 10:00")
        )
        said = await shop.say("ming", here, first)
        command = button(said, second)
        assert second in command
        assert not re.search(r"\d{4}-\d{2}-\d{2}", "".join(map(shown, said)))


@pytest.mark.parametrize("text", ["最后一个", "the last one"])
async def test_the_last_of_a_list_is_its_last_button_and_no_last_button_of_a_card(text: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 验光 明天下午")
        assert "11月19日 周四 17:00 先为您保留" in await shop.hear("ming", here, text)
        await shop.say("ming", here, "王小明，成人，来过")
        await shop.say("ming", here, text)
        assert await shop.sql("SELECT 1 FROM booking_appointments WHERE status = 'held'"), (
            "it gives nothing up"
        )


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_labels_below_a_consent(language: str) -> None:
    words = load_words(language)
    async with Shop() as shop:
        here = await shop.customer("ming", account(language))
        standing = []
        await shop.say("ming", here, str(words["command.consent"]))
        for label in ("agree", "withdraw"):
            await shop.say("ming", here, str(words[f"button.{label}"]))
            standing += await shop.sql("SELECT COUNT(*) FROM booking_consents WHERE withdrawn_at IS NULL")
        assert standing == [(1,), (0,)]


def test_a_number_that_two_older_lists_have_is_of_neither() -> None:
    state = Dialogue(earlier=[["预约 1", "预约 2"], ["预约 3"]])
    assert (state.command_of(1), state.command_of(2)) == (None, "预约 2")


async def test_a_number_answers_no_question_of_half_an_hour_ago() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 验光 周五")
        await shop.advance(31)
        await shop.say("ming", here, "1")
        assert await shop.appointments("held") == []

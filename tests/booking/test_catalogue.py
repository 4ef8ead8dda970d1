"""How days are spelled in both languages, and whose texts a shop speaks with."""

from datetime import date, datetime, timedelta

import pytest

from imserver.plugins.booking.messages.texts import Catalogue, Words, load_words
from imserver.plugins.booking.schedule.chain_file import ChainError, parse_chain
from tests.booking.support.demo_chain import DEMO
from tests.booking.support.spoken_when import listed

ZH, EN = (Words(language, load_words(language)) for language in ("zh", "en"))
MONTHS = listed("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")
DAYS = listed("Mon Tue Wed Thu Fri Sat Sun")


def test_every_month_and_weekday_is_spelled() -> None:
    for ahead in range(0, 365, 5):
        day = date(2026, 1, 2) + timedelta(days=ahead)
        assert ZH.day(day) == f"{day.month}月{day.day}日 周{'一二三四五六日'[day.weekday()]}"
        assert EN.day(day) == f"{DAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"


@pytest.mark.parametrize(
    ("wall", "chinese", "english"),
    [
        ("2026-11-17T23:59", "11月17日 周二 23:59", "Tue 17 Nov 23:59"),
        ("2026-11-18T00:00", "今天 00:00", "today 00:00"),
        ("2026-11-18T23:59", "今天 23:59", "today 23:59"),
        ("2026-11-19T09:05", "明天 09:05", "tomorrow 09:05"),
        ("2026-11-20T00:00", "11月20日 周五 00:00", "Fri 20 Nov 00:00"),
        ("2027-11-18T09:00", "11月18日 周四 09:00", "Thu 18 Nov 09:00"),
    ],
)
def test_only_today_and_tomorrow_are_said_by_name(wall: str, chinese: str, english: str) -> None:
    moment, today = datetime.fromisoformat(wall), date(2026, 11, 18)
    assert (ZH.relative(moment, today), EN.relative(moment, today)) == (chinese, english)


def test_every_shop_speaks_with_its_own_texts_in_every_language() -> None:
    texts = 'texts = {{ zh = {{ "help.title" = "{0}问" }}, en = {{ "help.title" = "{0} ask", "my.none" = "-" }} }}'
    chain = parse_chain(
        DEMO.replace('id = "garden"', f'id = "garden"\n{texts.format("G")}', 1).replace(
            'id = "river"', f'id = "river"\n{texts.format("R")}', 1
        )
    )
    catalogue = Catalogue(chain)
    for store, letter in zip(chain.stores, "GR", strict=False):
        assert catalogue.words("zh", store)("help.title") == f"{letter}问"
        assert catalogue.words("en", store)("help.title") == f"{letter} ask"
        assert catalogue.words("en", store)("help.unknown", command="x") == EN("help.unknown", command="x")
    assert catalogue.words("zh")("help.title") == ZH("help.title")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("key", ["help.titel", "weekdays", ""])
def test_a_shop_cannot_replace_a_text_that_there_is_not(language: str, key: str) -> None:
    for shop in ("garden", "river"):
        text = DEMO.replace(
            f'id = "{shop}"', f'id = "{shop}"\ntexts = {{ {language} = {{ "{key}" = "x" }} }}', 1
        )
        with pytest.raises(ChainError, match=f"texts.{language}"):
            Catalogue(parse_chain(text))

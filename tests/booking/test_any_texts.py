"""Whatever customers type, in whatever order: "booked" is said if and only if it is so, no bare yes books what the text before
it took back, and within ten seconds every text has an effect, a question, or people who know of it.

The texts are those of the open half of the corpus (`tests/understanding/open`), mixed at random; the plugin is the real one, in
memory, on a clock that the test moves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imserver.plugins.booking.messages.texts import load_words
from imserver.plugins.booking.understanding.acts import Kind
from imserver.testing import Said
from tests.booking.support.shop import NOW, RIVER, Shop, shown
from tests.understanding.corpus import ZONE, Utterance, rows, utterances
from tests.understanding.judge import TIMES

CUSTOMER = "an"
WITHIN_S = 10
CORPUS = utterances("open")
TEXTS = sorted(
    {one.text for one in CORPUS if not one.staff}
    | {turn["say"] for row in rows("open", "dialogues") for turn in row["turns"] if "say" in turn}
)
#: Nothing needs to follow these: thanks alarm nobody.
COURTESIES = {
    one.text
    for one in CORPUS
    if {want.kind for want in one.allows()}
    and {want.kind for want in one.allows()} <= {Kind.THANKS, Kind.GREETING}
}
#: "Booked", in the languages of the chain.
CONFIRMED = {str(load_words(language)["status.confirmed"]) for language in ("zh", "en")}
#: What starts, answers and ends bookings is typed more often than the rest, or little would be booked.
STEPS = ("预约 周五下午三点 验光 我叫安安 30岁 第一次", "book sat 10am eye exam, Ann Lee, 31, first visit", "好", "yes", "1",
         "安宁", "30岁 第一次", "取消", "改到周日下午两点", "确定取消", "先不约了")  # fmt: skip
YES = ("好", "好的", "嗯嗯", "可以", "yes", "ok", "👍")


@dataclass(slots=True)
class Watched:
    """One customer's dialogue, with what was said and is so."""

    shop: Shop
    here: str
    heard: list[Said] = field(default_factory=list)

    async def say(self, text: str) -> None:
        """Say it, and see that within the time something came of it."""
        before = await self._state()
        said = await self.shop.say(CUSTOMER, self.here, text)
        said += await self.shop.advance(WITHIN_S / 60)
        self.heard += said
        answered = any(one.conversation_id == self.here for one in said)
        told = bool(
            await self.shop.sql(
                "SELECT 1 FROM booking_services WHERE waiting_since IS NOT NULL AND conversation_id = ?",
                self.here,
            )
        )
        assert answered or told or await self._state() != before or text in COURTESIES, (
            f"nothing came of {text!r}"
        )
        await self.agrees()

    async def agrees(self) -> None:
        """ "Booked" was said of exactly what was booked."""
        said = {
            one.content["ref"]["id"]
            for one in self.heard
            if one.content.get("title") in CONFIRMED
            and one.content.get("ref", {}).get("kind") == "appointment"
        }
        rows = await self.shop.sql(
            "SELECT DISTINCT code FROM booking_appointments JOIN booking_changes ON appointment_id = id "
            "WHERE booking_changes.status = 'confirmed' AND customer_id = ?",
            CUSTOMER,
        )
        assert said == {str(code) for (code,) in rows}

    async def _state(self) -> list[list[tuple[object, ...]]]:
        return [
            await self.shop.sql(f"SELECT * FROM {table}")
            for table in (
                "booking_appointments",
                "booking_dialogues",
                "booking_services",
                "booking_customers",
            )
        ]


async def played(texts: Sequence[str], now: datetime = NOW, bot: str = "store-garden") -> None:
    async with Shop(now) as shop:
        watched = Watched(shop, await shop.customer(CUSTOMER, bot=bot))
        for text in texts:
            await watched.say(text)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    texts=st.lists(st.one_of(st.sampled_from(TEXTS), st.sampled_from(STEPS)), min_size=1, max_size=12),
    bot=st.sampled_from(["store-garden", RIVER]),
)
def test_what_is_said_is_so_and_no_text_is_left_alone(texts: list[str], bot: str) -> None:
    asyncio.run(played(texts, bot=bot))


def takes_back(one: Utterance) -> bool:
    """Whether a text takes the time of the card above it back: a yes behind it must not book that. Another service or name may
    have the same time."""
    if one.staff or one.shown_start is None or any(want.kind is Kind.YES for want in one.allows()):
        return False
    never = f"book {one.shown_start.isoformat(' ', 'minutes')}"
    return never in one.never and any(
        want.kind in (Kind.REFUSE, Kind.LATER, Kind.NO) or (want.kind is Kind.CORRECT and want.what in TIMES)
        for want in one.wants
    )


TAKING_BACK = [one for one in CORPUS if takes_back(one)]
#: Before it others may come: without values, since two corrections can lead back to where they began.
REFUSING = [one for one in TAKING_BACK if not any(want.kind is Kind.CORRECT for want in one.allows())]


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    one=st.sampled_from(TAKING_BACK),
    more=st.lists(st.sampled_from(REFUSING), max_size=2),
    yes=st.sampled_from(YES),
)
def test_a_bare_yes_books_nothing_that_the_text_before_it_took_back(
    one: Utterance, more: list[Utterance], yes: str
) -> None:
    asyncio.run(refused([other.text for other in more if other.shown_start == one.shown_start], one, yes))


async def refused(before: Sequence[str], one: Utterance, yes: str) -> None:
    assert one.shown_start is not None
    async with Shop(one.now.replace(tzinfo=ZoneInfo(ZONE))) as shop:
        here = await shop.customer(CUSTOMER)
        wish = f"预约 {one.shown_start:%Y-%m-%d %H:%M} 验光 我叫安安 30岁 第一次"
        answer = await shop.hear(CUSTOMER, here, wish)
        if [str(row[1]) for row in await shop.appointments("held")] != [f"{one.shown_start:%Y-%m-%dT%H:%M}"]:
            pytest.fail(f"no card for {wish}: {answer}")
        said = [await shop.say(CUSTOMER, here, text) for text in (*before, one.text, yes)]
        starts = {str(row[1]) for row in await shop.appointments()}
        assert f"{one.shown_start:%Y-%m-%dT%H:%M}" not in starts, "\n".join(shown(each) for each in said[-2])


def test_there_are_texts_enough() -> None:
    assert len(TEXTS) > 600
    assert len(TAKING_BACK) > 30
    assert 5 < len(COURTESIES) < 40

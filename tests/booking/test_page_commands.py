"""What the page posts, typed: an exact start, the form, giving up, moving, cancelling, and what `x-booking.mine` says of it."""

from __future__ import annotations

import asyncio

import pytest

from imserver.content import encode_content
from tests.booking.support.page import START, held, mine
from tests.booking.support.shop import GARDEN, RIVER, Shop

FORM = "/details\nname: Ann Lee\nage: adult\nfirst visit: yes\nconsent: shipped-1"


async def test_from_a_tap_to_booked_with_what_the_page_posts(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    kept = await held(shop, "ann")
    assert (kept.wall, kept.service, kept.ask, kept.confirm) == ("2026-11-20T15:00", "exam", "name", None)
    assert kept.until == shop.kit.clock.now_ms() + 180_000
    assert "Is this right" in await shop.hear("ann", room, FORM)
    kept = await held(shop, "ann")
    assert (kept.facts.name, kept.facts.age, kept.facts.first_visit) == ("Ann Lee", "adult", True)
    assert kept.ask == "confirm"
    assert kept.confirm is not None
    assert "Booked" in await shop.hear("ann", room, kept.confirm)
    after = await mine(shop, "ann")
    assert after.held is None
    (one,) = after.upcoming
    assert (one.wall, one.name, one.status, one.with_) == (
        "2026-11-20T15:00",
        "Ann Lee",
        "confirmed",
        "Li (optometrist)",
    )
    assert after.known.name == "Ann Lee"
    assert after.known.consent == {"garden": "shipped-1"}


async def test_in_the_direct_chat_before_there_is_a_conversation(shop: Shop) -> None:
    await shop.kit.user("ann", language="en")
    assert (await mine(shop, "ann")).conversations == {}
    await shop.say("ann", shop.kit.direct("ann", GARDEN), START)
    assert (await held(shop, "ann")).wall == "2026-11-20T15:00"
    assert list((await mine(shop, "ann")).conversations) == ["garden"]


async def test_a_service_that_no_word_names_and_a_time_that_cannot_be(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, "/book contact-recheck 2026-11-20 16:00")
    services = {one[0] for one in await shop.sql("SELECT service_id FROM booking_appointments")}
    assert len(services) <= 1
    assert "outside opening hours" in await shop.hear("ann", room, "/book exam 2026-11-20 04:00")
    assert "15 minutes apart" in await shop.hear("ann", room, "/book exam 2026-11-20 15:01")
    assert "is over" in await shop.hear("ann", room, "/book exam 2026-11-17 15:00")
    assert (await mine(shop, "ann")).held is None


@pytest.mark.parametrize("year", ["0001", "9999"])
async def test_days_at_the_ends_of_the_calendar_have_words(shop: Shop, year: str) -> None:
    room = await shop.customer("ann", "en")
    for text in (f"/book exam {year}-01-01 00:00", f"/book exam {year}-12-31 15:00"):
        assert "free times" in await shop.hear("ann", room, text)
    assert (await mine(shop, "ann")).held is None


async def test_another_start_takes_the_place_of_the_one_that_is_held(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    await shop.say("ann", room, "/book exam at 2026-11-20 16:00")
    assert (await held(shop, "ann")).wall == "2026-11-20T16:00"
    assert len(await shop.appointments("held")) == 1


async def test_two_customers_on_one_slot(shop: Shop) -> None:
    """Two optometrists: the third who taps the same start is refused with other times, and nobody without an answer."""
    rooms = {one: await shop.customer(one, "en") for one in ("ann", "bob", "cy")}
    await asyncio.gather(*(shop.kit.post(one, room, START) for one, room in rooms.items()))
    await shop.kit.idle()
    kept = {one: (await mine(shop, one)).held for one in rooms}
    assert sum(one is not None for one in kept.values()) == 2
    (loser,) = (one for one, found in kept.items() if found is None)
    assert "has just been taken" in str(shop.kit.messages(rooms[loser])[-1].content)


async def post(shop: Shop, room: str, text: str, key: bytes) -> None:
    """Post under a key that the client made."""
    content = encode_content({"type": "text", "text": text})
    now = shop.kit.clock.now_ms()
    await shop.kit.store.write(lambda tx: tx.post(room, "ann", key, content, sent_at=now))
    await shop.kit.idle()


async def test_the_same_key_twice_books_once(shop: Shop) -> None:
    room, key = await shop.customer("ann", "en"), bytes(range(16))
    for _ in range(2):
        await post(shop, room, START, key)
    assert len(await shop.appointments("held")) == 1
    await shop.say("ann", room, FORM)
    confirm, key = (await held(shop, "ann")).confirm, bytes(range(1, 17))
    for _ in range(2):
        await post(shop, room, str(confirm), key)
    assert len(await shop.appointments()) == 1


async def test_a_yes_of_before_books_nothing(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    await shop.say("ann", room, FORM)
    old = (await held(shop, "ann")).confirm
    await shop.say("ann", room, "/details\nname: Ben Lee")
    assert old != (await held(shop, "ann")).confirm
    await shop.say("ann", room, str(old))
    assert await shop.appointments() == []
    await shop.say("ann", room, str((await held(shop, "ann")).confirm))
    assert [row[3] for row in await shop.appointments()] == ["Ben Lee"]


async def test_a_hold_that_ends_meanwhile(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    kept = await held(shop, "ann")
    await shop.advance(3.1)
    assert (await mine(shop, "ann")).held is None
    assert "The hold is over" in await shop.hear("ann", room, kept.release)
    await shop.say("ann", room, FORM)
    assert await shop.appointments() == []


async def test_more_time_and_giving_up(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    before = await held(shop, "ann")
    await shop.say("ann", room, str(before.more))
    after = await held(shop, "ann")
    assert (after.until - before.until, after.extensions_left) == (180_000, before.extensions_left - 1)
    await shop.say("ann", room, str(after.more))
    assert (await held(shop, "ann")).more is None
    await shop.say("ann", room, after.release)
    assert (await mine(shop, "ann")).held is None
    assert await shop.appointments("held") == []


async def test_moving_and_cancelling_with_the_commands_of_mine(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    for text in (START, FORM):
        await shop.say("ann", room, text)
    await shop.say("ann", room, str((await held(shop, "ann")).confirm))
    (one,) = (await mine(shop, "ann")).upcoming
    await shop.say("ann", room, f"{one.move} 2026-11-21 10:30")
    moving = (await mine(shop, "ann")).moving
    assert moving is not None
    assert (moving.wall, moving.to_wall) == ("2026-11-20T15:00", "2026-11-21T10:30")
    await shop.say("ann", room, moving.keep)
    assert (await mine(shop, "ann")).moving is None
    await shop.say("ann", room, f"{one.move} 2026-11-21 10:30")
    moving = (await mine(shop, "ann")).moving
    assert moving is not None
    await shop.say("ann", room, str(moving.confirm))
    (moved,) = (await mine(shop, "ann")).upcoming
    assert (moved.wall, moved.version > one.version) == ("2026-11-21T10:30", True)
    assert "out of date" in await shop.hear("ann", room, f"{one.move} 2026-11-21 11:30")
    await shop.say("ann", room, str(moved.cancel))
    cancelling = (await mine(shop, "ann")).cancelling
    assert cancelling is not None
    assert cancelling.codes == (moved.code,)
    await shop.say("ann", room, cancelling.keep)
    assert (await mine(shop, "ann")).cancelling is None
    await shop.say("ann", room, str(moved.cancel))
    await shop.say("ann", room, str((await mine(shop, "ann")).cancelling.confirm))  # type: ignore[union-attr]
    assert (await mine(shop, "ann")).upcoming == ()
    assert [one.status for one in (await mine(shop, "ann")).past] == ["cancelled"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("/cancel", True),
        ("取消", True),
        ("好", True),
        ("明天下午3点", True),
        ("<script>alert(1)</script>", True),
        ("אברהם כהן", True),
        ("عائشة", True),
        ("Zoë O'Neil-Smith", True),
        ("豆豆👧🏽", True),
        ("👨‍👩‍👧 Ann", True),
        ("x" * 40, True),
        ("x" * 41, False),
        ("Ann\u202egnp", False),
        ("Ann\u0000", False),
        ("🎉", False),
        ("", False),
        ("42", False),
    ],
)
async def test_a_name_is_taken_as_it_is_or_refused_with_words(shop: Shop, name: str, kept: bool) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    answer = await shop.hear(
        "ann", room, f"/details\nname: {name}\nage: adult\nfirst visit: yes\nconsent: shipped-1"
    )
    if not kept:
        assert "Nothing was changed" in answer
        assert (await held(shop, "ann")).facts.name == ""
        assert (await held(shop, "ann")).facts.age == ""
        return
    assert (await held(shop, "ann")).facts.name == name
    await shop.say("ann", room, str((await held(shop, "ann")).confirm))
    assert [row[3] for row in await shop.appointments()] == [name]


async def test_ten_thousand_characters_are_answered_and_lose_nothing(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    answer = await shop.hear("ann", room, f"/details\nname: {'长' * 10_000}\nage: adult")
    assert "at most 40 characters" in answer
    assert (await held(shop, "ann")).ask == "name"
    await shop.say("ann", room, FORM)
    assert (await held(shop, "ann")).ask == "confirm"


async def test_each_wrong_line_is_said_and_none_is_taken(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    answer = await shop.hear(
        "ann",
        room,
        "/details\nname: Ann\nname: Bob\nage: old\nfirst visit: maybe\nconsent: other-1\nphone: 1\nhello",
    )
    for words in ("name: Bob", "“old”", "“maybe”", "“other-1”", "phone: 1", "“hello”"):
        assert words in answer
    assert (await held(shop, "ann")).facts.name == ""
    assert "There is nothing to read" in await shop.hear("ann", room, "/details")


async def test_an_age_is_a_number_of_years(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    assert "not one of" in await shop.hear("ann", room, "/details\nage: 00081990")
    await shop.hear("ann", room, "/details\nage: 8")
    assert (await held(shop, "ann")).facts.age == "child"


async def test_in_chinese_and_for_somebody_else(shop: Shop) -> None:
    room = await shop.customer("ming")
    assert "没有进行中的预约" in await shop.hear("ming", room, "资料\n姓名：李安")
    await shop.say("ming", room, "预约 exam 2026-11-20 15:00")
    answer = await shop.hear(
        "ming", room, "资料\n给谁：我妈\n姓名：李安\n年龄：老年人\n第一次来：否".replace("老年人", "senior")
    )
    assert "我妈" in answer
    facts = (await held(shop, "ming")).facts
    assert (facts.name, facts.person, facts.age, facts.first_visit) == ("李安", "我妈", "senior", False)
    await shop.say("ming", room, "资料\n给谁：我\n姓名：李明")
    assert ((await held(shop, "ming")).facts.person, (await held(shop, "ming")).facts.name) == ("", "李明")


async def test_a_name_does_not_choose_the_language(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    assert "Is this right" in await shop.hear("ann", room, FORM.replace("Ann Lee", "陈晓雯"))
    assert (await mine(shop, "ann")).known.language == "en"
    kept = await held(shop, "ann")
    assert kept.confirm is not None
    assert "Booked" in await shop.hear("ann", room, kept.confirm)


async def test_without_the_consent_that_the_shop_asks_for_the_page_has_no_yes(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    await shop.say("ann", room, FORM.rsplit("\n", 1)[0])
    kept = await held(shop, "ann")
    assert (kept.ask, kept.confirm) == ("consent", None)
    await shop.say("ann", room, "/consent shipped-1")
    kept = await held(shop, "ann")
    assert (kept.ask, kept.confirm is None) == ("confirm", False)


# ------------------------------------------------------------------------------------- an age that makes it another service

CHILD = "/details\nname: Tom Lee\nage: child\nfirst visit: yes\nconsent: shipped-1"
ADULT = "/details\nname: Tom Lee\nage: adult\nfirst visit: yes\nconsent: shipped-1"


async def test_what_is_held_says_what_a_yes_books(shop: Shop) -> None:
    """The page compares: what was tapped is the exam, and a child's is another service, and a longer one."""
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    assert ((await held(shop, "ann")).facts.service, (await held(shop, "ann")).facts.minutes) == ("exam", 40)
    await shop.say("ann", room, ADULT)
    adult = await held(shop, "ann")
    assert (adult.facts.service, adult.facts.minutes, adult.minutes) == ("exam", 30, 30)
    await shop.say("ann", room, CHILD)
    child = await held(shop, "ann")
    assert (child.facts.service, child.facts.minutes, child.minutes) == ("child-exam", 60, 60)
    await shop.say("ann", room, str(adult.confirm))  # the yes of what was shown before
    assert await shop.appointments() == []
    await shop.say("ann", room, str(child.confirm))
    (one,) = (await mine(shop, "ann")).upcoming
    assert (one.service, one.minutes) == ("child-exam", 60)


async def before_a_short_gap(shop: Shop) -> tuple[str, str]:
    """Riverside: 10:15 is free for an exam, and not for a child's of an hour: both who can do that are busy at 11:00."""
    room = await shop.customer("ann", "en", RIVER)
    for user in ("bob", "cy"):
        await shop.say(user, await shop.customer(user, "en", RIVER), "/book exam 2026-11-20 11:00")
    answer = await shop.hear("ann", room, "/book exam 2026-11-20 10:15")
    return room, answer


async def test_a_hold_that_is_too_short_for_a_child_says_why_and_what_is_near(shop: Shop) -> None:
    room, _ = await before_a_short_gap(shop)
    answer = await shop.hear("ann", room, CHILD)
    assert "is not possible for child's exam (60 minutes)" in answer
    after = await mine(shop, "ann")
    assert after.held is None
    refused = after.refused
    assert refused is not None
    assert (refused.why, refused.wall, refused.service, refused.minutes) == (
        "outgrown",
        "2026-11-20T10:15",
        "child-exam",
        60,
    )
    assert len(refused.near) == 3
    await shop.say("ann", room, f"/book {refused.service} {refused.near[0].wall.replace('T', ' ')}")
    kept = await held(shop, "ann")
    assert (kept.wall, kept.at, kept.ask) == (refused.near[0].wall, refused.near[0].at, "confirm")
    assert (await mine(shop, "ann")).refused is None


async def test_taps_are_never_answered_by_calling_the_staff(shop: Shop) -> None:
    room, _ = await before_a_short_gap(shop)
    await shop.say("ann", room, CHILD)
    for _ in range(5):
        answer = await shop.hear("ann", room, "/book exam 2026-11-20 10:15")
        assert "too short for child's exam" in answer
        assert "taken" not in answer
    assert (await mine(shop, "ann")).waiting == {}
    refused = (await mine(shop, "ann")).refused
    assert refused is not None
    assert refused.why == "short"


async def test_an_age_tapped_in_error_is_put_right_and_the_time_kept_again(shop: Shop) -> None:
    room, _ = await before_a_short_gap(shop)
    await shop.say("ann", room, CHILD)
    await shop.say("ann", room, ADULT)
    kept = await held(shop, "ann")
    assert (kept.wall, kept.facts.service, kept.ask) == ("2026-11-20T10:15", "exam", "confirm")
    assert (await mine(shop, "ann")).refused is None


# ---------------------------------------------------------------------------------------------------------------- language


async def test_a_language_that_is_chosen_stays_and_puts_what_stands_into_it(shop: Shop) -> None:
    """The account was made in Chinese; the page is switched to English, and posts commands, which are of no language."""
    room = await shop.customer("ming")
    for text in ("预约 exam 2026-11-20 15:00", ADULT):
        await shop.say("ming", room, text)
    await shop.say("ming", room, str((await held(shop, "ming")).confirm))
    before = {one.position: one.content for one in shop.kit.messages(room)}
    assert "in English" in await shop.hear("ming", room, "/language en")
    (one,) = (await mine(shop, "ming")).upcoming
    assert (one.with_, (await mine(shop, "ming")).known.language) == ("Li (optometrist)", "en")
    after = {one.position: one.content for one in shop.kit.messages(room)}
    edited = [after[at]["title"] for at, content in before.items() if after[at] != content]
    assert edited == ["Booked", "Before you come"]
    assert "Move" in await shop.hear("ming", room, f"{one.move} 2026-11-21 10:30")
    assert (await mine(shop, "ming")).known.language == "en"
    assert "接下来用中文" in await shop.hear("ming", room, "语言 中文")
    assert "改" in await shop.hear("ming", room, f"/move {one.code} v{one.version} 2026-11-21 10:30")


async def test_a_language_that_there_is_not_changes_nothing(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    assert "Which language" in await shop.hear("ann", room, "/language tlh")
    assert (await mine(shop, "ann")).known.language == "en"


# ------------------------------------------------------------------------------------------ a service that there is not


@pytest.mark.parametrize(
    "word", ["nothing", "no-such-exam", "exam-2", "2exam", "null", "undefined", "trial-exam"]
)
@pytest.mark.parametrize("is_open", [False, True])
async def test_a_service_that_there_is_not_holds_nothing_and_is_asked(
    shop: Shop, word: str, is_open: bool
) -> None:
    """Of an older page, or of nobody: no part of it is taken for the name of another one."""
    room = await shop.customer("ann", "en")
    if is_open:
        await shop.say("ann", room, START)
    answer = await shop.hear("ann", room, f"/book {word} 2026-11-20 16:00")
    assert f"does not offer “{word}”" in answer
    assert "what would you like to book" in answer.lower()
    assert await shop.appointments("held") == []
    await shop.say("ann", room, "eye exam")
    assert ((await held(shop, "ann")).wall, (await held(shop, "ann")).service) == ("2026-11-20T16:00", "exam")


@pytest.mark.parametrize(
    ("words", "service"), [("glasses", "glasses"), ("checkup", "exam"), ("lens-check", "lens-check")]
)
async def test_a_service_may_be_typed_by_its_name(shop: Shop, words: str, service: str) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, f"/book {words} 2026-11-20 16:00")
    assert (await held(shop, "ann")).service == service


async def test_a_word_before_the_time_is_no_service(shop: Shop) -> None:
    room = await shop.customer("ann", "en")
    await shop.say("ann", room, START)
    answer = await shop.hear("ann", room, "/book at 2026-11-20 16:00")
    assert (await held(shop, "ann")).wall == "2026-11-20T16:00", answer

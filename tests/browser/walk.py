"""A walk through all screens of the page, in the order in which somebody sees them, with a stop at each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.browser.journeys import SHOPS, WORDS, arrive, choose_day, code_of, fill_in, hold, submit, take_time
from tests.browser.page_world import Person

#: Called at each screen, with its name.
Stop = Callable[[str], Awaitable[None]]


async def walk(person: Person, language: str, stop: Stop) -> None:
    """Books, moves and cancels on the way."""
    words = WORDS[language]
    await person.opens("/")
    await person.sees(SHOPS["garden"][language])
    await stop("shops")
    await arrive(person, language)
    await person.sees(words.book)
    await stop("shop")
    await person.tap(words.book)
    await person.sees_title(words.choose_time)
    await choose_day(person, words, 1)
    await stop("time")
    await arrive(person, language)
    await hold(person, words, day=1, which=3)
    await person.sees_title(words.who)
    await person.tap(words.submit)
    await stop("you-missing")
    await fill_in(person, words, {"en": "Ann Lee", "zh": "王小明"}[language])
    await stop("you")
    await submit(person, words)
    code = await code_of(person)
    await stop("booked")
    await _afterwards(person, language, stop, code)


async def _afterwards(person: Person, language: str, stop: Stop, code: str) -> None:
    words = WORDS[language]
    await person.opens("/mine")
    await person.sees_title(words.mine)
    await stop("mine")
    await person.opens("/s/garden/chat")
    await person.sees(code)
    await stop("chat")
    await person.opens("/devices")
    await person.sees_title(words.devices)
    await stop("devices")
    await person.opens(f"/s/garden/move/{code}")
    await person.sees_title(words.move_title)
    await choose_day(person, words, 2)
    await stop("move")
    await take_time(person, 2)
    await person.sees(words.move_yes)
    await stop("move-ask")
    await person.tap(words.move_yes)
    await person.sees_title(words.moved)
    await stop("moved")
    await person.tap(words.cancel)
    await person.sees(words.cancel_yes)
    await stop("cancel")
    await person.tap(words.cancel_yes)
    await person.sees_title(words.cancelled)
    await stop("cancelled")
    await person.opens("/s/none-of-ours")
    await person.sees_title(words.shop_gone)
    await stop("shop-gone")

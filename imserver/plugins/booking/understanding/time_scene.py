"""Words about time that mean something because of the scene: the card above them, and the step that was asked."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from imserver.plugins.booking.dates.compose import days_of
from imserver.plugins.booking.dates.moments import Moment
from imserver.plugins.booking.dates.rules import EN_MONTH
from imserver.plugins.booking.dates.scan import Found
from imserver.plugins.booking.dates.text import WORD_MARK, Sheet
from imserver.plugins.booking.dates.tokens import (
    Clock,
    Days,
    MonthDay,
    Moved,
    Same,
    Shift,
    Token,
    Weekday,
)
from imserver.plugins.booking.understanding.acts import Scene

_ANOTHER: Final = re.compile(
    "[改换挪移推提调]|早|(?<![a-z])(?:move|change|switch|instead|earlier|sooner)(?![a-z])"
)


def of_the_card(spoken: list[Moment], sheet: Sheet, scene: Scene) -> list[Moment]:
    """周五 said at the card of a Friday is that one, and the 2nd that of its month; not beside other days, or to move."""
    day = scene.shown.day
    if scene.days_asked:
        _of_the_asked(spoken, scene)
    if day is None:
        return spoken
    if scene.shown.booked:
        return _of_the_booked(day, spoken, sheet, scene)
    if _ANOTHER.search(sheet.text):
        return _in_the_week_of(day, spoken, scene)
    if any(isinstance(token, Days | Shift) for moment in spoken for token in moment.days):
        return spoken
    for moment in spoken:
        same = [
            (isinstance(token, Weekday) and token.index == day.weekday())
            or (isinstance(token, MonthDay) and token.day == day.day)
            for token in moment.days
        ]
        if same and all(same):
            moment.days = [Days(frozenset({day}))]
    return spoken


def _of_the_asked(spoken: list[Moment], scene: Scene) -> None:
    """周四, to "which day of next week?": the Thursday of those that were asked."""
    for moment in spoken:
        if len(moment.days) != 1:
            continue
        token = moment.days[0]
        asked = [day for day in scene.days_asked if _near(day, token) == day]
        if len(asked) == 1:
            moment.days = [Days(frozenset(asked))]


def _in_the_week_of(day: date, spoken: list[Moment], scene: Scene) -> list[Moment]:
    """改成周四吧, at the card of a Friday of another week than this one: the Thursday of that week."""
    monday = day - timedelta(days=day.weekday())
    if monday <= scene.now.date():
        return spoken
    for moment in spoken:
        if len(moment.days) == 1 and isinstance(token := moment.days[0], Weekday):
            moment.days = [Days(frozenset({monday + timedelta(days=token.index)}))]
    return spoken


def _of_the_booked(day: date, spoken: list[Moment], sheet: Sheet, scene: Scene) -> list[Moment]:
    """改成周四吧, said of an appointment of a later week: the Thursday of that week or the coming one, and it is asked which.
    The appointment's own weekday is its day, unless nothing else is named and it is to be another: with an hour it may be
    either. 三天后 counts from today or from its day."""
    changes = len(spoken) == 1 and _ANOTHER.search(sheet.text) is not None
    for moment in spoken:
        if len(moment.days) == 1 and (ahead := _counted(moment, sheet, scene)):
            moment.days = [Days(frozenset({day + ahead, scene.now.date() + ahead}), each=True)]
            continue
        if (weekend := _weekend(moment, sheet)) and max(weekend) < day - timedelta(days=day.weekday()):
            of_its_week = {one for one in _week_of(day) if one.weekday() >= _SATURDAY}
            moment.days = [Days(weekend | of_its_week, each=True)]
            continue
        beside = [token for token in moment.days if isinstance(token, Shift) and abs(token.days) < _WEEK]
        bare = [token for token in moment.days if token not in beside]
        near = _near(day, bare[0]) if len(bare) == 1 else None
        if near is None or near <= scene.now.date():
            continue
        coming = days_of(bare, scene.now.date())
        if near == day and not changes:
            moment.days = [Days(frozenset({day})), *beside]
        elif near != day or moment.has_clock:
            moment.days = [Days(frozenset({near, *coming}), each=True), *beside]
    return spoken


_WEEK: Final = 7
_BEHIND: Final = re.compile("(?:天|日|周|星期|礼拜|月)(?:以|之)?后")


def _counted(moment: Moment, sheet: Sheet, scene: Scene) -> timedelta | None:
    """How far ahead 三天后 and 一周以后 are; None for other words."""
    (token,) = moment.days
    words = sheet.source[slice(*sheet.span(moment.start, moment.end))]
    if not isinstance(token, Days) or len(token.dates) != 1 or not _BEHIND.search(words):
        return None
    (counted,) = token.dates
    return counted - scene.now.date() if counted > scene.now.date() else None


_SATURDAY: Final = 5
_WEEKEND: Final = re.compile("(?<![这這本下上个個])[周週]末|(?<!this )(?<!next )(?<!coming )weekend")


def _weekend(moment: Moment, sheet: Sheet) -> frozenset[date]:
    """The days of 周末 where nothing says which one; none for other words."""
    token = moment.days[0] if len(moment.days) == 1 else None
    words = sheet.source[slice(*sheet.span(moment.start, moment.end))]
    return token.dates if isinstance(token, Days) and token.each and _WEEKEND.search(words) else frozenset()


def _near(day: date, token: Token) -> date | None:
    """The weekday of the week of a day, or the 3rd of its month; None for other words, and if there is no such date."""
    if isinstance(token, Weekday):
        return day + timedelta(days=token.index - day.weekday())
    try:
        return day.replace(day=token.day) if isinstance(token, MonthDay) else None
    except ValueError:
        return None


_DOTTED_HOUR: Final = re.compile(
    r"(?<![0-9.,:/+-])(?:1?[0-9]|2[0-3])(?P<dot>[.])[0-5][05](?![0-9.%/]| ?[度元块折米点])"
)


_DOTTED_DAY: Final = re.compile(
    r"^(?P<first>[0-9]{1,2})(?P<dot>[.-])(?P<last>[0-9]{1,2})(?=$|[ ,，。?？吧呢行可号日])"
)


_HOURS_ASKED: Final = frozenset({"slot", "confirm", "confirm_again"})


#: Words of the day in the north and in print, as they are said elsewhere.
_PARTS: Final = {
    "午前": "上午", "早间": "早上", "晨间": "早上", "头午": "上午", "头晌": "上午", "前晌": "上午", "早段": "早上",
    "后晌": "下午", "午间": "中午", "晌午": "中午",
}  # fmt: skip
_PART: Final = re.compile(f"(?<!端)(?:{'|'.join(_PARTS)})")
#: 1.12. is the first of December wherever a dot stands behind the month.
_EUROPEAN: Final = re.compile(r"(?<![0-9.])(0?[1-9]|[12][0-9]|3[01])\.(0?[1-9]|1[0-2])\.(?=$|[ ,])")
#: "3pm um say 4pm": a slip, put right.
_SLIP: Final = re.compile(
    "(?<=[0-9m]) ?[,.]{0,3} (?:um{1,6}|er{1,6}m?|eh|uh|oops|hm{2,6}|i mean|or rather|i meant)[, ]{1,4}"
    "(?:no,? |rather |say |make (?:it|that) ){0,4}(?=[0-9])"
)
_ORDINALS: Final = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth",
    "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth",
)  # fmt: skip
_SPELLED: Final = f"(?:the )?(?:(?P<tens>twenty|thirty)[- ]?)?(?P<unit>{'|'.join(_ORDINALS)}|thirtieth)"
#: "The third of december", "november twenty second at two": days of a month, spelled out.
_SPELLED_DAY: Final = re.compile(f"(?<![a-z]){_SPELLED}(?= (?:of )?{EN_MONTH})")
_DAY_ALONE: Final = re.compile(
    f"(?<![a-z])the (?P<tens>twenty|thirty)[- ](?P<unit>{'|'.join(_ORDINALS[:9])})(?= ?(?:$|,| at| in the| around))"
)
_MONTH_FIRST: Final = re.compile(
    f"(?<![a-z]){EN_MONTH} (?P<day>{_SPELLED})(?= ?(?:$|,| at| in the| around| [0-9])(?! ?(?:visit|time)))"
)
#: "friday 3, no wait, 4": the hour, put right by a bare one.
_PUT_RIGHT: Final = re.compile(
    "(?<=[0-9m])[ ,.-]{0,4}"
    "(?:(?:no|nope|wait|actually|sorry|i meant?|or rather|rather|make that|oops|correction)[ ,]{1,3}){1,3}?"
    "(?P<hour>(?<=[ ,])(?:[1-9]|1[0-2]))(?=[ ,.!]{0,3}$|[,.] )"
)
#: "no, 4", "4 instead", at a card: above the numbers of its two buttons it is an hour.
_INSTEAD: Final = re.compile(
    "^ ?(?:(?:(?:oh|ah|um|hmm?|er|but|(?:no|nope|nah)(?= ?[,.-])|not [0-9]{1,2}|actually|sorry|rather|wait|i mean|better)"
    "[ ,.-]{1,4}){1,4}?(?P<hour>(?<=[ ,])(?:[3-9]|1[0-2]))(?= ?(?:please|pls|instead|then|rather|actually)?[ .!]{0,4}$)"
    "|(?P<first>(?:[3-9]|1[0-2])) (?=(?:instead|actually|rather)[ .!]{0,4}$))"
)
_OF_A_TIME: Final = frozenset({"", "book", "move"})
#: 28, where a day is asked: no list is as long.
_BARE_DAY: Final = re.compile(
    "^ ?(?:the )?(1[5-9]|2[0-9]|3[01])(?= ?(?:吧|呢|可以|行|好|please|pls)?[ .!]{0,6}$)"
)


def bare_day(sheet: Sheet, scene: Scene) -> str:
    """The number that is the day of the month that was asked for; "" if the text is no such number."""
    match = _BARE_DAY.match(sheet.text) if scene.step == "day" else None
    return match[1] if match else ""


def hour_instead(sheet: Sheet, scene: Scene) -> re.Match[str] | None:
    """The bare hour that puts right the one of the card above; None if the text is none."""
    at_a_card = scene.asks in _OF_A_TIME and scene.step.startswith("confirm")
    return _INSTEAD.match(sheet.text) if at_a_card else None


def as_said(sheet: Sheet) -> None:
    """Write one way of saying a time for others that come to the same, each as long as what it replaces."""
    for bare in tuple(_PUT_RIGHT.finditer(sheet.text)):
        sheet.rewrite(bare.start("hour") - 1, bare.end("hour"), f"{bare['hour']}点")
    if "th" in sheet.text or "first" in sheet.text or "second" in sheet.text:
        for days in (_SPELLED_DAY, _MONTH_FIRST, _DAY_ALONE):
            for spelled in tuple(days.finditer(sheet.text)):
                _spell(sheet, spelled)
    for part in tuple(_PART.finditer(sheet.text)):
        sheet.rewrite(*part.span(), _PARTS[part[0]])
    for slip in tuple(_SLIP.finditer(sheet.text)):
        sheet.rewrite(*slip.span(), " no,".ljust(slip.end() - slip.start()))
    for day in tuple(_EUROPEAN.finditer(sheet.text)):
        sheet.rewrite(*day.span(), f"{day[2]}月{day[1]}日")


def _spell(sheet: Sheet, spelled: re.Match[str]) -> None:
    """Write the day of a month in figures."""
    behind_month = "day" in spelled.re.groupindex
    start, end = spelled.span("day") if behind_month else spelled.span()
    day = 30 if spelled["unit"] == "thirtieth" else _ORDINALS.index(spelled["unit"]) + 1
    if spelled["tens"]:
        day += 20 if spelled["tens"] == "twenty" else 30
    figures, room = f"{day}th", end - start
    sheet.rewrite(
        start, end, figures.ljust(room, WORD_MARK) if behind_month else figures.rjust(room, WORD_MARK)
    )


def as_asked(sheet: Sheet, scene: Scene) -> None:
    """10.30 is an hour where one was asked or shown, 12-5 a day where a day was asked, "no, 4" another hour than the card's."""
    if bare := hour_instead(sheet, scene):
        start, end = bare.span("hour") if bare["hour"] else bare.span("first")
        sheet.rewrite(
            *((start - 1, end) if bare["hour"] else (start, end + 1)), f"{bare['hour'] or bare['first']}点"
        )
    if scene.step in _HOURS_ASKED:
        for match in tuple(_DOTTED_HOUR.finditer(sheet.text)):
            sheet.rewrite(*match.span("dot"), ":")
    elif scene.step == "day" and (day := _DOTTED_DAY.match(sheet.text)):
        sheet.rewrite(*day.span("dot"), "/")


def _week_of(day: date) -> frozenset[date]:
    return frozenset(day + timedelta(days=index - day.weekday()) for index in range(7))


#: What they mean depends on the card, or on the day that was said.
_RELATIVE: Final = (Same, Moved)


def resolved(found: Found, scene: Scene, *, named: bool) -> Found:
    """同一时间 and 那天 are those of the card, or mean nothing here; 第二天 may follow a day that was `named`."""
    for token in found.tokens:
        if isinstance(token, _RELATIVE):
            break
    else:
        return found
    shown = scene.shown
    tokens: list[Token] = []
    for token in found.tokens:
        if token == Same("time"):
            tokens += [Clock(shown.start.hour, shown.start.minute, exact=True)] if shown.start else []
        elif token == Same("day"):
            tokens += [Days(frozenset({shown.day}))] if shown.day else []
        elif token == Same("week"):
            tokens += [Days(_week_of(shown.day))] if shown.day else []
        elif token == Same("next"):
            base = shown.day or scene.day_said
            if base:
                tokens.append(Days(frozenset({base + timedelta(days=1)})))
            elif named:
                tokens.append(Moved(days=1))
        elif isinstance(token, Moved) and token.days is not None and (shown.day or token.from_today):
            base = shown.day or scene.now.date()
            tokens.append(Days(frozenset({base + timedelta(days=token.days)})))
        else:
            tokens.append(token)
    echo = (
        any(isinstance(token, Same) and token.what not in ("next", "week") for token in found.tokens)
        and len(found.tokens) == 1
    )
    return replace(found, tokens=tuple(tokens), echo=echo)

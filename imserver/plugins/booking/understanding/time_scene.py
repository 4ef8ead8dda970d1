"""Words about time that mean something because of the scene: the card above them, and the step that was asked."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Final

from imserver.plugins.booking.dates.moments import Moment
from imserver.plugins.booking.dates.scan import Found
from imserver.plugins.booking.dates.text import Sheet
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
    if day is None or _ANOTHER.search(sheet.text):
        return spoken
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


_DOTTED_HOUR: Final = re.compile(
    r"(?<![0-9.,:/+-])(?:1?[0-9]|2[0-3])(?P<dot>[.])[0-5][05](?![0-9.%/]| ?[度元块折米点])"
)


_DOTTED_DAY: Final = re.compile(
    r"^(?P<first>[0-9]{1,2})(?P<dot>[.-])(?P<last>[0-9]{1,2})(?=$|[ ,，。?？吧呢行可号日])"
)


_HOURS_ASKED: Final = frozenset({"slot", "confirm", "confirm_again"})


def as_asked(sheet: Sheet, scene: Scene) -> None:
    """10.30 is an hour where one was asked or shown, 12-5 a day where a day was asked."""
    if scene.step in _HOURS_ASKED:
        for match in tuple(_DOTTED_HOUR.finditer(sheet.text)):
            sheet.rewrite(*match.span("dot"), ":")
    elif scene.step == "day" and (day := _DOTTED_DAY.match(sheet.text)):
        sheet.rewrite(*day.span("dot"), "/")


def resolved(found: Found, scene: Scene, *, named: bool) -> Found:
    """同一时间 and 那天 are those of the card, or mean nothing here; 第二天 may follow a day that was `named`."""
    shown = scene.shown
    tokens: list[Token] = []
    for token in found.tokens:
        if token == Same("time"):
            tokens += [Clock(shown.start.hour, shown.start.minute, exact=True)] if shown.start else []
        elif token == Same("day"):
            tokens += [Days(frozenset({shown.day}))] if shown.day else []
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
        any(isinstance(token, Same) and token.what != "next" for token in found.tokens)
        and len(found.tokens) == 1
    )
    return replace(found, tokens=tuple(tokens), echo=echo)

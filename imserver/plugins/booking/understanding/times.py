"""Days and times in a text: what is wished, what is refused, what is put right, and what it all comes to.

The words about time make moments (`dates.moments`), the templates say which of them are refused, replaced or only spoken of
(`negation.scopes`), and what is left is the wish. A time is a wish only with its neighbours: a bare clock time without a day is
today's only if nothing unread touches it, and what no template understands is asked about (`dates.doubts`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from imserver.plugins.booking.dates.asides import set_aside
from imserver.plugins.booking.dates.compose import Unclear, ahead, between, days_of, later, part_of, times_of
from imserver.plugins.booking.dates.doubts import doubt
from imserver.plugins.booking.dates.moments import Moment, moments
from imserver.plugins.booking.dates.scan import Found, scan
from imserver.plugins.booking.dates.text import MARKS, WORD_MARK, Sheet
from imserver.plugins.booking.dates.tokens import (
    Clock,
    Days,
    Later,
    MonthDay,
    Moved,
    Part,
    PartName,
    Reason,
    Refused,
    Same,
    Shift,
    Token,
    Weekday,
)
from imserver.plugins.booking.understanding.acts import Act, Hours, Kind, Scene, Span, When
from imserver.plugins.booking.understanding.clocks import at_home, other_clock
from imserver.plugins.booking.understanding.negation import Scope, scopes
from imserver.plugins.booking.understanding.occasions import VISIT, at_the_edge, only_then, until
from imserver.plugins.booking.understanding.unnamed import read_unnamed

HOURS: Final[dict[PartName, tuple[int, int]]] = {
    "morning": (0, 720),
    "noon": (720, 780),
    "afternoon": (720, 1080),
    "evening": (1020, 1440),
}
"""The minutes of the parts of a day, for a list of free slots."""
DAY: Final = 1440
SOME_DAYS: Final = 7
"""So many of the days before or behind one are shown."""

_EDGE: Final = re.compile("[前后後]|before|after", re.IGNORECASE)
"""The words of an edge whose other side is meant where it is refused: not 最晚三点, not 到三点."""
ELSE: Final = re.compile(
    "(?:实在|要是|如果|都)?(?:不行|不可以|没有空?|没位置?|没号|满了|约不上|排不上|没了|没空)(?:的话|就|再|那就?)|不然|要不然|否则|没有就|再不行|"
    r"(?<![a-z])(?:failing that|if not|otherwise|or else|if that'?s (?:full|taken)|else|alternatively)(?![a-z])"
)
"""Words between two wishes that make the second the lesser one."""
EITHER: Final = re.compile(
    "都可以|都行|都好|都成|都能|都得|都ok|哪[天个]都|随便(?:哪|一)?(?:一?天)?|任意|也行|也可以|也成|也好|要么|没有(?=\x00|"
    "\x01)|(?<![a-z])(?:either|both|any of)(?![a-z])"
)
CONTRAST: Final = re.compile(
    "(?:哦|噢|呃|啊|哎)?(?:不对不对|不对|不是[啊呀哦的]|不不不?|(?:我)?[说搞弄写打记看]错了?(?:[说搞弄写打记看]错了?)?|错了|口误|听错了?|你听错了)|"
    r"(?:算了|罢了)[,， ]?(?:那|还是|就|改成?|换成?){0,2}(?=[\x00\x01])|(?<![a-z])(?:never ?mind|"
    r"nvm|forget it)[, ]{0,2}(?:make it |let's do )?(?=[\x00\x01])|"
    r"^ ?(?:no(?:pe)?[ ,.!]{1,3}){1,4}(?=[\x00\x01])|"
    r"(?<![a-z])(?:no wait|wait no|no no|no,? sorry|my mistake|correction|w8 no|i mean|"
    r"(?:no,? )?i (?:said|meant)|scratch that|actually)(?![a-z])"
)
"""Words that put right what was said or shown before."""

ANY_DAY: Final = re.compile(
    "随便哪天|哪[一]?天都|任[意何][一]?天|随便[一]?天|(?<![a-z])any ?day(?! but| except)(?![a-z])"
)
"""A clock time on whatever day is not today's."""
CLAUSE: Final = re.compile("[,，。;；!！?？\n]| - ")
BYGONE: Final = re.compile("上[次回]|来过|做过|验过|打过|(?<![a-z])(?:last time|came in|was in)(?![a-z])")
"""Words of what has been: the time beside them is no wish if another clause names one."""
PASSING: Final = 4
"""Unread letters of a clause from which a day in it is only mentioned, where another clause names day and hour."""
FILLERS: Final = re.compile(
    "左右|大概|大约|差不多|最好|尽量|或者|或|还是|那个|就|的|那|嘛|呢|啊|哈|呀|钟|之间|以后|以前|之后|之前|"
    "(?<![a-z])(?:at|on|the|or|and|from|to|till|until|between|about|around|after|before|by|maybe|say|like|ish|ideally|so|but|of|in)(?![a-z])"
)
WORD_BEFORE: Final = re.compile("(?<![a-z])([a-z]{1,14}) ?$")
COMPANY: Final = (
    " a about adjust am and appointment around at at's be book booking by can check collect collection come coming "
    "could do ee exam exams eye fitting fix for from get give glasses good hello help hi i in is is's it its just "
    "lens lenses let lets like ll make maybe me mine move my need no now of ok okay on one only or pick please "
    "pls possible prefer prob repair say slot so start still sure test tests thanks that the then there time to "
    "today try visit wanna want we what with would yeah yep yes you your "
)
"""Words that may stand before a clock time without a day. Any other might be a day that nobody could read (S 3pm)."""
ALREADY: Final = re.compile("就(?![来到过去行可好这约定订吧])")
"""六点就发: what happens then is no wish."""
TOUCHING: Final = re.compile(
    "[吧呢吗呀啊哦哈了的可能行好来过到见去约预订定想要请麻有是和就在给帮我您你那这再或也都还前后左右钟整"
    "左验配取修看做办换改挪调店嚟返落先啦喇㗎]|[ -~]|[^\\w\\s]"
)
"""Characters that may touch a bare clock time without making it something else."""


_CHOOSING: Final = frozenset({"day", "slot", "confirm", "confirm_again"})
"""The steps at which a day or a time was offered."""


_OTHER_DAY: Final = frozenset({"past", "impossible", "conflict", "too_far", "no_such_time"})
"""Reasons that lie in the day, and not in the hour."""


@dataclass(frozen=True, slots=True)
class Times:
    """What a text says about days and times: acts with their spans, and what they come to. None: it says nothing."""

    acts: tuple[Act, ...] = ()
    when: When | None = None


@dataclass(slots=True)
class Option:
    """What a moment comes to: days, times of day or a range of them, or so many minutes from now."""

    days: tuple[date, ...] = ()
    times: tuple[time, ...] = ()
    window: tuple[int, int] | None = None
    wish: time | None = None
    part: PartName | None = None
    minutes: int | None = None
    weekday: bool = False  # the day was said by the name of today alone
    each: bool = False
    noon: bool = False  # noon was said, and no hour of it

    @property
    def timed(self) -> bool:
        return bool(self.times or self.window or self.minutes is not None)


def read_times(sheet: Sheet, scene: Scene) -> Times:
    """Read the days and times of a masked sheet and blank out what was read."""
    if sheet.too_long:
        return Times((), When(reason="too_long"))
    set_aside(sheet)
    _in_the_hand_of(sheet, scene)
    scanned: list[Found] = []
    for one in scan(sheet, scene.now.date()):
        last = scanned[-1] if scanned and scanned[-1].end == one.start and not scanned[-1].timely else None
        if last is not None and last.tokens and one.tokens == (Same("day"),):  # 21号那天
            scanned[-1] = replace(last, end=one.end)
            continue
        scanned.append(_resolved(one, scene, named=any(not before.timely for before in scanned)))
    found = [one for one in scanned if one.tokens]
    if not found:
        return _Speech(sheet, scene, []).unnamed()
    speech = _Speech(sheet, scene, _of_the_card(moments(sheet, found, scene.now.date()), sheet, scene))
    speech.pointless = any(not one.tokens and not one.timely for one in scanned)
    zone = other_clock(sheet, scene)
    if zone is None:
        return speech.read()
    if not zone:
        return Times((), When(reason="zone"))
    speech.scene = replace(scene, now=at_home(scene.now, scene.zone, zone), zone=zone)
    said = speech.read().when
    if said is None or said.wish is None:
        return Times((), When(reason="zone"))
    here = at_home(said.wish, zone, scene.zone)
    return Times(
        (), When(candidates=(here,), days=(here.date(),), reason="zone", elsewhere=(said.wish, zone))
    )


_ANOTHER: Final = re.compile(
    "[改换挪移推提调]|早|(?<![a-z])(?:move|change|switch|instead|earlier|sooner)(?![a-z])"
)


def _of_the_card(spoken: list[Moment], sheet: Sheet, scene: Scene) -> list[Moment]:
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


def _in_the_hand_of(sheet: Sheet, scene: Scene) -> None:
    """10.30 is an hour where one was asked or shown, 12-5 a day where a day was asked."""
    if scene.step in _HOURS_ASKED:
        for match in tuple(_DOTTED_HOUR.finditer(sheet.text)):
            sheet.rewrite(*match.span("dot"), ":")
    elif scene.step == "day" and (day := _DOTTED_DAY.match(sheet.text)):
        sheet.rewrite(*day.span("dot"), "/")


def _resolved(found: Found, scene: Scene, *, named: bool) -> Found:
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


class _Speech:
    """One text: its moments, what becomes of each, and the acts."""

    def __init__(self, sheet: Sheet, scene: Scene, spoken: list[Moment]) -> None:
        self.sheet, self.scene, self.moments = sheet, scene, spoken
        self.today = scene.now.date()
        self.zone = ZoneInfo(scene.zone)
        self.acts: list[Act] = []
        self.verdicts: dict[int, Scope] = {}
        self.contrast = False
        self.either = False
        self.else_ = False
        self.refuses: set[str] = set()
        self.unsure = False
        self.cancels: list[tuple[int, int]] = []
        self.doubted = False
        self.pointless = False  # it says 那天, and there is no card that shows one

    # ------------------------------------------------------------------------------------------------------ the parts

    def read(self) -> Times:
        """Sort the moments, compose the wish, and say it in acts."""
        for moment in self.moments:
            self._turn(moment)
        found = scopes(self.sheet.text, [(moment.start, moment.end) for moment in self.moments])
        if found is None:
            return Times((), When(reason="negated"))
        self._judge(found)
        self._free_beyond()
        self._leave_out()
        wishes = self._wishes()
        for moment in self.moments:
            self._blank(moment.words)
        heard = [scope for scope in found if scope.verdict != "cancelled" and not self._completes(scope)]
        self._blank(place for scope in heard for place in scope.words)
        self.cancels = [place for scope in found if scope.verdict == "cancelled" for place in scope.words]
        self._relations(wishes)
        self._refuse(wishes)
        taken_back = self._refuse_unnamed()
        self.contrast = self.contrast or taken_back
        when = self._when(wishes)
        if taken_back and self.scene.shown.start is None and wishes:
            when = When(reason="negated")
        return Times(tuple(self.acts), when)

    def unnamed(self) -> Times:
        """A text that names no day and no time may refuse those of the card."""
        return Times(tuple(self.acts), When(reason="negated")) if self._refuse_unnamed() else Times()

    def _refuse_unnamed(self) -> bool:
        """太早了, 日期错了: the day or the hour of the card is refused. Whether one is."""
        shown = self.scene.shown
        if shown.day is None and self.scene.step not in _CHOOSING:
            return False
        found = list(read_unnamed(self.sheet.text))
        for one in found:
            place = [(one.start, one.end)]
            self._blank(place)
            value = (shown.start and shown.start.time()) if one.what == "time" else shown.day
            moment = Moment(one.start, one.end)
            if not any(act.kind is Kind.REFUSE and act.what == one.what for act in self.acts):
                self._act(Kind.REFUSE, one.what, value, moment, place)
        return bool(found)

    def _blank(self, places: Iterable[tuple[int, int]]) -> None:
        for start, end in places:
            kept = self.sheet.text[start:end]
            for offset, char in enumerate(kept):
                if char not in MARKS:
                    self.sheet.blank(start + offset, start + offset + 1, WORD_MARK)

    def _turn(self, moment: Moment) -> None:
        """A range that ends when one is free begins there: "at work till 5", 要到四点才有空."""
        busy = until(self.sheet, moment)
        places = [busy] if busy else list(only_then(self.sheet, moment))
        edge = None if places else at_the_edge(self.sheet, moment)
        places += [edge[1]] if edge else []
        if not places:
            return
        moment.open, moment.busy = edge[0] if edge else "after", busy is not None
        self._blank(places)
        moment.words += [place for place in places if place not in moment.time_places]

    def _judge(self, found: Sequence[Scope]) -> None:
        """The verdict that counts for each moment: whatever speaks against it before what speaks for it."""
        order = ("told", "old", "refused", "busy", "elsewhere", "cancelled", "wanted")
        for scope in sorted(found, key=lambda one: (order.index(one.verdict), one.instead is None)):
            if self._answers_no(scope):
                self.contrast = True
            elif not self._completes(scope):
                self.verdicts.setdefault(scope.value, scope)

    def _answers_no(self, scope: Scope) -> bool:
        """No Saturday, at a card of Friday: no, Saturday."""
        shown, moment = self.scene.shown, self.moments[scope.value]
        if (
            scope.verdict != "refused"
            or scope.instead is not None
            or not shown.asks_yes
            or shown.start is None
        ):
            return False
        said = "".join(self.sheet.text[start:end] for start, end in scope.words).strip()
        if (
            said not in ("no", "不", "nope")
            or self.sheet.text[: moment.start].strip(" ,") != said
            or len(self.moments) > 1
        ):
            return False
        if said == "不" and self.sheet.text[: moment.start].endswith("不"):
            return False
        days = self._days(moment)
        return bool(days) and shown.start.date() not in days

    def _free_beyond(self) -> None:
        """四点前没空, "before 4 doesn't work": the other end of it is free, where no other hour is wished."""
        clocks = [number for number, moment in enumerate(self.moments) if moment.has_clock]
        for number in clocks:
            moment, verdict = self.moments[number], self._verdict(number)
            if (
                verdict in ("refused", "busy", "elsewhere")
                and moment.open
                and moment.until is None
                and len(clocks) == 1
                and _EDGE.search(self.sheet.source[slice(*self.sheet.span(moment.start, moment.end))])
            ):
                moment.open = "before" if moment.open == "after" else "after"
                moment.words += self.verdicts.pop(number).words

    def _leave_out(self) -> None:
        """下周都行，除了周三: of several days one is left out, and it is the one among them."""
        for number, moment in enumerate(self.moments):
            if self._verdict(number) not in ("refused", "busy") or not moment.days:
                continue
            if not all(isinstance(token, Weekday) for token in moment.days):
                continue
            indexes = {token.index for token in moment.days if isinstance(token, Weekday)}
            for other in self.moments:
                spans = [token for token in other.days if isinstance(token, Days) and len(token.dates) > 1]
                if other is moment or len(spans) != 1:
                    continue
                out = frozenset(day for day in spans[0].dates if day.weekday() in indexes)
                if out and out != spans[0].dates:
                    left = replace(spans[0], dates=spans[0].dates - out)
                    other.days = [left if token is spans[0] else token for token in other.days]
                    moment.days = [Days(out, each=len(out) > 1)]

    def _completes(self, scope: Scope) -> bool:
        """Whether it is no replacement but the other half (周五改到三点), or an occasion without an hour."""
        moment = self.moments[scope.value]
        if scope.verdict == "elsewhere":
            return not moment.times
        if scope.verdict != "old" or scope.instead is None:
            return False
        other = self.moments[scope.instead]
        return bool(moment.days and not moment.times and not other.days and other.times)

    def _wishes(self) -> list[int]:
        """The moments that are wished: not refused, over, cancelled, only pointed at or spoken of in passing."""
        wishes = [number for number in range(len(self.moments)) if self._wished(number)]
        over = [number for number in wishes if self._over(number)]
        if over and len(over) < len(wishes):
            wishes = [number for number in wishes if number not in over]
        wishes = [number for number in wishes if not self.moments[number].echo or self.moments[number].moved]
        left = [number for number in wishes if not self._refused_again(number)]
        if any(self.moments[number].days for number in left):
            wishes = left
        if not any(self._verdict(number) == "" or self._verdict(number) == "wanted" for number in wishes):
            return wishes
        plain = [number for number in wishes if not self._story(number)]
        if any(self.moments[number].has_clock for number in plain):
            self.verdicts |= {
                number: Scope(number, "elsewhere", ()) for number in wishes if number not in plain
            }
            wishes = plain
        whole = [number for number in wishes if self.moments[number].days and self.moments[number].has_clock]
        if len(whole) == 1:
            wishes = [number for number in wishes if number in whole or not self._in_passing(number)]
        return wishes

    def _refused_again(self, number: int) -> bool:
        """后天国庆是吧，那后天别约: whether a day alone is refused where it is said once more, behind it."""
        moment = self.moments[number]
        if moment.times or not moment.days:
            return False
        days = self._days(moment)
        others = (
            other for other in range(number, len(self.moments)) if self._verdict(other) in ("refused", "busy")
        )
        return any(
            not self.moments[other].times and self._days(self.moments[other]) == days for other in others
        )

    def _over(self, number: int) -> bool:
        """Whether it is about yesterday, or stands in one clause with it."""
        clause = self._clause(self.moments[number])
        if BYGONE.search(self.sheet.text, *clause):
            return True
        return any(
            moment.refused is not None and moment.refused.reason == "past" and self._clause(moment) == clause
            for moment in self.moments
        )

    def _story(self, number: int) -> bool:
        """Whether an hour stands among other words in a clause that says nothing of a visit."""
        moment = self.moments[number]
        if not moment.has_clock or moment.moved or self.verdicts.get(number):
            return False
        begin, end = self._clause(moment)
        text = self.sheet.text[begin:end]
        if EITHER.search(text) or ELSE.search(text) or CONTRAST.search(text) or VISIT.search(text):
            return False
        return len(re.findall("[a-z一-鿿]", FILLERS.sub("", text))) >= PASSING

    def _in_passing(self, number: int) -> bool:
        """Whether a day or a part of it is only mentioned: in another clause, among other words."""
        moment = self.moments[number]
        if moment.has_clock or moment.moved or self.verdicts.get(number):
            return False
        begin, end = self._clause(moment)
        text = self.sheet.text[begin:end]
        if EITHER.search(text) or ELSE.search(text):
            return False
        others = [other for other in self.moments if other is not moment]
        alone = all(self._clause(other) != (begin, end) for other in others)
        return alone and len(re.findall("[a-z一-鿿]", text)) >= PASSING

    def _clause(self, moment: Moment) -> tuple[int, int]:
        text = self.sheet.text
        begin = max((match.end() for match in CLAUSE.finditer(text, 0, moment.start)), default=0)
        end = CLAUSE.search(text, moment.end)
        return begin, end.start() if end else len(text)

    def _verdict(self, number: int) -> str:
        scope = self.verdicts.get(number)
        return scope.verdict if scope else ""

    def _wished(self, number: int) -> bool:
        if self._verdict(number) == "cancelled":
            return all(self._verdict(other) == "cancelled" for other in range(len(self.moments)))
        return self._verdict(number) in ("", "wanted")

    def _relations(self, wishes: Sequence[int]) -> None:
        """How the wishes stand to each other, and whether they put right what was said before."""
        text = self.sheet.text
        for number in wishes:
            before = self.moments[number - 1].end if number else 0
            gap = ELSE.search(text, before, self.moments[number].start)
            if gap and number and number - 1 in wishes:
                self.else_ = True
                self._blank([gap.span()])
        if wishes:
            for match in tuple(CONTRAST.finditer(self.sheet.text)):
                self.contrast = True
                self._blank([match.span()])
        if len(wishes) == 1:
            start = self.moments[wishes[0]].start
            if self.sheet.text.endswith("还是", 0, start):  # rather this
                self.contrast = True
                self._blank([(start - 2, start)])
        each = any(
            isinstance(token, Days) and token.each for number in wishes for token in self.moments[number].days
        )
        if len(wishes) > 1 or each:
            for match in tuple(EITHER.finditer(self.sheet.text)):
                self.either = True
                self._blank([match.span()])

    # --------------------------------------------------------------------------------------------------- the refusals

    def _refuse(self, wishes: Sequence[int]) -> None:
        """Say in acts what is refused: the part of the moment that the wish does not keep."""
        kept = [self.moments[number] for number in wishes]
        for number, moment in enumerate(self.moments):
            verdict = self._verdict(number)
            if verdict in ("busy", "elsewhere") and self._of_card(moment):
                shown = self.scene.shown.start
                self._act(Kind.REFUSE, "time", shown and shown.time(), moment, self.verdicts[number].words)
                self.refuses.add("time")
                continue
            if verdict in ("busy", "elsewhere") and self._on_day_of_card(moment):
                self._act(Kind.REFUSE, "day", self.scene.shown.day, moment, self.verdicts[number].words)
                self.refuses.add("day")
                continue
            if verdict not in ("refused", "old", "busy") or (
                verdict == "busy" and wishes and moment.has_clock
            ):
                continue
            scope = self.verdicts[number]
            for what, value in self._refused(moment, scope, kept):
                self._act(Kind.REFUSE, what, value, moment, scope.words)
                self.refuses.add(what)

    def _of_card(self, moment: Moment) -> bool:
        """Whether it is the hour that the card shows, and no other day is named with it."""
        shown = self.scene.shown.start
        if shown is None or not moment.has_clock or moment.until is not None:
            return False
        try:
            option = self._option(moment)
        except Unclear:
            return False
        return shown.time() in option.times and option.days in ((), (shown.date(),))

    def _on_day_of_card(self, moment: Moment) -> bool:
        """Whether it is the day that the card shows, without an hour: "I'm in Frankfurt on that day"."""
        day = self.scene.shown.day
        return day is not None and not moment.times and not moment.open_day and self._days(moment) == (day,)

    def _refused(self, moment: Moment, scope: Scope, kept: Sequence[Moment]) -> Iterable[tuple[str, Any]]:
        """What is refused of a moment: its time, its part of the day, or its day."""
        try:
            option = self._option(moment)
        except Unclear as unclear:
            option = Option()
            if unclear.reason == "recurring":
                if not moment.days or all(isinstance(token, Refused) for token in moment.days):
                    yield "day", None
                    return
                option.days = unclear.days
        inherited = any(not other.days for other in kept) and bool(kept)
        days = set(option.days)
        same_day = any(days and days == set(self._days(other)) for other in kept)
        if option.times and not (scope.verdict == "busy" and option.days):
            yield from (("time", one) for one in option.times[:1])
        elif option.window and option.window != (0, DAY):
            yield "range", Hours(*option.window)
        elif option.part and (not option.days or inherited or same_day):
            if not any(part_of(other.times) == option.part for other in kept):
                yield "range", Hours(*HOURS[option.part], option.part)
            return
        timed = option.times and scope.verdict != "busy"
        if option.days and not same_day and not (inherited and option.timed) and not (timed and not kept):
            if option.each and _is_weekend(option.days):
                yield "day", option.days
            elif option.each:
                yield "day", None
            else:
                yield from (("day", day) for day in option.days)

    def _days(self, moment: Moment) -> tuple[date, ...]:
        try:
            return days_of(moment.days, self.today)
        except Unclear:
            return ()

    # --------------------------------------------------------------------------------------------------------- options

    def _option(self, moment: Moment) -> Option:
        """What the moment alone comes to; raises `Unclear`."""
        named = [token for token in moment.days if not isinstance(token, Refused)]
        option = Option(days=days_of(named, self.today), part=part_of(moment.times))
        option.each = any(isinstance(token, Days) and token.each for token in moment.days)
        option.weekday = bool(moment.days) and all(isinstance(token, Weekday) for token in moment.days)
        if moment.refused:
            raise Unclear(moment.refused.reason, option.days)
        if moment.open_day:
            raise Unclear("range", self._beside(option.days, moment.open_day))
        minutes = [token.minutes for token in moment.times if isinstance(token, Later)]
        if minutes:
            if len(minutes) > 1 or any(isinstance(token, Clock) for token in moment.times):
                raise Unclear("several")
            if moment.open or moment.until is not None:
                raise Unclear("range")
            option.minutes = minutes[0]
        elif moment.until is not None:
            begin, end = between(moment.times, moment.until)
            option.window, option.wish = (_minutes(begin), _minutes(end)), begin
        elif moment.open and (moment.has_clock or option.part == "noon"):
            option.times = tuple(sorted(times_of(moment.times)))
            self._opened(option, moment)
        elif moment.has_clock or option.part == "noon":
            option.times = tuple(sorted(times_of(moment.times)))
            option.noon = not moment.has_clock
        return option

    def _beside(self, days: tuple[date, ...], side: str) -> tuple[date, ...]:
        """Some days before the day that is named, or from it on: one of them is to be picked."""
        if len(days) != 1:
            return ()
        first = days[0] if side == "after" else max(self.today, days[0] - timedelta(days=SOME_DAYS))
        count = SOME_DAYS if side == "after" else (days[0] - first).days
        return tuple(first + timedelta(days=ahead) for ahead in range(count))

    def _opened(self, option: Option, moment: Moment) -> None:
        """三点以后: from then on; of two readings the later one can only be narrower."""
        if len(option.times) > 1:
            raise Unclear("range")
        edge = option.times[0]
        option.times = ()
        if moment.open == "after":
            morning = option.part == "morning" and edge < time(12)
            option.window = (_minutes(edge), HOURS["morning"][1] if morning else DAY)
            option.wish = None if moment.busy else edge
        else:
            option.window = (0, _minutes(edge))

    # -------------------------------------------------------------------------------------------------------- the wish

    def _when(self, wishes: Sequence[int]) -> When | None:
        """What the wishes come to, and the acts that give them."""
        if not wishes:
            return self._refusal_only()
        moved = [(number, one) for number in wishes if (one := self.moments[number].moved)]
        if moved:
            return self._moved(wishes, *moved[0])
        reason: Reason | None = None
        options: list[Option] = []
        guess: date | None = None
        try:
            options = self._options(wishes)
        except Unclear as unclear:
            reason = unclear.reason
            days = unclear.days
        else:
            days = ()
        if reason is None and any(self._verdict(number) == "cancelled" for number in wishes):
            self._give(wishes, options, None)
            return When(reason="negated")
        if reason is None and (reason := self._doubt(wishes, options)):
            self.doubted = True
        if reason in ("negated", "recurring", "past", "conflict", "leftover", "zone"):
            return When(reason=reason, days=days, clock=self._clock(wishes, reason))
        if self.sheet.misspelt and any(self._misspelt(self.moments[number]) for number in wishes):
            guess = next((option.days[0] for option in options if option.days), None)
            clocks = {clock for option in options for clock in option.times}
            return When(reason="misspelt", guess=guess, clock=clocks.pop() if len(clocks) == 1 else None)
        if reason and not options:
            return self._partly(wishes, reason, days)
        return self._composed(wishes, options, reason)

    def _moved(self, wishes: Sequence[int], number: int, moved: Moved) -> When:
        """Later or earlier than the card's start, or than a time that the text names itself."""
        moment = self.moments[number]
        others = [other for other in wishes if other != number]
        base = self.scene.shown.start
        if base is None and moved.days is not None and (day := self._refused_before(number)) is not None:
            after = day + timedelta(days=moved.days)
            self._act(Kind.GIVE, "day", after, moment)
            return When(days=(after,), reason="no_time")
        if others and moved.minutes is None and moved.days is None:
            return self._early(moment, self._when(others) or When(reason="no_time"))
        if others and (others[-1] != number - 1 or self.moments[number - 1].end != moment.start):
            return When(reason="several")
        if others and moved.minutes is not None:
            said = self._when(others)
            if said is None or said.wish is None:
                return said or When(reason="no_time")
            self.acts = [act for act in self.acts if act.what != "time"]
            base = said.wish
        elif others:
            return self._when(others) or When(reason="no_time")
        if doubt(self.sheet.text, [(moment.start, moment.end)]) not in (None, "vague"):
            return When(reason="leftover")
        if moved.minutes is None and moved.days is None:
            if base is not None:
                self._act(Kind.REFUSE, "time", base.time(), moment)
            return When(reason="vague")
        shift = timedelta(days=moved.days or 0, minutes=moved.minutes or 0)
        if base is None:
            return When(shift=shift)
        start = base + shift
        try:
            ahead([start], self.scene.now, self.zone)
        except Unclear as unclear:
            return When(reason=unclear.reason)
        self._act(self._kind("time", start.time()), "time", start.time(), moment)
        return When(candidates=(start,), wish=start, days=(start.date(),), shift=shift)

    def _refused_before(self, number: int) -> date | None:
        """The day before it in the text that does not suit: not Friday, the day after."""
        for old in range(number - 1, -1, -1):
            if self._verdict(old) in ("refused", "busy", "elsewhere") and (
                days := self._days(self.moments[old])
            ):
                return days[-1]
        return None

    def _early(self, moment: Moment, when: When) -> When:
        """周末早点的, said first: a day without an hour, and its morning is meant."""
        early = "早" in self.sheet.source[slice(*self.sheet.span(moment.start, moment.end))]
        timed = when.candidates or when.window or when.part or when.shift
        if not early or timed or self.scene.shown.start is not None or when.reason not in (None, "no_time"):
            return when
        self._act(Kind.GIVE, "range", Hours(*HOURS["morning"], "morning"), moment)
        return replace(when, part="morning")

    def _refusal_only(self) -> When:
        """Nothing is wished: what was refused is to be asked about."""
        verdicts = {self._verdict(number) for number in range(len(self.moments))}
        return When(reason="range" if verdicts <= {"elsewhere", "told"} else "negated")

    def _misspelt(self, moment: Moment) -> bool:
        return any(start < moment.end and moment.start < end for start, end in self.sheet.misspelt)

    def _doubt(self, wishes: Sequence[int], options: Sequence[Option]) -> Reason | None:
        """Why the wish may not be one: unread words that change it, or that touch a clock time without a day."""
        text = self.sheet.text
        for start, end in self.cancels:
            text = text[:start] + WORD_MARK * (end - start) + text[end:]
        reason = doubt(text, [(self.moments[n].start, self.moments[n].end) for n in wishes])
        if reason:
            return reason
        if any(option.days for option in options) or self._day_known():
            return None
        if self.pointless:
            return "vague"
        if ANY_DAY.search(Sheet(self.sheet.source).text):
            return "which_day"
        for number in wishes:
            moment = self.moments[number]
            if moment.has_clock and self._touched(moment):
                return "leftover"
        return None

    def _day_known(self) -> bool:
        return self.scene.day_said is not None or self.scene.shown.day is not None

    def _touched(self, moment: Moment) -> bool:
        """Whether an unread character that is no courtesy touches the moment."""
        text = self.sheet.text
        sides = (text[moment.start - 1 : moment.start], text[moment.end : moment.end + 1])
        if any(side and not TOUCHING.match(side) for side in sides):
            return True
        if ALREADY.match(text, moment.end):
            return True
        before = WORD_BEFORE.search(text[max(0, moment.start - 16) : moment.start])
        return before is not None and f" {before[1]} " not in COMPANY

    def _options(self, wishes: Sequence[int]) -> list[Option]:
        """One option, or the alternatives, with what they inherit from each other and from what they replace."""
        spoken = [self._inheriting(number) for number in wishes]
        if len(spoken) == 1:
            return [self._option(spoken[0])]
        merged = None if any(moment.apart for moment in spoken) or self.else_ else self._merged(spoken)
        if merged is not None:
            return [self._option(merged)]
        return self._alternatives(spoken)

    def _inheriting(self, number: int) -> Moment:
        """The moment with the day, part or hour of the one that it replaces, where it names none itself."""
        moment = self._dated(number)
        old = self._replaced(number)
        if old is None:
            return moment
        gone, scope = self.moments[old], self.verdicts[old]
        days, times, until = moment.days, moment.times, moment.until
        if not times and scope.keeps_time and gone.has_clock:
            times, until = gone.times, gone.until
        elif (
            moment.has_clock
            and gone.has_clock
            and part_of(times) is None
            and part_of(gone.times)
            and not moment.until
        ):
            parts = [token for token in gone.times if isinstance(token, Part)]
            try:
                times_of([*times, *parts])
            except Unclear:
                pass
            else:
                times = [*times, *parts]
        return replace(moment, days=days, times=times, until=until)

    def _dated(self, number: int) -> Moment:
        """The moment with the day of the last one before it that is no wish; 周五不行，三点 leaves the day open."""
        moment = self.moments[number]
        if moment.days or not moment.times or moment.moved:
            return moment
        for old in range(number - 1, -1, -1):
            gone, verdict = self.moments[old], self._verdict(old)
            if gone.days and verdict in ("", "wanted"):
                return moment
            if gone.days and verdict in ("refused", "busy", "elsewhere", "told", "old"):
                if not gone.times and verdict != "old":
                    raise Unclear("which_day")
                return replace(moment, days=[token for token in gone.days if not isinstance(token, Refused)])
        return moment

    def _replaced(self, number: int) -> int | None:
        """The moment that this one replaces: the one that a template names, or the last refused one before it."""
        for old, scope in self.verdicts.items():
            if scope.instead == number and scope.verdict in ("refused", "old"):
                return old
        before = [old for old in range(number) if self._verdict(old) in ("refused", "busy")]
        return before[-1] if before and before[-1] == number - 1 else None

    def _merged(self, spoken: Sequence[Moment]) -> Moment | None:
        """All wishes as one moment; None if they are several."""
        if (both := _both_ends(spoken)) is not None:
            return both
        if sum(bool(one.until is not None or one.open or one.open_day) for one in spoken if one.times) and (
            sum(one.has_clock for one in spoken) > 1
        ):
            return None
        merged = Moment(spoken[0].start, spoken[-1].end)
        for one in spoken:
            merged.days += one.days
            merged.times += one.times
            merged.until = one.until if one.until is not None else merged.until
            merged.open = one.open or merged.open
            merged.busy = one.busy or merged.busy
            merged.open_day = one.open_day or merged.open_day
        try:
            if not self._is_of_them(days_of(merged.days, self.today), spoken):
                return None
            if sum(one.has_clock for one in spoken) > 1 or (merged.has_clock and not merged.until):
                if not any(isinstance(token, Later) for token in merged.times):
                    times_of(merged.times)
            elif len({token.name for token in merged.times if isinstance(token, Part)}) > 1:
                return None
        except Unclear as unclear:
            if unclear.reason in ("several", "conflict"):
                return None
            raise
        return merged

    def _is_of_them(self, days: tuple[date, ...], spoken: Sequence[Moment]) -> bool:
        """Whether no third day comes of wishes that each have a day and an hour: 周六三点，两周后三点."""
        whole = [self._days(one) for one in spoken if one.days and one.has_clock]
        said = {day for each in whole for day in each}
        return len(whole) < 2 or any(len(each) != 1 for each in whole) or said.issuperset(days)

    def _alternatives(self, spoken: Sequence[Moment]) -> list[Option]:
        """Each wish with what it shares with its neighbours: 周六或者周日下午三点 is at three on both days."""
        options = [self._option(one) for one in spoken]
        for index, option in enumerate(options):
            behind = next((one for one in options[index + 1 :] if one.timed or one.part), None)
            before = options[index - 1] if index else None
            if not option.days:
                donor = before if before and before.days else next((o for o in options if o.days), None)
                if donor:
                    option.days, option.weekday, option.each = donor.days, donor.weekday, donor.each
            if not option.timed and not option.part:
                donor = behind or (before if before and (before.timed or before.part) else None)
                if donor:
                    option.times, option.window, option.wish = donor.times, donor.window, donor.wish
                    option.part, option.minutes, option.noon = donor.part, donor.minutes, donor.noon
        return options

    # -------------------------------------------------------------------------------------------------------- the result

    def _partly(self, wishes: Sequence[int], reason: Reason, days: tuple[date, ...]) -> When:
        """A time cannot be had: the day and the part of it that were understood are kept."""
        part: PartName | None = None
        for number in wishes:
            moment = self.moments[number]
            named = () if reason == "several" or moment.open_day else self._days(moment)
            days = days or named
            part = part_of(moment.times) or part
            if len(days) > 1 and not named and moment.days and reason in ("which_day", "range"):
                self._act(self._kind("day", days), "day", days, moment)
            for day in named:
                self._act(self._kind("day", day), "day", day, moment)
            if part and not moment.has_clock:
                hours = Hours(*HOURS[part], part)
                self._act(self._kind("range", hours), "range", hours, moment)
        return When(days=days, part=part, reason=reason, clock=self._clock(wishes, reason))

    def _clock(self, wishes: Sequence[int], reason: Reason) -> time | None:
        """The hour beside a day that cannot be: it is kept for another day."""
        if reason not in _OTHER_DAY:
            return None
        said: set[time] = set()
        for moment in (self.moments[number] for number in wishes):
            if not any(isinstance(token, Clock) for token in moment.times) or moment.open or moment.until:
                continue
            with suppress(Unclear):
                said |= times_of(moment.times)
        return said.pop() if len(said) == 1 else None

    def _composed(self, wishes: Sequence[int], options: Sequence[Option], reason: Reason | None) -> When:
        """The wish as times; what it names is given in acts."""
        candidates: list[datetime] = []
        windows: list[tuple[datetime, datetime, datetime | None]] = []
        days: list[date] = []
        part: PartName | None = None
        problem: Unclear | None = None
        for option in options:
            part = option.part or part
            try:
                base = option.days or self._default_day(option)
                named = option.days or (base if self._day_known() else ())
                days += [day for day in named if day not in days]
                if option.window:
                    windows += [self._window(day, option) for day in base]
                elif option.timed:
                    candidates += self._starts(option, base)
            except Unclear as unclear:
                problem = problem or unclear
        self._give(wishes, options, problem)
        if not candidates and not windows:
            found: Reason = problem.reason if problem else reason or "no_time"
            return When(
                days=problem.days if problem and problem.days else tuple(sorted(set(days))),
                part=part,
                reason=found,
                clock=self._clock(wishes, found),
            )
        return self._result(candidates, windows, days, part, reason)

    def _result(
        self,
        candidates: list[datetime],
        windows: list[tuple[datetime, datetime, datetime | None]],
        days: list[date],
        part: PartName | None,
        reason: Reason | None,
    ) -> When:
        unique = tuple(dict.fromkeys(candidates)) if self.else_ else tuple(sorted(set(candidates)))
        if windows and (len(windows) > 1 or unique):
            return When(candidates=unique, days=tuple(sorted(set(days))), part=part, reason="several")
        if windows:
            begin, end, wish = windows[0]
            return When(window=(begin, end), wish=wish, days=tuple(days), part=part, reason=reason)
        several = len(unique) > 1 and len({moment.date() for moment in unique}) > 1
        unsure = several and not (
            self.either or self.else_ or any(m.apart for m in self.moments) or len(days) > 1
        )
        if self.unsure:
            reason = "ambiguous_week"
        return When(
            candidates=unique,
            wish=unique[0] if len(unique) == 1 else None,
            days=tuple(sorted({moment.date() for moment in unique})),
            part=part,
            either_will_do=self.else_,
            reason=reason or ("several" if unsure else None),
        )

    def _default_day(self, option: Option) -> tuple[date, ...]:
        """The day of a time without one: the day last said or shown, or else today."""
        if option.minutes is not None:
            return (self.today,)
        known = self.scene.day_said or self.scene.shown.day
        if any(act.kind is Kind.REFUSE and act.what == "day" and act.value == known for act in self.acts):
            raise Unclear("which_day")  # 三点可以，周五不可以
        if known is not None and known >= self.today:
            return (known,)
        return (self.today,) if option.timed else ()

    def _starts(self, option: Option, days: tuple[date, ...]) -> list[datetime]:
        """The times of an option that can be booked."""
        now = self.scene.now
        if option.minutes is not None:
            moment = later(option.minutes, now, self.zone)
            if option.days and moment.date() not in option.days:
                raise Unclear("conflict")
            return list(ahead([moment], now, self.zone))
        found = [datetime.combine(day, one) for day in days for one in option.times]
        over = [moment for moment in found if moment < now]
        if over and option.weekday and days[0] == self.today:  # it is said on that day, and the hour is over
            self.unsure = True
            option.days = (days[0] + timedelta(weeks=1),)
            return list(ahead([moment + timedelta(weeks=1) for moment in found], now, self.zone))
        if over and len(over) < len(found) and len(days) == 1:  # 8点 said at ten
            raise Unclear("past", days)
        return list(ahead(found, now, self.zone))

    def _window(self, day: date, option: Option) -> tuple[datetime, datetime, datetime | None]:
        assert option.window is not None
        midnight = datetime.combine(day, time())
        begin, end = (midnight + timedelta(minutes=minutes) for minutes in option.window)
        if end <= self.scene.now:
            raise Unclear("past", (day,))
        wish = datetime.combine(day, option.wish) if option.wish else None
        if begin < self.scene.now:
            begin, wish = self.scene.now, None
        ahead([end - timedelta(minutes=1)], self.scene.now, self.zone)
        return begin, end, wish

    # ------------------------------------------------------------------------------------------------------------ acts

    def _give(self, wishes: Sequence[int], options: Sequence[Option], problem: Unclear | None) -> None:
        """Say in acts what the wishes name; a time that cannot be had is not given."""
        said = [self.moments[number] for number in wishes]
        whole = Moment(said[0].start, said[-1].end)
        for moment in said:
            whole.day_places += moment.day_places
            whole.time_places += moment.time_places
            whole.words += moment.words
        done: set[tuple[str, Any]] = set()
        named = any(moment.days for moment in said)
        for option in options:
            values: list[tuple[str, Any]] = []
            if option.days and (named or self._inherits_day(wishes)):
                values += (
                    [("day", option.days)]
                    if option.each and _is_weekend(option.days)
                    else [("day", day) for day in option.days]
                )
            if problem is None and option.minutes is not None:
                moment_at = later(option.minutes, self.scene.now, self.zone)
                values += [("day", moment_at.date()), ("time", moment_at.time())]
            elif problem is None and option.noon and not self.doubted:
                values.append(("range", Hours(*HOURS["noon"], "noon")))
            elif problem is None and option.times and not self.doubted:
                values.append(("time", option.times[0] if len(option.times) == 1 else None))
            elif option.window and problem is None and not self.doubted:
                values.append(("range", Hours(*option.window)))
            elif option.part and not option.times:
                values.append(("range", Hours(*HOURS[option.part], option.part)))
            for what, value in values:
                if (what, value) not in done:
                    done.add((what, value))
                    self._act(self._kind(what, value), what, value, whole)

    def _inherits_day(self, wishes: Sequence[int]) -> bool:
        return any(self._dated(number).days for number in wishes)

    def _kind(self, what: str, value: Any) -> Kind:
        """Whether a value is given or puts right what was shown."""
        shown = self.scene.shown
        if what in self.refuses:
            return Kind.GIVE
        if self.contrast:
            return Kind.CORRECT
        if shown.start is None or value is None:
            return Kind.GIVE
        same = {
            "day": value == shown.start.date() or (isinstance(value, tuple) and shown.start.date() in value),
            "time": value == shown.start.time(),
            "range": isinstance(value, Hours) and value.begin <= _minutes(shown.start.time()) < value.end,
        }
        return Kind.GIVE if same[what] else Kind.CORRECT

    def _act(
        self, kind: Kind, what: str, value: Any, moment: Moment, words: Iterable[tuple[int, int]] = ()
    ) -> None:
        places = moment.day_places if what == "day" else moment.time_places
        places = sorted({*(places or [(moment.start, moment.end)]), *words, *moment.words})
        spans = tuple(Span(*self.sheet.span(start, end)) for start, end in places if end > start)
        self.acts.append(Act(kind, what, value, _joined(spans)))


def _both_ends(spoken: Sequence[Moment]) -> Moment | None:
    """Not before 11, not after 1: the two ends of one range."""
    opened = {moment.open: moment for moment in spoken if moment.has_clock and not moment.until}
    if len(spoken) != 2 or any(moment.apart for moment in spoken) or set(opened) != {"after", "before"}:
        return None
    first, last = opened["after"], opened["before"]
    return replace(
        first,
        start=min(first.start, last.start),
        end=max(first.end, last.end),
        days=first.days or last.days,
        until=list(last.times),
        open="",
    )


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans that touch, as one."""
    joined: list[Span] = []
    for span in spans:
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


def _minutes(moment: time) -> int:
    return 60 * moment.hour + moment.minute


def _is_weekend(days: Sequence[date]) -> bool:
    return all(day.weekday() >= 5 for day in days)

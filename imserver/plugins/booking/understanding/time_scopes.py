"""What becomes of each moment of a text: it is wished, refused, over, or only spoken of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from imserver.plugins.booking.dates.compose import Unclear, days_of
from imserver.plugins.booking.dates.moments import Moment
from imserver.plugins.booking.dates.sieve import Sieve, grams_on
from imserver.plugins.booking.dates.text import MARKS, MAX_CHARS, WORD_MARK, Sheet
from imserver.plugins.booking.dates.tokens import (
    Days,
    Weekday,
)
from imserver.plugins.booking.understanding.acts import Act, Scene
from imserver.plugins.booking.understanding.negation import Scope
from imserver.plugins.booking.understanding.occasions import VISIT, at_the_edge, only_then, until

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
CLAUSE: Final = re.compile("[,，。;；!！?？\n]| - ")
BYGONE: Final = re.compile("上[次回]|来过|做过|验过|打过|(?<![a-z])(?:last time|came in|was in)(?![a-z])")
"""Words of what has been: the time beside them is no wish if another clause names one."""
_BESIDE: Final = {"else": ELSE, "either": EITHER, "contrast": CONTRAST, "bygone": BYGONE}
_NAMES: Final = tuple(_BESIDE)
_SIEVE: Final = Sieve(_BESIDE.values())
_UNREAD: Final = re.compile(f"[^{MARKS}]{{1,{MAX_CHARS}}}")
PASSING: Final = 4
"""Unread letters of a clause from which a day in it is only mentioned, where another clause names day and hour."""
FILLERS: Final = re.compile(
    "左右|大概|大约|差不多|最好|尽量|或者|或|还是|那个|就|的|那|嘛|呢|啊|哈|呀|钟|之间|以后|以前|之后|之前|"
    "(?<![a-z])(?:at|on|the|or|and|from|to|till|until|between|about|around|after|before|by|maybe|say|like|ish|ideally|so|but|of|in)(?![a-z])"
)


class Scoped:
    """The moments of one text, the verdict on each, and how those that are wished stand to each other."""

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
        self._possible = frozenset(_NAMES[number] for number in grams_on(sheet).passed(_SIEVE))

    def _says(self, name: str, text: str) -> bool:
        """Whether a part of the sheet's text has such words."""
        return name in self._possible and _BESIDE[name].search(text) is not None

    def _blank(self, places: Iterable[tuple[int, int]]) -> None:
        for start, end in places:
            for match in _UNREAD.finditer(self.sheet.text, start, end):
                self.sheet.blank(*match.span(), WORD_MARK)

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
        if (
            len(self.moments) == 1 and not self.verdicts
        ):  # most texts: nothing stands beside it that counts more
            (moment,) = self.moments
            return [] if moment.echo and not moment.moved else [0]
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

    def _wished(self, number: int) -> bool:
        if self._verdict(number) == "cancelled":
            return all(self._verdict(other) == "cancelled" for other in range(len(self.moments)))
        return self._verdict(number) in ("", "wanted")

    def _verdict(self, number: int) -> str:
        scope = self.verdicts.get(number)
        return scope.verdict if scope else ""

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
        if "bygone" in self._possible and BYGONE.search(self.sheet.text, *clause):
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
        if any(self._says(name, text) for name in ("either", "else", "contrast")) or VISIT.search(text):
            return False
        return len(re.findall("[a-z一-鿿]", FILLERS.sub("", text))) >= PASSING

    def _in_passing(self, number: int) -> bool:
        """Whether a day or a part of it is only mentioned: in another clause, among other words."""
        moment = self.moments[number]
        if moment.has_clock or moment.moved or self.verdicts.get(number):
            return False
        begin, end = self._clause(moment)
        text = self.sheet.text[begin:end]
        if self._says("either", text) or self._says("else", text):
            return False
        others = [other for other in self.moments if other is not moment]
        alone = all(self._clause(other) != (begin, end) for other in others)
        return alone and len(re.findall("[a-z一-鿿]", text)) >= PASSING

    def _clause(self, moment: Moment) -> tuple[int, int]:
        text = self.sheet.text
        begin = max((match.end() for match in CLAUSE.finditer(text, 0, moment.start)), default=0)
        end = CLAUSE.search(text, moment.end)
        return begin, end.start() if end else len(text)

    def _days(self, moment: Moment) -> tuple[date, ...]:
        try:
            return days_of(moment.days, self.today)
        except Unclear:
            return ()

    def _relations(self, wishes: Sequence[int]) -> None:
        """How the wishes stand to each other, and whether they put right what was said before."""
        text = self.sheet.text
        for number in wishes:
            before = self.moments[number - 1].end if number else 0
            gap = ELSE.search(text, before, self.moments[number].start) if "else" in self._possible else None
            if gap and number and number - 1 in wishes:
                self.else_ = True
                self._blank([gap.span()])
        if wishes and "contrast" in self._possible:
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

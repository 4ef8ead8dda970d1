"""Why a time that is wished may be none: unread words that change it, or that touch a clock time without a day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from imserver.plugins.booking.dates.doubts import doubt
from imserver.plugins.booking.dates.moments import Moment
from imserver.plugins.booking.dates.sieve import grams_on
from imserver.plugins.booking.dates.text import WORD_MARK, Sheet
from imserver.plugins.booking.dates.tokens import (
    Reason,
)
from imserver.plugins.booking.understanding.time_options import Option, Optioned

ANY_DAY: Final = re.compile(
    "随便哪天|哪[一]?天都|任[意何][一]?天|随便[一]?天|(?<![a-z])any ?day(?! but| except)(?![a-z])"
)
"""A clock time on whatever day is not today's."""
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


class Doubted(Optioned):
    """The wishes of one text, and what speaks against taking them."""

    def _misspelt(self, moment: Moment) -> bool:
        return any(start < moment.end and moment.start < end for start, end in self.sheet.misspelt)

    def _doubt(self, wishes: Sequence[int], options: Sequence[Option]) -> Reason | None:
        """Why the wish may not be one: unread words that change it, or that touch a clock time without a day."""
        text = self.sheet.text
        for start, end in self.cancels:
            text = text[:start] + WORD_MARK * (end - start) + text[end:]
        reason = doubt(
            text, grams_on(self.sheet), [(self.moments[n].start, self.moments[n].end) for n in wishes]
        )
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

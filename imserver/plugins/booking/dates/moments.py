"""Moments: the words about one day and time that stand together, with the words that make a range of them.

Founds that follow each other with nothing but glue between them (周五、下午、三点; Friday the 27th at 3) are one moment, until
one of them says a second time what the moment has already and does not agree. What stands between two moments, or at their
edges, may open them (以后, before), loosen them (左右) or make alternatives (或者).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal

from .compose import Unclear, days_of, times_of
from .rules import CN_ANY
from .scan import Found
from .text import Sheet
from .tokens import Between, Clock, Days, Later, Moved, Part, Refused, Same, Token, Weekday

Open = Literal["", "after", "before"]
Place = tuple[int, int]

# ------------------------------------------------------------------------------------------------------------- the words


def _word(alternatives: str) -> str:
    return f"(?<![a-z])(?:{alternatives})(?![a-z])"


AFTER_BEHIND: Final = (
    f"[以之]后|过后|后(?![台面])|起(?![来不床])|开始(?![上营的])|往后|"
    f"{_word('or (?:later|after)|onwards?|at the earliest|and later')}"
)
BEFORE_BEHIND: Final = f"[以之]前|前(?![台面后往去来])|{_word('or (?:earlier|before)|at the latest')}"
LOOSE_BEHIND: Final = (
    f"左右|前后|来钟|多钟?(?![少长])|的样子|上下|那会儿?|大概|大约|差不多|钟(?=头)|-?ish(?![a-z])|点?整|"
    f"{_word('or so|or thereabouts')}"
)
AFTER_AHEAD: Final = (
    f"(?<![改换挪推调移])[从自打](?!己)|(?:不能?|别|不要|不可以?)早于|最早|过[了咗](?![来去])|(?:得|"
    f"要)到(?=[^,，]{{0,6}}[以之]后)|"
    f"{_word('after|aftr|aft|from|past|no earlier than|not earlier than|not before')}"
)
BEFORE_AHEAD: Final = (
    f"(?:不能?|别|不要|不可以?)(?:[晚迟]于|超过)|赶在|最[晚迟]|[直截]到|截至|截止到?|等到?|(?<![改换挪推约调移延期迟前放排定订变转开])[到至]|"
    f"{_word('before|b4|by|until|till|no later than|not later than|not after|at the latest')}"
)
LOOSE_AHEAD: Final = (
    f"大概(?:是|在)?|大约(?:是|在)?|差不多|约莫|估计|(?<![{CN_ANY}])(?<![{CN_ANY}] )~|"
    f"{_word('around|about|abt|roughly|approx(?:imately)?[.]?|circa|almost|say|like|maybe')}"
)
TO: Final = f"到|至|-|~|{_word('to|until|till|thro?u(?:gh)?')}"
OR: Final = f"或者?(?:是)?|还是|要么|也?或|/|、|和|及|跟|与|&|{_word('or|and|either')}"
AND: Final = f"[和跟与,、]|{_word('and')}"
GLUE: Final = (
    f"(?:[ 的()\\[\\]:,.|·]|那个|也?就是说?|吧|嗯|呃|啊|呢|这个|那|在|{_word('at|on|the|of|in|for|@')})"
)

_GAP: Final = re.compile(
    f"(?P<glue> )?(?:(?P<after>{AFTER_BEHIND})|(?P<before>{BEFORE_BEHIND})|(?P<loose>{LOOSE_BEHIND}))?{GLUE}{{0,5}}"
    f"(?:(?P<to>{TO})(?! ?[,.，])|(?P<or>{OR}))?{GLUE}{{0,3}}"
    f"(?:(?P<after2>{AFTER_AHEAD})|(?P<before2>{BEFORE_AHEAD})|(?P<loose2>{LOOSE_AHEAD}))?{GLUE}{{0,4}}"
)
_BEHIND: Final = re.compile(
    f" ?的?(?:(?P<loose>{LOOSE_BEHIND})|(?P<after>{AFTER_BEHIND})|(?P<before>{BEFORE_BEHIND})) ?(?:都行|都可以|都能)?"
)
_AHEAD: Final = re.compile(
    f"(?:(?P<after>{AFTER_AHEAD})|(?P<before>{BEFORE_AHEAD})|(?P<loose>{LOOSE_AHEAD})) ?(?:the |at |on )?$"
)
_BETWEEN: Final = re.compile(f"(?:{_word('between|btwn?|from')}|[从自在介]于?) ?$")
_DAY_AHEAD: Final = re.compile("(?<![a-z])(?:(?P<after>after)|before) (?:the )?$")
_ENCLOSED: Final = re.compile(" ?(?:之间|中间|之内|这段|期间|的时候)")
_MOVING: Final = re.compile("[改换挪推调移转延订排定][^,，。;；!！?？]{0,12}$")
_MOVES: Final = re.compile(
    "(?<![a-z])(?:move|change|chnage|switch|reschedule|push|shift|swap)(?![a-z])(?!.{0,24} to )[^,.;]{0,24}$"
)
_FROM: Final = re.compile("[从自由] ?$|(?<![a-z])from ?$")
_MOVED_ON: Final = re.compile("[^,，。;；!！?？]{0,10}?(?:[改换挪推调移延]|(?<![a-z])to(?![a-z]))")
_VERB: Final = 32
_REACH: Final = 18
"""Characters that are looked at before a moment: the longest of the words above."""

# ---------------------------------------------------------------------------------------------------------------- moments


_CLOCKS: Final = (Clock, Later, Between)
_TIMES: Final = (Clock, Part, Later)


@dataclass(slots=True)
class Moment:
    """Words that stand together.

    days, times: the tokens; `until`: those behind a 到. open: a range with one end; busy: one is, up to that end.
    apart: it said 或者 before this one.
    day_places, time_places: where they stand on the sheet; words: where the words stand that only join them.
    """

    start: int
    end: int
    days: list[Token] = field(default_factory=list)
    times: list[Token] = field(default_factory=list)
    until: list[Token] | None = None
    open: Open = ""
    open_day: Open = ""
    loose: bool = False
    busy: bool = False
    apart: bool = False
    day_places: list[Place] = field(default_factory=list)
    time_places: list[Place] = field(default_factory=list)
    words: list[Place] = field(default_factory=list)
    echoes: int = 0

    @property
    def has_clock(self) -> bool:
        """Whether a time of day is named, not only a part."""
        for token in self.times:  # noqa: SIM110 - asked seven times a text: a generator costs more than what it looks at
            if isinstance(token, _CLOCKS) or (isinstance(token, Same) and token.what == "time"):
                return True
        return False

    @property
    def tokens(self) -> list[Token]:
        return [*self.days, *self.times, *(self.until or ())]

    @property
    def echo(self) -> bool:
        """Whether it only points at the day or the time of the card: 那天, this time."""
        return self.echoes == len(self.day_places) + len(self.time_places)

    @property
    def moved(self) -> Moved | None:
        """By how much it is later or earlier."""
        for token in self.tokens:
            if isinstance(token, Moved):
                return token
        return None

    @property
    def refused(self) -> Refused | None:
        """A word that names no time that can be booked: yesterday, every."""
        for token in self.tokens:
            if isinstance(token, Refused):
                return token
        return None

    def add(self, found: Found) -> None:
        """Take in what was found next."""
        self.end = found.end
        self.echoes += found.echo
        for token in found.tokens:
            if isinstance(token, Between):
                self.times.append(token.first)
                self.until = [token.last]
            elif (
                isinstance(token, _TIMES)
                or (isinstance(token, Same) and token.what == "time")
                or (isinstance(token, Moved) and token.minutes is not None)
            ):
                times = self.times if self.until is None else self.until
                if token not in times:  # 三点三点: said again, it says nothing new
                    times.append(token)
            elif isinstance(token, Refused) and found.timely:
                self.times.append(token)
            elif token not in self.days:
                self.days.append(token)
        (self.time_places if found.timely else self.day_places).append((found.start, found.end))


def moments(sheet: Sheet, found: Sequence[Found], today: date) -> list[Moment]:
    """Group what was found into moments, in the order of the text."""
    made: list[Moment] = []
    for index, one in enumerate(found):
        gap = _GAP.fullmatch(sheet.text, found[index - 1].end, one.start) if index else None
        following = found[index + 1 : index + 3]
        if gap is None or not _join(made[-1], one, following, gap, sheet, today):
            made.append(Moment(one.start, one.start))
            made[-1].apart = bool(gap and gap["or"])
            if gap:
                _note_ahead(made[-1], gap)
            made[-1].add(one)
    for moment in made:
        _edges(moment, sheet)
    return made


def _join(
    moment: Moment, one: Found, following: Sequence[Found], gap: re.Match[str], sheet: Sheet, today: date
) -> bool:
    """Take `one` into the moment, if it belongs to it."""
    if ". " in gap.group() and moment.times:
        return False
    enclosed = _opened(moment, sheet) or bool(_ENCLOSED.match(sheet.text, one.end))
    if gap["or"] and not (gap["or"] in ("和", "and", "跟", "与") and enclosed):
        return False
    if gap["to"] == "to" and _MOVES.search(sheet.text, max(0, moment.start - _VERB), moment.start):
        return False  # move my 2pm to 4pm
    if gap["to"] or gap["or"]:
        if _range_of_days(moment, one, today) or _range_of_times(moment, one):
            moment.words.append(gap.span())
            return True
        return False
    if gap["before2"] or gap["after2"]:
        if one.timely and not moment.times and not gap["after"] and not gap["before"]:
            moment.add(one)
            moment.open = "after" if gap["after2"] else "before"
            moment.words.append(gap.span())
            return True
        return False
    if (gap["after"] or gap["before"]) and not moment.times and moment.days:
        if gap["after"] and _first_after(moment, one, today):
            moment.words.append(gap.span())
            return True
        moment.open_day = "after" if gap["after"] else "before"
    elif gap["after"] or gap["before"]:
        moment.open = "after" if gap["after"] else "before"
    if not _fits(moment, one, following, gap, sheet, today):
        return False
    moment.add(one)
    moment.words.append(gap.span())
    return True


def _opened(moment: Moment, sheet: Sheet) -> bool:
    """Whether a between or 从 stands before it."""
    return bool(_BETWEEN.search(sheet.text[max(0, moment.start - _REACH) : moment.start]))


def _range_of_days(moment: Moment, one: Found, today: date) -> bool:
    """Make 周二到周四 each of its days."""
    if one.timely or moment.times or not moment.days:
        return False
    try:
        first, last = days_of(moment.days, today), days_of(one.tokens, today)
        if len(first) == 1 and all(isinstance(token, Weekday) for token in one.tokens):
            last = tuple(first[0] + timedelta(days=(day - first[0]).days % 7) for day in last)
    except Unclear:
        return False
    if len(first) != 1 or len(last) != 1 or not first[0] < last[0] <= first[0] + timedelta(days=60):
        return False
    span = (last[0] - first[0]).days + 1
    moment.add(one)
    moment.days = [Days(frozenset(first[0] + timedelta(days=n) for n in range(span)), "range", each=True)]
    return True


def _range_of_times(moment: Moment, one: Found) -> bool:
    """Take the second end of a range of times."""
    if not one.timely or not moment.has_clock or moment.until is not None:
        return False
    if any(isinstance(token, Later | Refused) for token in (*moment.times, *one.tokens)):
        return False
    moment.until = []
    moment.add(one)
    return True


def _first_after(moment: Moment, one: Found, today: date) -> bool:
    """20号之后的周六: the first of that name behind it."""
    if not all(isinstance(token, Weekday) for token in one.tokens):
        return False
    try:
        (day,) = days_of(moment.days, today)
    except (Unclear, ValueError):
        return False
    index = next(token.index for token in one.tokens if isinstance(token, Weekday))
    moment.add(one)
    moment.days = [Days(frozenset({day + timedelta(days=(index - day.weekday() - 1) % 7 + 1)}))]
    return True


def _fits(
    moment: Moment, one: Found, following: Sequence[Found], gap: re.Match[str], sheet: Sheet, today: date
) -> bool:
    """Whether `one` says something new of the moment, or the same again in other words."""
    if moment.moved or any(isinstance(token, Moved) for token in one.tokens):
        return False
    own_time = _own_time(one, following, sheet)
    if not one.timely:
        if moment.days:
            return _same_day(moment, one, gap, today) and not (moment.times and own_time)
        return not (own_time and moment.has_clock)
    if moment.until is not None:
        ended = any(isinstance(token, Clock) for token in moment.until)
        return not ended and any(isinstance(token, Clock) for token in one.tokens)
    if any(isinstance(token, Days) for token in one.tokens):  # 明晚, tonight
        if moment.days or moment.times:
            return not moment.times and _same_day(moment, one, gap, today)
        return True
    if _counted_on(moment, one) and not gap.group():
        moment.days.append(Refused("several"))
    clocks = any(isinstance(token, Clock | Later | Between) for token in one.tokens)
    if not clocks:
        if moment.has_clock and own_time:
            return False
        named = {token.name for token in moment.times if isinstance(token, Part)}
        fresh = {token.name for token in one.tokens if isinstance(token, Part)}
        return not named or named == fresh or not gap.group().strip()
    if not moment.has_clock:
        return True
    try:
        times_of([*moment.times, *one.tokens])
    except Unclear:
        return False
    return not any(isinstance(token, Later) for token in (*moment.times, *one.tokens))


def _own_time(one: Found, following: Sequence[Found], sheet: Sheet) -> bool:
    """Whether a clock time comes right behind it, or behind a part of the day."""
    end = one.end
    for other in following:
        if not other.timely or sheet.text[end : other.start].strip(" 的"):
            return False
        if any(isinstance(token, Clock | Between) for token in other.tokens):
            return True
        end = other.end
    return False


def _counted_on(moment: Moment, one: Found) -> bool:
    """周一二三点: the figures go on from the weekday, and nobody knows where the hours begin."""
    first = next((token.first.hour for token in one.tokens if isinstance(token, Between)), None)
    return any(isinstance(token, Weekday) and token.index + 2 == first for token in moment.days[-1:])


def _same_day(moment: Moment, one: Found, gap: re.Match[str], today: date) -> bool:
    """Whether both name one day; a date and a weekday that do not agree stay together, and are a conflict."""
    tokens = [token for token in one.tokens if not isinstance(token, Part)]
    try:
        days_of([*moment.days, *tokens], today)
    except Unclear as unclear:
        if unclear.reason in ("past", "impossible", "which_day", "ambiguous_week"):
            return True
        kinds = {_kind(token) for token in moment.days} & {_kind(token) for token in tokens}
        return not kinds and not gap.group().strip(" ()的")
    return True


def _kind(token: Token) -> str:
    if isinstance(token, Days):
        return "date" if len(token.dates) == 1 else "dates"
    return type(token).__name__


# ------------------------------------------------------------------------------------------------------------------ edges


def _note_ahead(moment: Moment, gap: re.Match[str]) -> None:
    """或者 alone ties the two; other words of the gap are found by `_edges`."""
    if gap["or"]:
        moment.words.append(gap.span("or"))


def _edges(moment: Moment, sheet: Sheet) -> None:
    """Take in the words right before and behind a moment that open or loosen it."""
    behind = _BEHIND.match(sheet.text, moment.end)
    if behind:
        _open(moment, behind)
        moment.words.append(behind.span())
    elif moment.until is not None:
        enclosed = _ENCLOSED.match(sheet.text, moment.end)
        moment.words += [enclosed.span()] if enclosed else []
    reach = max(0, moment.start - _REACH)
    before = sheet.text[reach : moment.start]
    ahead = (_BETWEEN if moment.until is not None or (moment.days and not moment.times) else _AHEAD).search(
        before
    )
    if (
        ahead
        and ahead.re is _AHEAD
        and ahead["before"] in ("到", "至")
        and _MOVING.search(sheet.text, 0, reach + ahead.start())
    ):
        ahead = None
    if ahead is None and moment.days and not moment.times and (beside := _DAY_AHEAD.search(before)):
        moment.open_day = "after" if beside["after"] else "before"
        moment.words.append((reach + beside.start(), reach + beside.end()))
    if ahead and behind and ahead.re is _AHEAD and ahead["before"] in ("到", "至") and moment.open:
        moment.words.append((reach + ahead.start(), reach + ahead.end()))
        ahead = None  # 要到三点以后
    if ahead and ahead.re is _AHEAD and _FROM.search(before) and _MOVED_ON.match(sheet.text, moment.end):
        moment.words.append((reach + ahead.start(), reach + ahead.end()))
        ahead = None  # 从三点改到四点
    if ahead:
        if moment.until is None and (moment.times or ahead.re is _AHEAD):
            _open(moment, ahead)
        moment.words.append((reach + ahead.start(), reach + ahead.end()))


def _open(moment: Moment, match: re.Match[str]) -> None:
    groups = match.groupdict()
    if groups.get("after") or groups.get("before"):
        opened: Open = "after" if groups.get("after") else "before"
        if moment.times:
            moment.open = opened
        else:
            moment.open_day = opened
    else:
        moment.loose = True

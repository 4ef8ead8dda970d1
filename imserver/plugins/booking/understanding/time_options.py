"""What the moments of a text come to: options of days and hours, with what they inherit from each other, and refusals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Any, Final

from imserver.plugins.booking.dates.compose import Unclear, between, days_of, part_of, times_of
from imserver.plugins.booking.dates.moments import Moment
from imserver.plugins.booking.dates.tokens import (
    Clock,
    Days,
    Later,
    Part,
    PartName,
    Refused,
    Weekday,
)
from imserver.plugins.booking.understanding.acts import Act, Hours, Kind, Span
from imserver.plugins.booking.understanding.negation import Scope
from imserver.plugins.booking.understanding.time_scopes import Scoped

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


class Optioned(Scoped):
    """The wishes of one text as options, and what is refused as acts."""

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
            option.window, option.wish = (minutes_of(begin), minutes_of(end)), begin
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
            option.window = (minutes_of(edge), HOURS["morning"][1] if morning else DAY)
            option.wish = None if moment.busy else edge
        else:
            option.window = (0, minutes_of(edge))

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

    def _inherits_day(self, wishes: Sequence[int]) -> bool:
        return any(self._dated(number).days for number in wishes)

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
            if option.each and is_weekend(option.days):
                yield "day", option.days
            elif option.each:
                yield "day", None
            else:
                yield from (("day", day) for day in option.days)

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
            "range": isinstance(value, Hours) and value.begin <= minutes_of(shown.start.time()) < value.end,
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


def minutes_of(moment: time) -> int:
    return 60 * moment.hour + moment.minute


def is_weekend(days: Sequence[date]) -> bool:
    return all(day.weekday() >= 5 for day in days)

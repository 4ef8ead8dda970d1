"""Days and times in a text: what is wished, what is refused, what is put right, and what it all comes to.

The words about time make moments (`dates.moments`), the templates say which of them are refused, replaced or only spoken of
(`negation.scopes`), and what is left is the wish. A time is a wish only with its neighbours: a bare clock time without a day is
today's only if nothing unread touches it, and what no template understands is asked about (`dates.doubts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from imserver.plugins.booking.dates.asides import set_aside
from imserver.plugins.booking.dates.compose import Unclear, ahead, later, part_of, times_of
from imserver.plugins.booking.dates.doubts import doubt
from imserver.plugins.booking.dates.moments import Moment, moments
from imserver.plugins.booking.dates.scan import Found, scan
from imserver.plugins.booking.dates.sieve import grams_on
from imserver.plugins.booking.dates.text import DAY_MARK, Sheet
from imserver.plugins.booking.dates.tokens import (
    Clock,
    Moved,
    PartName,
    Reason,
    Same,
)
from imserver.plugins.booking.understanding.acts import Act, Hours, Kind, Scene, Span, When
from imserver.plugins.booking.understanding.clocks import at_home, other_clock
from imserver.plugins.booking.understanding.negation import scopes
from imserver.plugins.booking.understanding.time_doubts import Doubted
from imserver.plugins.booking.understanding.time_options import HOURS, Option, is_weekend
from imserver.plugins.booking.understanding.time_scene import (
    as_asked,
    as_said,
    bare_day,
    of_the_card,
    resolved,
)
from imserver.plugins.booking.understanding.unnamed import read_unnamed

_CHOOSING: Final = frozenset({"day", "slot", "confirm", "confirm_again"})
"""The steps at which a day or a time was offered."""
_OTHER_DAY: Final = frozenset({"past", "impossible", "conflict", "too_far", "no_such_time"})
"""Reasons that lie in the day, and not in the hour."""


@dataclass(frozen=True, slots=True)
class Times:
    """What a text says about days and times: acts with their spans, and what they come to. None: it says nothing."""

    acts: tuple[Act, ...] = ()
    when: When | None = None


def read_times(sheet: Sheet, scene: Scene) -> Times:
    """Read the days and times of a masked sheet and blank out what was read."""
    if sheet.too_long:
        return Times((), When(reason="too_long"))
    if number := bare_day(sheet, scene):  # 28, where a day was asked
        day = read_times(Sheet(f"{number}号"), scene)
        sheet.blank(0, len(sheet.text), DAY_MARK)
        return Times(tuple(replace(act, spans=(Span(0, len(sheet.source)),)) for act in day.acts), day.when)
    set_aside(sheet)
    as_said(sheet)
    as_asked(sheet, scene)
    scanned: list[Found] = []
    for one in scan(sheet, scene.now.date(), chinese=scene.chinese):
        last = scanned[-1] if scanned and scanned[-1].end == one.start and not scanned[-1].timely else None
        if last is not None and last.tokens and one.tokens == (Same("day"),):  # 21号那天
            scanned[-1] = replace(last, end=one.end)
            continue
        scanned.append(resolved(one, scene, named=any(not before.timely for before in scanned)))
    found = [one for one in scanned if one.tokens]
    if not found:
        return _Speech(sheet, scene, []).unnamed()
    speech = _Speech(sheet, scene, of_the_card(moments(sheet, found, scene.now.date()), sheet, scene))
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


class _Speech(Doubted):
    """One text: what its wishes come to, and the acts that give them."""

    def read(self) -> Times:
        """Sort the moments, compose the wish, and say it in acts."""
        for moment in self.moments:
            self._turn(moment)
        found = scopes(self.sheet, [(moment.start, moment.end) for moment in self.moments])
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
        if doubt(self.sheet.text, grams_on(self.sheet), [(moment.start, moment.end)]) not in (None, "vague"):
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
                    if option.each and is_weekend(option.days)
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

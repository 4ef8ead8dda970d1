"""What a reading says to a dialogue: shorthands over its acts, the same for all dialogues."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, time

from imserver.plugins.booking.schedule.shops import AgeBand, Chain, Service, Shop
from imserver.plugins.booking.understanding.acts import Act, Hours, Kind, Reading, Rest, Weight, When
from imserver.plugins.booking.understanding.word_lists import load_words

_TIMES = ("day", "time", "range")
#: Letters of particles: 对, 哈, 吧, yes.
_FEW = 3
_PERSONAL = ("person", "name", "age", "first", "phone")


def shop_of(reading: Reading, chain: Chain) -> Shop | None:
    """The shop that is named."""
    return chain.shop(str(reading.given("shop") or ""))


def service_of(reading: Reading, chain: Chain) -> Service | None:
    return chain.service(str(reading.given("service") or ""))


def band_of(reading: Reading, chain: Chain) -> AgeBand | None:
    """The age band of an age, or the one that is named."""
    age = reading.given("age")
    if isinstance(age, str):
        return chain.band(age)
    return None if age is None else chain.band_of_age(age)


def code_of(reading: Reading) -> str:
    return str(reading.given("code") or "").upper()


def codes_of(reading: Reading) -> list[str]:
    """Every code, in the order of the text."""
    return list(dict.fromkeys(str(act.value).upper() for act in reading.all(Kind.GIVE, "code") if act.value))


def version_of(reading: Reading) -> int | None:
    version = reading.given("version")
    return version if isinstance(version, int) else None


def number_of(reading: Reading) -> int | None:
    """The number of a button, if that is all that is said."""
    acts = [act for act in reading.acts if act.kind not in (Kind.THANKS, Kind.GREETING)]
    if len(acts) != 1 or acts[0].kind is not Kind.GIVE or acts[0].what not in ("number", "age"):
        return None
    number, said = acts[0].value, reading.text.strip().strip(".。")
    if acts[0].what == "age" and not said.isdecimal():
        return None
    return number if isinstance(number, int) else None


def when_of(reading: Reading) -> When | None:
    """What the words about time come to; None where nothing of it can be used (刚来过, 我四点下课)."""
    when = reading.when
    if when is None or when == When() or (when.reason == "no_time" and not when.days and not when.part):
        return None
    return when


def names_time(reading: Reading) -> bool:
    """Whether it names a time to come, or one that has to be asked about."""
    return when_of(reading) is not None


def takes_time(reading: Reading) -> bool:
    """Whether it names a time that may take the place of the chosen one."""
    when = when_of(reading)
    return when is not None and bool(
        when.candidates or when.window or when.days or when.part or when.shift is not None or when.guess
    )


def time_words(reading: Reading) -> str:
    """The words about a time, as typed: a button carries them along."""
    spans = [
        span
        for act in reading.acts
        if act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in _TIMES
        for span in act.spans
    ]
    return " ".join(reading.text[span.start : span.end] for span in sorted(set(spans)))


#: "Wait," before a time that is meant: it puts nothing off.
_HESITATION = re.compile(
    "(?:(?:先|请)?等(?:一?等|一?下|会儿?|[阵陣])|慢着|且慢|oh|no|wait(?: a (?:sec|second|minute|moment|bit))?|hold (?:on|up)"
    "|hang on|(?:one|just a) (?:sec|second|moment|minute))[哈啊呀 ,.!]*",
    re.IGNORECASE,
)


def puts_off(reading: Reading) -> bool:
    """Whether the answer is put off: "let me think", but not "wait, I meant eleven"."""
    later = reading.all(Kind.LATER)
    when = when_of(reading)
    timed = [
        act.spans[0].start
        for act in reading.acts
        if act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in _TIMES and act.spans
    ]
    if not later or not timed or when is None or not (when.candidates or when.window or when.days):
        return bool(later)
    return not all(
        span.end <= min(timed) and _HESITATION.fullmatch(reading.text[span.start : span.end])
        for act in later
        for span in act.spans
    )


_PUT_RIGHT = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in load_words("put_right").items()}


def behind_slip(text: str) -> str:
    """What stands behind the confession of a slip: 不对不对我说错了 周日三点 means the time."""
    behind, confessed = _behind_denial(text), False
    while slipped := _PUT_RIGHT["slipped"].match(behind):
        behind, confessed = _behind_denial(behind[slipped.end() :]), True
    return behind if confessed else ""


def _behind_denial(text: str) -> str:
    match = _PUT_RIGHT["around"].match(text)
    return text[match.end() :] if match else text


def in_its_place(text: str) -> str:
    """The time that is wanted in the place of another, without the words that say so: "thursday 4pm" of "can we do thursday 4pm
    instead". Empty if nothing says so."""
    bare, found = _PUT_RIGHT["instead"].subn(" ", text)
    match = _PUT_RIGHT["asks_for"].match(bare.strip(" ,")) if found else None
    return bare.strip(" ,")[match.end() :].strip() if match else ""


def behind_no(text: str) -> str:
    """What stands behind a no and a blank; a bare number there is an hour."""
    match = _PUT_RIGHT["no_but"].match(text)
    behind = text[match.end() :].strip() if match else ""
    return f"{behind}点" if behind.isdecimal() else behind


def preferred_day(reading: Reading) -> str:
    """The words of a day without an hour that is thought to be better, if nothing else is said: 周日可能好一点."""
    when = when_of(reading)
    if when is None or not when.days or when.candidates or when.window or when.part:
        return ""
    if not all(act.kind is Kind.GIVE and act.what == "day" for act in reading.acts):
        return ""
    beside = list(reading.text)
    for act in reading.acts:
        for span in act.spans:
            beside[span.start : span.end] = " " * (span.end - span.start)
    around = "".join(beside)
    return (
        time_words(reading)
        if _PUT_RIGHT["better"].search(around) and _PUT_RIGHT["prefers"].fullmatch(around)
        else ""
    )


def as_correction(reading: Reading) -> Reading:
    """The same times, put right."""
    return replace(
        reading,
        acts=tuple(
            replace(act, kind=Kind.CORRECT) if act.kind is Kind.GIVE and act.what in _TIMES else act
            for act in reading.acts
        ),
    )


def corrects_time(reading: Reading) -> bool:
    """Whether it says another time and nothing else: no service, no person, no wish to book one more, no question."""
    if not takes_time(reading) or reading.people or unread(reading):
        return False
    plain = (Kind.YES, Kind.NO, Kind.LATER, Kind.THANKS, Kind.GREETING)
    for act in reading.acts:
        timed = act.kind in (Kind.GIVE, Kind.CORRECT, Kind.REFUSE) and act.what in _TIMES
        if (
            not timed
            and act.kind not in plain
            and not (act.kind is Kind.BEGIN and _is_plain_wish(act, reading))
        ):
            return False
    return not puts_off(reading)


def repeats(reading: Reading, wall: datetime) -> bool:
    """Whether the time that it names is this one (周六见, right behind "booked for Saturday")."""
    named = [
        act
        for act in reading.acts
        if act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in _TIMES and act.value is not None
    ]
    return bool(named) and all(hits(act, wall) for act in named)


def only_repeats(reading: Reading, wall: datetime) -> bool:
    """Whether it says this time again, puts nothing right, and wants nothing."""
    contradicts = reading.has(Kind.REFUSE) or reading.has(Kind.CORRECT) or reading.has(Kind.NO)
    return not contradicts and corrects_time(reading) and repeats(reading, wall)


def _is_plain_wish(wish: Act, reading: Reading) -> bool:
    """Whether a wish to book is read from nothing but the time that is said."""
    spans = {span for act in reading.acts if act.what in _TIMES for span in act.spans}
    return wish.what == "book" and set(wish.spans) <= spans


def refused_times(reading: Reading) -> list[Act]:
    return [act for act in reading.all(Kind.REFUSE) if act.what in _TIMES]


def hits(act: Act, wall: datetime) -> bool:
    """Whether a refusal of a day, time or range is one of this start."""
    value = act.value
    if value is None:
        return True
    if isinstance(value, tuple) and not isinstance(value, Hours):
        return wall.date() in value
    if isinstance(value, Hours):
        return value.begin <= wall.hour * 60 + wall.minute < value.end
    if isinstance(value, datetime):
        return value == wall
    if isinstance(value, date):
        return value == wall.date()
    return isinstance(value, time) and value == wall.time()


def refused_days(reading: Reading) -> list[date]:
    """The days that are refused by name."""
    found: list[date] = []
    for act in reading.all(Kind.REFUSE, "day"):
        found += act.value if isinstance(act.value, tuple) else [act.value] if act.value else []
    return found


def refuses(reading: Reading, what: str) -> bool:
    return reading.has(Kind.REFUSE, what)


def corrects(reading: Reading, *whats: str) -> bool:
    """Whether one of these values is put right, or refused and given."""
    return any(
        reading.has(Kind.CORRECT, what) or (refuses(reading, what) and reading.has(Kind.GIVE, what))
        for what in whats
    )


def gives_values(reading: Reading) -> bool:
    """Whether a value of an appointment is given or put right."""
    return any(
        act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in ("service", "lenses", *_PERSONAL, *_TIMES)
        for act in reading.acts
    ) or takes_time(reading)


def says_only(reading: Reading, act: Act) -> bool:
    """Whether a text says an act and hardly a word more: 对，下午; 下午哈."""
    beside = [char for place, char in enumerate(reading.text)
              if char.isalnum() and not any(start <= place < end for start, end in act.spans)]  # fmt: skip
    return len(beside) <= _FEW


def only(reading: Reading, *kinds: Kind) -> bool:
    """Whether all its acts are of these kinds, and there is one."""
    return bool(reading.acts) and all(act.kind in kinds for act in reading.acts)


def unread(reading: Reading) -> list[Rest]:
    """What nobody understood and what may change what is meant: it is asked about."""
    return [
        rest
        for rest in reading.rest
        if rest.weight is Weight.DANGEROUS or (rest.weight is Weight.NEUTRAL and rest.in_clause)
    ]


def notes(reading: Reading) -> list[str]:
    """What changes nothing and is for the people."""
    return [
        rest.text.strip(" ,，.。")
        for rest in reading.rest
        if rest.weight is Weight.NEUTRAL and not rest.in_clause and rest.text.strip(" ,，.。!！~～")
    ]


def doubtful(reading: Reading) -> bool:
    """Whether a yes may not count beside it, or right behind it. A day without an hour is clear: the hour is kept or asked."""
    when = reading.when
    unresolved = when is not None and when.reason is not None and not (when.reason == "no_time" and when.days)
    contradicts = puts_off(reading) or any(act.kind in (Kind.REFUSE, Kind.CORRECT) for act in reading.acts)
    return unresolved or contradicts or bool(unread(reading))


def is_values(reading: Reading) -> bool:
    """Whether there is nothing but values: the words behind a command word that is one."""
    told = all(
        act.kind in (Kind.GIVE, Kind.CORRECT, Kind.YES, Kind.BEGIN, Kind.THANKS)
        and act.what not in ("move", "cancel")  # 取消还是改期好: a sentence
        for act in reading.acts
    )
    return told and all(rest.weight is Weight.HARMLESS for rest in reading.rest)

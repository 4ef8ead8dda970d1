"""What a whole text says in so many words: "how do I reschedule", 想好了再告诉你, "the usual one".

A saying is matched from the first character of a text to the last, so nothing stays unread beside it; only courtesies stand
around it, and those are read by themselves. The table is `words/sayings.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from imserver.plugins.booking.dates.sieve import Several, Sieve, TextGrams
from imserver.plugins.booking.dates.text import ASIDE_MARK, DAY_MARK, TIME_MARK

from .acts import Act, Hours, Kind, Scene, Span
from .courtesies import COURTESIES
from .lexicon import Lexicon
from .page import Cover, Page, with_marks
from .patterns import filled
from .questions import asks_in_words
from .values import number
from .word_lists import load_words

#: A longer text says more than a saying.
_LONGEST: Final = 80
_MORNING: Final = 8
#: What a text that begins something may say beside it.
_KEPT: Final = frozenset({"day", "time", "range", "code", "shop", "service", "person"})
#: Folded hands and flowers, sent by themselves.
_THANKS: Final = frozenset("🙏🌹💐🫶🥰")
#: Blanks and commas beside a Chinese character say nothing.
_LOOSE: Final = re.compile("(?<=[^\x00-\x7f])[ ,]+|[ ,]+(?=[^\x00-\x7f])")
_TIMES: Final = re.compile(f"[{DAY_MARK}{TIME_MARK}](?:[\x00-\x04 ,]*[{DAY_MARK}{TIME_MARK}])*")
_VALUES: Final[dict[str, Any]] = {
    "true": True,
    "false": False,
    "evening": Hours(1020, 1440, "evening"),
    "noon": Hours(720, 780, "noon"),
}


def _after(said: str) -> Hours:
    """4点半: from then on; an hour before eight is one of the afternoon."""
    figures = re.match("[0-9]+|[^点]+", said)
    hour = number(figures[0]) if figures else 0
    half = 30 if "半" in said or said.endswith("30") else 15 if "刻" in said else 0
    return Hours(60 * (hour + 12 if hour < _MORNING else hour) + half, 1440)


#: Groups of a pattern that hold a value: what it is, and how it is taken from the words.
_GROUPS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "person": ("person", str),
    "phone": ("phone", str),
    "age": ("age", number),
    "after": ("range", _after),
    "decade": ("age", lambda said: 10 * number(said)),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Saying:
    """One row of the table: where it is said, the acts that it says, and whether days and times stand in it (`timed`)."""

    at: str
    says: tuple[tuple[Kind, str, Any], ...]
    never: re.Pattern[str]
    timed: bool
    asks: bool  # it begins or asks, and a mark of a question takes nothing from it

    def match(self, pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
        """The whole text, if it is made of it in the way of one of its patterns."""
        match = pattern.fullmatch(text.rstrip(" ?") if self.asks else text)
        return None if match is None or self.never.search(text.strip()) else match


def take_asides(page: Page) -> None:
    """Words in which a wait, a question or a wish seems to stand: "can't wait", 回头见."""
    if not page.may_hold_any(_every_aside()):
        return
    for cover, patterns in _asides():
        for pattern in patterns:
            for match in page.find(pattern):
                page.take(*match.span(), cover)
                clause = page.clause_at(match.start())
                if cover is Cover.HARMLESS:
                    page.asking[clause] = asks_in_words(page.open[slice(*clause)])


#: 怎么预约, "how do I book", beside what is to be booked.
_HOW_TO_BOOK: Final = re.compile(
    "(?:应该|该|要|得)?(?:怎么|怎样|如何|咋|咋个|点样)(?:样|才能|去|才)?(?:预约|约|挂号|预订|订|预定)(?:啊|呀|呢|吗|的)?"
    "(?=$|[ ,.!?])"
    "|(?<![a-z])how (?:do|can|would|could|should) (?:i|we|you) (?:book|make|get|arrange|go about booking)"
    "(?: (?:an?|in))?(?: (?:appointment|booking|slot))?(?: for| to)?(?![a-z])"
)
_LEADING_YES: Final = re.compile(
    "(?:yes|yep|yeah|yup|aye|ok|okay|sure|great|perfect|lovely|brilliant|fine|good|cool|grand|super|excellent)"
    "(?:[ ,.!]+(?:please|thanks|thank you|great|perfect|lovely|and|so|just|then))*[ ,.!]+"
    "(?=(?:what|do|does|should|can|could|where|is|are|how|will|shall|any|anything)(?![a-z]))"
)
#: These are answered from the shop's facts, and a yes beside them counts.
_FACTS: Final = frozenset({"bring", "place", "parking", "hours", "how_long"})


def read_how_to_book(page: Page, scene: Scene, lexicon: Lexicon) -> None:
    """想配眼镜怎么预约: who asks how to book something wants to."""
    match = next(page.find(_HOW_TO_BOOK), None)
    if match is None or not scene.is_free:
        return
    if next(lexicon.services.find(page.open), None) is None:
        return
    page.take_act(Kind.BEGIN, "book", None, match.span())
    page.asking[page.clause_at(match.start())] = False


def read_leading_yes(page: Page, scene: Scene) -> None:
    """ "Yes what do I need to bring": a yes right before a question that facts answer."""
    match = _LEADING_YES.match(page.words.lstrip())
    asked = {act.what for act in page.acts if act.kind is Kind.QUESTION}
    others = any(act.kind not in (Kind.QUESTION, Kind.THANKS, Kind.GREETING) for act in page.acts)
    if match is None or not scene.step.startswith("confirm") or others or not asked or not asked <= _FACTS:
        return
    page.add(Kind.YES, "", None, (0, match.end()))


@cache
def _asides() -> tuple[tuple[Cover, tuple[re.Pattern[str], ...]], ...]:
    words = load_words("sayings")["aside"]
    return tuple(
        (cover, tuple(map(re.compile, words[name])))
        for name, cover in (("harmless", Cover.HARMLESS), ("noted", Cover.NOTE))
    )


@cache
def _every_aside() -> Several:
    return Several(pattern for _, patterns in _asides() for pattern in patterns)


def read_saying(page: Page, scene: Scene) -> bool:
    """The acts of a text that is a saying as a whole. Whether it was one."""
    if len(page.words) > _LONGEST:
        return False
    if _THANKS.intersection(page.source) and not any(char.isalnum() for char in page.source):
        page.acts.append(Act(Kind.THANKS, "", None, (Span(0, len(page.source)),)))
        page.take(0, len(page.words))
        return True
    for text in dict.fromkeys((_without_courtesies(page), page.words)):
        found = _found(text, scene, timed=False, grams=page.grams)
        if found is not None:
            begin = len(text) - len(text.lstrip(f" {ASIDE_MARK}"))
            end = len(text.rstrip(f" {ASIDE_MARK}"))
            _say(page, *found, (begin, end))
            return True
    return False


def read_timed_saying(page: Page, scene: Scene) -> bool:
    """The same for a text that names days or times, which are read already: what it begins goes beside them."""
    if len(page.words) > _LONGEST or not page.timed(0, len(page.words)):
        return False
    text = with_marks(_without_courtesies(page), page.sheet.text)
    found = _found(_TIMES.sub("<T>", text), scene, timed=True, grams=page.grams)
    if found is None:
        return False
    page.acts = [act for act in page.acts if act.what in _KEPT or act.kind in (Kind.THANKS, Kind.GREETING)]
    _say(page, *found, (0, len(page.words)))
    return True


def _say(page: Page, saying: _Saying, match: re.Match[str], place: tuple[int, int]) -> None:
    """Add the acts, with the values that stand in the text."""
    named = {_GROUPS[group][0]: _GROUPS[group][1](said) for group, said in match.groupdict().items() if said}
    for kind, what, value in saying.says:
        page.add(kind, what, named.pop(what, value), place)
    for what, value in named.items():
        page.add(Kind.GIVE, what, value, place)
    page.take(*place)


def _places(scene: Scene) -> set[str]:
    """Where the sayings of a step are said. At a card that cancels or moves, other words are a yes and a no."""
    places = {"any", "free" if scene.is_free else "open", scene.step}
    if scene.step.startswith("confirm") and scene.asks in ("", "book"):
        places.add("card")
    return places


def _found(
    text: str, scene: Scene, *, timed: bool, grams: TextGrams | None = None
) -> tuple[_Saying, re.Match[str]] | None:
    """The saying that a text is made of, as it is typed or without blanks between Chinese characters. `grams`: what the text
    can match, if that is known."""
    rows, sieve = _table(timed)
    places = _places(scene)
    for one in dict.fromkeys((text, _LOOSE.sub("", text))):
        known = grams if grams is not None and one is text else TextGrams(one)
        for row, pattern in map(rows.__getitem__, known.passed(sieve)):
            match = row.match(pattern, one) if row.at in places else None
            if match is not None:
                return row, match
    return None


def _without_courtesies(page: Page) -> str:
    """The words, with thanks and greetings blanked out."""
    text = page.words
    for pattern in page.among(_POLITE):
        for match in page.narrowed(pattern).finditer(page.words):
            text = text[: match.start()] + ASIDE_MARK * (match.end() - match.start()) + text[match.end() :]
    return text


_POLITE: Final = Several((COURTESIES[Kind.THANKS], COURTESIES[Kind.GREETING]))


@cache
def _table(timed: bool) -> tuple[tuple[tuple[_Saying, re.Pattern[str]], ...], Sieve]:
    """The sayings with days and times or those without, each with each of its patterns, and a sieve of these."""
    words = load_words("sayings")
    each = tuple(
        (row, pattern)
        for row, patterns in (_row(words, one) for one in words["saying"])
        for pattern in patterns
        if row.timed == timed
    )
    return each, Sieve(pattern for _, pattern in each)


def _row(words: Any, row: Any) -> tuple[_Saying, Sequence[re.Pattern[str]]]:
    around = {"chinese": ("before", "behind"), "english": ("before_english", "behind_english")}
    patterns = [
        re.compile(filled(f"{words[before]}(?:{row[language]}){words[behind]}"))
        for language, (before, behind) in around.items()
        if language in row
    ]
    timed = any("<T>" in row.get(language, "") for language in around)
    says = tuple(map(_act, row["says"]))
    asks = all(kind in (Kind.BEGIN, Kind.QUESTION) or what == "time" for kind, what, _ in says)
    never = re.compile(row.get("never", "(?!)"))
    return _Saying(row["at"], says, never, timed, asks and bool(says)), patterns


def _act(said: str) -> tuple[Kind, str, Any]:
    """ "give number 1" as an act."""
    kind, what, value = (*said.split(), "", "")[:3]
    number = int(value) if value.lstrip("-").isdecimal() else None
    return Kind(kind), what, number if number is not None else _VALUES.get(value)

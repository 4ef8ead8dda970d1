"""Questions: what of the shop's facts is asked, and how a question is told from a wish that is put politely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.sieve import Several

from .acts import Kind
from .lexicon import Lexicon, either, whole
from .page import PUNCTUATION, Cover, Page
from .patterns import KIN, KIN_ENGLISH
from .word_lists import load_words

_WORDS: Final = load_words("questions")
_KNOWN: Final = {
    kind: deferred(f"{chinese}|(?<![a-z])(?:{english})")
    for kind, (chinese, english) in _WORDS["known"].items()
}
#: These ask by themselves.
_ASKING: Final = {kind: either(map(whole, words)) for kind, words in _WORDS["asking"].items()}
#: These count only where something is asked.
_MORE: Final = {kind: deferred(f"(?<![a-z])(?:{words})") for kind, words in _WORDS["known_more"].items()}
_MARKS: Final = _WORDS["marks"]
_ASKS: Final = either((_MARKS["asks"], _MARKS["asks_english"]))
_ASKS_FIRST: Final = re.compile(_MARKS["asks_first"])
_FILLER: Final = re.compile(f"{_MARKS['fillers']}|[ ,.!;:~'()\x02-]+")
_POLITE: Final = either((_MARKS["polite"], _MARKS["polite_english"]))
_ANY: Final = re.compile(_MARKS["any"])
_LEAVE: Final = re.compile(_MARKS["leave"])
_HARMLESS: Final = Several((_LEAVE, _ANY))
_PAGE: Final = re.compile(_MARKS["about_the_page"])
TIMELY: Final = re.compile(
    "[今明后昨前每大][天日早晚年]|[上中下]午|[早晚]上|周[一二三四五六日天末]|星期|礼拜|[一二两三四五六七八九十0-9]+[点号月日]|[0-9]|节|元旦|国庆"
    "|(?<![a-z])(?:mon|tue|wed|thu|fri|sat|sun|tod|tom|next|this|week|morning|afternoon|evening|noon"
    "|christmas|xmas|easter|new year|boxing day|good friday|holiday)"
)
#: How long the glasses take to be made, no visit.
_MAKING: Final = re.compile(_MARKS["making"])
#: 我那会儿还在上班呢: when the customer works is no question.
_OWN_HOURS: Final = re.compile(
    "(?:我|俺|咱|老公|老婆|孩子|他|她)[^,.!?;你店]{0,8}(?:上班|下班|休息|放假|放几天假?|上学|放学)(?!.{0,4}开)"
)
#: Somebody is brought along, and not something.
_COMPANION: Final = re.compile(
    f"[带抱领](?:着|上|埋|个|我|阿|家里?|的|两个|俩)*(?:{KIN}|婴儿|小家伙|小的|小不点|[大二三]宝|幼儿|"
    "细路|双胞胎)|(?<![a-z])(?:bring|bringing|take|come with) (?:along )?(?:my |a |the |"
    f"our )?(?:{KIN_ENGLISH})(?![a-z])"
)
_CHILD: Final = re.compile(
    "儿子|女儿|孩子|小孩|小朋友|娃|宝宝|bb|闺女|囡囡|婴儿|小家伙|小的|小不点|[大二三]宝|"
    "幼儿|孙[子女]|外甥|侄[子女]|细路|双胞胎|毛头|(?<![a-z])(?:son|daughter|kids?|child(?:ren)?|baby|toddler|boy|girl)(?![a-z])"
)
#: 小孩可以带进去吗: the child is what is brought.
_CHILD_BROUGHT: Final = re.compile(f"(?:{_CHILD.pattern})[^,.!?;]{{0,5}}[带抱](?:进|着|去|来|过|上|一起)")
_REFUND: Final = re.compile(_MARKS["refund"])
#: "Good price" asks nothing.
_OPINION: Final = re.compile(_MARKS["opinion"])
_AUXILIARY: Final = re.compile("(?:is|are|do|does|can|could|will|would|has|have) [a-z]")
#: A mark, or a tag and its mark: "you're there Sundays, right?"
_QUESTION_END: Final = re.compile(_MARKS["end"])
_TAG: Final = 24
ORDER: Final = re.compile("|".join(load_words("intents")["courtesy"]["order"]))
_COMMAND: Final = re.compile(
    f"^ ?(?:{'|'.join(word for words in load_words('intents')['commands'].values() for word in words)})[ .!。]*$"
)


def read_known(page: Page, lexicon: Lexicon) -> list[tuple[int, int]]:
    """Questions of a known kind, one a clause. Returns their clauses."""
    asked: list[tuple[int, int]] = []
    for pattern in page.among(_HARMLESS):
        for match in page.find(pattern):
            page.take(*match.span(), Cover.HARMLESS)
    if _COMMAND.match(page.words):
        return asked
    kinds: Sequence[str] = ()
    if page.may_hold_any(_every_kind()):
        possible = page.grams.possible
        kinds = [kind for kind, names in _names_of_kinds() if not names.isdisjoint(possible)]
    for start, end in page.clauses:
        if page.narrowed(ORDER).search(page.open[start:end]):
            page.add(Kind.QUESTION, "other", None, *_stretches(page, start, end))
            asked.append((start, end))
            continue
        for kind in kinds:
            asking = _asking_for(page, kind, start, end)
            if asking is not None:
                page.take_act(
                    Kind.QUESTION,
                    _kind(page, lexicon, kind, start, end),
                    None,
                    _to_the_end(page, asking, end),
                )
                asked.append((start, end))
                break
    return asked


@cache
def _patterns(kind: str) -> tuple[re.Pattern[str], ...]:
    """All that may speak of a kind."""
    return tuple(table[kind] for table in (_KNOWN, _MORE, _ASKING) if kind in table)


@cache
def _names_of_kinds() -> Sequence[tuple[str, frozenset[str]]]:
    """Each kind and what its patterns are made of."""
    return [(kind, frozenset(one.pattern for one in _patterns(kind))) for kind in _KNOWN]


@cache
def _every_kind() -> Several:
    return Several(one for kind in _KNOWN for one in _patterns(kind))


def _asking_for(page: Page, kind: str, start: int, end: int) -> re.Match[str] | None:
    """The words of a kind of question in a clause; an age is read already, and one about children speaks of it."""
    text = page.words if kind == "children" else page.open
    if kind in _ASKING and (found := page.narrowed(_ASKING[kind]).search(text, start, end)):
        return None if kind == "hours" and _OWN_HOURS.search(text, start, end) else found
    found = page.narrowed(_KNOWN[kind]).search(text, start, end)
    opinion = kind == "price" and _OPINION.search(text, start, end) and not asks(page, start, end)
    if found is not None and not opinion and _is_asked(page, kind, start, end):
        return found
    if opinion:
        return None
    found = page.narrowed(_MORE[kind]).search(text, start, end)
    return (
        found
        if found is not None and (asks(page, start, end) or (kind != "children" and _brief(page, start, end)))
        else None
    )


def _brief(page: Page, start: int, end: int) -> bool:
    """ "Nearest station", "ur address": two or three words, and nothing else is said with them."""
    clause = page.words[start:end]
    return len(clause.split()) <= 3 and not page.timed(start, end) and not TIMELY.search(clause)


_DAY_ASKED: Final = re.compile(
    "(?:这|本|下)?(?:周[一二三四五六日天末]|礼拜[一二三四五六日天]|星期[一二三四五六日天])|今天|明天|后天|大后天|国庆节?|元旦|"
    "春节|过年|中秋节?|五一|清明节?|端午节?|圣诞节?|(?:sundays?|saturdays?|mondays?|tuesdays?|wednesdays?|thursdays?|fridays?) "
)


def _to_the_end(page: Page, match: re.Match[str], end: int) -> tuple[int, int]:
    """A question goes on to the end of its clause, but not over a day or a time behind it."""
    behind = page.open[match.end() : end]
    if day := _DAY_ASKED.match(page.open, match.start(), match.end() - 1):  # 元旦营业吗: of that day
        return day.end(), match.end() if TIMELY.search(behind) or "\x02" in behind else end
    return match.start(), match.end() if TIMELY.search(behind) or "\x02" in behind else end


#: 快打烊的时候, 午休时间: a part of the day.
_AT_THE_END: Final = re.compile(
    "快(?:打烊|关门|下班|收铺)|(?:打烊|关门|下班|收铺)[之以]?[前后]|^午休(?:时间|时候)?$"
)


def _is_asked(page: Page, kind: str, start: int, end: int) -> bool:
    """Of the kinds whose words are also said without asking, only those with a mark of a question."""
    if kind not in ("bring", "place", "parking", "insurance", "hours", "children"):
        return True
    clause = page.words[start:end].strip()
    if (
        kind == "hours"
        and (_OWN_HOURS.search(clause) or _AT_THE_END.search(clause))
        and not asks(page, start, end)
    ):
        return False
    short = len(clause) <= 6 and not clause.endswith("了")
    return short or asks(page, start, end) or _AUXILIARY.match(clause) is not None


def _kind(page: Page, lexicon: Lexicon, kind: str, start: int, end: int) -> str:
    """Where a button is, whether a deposit comes back, when somebody works: none of the shop's plain facts."""
    clause = page.words[start:end]
    if kind == "hours" and next(lexicon.staff.find(clause), None) is not None:
        return "other"
    if kind == "how_long" and _MAKING.search(clause):
        return "other"
    if kind == "bring" and _CHILD_BROUGHT.search(clause):
        return "children"
    if kind == "bring" and _COMPANION.search(clause):
        return "children" if _CHILD.search(clause) else "other"
    about_page = kind in ("place", "hours") and _PAGE.search(clause)
    return "other" if about_page or (kind == "price" and _REFUND.search(clause)) else kind


def asks(page: Page, start: int, end: int) -> bool:
    """Whether a clause has a mark of a question, itself or behind it."""
    found = page.asking.get((start, end))
    if found is None:
        clause = page.words[start:end]
        found = (
            page.narrowed(_ASKS).search(clause) is not None
            or _begins_asking(clause)
            or _QUESTION_END.match(page.words[end : end + _TAG]) is not None
        )
        page.asking[start, end] = found
    return found


def asks_in_words(clause: str) -> bool:
    """A mark anywhere, or an English word of asking where the clause begins."""
    return _ASKS.search(clause) is not None or _begins_asking(clause)


def _begins_asking(clause: str) -> bool:
    place = 0
    while filler := _FILLER.match(clause, place):
        place = filler.end()
    return _ASKS_FIRST.match(clause, place) is not None


def beyond_politeness(page: Page, start: int, end: int) -> bool:
    """Whether what is still unread of a clause asks for more than "may I"."""
    left = page.unread(start, end)
    return asks_in_words(_POLITE.sub("\x02", left))


def without_politeness(text: str) -> str:
    """The text without "is that possible?" and 可以吗."""
    return _POLITE.sub("\x02", text)


def cover_politeness(page: Page, start: int, end: int) -> None:
    """A wish is put as a question: its words of asking are harmless."""
    for match in _POLITE.finditer(page.unread(start, end)):
        page.explain(start + match.start(), start + match.end(), Cover.HARMLESS)


def ask_other(page: Page, start: int, end: int) -> None:
    """A clause that asks what no list has a word for; all that is unread of it is the question."""
    page.add(Kind.QUESTION, "other", None, *_stretches(page, start, end))


def forget_asked(page: Page, asked: list[tuple[int, int]]) -> None:
    """For whom, and how old, is only part of what a question of a known kind asks (宝宝三岁可以验光吗)."""
    for start, end in asked:
        if not page.timed(start, end):
            page.drop(start, end, ("person", "age", "service"))


def claim(page: Page, start: int, end: int) -> None:
    """What else stands in the clause of a known question belongs to it."""
    for begin, finish in _stretches(page, start, end):
        page.explain(begin, finish, Cover.ACT)


def _stretches(page: Page, start: int, end: int) -> list[tuple[int, int]]:
    left = page.unread(start, end)
    return [
        (start + match.start(), start + match.end())
        for match in re.finditer("[^\x00-\x04]+", left)
        if PUNCTUATION.sub("", match[0])
    ] or [(start, end)]

"""Yes and no: alone in a clause, or in a piece of one; at a card also before more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.sieve import Sieve, TextGrams
from imserver.plugins.booking.dates.text import DAY_MARK, TIME_MARK, WORD_MARK

from .acts import Kind, Scene
from .intents import BEGUN, CANCELLING, NEGATED
from .page import HAN, Page
from .questions import asks
from .read_so_far import asked_in, begun_in, is_named
from .word_lists import load_words

_WORDS: Final = load_words("intents")
_ALONE_CHARS: Final = 80
"""A longer clause is no yes and no no."""


def _longest_first(words: str) -> str:
    """Plain words in an alternative, so that none hides behind its own beginning."""
    return "|".join(sorted(_alternatives(words), key=len, reverse=True))


def _alternatives(words: str) -> list[str]:
    """The alternatives of a pattern, but not those inside its groups."""
    depth, begin, found = 0, 0, []
    for place, char in enumerate(words):
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            found.append(words[begin:place])
            begin = place + 1
    return [*found, words[begin:]]


def _alone(patterns: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(
        deferred(f"(?:{_longest_first(one)})" + ("" if HAN.search(one) else "(?![a-z])")) for one in patterns
    )


_YES: Final = _alone(_WORDS["alone"]["yes"])
_NO: Final = _alone(_WORDS["alone"]["no"])
_GLUE: Final = (re.compile(_WORDS["alone"]["glue"]), re.compile(_WORDS["alone"]["glue_english"]))
_EACH: Final = (*_NO, *_YES, *_GLUE)
_OF_KIND: Final = (*(Kind.NO for _ in _NO), *(Kind.YES for _ in _YES), *(None for _ in _GLUE))
_SIEVE: Final = Sieve(_EACH)
_FIRST: Final = {
    kind: re.compile(f"^ ?(?:那?就?)(?:{_WORDS['alone']['first'][kind.value]})[吧了啊 .!。]*$")
    for kind in (Kind.YES, Kind.NO)
}


def _repeats(words: Mapping[str, Any], name: str) -> re.Pattern[str]:
    alone = words["alone"].get(name)
    verb = f"{words['yes']}(?:{words['verbs'][name]})"
    return re.compile(f" ?(?:{verb}{f'|{alone}' if alone else ''}){words['tail']}")


#: A yes that repeats the verb of its card, by what the card asks.
_REPEATS: Final = {name: _repeats(_WORDS["repeats"], name) for name in _WORDS["repeats"]["verbs"]}
#: A hum, or "by the way", is no yes where more follows.
_HUMMED: Final = re.compile(
    "^[ ]*(?:[嗯恩唔哦噢啊额]|对了|就是|那就|行吧那|um|uh|oh|well|so|right|ok so|(?:oh|ah|aw+|ugh) no+)[ .…~]*$"
)
#: "Is that right" asks.
_ASKING: Final = re.compile("^[ ]*(?:is|are|was|were) (?:it|that|this|they|you|there|the)(?![a-z])")
_SEE_YOU: Final = re.compile("(?<=\x02)(?:再)?见[吧啦哈咯啊]*[ .,!~]*$")
#: Words that say yes whatever goes on behind them.
_LEAD: Final = re.compile(_WORDS["alone"]["lead"])
_HEDGED: Final = re.compile(
    "不是不|行行好|([可以行好对]{1,2})是\\1|(?<![a-z])(?:yes(?: and| but)? no|no(?: and)? yes)(?= ?(?:$|[,.!]))|"
    "(?:\\.\\.|…)+ ?$|(?:要不要|该不该|用不用|还是(?:不|别))(?:取消|约|订|改|去|来|弄)"
)


def read_labels(page: Page, scene: Scene) -> None:
    """Answers in whose words an intention seems to stand: 保留原预约; 好，取消吧, at the card that asks whether to cancel."""
    repeats = _REPEATS.get(scene.asks)
    if repeats is not None and repeats.fullmatch(page.open):
        page.take_act(Kind.YES, "", None, (0, len(page.open)))
        return
    for kind, pattern in _FIRST.items():
        match = pattern.match(page.open)
        if match and not (kind is Kind.YES and scene.asks not in ("", "cancel")):
            page.take_act(kind, "", None, match.span())


def read_answers(page: Page, scene: Scene) -> None:
    """Yes and no: alone in a clause, or in a piece of one; at a card also a yes that goes before more (好的我记住了)."""
    said: dict[Kind, list[tuple[int, int]]] = {}
    confirming = scene.step.startswith("confirm")
    for start, end in page.pieces:
        if _is_no_answer(page, start, end):
            continue
        text = page.open[start:end]
        if is_named(page, start, end):
            if confirming and _repeats_card(page, scene, start, end):
                said.setdefault(Kind.YES, []).append((start, end))
            continue
        if page.words[end : end + 2].lstrip().startswith("?") or _HEDGED.search(page.words):
            continue
        kind = answer_of(text)
        if kind is Kind.NO and scene.asks != "cancel" and _keeps(page.words[start:end]):
            continue
        if kind is None and confirming and not asks(page, start, end) and (lead := _LEAD.match(text)):
            kind, end = Kind.YES, start + lead.end()
        if kind is not None:
            page.take(start, end)
            said.setdefault(kind, []).append((start, end))
    for kind, places in said.items():
        page.add(kind, "", None, *places)


_OTHERS: Final = tuple(name for name in BEGUN if name != "cancel")


def _is_no_answer(page: Page, start: int, end: int) -> bool:
    """Whether a piece is empty, long, asks, begins something or only hums."""
    text = page.open[start:end]
    if not text.strip(" \x02") or end - start > _ALONE_CHARS or _ASKING.match(text):
        return True
    if begun_in(page, start, end, *_OTHERS) or asked_in(page, start, end):
        return True
    hums = _HUMMED.match(text) and page.words.strip(" .,!。~…") != text.strip()
    return bool(hums) and not is_named(page, start, end)


def _keeps(text: str) -> bool:
    """ "Please don't cancel", where that is not what is asked: no answer, and least of all a no; but people hear of it."""
    word = CANCELLING.search(text)
    return word is not None and NEGATED.search(text[: word.start()]) is not None


def _repeats_card(page: Page, scene: Scene, start: int, end: int) -> bool:
    """Whether a piece says the card's time again, and yes to it: 周五三点可以."""
    span = page.span(start, end)
    here = [act for act in page.acts if any(span.start <= place.start < span.end for place in act.spans)]
    card = scene.shown.start
    timed = any(act.what == "time" for act in here)
    if card is None or not here or not (timed or len(page.pieces) == 1):  # 周六可以 九点够呛
        return False
    if any(act.kind is not Kind.GIVE or act.value not in (card.date(), card.time()) for act in here):
        return False
    words = "".join(
        "\x02" if mark in (DAY_MARK, TIME_MARK, WORD_MARK) else char
        for char, mark in zip(page.open[start:end], page.sheet.text[start:end], strict=True)
    )
    return answer_of(_SEE_YOU.sub("", words)) is Kind.YES


def answer_of(text: str) -> Kind | None:
    """What a clause says if it is made of nothing but words of one answer and of what goes with them."""
    said: set[Kind] = set()
    groups: dict[Kind | None, list[re.Pattern[str]]] = {Kind.NO: [], Kind.YES: [], None: []}
    for number in TextGrams(text).passed(_SIEVE):
        groups[_OF_KIND[number]].append(_EACH[number])
    place = 0
    while place < len(text):
        no, yes, glue = [_longest(patterns, text, place) for patterns in groups.values()]
        best = max(no, yes, glue)
        if best == place:
            if text[place] not in " \x02'\"()-:;=*^/&+_<>":
                return None
            best = place + 1
        elif no == best and no >= yes:
            said.add(Kind.NO)
        elif yes == best:
            said.add(Kind.YES)
        place = best
    return said.pop() if len(said) == 1 else None


def _longest(patterns: Iterable[re.Pattern[str]], text: str, place: int) -> int:
    """Where the longest match at a place ends."""
    return max([match.end() for one in patterns if (match := one.match(text, place))], default=place)

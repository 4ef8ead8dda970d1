"""Nothing begins, and nothing is named, beside words that nobody read and that may say the opposite.

What was read is looked at once more when the rest is known: an appointment is begun, moved or cancelled only by a sentence in
which no negation, condition or other person's words stay unread; a name that nothing introduces, the number of no list and the
code that is said not to be the one are no values. All of it is by structure, not by the words of one text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from . import told
from .acts import Act, Kind, Rest, Scene, Span, Weight
from .page import Page

_FEW: Final = 2
_ACTING: Final = frozenset({"book", "move", "cancel"})
#: Words that turn what stands beside them: nobody says so, it was so, it would be so, it is somebody else's.
_TURNS: Final = re.compile(
    "[没未勿莫甭冇唔毋]|不(?!过|好意思|错|用谢|[ ?？!！。]*$)|别(?![的人家处店])|如果|要是|假如|万一|除非|以为|本来|原本|听说|"
    "据说|同事|朋友|邻居|别人"
    "|(?<![a-z])(?:not|never|no|nobody|[a-z]{2,7}n't|dont|didnt|wont|cant|without|if|unless|whether|said|says|told|claims?"
    "|thought|pretend|imagine|suppose|nearly|almost|friend|neighbou?r|colleague|sister|brother)(?![a-z])"
)
#: These reach over a comma.
_CONDITIONS: Final = re.compile("如果|要是|假如|万一|除非|(?<![a-z])(?:if|unless|whether)(?![a-z])")
_INTRODUCES: Final = re.compile(
    "(?:[叫姓名是系:：]|(?<![a-z])(?:name|names|called|is|i'?m|am|for|under|it'?s|this is|mr|mrs|ms|dr)) ?$",
    re.IGNORECASE,
)
#: 不是 A7K2, "not A7K2".
_DENIED: Final = re.compile(
    "(?:不是|唔系|不要|别是|(?<![a-z])(?:not|isn'?t|rather than|instead of)) ?$", re.IGNORECASE
)
_MISTAKEN: Final = re.compile(
    "错|不对|(?<![a-z])(?:wrong|no|sorry|mistake|oops|i mean)(?![a-z])", re.IGNORECASE
)
_SENTENCE_END: Final = re.compile("[。.!?！？;；\n—–]| - ")


def without_doubt(page: Page, scene: Scene, acts: Sequence[Act], rest: Iterable[Rest]) -> list[Act]:
    """The acts that stand, whatever the words mean that nobody read."""
    doubts = [one for one in rest if one.weight is Weight.DANGEROUS]
    kept = [act for act in acts if not _is_turned(page, act, doubts)] if doubts else list(acts)
    if scene.is_free:
        begun = any(act.kind is Kind.BEGIN for act in kept)
        kept = [act for act in kept if not (begun and act.what == "number" and act.kind is Kind.GIVE)]
        kept = [act for act in kept if not _is_no_name(page, act, kept, bool(doubts))]
    return _of_the_code_meant(page, kept)


def of_the_customer(page: Page, acts: Iterable[Act]) -> Iterable[Act]:
    """A day that a question about the shop's hours names is not refused: 周六不开门吧."""
    hours = [
        page.clause_of(act)
        for act in page.acts
        if act.kind is Kind.QUESTION and act.what == "hours" and act.spans
    ]
    for act in acts:
        asked = act.kind is Kind.REFUSE and act.what == "day" and act.value is not None and act.spans
        if asked and any(span.start <= act.spans[0].start < span.end for span in hours):
            yield Act(Kind.GIVE, act.what, act.value, act.spans)
        else:
            yield act


def _is_turned(page: Page, act: Act, doubts: Sequence[Rest]) -> bool:
    """Whether what it begins stands in one sentence with words that nobody read and that may turn it."""
    if act.kind is not Kind.BEGIN or act.what not in _ACTING or not act.spans:
        return False
    first, last = _sentence(page.source, act.spans[0])
    start, end = page.clause_of(act)
    for one in doubts:
        words = told.without_courtesy(page, act.what, one).casefold()
        if start <= one.span.start < end and _TURNS.search(words):
            return True
        if first <= one.span.start < last and _CONDITIONS.search(words):
            return True
    return False


def _sentence(text: str, place: Span) -> tuple[int, int]:
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    start = max((end for end in ends if end <= place.start), default=0)
    return start, min((end for end in ends if end > place.start), default=len(text))


def _is_no_name(page: Page, act: Act, acts: Sequence[Act], doubted: bool) -> bool:
    """Whether a name is whose kin comes, or one that nothing introduces beside words that nobody read."""
    if act.kind is not Kind.GIVE or act.what != "name" or not act.spans:
        return False
    before, end = page.source[: act.spans[0].start], act.spans[-1].end
    if any(one.what == "person" and one.spans and one.spans[0].start == end for one in acts):
        return True
    return doubted and len(acts) <= _FEW and not _INTRODUCES.search(before)


def _of_the_code_meant(page: Page, acts: list[Act]) -> list[Act]:
    """A7K2 那个, 不是 B3M9; A7K2 错了 B3M9: of several codes, none that is said not to be the one."""
    codes = [act for act in acts if act.kind is Kind.GIVE and act.what == "code" and act.spans]
    denied: list[Any] = [act for act in codes if _DENIED.search(page.source[: act.spans[0].start])]
    if len(codes) > 1 and not denied:
        between = page.source[codes[-2].spans[-1].end : codes[-1].spans[0].start]
        denied = codes[:-1] if _MISTAKEN.search(between) else []
    if not 0 < len(denied) < len(codes):
        return acts
    return [act for act in acts if act not in denied and act.kind is not Kind.NO]

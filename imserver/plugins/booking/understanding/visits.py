"""Whether they have been here before: a first visit said, denied, of somebody else, of another shop."""

from __future__ import annotations

import re
from typing import Final

from .acts import TIMES, Kind, Scene
from .lexicon import Found
from .page import Cover, Page
from .patterns import KIN, KIN_ENGLISH, template
from .rest import is_harmless

_ANOTHER_FIRST: Final = template("reader", "another_first")
#: "And never been to your shop": a past visit that was not.
_NEVER: Final = re.compile(
    "(?<![a-z])(?:never|haven'?t|have not|hasn'?t|has not|hadn'?t) (?:ever |actually |really |yet |once )*$"
    "|(?:从未|从没|没有?|未|冇)$"
)
_NEGATED_VISIT: Final = re.compile(
    "(?<![a-z])(?:not|n't|isn'?t|wasn'?t|didn'?t|don'?t|no)(?: [a-z]+)? ?$|[不没未冇]$"
)
_NO_VISIT: Final = template("reader", "no_visit")
_AGAIN: Final = template("reader", "again")
_QUOTED: Final = template("reader", "quoted")
_DENIED: Final = template("reader", "denied")
_COUNTED_TIMES: Final = template("reader", "counted_times")


def read_visit(page: Page, scene: Scene, one: Found) -> None:
    """The word of a visit that the chain knows: an answer, put right, or of somebody else."""
    if written(page, one.start, one.end):
        page.take_act(Kind.REFUSE, "first", one.id == "new", (one.start, one.end))
    elif _elsewhere(page, one.start) or _by_others(page, one.start) or _lost(page, one.start):
        page.take(one.start, one.end, Cover.NOTE)
    else:
        _visit(page, scene, one)


def _visit(page: Page, scene: Scene, one: Found) -> None:
    """A first visit, or none: "not my first time", "first visit since my op"; 第一次戴隐形 speaks of something else."""
    begin, finish = page.clause_at(one.start)
    before, behind = page.words[begin : one.start], page.words[one.end : finish]
    impatient = scene.step not in ("", "none", "first_visit") and _COUNTED_TIMES.search(
        page.words[one.start : one.end]
    )
    if (
        _NO_VISIT.search(before)
        or _QUOTED.search(before)
        or impatient
        or (one.id == "new" and _ANOTHER_FIRST.match(behind))
    ):
        page.take(one.start, one.end, Cover.NOTE)
        return
    new, places = one.id == "new", (one.start, one.end)
    if new and (again := _AGAIN.match(behind)):
        new, places = False, (one.start, one.end + again.end())
    if denied := _DENIED.search(before):
        new, places = not new, (begin + denied.start(), places[1])
    elif not new and (never := _NEVER.search(before)):
        new, places = True, (begin + never.start(), places[1])
    elif not new and _NEGATED_VISIT.search(before):
        page.take(one.start, one.end, Cover.DOUBT)
        return
    page.take_act(Kind.GIVE, "first", new, places)


def forget_visits(page: Page, scene: Scene) -> None:
    """Of two that contradict each other the last counts; a past visit in a story that wishes nothing is no answer."""
    visits = [act for act in page.acts if act.kind is Kind.GIVE and act.what == "first"]
    if len({act.value for act in visits}) > 1:
        page.acts = [act for act in page.acts if act not in visits[:-1]]
    wished = page.has(Kind.BEGIN, "book") or any(
        act.kind is Kind.GIVE and act.what in TIMES for act in page.acts
    )
    told = visits and visits[-1].value is False and not is_harmless(page.unread(0, len(page.words)))
    if told and scene.is_free and not wished:
        page.acts = [act for act in page.acts if act not in visits]


_ELSEWHERE: Final = re.compile(
    "(?:医院|别家|别的|其他|另一?[家间]|外面|学校|单位|体检|眼科|诊所|网上|第[二三]家)[^,.!?;你]{0,6}$"
)


def _elsewhere(page: Page, place: int) -> bool:
    """上个月医院刚验过: not here."""
    begin, _ = page.clause_at(place)
    return _ELSEWHERE.search(page.words[begin:place]) is not None


_SOMEBODY: Final = re.compile(
    "(?:朋友|同事|同学|邻居|闺蜜|室友|亲戚|熟人|领导|哥们儿?|发小|"
    f"(?:我|俺)(?:家)?(?:{KIN}|[叔舅姨姑婶伯]))[^ ,.!?;我]{{0,8}}$|"
    f"(?<![a-z])my (?:{KIN_ENGLISH}) (?:has|had|did|was|got|is|said|came|went)?[a-z ]{{0,8}}$"
)


def _by_others(page: Page, place: int) -> bool:
    """我朋友在你们那配的: whether somebody else has been here, for whom it is not."""
    begin, _ = page.clause_at(place)
    return not page.has(Kind.GIVE, "person") and _SOMEBODY.search(page.words[begin:place]) is not None


_LOST: Final = re.compile(
    "落在|忘在|丢在|落你们|忘拿|(?<![a-z])(?:left|lost|forgot) (?:my|the|a|an|our)(?![a-z])"
)


def _lost(page: Page, place: int) -> bool:
    """ "I left my scarf when I was in": no answer, but lost property."""
    return _LOST.search(page.words, *page.clause_at(place)) is not None


#: 写成花园店了, 填成初次了: what stands there and should not.
_WRITTEN: Final = re.compile("(?:写|填|选|弄|打|登记|点|标|搞|记|约|订|看|听|报)(?:错)?成了?$")


def written(page: Page, start: int, end: int) -> re.Match[str] | None:
    """The words before a value that was written by mistake, and is over: 写成…了."""
    begin, _ = page.clause_at(start)
    return (
        _WRITTEN.search(page.words[begin:start])
        if page.words[end : end + 1] in ("了", "喇", "啦", "咗")
        else None
    )

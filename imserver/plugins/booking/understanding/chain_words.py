"""The words of the chain: shops, services, visits, bands and lenses; what is only asked about or told of is not wished."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from .acts import Kind, Scene
from .lexicon import Finder, Found, Lexicon
from .name_shapes import is_kin
from .other_shop import read_other_shop
from .page import Cover, Page
from .patterns import template
from .questions import TIMELY as SPEAKS_OF_TIME
from .rest import HEARSAY, PAST, is_told
from .visits import read_visit, written
from .word_lists import load_words

_BESIDE: Final = template("reader", "beside_service")
_FETCHES: Final = re.compile("[来去嚟过](?:取|拿|攞|领)")
_BEFORE: Final = template("reader", "before")
_BEHIND: Final = template("reader", "behind")
#: Lenses that hurt are worn, not wished.
_WORN: Final = re.compile(load_words("rest")["said_of"])
#: 花镜到了没有: it is ordered.
_WAITED_FOR: Final = re.compile(
    "[^,.!?;]{0,3}(?:到|好|做好|配好|弄好|修好|磨好|出来)(?:了|咗)?(?:没|吗|么|未|冇)"
)
#: 验光单, 验光师: a word of its own.
_COMPOUND: Final = re.compile("^[单师室机仪台费]")
#: 调整至周六, "adjust my appointment": it is the time that is adjusted.
_APPOINTED: Final = template("reader", "appointed")
#: "You've got me down at Garden": what the card shows, and is not meant.
_HAS_ME_AT: Final = template("reader", "has_me_at")
_LEAD: Final = re.compile("(?:换|改|转)(?:到|成|去|为)?$")


def read_chain_words(page: Page, scene: Scene, lexicon: Lexicon, asked: list[tuple[int, int]]) -> None:
    """Shops, services, first visits, bands, lenses. In a question a service is what is asked about, not what is wished."""
    _hearsay(page)
    shops = tuple(lexicon.shops.find(page.open, page.grams))
    if shops and _moved_from(page, shops):
        shops = tuple(lexicon.shops.find(page.open, page.grams))
    if not shops:
        read_other_shop(page, scene, lexicon)
    for what, found in (("service", lexicon.services.find(page.open, page.grams)), ("shop", shops)):
        for one in found:
            if what == "service" and _APPOINTED.match(page.words, one.start):
                continue
            if what == "shop" and _is_told_of(page, one):
                page.take(one.start, one.end, Cover.NOTE)
                continue
            answers = scene.step == "service"  # what is asked about there is chosen as well: 验光吧，疼吗
            if what == "service" and (
                (not answers and _asked_about(page, one.start, asked)) or _told(page, one) or _worn(page, one)
            ):
                page.take(one.start, one.end, Cover.NOTE)
            else:
                _value(page, what, one.id, one.start, one.end, corrects=not scene.is_free)
    for match in page.find(_BESIDE) if page.has(Kind.GIVE, "service") else ():
        page.take(*match.span(), Cover.NOTE)
    for what, finder in (("first", lexicon.visits), ("lenses", lexicon.lenses), ("age", lexicon.bands)):
        if what == "age" and page.has(Kind.GIVE, "age"):
            continue
        _words(page, scene, what, finder, asked)


def _words(page: Page, scene: Scene, what: str, finder: Finder, asked: list[tuple[int, int]]) -> None:
    for one in finder.find(page.open, page.grams):
        kin = what == "age" and scene.step != "age" and is_kin(page.words[one.start : one.end])
        if kin or any(start <= one.start < end for start, end in asked):
            continue
        if what == "first":
            read_visit(page, scene, one)
        else:
            page.take_act(Kind.GIVE, what, one.id, (one.start, one.end))


def is_service(page: Page, lexicon: Lexicon) -> bool:
    """Whether the whole text is what the chain calls a service: 调整 is one before it is a wish to move."""
    start, end = len(page.open) - len(page.open.lstrip()), len(page.open.rstrip())
    return any((one.start, one.end) == (start, end) for one in lexicon.services.find(page.open, page.grams))


#: "I wear contacts": lenses on an eye are no service.
_WEARS: Final = re.compile(
    "(?<!to )(?<![a-z])(?:wear|wears|wearing|wore)(?: (?:my|soft|hard|daily|monthly|the|reading))* ?$"
)


_WEARER: Final = re.compile(
    "(?<![a-z])(?:i|she|he|we|they)(?: (?:currently|usually|normally|already|also|still|do|only|always))? ?$"
)


def _worn(page: Page, one: Found) -> bool:
    before = _WEARER if page.words.startswith("wear", one.start) else _WEARS
    return before.search(page.words, max(0, one.start - 40), one.start) is not None


_SHOP_TOLD: Final = template("reader", "shop_told")


def _is_told_of(page: Page, one: Found) -> bool:
    """Whether a shop is compared or told of: "which is nearer, you or riverside", "at Riverside they told me"."""
    begin, end = page.clause_at(one.start)
    return _SHOP_TOLD.search(f"{page.words[begin : one.start]}\ue000{page.words[one.end : end]}") is not None


_BOOKS: Final = re.compile("[约订]")
_AWAY: Final = re.compile("^(?:店|那个|那家|的|那边|这边)*(?:预约|约|号)[^,.!?;]{0,6}(?:换|改|转|挪|调)")
_BOOKED_AT: Final = template("reader", "booked_at")


def _moved_from(page: Page, shops: Sequence[Found]) -> bool:
    """河畔那个预约换成花园店: of two shops the one where the appointment is now is no wish, but to move is. Whether so."""
    if len({one.id for one in shops}) < 2:
        return False
    for one in shops:
        begin, end = page.clause_at(one.start)
        if _AWAY.match(page.words[one.end : end]) or _BOOKED_AT.search(page.words[begin : one.start]):
            page.take(one.start, one.end)
            if not page.has(Kind.BEGIN, "move"):
                page.add(Kind.BEGIN, "move", None, (one.start, one.end))
            return True
    return False


def _hearsay(page: Page) -> None:
    """What others say of the shop is no wish."""
    if not page.may_hold(HEARSAY):
        return
    for start, end in page.clauses:
        if page.search(HEARSAY, start, end) and not _BOOKS.search(page.words[start:end]):
            page.take(start, end, Cover.HARMLESS)


def _told(page: Page, one: Found) -> bool:
    """上次来配眼镜的: it is over; 不只是验光: more is wished; "a copy of my eye test": it is spoken of.

    What was made then may be fetched now (上次配的那副好了我来拿).
    """
    begin, finish = page.clause_at(one.start)
    before = PAST.search(page.words[begin : one.start]) is not None
    return (before and not _FETCHES.search(page.words[one.start : one.end])) or is_told(page, begin, finish)


def _asked_about(page: Page, place: int, asked: list[tuple[int, int]]) -> bool:
    """Whether it stands in a question; not in 明天十点配镜 有折扣吗, where a blank ends the wish."""
    if page.clause_at(place) not in asked:
        return False
    start, end = next(piece for piece in page.pieces if piece[0] <= place < piece[1])
    span = page.span(start, end)
    questions = (one for act in page.acts if act.kind is Kind.QUESTION for one in act.spans)
    return not SPEAKS_OF_TIME.search(page.words, start, end) or any(
        span.start <= one.start < span.end for one in questions
    )


#: 验光，错: a verdict right behind.
_NOT_RIGHT: Final = re.compile("[, ]{0,2}(?:写|弄|搞|填|选)?(?:错|不对|唔啱)[了啦喇咗]?(?=$|[,.;!])")
_NEAR: Final = 8


def _value(page: Page, what: str, value: str, start: int, end: int, *, corrects: bool) -> None:
    """A shop or a service: given, refused by the words around it, or worn. `corrects`: 换 before it is a correction."""
    begin, finish = page.clause_at(start)
    before = (
        page.narrowed(_BEFORE).search(page.words[begin:start])
        or written(page, start, end)
        or (corrects and what == "shop" and _HAS_ME_AT.search(page.words[begin:start]))
    )
    behind = page.narrowed(_BEHIND).match(page.words[end:finish]) or _NOT_RIGHT.match(
        page.words[end : end + _NEAR]
    )
    if before or behind:
        places = (begin + before.start() if before else start, end + behind.end() if behind else end)
        page.take_act(Kind.REFUSE, what, value, places)
    elif what == "service" and any(
        one.match(page.words[end:finish]) for one in (_COMPOUND, _WORN, _WAITED_FOR)
    ):
        page.take(start, end, Cover.NOTE)
    else:
        lead = _LEAD.search(page.words[begin:start]) if corrects else None
        page.take_act(Kind.GIVE, what, value, (begin + lead.start() if lead else start, end))

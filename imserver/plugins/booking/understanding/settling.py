"""Acts that hang together: a no beside a value puts right, a yes beside a contradiction is none, a time alone is a wish."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Final

from imserver.plugins.booking.dates.text import DAY_MARK, TIME_MARK

from . import sure
from .acts import TIMES, Act, Kind, Reading, Rest, Scene, Span, Weight, When
from .hedges import CONDITIONS, HINDERS, is_hedged
from .lexicon import Lexicon
from .page import Page
from .rest import DOUBTS, is_aside, read_rest
from .told import denies

_GIVEN: Final = frozenset({"day", "time", "range", "shop", "service", "person"})


def settled(
    page: Page, scene: Scene, lexicon: Lexicon, when: When | None, people: tuple[str, ...]
) -> Reading:
    """Acts that hang together: a no beside a value puts right, and a yes beside a contradiction is none."""
    acts = [_kept(page, act) if scene.asks == "book" else act for act in page.acts]
    added = [act for act in acts if _is_added(page, scene, act)]
    acts = [act for act in acts if act not in added]
    given = [act for act in acts if act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in _GIVEN]
    no = [act for act in acts if act.kind is Kind.NO]
    if given and no and not page.has(Kind.YES):
        acts = [_corrected(act) if act in given else act for act in acts if act not in no]
        spans = tuple(span for one in no for span in one.spans)
        first = next(place for place, act in enumerate(acts) if act.kind is Kind.CORRECT)
        acts[first] = replace(acts[first], spans=(*spans, *acts[first].spans))
    elif scene.shown.asks_yes or scene.step.startswith("confirm"):
        acts = [_corrected(act) if _contradicts(act, scene) else act for act in acts]
    acts, when = _of_one_mind(acts, when)
    acts, when = _without_service(page, scene, acts, when)
    if when is not None and _points_at_a_day(page, scene, acts, when):
        when = When(reason="which_day")
    rest = _with(read_rest(page, lexicon, when), _unsaid(page, added, Weight.DANGEROUS))
    confirming = scene.step.startswith("confirm")
    hedged = confirming and is_hedged(page, acts)
    if hedged:
        rest = _with(rest, _unsaid(page, [act for act in acts if act.kind is Kind.YES], Weight.DANGEROUS))
        acts = [act for act in acts if act.kind is not Kind.YES]
        if when is not None and _shown_again(acts, scene):  # 确认一下，是周五三点吧: the card says so
            acts, when = [act for act in acts if act.what not in TIMES], None
    hinders = (HINDERS,) if confirming and scene.asks != "cancel" else ()
    acts, rest = _sure(page, acts, rest, hinders, several=bool(people), confirming=confirming)
    if (
        when is not None
        and any(act.kind is Kind.YES for act in acts)
        and (_repeats(when, scene) or _only_points(page, when))
    ):
        when = None
    if _plain_wish(page, acts, rest, when, scene):
        spans = tuple(span for act in acts if act.what in ("day", "time", "range") for span in act.spans)
        acts = [*acts, Act(Kind.BEGIN, "book", None, spans)]
    if when is not None and when.shift is not None and _moves(page, acts, scene) and not denies(page):
        spans = tuple(span for act in acts if act.what == "time" for span in act.spans)
        acts = [*acts, Act(Kind.BEGIN, "move", None, spans or (Span(0, len(page.source)),))]
    ordered = in_order(sure.without_doubt(page, scene, acts, rest))
    if dropped := list(_dropped(page.source, ordered, rest)):
        rest = _with(rest, dropped)
    return Reading(page.source, ordered, rest, when, people=people, hedged=hedged)


def _of_its_day(acts: list[Act]) -> list[Act]:
    """ "Saturday 3pm instead of friday 3pm": the hour that is refused is Friday's, and goes with its day."""
    given = [act for act in acts if act.kind in (Kind.GIVE, Kind.CORRECT) and act.value is not None]
    refused = [act for act in acts if act.kind is Kind.REFUSE and act.value is not None]
    days = [act for act in refused if act.what == "day"]
    other = {act.value for act in given if act.what == "day"} - {act.value for act in days}
    hours = {act.value for act in given if act.what == "time"}
    again = [act for act in refused if act.what == "time" and act.value in hours]
    if len(days) != 1 or not other or len(again) != 1:
        return acts
    whole = replace(days[0], spans=tuple(sorted((*days[0].spans, *again[0].spans))))
    return [whole if act is days[0] else act for act in acts if act is not again[0]]


def _of_one_mind(acts: list[Act], when: When | None) -> tuple[list[Act], When | None]:
    """十点半改成十点半？: what is refused and wished in one breath is neither moved nor taken."""
    acts = _of_its_day(acts)
    refused = {(act.what, act.value) for act in acts if act.kind is Kind.REFUSE and act.value is not None}
    both = [
        act
        for act in acts
        if act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in TIMES and (act.what, act.value) in refused
    ]
    others = {
        act.value for act in acts if act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in ("time", "range")
    }
    if not both or others - {act.value for act in both} or _on_another_day(acts, refused):
        return acts, when
    kept = [
        act
        for act in acts
        if act not in both and not (act.kind is Kind.BEGIN and act.what in ("move", "book"))
    ]
    return kept, When(reason="negated")


def _on_another_day(acts: list[Act], refused: set[tuple[str, object]]) -> bool:
    """周六三点冲突了，改周日三点: the hour that is refused is one of the other day."""
    away = {value for what, value in refused if what == "day"}
    given = {act.value for act in acts if act.kind in (Kind.GIVE, Kind.CORRECT) and act.what == "day"}
    return bool(away) and bool(given - away)


def _without_service(
    page: Page, scene: Scene, acts: list[Act], when: When | None
) -> tuple[list[Act], When | None]:
    """ "No eye exam friday 3pm please", said first: with the service its time is refused."""
    refused = [act for act in acts if act.kind is Kind.REFUSE and act.what == "service"]
    if when is None or not scene.is_free or len(refused) != 1:
        return acts, when
    if any(act.kind in (Kind.GIVE, Kind.CORRECT) and act.what == "service" for act in acts):
        return acts, when
    if not all(page.source[one.start : one.end].isascii() for one in refused[0].spans):
        return acts, when  # 不要配镜 周五三点: the blank ends what is refused
    where = page.clause_of(refused[0])
    kept = [
        act
        for act in acts
        if act.what not in TIMES or act.kind is Kind.REFUSE or page.clause_of(act) != where
    ]
    return (kept, When(reason="negated")) if len(kept) < len(acts) else (acts, when)


_KEEP: Final = re.compile("keep (?:it|that|this)")
#: "Contact lenses too", "and pick up my glasses": beside the card's service, and not in its place.
_ADDED: Final = re.compile(
    "(?<![a-z])(?:too|also|as well|plus|additionally)(?![a-z])|"
    "^[ ,.!]*(?:(?:yes|yeah|ok|okay|sure)[ ,]*)?and(?![a-z])"
)


def _kept(page: Page, act: Act) -> Act:
    """ "Keep it", of what is held for a booking, is no no, as it is of what was to be cancelled: it is kept a while."""
    if act.kind is not Kind.NO or not act.spans:
        return act
    said = page.source[act.spans[0].start : act.spans[-1].end].casefold()
    return replace(act, kind=Kind.LATER) if _KEEP.fullmatch(said) else act


def _is_added(page: Page, scene: Scene, act: Act) -> bool:
    """Whether a service is said to come on top of the card's: nobody books two at once."""
    wished = act.what == "service" and act.kind in (Kind.GIVE, Kind.CORRECT)
    if not wished or not act.spans or scene.asks not in ("", "book") or not scene.step.startswith("confirm"):
        return False
    clause = page.clause_of(act)
    return _ADDED.search(page.source[clause.start : clause.end].casefold()) is not None


_BESIDE_WISH: Final = frozenset({Kind.GIVE, Kind.YES, Kind.THANKS, Kind.GREETING})
_THAT_DAY: Final = re.compile("(?:[那当])天|嗰日|(?<![a-z])that day(?![a-z])")


def _points_at_a_day(page: Page, scene: Scene, acts: list[Act], when: When) -> bool:
    """我那天值班，我老婆下午三点来: an hour of a day that nobody named is not today's."""
    known = scene.day_said or scene.shown.day or any(act.what == "day" for act in acts)
    return bool(when.candidates) and not known and _THAT_DAY.search(page.words) is not None


def _plain_wish(page: Page, acts: list[Act], rest: tuple[Rest, ...], when: When | None, scene: Scene) -> bool:
    """周五下午三点, said first and with nothing beside it, is a wish to come then."""
    if not scene.is_free or when is None or when.reason is not None:
        return False
    timed = [act for act in acts if act.what in ("time", "range")]
    if Kind.GIVE not in {act.kind for act in timed} or not _BESIDE_WISH.issuperset(
        {act.kind for act in acts}
    ):
        return False
    left = [one for one in rest if one.weight is not Weight.HARMLESS]
    if not left:
        return True
    spoken = [page.clause_of(act) for act in timed]
    return not any(
        one.weight is Weight.DANGEROUS or (one.in_clause and any(a <= one.span.start < b for a, b in spoken))
        for one in left
    )


#: 往后挪俩钟头: words of moving, whatever stands.
_SHIFTS: Final = re.compile(
    "[往向][前后](?:挪|推|提|移|调|延|拖|错)|(?<![再])(?:挪|顺延|推迟|推后|延后|提前(?!说|告|通|到(?![0-9一二三四五六七八九十两]))|提早)"
)


def _moves(page: Page, acts: list[Act], scene: Scene) -> bool:
    """晚半小时, with no card open, moves the appointment."""
    begun = any(act.kind is Kind.BEGIN for act in acts)
    stands = scene.shown.start is not None and not _SHIFTS.search(page.words)
    return scene.is_free and not stands and not begun


def _repeats(when: When, scene: Scene) -> bool:
    """是的，就是20号: the day of the card, said again beside a yes, leaves nothing to ask."""
    return when.reason == "no_time" and when.days == (scene.shown.day,)


def _shown_again(acts: list[Act], scene: Scene) -> bool:
    """Whether the times that are said are the card's, and nothing of them is refused."""
    card = scene.shown.start
    timed = [act for act in acts if act.what in TIMES]
    return card is not None and all(
        act.kind is Kind.GIVE and act.value in (card.date(), card.time()) for act in timed
    )


_POINTING: Final = re.compile("(?:(?:那|当|这)天|(?:那|这)个?时[间候]|that (?:day|time)|then|[ ,.!的就我])+")


def _only_points(page: Page, when: When) -> bool:
    """好，那天见: nothing is asked about the card's own day."""
    if when.reason is None or when.days or when.candidates or when.guess:
        return False
    timed = "".join(
        char for char, mark in zip(page.words, page.sheet.text, strict=True) if mark in (DAY_MARK, TIME_MARK)
    )
    return _POINTING.fullmatch(timed) is not None


def _corrected(act: Act) -> Act:
    return replace(act, kind=Kind.CORRECT)


def _contradicts(act: Act, scene: Scene) -> bool:
    """Another day or time than the card's."""
    if act.kind is not Kind.GIVE:
        return False
    shown = scene.shown
    if act.what == "day":
        return shown.day is not None and act.value is not None and act.value != shown.day
    if act.what == "time":
        return shown.start is not None and act.value is not None and act.value != shown.start.time()
    return act.what in ("shop", "range") and (act.what == "range" or act.value != scene.shop)


def _sure(
    page: Page,
    acts: list[Act],
    rest: tuple[Rest, ...],
    hinders: Iterable[re.Pattern[str]],
    *,
    several: bool,
    confirming: bool,
) -> tuple[list[Act], tuple[Rest, ...]]:
    """A yes beside a contradiction, or what `hinders`, is none; nor is a yes beside a no, and then neither is the no."""
    yes = [act for act in acts if act.kind is Kind.YES]
    if yes and not confirming and any(act.kind is Kind.GIVE and act.what in TIMES for act in acts):
        # 嗯 周四下午四点吧: an answer, and no assent
        return [act for act in acts if act not in yes], _with(rest, _unsaid(page, yes, Weight.HARMLESS))
    no = [act for act in acts if act.kind is Kind.NO]
    if yes and no and no[-1].spans[-1] > yes[-1].spans[-1]:  # 好的，不用了
        return [act for act in acts if act not in yes], _with(rest, _unsaid(page, yes, Weight.HARMLESS))
    if yes and no:
        acts = [act for act in acts if act not in yes and act not in no]
        weighed = (*_unsaid(page, yes, Weight.HARMLESS), *_unsaid(page, no, Weight.DANGEROUS))
        return acts, _with(rest, weighed)
    if yes and several:  # the card speaks of one
        return [act for act in acts if act not in yes], _with(rest, _unsaid(page, yes, Weight.DANGEROUS))
    doubts = chain.from_iterable(
        page.narrowed(one).finditer(page.words) for one in (DOUBTS, CONDITIONS, *hinders)
    )
    doubt = next((one for one in doubts if not is_aside(page, one.start())), None) if yes else None
    if not yes or (doubt is None and not _disarmed(acts, rest)):
        return acts, rest
    kept = [*rest, *_unsaid(page, yes, Weight.HARMLESS)]
    put_right = any(act.kind in (Kind.CORRECT, Kind.REFUSE) for act in acts)
    if doubt is not None and not put_right and not any(one.weight is Weight.DANGEROUS for one in rest):
        span = page.span(*doubt.span())
        kept.append(Rest(page.source[span.start : span.end], span, Weight.DANGEROUS))
    return [act for act in acts if act not in yes], _with((), kept)


def _with(rest: Iterable[Rest], more: Iterable[Rest]) -> tuple[Rest, ...]:
    return tuple(sorted((*rest, *more), key=lambda one: one.span))


#: What no act and no rest holds.
_FREE: Final = re.compile(b"\0+")
#: Letters and figures of any script, and no line between words.
_WORD: Final = re.compile(r"[^\W_]+")


def _dropped(text: str, acts: Iterable[Act], rest: Iterable[Rest]) -> Iterator[Rest]:
    """Words that were read and that no act holds in the end, such as a time that is refused in the same breath."""
    held = bytearray(len(text))
    for span in (*(span for act in acts for span in act.spans), *(one.span for one in rest)):
        held[span.start : span.end] = b"\1" * (span.end - span.start)
    for free in _FREE.finditer(held):
        for match in _WORD.finditer(text, *free.span()):
            yield Rest(match[0], Span(*match.span()), Weight.DANGEROUS)


def _disarmed(acts: list[Act], rest: tuple[Rest, ...]) -> bool:
    return any(
        act.kind in (Kind.REFUSE, Kind.CORRECT, Kind.LATER)
        or (act.kind is Kind.BEGIN and act.what in ("cancel", "move"))
        for act in acts
    ) or any(one.weight is Weight.DANGEROUS for one in rest)


def _unsaid(page: Page, acts: list[Act], weight: Weight) -> list[Rest]:
    """The characters of answers that do not count."""
    return [Rest(page.source[span.start : span.end], span, weight) for act in acts for span in act.spans]


def in_order(acts: list[Act]) -> tuple[Act, ...]:
    return tuple(sorted(acts, key=lambda act: act.spans[0] if act.spans else Span(0, 0)))

"""`understand`: everything in a text is accounted for, as acts, a rest and a time.

The stages mask what they read, so the order is part of the meaning: what only looks like a refusal or a time goes first,
then codes, names and the words of the chain, then questions and courtesies, then days and times with what refuses or puts
them right, then intentions and answers; what remains is weighed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

from imserver.plugins.booking.dates.text import DAY_MARK, TIME_MARK, Sheet
from imserver.plugins.booking.schedule import codes

from . import sayings, sure
from .acts import Act, Kind, Reading, Rest, Scene, Span, Weight, When
from .chosen import answers_to_step
from .intents import (
    hide_assent,
    hide_cancelled,
    read_answers,
    read_asked,
    read_courtesies,
    read_existing,
    read_intents,
    read_labels,
    read_questions,
    read_wrong,
)
from .kin_names import read_names_of_kin
from .lexicon import Finder, Found, Lexicon
from .name_shapes import is_kin
from .names import read_names
from .other_shop import read_other_shop
from .page import Cover, Page
from .patterns import KIN, KIN_ENGLISH, template
from .persons import read_persons
from .questions import TIMELY as SPEAKS_OF_TIME
from .questions import asks, claim, forget_asked, read_known
from .rest import (
    DOUBTS,
    HEARSAY,
    PAST,
    is_aside,
    is_harmless,
    is_told,
    note_asides,
    note_reasons,
    read_rest,
)
from .rewrite import fold
from .row import read_both, read_loose_names, read_row
from .staff import is_staffs, read_command
from .time_scene import bare_day
from .times import read_times
from .told import denies, hide_beside_yes, hide_others, hush, take_asides
from .values import read_age_behind_name, read_ages, read_codes, read_first, read_number, read_phones
from .word_lists import load_words

#: A longer text is no instruction to a bot: it is for people.
MAX_CHARS: Final = 300

#: "need 2 cancel", "booking 4 my mum".
_THUMBED: Final = template("values", "thumbed")
_ORDERED: Final = frozenset({"", "none"})
_PREPARING: Final = (
    "好的",
    "我叫王芳，30岁，周六下午三点验光可以吗，好的",
    "ok, sat 3pm eye exam for my son Tom, can you?",
)


def understand(text: str, scene: Scene, lexicon: Lexicon) -> Reading:
    """Read a text. Pure: the same text, scene and lexicon give the same reading; any text is read."""
    if len(text) > 4 * MAX_CHARS or len(folded := fold(text)) > MAX_CHARS:
        return _for_people(text)
    label = scene.labels.get(folded)
    if label is not None:
        return Reading(text, label=label)
    marked = codes.MARKED.fullmatch(text)
    if marked is not None:
        return _of_button(text, marked)
    page = Page(text)
    if not scene.staff and is_staffs(page):
        return _for_people(text)
    if scene.staff:
        return _staff(page, scene, lexicon)
    return _customer(page, scene, lexicon)


def prepare(lexicon: Lexicon) -> None:
    """Read a few texts, so that what is worked out once, some 0.2 s of it, is there before anybody waits."""
    now = datetime(2026, 1, 1, 12, tzinfo=UTC).replace(tzinfo=None)
    for step in ("", "name", "confirm"):
        for text in _PREPARING:
            understand(text, Scene(now, "UTC", step=step), lexicon)


def _of_button(text: str, marked: re.Match[str]) -> Reading:
    """A code and a version, as buttons send them: what the stages below read in it, whatever is open, without their time."""
    code = Act(Kind.GIVE, "code", marked[1], (Span(*marked.span(1)),))
    return Reading(
        text, (code, Act(Kind.GIVE, "version", int(marked[2]), (Span(marked.start(2) - 1, len(text)),)))
    )


def _for_people(text: str) -> Reading:
    return Reading(text, rest=(Rest(text, Span(0, len(text)), Weight.NEUTRAL),))


def _customer(page: Page, scene: Scene, lexicon: Lexicon) -> Reading:
    for match in page.find(_THUMBED):
        page.take(*match.span(), Cover.HARMLESS)
    said = not _is_service(page, lexicon) and sayings.read_saying(page, scene)
    sayings.take_asides(page)
    take_asides(page, confirming=scene.step.startswith("confirm"))
    read_phones(page, scene.step)
    read_codes(page, spoken_of=False)
    read_ages(page, scene, lexicon)
    if not bare_day(page.sheet, scene):
        read_number(page, scene)
    read_names(page, scene)
    read_age_behind_name(page)
    people = read_persons(page, confirming=scene.step.startswith("confirm"))
    read_names_of_kin(page, asked=scene.step == "name")
    read_labels(page, scene)
    sayings.read_how_to_book(page, scene, lexicon)
    asked = read_known(page, lexicon)
    read_first(page, scene.step)
    _which_shop(page, lexicon, asked)
    _own_days(page, scene)
    if scene.step in _CHOOSING:
        _of_the_list(page)
    _chain_words(page, scene, lexicon, asked)
    read_row(page)
    hide_beside_yes(page, scene)
    read_courtesies(page)
    read_wrong(page, scene)
    read_existing(page, scene)
    hide_cancelled(page, scene)
    hide_assent(page)
    hide_others(page)
    _dots(page, scene)
    times = read_times(page.sheet, _of_the_day_asked(page, scene, asked))
    page.acts.extend(sure.of_the_customer(page, times.acts))
    page.settle_times()
    page.unclear = times.when is not None and not times.acts
    read_loose_names(page)
    note_asides(page)
    if scene.step.startswith("confirm"):  # "book it in" is a yes there
        read_answers(page, scene)
    said = sayings.read_timed_saying(page, scene) or said
    read_intents(page, scene, asked)
    read_both(page)
    _forget_visits(page, scene)
    read_answers(page, scene)
    sayings.read_leading_yes(page, scene)
    read_questions(page, asked)
    answers_to_step(page, scene, lexicon)
    for clause in asked:
        claim(page, *clause)
    forget_asked(page, asked)
    if any(page.has(kind) for kind in (Kind.REFUSE, Kind.CORRECT, Kind.NO)) or any(
        page.has(Kind.BEGIN, name) for name in ("cancel", "move")
    ):
        note_reasons(page)
    if not said:
        hush(page, scene)
    return _settled(page, scene, lexicon, times.when, people)


#: 花园店还是河畔店, "Garden or Riverside".
_EITHER: Final = template("reader", "either")
_WHAT_ELSE: Final = template("reader", "what_else")
_EITHER_WILL_DO: Final = template("reader", "either_will_do")
_CLOCK: Final = re.compile("[0-9一二两三四五六七八九十]+ ?点(?!钟?[开关上下])|[0-9]:[0-9]|[0-9] ?[ap]m")


def _which_shop(page: Page, lexicon: Lexicon, asked: list[tuple[int, int]]) -> None:
    """是花园店还是河畔店: of two shops in one question none is wished."""
    if next(lexicon.shops.find(page.open, page.grams), None) is None:
        return
    for start, end in page.clauses:
        shops = [one for one in lexicon.shops.find(page.open, page.grams) if start <= one.start < end]
        if not shops:
            continue
        either = _EITHER.search(page.words, start, end)
        if not either or (start, end) in asked or _EITHER_WILL_DO.search(page.words, start, end):
            continue
        if _WHAT_ELSE.search(page.words, start, end):
            continue
        if asks(page, start, end) or len({one.id for one in shops}) > 1:
            page.take_act(Kind.QUESTION, "place", None, (shops[0].start, shops[-1].end))
            asked.append((start, end))


def _own_days(page: Page, scene: Scene) -> None:
    """At a card, the day of a question about the shop's hours is none for the appointment."""
    if not scene.step.startswith("confirm"):
        return
    spans = [
        act.spans[0] for act in page.acts if act.kind is Kind.QUESTION and act.what == "hours" and act.spans
    ]
    for start, end in page.clauses:
        whole = page.span(start, end)
        if any(whole.start <= one.start < whole.end for one in spans) and not _CLOCK.search(
            page.words, start, end
        ):
            page.take(start, end)


_LAST_SHOWN: Final = re.compile(
    "(?:最后|最早|最晚|第一)的?(?:那)?(?:一)?个|(?<![a-z])(?:the )?(?:last|first|latest|earliest) (?:one|slot)(?![a-z])"
)


def _of_the_list(page: Page) -> None:
    """最后一个是几点: of what is shown, not of the shop's hours."""
    if _LAST_SHOWN.search(page.words):
        page.acts = [
            replace(act, what="other") if act.kind is Kind.QUESTION and act.what == "hours" else act
            for act in page.acts
        ]


def _of_the_day_asked(page: Page, scene: Scene, asked: list[tuple[int, int]]) -> Scene:
    """周六开门吗？我下午三点来: the day that is asked about is the one of an hour without a day."""
    if not asked or scene.day_said or scene.shown.day:
        return scene
    said = (read_times(Sheet(page.words[start:end]), scene).acts for start, end in asked)
    days = {act.value for acts in said for act in acts if act.kind is Kind.GIVE and act.what == "day"}
    day = days.pop() if len(days) == 1 else None
    return replace(scene, day_said=day) if isinstance(day, date) else scene


_CHOOSING: Final = frozenset({"slot", "confirm", "confirm_again"})
_DOTTED: Final = re.compile("(?<![0-9.:/+-])(?:[01]?[0-9]|2[0-3])([.])[0-5][0-9](?![0-9.:/%度元块])")


def _dots(page: Page, scene: Scene) -> None:
    """Where an hour was offered, 9.45 is one."""
    if scene.step in _CHOOSING:
        for match in _DOTTED.finditer(page.sheet.text):
            page.sheet.rewrite(*match.span(1), ":")


#: 12.3, 12-3: when an order is due.
_SHORT_DATE: Final = re.compile("(?<![0-9.-])(?:1[0-2]|0?[1-9])([.-])(?:3[01]|[12][0-9]|0?[1-9])(?![0-9.-])")


def _staff(page: Page, scene: Scene, lexicon: Lexicon) -> Reading:
    """A member of the staff commands by a command word or a code; anything else is said to people."""
    if not read_command(page, lexicon):
        read_courtesies(page)
        read_asked(page)
        return Reading(page.source, _in_order(page.acts), read_rest(page, lexicon))
    said = {act.value for act in page.acts if act.kind is Kind.BEGIN}
    if said & {"report", "recommend"}:
        page.explain(0, len(page.words), Cover.ACT)
        return Reading(page.source, _in_order(page.acts))
    if "order" in said:
        for match in _SHORT_DATE.finditer(page.open):
            page.sheet.rewrite(*match.span(1), "/")
    people: tuple[str, ...] = ()
    if not said & {"leave", "closed", "hours", "roster"}:
        read_phones(page, scene.step)
        read_ages(page, scene, lexicon)
        read_names(page, scene)
        read_age_behind_name(page)
        people = read_persons(page)
        _chain_words(page, scene, lexicon, [])
        read_row(page)
    times = read_times(page.sheet, scene)
    page.acts.extend(times.acts)
    page.settle_times()
    if said & {"leave", "roster"}:  # "not in tomorrow" is of tomorrow
        page.acts = [_given(act) for act in page.acts]
    if "book" in {act.what for act in page.acts if act.kind is Kind.BEGIN}:
        read_loose_names(page)
    when = None if said & {"leave", "closed", "hours", "roster"} else times.when
    return Reading(page.source, _in_order(page.acts), read_rest(page, lexicon, when), when, people=people)


def _given(act: Act) -> Act:
    return replace(act, kind=Kind.GIVE) if act.kind is Kind.REFUSE and act.what in _TIMES else act


# ------------------------------------------------------------------------------------------------------------ chain words

_BESIDE: Final = template("reader", "beside_service")
_FETCHES: Final = re.compile("[来去嚟过](?:取|拿|攞|领)")
_BEFORE: Final = template("reader", "before")
_BEHIND: Final = template("reader", "behind")
#: Lenses that hurt are worn, not wished.
_WORN: Final = re.compile(load_words("rest")["said_of"])
#: 验光单, 验光师: a word of its own.
#: 花镜到了没有: it is ordered.
_WAITED_FOR: Final = re.compile(
    "[^,.!?;]{0,3}(?:到|好|做好|配好|弄好|修好|磨好|出来)(?:了|咗)?(?:没|吗|么|未|冇)"
)
_COMPOUND: Final = re.compile("^[单师室机仪台费]")
#: 调整至周六, "adjust my appointment": it is the time that is adjusted.
_APPOINTED: Final = template("reader", "appointed")
#: "You've got me down at Garden": what the card shows, and is not meant.
_HAS_ME_AT: Final = template("reader", "has_me_at")
_LEAD: Final = re.compile("(?:换|改|转)(?:到|成|去|为)?$")


def _chain_words(page: Page, scene: Scene, lexicon: Lexicon, asked: list[tuple[int, int]]) -> None:
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
                (not answers and _asked_about(page, one.start, asked)) or _told(page, one)
            ):
                page.take(one.start, one.end, Cover.NOTE)
            else:
                _value(page, what, one.id, one.start, one.end, corrects=scene.step not in _ORDERED)
    for match in page.find(_BESIDE) if page.has(Kind.GIVE, "service") else ():
        page.take(*match.span(), Cover.NOTE)
    for what, finder in (("first", lexicon.visits), ("lenses", lexicon.lenses), ("age", lexicon.bands)):
        if what == "age" and page.has(Kind.GIVE, "age"):
            continue
        _words(page, scene, what, finder, asked)


def _is_service(page: Page, lexicon: Lexicon) -> bool:
    """Whether the whole text is what the chain calls a service: 调整 is one before it is a wish to move."""
    start, end = len(page.open) - len(page.open.lstrip()), len(page.open.rstrip())
    return any((one.start, one.end) == (start, end) for one in lexicon.services.find(page.open, page.grams))


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


def _words(page: Page, scene: Scene, what: str, finder: Finder, asked: list[tuple[int, int]]) -> None:
    for one in finder.find(page.open, page.grams):
        if any(start <= one.start < end for start, end in asked):
            continue
        if what == "age" and scene.step != "age" and is_kin(page.words[one.start : one.end]):
            continue
        if what == "first" and _written(page, one.start, one.end):
            page.take_act(Kind.REFUSE, "first", one.id == "new", (one.start, one.end))
            continue
        if what == "first" and (
            _elsewhere(page, one.start) or _by_others(page, one.start) or _lost(page, one.start)
        ):
            page.take(one.start, one.end, Cover.NOTE)
            continue
        if what == "first":
            _visit(page, scene, one)
        else:
            page.take_act(Kind.GIVE, what, one.id, (one.start, one.end))


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


def _forget_visits(page: Page, scene: Scene) -> None:
    """Of two that contradict each other the last counts; a past visit in a story that wishes nothing is no answer."""
    visits = [act for act in page.acts if act.kind is Kind.GIVE and act.what == "first"]
    if len({act.value for act in visits}) > 1:
        page.acts = [act for act in page.acts if act not in visits[:-1]]
    wished = page.has(Kind.BEGIN, "book") or any(
        act.kind is Kind.GIVE and act.what in _TIMES for act in page.acts
    )
    told = visits and visits[-1].value is False and not is_harmless(page.unread(0, len(page.words)))
    if told and scene.step in _ORDERED and not wished:
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
#: 写成花园店了, 填成初次了: what stands there and should not.
_WRITTEN: Final = re.compile("(?:写|填|选|弄|打|登记|点|标|搞|记|约|订|看|听|报)(?:错)?成了?$")


def _written(page: Page, start: int, end: int) -> re.Match[str] | None:
    """The words before a value that was written by mistake, and is over: 写成…了."""
    begin, _ = page.clause_at(start)
    return (
        _WRITTEN.search(page.words[begin:start])
        if page.words[end : end + 1] in ("了", "喇", "啦", "咗")
        else None
    )


def _value(page: Page, what: str, value: str, start: int, end: int, *, corrects: bool) -> None:
    """A shop or a service: given, refused by the words around it, or worn. `corrects`: 换 before it is a correction."""
    begin, finish = page.clause_at(start)
    before = (
        page.narrowed(_BEFORE).search(page.words[begin:start])
        or _written(page, start, end)
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


# ---------------------------------------------------------------------------------------------------------------- settling

_TIMES: Final = frozenset({"day", "time", "range"})
_GIVEN: Final = frozenset({"day", "time", "range", "shop", "service", "person"})


def _settled(
    page: Page, scene: Scene, lexicon: Lexicon, when: When | None, people: tuple[str, ...]
) -> Reading:
    """Acts that hang together: a no beside a value puts right, and a yes beside a contradiction is none."""
    acts = page.acts
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
    if when is not None and _points_at_a_day(page, scene, acts, when):
        when = When(reason="which_day")
    rest = read_rest(page, lexicon, when)
    acts, rest = _sure(page, acts, rest, several=bool(people), confirming=scene.step.startswith("confirm"))
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
    ordered = _in_order(sure.without_doubt(page, scene, acts, rest))
    return Reading(
        page.source, ordered, _with(rest, _dropped(page.source, ordered, rest)), when, people=people
    )


def _of_one_mind(acts: list[Act], when: When | None) -> tuple[list[Act], When | None]:
    """十点半改成十点半？: what is refused and wished in one breath is neither moved nor taken."""
    refused = {(act.what, act.value) for act in acts if act.kind is Kind.REFUSE and act.value is not None}
    both = [
        act
        for act in acts
        if act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in _TIMES and (act.what, act.value) in refused
    ]
    others = {
        act.value for act in acts if act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in ("time", "range")
    }
    if not both or others - {act.value for act in both}:
        return acts, when
    kept = [
        act
        for act in acts
        if act not in both and not (act.kind is Kind.BEGIN and act.what in ("move", "book"))
    ]
    return kept, When(reason="negated")


_THAT_DAY: Final = re.compile("(?:[那当])天|嗰日|(?<![a-z])that day(?![a-z])")


def _points_at_a_day(page: Page, scene: Scene, acts: list[Act], when: When) -> bool:
    """我那天值班，我老婆下午三点来: an hour of a day that nobody named is not today's."""
    known = scene.day_said or scene.shown.day or any(act.what == "day" for act in acts)
    return bool(when.candidates) and not known and _THAT_DAY.search(page.words) is not None


def _plain_wish(page: Page, acts: list[Act], rest: tuple[Rest, ...], when: When | None, scene: Scene) -> bool:
    """周五下午三点, said first and with nothing beside it, is a wish to come then."""
    if scene.step not in _ORDERED or when is None or when.reason is not None:
        return False
    timed = any(act.kind is Kind.GIVE and act.what in ("time", "range") for act in acts)
    others = any(act.kind not in (Kind.GIVE, Kind.YES, Kind.THANKS, Kind.GREETING) for act in acts)
    spoken = [page.clause_of(act) for act in acts if act.what in ("time", "range")]
    return (
        timed
        and not others
        and not any(
            one.weight is Weight.DANGEROUS
            or (
                one.in_clause
                and one.weight is Weight.NEUTRAL
                and any(a <= one.span.start < b for a, b in spoken)
            )
            for one in rest
        )
    )


#: 往后挪俩钟头: words of moving, whatever stands.
_SHIFTS: Final = re.compile(
    "[往向][前后](?:挪|推|提|移|调|延|拖|错)|(?<![再])(?:挪|顺延|推迟|推后|延后|提前(?!说|告|通|到(?![0-9一二三四五六七八九十两]))|提早)"
)


def _moves(page: Page, acts: list[Act], scene: Scene) -> bool:
    """晚半小时, with no card open, moves the appointment."""
    begun = any(act.kind is Kind.BEGIN for act in acts)
    stands = scene.shown.start is not None and not _SHIFTS.search(page.words)
    return scene.step in _ORDERED and not stands and not begun


def _repeats(when: When, scene: Scene) -> bool:
    """是的，就是20号: the day of the card, said again beside a yes, leaves nothing to ask."""
    return when.reason == "no_time" and when.days == (scene.shown.day,)


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
    page: Page, acts: list[Act], rest: tuple[Rest, ...], *, several: bool, confirming: bool
) -> tuple[list[Act], tuple[Rest, ...]]:
    """A yes beside a contradiction is none; nor is a yes beside a no, and then neither is the no."""
    yes = [act for act in acts if act.kind is Kind.YES]
    if yes and not confirming and any(act.kind is Kind.GIVE and act.what in _TIMES for act in acts):
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
    doubts = (one for one in page.narrowed(DOUBTS).finditer(page.words) if not is_aside(page, one.start()))
    doubt = next(doubts, None) if yes else None
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


#: Letters and figures of any script, and no line between words.
_WORD: Final = re.compile(r"[^\W_]+")


def _dropped(text: str, acts: Iterable[Act], rest: Iterable[Rest]) -> Iterator[Rest]:
    """Words that were read and that no act holds in the end, such as a time that is refused in the same breath."""
    held = bytearray(len(text))
    for span in (*(span for act in acts for span in act.spans), *(one.span for one in rest)):
        held[span.start : span.end] = b"\1" * (span.end - span.start)
    free = "".join([" " if taken else char for char, taken in zip(text, held, strict=True)])
    for match in _WORD.finditer(free):
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


def _in_order(acts: list[Act]) -> tuple[Act, ...]:
    return tuple(sorted(acts, key=lambda act: act.spans[0] if act.spans else Span(0, 0)))

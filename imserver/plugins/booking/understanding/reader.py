"""`understand`: everything in a text is accounted for, as acts, a rest and a time.

The stages mask what they read, so the order is part of the meaning: what only looks like a refusal or a time goes first,
then codes, names and the words of the chain, then questions and courtesies, then days and times with what refuses or puts
them right, then intentions and answers; what remains is weighed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

from imserver.plugins.booking.dates.text import Sheet
from imserver.plugins.booking.schedule import codes

from . import sayings, sure
from .acts import TIMES, Act, Kind, Reading, Rest, Scene, Span, Weight
from .answers import read_answers, read_labels
from .chain_words import is_service, read_chain_words
from .chosen import answers_to_step
from .courtesies import read_courtesies
from .hedges import read_put_aside
from .intents import hide_assent, hide_cancelled, read_existing, read_intents, read_wrong
from .kin_names import read_names_of_kin
from .lexicon import Lexicon
from .name_pairs import read_name_pair
from .names import read_names
from .other_questions import read_asked, read_questions, wonders
from .page import Cover, Page
from .patterns import template
from .persons import read_persons
from .questions import asks, claim, forget_asked, read_known
from .rest import note_asides, note_reasons, read_rest
from .rewrite import fold
from .row import read_both, read_loose_names, read_row
from .settling import in_order, settled
from .staff import is_staffs, read_command
from .time_scene import bare_day, hour_instead
from .times import read_times
from .told import hide_beside_yes, hide_others, hush, take_asides
from .values import read_age_behind_name, read_ages, read_codes, read_first, read_number, read_phones
from .visits import forget_visits

#: A longer text is no instruction to a bot: it is for people.
MAX_CHARS: Final = 300
#: "need 2 cancel", "booking 4 my mum".
_THUMBED: Final = template("values", "thumbed")
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
    said = not is_service(page, lexicon) and sayings.read_saying(page, scene)
    sayings.take_asides(page)
    take_asides(page, confirming=scene.step.startswith("confirm"))
    read_phones(page, scene.step)
    read_codes(page, spoken_of=False)
    read_ages(page, scene, lexicon)
    if not bare_day(page.sheet, scene) and not hour_instead(page.sheet, scene):
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
    read_chain_words(page, scene, lexicon, asked)
    read_row(page)
    hide_beside_yes(page, scene)
    read_put_aside(page, scene)
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
    when = None if scene.step.startswith("confirm") and wonders(page) else times.when
    page.unclear = times.when is not None and not times.acts
    read_loose_names(page)
    note_asides(page)
    if scene.step.startswith("confirm"):  # "book it in" is a yes there
        read_name_pair(page, scene.name)
        read_answers(page, scene)
    said = sayings.read_timed_saying(page, scene) or said
    read_intents(page, scene, asked)
    read_both(page)
    forget_visits(page, scene)
    read_answers(page, scene)
    sayings.read_leading_yes(page, scene)
    read_questions(page, asked)
    answers_to_step(page, scene, lexicon)
    for clause in asked:
        claim(page, *clause)
    forget_asked(page, asked)
    if (
        not _DECLINING.isdisjoint({act.kind for act in page.acts})
        or page.has(Kind.BEGIN, "cancel")
        or page.has(Kind.BEGIN, "move")
    ):
        note_reasons(page)
    if not said:
        hush(page, scene)
    return settled(page, scene, lexicon, when, people)


#: Beside these, reasons are given.
_DECLINING: Final = frozenset({Kind.REFUSE, Kind.CORRECT, Kind.NO})
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
        return Reading(page.source, in_order(page.acts), read_rest(page, lexicon))
    said = {act.value for act in page.acts if act.kind is Kind.BEGIN}
    if said & {"report", "recommend"}:
        page.explain(0, len(page.words), Cover.ACT)
        return Reading(page.source, in_order(page.acts))
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
        read_chain_words(page, scene, lexicon, [])
        read_row(page)
    times = read_times(page.sheet, scene)
    page.acts.extend(times.acts)
    page.settle_times()
    if said & {"leave", "roster"}:  # "not in tomorrow" is of tomorrow
        page.acts = [_given(act) for act in page.acts]
    if "book" in {act.what for act in page.acts if act.kind is Kind.BEGIN}:
        read_loose_names(page)
    when = None if said & {"leave", "closed", "hours", "roster"} else times.when
    return Reading(page.source, in_order(page.acts), read_rest(page, lexicon, when), when, people=people)


def _given(act: Act) -> Act:
    return replace(act, kind=Kind.GIVE) if act.kind is Kind.REFUSE and act.what in TIMES else act

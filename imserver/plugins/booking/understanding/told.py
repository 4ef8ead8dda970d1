"""What is told and not wished: conditions, stories, the words of others. Nothing that acts is taken from them.

"If it rains I won't come", 我朋友取消了, "the text says reply YES": the words of a wish stand in them, and a hasty reader
books, moves or cancels. What they name is kept, and asked about.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final

from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.sieve import Several

from .acts import Act, Kind, Rest, Scene
from .answers import answer_of
from .intents import NEGATED, WISH
from .page import Cover, Page
from .patterns import filled, template
from .questions import TIMELY, ask_other, asks
from .word_lists import load_words

_WORDS: Final = load_words("told")
_CONDITION: Final = deferred(_WORDS["condition"])
_CONDITION_BEHIND: Final = deferred(_WORDS["condition_behind"])
_POLITE: Final = re.compile(_WORDS["polite"])
_AVAILABLE: Final = re.compile(_WORDS["available"])
_OWN: Final = re.compile(_WORDS["own"])
_BEHIND: Final = re.compile(_WORDS["behind"])
_BYGONE: Final = deferred(_WORDS["bygone"])
_DONE: Final = re.compile(_WORDS["done"])
_OTHERS: Final = deferred(_WORDS["others"])
_OTHERS_WISH: Final = deferred(_WORDS["others_wish"])
_KIN_WISH: Final = deferred(filled(_WORDS["kin_wish"]))
_WISHED: Final = re.compile(_WORDS["wished"])
_FINITE: Final = re.compile(_WORDS["finite"])
_PAST_FORM: Final = re.compile(_WORDS["past_form"])
_SAID: Final = deferred(_WORDS["said"])
_KIN_SAID: Final = re.compile(_WORDS["kin_said"])
_ASKED_FOR: Final = re.compile(_WORDS["asked_for"])
_QUOTE: Final = re.compile(_WORDS["quote"])
_CARD: Final = {name: re.compile(filled(pattern)) for name, pattern in _WORDS["card"].items()}
_BOOKED: Final = deferred(_WORDS["others_booked"])
_EXISTING: Final = re.compile(_WORDS["existing"])
_TAKEN_BACK: Final = deferred(f"{_WORDS['taken_back']}|{_WORDS['own_refusal']}")
_FORBIDDEN: Final = re.compile(_WORDS["forbidden"])
_FEARED: Final = re.compile(_WORDS["feared"])
_DENIED: Final = re.compile(_WORDS["denied"])
_OVER: Final = re.compile("(?:取消|退|删|作废|撤)掉?[了咗](?!吧|呗|哈|啦)")
_ELSEWHERE: Final = re.compile(_WORDS["elsewhere"])
_BOOKED_ELSEWHERE: Final = re.compile(_WORDS["booked_elsewhere"])
_OWN_MATTERS: Final = re.compile(_WORDS["own_matters"])
#: With these a yes is meant as none, or says that it is none.
_FACES: Final = frozenset("🙃🙄🤡😒🤥🖕")
_REPLACED: Final = template("told", "replaced")
_OTHERS_DO: Final = re.compile(_WORDS["others_do"])
_ASIDES: Final = {
    where: tuple(re.compile(one.replace("<BUSINESS>", _WORDS["business"])) for one in patterns)
    for where, patterns in _WORDS["asides"].items()
}
_EVERY_ASIDE: Final = Several(one for patterns in _ASIDES.values() for one in patterns)
_SENTENCE_END: Final = re.compile("[。.!?;\n]")
_WITH_OTHERS: Final = re.compile("(?<![a-z])(?:with|by|for) (?!(?:you|u|ya)(?![a-z]))")
_NOTHING: Final = re.compile(
    "[没不冇满未]|(?<![a-z])(?:no|not|nothing|none|never|full|gone|taken|booked|[a-z]{2,6}n'?t)(?![a-z])"
)
#: What may be looked up in the shop's free times; the others are done.
_LOOKED_UP: Final = frozenset({"book", "move"})
_TIMES: Final = frozenset({"day", "time", "range"})
_COURTESIES: Final = frozenset({Kind.THANKS, Kind.GREETING})
_ACTING: Final = frozenset({"book", "move", "cancel"})
_CHANGING: Final = frozenset({"move", "cancel"})


def hush(page: Page, scene: Scene) -> None:
    """Drop what acts and is only told; its words are a doubt."""
    if scene.step.startswith("confirm"):
        _weigh_yes(page, scene)
    for start, end in page.clauses:
        if page.timed(start, end) and _OTHERS_DO.match(page.words[start:end]):
            page.explain(start, end, Cover.DOUBT)
            _doubt(page, start, end)
    acting = [act for act in page.acts if _is_acting(act, scene)]
    for act in acting:
        name = act.what or "yes"
        places = [_folded(page, span.start) for span in act.spans]
        if name in _CHANGING and places and _is_wish_of_others(page, act, places[0]):
            continue
        if places and all(_is_told(page, name, place) for place in places):
            page.acts = [one for one in page.acts if one is not act]
            for place in places:
                if _TAKEN_BACK.search(page.words, place):
                    page.drop(*page.clause_at(place), ("person", "service"))
                page.explain(*page.clause_at(place), Cover.DOUBT)
                _doubt(page, *page.clause_at(place))


def _is_wish_of_others(page: Page, act: Act, place: int) -> bool:
    """我朋友想取消: no wish of the customer's but a question to the people. What one of the family wishes is of theirs."""
    start, end = page.clause_at(place)
    before = page.words[start:place]
    if page.narrowed(_OTHERS_WISH).search(before):
        page.acts = [one for one in page.acts if one is not act]
        page.drop(start, end, ("person", "day", "time", "range"))
        ask_other(page, start, end)
        return True
    kin = None if page.has(Kind.GIVE, "person") else page.narrowed(_KIN_WISH).search(before)
    if kin is not None:
        first, last = kin.span(kin.lastgroup or 0)
        page.add(Kind.GIVE, "person", page.typed(start + first, start + last), (start + first, start + last))
    return False


def hide_beside_yes(page: Page, scene: Scene) -> None:
    """好，要是停电记得说一声: what a yes at a card is said with and what changes nothing."""
    if not scene.step.startswith("confirm"):
        return
    aside = [one for one in page.clauses if _is_beside(page.words[slice(*one)], scene)]
    if aside and any(
        answer_of(page.open[slice(*one)]) is Kind.YES for one in page.clauses if one not in aside
    ):
        for start, end in aside:
            page.take(start, end, Cover.NOTE)
            page.aside.append((start, end))


def _is_beside(clause: str, scene: Scene) -> bool:
    if _CARD["beside"].fullmatch(clause):
        return True
    return scene.asks in ("", "book") and _CARD["unchanged"].fullmatch(clause) is not None


def take_asides(page: Page, *, confirming: bool) -> None:
    """Words of values that are none: "my cat is called Monday", "the third line", "it says first visit"."""
    if not page.may_hold_any(_EVERY_ASIDE):
        return
    for pattern in (*_ASIDES["everywhere"], *(_ASIDES["at_card"] if confirming else ())):
        for match in page.find(pattern):
            page.take(*match.span(), Cover.NOTE)


def _weigh_yes(page: Page, scene: Scene) -> None:
    """At a card: what only looks like a yes is none, and no negation is nothing."""
    said = {act.kind for act in page.acts}
    if said <= _COURTESIES and _CARD["negation"].search(page.words):
        page.explain(0, len(page.words), Cover.DOUBT)
    if said == {Kind.GIVE} and all(act.what in _TIMES for act in page.acts):
        _ask_again(page)
    for act in [one for one in page.acts if one.kind is Kind.YES]:
        place = _folded(page, act.spans[0].start)
        start, end = page.clause_at(place)
        asked = page.timed(start, end) and _CARD["tagged"].search(page.words[start : end + 3])
        protests = page.timed(start, end) and _CARD["protest"].search(page.words, start, end)
        bygone = _CARD["bygone"].search(page.words, start, end)
        half = any(_CARD[name].search(page.words) for name in ("conceded", "objected", "complaint"))
        none = (
            asked or protests or bygone or half or _is_mocked(page, place) or _CARD["heard"].match(page.words)
        )
        if not none and not _only_opens(page, act, start, end):
            continue
        page.acts = [one for one in page.acts if one is not act]
        if not none and _names_another_time(page, scene):
            page.explain(start, _folded(page, act.spans[-1].end - 1) + 1, Cover.HARMLESS)
            continue
        _doubt(page, start, end)
        if asked and not page.has(Kind.QUESTION):
            ask_other(page, start, end)


def _is_mocked(page: Page, place: int) -> bool:
    """好，才怪: whether a yes is taken back in the same breath, by a face as well."""
    return _CARD["mocked"].search(page.words, place) is not None or not _FACES.isdisjoint(page.source)


def _ask_again(page: Page) -> None:
    """周五三点？: the card's time said again with a mark of a question asks for it."""
    for start, end in page.clauses:
        if page.timed(start, end) and _CARD["tagged"].search(page.words[start : end + 3]):
            ask_other(page, start, end)
            return


def _only_opens(page: Page, act: Act, start: int, end: int) -> bool:
    """ "Okay so Fridays I have choir": a yes that opens what is said against the card."""
    match = _CARD["opens"].match(page.words, start) if start == page.clauses[0][0] else None
    if match is None or not page.words[match.end() :].strip(" ,.!"):
        return False
    return all(_folded(page, span.end - 1) < match.end() for span in act.spans)


def _names_another_time(page: Page, scene: Scene) -> bool:
    """好啊，不过要下午四点: the card will show the other time, and the yes before it was none to that."""
    card = scene.shown.start
    given = [
        act for act in page.acts if act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in ("day", "time")
    ]
    return card is not None and any(act.value not in (card.date(), card.time()) for act in given)


def hide_others(page: Page) -> None:
    """我老公约了两点，我想约三点: the hour of another's appointment is none of the wish in another clause."""
    booked = page.narrowed(_BOOKED)
    told = [clause for clause in page.clauses if booked.search(page.words, *clause)]
    if not told:
        return
    timed = [clause for clause in page.clauses if TIMELY.search(page.words[slice(*clause)])]
    told = [clause for clause in told if clause in timed]
    if len(told) == len(timed):
        return
    for start, end in told:
        page.take(start, end, Cover.NOTE)


def denies(page: Page) -> bool:
    """不是不来，就晚十分钟: a cancellation is denied, and who is late moves nothing."""
    return any(
        NEGATED.search(page.words[page.clause_at(match.start())[0] : match.start()])
        for match in WISH["cancel"].finditer(page.words)
    )


def _is_acting(act: Act, scene: Scene) -> bool:
    if act.kind is Kind.YES:
        return scene.step.startswith("confirm")
    return act.kind is Kind.BEGIN and act.what in _ACTING


def _doubt(page: Page, start: int, end: int) -> None:
    """What no other act explains there is asked about."""
    spans = [span for act in page.acts for span in act.spans]
    for place in range(start, end):
        typed = page.span(place, place + 1)
        if not any(one.start <= typed.start < one.end for one in spans):
            page.cover[place] = Cover.DOUBT


def _folded(page: Page, typed: int) -> int:
    """Where in the folded text a character that was typed stands."""
    return min(bisect_left(page.starts(), typed), len(page.words) - 1)


def _is_told(page: Page, name: str, place: int) -> bool:
    start, end = page.clause_at(place)
    before, behind = page.words[start:place], page.words[place:end]
    return (
        _hangs(page, name, place)
        or _is_quoted(page, place)
        or (name != "yes" and page.narrowed(_TAKEN_BACK).search(page.words, place) is not None)
        or (name in ("cancel", "move") and _is_elsewhere(page, start, end))
        or (name == "cancel" and _is_unwanted(page, before, end))
        or (name == "cancel" and _REPLACED.search(page.words) is not None)
        or _is_bygone(page, name, before, behind)
        or _is_said(page, name, place)
        or (name == "book" and _asks_for_another(page))
    )


# -------------------------------------------------------------------------------------------------------------- conditions


def _hangs(page: Page, name: str, place: int) -> bool:
    """Whether it hangs on a condition in its sentence."""
    first, last = _sentence(page, place)
    end = page.clause_at(place)[1]
    for match in page.narrowed(_CONDITION).finditer(page.words, first, end):
        stop = page.clause_at(match.start())[1]
        if not _is_free(page, name, match.end(), stop) and (match.start() < place or _BEHIND.match(match[0])):
            return True
    for match in page.narrowed(_CONDITION_BEHIND).finditer(page.words, first, end):
        if match.end() <= place + 2 and not _is_free(page, name, match.start(), match.end()):
            return True
    behind = _BEHIND.match(page.words[end:last].lstrip(" ,.")) if end < last else None
    if behind is None:
        return False
    begin = page.words.index(behind[0], end)
    return not _is_free(page, name, begin + len(behind[0]), page.clause_at(begin)[1])


def _is_free(page: Page, name: str, start: int, end: int) -> bool:
    """Whether the words of a condition are politeness, or of the shop's free times."""
    text = page.words[start:end]
    if _OWN.match(text):
        return False
    if _POLITE.match(text):
        return True
    return name in _LOOKED_UP and _AVAILABLE.match(text) is not None


def without_courtesy(page: Page, name: str, unread: Rest) -> str:
    """Words that nobody read, without "if" where only politeness or a free time follows, for what begins `name`.

    What may be read either way stays: "if it's OK with my wife" asks another, "if there's nothing on Saturday" is a plan.
    """
    left, (first, last) = list(unread.text), (unread.span.start, unread.span.end)
    for match in _CONDITION.finditer(page.words):
        behind = page.words[match.end() : page.clause_at(match.start())[1]]
        polite = _POLITE.match(behind)
        if _OWN.match(behind):
            continue
        if polite and not _WITH_OTHERS.search(behind):
            span = page.span(match.start(), match.end() + polite.end())
        elif name in _LOOKED_UP and _AVAILABLE.match(behind) and not _NOTHING.search(behind):
            span = page.span(*match.span())
        else:
            continue
        for place in range(max(first, span.start), min(last, span.end)):
            left[place - first] = " "
    return "".join(left)


def _sentence(page: Page, place: int) -> tuple[int, int]:
    """The sentence in which a character stands: its clauses up to a full stop."""
    first, last = page.clause_at(place)
    for start, end in reversed([one for one in page.clauses if one[1] <= first]):
        if _SENTENCE_END.search(page.words[end:first]):
            break
        first = start
    for start, end in [one for one in page.clauses if one[0] >= last]:
        if _SENTENCE_END.search(page.words[last:start]):
            break
        last = end
    return first, last


# ----------------------------------------------------------------------------------------------------- stories and reports


def _is_bygone(page: Page, name: str, before: str, behind: str) -> bool:
    """Whether it was done before, or by others."""
    if name == "yes":
        return False
    booked = _EXISTING.match(behind) is not None
    if booked and not _WISHED.search(before):
        return name != "cancel" or _OVER.search(behind) is not None  # 上回约的作废吧
    if page.narrowed(_BYGONE).search(before) and not _WISHED.search(before):
        return True
    if _PAST_FORM.match(behind) and _FINITE.search(before):
        return True
    return page.narrowed(_OTHERS).search(before) is not None and not _WISHED.search(before)


def _is_unwanted(page: Page, before: str, end: int) -> bool:
    """Whether nobody wants it: it is forbidden, feared, or denied further on."""
    return (
        _FORBIDDEN.search(before) is not None
        or _FEARED.search(before) is not None
        or _DENIED.search(page.words, end) is not None
    )


def _is_elsewhere(page: Page, start: int, end: int) -> bool:
    """Whether it is about a haircut, a flight, another shop."""
    clause = page.words[start:end]
    if _OWN_MATTERS.search(clause):
        return False
    return _BOOKED_ELSEWHERE.search(page.words[:start]) is not None or _ELSEWHERE.search(clause) is not None


def _is_said(page: Page, name: str, place: int) -> bool:
    """Whether somebody else says it."""
    start, _ = page.clause_at(place)
    before = page.words[start:place]
    if page.narrowed(_SAID).search(before):
        return True
    return name in ("cancel", "yes") and _KIN_SAID.search(before) is not None


def _asks_for_another(page: Page) -> bool:
    """Whether the text asks something on behalf of somebody, and wishes no time."""
    timed = any(page.timed(*clause) for clause in page.clauses)
    return (
        not timed
        and _ASKED_FOR.search(page.words) is not None
        and any(asks(page, *one) for one in page.clauses)
    )


def _is_quoted(page: Page, place: int) -> bool:
    """Whether it stands between quotation marks, and something is said around them."""
    typed = page.span(place, place + 1).start
    return any(
        match.start() < typed < match.end() and len(page.source) - len(match[0]) > 3
        for match in _QUOTE.finditer(page.source)
    )

"""What is wanted: book, move, cancel, see, ask a human; and what of an appointment that there is already is none of a wish."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from imserver.plugins.booking.dates.sieve import Several
from imserver.plugins.booking.dates.text import ASIDE_MARK

from .acts import Act, Kind, Scene, Span
from .courtesies import any_of
from .page import Cover, Page
from .patterns import KIN, KIN_ENGLISH, template
from .questions import asks, beyond_politeness, without_politeness
from .read_so_far import asked_in, clause_of, is_named, is_valued
from .rest import MAYBE, is_harmless
from .word_lists import load_words

_WORDS: Final = load_words("intents")
#: Nobody wants more things in one text; what is beyond is left over.
_MOST: Final = 12
#: What a booking is moved to.
_LEADS_TO: Final = frozenset({"day", "time", "range", "shop", "service", "person"})
WISH: Final = {name: any_of(patterns) for name, patterns in _WORDS["wish"].items()}
_COMMANDS: Final = {
    name: re.compile(f"^ ?(?:{'|'.join(words)})(?![a-z])") for name, words in _WORDS["commands"].items()
}
_COMMANDED: Final = re.compile("|".join(f"(?:{one.pattern})" for one in _COMMANDS.values()))
_OBJECTS: Final = re.compile(
    f"{_WORDS['objects']['chinese']}|(?<![a-z])(?:{_WORDS['objects']['english']})(?![a-z])"
)
NEGATED: Final = template("intents", "negated")
_ADDRESSED: Final = re.compile("(?:那个|那位)客人|键|按钮|政策|规定|费(?!用)|button|policy|fee")
#: "I'll cancel if they aren't ready"; "cancel the reminder texts".
_CONDITIONAL: Final = re.compile(
    "(?: [a-z']+){0,2} (?:if(?! (?:possible|poss|ok|(?:that|it)'?s (?:ok|okay|fine|possible|alright|not too)"
    "|you (?:can|could|don'?t mind)))|unless|in case)(?![a-z])"
    "|(?: (?:the|my|these|those|all|your))* (?:reminders?|texts?|emails?|notifications?|newsletter|subscription|order)(?![a-z])"
)
#: 取消…还是不取消呢; 取消还是改期好.
_OR_NOT: Final = re.compile(
    "(?:掉|了|呢|吗|[ ,.!?…~])*(?:还是|或者?|又|抑或)(?:不|别|留|算|改|换|推|挪)|or not"
)
#: "Cancel that last message" cancels what was written.
_WRITTEN: Final = re.compile(
    "^(?: (?:that|my|the|this|last|previous|earlier))* (?:message|msg|text|comment|bit|part)(?![a-z])"
)
#: What may be, or was meant and is not: 可能要取消, 本来想取消的, "should I".
_SUPPOSED: Final = re.compile(
    f"(?<![a-z])(?:may|might|could)(?: (?:be|just|well|still|even))* ?$|{MAYBE.pattern}|说不定|本来|原本|刚才|"
    f"刚刚|误|不小心|点错|"
    f"(?<![a-z])(?:accidentally|by mistake|was going to|had to"
    "|(?:may|might|could|would) (?:have|need) to|if i|if we|whether i|whether to|nearly|almost)(?![a-z])"
)
#: 那天我有空: the customer is free, and asks for nothing.
_FREE: Final = re.compile("(?:我|俺|咱|老公|老婆|孩子)(?:那天|当天|都|也|正好|刚好|就|会|应该|肯定)*$")
#: "Would I need to cancel?"
_WONDERS: Final = re.compile(
    "(?<![a-z])(?:would|will|must|should|do|did) (?:i|we) (?:have to|need to|ever have to)[^,.!?;]{0,3}$"
)
_NEEDED: Final = template("intents", "needed")
#: "Do I need an appointment?" asks about the shop.
NEEDS_ONE: Final = template("intents", "needs_one")
#: "Once it is cancelled", "was it": 取消了还能再约吗.
_ONCE: Final = re.compile("(?:掉)?(?:了|后|之后|以后|的话)")
_UNABLE: Final = re.compile(
    "来不|去不|到不|赶不|嚟唔|唔嚟|不来|不去|过不|走不|抽不|没[法办]|不能|不方便|can'?t|cannot|can not|won|unable|not |miss"
)
#: 周五不约了: said of a day, it refuses the day.
_NOT_BOOKED: Final = re.compile("(?:不|唔|别)(?:想|要|再)?(?:预约|约|预订|订|定|排|挂)")
_THAT_DAY: Final = re.compile("(?:那|当|嗰)[天日](?:就|都|先|我|还是)*$")
#: 你们取消的, "it got cancelled": by others, and over.
_BY_OTHERS: Final = re.compile(_WORDS["cancelled_by"]["others"])
_GOT: Final = re.compile("被$|(?<![a-z])(?:got|gets|getting|was|were|is|being|been|have|had|has) (?:just )?$")
#: 我弟去不了，换我妹: somebody else comes.
_STANDS_IN: Final = re.compile(
    f"[换改](?:成|为|给|让|由)?我?家?的?(?:{KIN})|(?:{KIN})(?:能|可以|会)(?:带|陪|领|抱|送|去|来)|"
    f"(?<!带)我(?:们)?(?:自己|一个人)?(?:来|去)(?=$|[ ,.!吧])"
    f"|(?<![a-z])(?:my|our) (?:{KIN_ENGLISH}) (?:instead|will come)|(?:only|just) me(?![a-z])|me instead"
)
#: 来不了那么早, "can't come before 5", "not coming alone": somebody comes, only not so.
_QUALIFIED: Final = re.compile(_WORDS["cancelled_by"]["qualified"])
#: 有人取消的话告诉我, "if anyone cancels", "why was it cancelled": spoken of.
_ANYBODY: Final = re.compile(_WORDS["cancelled_by"]["anybody"])
_DONE: Final = re.compile("(?:掉)?(?:了?的|过)")
#: "Cancel that last message" is about no appointment.
_NO_APPOINTMENT: Final = re.compile(_WORDS["cancelled_by"]["no_appointment"])
_OTHER_OBJECT: Final = re.compile(_WORDS["cancelled_by"]["other_object"])
_ECHO: Final = re.compile(_WORDS["cancelled_by"]["echo"])
CANCELLING: Final = re.compile("取[消肖]|cancel|cancl")
#: "But maybe hold the contacts": a service that is only thought of.
_PERHAPS: Final = re.compile("可能|也许|或许|说不定|(?<![a-z])(?:maybe|perhaps|possibly)(?![a-z])")
#: "My appt on the 20th, can it become the 23rd".
_OWNED: Final = re.compile("(?<![a-z])(?:my|our) (?:[a-z]+ )?$")
_ABLE: Final = re.compile("能|可以|方便")
_ANOTHER_TIME: Final = re.compile("换个?(?:时间|日子)|换一?天")
_STRONG_MOVE: Final = re.compile(
    "(?:move|push|shift|bring|put|reschedule|bump|switch|swap|change) (?:it|my|the|mine|them|this|that|our|me)"
    "(?! (?:phone|number|address|email|name|surname|lenses|glasses|frames?|mind))"
    "|改约|改期|改签|改时间|改个时间|换个?时间|reschedul|rearrange|rebook|appointment|booking|预约"
)
_STRONG_BOOK: Final = re.compile("约|订|book|appointment|挂号")
#: "I have a dentist appointment".
_OF_OTHERS: Final = re.compile(
    "(?:dentist|dental|doctor'?s?|hospital|vet|gp|physio) (?:appointment|appt|booking)"
)
_WISHES: Final = Several(WISH.values())
BEGUN: Final = ("other", "list", "slots", "human", "cancel", "move", "book")


class _Intent:
    """Words that may begin something."""

    __slots__ = ("end", "name", "start")

    def __init__(self, name: str, start: int, end: int) -> None:
        self.name = name
        self.start = start
        self.end = end


def read_intents(page: Page, scene: Scene, asked: list[tuple[int, int]]) -> None:
    """What is begun, clause by clause. In the clause of a known question nothing is but a booking with its time."""
    found = list(islice(_found(page, scene), _MOST))
    for one in found:
        page.take(one.start, one.end, Cover.NOTHING)
    for one in found:
        start, end = page.clause_at(one.start)
        named = one.name == "book" and is_named(page, start, end)
        if (start, end) in asked and not named and not _apart(page, one.start):
            page.explain(one.start, one.end, Cover.ACT)  # of the question
        elif not _stands(page, scene, one, found):
            continue
        elif page.has(Kind.BEGIN, one.name):
            page.explain(one.start, one.end, Cover.ACT)
        else:
            page.add(Kind.BEGIN, one.name, "waitlist" if one.name == "other" else None, (one.start, one.end))
    _instead(page)
    _from_service(page, scene, asked)


def _apart(page: Page, place: int) -> bool:
    """后天有空位么 顺便问开到几点: whether a blank stands between a wish and the question of its clause."""
    start, end = next((piece for piece in page.pieces if piece[0] <= place < piece[1]), (place, place))
    return not asked_in(page, start, end)


def _instead(page: Page) -> None:
    """ "Can't make it tomorrow, can we do Monday?" moves; it cancels nothing."""
    cancels = [act for act in page.acts if act.kind is Kind.BEGIN and act.what == "cancel"]
    if not cancels or not _UNABLE.search(" ".join(page.source[a:b] for a, b in cancels[0].spans).casefold()):
        return
    where = clause_of(page, cancels[0])
    given = [act for act in page.acts if act.kind is Kind.GIVE and act.what in ("day", "time") and act.spans]
    last = cancels[0].spans[-1]
    if any(clause_of(page, act) != where or _follows(page, act, last) for act in given):
        page.acts = [act for act in page.acts if act not in cancels and act.what != "book"]
        page.acts.append(Act(Kind.BEGIN, "move", None, cancels[0].spans))


def _follows(page: Page, act: Act, last: Span) -> bool:
    """Whether another time comes behind (周五不来了周六来), and not the one of the appointment (不来了周五的)."""
    return act.spans[0].start >= last.end and not page.source[act.spans[-1].end :].startswith(("的", "那"))


def _found(page: Page, scene: Scene) -> Iterator[_Intent]:
    """The words of intentions, of two that overlap the first in `BEGUN`."""
    view = page.marked()
    plain = page.open
    taken: list[tuple[int, int]] = []
    commanded = _COMMANDED.match(view) is not None and not page.has(Kind.BEGIN)
    for name, pattern in _COMMANDS.items() if commanded else ():
        match = pattern.match(view)
        if match and (view[match.start()] == "/" or _is_command(page, name, match.end())):
            taken.append(match.span())
            yield _Intent({"waitlist": "other"}.get(name, name), *match.span())
            break
    if not page.may_hold_any(_WISHES):
        return
    for name in BEGUN:
        for match in page.narrowed(WISH[name]).finditer(
            plain if name in ("list", "slots", "human", "order") else view
        ):
            if match.end() > match.start() and not any(
                match.start() < end and start < match.end() for start, end in taken
            ):
                taken.append(match.span())
                yield _Intent(name, *match.span())


def _is_command(page: Page, name: str, place: int) -> bool:
    """A Chinese command word is a command only if the rest is values or nothing (取消要扣钱吗 is a question)."""
    _, end = page.clause_at(max(place - 1, 0))
    shows = name not in ("book", "move", "cancel", "waitlist")
    return not left_over(page.unread(place, len(page.words) if shows else max(end, place)))


def left_over(text: str) -> str:
    """What remains without politeness, objects and harmless words."""
    text = _OBJECTS.sub(lambda match: "\x02" if match[0] else "", without_politeness(text))
    return "" if is_harmless(text.replace("\x02", " ")) else text


def _stands(page: Page, scene: Scene, one: _Intent, found: list[_Intent]) -> bool:
    start, end = page.clause_at(one.start)
    before = page.words[start : one.start]
    if one.name == "list" and any(
        start <= other.start < end for other in found if other.name in ("cancel", "move")
    ):
        page.explain(one.start, one.end, Cover.HARMLESS)  # 取消我的预约: what is cancelled
        return False
    if one.name in ("human", "slots") and NEGATED.search(before):
        return False
    if one.name == "slots" and _FREE.search(before):
        page.explain(one.start, one.end, Cover.HARMLESS)
        return False
    if one.name in ("list", "slots", "human", "order", "other"):
        return True
    if one.name in _COMMANDS and one.name not in WISH:
        return True
    if NEGATED.search(before) or _SUPPOSED.search(before):
        return False
    if _WONDERS.search(before):
        return False
    if (_NEEDED.search(before) or NEEDS_ONE.search(page.words[start:end])) and asks(page, start, end):
        return False
    if one.name == "cancel":
        return _cancels(page, scene, one, found)
    if one.name == "move":
        return _moves(page, scene, one, start, end)
    return _books(page, scene, one, found)


def _cancels(page: Page, scene: Scene, one: _Intent, found: list[_Intent]) -> bool:
    """取消 in a question about cancelling is none; "Friday doesn't work" in a dialogue refuses Friday."""
    start, end = page.clause_at(one.start)
    left = _without(page, one, start, end)
    asking = asks(page, start, end)
    if _ONCE.match(page.words, one.end) and any(asks(page, *clause) for clause in page.clauses):
        return False
    if (asking and (left_over(left) or _ONCE.match(page.words, one.end))) or _ADDRESSED.search(
        page.words[one.end : one.end + 6]
    ):
        return False
    before = page.words[start : one.start]
    if (_BY_OTHERS.search(before) and _DONE.match(page.words, one.end)) or _GOT.search(before):
        return False
    if CANCELLING.search(page.words[one.start : one.end]) and _ANYBODY.search(before):
        return False
    if any(other.match(page.words, one.end) for other in (_NO_APPOINTMENT, _OTHER_OBJECT, _ECHO)):
        return False
    if _CONDITIONAL.match(page.words, one.end) or _OR_NOT.match(page.words, one.end):
        return False
    if written := _WRITTEN.match(page.words[one.end :]):
        page.explain(one.start, one.end + written.end(), Cover.HARMLESS)
        return False
    if _refuses_day(page, scene, one):
        page.explain(one.start, one.end, Cover.NOTE)
        return False
    weak = _UNABLE.search(page.words[one.start : one.end])
    if weak and any(other.name == "move" for other in found):
        page.explain(one.start, one.end, Cover.NOTE)  # it says why
        return False
    if weak and (_STANDS_IN.search(page.words) or _QUALIFIED.match(page.words, one.end)):
        page.explain(one.start, one.end, Cover.NOTE)
        return False
    return not (weak and not scene.is_free and page.timed(start, end))


def _refuses_day(page: Page, scene: Scene, one: _Intent) -> bool:
    """国庆不约了，周六吧: the day in front is refused. Where nothing is asked, another day has to follow."""
    if not _NOT_BOOKED.search(page.words[one.start : one.end]):
        return False
    start, _ = page.clause_at(one.start)
    of_a_day = page.timed(start, one.start) or _THAT_DAY.search(page.words[start : one.start])
    return bool(of_a_day) and (not scene.is_free or page.timed(one.end, len(page.words)))


def _moves(page: Page, scene: Scene, one: _Intent, start: int, end: int) -> bool:
    left = _without(page, one, start, end)
    if asks(page, start, end) and left_over(left) and not is_named(page, start, end):
        return False
    strong = _STRONG_MOVE.search(page.words[start:end])
    if not scene.is_free and _ANOTHER_TIME.fullmatch(page.words[one.start : one.end]):
        page.add(Kind.REFUSE, "time", None, (one.start, one.end))
        return False
    if not scene.is_free and not strong and not CANCELLING.search(page.words):
        confirming = scene.step.startswith("confirm") and page.has(Kind.YES)
        if confirming and not _moves_somewhere(page, start, end):
            page.add(Kind.REFUSE, "time", None, (one.start, one.end))  # 好，推迟: not to this time
        else:
            page.explain(one.start, one.end, Cover.HARMLESS)  # a correction of the open booking
        return False
    english = page.words[one.start : one.end].isascii()
    return bool(strong or is_named(page, start, end) or not english or not left_over(left))


def _moves_somewhere(page: Page, start: int, end: int) -> bool:
    """Whether a word of moving has something that it leads to: a value in its clause, or a time or a place anywhere."""
    span = page.span(start, end)
    return any(
        act.kind in (Kind.GIVE, Kind.CORRECT, Kind.REFUSE)
        and (act.what in _LEADS_TO or any(span.start <= place.start < span.end for place in act.spans))
        for act in page.acts
    )


def _books(page: Page, scene: Scene, one: _Intent, found: list[_Intent]) -> bool:
    """A wish to come: with a value, or with nothing else in its clause. Beside 取消 or 改 it is the appointment."""
    if _OF_OTHERS.search(page.words, max(0, one.start - 20), one.end):
        return False
    start, end = page.clause_at(one.start)
    beside = any(start <= other.start < end for other in found if other.name in ("cancel", "move", "list"))
    named = is_named(page, start, end)
    beside = beside or (
        _OWNED.search(page.words[start : one.start]) is not None and page.has(Kind.BEGIN, "move")
    )
    if beside or (not named and any(page.has(Kind.BEGIN, name) for name in ("cancel", "move", "list"))):
        page.explain(one.start, one.end, Cover.HARMLESS)
        return False
    strong = _STRONG_BOOK.search(page.words[one.start : one.end]) is not None
    if asks(page, start, end) and not named:
        strong = strong and not beyond_politeness(page, start, end)
        return strong and not left_over(_without(page, one, start, end))
    doubtful = not scene.is_free or page.has(Kind.REFUSE) or page.unclear
    able = _ABLE.fullmatch(page.words[one.start : one.end])  # 我能来 is no wish
    if not strong and not named and (doubtful or able):
        return False
    return named or is_valued(page) or not left_over(_without(page, one, start, end))


def _without(page: Page, one: _Intent, start: int, end: int) -> str:
    left = page.unread(start, end)
    return left[: one.start - start] + "\x02" * (one.end - one.start) + left[one.end - start :]


def _from_service(page: Page, scene: Scene, asked: list[tuple[int, int]]) -> None:
    """A service said first, outside a question, is a wish; with free times asked for as well (周六有空验光吗) too."""
    given = [act for act in page.acts if act.kind is Kind.GIVE and act.what == "service"]
    if not given or not scene.is_free:
        return
    where = {clause_of(page, act) for act in given} if page.unclear or _timed(page) else page.clauses
    if any(NEEDS_ONE.search(page.words[start:end]) and asks(page, start, end) for start, end in where):
        return
    others = any(page.has(Kind.BEGIN, name) for name in ("book", "move", "cancel", "list", "human", "order"))
    if others:
        return
    if asked and not any(page.timed(*clause) for clause in page.clauses):
        return
    clauses = {clause_of(page, act) for act in given}
    if all(_PERHAPS.search(page.words, start, end) for start, end in clauses):
        return
    if all(
        asks(page, *clause) and not page.timed(*clause) and left_over(page.unread(*clause))
        for clause in clauses
    ):
        return
    page.acts.append(Act(Kind.BEGIN, "book", None, given[0].spans))


def _timed(page: Page) -> bool:
    return any(page.timed(*clause) for clause in page.clauses)


def hide_cancelled(page: Page, scene: Scene) -> None:
    """先把周一那个取消，再约周三: the day of what is cancelled is none of the wish behind it.

    Alone, it is the day of the appointment, and 取消 beside it refuses nothing.
    """
    if not scene.is_free or not page.may_hold(WISH["cancel"]):
        return
    if page.search(WISH["move"]):
        return
    cancel = page.narrowed(WISH["cancel"])
    for start, end in page.clauses:
        text = page.open[start:end]
        word = cancel.search(text)
        if word is None or NEGATED.search(text[: word.start()]):
            continue
        others = [page.open[begin:finish] for begin, finish in page.clauses if begin != start]
        if any(_wishes(other) for other in others) and not WISH["book"].search(
            text[: word.start()] + text[word.end() :]
        ):
            page.sheet.blank(start, end, ASIDE_MARK)
            page.explain(start, end, Cover.ACT)
        elif CANCELLING.search(word[0]):
            page.sheet.blank(start + word.start(), start + word.end(), ASIDE_MARK)


_WRONG: Final = {name: re.compile(pattern) for name, pattern in _WORDS["wrong"].items()}


def read_wrong(page: Page, scene: Scene) -> None:
    """日期错了, "wrong person": what of the card is not right. The right one may follow, or is asked for."""
    if not scene.step.startswith("confirm"):
        return
    for what, pattern in _WRONG.items():
        places = [match.span() for match in page.find(pattern)]
        if places and not page.has(Kind.REFUSE, what):
            page.take_act(Kind.REFUSE, what, None, *places)


_EXISTING: Final = template("intents", "existing")


def read_existing(page: Page, scene: Scene) -> None:
    """我约了周五三点: the time of an appointment that there is already is none of a wish."""
    for start, end in page.clauses:
        match = page.search(_EXISTING, start, end)
        if match is None or not scene.is_free:
            continue
        word = next(
            (
                found
                for name in ("cancel", "move")
                if (found := WISH[name].search(page.open, match.end(), end))
            ),
            None,
        )
        if word is not None:  # "I have a booking on Friday but can't make it"
            page.sheet.blank(start, word.start(), ASIDE_MARK)
            page.explain(start, word.start(), Cover.ACT)
            continue
        page.sheet.blank(start, end, ASIDE_MARK)
        page.explain(start, end, Cover.ACT)
        if not any(WISH[name].search(page.open) for name in ("cancel", "move")):
            page.add(Kind.BEGIN, "list", None, match.span())
        page.open = f"{page.open[:start]}{ASIDE_MARK * (end - start)}{page.open[end:]}"


#: "No need to call me", 不用回复了: for the people to know. What is reminded of is no wish, nor is when.
_NO_NEED_TO: Final = re.compile(_WORDS["alone"]["no_need"])
_REMINDED: Final = re.compile(_WORDS["alone"]["reminded"])
_ASSENT: Final = re.compile(f"([^\\W0-9a-z_])不\\1|{_WORDS['alone']['assent']}")


def hide_assent(page: Page) -> None:
    """没错 refuses nothing."""
    for match in page.narrowed(_ASSENT).finditer(page.words):
        page.sheet.blank(*match.span(), ASIDE_MARK)
    for match in page.find(_NO_NEED_TO):
        page.take(*match.span(), Cover.NOTE)
    for start, end in page.clauses:
        if page.search(_REMINDED, start, end):
            page.take(start, end, Cover.NOTE)


def _wishes(text: str) -> bool:
    """Whether a clause books or asks for free times, and cancels nothing."""
    return not WISH["cancel"].search(text) and any(WISH[name].search(text) for name in ("book", "slots"))

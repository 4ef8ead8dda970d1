"""What is wanted (book, move, cancel, see, ask a human), and yes, no, later, thanks and greetings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.sieve import can_match
from imserver.plugins.booking.dates.text import ASIDE_MARK, DAY_MARK, TIME_MARK, WORD_MARK

from .acts import Act, Kind, Scene, Span
from .page import HAN, PUNCTUATION, Cover, Page
from .patterns import KIN, KIN_ENGLISH, template
from .questions import ask_other, asks, beyond_politeness, cover_politeness, without_politeness
from .rest import MAYBE, is_harmless
from .word_lists import load_words

_WORDS: Final = load_words("intents")
#: Nobody wants more things in one text; what is beyond is left over.
_MOST: Final = 12
#: What a booking is moved to.
_LEADS_TO: Final = frozenset({"day", "time", "range", "shop", "service", "person"})
_ALONE_CHARS: Final = 80
"""A longer clause is no yes and no no."""


def _whole(pattern: str) -> str:
    """A pattern of English words as whole words."""
    return pattern if HAN.search(pattern) else rf"(?<![a-z])(?:{pattern})(?![a-z])"


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return deferred("|".join(f"(?:{_whole(one)})" for one in patterns))


# --------------------------------------------------------------------------------------------------------------- courtesy

COURTESIES: Final = {
    Kind.LATER: _any(_WORDS["courtesy"]["later"]),
    Kind.THANKS: _any(_WORDS["courtesy"]["thanks"]),
    Kind.GREETING: _any(_WORDS["courtesy"]["greeting"]),
}
_NO_NEED: Final = re.compile("(?:不(?:用|要|必)?|唔使|无需|甭|别|莫)(?:再)?$|(?<![a-z])no $")
#: What is answered by then, and the words of the time before it: 明天中午之前回复你.
_ANSWERING: Final = re.compile("答复|覆|复|回|告诉|告知|话你|联系|说|讲|决定|定|确认|信")
_BY_THEN: Final = re.compile(
    "(?:我|俺|就|会|再|争取|尽量|最晚|最迟|先|大概|可能|今|明|后|听|天|日|晚|早|上|下|午|中|周|星期|礼拜|"
    "[一二三四五六末0-9十两半:]|点|号|钟|分|之|以|前|后|内|左右|等|到|给|在|回|\\s)*$"
)
_SAYS_WHEN: Final = re.compile("[点号天晚午周拜]|早上|星期|之?前$")


def read_courtesies(page: Page) -> None:
    """Thanks, greetings, and "let me think"; one act of each is enough."""
    for kind, pattern in COURTESIES.items():
        places = [
            _with_time(page, kind, *match.span())
            for match in page.find(pattern)
            if not _is_declined(page, match.start())
        ]
        if places:
            page.take_act(kind, "", None, *places)


def _is_declined(page: Page, place: int) -> bool:
    """不谢, "no thanks": but not "no 谢谢"."""
    match = _NO_NEED.search(page.words[:place])
    return match is not None and (not match[0].isascii() or page.words[place].isascii())


def _with_time(page: Page, kind: Kind, start: int, end: int) -> tuple[int, int]:
    """By when one answers is no wish to come then."""
    if kind is not Kind.LATER or not _ANSWERING.search(page.words[start:end]):
        return start, end
    begin, _ = page.clause_at(start)
    before = _BY_THEN.search(page.open[begin:start])
    said = before is not None and _SAYS_WHEN.search(before[0]) is not None
    return (begin + before.start() if before and said else start), end


# ---------------------------------------------------------------------------------------------------------------- intents

WISH: Final = {name: _any(patterns) for name, patterns in _WORDS["wish"].items()}
_COMMANDS: Final = {
    name: re.compile(f"^ ?(?:{'|'.join(words)})(?![a-z])") for name, words in _WORDS["commands"].items()
}
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
#: 取消…还是不取消呢.
_OR_NOT: Final = re.compile("(?:掉|了|呢|吗|[ ,.!?…~])*(?:还是|或者?|又|抑或)(?:不|别|留|算)|or not")
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
_NEEDS_ONE: Final = template("intents", "needs_one")
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
_CANCELLING: Final = re.compile("取[消肖]|cancel|cancl")
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
_BEGUN: Final = ("other", "list", "slots", "human", "cancel", "move", "book")
#: What can stand beside a command and be its value.
_VALUES: Final = frozenset(
    {
        "day",
        "time",
        "range",
        "shop",
        "service",
        "person",
        "name",
        "age",
        "first",
        "code",
        "number",
        "phone",
        "version",
    }
)


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
        named = one.name == "book" and _named(page, start, end)
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
    return not _asked_in(page, start, end)


def _instead(page: Page) -> None:
    """ "Can't make it tomorrow, can we do Monday?" moves; it cancels nothing."""
    cancels = [act for act in page.acts if act.kind is Kind.BEGIN and act.what == "cancel"]
    if not cancels or not _UNABLE.search(" ".join(page.source[a:b] for a, b in cancels[0].spans).casefold()):
        return
    where = _clause_of(page, cancels[0])
    given = [act for act in page.acts if act.kind is Kind.GIVE and act.what in ("day", "time") and act.spans]
    last = cancels[0].spans[-1]
    if any(_clause_of(page, act) != where or _follows(page, act, last) for act in given):
        page.acts = [act for act in page.acts if act not in cancels and act.what != "book"]
        page.acts.append(Act(Kind.BEGIN, "move", None, cancels[0].spans))


def _follows(page: Page, act: Act, last: Span) -> bool:
    """Whether another time comes behind (周五不来了周六来), and not the one of the appointment (不来了周五的)."""
    return act.spans[0].start >= last.end and not page.source[act.spans[-1].end :].startswith(("的", "那"))


def _found(page: Page, scene: Scene) -> Iterator[_Intent]:
    """The words of intentions, of two that overlap the first in `_BEGUN`."""
    view = page.marked()
    plain = page.open
    taken: list[tuple[int, int]] = []
    for name, pattern in _COMMANDS.items() if not page.has(Kind.BEGIN) else ():
        match = pattern.match(view)
        if match and (view[match.start()] == "/" or _is_command(page, name, match.end())):
            taken.append(match.span())
            yield _Intent({"waitlist": "other"}.get(name, name), *match.span())
            break
    for name in _BEGUN:
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
    return not _left(page.unread(place, len(page.words) if shows else max(end, place)))


def _left(text: str) -> str:
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
    if (_NEEDED.search(before) or _NEEDS_ONE.search(page.words[start:end])) and asks(page, start, end):
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
    if (asking and (_left(left) or _ONCE.match(page.words, one.end))) or _ADDRESSED.search(
        page.words[one.end : one.end + 6]
    ):
        return False
    before = page.words[start : one.start]
    if (_BY_OTHERS.search(before) and _DONE.match(page.words, one.end)) or _GOT.search(before):
        return False
    if _CANCELLING.search(page.words[one.start : one.end]) and _ANYBODY.search(before):
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
    return not (weak and scene.step not in ("", "none") and page.timed(start, end))


def _refuses_day(page: Page, scene: Scene, one: _Intent) -> bool:
    """国庆不约了，周六吧: the day in front is refused. Where nothing is asked, another day has to follow."""
    if not _NOT_BOOKED.search(page.words[one.start : one.end]):
        return False
    start, _ = page.clause_at(one.start)
    of_a_day = page.timed(start, one.start) or _THAT_DAY.search(page.words[start : one.start])
    return bool(of_a_day) and (scene.step not in ("", "none") or page.timed(one.end, len(page.words)))


def _moves(page: Page, scene: Scene, one: _Intent, start: int, end: int) -> bool:
    left = _without(page, one, start, end)
    if asks(page, start, end) and _left(left) and not _named(page, start, end):
        return False
    strong = _STRONG_MOVE.search(page.words[start:end])
    if scene.step not in ("", "none") and _ANOTHER_TIME.fullmatch(page.words[one.start : one.end]):
        page.add(Kind.REFUSE, "time", None, (one.start, one.end))
        return False
    if scene.step not in ("", "none") and not strong and not _CANCELLING.search(page.words):
        confirming = scene.step.startswith("confirm") and page.has(Kind.YES)
        if confirming and not _moves_somewhere(page, start, end):
            page.add(Kind.REFUSE, "time", None, (one.start, one.end))  # 好，推迟: not to this time
        else:
            page.explain(one.start, one.end, Cover.HARMLESS)  # a correction of the open booking
        return False
    english = page.words[one.start : one.end].isascii()
    return bool(strong or _named(page, start, end) or not english or not _left(left))


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
    start, end = page.clause_at(one.start)
    beside = any(start <= other.start < end for other in found if other.name in ("cancel", "move", "list"))
    named = _named(page, start, end)
    beside = beside or (
        _OWNED.search(page.words[start : one.start]) is not None and page.has(Kind.BEGIN, "move")
    )
    if beside or (not named and any(page.has(Kind.BEGIN, name) for name in ("cancel", "move", "list"))):
        page.explain(one.start, one.end, Cover.HARMLESS)
        return False
    strong = _STRONG_BOOK.search(page.words[one.start : one.end]) is not None
    if asks(page, start, end) and not named:
        strong = strong and not beyond_politeness(page, start, end)
        return strong and not _left(_without(page, one, start, end))
    doubtful = scene.step not in ("", "none") or page.has(Kind.REFUSE) or page.unclear
    able = _ABLE.fullmatch(page.words[one.start : one.end])  # 我能来 is no wish
    if not strong and not named and (doubtful or able):
        return False
    return named or _valued(page) or not _left(_without(page, one, start, end))


def _without(page: Page, one: _Intent, start: int, end: int) -> str:
    left = page.unread(start, end)
    return left[: one.start - start] + "\x02" * (one.end - one.start) + left[one.end - start :]


def _valued(page: Page) -> bool:
    return any(act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in _VALUES for act in page.acts)


def _named(page: Page, start: int, end: int) -> bool:
    """Whether a value stands in the clause."""
    span = page.span(start, end)
    return any(
        act.kind in (Kind.GIVE, Kind.CORRECT)
        and act.what in _VALUES
        and any(span.start <= place.start < span.end for place in act.spans)
        for act in page.acts
    )


def _clause_of(page: Page, act: Act) -> tuple[int, int]:
    """The clause in which an act begins."""
    return next(
        (
            clause
            for clause in page.clauses
            if page.span(*clause).start <= act.spans[0].start < page.span(*clause).end
        ),
        page.clauses[0],
    )


def _from_service(page: Page, scene: Scene, asked: list[tuple[int, int]]) -> None:
    """A service said first, outside a question, is a wish; with free times asked for as well (周六有空验光吗) too."""
    given = [act for act in page.acts if act.kind is Kind.GIVE and act.what == "service"]
    if not given or scene.step not in ("", "none"):
        return
    where = {_clause_of(page, act) for act in given} if page.unclear or _timed(page) else page.clauses
    if any(_NEEDS_ONE.search(page.words[start:end]) and asks(page, start, end) for start, end in where):
        return
    others = any(page.has(Kind.BEGIN, name) for name in ("book", "move", "cancel", "list", "human", "order"))
    if others:
        return
    if asked and not any(page.timed(*clause) for clause in page.clauses):
        return
    clauses = {_clause_of(page, act) for act in given}
    if all(_PERHAPS.search(page.words, start, end) for start, end in clauses):
        return
    if all(
        asks(page, *clause) and not page.timed(*clause) and _left(page.unread(*clause)) for clause in clauses
    ):
        return
    page.acts.append(Act(Kind.BEGIN, "book", None, given[0].spans))


def _timed(page: Page) -> bool:
    return any(page.timed(*clause) for clause in page.clauses)


def hide_cancelled(page: Page, scene: Scene) -> None:
    """先把周一那个取消，再约周三: the day of what is cancelled is none of the wish behind it.

    Alone, it is the day of the appointment, and 取消 beside it refuses nothing.
    """
    if scene.step not in ("", "none") or not page.may_hold(WISH["cancel"]):
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
        elif _CANCELLING.search(word[0]):
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
        if match is None or scene.step not in ("", "none"):
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


# --------------------------------------------------------------------------------------------------------------- questions


def read_asked(page: Page) -> None:
    """What a member of the staff asks: it is for people, whatever it is."""
    for start, end in page.clauses:
        if beyond_politeness(page, start, end) or (asks(page, start, end) and page.has(Kind.GIVE, "code")):
            ask_other(page, start, end)
            return


def read_questions(page: Page, asked: list[tuple[int, int]]) -> None:
    """Clauses that ask: out of politeness, or what no list has a word for."""
    valued = _valued(page) or page.has(Kind.BEGIN) or page.has(Kind.REFUSE)
    wished = any(page.has(Kind.BEGIN, name) for name in ("book", "move", "cancel"))
    for start, end in page.clauses:
        if (start, end) in asked or not asks(page, start, end):
            continue
        if _seen_in(page, start, end) or _put_off(page, start, end):
            page.explain(start, end, Cover.HARMLESS)
            continue
        if _NEEDS_ONE.search(page.words[start:end]):
            _only_asked(page, start, end)
            ask_other(page, start, end)
            continue
        left = PUNCTUATION.sub("", _left(page.unread(start, end)).replace("\x02", ""))
        here = page.timed(start, end) or _named(page, start, end) or _begun_in(page, start, end)
        if (valued and not left and not beyond_politeness(page, start, end)) or (
            here and not beyond_politeness(page, start, end) and (wished or _put_to(page, start, end))
        ):
            cover_politeness(page, start, end)
        elif left or (not page.acts and Cover.NOTE in page.cover[start:end]):
            _only_asked(page, start, end)
            ask_other(page, start, end)


def _seen_in(page: Page, start: int, end: int) -> bool:
    """Whether the clause asks for what a list shows: free times, one's appointments, a human."""
    span = page.span(start, end)
    return any(
        act.kind is Kind.BEGIN
        and act.what in ("list", "slots", "human", "order")
        and any(span.start <= place.start < span.end for place in act.spans)
        for act in page.acts
    )


def _put_off(page: Page, start: int, end: int) -> bool:
    """Whether the clause says what is waited for: 得看领导放不放人."""
    return any(act.kind is Kind.LATER and _clause_of(page, act) == (start, end) for act in page.acts)


_YESTERDAY: Final = re.compile(
    "昨|前[天晚]|刚才|刚刚|(?<![a-z])(?:yesterday|last night|just now|the other day|this morning)(?![a-z])"
)


def _only_asked(page: Page, start: int, end: int) -> None:
    """A service, an age or a person in a question is what is asked about; in a story of yesterday too."""
    if page.timed(start, end) and not _YESTERDAY.search(page.words, start, end):
        return
    page.drop(start, end, ("service", "age", "person"))


_PUT: Final = template("intents", "put")


def _put_to(page: Page, start: int, end: int) -> bool:
    """Whether the politeness is about a time: 周五行不行."""
    return bool(_PUT.search(page.sheet.text, start, min(end + 1, len(page.words)))) or bool(
        _PUT.search(page.marked(), start, min(end + 1, len(page.words)))
    )


def _begun_in(page: Page, start: int, end: int, *names: str) -> bool:
    """Whether something is begun there: one of `names`, or anything."""
    span = page.span(start, end)
    return any(
        act.kind is Kind.BEGIN
        and (not names or act.what in names)
        and any(span.start <= place.start < span.end for place in act.spans)
        for act in page.acts
    )


# ------------------------------------------------------------------------------------------------------------- yes and no


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
#: Words that say yes whatever goes on behind them.
_LEAD: Final = re.compile(_WORDS["alone"]["lead"])
_HEDGED: Final = re.compile(
    "不是不|([可以行好对]{1,2})是\\1|(?:\\.\\.|…)+ ?$|(?:要不要|该不该|用不用|还是(?:不|别))(?:取消|约|订|改|去|来|弄)"
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
        if _named(page, start, end):
            if confirming and _repeats_card(page, scene, start, end):
                said.setdefault(Kind.YES, []).append((start, end))
            continue
        if page.words[end : end + 2].lstrip().startswith("?") or _HEDGED.search(page.words):
            continue
        kind = answer_of(text)
        if kind is Kind.NO and not confirming and _keeps(page.words[start:end]):
            continue
        if kind is None and confirming and not asks(page, start, end) and (lead := _LEAD.match(text)):
            kind, end = Kind.YES, start + lead.end()
        if kind is not None:
            page.take(start, end)
            said.setdefault(kind, []).append((start, end))
    for kind, places in said.items():
        page.add(kind, "", None, *places)


def _is_no_answer(page: Page, start: int, end: int) -> bool:
    """Whether a piece is empty, long, asks, begins something or only hums."""
    text = page.open[start:end]
    if not text.strip(" \x02") or end - start > _ALONE_CHARS or _ASKING.match(text):
        return True
    if _begun_in(page, start, end, *(name for name in _BEGUN if name != "cancel")) or _asked_in(
        page, start, end
    ):
        return True
    hums = _HUMMED.match(text) and page.words.strip(" .,!。~…") != text.strip()
    return bool(hums) and not _named(page, start, end)


def _keeps(text: str) -> bool:
    """ "Please don't cancel", where nothing is asked: no answer, but people hear of it."""
    word = _CANCELLING.search(text)
    return word is not None and NEGATED.search(text[: word.start()]) is not None


def _asked_in(page: Page, start: int, end: int) -> bool:
    """Whether a question begins there: what stands before it in its clause may answer (好的 停车方便吗)."""
    span = page.span(start, end)
    return any(
        act.kind is Kind.QUESTION and any(span.start <= place.start < span.end for place in act.spans[:1])
        for act in page.acts
    )


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
    return answer_of(words) is Kind.YES


def answer_of(text: str) -> Kind | None:
    """What a clause says if it is made of nothing but words of one answer and of what goes with them."""
    said: set[Kind] = set()
    groups = [[one for one in group if can_match(one, text)] for group in (_NO, _YES, _GLUE)]
    place = 0
    while place < len(text):
        no, yes, glue = (_longest(patterns, text, place) for patterns in groups)
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
    return max((match.end() for one in patterns if (match := one.match(text, place))), default=place)

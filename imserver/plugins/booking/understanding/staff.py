"""What a member of the staff commands: a command word, with a code where one is needed. Anything else is said to people."""

from __future__ import annotations

import re
from typing import Final

from .acts import Kind
from .intents import NEGATED, WISH
from .lexicon import Lexicon
from .name_shapes import is_name
from .names import read_name_behind
from .page import Page
from .patterns import template
from .questions import asks
from .values import read_codes
from .word_lists import load_words

_WORDS: Final = load_words("intents")
_BARE: Final = frozenset(_WORDS["staff"]["bare"])
_COMMANDS: Final = {
    name: re.compile(f"(?:{'|'.join(words)})") for name, words in _WORDS["staff"].items() if name != "bare"
}
_COMMON: Final = {
    name: re.compile(f"^ ?(?:{'|'.join(words)})(?=$|[ ,:!.0-9\x02])")
    for name, words in _WORDS["commands"].items()
}
#: 换镜片, 改电话: of the order and not of the time.
_NO_MOVE: Final = "了?[个副一]{0,2}(?:镜|片|框|度|价|电话|手机|名|地址|隐形|鼻|螺|人|店|款|颜色|成功|过)"
_CODED: Final = {
    "cancel": WISH["cancel"],
    "move": re.compile(f"(?:要|想)?(?:挪|[改换](?!{_NO_MOVE}))|{WISH['move'].pattern}"),
}
_ASKS_LIST: Final = re.compile("|".join(_WORDS["staff_asks"]["list"]))
#: Words of commands that count anywhere in a text.
_ANYWHERE: Final = frozenset({"leave", "hours"})
#: 等K7QM到了叫我, "once K7QM arrived", 还没: it is not so yet.
#: A longer text that only speaks of lists asks for none.
_SHORT: Final = 16
_UNTRUE: Final = template("staff", "untrue")
_YET: Final = template("staff", "yet")
_HOURS_WORDS: Final = re.compile("提前到|开到|延长到|关门到|关门|开门|营业")
_HOURS: Final = re.compile("提前到.{1,10}关门|开到|延长到|关门到")


_PHONED: Final = template("staff", "phoned")
_PERSON: Final = template("staff", "person")
_NO_SUBJECT: Final = template("staff", "no_subject")
_ABSENT: Final = template("staff", "absent")
_OF_OTHERS: Final = template("staff", "of_others")
_ASKS_ROSTER: Final = template("staff", "asks_roster")
_IMPOSSIBLE: Final = template("staff", "impossible")
#: The day in front of what is called for: 明天的单子.
_DAY_FIRST: Final = re.compile(" ?(?:(?:明天|后天|大后天|周[一二三四五六日天]|明日|下午|上午)的?)+")
_STAFFS: Final = template("staff", "staffs")


def is_staffs(page: Page) -> bool:
    """Whether a customer typed a command of the staff: it does nothing, and people see it."""
    return _STAFFS.match(page.words) is not None


def read_command(page: Page, lexicon: Lexicon) -> bool:
    """Read the command of a text; False if it has none."""
    asking = any(asks(page, *clause) for clause in page.clauses)
    read_codes(page, spoken_of=True)
    if (match := _IMPOSSIBLE.match(page.open)) and not page.has(Kind.GIVE, "code"):
        page.take_act(Kind.GIVE, "code", match[1].upper(), match.span(1))
    return (
        (not asking and (_hours(page) or _of_the_staff(page, lexicon) or _absent(page, lexicon)))
        or _asks_roster(page)
        or _of_anybody(page)
        or (not asking and _by_code(page))
        or _asks_list(page)
        or _slots(page, lexicon)
    )


def _hours(page: Page) -> bool:
    """12月31号提前到四点关门: other hours of one day."""
    match = _HOURS.search(page.words)
    if match is None:
        return False
    page.add(Kind.BEGIN, "other", "hours", match.span())
    for word in _HOURS_WORDS.finditer(page.words):
        page.take(*word.span())
    return True


def _of_the_staff(page: Page, lexicon: Lexicon) -> bool:
    coded = page.has(Kind.GIVE, "code")
    for name, pattern in _COMMANDS.items():
        for match in page.find(pattern):
            if _counts(page, name, match, coded=coded):
                day = _DAY_FIRST.match(match[0]) if name == "list" else None
                page.take(match.start() + (day.end() if day else 0), match.end())
                what, value = ("list", None) if name == "list" else ("other", name)
                page.add(Kind.BEGIN, what, value, match.span())
                _resources(page, lexicon)
                return True
    return False


def _absent(page: Page, lexicon: Lexicon) -> bool:
    """我明天要带孩子打针，上不了班, "Chen can't work Friday": leave, told by its reason."""
    match = _ABSENT.search(page.words)
    if match is None or page.has(Kind.GIVE, "code") or _OF_OTHERS.search(page.words):
        return False
    before = page.words[: match.start()]
    if not (
        next(lexicon.staff.find(page.words, page.grams), None) or "我" in before or _MYSELF.search(before)
    ):
        return False
    page.take_act(Kind.BEGIN, "other", "leave", match.span())
    _resources(page, lexicon)
    return True


_MYSELF: Final = re.compile("(?<![a-z])(?:i|i'm|im|i'll)(?![a-z])")


def _asks_roster(page: Page) -> bool:
    match = _ASKS_ROSTER.search(page.open)
    if match is not None:
        day = _DAY_FIRST.match(match[0])
        page.add(Kind.BEGIN, "other", "roster", (match.start() + (day.end() if day else 0), match.end()))
    return match is not None


def _of_anybody(page: Page) -> bool:
    for name, pattern in _COMMON.items():
        if match := pattern.match(page.words):
            what, value = ("other", name) if name == "waitlist" else (name, None)
            page.take_act(Kind.BEGIN, what, value, match.span())
            if name == "book":
                read_name_behind(page, match.end())
            return True
    return _for_somebody(page)


def _for_somebody(page: Page) -> bool:
    """帮电话里的陈太太约周六, "phone booking: Mrs Okafor": a booking for who is on the telephone."""
    match = _PHONED.search(page.words)
    if match is None:
        return False
    page.take_act(Kind.BEGIN, "book", None, *(match.span(group) for group in range(1, 4) if match[group]))
    return True


def _by_code(page: Page) -> bool:
    """K7QM 不来了，取消掉: what is said of an appointment that is named."""
    for name, pattern in _CODED.items() if page.has(Kind.GIVE, "code") else ():
        places = [
            match.span()
            for match in pattern.finditer(page.open)
            if match.end() > match.start() and not NEGATED.search(page.words[: match.start()])
        ]
        if places:
            page.take_act(Kind.BEGIN, name, None, *places)
            return True
    return False


def _asks_list(page: Page) -> bool:
    """下午还剩几位, "who is next?"."""
    match = _ASKS_LIST.search(page.open)
    if match is not None and not page.has(Kind.GIVE, "code"):
        day = _DAY_FIRST.match(match[0])
        page.take_act(Kind.BEGIN, "list", None, (match.start() + (day.end() if day else 0), match.end()))
        return True
    return False


def _slots(page: Page, lexicon: Lexicon) -> bool:
    """Free times, of a colleague if one is named."""
    match = WISH["slots"].search(page.open)
    if match is not None:
        page.take_act(Kind.BEGIN, "slots", None, match.span())
        _resources(page, lexicon)
    return match is not None


def _counts(page: Page, name: str, match: re.Match[str], *, coded: bool) -> bool:
    first = not page.words[: match.start()].strip()
    ends = (
        match.end() == len(page.words)
        or not page.words[match.end()].isalnum()
        or page.words[match.start()] == "/"
    )
    if name == "leave":
        return (first and ends) or not first
    if name == "list" and page.words[match.start()] != "/":
        return not coded and (ends or not first or len(page.words) <= _SHORT)
    if name in _BARE:
        return first and ends
    if name == "arrive" and not _somebody(page, match):
        return False
    return (
        coded and not _UNTRUE.search(page.words[: match.start()]) and not _YET.match(page.words, match.end())
    )


def _somebody(page: Page, match: re.Match[str]) -> bool:
    """Whether it is a customer who came: an unread subject may be the goods, and is for people."""
    begin, _ = page.clause_at(match.start())
    subject = page.open[begin : match.start()]
    if _PERSON.search(subject):
        return True
    said = _NO_SUBJECT.sub("", subject)
    start = begin + subject.find(said) if said else begin
    return not said or is_name(said) or page.typed(start, start + len(said)).istitle()


def _resources(page: Page, lexicon: Lexicon) -> None:
    """The people of the shop that are named: 请假 李老师."""
    for one in lexicon.staff.find(page.open, page.grams):
        page.take_act(Kind.GIVE, "other", one.id, (one.start, one.end))

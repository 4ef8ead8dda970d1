"""What a member of the staff commands: a command word, with a code where one is needed. Anything else is said to people."""

from __future__ import annotations

import re
from typing import Final

from .acts import Kind
from .intents import WISH
from .lexicon import Lexicon, load_words
from .page import Page
from .questions import asks
from .values import read_codes

_WORDS: Final = load_words("intents")
_BARE: Final = frozenset(_WORDS["staff"]["bare"])
_COMMANDS: Final = {
    name: re.compile(f"(?:{'|'.join(words)})") for name, words in _WORDS["staff"].items() if name != "bare"
}
_COMMON: Final = {
    name: re.compile(f"^ ?(?:{'|'.join(words)})(?=$|[ ,:!.0-9\x02])")
    for name, words in _WORDS["commands"].items()
}
_CODED: Final = {"cancel": WISH["cancel"], "move": re.compile(f"(?:要|想)?[改换挪]|{WISH['move'].pattern}")}
#: Words of commands that count anywhere in a text.
_ANYWHERE: Final = frozenset({"leave", "hours"})
_HOURS_WORDS: Final = re.compile("提前到|开到|延长到|关门到|关门|开门|营业")
_HOURS: Final = re.compile("提前到.{1,10}关门|开到|延长到|关门到")


_STAFFS: Final = re.compile(
    "^ ?/?(?:到店|爽约|开始|完成|确认|下单|到货|可取|已取|重做|推荐|arrive|start|done|no-show|confirm) ?[a-z][0-9a-z]{3,5}(?![a-z0-9])[^吗?？]*$"
    "|^ ?/?(?:请假|休息|leave|schedule|今日预约|排班|日程)(?: [^吗?？]*)?$|^ ?(?:爽约|到货|可取|已取|重做|下单) ?$"
)


def is_staffs(page: Page) -> bool:
    """Whether a customer typed a command of the staff: it does nothing, and people see it."""
    return _STAFFS.match(page.words) is not None


def read_command(page: Page, lexicon: Lexicon) -> bool:
    """Read the command of a text; False if it has none."""
    asking = any(asks(page, *clause) for clause in page.clauses)
    read_codes(page, spoken_of=True)
    coded = page.has(Kind.GIVE, "code")
    if not asking:
        if match := _HOURS.search(page.words):
            page.add(Kind.BEGIN, "other", "hours", match.span())
            for word in _HOURS_WORDS.finditer(page.words):
                page.take(*word.span())
            return True
        for name, pattern in _COMMANDS.items():
            for match in page.find(pattern):
                if _counts(page, name, match, coded=coded):
                    page.take(*match.span())
                    plain = "list" if name == "list" else "other"
                    page.add(Kind.BEGIN, plain, None if plain == "list" else name, match.span())
                    _resources(page, lexicon)
                    return True
    for name, pattern in _COMMON.items():
        if match := pattern.match(page.words):
            page.take_act(Kind.BEGIN, "other" if name == "waitlist" else name, None, match.span())
            return True
    if coded and not asking:
        for name, pattern in _CODED.items():
            places = [match.span() for match in pattern.finditer(page.open) if match.end() > match.start()]
            if places:
                page.take_act(Kind.BEGIN, name, None, *places)
                return True
    if match := WISH["slots"].search(page.open):
        page.take_act(Kind.BEGIN, "slots", None, match.span())
        return True
    page.acts = [act for act in page.acts if act.what == "code"]
    return False


def _counts(page: Page, name: str, match: re.Match[str], *, coded: bool) -> bool:
    first = not page.words[: match.start()].strip()
    ends = (
        match.end() == len(page.words)
        or not page.words[match.end()].isalnum()
        or page.words[match.start()] == "/"
    )
    if name == "leave":
        return first and ends or not first
    if name in _BARE:
        return first and ends
    return coded and (first or len(page.words) <= 12 or not page.words[: match.start()].strip(" \x02"))


def _resources(page: Page, lexicon: Lexicon) -> None:
    """The people of the shop that are named: 请假 李老师."""
    for one in lexicon.staff.find(page.open):
        page.take_act(Kind.GIVE, "other", one.id, (one.start, one.end))

"""Words that tell which of several appointments are meant: codes that are denied, and all of them."""

from __future__ import annotations

import re

from imserver.plugins.booking.schedule import codes
from imserver.plugins.booking.understanding.acts import Reading, Weight
from imserver.plugins.booking.understanding.word_lists import load_words

_WORDS = load_words("which")
_NOT_BEFORE = re.compile(rf"{_WORDS['not_before']}$", re.IGNORECASE)
_NOT_BEHIND = re.compile(_WORDS["not_behind"], re.IGNORECASE)
_AND = re.compile(_WORDS["and"], re.IGNORECASE)
_EXCEPT = re.compile(_WORDS["except"], re.IGNORECASE)
_CANCELS = re.compile(_WORDS["cancels"], re.IGNORECASE)
_FORMER = re.compile(_WORDS["former"], re.IGNORECASE)
_KEEPS_IT = re.compile(_WORDS["keeps_it"], re.IGNORECASE)
_KEEPS_OLD = re.compile(_WORDS["keeps_old"], re.IGNORECASE)
_ORDINAL = re.compile(_WORDS["ordinal"], re.IGNORECASE)
_LAST = re.compile(_WORDS["last"], re.IGNORECASE)
_ONLY_PLACE = re.compile(_WORDS["only_place"], re.IGNORECASE)
_ALONE = re.compile(_WORDS["alone"], re.IGNORECASE)
_COUNT = re.compile(_WORDS["count"], re.IGNORECASE)
_ONLY_ALL = re.compile(_WORDS["only_all"], re.IGNORECASE)
_COUNTS = {
    **{char: number for number, char in enumerate("二三四五六七八九", 2)},
    **dict.fromkeys("两兩俩倆", 2),
    **{word: number for number, word in enumerate(("two", "three", "four", "five"), 2)},
    "both": 2,
}
_ORDINAL_WORDS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip
_NUMBER_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLACES = {
    **{char: place for place, char in enumerate("一二三四五六七八九", 1)},
    "两": 2,
    "十": 10,
    **{word: place for words in (_ORDINAL_WORDS, _NUMBER_WORDS) for place, word in enumerate(words, 1)},
}
_ALL = re.compile(_WORDS["all"], re.IGNORECASE)
#: Characters before a code in which its denial stands.
_LOOKS_BACK = 40


def denied_codes(text: str) -> list[str]:
    """The codes that are said not to be meant (not A2S4; 除了 A2S4 和 V4S5; A2S4 保留), upper case. Of several that are said in
    one breath the denial before the first is of all."""
    denied: list[str] = []
    end, goes_on = 0, False
    for found in codes.PATTERN.finditer(text):
        before = text[max(end, found.start() - _LOOKS_BACK) : found.start()]
        goes_on = _NOT_BEFORE.search(before) is not None or (goes_on and _AND.fullmatch(before) is not None)
        if goes_on or _NOT_BEHIND.match(text, found.end()):
            denied.append(found[0].upper())
        end = found.end()
    return denied


def follows_denied(text: str) -> bool:
    """Whether a code stands behind a denied one and nothing but a comma: not A2S4, V4S5. Either may be meant."""
    denied, last = set(denied_codes(text)), None
    for found in codes.PATTERN.finditer(text):
        between = text[last.end() : found.start()].strip() if last is not None else "-"
        if last is not None and last[0].upper() in denied and between in (",", "，", "", "/"):
            return True
        last = found
    return False


def place_of(text: str) -> int | None:
    """The place among several, soonest first, that is named (第二个, the second one): 1, 2 …; the last: -1. None: none."""
    if _LAST.search(text) is not None:
        return -1
    found = _ORDINAL.search(text)
    if found is None:
        return None
    spoken = found[1] or found[2].lower()
    return _PLACES[spoken] if spoken in _PLACES else int(spoken)


def place_alone(text: str) -> int | None:
    """The place below a list that is all a text says (the second, option two, 最后一个); the last: -1. None: it is none."""
    found = _ALONE.fullmatch(text.strip(" .!。！,，"))
    if found is None:
        return None
    spoken = next((one.lower() for one in found.groups() if one), "last")
    if spoken == "last":
        return -1
    return _PLACES[spoken] if spoken in _PLACES else int(spoken)


def says_only_place(reading: Reading) -> bool:
    """Whether nothing stays unread that may change which is meant, but for the place itself."""
    unread = [rest.text.strip() for rest in reading.rest if rest.weight is Weight.DANGEROUS]
    return all(_ONLY_PLACE.fullmatch(text) for text in unread)


def says_all(text: str) -> bool:
    return _ALL.search(text) is not None


def excepts(text: str) -> bool:
    """Whether those that are named are not meant, but the others are (除了周日的; keep Sunday, cancel the rest)."""
    return _EXCEPT.search(text) is not None


def cancels(text: str) -> bool:
    """Whether a cancellation is said in so many words."""
    return _CANCELS.search(text) is not None


def keeps_it(text: str) -> bool:
    """Whether a cancellation is not wanted, after all: 不用取消了."""
    return _KEEPS_IT.search(text) is not None


def behind_keeping(text: str) -> str:
    """What stands behind the words that a cancellation is not wanted; "" without them."""
    match = _KEEPS_IT.search(text)
    return text[match.end() :].lstrip("了吧啊呀哈 ,，.。!！") if match else ""


def keeps_old(text: str) -> bool:
    """Whether a wish for another time is taken back: 还是算了，不改了; keep the old one."""
    return _KEEPS_OLD.search(text) is not None


def means_all(reading: Reading) -> bool:
    """Whether all of them are meant, and nothing known is excepted: what was not read says no more than that."""
    unread = [rest.text.strip() for rest in reading.rest if rest.weight is Weight.DANGEROUS]
    return says_all(reading.text) and all(_ONLY_ALL.fullmatch(text) for text in unread)


def count_of(text: str) -> int | None:
    """How many are said to be meant: 两个都, both."""
    found = _COUNT.search(text)
    if found is None:
        return None
    spoken = (found[1] or found[2]).lower()
    return _COUNTS[spoken] if spoken in _COUNTS else int(spoken)


def is_former(text: str) -> bool:
    """Whether it speaks of an appointment of before: 把原来那个取消, "cancel the old one"."""
    return _FORMER.search(text) is not None

"""Facts told in a row beside a service or a first visit: "周四下午四点验光，水清，30，来过", "sat 3pm eye exam, jo finch, 42".

A whole piece of such a row that is two figures is an age; what stands right before an age, in letters alone and no common word,
is a name. Elsewhere a number is none, and a name looks like one or is said to be one.
"""

from __future__ import annotations

import re
from typing import Final

from imserver.plugins.booking.dates.text import MARKS

from .acts import Kind
from .bare_names import said_again
from .name_shapes import LITTLE, SINGLE, TIMELY, is_common, is_latin_name, is_name
from .page import Cover, Page
from .patterns import template
from .rest import is_harmless
from .values import number
from .word_lists import load_words

_FIGURES: Final = re.compile(
    "([1-9][0-9]|[二三四五六七八九]?十[一二三四五六七八九]?)(?:整|啦|了|咯|喇|周岁)?"
)
#: 纪元35岁, 我是林小棠22: a name and an age in one breath.
_HAN_BREATH: Final = re.compile(
    "(?:^|(?<=[ ,.!\x02]))(?:我是|我叫|本人|我)?([㐀-鿿]{2,3})(?:今年)?(?:([1-9][0-9])(?=$|[ ,.])|(?=\x02))"
)
#: 我施展啊.
_ME: Final = re.compile("^ ?我([㐀-鿿]{2,3}?)[啊呀哈哇]?[ .!]*$")
_SEX: Final = frozenset({"男", "女", "男的", "女的", "男士", "女士", "m", "f", "male", "female"})
_HAN_NAME: Final = re.compile("[\u3400-\u9fff]{2,4}")
_LATIN_NAME: Final = re.compile("[a-z][a-z'-]+(?: [a-z][a-z'.-]+){0,2}")
_BOTH: Final = re.compile("(?:这|那)?(?:两|俩|2)个?(?:预约)?都|(?<![a-z])both(?: of them)?(?![a-z])")
_PERSONAL: Final = ("service", "first", "name")
_VALUES: Final = frozenset({"day", "time", "range", "service", "age", "first", "phone", "shop", "person"})


def read_row(page: Page) -> None:
    """The age and the name of a row."""
    if not any(act.kind in (Kind.GIVE, Kind.CORRECT) and act.what in _PERSONAL for act in page.acts):
        return
    _read_breath(page)
    row = [piece for piece in _row(page) if not _says_sex(page, piece)]
    aged = next((place for place, piece in enumerate(row) if _says_age(page, piece)), None)
    if aged is None:
        aged = next(
            (place for place, piece in enumerate(row) if place and _is_bare_age(page, row, place)), None
        )
        if aged is None or page.has(Kind.GIVE, "age"):
            return
        start, end = row[aged]
        figures = _FIGURES.fullmatch(page.words[start:end])
        assert figures is not None
        page.take_act(Kind.GIVE, "age", number(figures[1]), (start, end))
    if aged and not page.has(Kind.GIVE, "name"):
        start, end = row[aged - 1]
        start = said_again(page, start, end)
        if _is_like_a_name(page.open[start:end]):
            page.take_act(Kind.GIVE, "name", page.typed(start, end), (start, end))


def _says_sex(page: Page, piece: tuple[int, int]) -> bool:
    """Whether a piece is 男 or "f": it stands between a name and an age, and says nothing else."""
    if page.words[slice(*piece)] not in _SEX:
        return False
    page.explain(*piece, Cover.NOTE)
    return True


def _read_breath(page: Page) -> None:
    """A Chinese name right before an age, or right behind 我."""
    if page.has(Kind.GIVE, "name"):
        return
    aged = page.has(Kind.GIVE, "age")
    for match in page.find(_HAN_BREATH):
        if not is_family_name(match[1]) or (match[2] and aged) or not (match[2] or aged):
            continue
        if match[2]:
            page.take_act(Kind.GIVE, "age", int(match[2]), match.span(2))
        page.take_act(Kind.GIVE, "name", page.typed(*match.span(1)), match.span(1))
        return
    for start, end in page.clauses:
        alone = _ME.match(page.open[start:end])
        if alone is not None and is_family_name(alone[1]):
            begin, finish = alone.span(1)
            page.take_act(
                Kind.GIVE, "name", page.typed(start + begin, start + finish), (start + begin, start + finish)
            )
            return


def is_family_name(text: str) -> bool:
    return is_name(text) and not (
        _NO_NAME.search(text) or is_harmless(text) or is_common(text) or TIMELY.search(text)
    )


#: A name and an age in one breath: "jordan 19 first time", not "room 22".
_BREATH: Final = template("row", "breath")
_WISHED: Final = frozenset(load_words("names")["wish_english"].split())
_COUNTED: Final = frozenset(load_words("names")["counted"].split())
#: Characters of words that begin as names do: 钱不多, 高度近视.
_NO_NAME: Final = re.compile(
    "[不没有要会是就都也还吃做看多少很太最再才眼镜光度片框钱元块店路楼号周月点岁年天时分]"
)


def read_loose_names(page: Page) -> None:
    """A name that nothing introduces, beside two values or more: "取镜。三点半。邱。", "sat 3pm collect, Okafor"."""
    given = {act.what for act in page.acts if act.kind in (Kind.GIVE, Kind.CORRECT)}
    if (
        given & {"name", "code"}
        or len(given & _VALUES) < 2
        or any(act.kind is Kind.QUESTION for act in page.acts)
    ):
        return
    for match in page.find(_BREATH):
        words = match[1].split()
        if (
            page.timed(*match.span())
            or any(word in _COUNTED for word in words)
            or not is_latin_name(match[1])
        ):
            continue
        page.take_act(Kind.GIVE, "name", page.typed(*match.span(1)), match.span(1))
        if not page.has(Kind.GIVE, "age"):
            page.take_act(Kind.GIVE, "age", int(match[2]), match.span(2))
        return
    for start, end in _unread_names(page):
        page.take_act(Kind.GIVE, "name", page.typed(start, end), (start, end))
        return
    for start, end in _row(page):
        if set(page.cover[start:end]) == {Cover.NOTHING} and _is_whole_name(page, start, end):
            page.take_act(Kind.GIVE, "name", page.typed(start, end), (start, end))
            return


_UNREAD: Final = re.compile("[^\x00-\x04]+")


def _unread_names(page: Page) -> list[tuple[int, int]]:
    """A name stuck to values: 验光王建国, "eye test Priya Nair", 张伟35岁. It ends the text, or who it is goes on behind."""
    left = page.unread(0, len(page.words))
    found = []
    for match in _UNREAD.finditer(left):
        start, end = _edges(match[0], match.start())
        text = page.words[start:end]
        if not text or page.timed(start, end) or not (_ends_text(page, end) or _personal_next(page, end)):
            continue
        if _HAN_NAME.fullmatch(text):
            if (
                len(text) < 4
                and is_name(text)
                and not (_NO_NAME.search(text) or is_harmless(text) or text[0] in LITTLE)
            ):
                found.append((start, end))
        elif " " in text and _is_signed(page, start, end) and is_latin_name(text) and not is_harmless(text):
            found.append((start, end))
    return found


def _is_signed(page: Page, start: int, end: int) -> bool:
    """Two words in capitals or three, none of which is a word of a wish."""
    words = page.typed(start, end).split()
    return 1 < len(words) < 4 and all(word[:1].isupper() and word.lower() not in _WISHED for word in words)


def _edges(text: str, start: int) -> tuple[int, int]:
    bare = text.strip(" ,.-:;()")
    begin = start + text.index(bare)
    return begin, begin + len(bare)


def _ends_text(page: Page, end: int) -> bool:
    return not page.words[end:].strip(" .!)")


def _personal_next(page: Page, end: int) -> bool:
    """Whether an age, a first visit or a telephone stands right behind."""
    behind = page.words[end:].lstrip(" ,(")
    if not behind:
        return False
    place = page.span(len(page.words) - len(behind), len(page.words)).start
    return any(
        act.what in ("age", "first", "phone") and any(one.start == place for one in act.spans)
        for act in page.acts
    )


def _is_whole_name(page: Page, start: int, end: int) -> bool:
    """A clause that is a name and no more: a Chinese one with its family name, a Latin one in capitals."""
    if start == 0 or page.timed(start, end) or (start, end) not in _whole_clauses(page):
        return False
    text = page.open[start:end]
    if _HAN_NAME.fullmatch(text):
        return len(text) < 4 and is_name(text) and not (_NO_NAME.search(text) or is_harmless(text))
    if len(text) == 1:
        return text in SINGLE and text not in LITTLE and not is_harmless(text)
    return (
        page.typed(start, end).istitle()
        and is_latin_name(text)
        and not is_harmless(text)
        and _ends_row(page, end)
        and not any(word in _COUNTED or word in _WISHED for word in text.split())
    )


def _ends_row(page: Page, end: int) -> bool:
    """Whether nothing comes behind, or an age, a first visit or a telephone."""
    behind = next((clause for clause in page.clauses if clause[0] >= end), None)
    if behind is None:
        return True
    span = page.span(*behind)
    return any(
        act.what in ("age", "first", "phone") and any(span.start <= one.start < span.end for one in act.spans)
        for act in page.acts
    )


def _whole_clauses(page: Page) -> list[tuple[int, int]]:
    found = []
    for start, end in page.clauses:
        text = page.words[start:end]
        found.append((start + len(text) - len(text.lstrip()), start + len(text.rstrip())))
    return found


def read_both(page: Page) -> None:
    """ "Cancel both" is of two."""
    if page.has(Kind.BEGIN, "cancel") and not page.has(Kind.GIVE, "number"):
        match = _BOTH.search(page.words)
        if match:
            page.add(Kind.GIVE, "number", 2, match.span())


def _row(page: Page) -> list[tuple[int, int]]:
    """The pieces, without blanks at their edges."""
    found = []
    for start, end in page.pieces:
        text = page.words[start:end]
        found.append((start + len(text) - len(text.lstrip()), start + len(text.rstrip())))
    return found


def _says_age(page: Page, piece: tuple[int, int]) -> bool:
    """Whether an age was read there."""
    start, end = piece
    span = page.span(start, end)
    ages = [act for act in page.acts if act.kind is Kind.GIVE and act.what == "age"]
    return any(span.start <= one.start < span.end for act in ages for one in act.spans)


def _is_bare_age(page: Page, row: list[tuple[int, int]], place: int) -> bool:
    """Two figures by themselves, right behind a name or something like one, or right before a first visit."""
    start, end = row[place]
    if not _FIGURES.fullmatch(page.open[start:end]):
        return False
    before = row[place - 1]
    named = any(
        act.what == "name" and act.spans and act.spans[-1].end <= page.span(start, end).start
        for act in page.acts
    )
    return (named and _is_read(page, before)) or _is_like_a_name(page.open[before[0] : before[1]])


def _is_read(page: Page, piece: tuple[int, int]) -> bool:
    return any(char in MARKS for char in page.open[piece[0] : piece[1]])


def _is_like_a_name(text: str) -> bool:
    """Letters alone, no common word, and nothing about time."""
    if not (_HAN_NAME.fullmatch(text) or (_LATIN_NAME.fullmatch(text) and is_latin_name(text))):
        return False
    doubled = len(text) == 2 and text[0] == text[1]  # 常常, 天天: as often a word
    return not (doubled or is_common(text) or is_harmless(text) or TIMELY.search(text))

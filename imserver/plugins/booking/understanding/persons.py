"""For whom it is, as a word of kin, and how many they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imserver.plugins.booking.dates.sieve import Several

from .acts import Kind
from .name_shapes import is_latin_name
from .names import REFERRED
from .page import Cover, Page
from .patterns import KIN, KIN_ENGLISH, template
from .word_lists import load_words

_WORDS: Final = load_words("names")
_TWO: Final = template("names", "two")
#: 另外帮我老公也约一个: one more, not somebody else.
_ANOTHER: Final = template("names", "another")
_BESIDE_CARD: Final = template("names", "beside_card")
_BOTH: Final = template("names", "both")
_PAIR_OF_NAMES: Final = template("names", "pair_of_names")
_CHILDREN: Final = re.compile("(?P<zh>娃|孩|宝)|kids|children|twins|boys|girls|sons|daughters")
_COUPLES: Final = template("names", "couples")
#: Who they are.
_PARTS: Final[dict[str, tuple[str, ...]]] = {word: tuple(parts) for word, parts in _WORDS["couples"].items()}
_OPENED: Final = template("names", "opened")
#: 女儿叫李小雨; 是我妈来; "my son Tom"; 陈静，我老婆.
_NAMED: Final = template("names", "named")
_ONLY: Final = re.compile(f"^ ?(?:是)?(?:我|她是我|他是我)(?:的)?(?P<kin>{KIN})[ .!]*$")
_PRONOUN: Final = template("names", "pronoun")
_PRONOUNS: Final = frozenset({"她", "他", "佢", "her", "him", "them"})
_SPOKEN: Final = re.compile(
    f"(?:我|俺|咱|^|(?<=[ ,.!]))(?:家|个|的)*(?P<kin>{KIN})|(?<![a-z])(?:my|our) (?P<kin_english>{KIN_ENGLISH})(?![a-z])"
)
_OWN: Final = template("names", "own")
_BESIDE: Final = template("names", "beside")
_AGE_BEHIND: Final = re.compile(",? ?[(]?[0-9]{1,2}[)]?(?= ?(?:$|[,.)]))")
_NOT_ME: Final = template("names", "not_me")
_COMPANY: Final = template("names", "company")
_NO_PERSON: Final = template("names", "no_person")
_RENAMED: Final = re.compile("(?:改|换|写|填|用|名字是)成?$")
_BEEN: Final = re.compile("(?<![a-z])(?:been|came|was|come here)(?![a-z])")
_NOT_AFTER: Final = template("names", "not_after")


_SPEAKS_OF_ANY: Final = Several(
    (
        _TWO,
        _ANOTHER,
        _BESIDE_CARD,
        _BOTH,
        _PAIR_OF_NAMES,
        _COUPLES,
        _OPENED,
        _NAMED,
        _ONLY,
        _PRONOUN,
        _OWN,
        _NOT_ME,
    )
)


def read_persons(page: Page, *, confirming: bool = False) -> tuple[str, ...]:
    """For whom it is, as a word of kin; the persons if there are several."""
    if not page.may_hold_any(_SPEAKS_OF_ANY):
        return ()
    people = _people(page, confirming=confirming)
    for match in page.find(_NOT_ME):
        me = match.span(match.lastgroup or 0)
        page.take_act(Kind.REFUSE, "person", page.typed(*me), match.span())
    for start, end in (*_opened(page), *_named(page)):
        _person(page, start, end)
    if not (page.has(Kind.GIVE, "person") or page.has(Kind.CORRECT, "person")):
        for start, end in (*_only(page), *_own(page))[:1] or _pronouns(page):
            _person(page, start, end)
    return people


def _opened(page: Page) -> Iterator[tuple[int, int]]:
    """帮我妈, 给儿子, "for my husband"; not "lunch with my mum"."""
    for match in page.find(_OPENED):
        begin, _ = page.clause_at(match.start())
        in_company = match[0].startswith("with") and _COMPANY.search(page.words[begin : match.start()])
        if (
            in_company
            or _NOT_AFTER.match(page.words[match.end() :].lstrip())
            or _excused(page, match.start())
        ):
            continue
        yield match.span("kin" if match["kin"] else "kin_english")


def _named(page: Page) -> Iterator[tuple[int, int]]:
    """女儿叫李小雨; 是我妈来; "my son Tom", where a name was read."""
    named = page.narrowed(_NAMED).finditer(page.words)
    for match in named if not REFERRED.search(page.words) else ():
        group = next(name for name in ("him", "instead", "who", "kin", "comes", "kin_english") if match[name])
        if group != "kin_english" or page.has(Kind.GIVE, "name"):
            yield match.span(group)


def _only(page: Page) -> Iterator[tuple[int, int]]:
    """陈静，我老婆: a clause beside a name."""
    if page.has(Kind.GIVE, "name") or page.has(Kind.CORRECT, "name"):
        for start, end in page.clauses:
            if match := _ONLY.match(page.words[start:end]):
                yield start + match.start("kin"), start + match.end("kin")


def _own(page: Page) -> Iterator[tuple[int, int]]:
    """我妈 beside an age, a service, what is moved: not 我妈说."""
    for match in page.find(_OWN):
        group = next(name for name in ("kin", "kin3", "kin_english", "start") if match[name])
        start, end = page.clause_at(match.start())
        behind = page.words[match.end() : end]
        renamed = (
            group == "kin" and behind.startswith("的") and _RENAMED.search(page.words[start : match.start()])
        )
        spoken_of = _excused(page, match.start()) or _NOT_AFTER.match(behind.lstrip())
        meant = (
            _BESIDE.search(behind)
            or _AGE_BEHIND.match(page.words, match.end())
            or page.words[match.start()] in "把改将"
        )
        if renamed or (meant and not spoken_of):
            yield match.span(group)


def _pronouns(page: Page) -> Iterator[tuple[int, int]]:
    for match in page.find(_PRONOUN):
        yield match.span("who" if match["who"] else "who_english")


def _person(page: Page, start: int, end: int) -> None:
    """A pronoun stands for the last one who was spoken of (我妈也去，给她也约一个)."""
    if page.words[start:end] in _PRONOUNS:
        spoken = [one for one in _SPOKEN.finditer(page.words[:start]) if one[0] not in _PRONOUNS]
        if spoken:
            start, end = spoken[-1].span("kin" if spoken[-1]["kin"] else "kin_english")
    corrects = page.has(Kind.REFUSE, "person")
    page.add(Kind.CORRECT if corrects else Kind.GIVE, "person", page.typed(start, end), (start, end))


def _excused(page: Page, start: int) -> bool:
    """听我妈说, 等我问问老公: somebody is spoken of, it is not for them."""
    begin, _ = page.clause_at(start)
    before = page.words[begin:start]
    return bool(_NO_PERSON.search(before) or _BEEN.search(before))


def _pair_of_names(page: Page) -> tuple[str, ...]:
    """女儿小雨8岁 儿子小风5岁, "both my kids, Tom and Mia": names count where they are written as such."""
    for match in page.narrowed(_PAIR_OF_NAMES).finditer(page.words):
        for kind in ("kin", "name", "aged"):
            if not match[f"{kind}_a"]:
                continue
            two = tuple(page.typed(*match.span(f"{kind}_{which}")) for which in "ab")
            if kind == "kin" or all(one[:1].isupper() and is_latin_name(one.lower()) for one in two):
                return two
    return ()


def _people(page: Page, *, confirming: bool = False) -> tuple[str, ...]:
    found = list(page.find(_ANOTHER))
    if confirming:
        found += page.narrowed(_BESIDE_CARD).finditer(page.words)
    for match in found:
        page.explain(*match.span(), Cover.HARMLESS)
        kin = next(
            name for name in ("kin", "kin_too", "kin_also", "kin_english") if match.groupdict().get(name)
        )
        return ("me" if kin == "kin_english" else "我", page.typed(*match.span(kin)))
    if pair := _pair_of_names(page):
        return pair
    for match in page.find(_TWO):
        groups = [group for group in range(1, (match.lastindex or 0) + 1) if match[group]]
        people = tuple(page.typed(*match.span(group)) for group in groups)
        page.explain(*match.span(), Cover.HARMLESS)
        for group in groups:
            if match[group] not in ("我", "me", "i", "myself"):
                page.add(Kind.GIVE, "person", page.typed(*match.span(group)), match.span(group))
        return people
    for match in page.find(_COUPLES):
        couple = match.span(match.lastgroup or 0)
        page.add(Kind.GIVE, "person", page.typed(*couple), couple)
        return _PARTS.get(page.words[slice(*couple)], ())
    for match in page.find(_BOTH):
        page.take(*match.span(), Cover.NOTE)
        if child := _CHILDREN.search(match[0]):  # whose name is not the customer's own
            page.add(Kind.GIVE, "person", "孩子" if child["zh"] else "child", match.span())
        return (match[0].strip(),)
    return ()

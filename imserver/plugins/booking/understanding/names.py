"""Names as acts: those that are said to be one, and, where one was asked or stands beside values, bare ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.sieve import Several

from .acts import Kind, Scene
from .bare_names import bare_answer, before_age, beside_values
from .lexicon import either
from .name_shapes import (
    COMMON,
    COMMON_ENGLISH,
    DOTTED_NAME,
    DOUBLE,
    GIVEN_TOO,
    KIN_SET,
    LATIN_NAME,
    LATIN_WORD,
    OFFICES,
    PARTICLES,
    SHORT_NAME,
    SINGLE,
    chinese_at,
    family,
    is_firm,
    is_han,
    is_latin_name,
    is_name,
    is_pet_name,
    trimmed,
)
from .page import Cover, Page
from .patterns import HAN, KIN, KIN_ENGLISH, TITLES, template
from .questions import TIMELY as SPEAKS_OF_TIME
from .questions import asks
from .word_lists import load_words

_WORDS: Final = load_words("names")
_INTRODUCED: Final = either(_WORDS["introduced"])
#: Only at a card is "put Priya Nair" about a name.
_INTRODUCED_AT_CARD: Final = re.compile(_WORDS["introduced_at_card"])
_SIGNED: Final = re.compile(_WORDS["signed"])
_INTRODUCED_CAPITAL: Final = either(
    (
        *_WORDS["introduced_capital"],
        f"(?<![a-z])(?:my|our) (?:{KIN_ENGLISH})(?:'s name is| is called|'s name)?,? ",
    )
)
_I_AM: Final = re.compile(f"(?:我[是系]|本人是?|这里是)([{HAN}]{{2,4}}?)[呀啊啦啰喇嘅㗎]?(?=$|[ ,.!\x02])")
_SURNAME: Final = re.compile(f"{_WORDS['surname_said']}([{HAN}])")
_TITLED: Final = re.compile(
    f"(?<![{HAN}])([{HAN}]{{1,3}})(?:{TITLES})(?![{HAN}])|([{HAN}]{{1,2}})(?:女士|先生|小姐|太太)"
)
#: Where the characters of a name are explained: 沈阳的沈, 弓张, 耳东陈.
_SPELT: Final = template("names", "spelt")
_SPELT_ENGLISH: Final = template("names", "spelt_english")
_WRONG: Final = re.compile(
    f"{_WORDS['wrong']}|[写填打串]错(?:咗)?(?:个)?名|个?名(?:唔啱|错咗|错[喇了])|{_WORDS['name_wrong']}"
)
#: 我不姓王, "my name isn't Smith".
_NOT_CALLED: Final = re.compile(
    f"(?:我|她|他|佢)?(?:不是|不|唔)(?:姓|叫)([{HAN}]{{1,4}})(?=$|[ ,.!])"
    "|(?<![a-z])(?:my )?(?:sur)?name(?: is not|'s not| isn't) ([a-z]+)(?=$|[ ,.!])"
)
_PAIR: Final = re.compile(
    f"[是系叫]([{HAN}]{{2,4}}?)(?:,? ?)(?:不是|唔系|不叫)([{HAN}]{{1,4}})"
    f"|(?:不是|唔系|不叫)([{HAN}]{{2,4}}?),? ?(?:而)?[是系叫]([{HAN}]{{2,4}})"
)
_NOT_SO: Final = re.compile(f" ?([{HAN}]{{2,4}}),? ?(?:不是|唔系)([{HAN}]{{2,4}})[ .!]*$")
_OF_NAME: Final = deferred("名字|姓名|名儿|(?<=错)名|个名|(?<![a-z])(?:sur)?name")
_FORMAL: Final = template("names", "formal")
_KIN_ROW: Final = template("names", "kin_row")


def read_name_behind(page: Page, start: int) -> None:
    """ "Book Nina Roth fri 4pm": the name in capitals that stands right behind a command."""
    if page.has(Kind.GIVE, "name"):
        return
    if lead := _LED.match(page.open, start):
        start = lead.end()
    found = _behind(page, start, capital=True)
    if found and not (is_han(page.words[found[0]]) and not is_name(page.words[slice(*found)])):
        page.take_act(Kind.GIVE, "name", page.typed(*found), found)


def read_names(page: Page, scene: Scene) -> None:
    """Names that are said to be one, and, where a name was asked, bare ones."""
    if not page.may_hold_any(_NAMING):
        _read_bare(page, scene, asked=scene.step == "name")
        return
    _spelling(page, scene)
    if match := next(page.find(_WRONG), None):
        page.take_act(Kind.REFUSE, "name", None, match.span())
    for match in page.find(_NOT_CALLED):
        page.take_act(Kind.REFUSE, "name", page.typed(*match.span(1 if match[1] else 2)), match.span())
    said = (
        list(_pairs(page, scene))
        or list(_put_right(page))
        or list(_named_as_a_month(page))
        or list(_said(page, scene))
    )
    said = [place for place in said if not _asked_about(page, scene, *place)]
    if said:
        _give(page, scene, *_concluded(page, said))
        return
    if _in_row_of_kin(page, scene):
        return
    asked = scene.step == "name" or page.narrowed(_OF_NAME).search(page.words) is not None
    _read_bare(page, scene, asked=asked)


def _read_bare(page: Page, scene: Scene, *, asked: bool) -> None:
    """A name that nothing introduces: where one was asked, or beside other values."""
    found = bare_answer(page) if asked else iter([*beside_values(page, scene), *before_age(page, scene)])
    place = next(found, None)
    if place is not None:
        _give(page, scene, *place)


def _concluded(page: Page, said: list[tuple[int, int]]) -> tuple[int, int]:
    """Of several names the one that is to be written: 同事都叫我阿凯，写全名何凯."""
    formal = [place for place in said if _FORMAL.search(page.words[: place[0]])]
    return formal[-1] if formal else said[0]


def _in_row_of_kin(page: Page, scene: Scene) -> bool:
    """妈 刘桂兰 67, "son Jake 9": kin, name and age without a verb."""
    if scene.staff or scene.step not in ("", "none", "name", "person"):
        return False
    for match in page.find(_KIN_ROW):
        name = match.span("han" if match["han"] else "latin")
        if match["latin"] and not (page.typed(*name).istitle() and is_latin_name(match["latin"])):
            continue
        if match["han"] and not (is_name(match["han"]) or is_pet_name(match["han"])):
            continue
        kin = match.span("kin" if match["kin"] else "kin_english")
        page.take_act(Kind.GIVE, "person", page.typed(*kin), kin)
        _give(page, scene, *name)
        group = "age" if match["age"] else "age_english"
        if match[group]:
            page.take_act(Kind.GIVE, "age", int(match[group]), match.span(group))
        return True
    return False


def _asked_about(page: Page, scene: Scene, start: int, end: int) -> bool:
    """ "Under Moira? No, Maura.": whether a name at a card is only said back."""
    if not scene.step.startswith("confirm") or not page.words[end : end + 2].lstrip().startswith("?"):
        return False
    page.take(start, end, Cover.DOUBT)
    return True


def _spelling(page: Page, scene: Scene) -> None:
    """How the characters of a name are written is no name: 沈阳的沈, 弓张, 不是立早章, "with a K"."""
    if scene.step == "name" or page.narrowed(_OF_NAME).search(page.words):
        for match in page.find(_SPELT_ENGLISH):
            page.take(*match.span(), Cover.NOTE)
        for match in page.find(_NOT_FIRST) if scene.step == "name" else ():
            page.take(*match.span(), Cover.NOTE)
    surname = page.search(_SURNAME)
    if surname is None and not page.search(_INTRODUCED):
        return
    start = surname.end() if surname else 0
    for match in list(page.narrowed(_SPELT).finditer(page.open, start)):
        if match.end() > match.start():
            page.take(*match.span())


_LED: Final = re.compile("[ :,]*(?:(?:in|for|down|客人|顾客)(?![a-z]))?[ :,]*")
#: "Not Steven, Stephen".
_NOT_FIRST: Final = re.compile("^ ?(?:it's |its |that's )?not [a-z'-]+(?= ?[,.])")
_NOT_ANOTHER: Final = re.compile(
    " ?,? ?(?:not|and not|instead of|rather than) [a-z'-]+(?: [a-z'-]+)?(?= ?(?:$|[,.!]))"
)
#: "So Anna": a conjunction is never of the name; nor is 得 of 豆豆得喇.
_JOINED: Final = re.compile("(?:so|and|but|or|then) (?=[a-z])")
_WILL_DO: Final = re.compile("得[喇啦嘞㗎咯]")
_SHORTEST_PET: Final = 2


def _give(page: Page, scene: Scene, start: int, end: int) -> None:
    start, end = trimmed(page.words, start, end)
    if joined := _JOINED.match(page.words, start, end):
        start = joined.end()
    if _WILL_DO.match(page.words, end - 1) and end - start > _SHORTEST_PET:
        end -= 1
    if (other := _NOT_ANOTHER.match(page.words, end)) and not SPEAKS_OF_TIME.search(other[0]):
        page.take(*other.span())
    corrects = page.has(Kind.REFUSE, "name") or scene.step.startswith("confirm")
    page.take_act(Kind.CORRECT if corrects else Kind.GIVE, "name", page.typed(start, end), (start, end))


def _pairs(page: Page, scene: Scene) -> Iterator[tuple[int, int]]:
    """名字…是林晓不是林小: the one that it is. At a card, which shows the name, 不是张三，是李四 is about nothing else."""
    if (both := _NOT_SO.match(page.open)) and is_name(both[1]) and is_name(both[2]):
        page.add(Kind.REFUSE, "name", both[2], (both.end(1), both.end()))
        yield both.span(1)
        return
    named = page.narrowed(_OF_NAME).search(page.words) or page.has(Kind.REFUSE, "name")
    confirming = scene.step.startswith("confirm")
    for match in page.find(_PAIR) if named or confirming else ():
        group = 1 if match[1] else 4
        other = match[2] or match[3]
        if family(match[group]) if named else is_firm(match[group]) and is_firm(other):
            page.take(*match.span())
            page.add(Kind.REFUSE, "name", other, match.span(2 if match[2] else 3))
            yield match.span(group)
            return


_RIGHT: Final = re.compile(f"[ ,.!]*(?:应该|其实|正确的|应)?[是叫系]([{HAN}]{{2,4}})(?=$|[ ,.!\x02])")


def _put_right(page: Page) -> Iterator[tuple[int, int]]:
    """名字打错了，是许糯: the name behind the words that the one before is wrong."""
    wrong = page.narrowed(_WRONG).search(page.words)
    match = _RIGHT.search(page.open, wrong.end()) if wrong is not None else None
    if match is not None and is_name(match[1]):
        page.take(match.start(), match.start(1), Cover.HARMLESS)
        yield match.span(1)


def _named_as_a_month(page: Page) -> Iterator[tuple[int, int]]:
    """June Parker, 30: a month is a first name where a family name is behind it, both with capitals, and nothing else."""
    for match in page.find(_MONTH_NAME):
        typed = page.typed(*match.span("name"))
        family_names = typed.casefold().split()[1:]
        common = any(word in COMMON_ENGLISH or SPEAKS_OF_TIME.search(word) for word in family_names)
        if typed.istitle() and not common:
            page.take(match.start(), match.start("name"), Cover.HARMLESS)
            yield match.span("name")
            return


def _said(page: Page, scene: Scene) -> Iterator[tuple[int, int]]:
    """Names behind the words that introduce one; the last that is said counts."""
    yield from _introduced(page, scene)
    for match in page.find(_I_AM):
        if is_name(match[1]):
            page.take(match.start(), match.start(1))
            yield match.span(1)
    for match in page.find(_SURNAME):
        name = match[1] + page.open[match.end(1) : match.end(1) + 1]
        end = match.end(1) + (name in DOUBLE)
        if name in DOUBLE or match[1] in SINGLE:
            page.take(match.start(), match.start(1))
            yield _whole_name(page, scene, match.start(1), end)
    for match in page.find(_TITLED):
        body = match[1] or match[2]
        if (
            family(body + "某")
            and body not in COMMON
            and f"{match[0]}" not in COMMON
            and not match[0].endswith(OFFICES)
        ):
            yield match.span()


def _introduced(page: Page, scene: Scene) -> Iterator[tuple[int, int]]:
    patterns = [(_INTRODUCED, False), (_INTRODUCED_CAPITAL, True)]
    if scene.step.startswith("confirm"):
        patterns.append((_INTRODUCED_AT_CARD, True))
    if scene.step in ("", "none", "name"):
        patterns.append((_SIGNED, True))
    for pattern, capital in patterns:
        for match in page.find(pattern):
            if match[0].lstrip().startswith(_CALL_ME) and _TOLD_ME.search(page.words[: match.start()]):
                continue  # 我姐叫我取消
            if _ASKED_ABOUT.fullmatch(match[0]) and asks(page, *page.clause_at(match.start())):
                continue
            found = _behind(
                page, match.end(), capital=capital, asked=scene.step == "name", named="name" in match[0]
            )
            if (
                found
                and _TOLD_TO.search(match[0])
                and page.words[found[0]] in _DOINGS
                and not is_firm(page.words[slice(*found)])
            ):
                continue
            if found and REFERRED.search(page.words) and not page.has(Kind.GIVE, "service"):
                if is_firm(page.words[slice(*found)]):
                    page.take(match.start(), found[1], Cover.NOTE)
                continue
            loose = match[0][:1] in "登写填记" and found and is_han(page.words[found[0]])
            if found and page.words[found[0]] == "姓" and family(page.words[found[0] + 1 : found[1]] + "某"):
                continue  # 真名，姓郁
            if found and not (loose and not is_firm(page.words[slice(*found)])):
                page.take(match.start(), found[0])
                yield _in_full(page, *found)


#: 我姐叫我取消: told to do something, and no name.
_TOLD_TO: Final = re.compile("叫我 ?$")
_DOINGS: Final = frozenset(_WORDS["doings"])
_TOLD_ME: Final = re.compile(
    f"(?:{KIN}|他|她|佢|你们?|医生|大夫|人家|谁|老师|学校|公司|单位)(?:们|都|又|刚才?|昨天|老是?|就|非要?)*$"
)
_CALL_ME: Final = ("叫我", "请叫我")
#: 报他名字打折吗: a name to be mentioned.
REFERRED: Final = re.compile("报(?:一?下)?(?:我|他|她|佢|你)?(?:的)?(?:大?名|号)|提(?:一?下)?(?:他|她)的?名")
#: "Is the name important?" tells none.
_ASKED_ABOUT: Final = re.compile("(?:my |the |her |his )?(?:sur)?name ?")


def _in_full(page: Page, start: int, end: int) -> tuple[int, int]:
    """ "It's O'Connor, Finn O'Connor": the longer one that ends with the first."""
    name = page.words[start:end]
    for begin, finish in page.clauses:
        begin, finish = trimmed(page.words, begin, finish)
        if (
            begin >= end
            and (
                page.words[begin:finish].endswith(f" {name}")
                or page.words[begin:finish].startswith(f"{name} ")
            )
            and is_latin_name(page.words[begin:finish])
        ):
            page.take(start, begin)
            return begin, finish
    return start, end


def _whole_name(page: Page, scene: Scene, start: int, end: int) -> tuple[int, int]:
    """我姓曾，曾国藩的曾，曾晓: the last piece behind that begins with the family name.

    Where a name was asked, also one before it, whatever word that is: 郁金香，真名，姓郁.
    """
    surname = page.words[start:end]
    pieces = [trimmed(page.words, *piece) for piece in reversed(page.pieces)]
    for behind in (True, False) if scene.step == "name" else (True,):
        for begin, finish in pieces:
            if (begin >= end) is not behind:
                continue
            whole = PARTICLES.sub("", page.open[begin:finish])
            if (
                whole.startswith(surname)
                and SHORT_NAME.fullmatch(whole)
                and len(whole) - len(surname) in (1, 2)
            ):
                page.take(start, end)
                return begin, begin + len(whole)
    return start, end


def _behind(
    page: Page, start: int, *, capital: bool, asked: bool = False, named: bool = False
) -> tuple[int, int] | None:
    """The name that begins at `start`, if there is one. `named`: it is said to be a name."""
    text = page.open
    while start < len(text) and text[start] in " :,\"“'":
        start += 1
    if dotted := DOTTED_NAME.match(text, start):
        return dotted.span()
    if found := chinese_at(text, start):
        return found
    latin = LATIN_NAME.match(text, start)
    if named and latin is not None and (day := _NAMED_AS_A_DAY.match(page.typed(start, latin.end()))):
        return start, start + day.end()
    if latin is None or (capital and not page.typed(start, start + 1).isupper()):
        return None
    if capital and latin[0].split()[0] in _MONTHS:
        return None
    end = start
    for word in LATIN_WORD.finditer(text, start, latin.end()):
        plain = word[0].rstrip(".")
        if plain in COMMON_ENGLISH or plain in KIN_SET or (end > start and text[end : word.start()].strip()):
            first = end == start and (not capital or asked or plain in GIVEN_TOO) and plain not in _NO_NAMES
            if (first or (asked and end > start)) and page.typed(*word.span())[:1].isupper():
                end = word.end()
                continue
            aged = end > start and plain not in _NO_NAMES and _AGE_NEXT.match(text, word.end())
            if aged and page.typed(*word.span()).istitle():  # "for Mark Day, 33"
                end = word.end()
            break
        end = word.end()
        if word[0].endswith(".") and len(plain) > 2 and "." not in plain:
            break
    return (start, end) if end > start else None


_AGE_NEXT: Final = re.compile(r" ?[,(] ?[1-9][0-9](?![0-9:.])")
#: "My name is Sunday Oliseh": a word of a day with a capital, a family name behind it, and nothing more.
_NAMED_AS_A_DAY: Final = re.compile(
    r"(?:Sun|Mon|Tues|Wednes|Thurs|Fri|Satur)day(?: (?!(?:Morning|Afternoon|Evening|At|Please|Next)\b)[A-Z][a-z'-]+)?$"
)
_MONTH_NAME: Final = template("names", "month_name")
_MONTHS: Final = frozenset(_WORDS["months"].split())
_NO_NAMES: Final = frozenset(_WORDS["never_names"].split())
#: Where none of these can match no name is introduced, put right or spelt.
_NAMING: Final = Several(
    (
        _INTRODUCED, _INTRODUCED_AT_CARD, _SIGNED, _INTRODUCED_CAPITAL, _I_AM, _SURNAME, _TITLED, _SPELT_ENGLISH,
        _NOT_FIRST, _WRONG, _NOT_CALLED, _PAIR, _NOT_SO, _OF_NAME, _KIN_ROW, _MONTH_NAME,
    )
)  # fmt: skip

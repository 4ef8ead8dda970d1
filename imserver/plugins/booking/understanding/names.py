"""Names and persons: a name is one only when it looks like one or is said to be one; for whom it is, and how many they are.

A name may not be a common word, whatever its first character; a day is not one, 周一帆 is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from imserver.plugins.booking.dates.deferred import deferred

from .acts import Kind, Scene
from .lexicon import either
from .page import Cover, Page
from .patterns import HAN, KIN, KIN_ENGLISH, TITLES, template
from .questions import TIMELY as SPEAKS_OF_TIME
from .questions import asks, asks_in_words
from .word_lists import load_words

_WORDS: Final = load_words("names")
_FAMILIES: Final = load_words("family_names")
SINGLE: Final = frozenset("".join(_FAMILIES["single"]) + _FAMILIES["common_now"])
DOUBLE: Final = frozenset(_FAMILIES["double"])
COMMON: Final = frozenset(_WORDS["common"].split())
COMMON_ENGLISH: Final = frozenset(_WORDS["common_english"].split())
_WISH_ENGLISH: Final = frozenset(_WORDS["wish_english"].split())
_NEVER: Final = frozenset(_WORDS["never_inside"])
_ENDS: Final = re.compile("|".join(_WORDS["ends"]))

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
_OFFICES: Final = ("老师", "医生", "师傅", "经理", "店长")
#: Behind a family name that is an everyday word these make no name: 都可以, 能不能.
_EVERYDAY: Final = COMMON | frozenset(_WORDS["everyday"].split())
_PET: Final = re.compile(
    f"^(?:阿[a-z]{{2,10}}|(?:小|老|阿)([{HAN}])|([{HAN}])\\2|([{HAN}]{{1,2}})(?:{TITLES}))$"
)
#: 小时, 小孩, 阿姨: words that begin as pet names do.
_LITTLE_THINGS: Final = frozenset(
    "时心孩学店姐哥弟妹区票气型数额声路子儿童组说事偷便狗猫伙腿鸟朋众写姨公婆爸妈"
)
#: Where the characters of a name are explained: 沈阳的沈, 弓张, 耳东陈.
_SPELT: Final = template("names", "spelt")
_SPELT_ENGLISH: Final = template("names", "spelt_english")
_RUN: Final = re.compile(f"[{HAN}]{{1,8}}")
#: 李家豪呀, 陈小丽啰.
_PARTICLES: Final = re.compile(f"(?:(?<=[{HAN}]{{2}})|(?<=[a-z]{{2}}))[呀啊啦啰咯喔哦嘅㗎哈呢吧嘞唻哩喽喇]+$")
#: 没开玩笑，真叫这个: so even an everyday word is the name.
_INSISTED: Final = template("names", "insisted")
_SHORT: Final = re.compile(f"[{HAN}]{{2,4}}|阿[a-z]{{2,10}}")
_SPACED: Final = re.compile(f" ?([{HAN}]) ([{HAN}]{{1,2}}) ?")
_PET_BEGINS: Final = re.compile(
    f"(?:[{HAN}]{{1,2}}(?:{TITLES})|[小老阿][{HAN}](?![{HAN}]{{1,2}}(?:$|[ ,]))|([{HAN}])\\1)"
)
_DIGIT: Final = re.compile("[0-9]")
_NUMBER_NEXT: Final = re.compile(" ?[0-9]{1,2}(?![0-9:])")
_LATIN: Final = re.compile(
    "[a-z\u00c0-\u024f][a-z\u00c0-\u024f'.\u2019-]*(?: [a-z\u00c0-\u024f][a-z\u00c0-\u024f'.\u2019-]*){0,4}"
)
_WORD: Final = re.compile("[a-z\u00c0-\u024f'\u2019.-]+")
_DOTTED: Final = re.compile(f"[{HAN}]{{1,8}}(?:[·•・‧][{HAN}]{{1,8}}){{1,3}}")
_WEEKDAY: Final = re.compile(
    "周[一二三四五六日天末]($|[上下中早晚傍夜全都也吧行可得有没不去来过约号的,和或到之后前内见再休空0-9]|[一二两三四五六七八九十]+[点时号])"
)
TIMELY: Final = re.compile(
    "[今明后昨前每][天日早晚年]|[上下中]午|[早晚]上|周[一二三四五六日天末]|星期|礼拜|[一二两三四五六七八九十0-9]+[点号月日]"
)
#: Family names that are everyday words: before a day they are no name.
LITTLE: Final = frozenset(
    "从那能和都别时后明全向有相年空单双平常安万成计干高利通包连管查步应解终言代付次迟区楼母南"
)
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
_TWO: Final = template("names", "two")
#: 另外帮我老公也约一个: one more, not somebody else.
_ANOTHER: Final = template("names", "another")
_BESIDE_CARD: Final = template("names", "beside_card")
_BOTH: Final = template("names", "both")
_PAIR_OF_NAMES: Final = template("names", "pair_of_names")
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


# ----------------------------------------------------------------------------------------------------------------- shapes


@cache
def is_common(name: str) -> bool:
    """Whether it is a word of everyday speech, or begins or ends as none of the names do."""
    return name in COMMON or any(char in _NEVER for char in name[1:]) or name[0] in "不没我你您他她这"


def is_han(char: str) -> bool:
    """Whether it is a Chinese character."""
    return "\u3400" <= char <= "\u9fff"


def family(name: str) -> int:
    """The length of the family name that a name begins with, 0 if none."""
    if name[:2] in DOUBLE and len(name) > 2:
        return 2
    return 1 if name[:1] in SINGLE else 0


def is_name(name: str) -> bool:
    """Two to four Chinese characters that begin with a family name and are no common word."""
    length = family(name)
    if not length or not length < len(name) <= length + 2 + (name[1:2] in SINGLE) or is_common(name):
        return False
    if _WEEKDAY.match(name) or name.endswith(_OFFICES) or (len(name) > 2 and name[:2] in COMMON):
        return False
    if name[0] in LITTLE and name[length:] in _EVERYDAY:
        return False
    little = name[0] in LITTLE and TIMELY.match(name[1:])
    return not little and (name[0] == "周" or not TIMELY.match(name[:2]))


def _pet(name: str) -> bool:
    """小谭, 豆豆, 王女士."""
    match = _PET.match(name)
    if match is None or name in COMMON or any(char in _NEVER for char in name):
        return False
    if not any(match.groups()):  # 阿May
        return True
    if match[2]:
        return match[2] not in "好对嗯是行哈谢来看等试想天多早慢常刚"
    if match[1] and name[0] != "老":
        return match[1] not in _LITTLE_THINGS
    family_name = match[1] or match[3]
    return family_name[:1] in SINGLE or family_name[:2] in DOUBLE


# ---------------------------------------------------------------------------------------------------------------- reading


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
    _spelling(page, scene)
    if match := next(page.find(_WRONG), None):
        page.take_act(Kind.REFUSE, "name", None, match.span())
    for match in page.find(_NOT_CALLED):
        page.take_act(Kind.REFUSE, "name", page.typed(*match.span(1 if match[1] else 2)), match.span())
    said = (
        list(_pairs(page))
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
    if scene.step == "name" or page.narrowed(_OF_NAME).search(page.words):
        for start, end in _bare(page):
            _give(page, scene, start, end)
            return
    else:
        for start, end in (*_beside(page, scene), *_before_age(page, scene)):
            _give(page, scene, start, end)
            return


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
        if match["han"] and not (is_name(match["han"]) or _pet(match["han"])):
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
    start, end = _trimmed(page.words, start, end)
    if joined := _JOINED.match(page.words, start, end):
        start = joined.end()
    if _WILL_DO.match(page.words, end - 1) and end - start > _SHORTEST_PET:
        end -= 1
    if (other := _NOT_ANOTHER.match(page.words, end)) and not SPEAKS_OF_TIME.search(other[0]):
        page.take(*other.span())
    corrects = page.has(Kind.REFUSE, "name") or scene.step.startswith("confirm")
    page.take_act(Kind.CORRECT if corrects else Kind.GIVE, "name", page.typed(start, end), (start, end))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in " ,.:\"'“”":
        start += 1
    while end > start and text[end - 1] in " ,.:\"'“”-":
        end -= 1
    return start, end


def _pairs(page: Page) -> Iterator[tuple[int, int]]:
    """名字…是林晓不是林小: the one that it is."""
    if (both := _NOT_SO.match(page.open)) and is_name(both[1]) and is_name(both[2]):
        page.add(Kind.REFUSE, "name", both[2], (both.end(1), both.end()))
        yield both.span(1)
        return
    if not (page.narrowed(_OF_NAME).search(page.words) or page.has(Kind.REFUSE, "name")):
        return
    for match in page.find(_PAIR):
        group = 1 if match[1] else 4
        other = match[2] or match[3]
        if family(match[group]):
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
            and not match[0].endswith(_OFFICES)
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
            found = _behind(page, match.end(), capital=capital, asked=scene.step == "name")
            if (
                found
                and _TOLD_TO.search(match[0])
                and page.words[found[0]] in _DOINGS
                and not _firm(page.words[slice(*found)])
            ):
                continue
            if found and _REFERRED.search(page.words) and not page.has(Kind.GIVE, "service"):
                if _firm(page.words[slice(*found)]):
                    page.take(match.start(), found[1], Cover.NOTE)
                continue
            loose = match[0][:1] in "登写填记" and found and is_han(page.words[found[0]])
            if found and page.words[found[0]] == "姓" and family(page.words[found[0] + 1 : found[1]] + "某"):
                continue  # 真名，姓郁
            if found and not (loose and not _firm(page.words[slice(*found)])):
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
_REFERRED: Final = re.compile("报(?:一?下)?(?:我|他|她|佢|你)?(?:的)?(?:大?名|号)|提(?:一?下)?(?:他|她)的?名")


#: "Is the name important?" tells none.
_ASKED_ABOUT: Final = re.compile("(?:my |the |her |his )?(?:sur)?name ?")


def _firm(name: str) -> bool:
    """Whether a name stands without words that say so: 写沈括, not 写一下."""
    return is_name(name) or _pet(name)


def _in_full(page: Page, start: int, end: int) -> tuple[int, int]:
    """ "It's O'Connor, Finn O'Connor": the longer one that ends with the first."""
    name = page.words[start:end]
    for begin, finish in page.clauses:
        begin, finish = _trimmed(page.words, begin, finish)
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
    pieces = [_trimmed(page.words, *piece) for piece in reversed(page.pieces)]
    for behind in (True, False) if scene.step == "name" else (True,):
        for begin, finish in pieces:
            if (begin >= end) is not behind:
                continue
            whole = _PARTICLES.sub("", page.open[begin:finish])
            if whole.startswith(surname) and _SHORT.fullmatch(whole) and len(whole) - len(surname) in (1, 2):
                page.take(start, end)
                return begin, begin + len(whole)
    return start, end


def _behind(page: Page, start: int, *, capital: bool, asked: bool = False) -> tuple[int, int] | None:
    """The name that begins at `start`, if there is one."""
    text = page.open
    while start < len(text) and text[start] in " :,\"“'":
        start += 1
    if dotted := _DOTTED.match(text, start):
        return dotted.span()
    if found := _chinese(text, start):
        return found
    latin = _LATIN.match(text, start)
    if latin is None or (capital and not page.typed(start, start + 1).isupper()):
        return None
    if capital and latin[0].split()[0] in _MONTHS:
        return None
    end = start
    for word in _WORD.finditer(text, start, latin.end()):
        plain = word[0].rstrip(".")
        if plain in COMMON_ENGLISH or plain in _KIN_SET or (end > start and text[end : word.start()].strip()):
            first = end == start and (not capital or asked) and plain not in _NO_NAMES
            if (first or (asked and end > start)) and page.typed(*word.span())[:1].isupper():
                end = word.end()
                continue
            break
        end = word.end()
        if word[0].endswith(".") and len(plain) > 2 and "." not in plain:
            break
    return (start, end) if end > start else None


#: Family names that are everyday words, but never a whole answer.
_SHORT_FAMILIES: Final = frozenset("单时明年包管查解言计双车连干")
_ANSWERS: Final = frozenset("好对嗯是行要可中得强红高方花许应谈解余")
_LONGEST: Final = 40
_KIN_SET: Final = frozenset(_WORDS["kin_english"].split())
_MONTH_NAME: Final = template("names", "month_name")
_AGAIN: Final = template("names", "again")
_MONTHS: Final = frozenset(_WORDS["months"].split())
#: What a sentence begins with, and no name.
_OPENINGS: Final = frozenset(_WORDS["openings"].split())
_NO_NAMES: Final = frozenset(_WORDS["never_names"].split())


def _chinese(text: str, start: int) -> tuple[int, int] | None:
    """A Chinese name that begins at `start`: it ends where no name goes on."""
    run = _RUN.match(text, start)
    if run is None or not is_han(run[0][0]):
        return None
    body = run[0]
    if _WEEKDAY.match(body):
        return None
    pet = _PET_BEGINS.match(body)
    longest = 2 + (family(body) or 1)
    if pet and pet[1] and len(body) > 2 and body[2] not in _NEVER and not _ENDS.match(body, 2):
        pet = None  # 泡泡糖 is no 泡泡
    if pet and (family(pet[0]) or pet[0][0] in "小老阿" or pet[1]):
        return start, start + pet.end()
    end = 1
    while end < min(longest, len(body)) and body[end] not in _NEVER and not _ENDS.match(body, end):
        end += 1
    name = body[:end]
    if (
        (name in COMMON and not (name == body and family(name)))
        or name[0] in _NEVER
        or (end == 1 and (not family(name) or (name in LITTLE and len(body) > 1)))
        or (name[0] != "周" and TIMELY.match(name))
    ):
        return None
    if not family(name) and end > 3:
        return None
    return start, start + end


def _bare(page: Page) -> Iterator[tuple[int, int]]:
    """The answer to "what is your name?": a clause, or the first piece of one, that looks like a name."""
    latin: list[tuple[int, int]] = []
    spaced = _SPACED.fullmatch(page.open)
    if spaced and is_name(spaced[1] + spaced[2]):
        yield spaced.start(1), spaced.end(2)
        return
    insisted = _INSISTED.search(page.words) is not None
    for start, end in page.pieces:
        if asks_in_words(page.words[start:end]):
            continue
        start, end = _trimmed(page.words, start, end)
        start = said_again(page, start, end)
        short = _PARTICLES.sub("", page.open[start:end].rstrip("\x02 "))
        if not short:
            continue
        alone = len(page.pieces) == 1
        if _looks_like_one(short, alone=alone) or (insisted and _SHORT.fullmatch(short) and family(short)):
            yield start, start + len(short)
        elif is_latin_name(short) or (alone and _is_titled(page.typed(start, start + len(short)))):
            latin.append((start, start + len(short)))
    said = [clause for clause in page.clauses if page.open[slice(*clause)].strip("\x02 ")]
    if latin and len(said) <= 3:
        yield max(latin, key=lambda place: len(page.words[place[0] : place[1]].split()))


def said_again(page: Page, start: int, end: int) -> int:
    """Where a name begins behind 还是, 又是, "again": these are no part of it."""
    match = _AGAIN.match(page.open, start, end)
    if match is None or match.end() == end:
        return start
    page.take(start, match.end(), Cover.HARMLESS)
    return match.end()


def _looks_like_one(text: str, *, alone: bool) -> bool:
    """A Chinese name, one with a dot, one of another script; a family name if nothing else is said."""
    if alone and text in SINGLE:
        return (text not in LITTLE or text in _SHORT_FAMILIES) and text not in _ANSWERS
    if _SHORT.fullmatch(text) and (is_name(text) or _pet(text)):
        return True
    return _DOTTED.fullmatch(text) is not None or _of_another_script(text)


def _is_titled(typed: str) -> bool:
    """ "Sat Nam Singh": written as a name, whatever its first words mean, if its last one is no common word."""
    words = typed.split()
    return (
        2 <= len(words) <= 4
        and all(word[:1].isupper() and word.isalpha() for word in words)
        and words[0].lower() not in _OPENINGS
        and words[-1].lower() not in COMMON_ENGLISH | _KIN_SET | _WISH_ENGLISH
    )


def _of_another_script(text: str) -> bool:
    return (
        1 < len(text) <= _LONGEST
        and all(char.isalpha() or char in " '-." for char in text)
        and not any(is_han(char) or "a" <= char <= "z" for char in text)
    )


def is_latin_name(text: str) -> bool:
    """One to four words of Latin letters, none of them a common one ("april" alone is a name)."""
    if not _LATIN.fullmatch(text) or not 1 < len(text) <= _LONGEST:
        return False
    words = [word.strip(".'") for word in text.split(" ")]
    return not any(word in COMMON_ENGLISH or word in _KIN_SET for word in words)


def _beside(page: Page, scene: Scene) -> Iterator[tuple[int, int]]:
    """A name without a word before it, where none was asked: 李三 明天三点, "Joel, 44", 罗小虎 13900005566."""
    whole = len(page.pieces)
    for index, (start, end) in enumerate(page.pieces):
        text = page.open[start:end]
        if (
            whole > 1
            and len(text) < 4
            and text[:1] not in LITTLE
            and _SHORT.fullmatch(text)
            and is_name(text)
        ):
            before = page.words[max(0, start - 1)] if start else ""
            if before in ("", " ") and (scene.staff or _has_value(page, page.pieces, index)):
                yield start, end
        elif (
            whole > 1
            and scene.step in ("", "none")
            and (signed := _of_latin(page, page.pieces, index))
            and (signed[1] - signed[0] < end - start or _aged(page, page.pieces, index) or _wished(page))
        ):
            yield signed


def _has_value(page: Page, pieces: Sequence[tuple[int, int]], index: int) -> bool:
    """Whether a time or a figure stands right beside a piece."""
    near = [pieces[place] for place in (index - 1, index + 1) if 0 <= place < len(pieces)]
    return any(
        TIMELY.search(page.words[start:end]) or _DIGIT.search(page.words[start:end]) for start, end in near
    )


_CAPITALS_AGE: Final = template("names", "capitals_age")
#: A name with the age behind it: "jordan 19", "Fiona McAllister-Reid (56)".
_WITH_AGE: Final = re.compile(f" ?(?P<name>{_LATIN.pattern}) {_WORDS['age_behind']}")


def _of_latin(page: Page, pieces: Sequence[tuple[int, int]], index: int) -> tuple[int, int] | None:
    """The name in Latin letters that a piece is, or begins with if an age follows."""
    start, end = pieces[index]
    text = page.open[start:end].rstrip("\x02 (")
    end = start + len(text)
    if match := _WITH_AGE.match(text):
        if _is_no_wish(match["name"]) and int(match["age"]) > 2:
            return start + match.start("name"), start + match.end("name")
        return None
    if not _is_no_wish(text.strip()):
        return None
    if _signed(page, pieces, index) or (
        index and page.typed(start, end).istitle() and _aged(page, pieces, index)
    ):
        return start, end
    return None


def _before_age(page: Page, scene: Scene) -> Iterator[tuple[int, int]]:
    """ "Eye test friday 3pm Tom Hardy 34": one or two words in capitals before a number that is no time."""
    if scene.step not in ("", "none"):
        return
    for match in page.find(_CAPITALS_AGE):
        words = list(_WORD.finditer(page.open, match.start(), match.end("name")))
        while words and not (page.typed(*words[0].span())[:1].isupper() and _is_no_wish(words[0][0])):
            words.pop(0)
        if words and all(page.typed(*word.span())[:1].isupper() and _is_no_wish(word[0]) for word in words):
            yield words[0].start(), words[-1].end()


def _is_no_wish(text: str) -> bool:
    """A name in Latin letters, none of whose words is one of a wish."""
    return is_latin_name(text) and not any(word.strip(".'") in _WISH_ENGLISH for word in text.split(" "))


def _wished(page: Page) -> bool:
    """Whether the text says when or what for: who wishes stands beside it."""
    return SPEAKS_OF_TIME.search(page.words) is not None or len(page.pieces) > 2


def _signed(page: Page, pieces: Sequence[tuple[int, int]], index: int) -> bool:
    """Whether a piece is written as a name among values: two words in capitals, or one that is no word of a wish."""
    start, end = pieces[index]
    typed = page.typed(start, end).strip()
    words = [word for word in re.split("[ -]", typed) if word]
    if not typed or not all(word[:1].isupper() for word in words) or (typed.isupper() and len(words) == 1):
        return False
    if len(words) > 1:
        return index > 0 or _aged(page, pieces, index)
    before = page.words[:start].rstrip(" ")[-1:]
    last = index == len(pieces) - 1
    return index > 0 and (last or before in (",", ":", "-") or page.words[end : end + 1] == ",")


def _aged(page: Page, pieces: Sequence[tuple[int, int]], index: int) -> bool:
    start, end = pieces[index + 1] if index + 1 < len(pieces) else (0, 0)
    return _NUMBER_NEXT.match(page.words[start:end]) is not None


# ---------------------------------------------------------------------------------------------------------------- persons


def read_persons(page: Page, *, confirming: bool = False) -> tuple[str, ...]:
    """For whom it is, as a word of kin; the persons if there are several."""
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
    for match in named if not _REFERRED.search(page.words) else ():
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


def is_kin(word: str) -> bool:
    """Whether a word of an age band is one for a person as well."""
    return word in _KIN_SET or word in _WORDS["kin"]


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
        page.take(*match.span())
        return (match[0].strip(),)
    return ()

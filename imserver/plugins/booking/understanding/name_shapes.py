"""What looks like a name: family names, pet names, names in Latin letters and other scripts; no common word is one.

A name may not be a common word, whatever its first character; a day is not one, 周一帆 is. Pure functions of text.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from .patterns import HAN, TITLES
from .word_lists import load_words

_WORDS: Final = load_words("names")
_FAMILIES: Final = load_words("family_names")
SINGLE: Final = frozenset("".join(_FAMILIES["single"]) + _FAMILIES["common_now"])
DOUBLE: Final = frozenset(_FAMILIES["double"])
COMMON: Final = frozenset(_WORDS["common"].split())
COMMON_ENGLISH: Final = frozenset(_WORDS["common_english"].split())
GIVEN_TOO: Final = frozenset(_WORDS["given_too"].split())
"""Common words that are first names where they have a capital and a family name."""
_WISH_ENGLISH: Final = frozenset(_WORDS["wish_english"].split())
_NEVER: Final = frozenset(_WORDS["never_inside"])
_ENDS: Final = re.compile("|".join(_WORDS["ends"]))
OFFICES: Final = ("老师", "医生", "师傅", "经理", "店长")
#: Behind a family name that is an everyday word these make no name: 都可以, 能不能.
_EVERYDAY: Final = COMMON | frozenset(_WORDS["everyday"].split())
_PET: Final = re.compile(
    f"^(?:阿[a-z]{{2,10}}|(?:小|老|阿)([{HAN}])|([{HAN}])\\2|([{HAN}]{{1,2}})(?:{TITLES}))$"
)
#: 小时, 小孩, 阿姨: words that begin as pet names do.
_LITTLE_THINGS: Final = frozenset(
    "时心孩学店姐哥弟妹区票气型数额声路子儿童组说事偷便狗猫伙腿鸟朋众写姨公婆爸妈"
)
_RUN: Final = re.compile(f"[{HAN}]{{1,8}}")
#: 李家豪呀, 陈小丽啰.
PARTICLES: Final = re.compile(f"(?:(?<=[{HAN}]{{2}})|(?<=[a-z]{{2}}))[呀啊啦啰咯喔哦嘅㗎哈呢吧嘞唻哩喽喇]+$")
SHORT_NAME: Final = re.compile(f"[{HAN}]{{2,4}}|阿[a-z]{{2,10}}")
_PET_BEGINS: Final = re.compile(
    f"(?:[{HAN}]{{1,2}}(?:{TITLES})|[小老阿][{HAN}](?![{HAN}]{{1,2}}(?:$|[ ,]))|([{HAN}])\\1)"
)
LATIN_NAME: Final = re.compile(
    "[a-z\u00c0-\u024f][a-z\u00c0-\u024f'.\u2019-]*(?: [a-z\u00c0-\u024f][a-z\u00c0-\u024f'.\u2019-]*){0,4}"
)
LATIN_WORD: Final = re.compile("[a-z\u00c0-\u024f'\u2019.-]+")
DOTTED_NAME: Final = re.compile(f"[{HAN}]{{1,8}}(?:[·•・‧][{HAN}]{{1,8}}){{1,3}}")
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
    if _WEEKDAY.match(name) or name.endswith(OFFICES) or (len(name) > 2 and name[:2] in COMMON):
        return False
    if name[0] in LITTLE and name[length:] in _EVERYDAY:
        return False
    little = name[0] in LITTLE and TIMELY.match(name[1:])
    return not little and (name[0] == "周" or not TIMELY.match(name[:2]))


def is_pet_name(name: str) -> bool:
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


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A place in a text without the blanks, stops and quotes at its ends."""
    while start < end and text[start] in " ,.:\"'“”":
        start += 1
    while end > start and text[end - 1] in " ,.:\"'“”-":
        end -= 1
    return start, end


def is_firm(name: str) -> bool:
    """Whether a name stands without words that say so: 写沈括, not 写一下."""
    return is_name(name) or is_pet_name(name)


#: Family names that are everyday words, but never a whole answer.
_SHORT_FAMILIES: Final = frozenset("单时明年包管查解言计双车连干")
_ANSWERS: Final = frozenset("好对嗯是行要可中得强红高方花许应谈解余")
_LONGEST: Final = 40
KIN_SET: Final = frozenset(_WORDS["kin_english"].split())
#: What a sentence begins with, and no name.
_OPENINGS: Final = frozenset(_WORDS["openings"].split())


#: 何不, 李不凡: given names, where nothing else stands behind; not 李不约.
_GIVEN_NOT: Final = re.compile("不[^约来去要行想用能好对是会得改换验配做买看订定排取退有没在了吧吗呢啊]?")


def chinese_at(text: str, start: int) -> tuple[int, int] | None:
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
    if end == 1 and family(body) and _GIVEN_NOT.fullmatch(body, 1):
        end = len(body)
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


def looks_like_one(text: str, *, alone: bool) -> bool:
    """A Chinese name, one with a dot, one of another script; a family name if nothing else is said."""
    if alone and text in SINGLE:
        return (text not in LITTLE or text in _SHORT_FAMILIES) and text not in _ANSWERS
    if SHORT_NAME.fullmatch(text) and (is_name(text) or is_pet_name(text)):
        return True
    return DOTTED_NAME.fullmatch(text) is not None or _of_another_script(text)


def is_titled(typed: str) -> bool:
    """ "Sat Nam Singh": written as a name, whatever its first words mean, if its last one is no common word."""
    words = typed.split()
    return (
        2 <= len(words) <= 4
        and all(word[:1].isupper() and word.isalpha() for word in words)
        and words[0].lower() not in _OPENINGS
        and words[-1].lower() not in COMMON_ENGLISH | KIN_SET | _WISH_ENGLISH
    )


def _of_another_script(text: str) -> bool:
    return (
        1 < len(text) <= _LONGEST
        and all(char.isalpha() or char in " '-." for char in text)
        and not any(is_han(char) or "a" <= char <= "z" for char in text)
    )


def is_latin_name(text: str) -> bool:
    """One to four words of Latin letters, none of them a common one ("april" alone is a name)."""
    if not LATIN_NAME.fullmatch(text) or not 1 < len(text) <= _LONGEST:
        return False
    words = [word.strip(".'") for word in text.split(" ")]
    return not any(word in COMMON_ENGLISH or word in KIN_SET for word in words)


def is_no_wish(text: str) -> bool:
    """A name in Latin letters, none of whose words is one of a wish."""
    return is_latin_name(text) and not any(word.strip(".'") in _WISH_ENGLISH for word in text.split(" "))


def is_kin(word: str) -> bool:
    """Whether a word of an age band is one for a person as well."""
    return word in KIN_SET or word in _WORDS["kin"]

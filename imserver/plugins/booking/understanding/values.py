"""Values that are neither times nor names: codes, telephones, ages and birthdays, versions, the number of a button."""

from __future__ import annotations

import re
from datetime import date
from itertools import islice
from typing import Final

from imserver.plugins.booking.dates.numerals import CN_DIGITS, EN_ONES, EN_TENS
from imserver.plugins.booking.dates.sieve import Several
from imserver.plugins.booking.dates.text import ASIDE_MARK
from imserver.plugins.booking.schedule import codes

from .acts import Kind, Scene
from .lexicon import Lexicon
from .page import Cover, Page
from .patterns import CLAUSE_END as _END
from .patterns import CN_NUMERALS as _CN
from .patterns import NUMBER as _NUM
from .patterns import template, templates
from .word_lists import load_words

_CN_CODE: Final = {char: str(value) for char, value in CN_DIGITS.items()} | {"幺": "1"}

#: A code of the shop's own form, or said with Chinese digits between its letters.
_CODE: Final = (
    codes.PATTERN,
    re.compile(r"(?<![a-z0-9])[a-hj-np-z][二两三四五六七八九][a-hj-np-z][二两三四五六七八九2-9](?![a-z0-9])"),
)
#: Any other letters and digits that may be a code, where the text speaks of one.
_SPOKEN: Final = template("values", "spoken")
_LIKE_CODE: Final = re.compile(
    r"(?<![a-z0-9])(?=[a-z]{0,5}[0-9])(?=[0-9]{0,5}[a-z])(?![0-9]+(?:st|nd|rd|th|am|pm|hrs?|ish|ans|yrs?|min|mins|yo)(?![a-z0-9]))[a-hj-np-z2-9]{4}(?![a-z0-9])"
)
#: 改约 M3PX 到周四: the word leads from the code to the time.
_CODE_TO: Final = re.compile("\x02 ?(?P<to>改?到|换到|挪到|to(?![a-z]))(?= ?[^ 店了货])")
#: K7M2 错了 M4P9, "K7M2, no, M4P9": the last one counts, and the word of denial is about the first.
_CODE_PUT_RIGHT: Final = template("values", "code_put_right")
#: "K 7 M 2 I think": a word of one letter behind the signs.
_LONE_WORD: Final = re.compile(" [ia] ?$")
_SHORTEST: Final = 4
_COMMANDED: Final = template("values", "commanded")
_VERSION: Final = re.compile(r"(?<![a-z0-9])v([0-9]{1,9})(?![a-z0-9])")
_PHONE: Final = template("values", "phone")
_ABROAD: Final = re.compile(r"(?<![0-9+.-])\+[0-9]{1,3}(?:[ -]?[0-9]{2,4}){2,5}(?![0-9:.])")
_BARE_PHONE: Final = re.compile(r"(?<![0-9+.-])[0-9](?:[ -]?[0-9]){6,14}(?![0-9:.])")
_SAID_PHONE: Final = re.compile("[幺零〇一二两三四五六七八九](?:[ -]?[幺零〇一二两三四五六七八九]){6,12}")
_PHONE_LEAD: Final = template("values", "phone_lead")
_CHANGED: Final = re.compile("[改换错]")
_ENGLISH_PHONE: Final = template("values", "phone_english")
_FIGURE: Final = {word: str(value) for value, word in enumerate(EN_ONES)} | {
    "oh": "0",
    "o": "0",
    "nought": "0",
    "nil": "0",
}
_TIMES_SAID: Final = {"double": 2, "triple": 3, "treble": 3}
_PLAIN: Final = re.compile(" ?([1-9][0-9]?) ?")
#: "jordan 19 first time", "Fiona (56)", "ruth abara, 67": right behind what was taken for the name.
_BEHIND_NAME: Final = template("values", "behind_name")
_SPELT_AGE: Final = re.compile(
    " ?((?:twenty|thirty|forty|fifty|sixty|seventy|eighty)(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?) ?"
)
_BRACKETED: Final = re.compile("\x02 ?[(] ?(?:aged? |)([1-9][0-9]?) ?[)]")
_EXTENSION: Final = re.compile(r" ?(?:转|分机|ext\.?|x) ?[0-9]{1,5}(?![0-9点:])")
_NO_PHONE: Final = template("values", "no_phone")

_YEARS: Final = Several(templates("values", "years"))
_PAIR: Final = re.compile(
    f"(?:(?<!不)是({_NUM})岁?,? ?不是({_NUM})岁?|不是({_NUM})岁?,? ?(?:而)?是({_NUM})岁?|"
    f"({_NUM})岁,? ?(?:不是|唔系|not )({_NUM})岁?)(?![0-9点号:.月日分楼路]| ?[ap]m)"
)
#: Whoever goes to school is of this age, as far as the bands are concerned.
_PUPIL: Final = 10
#: A smaller number alone may be a clock time.
_HOURS: Final = 13
_PENSIONER: Final = 70
_OLDEST: Final = 120
_OF_AGE: Final = re.compile("年龄|岁|年纪|(?<![a-z])age")
_OVER: Final = re.compile(
    "(?<![0-9])([1-9][0-9]) ?(?:[+]|以上)|(?<![a-z])(?:over|above|older than|past) ([1-9][0-9])(?![0-9])"
)
_BOUND: Final = re.compile(f"({_NUM}) ?岁(?:及|或)?以([上下])")
_ABOUT: Final = template("values", "about")
_DECADES: Final = ("twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties")
#: Said of oneself where an age is asked: 奔五了, "retired", 大学生. The years stand for the band that they are in.
_ROUGHLY: Final = tuple((re.compile(one["of"]), one["years"]) for one in load_words("names")["roughly"])
_SCHOOL: Final = template("values", "school")
_RETIRED: Final = re.compile(
    "(?<![a-z])(?:an? )?(?:pensioner|oap|senior citizen|retiree|retired|bus pass age)(?![a-z])|退休"
)
_BIRTHDAY: Final = template("values", "birthday")
_BORN: Final = re.compile("生(?!意|产|鲜)|(?<![a-z])born|birthday|dob")
_BORN_ENGLISH: Final = re.compile(
    r"(?<![a-z])(?:born|dob)(?: in| on|:)? ?(?:[0-9]{1,2}[/.-]){0,2}((?:19|20)[0-9]{2})(?![0-9])"
)

_ORDINAL: Final = re.compile(
    f"(?:选|要|就|点)?第 ?([0-9]{{1,2}}|[一二两三四五六七八九十]{{1,2}}) ?(?:个|项|家|种|条|行)?(?:吧|的|啊)?{_END}"
    f"|(?<![a-z])(?:the )?(first|second|third|fourth|fifth|1st|2nd|3rd|4th|5th) (?:one|option|slot)(?![a-z])"
    f"(?! (?:you|u|they) (?:show|g[ai]v|offer|said|sent|had))"
    f"|(?:选|option|number|no\\.?|#) ?([0-9]{{1,2}}){_END}"
)
_PART_BEFORE: Final = re.compile("(?:[上下]午|[下上]昼|早上|晚上|中午|朝早|夜晚|天|周.|号|早|晚)(?:的|嗰)?$")
#: Said where a day was asked, they are one.
_HOLIDAYS: Final = frozenset({"十一", "五一", "六一", "七一", "八一"})
_BARE: Final = template("values", "bare")
#: A number by itself, and words beside which it is no age: the only one of an answer is the age that was asked.
_LONE: Final = re.compile("(?:^|(?<=[ ,!.~(]))([1-9][0-9])(?=[ .!~)]*$)")
#: 30 第一次: what is asked next stands behind it.
_BEFORE_VISIT: Final = re.compile(
    "^ ?([1-9][0-9]?)[ ,]+(?=我?(?:是|不是|以前|之前)*(?:第一次|首次|初次|头一[次回]|没?[来去]过|first|been))"
)
_NOT_LONE: Final = re.compile(
    "[?？不没唔前后年月日号点]|(?<![a-z])(?:not|no|ago|when|was|were|years?|months?|at|since|in|on|next|until|n't|he|his|her)(?![a-z])|n't"
)
_NEVER_BEEN: Final = template("values", "never_been")
_BEEN_BEFORE: Final = template("values", "been_before")
_PUT_RIGHT: Final = template("values", "age_put_right")
_NOT_SAID: Final = template("values", "age_not_said")
_MONTHS_OLD: Final = template("values", "months_old")
_YEAR_SAID: Final = template("values", "year_said")
_GENERATION: Final = template("values", "generation")
#: What a single figure may be of, other than an age.
_NO_AGE: Final = template("values", "no_age")
_ANY_FIGURE: Final = re.compile(
    f"(?<![0-9a-z.])(?:[1-9][0-9]?|[廿卅卌][{_CN}]?|[{_CN}]{{2,5}})(?![0-9a-z.%])"
)
_ANY_NUMBER: Final = re.compile(f"[0-9]+|[廿卅卌{_CN}]+")
_BABY: Final = 1
#: "thirty next week", "nearly 40", "63 and a half".
_ASKED_ENGLISH: Final = template("values", "asked_english")
_SEVERAL: Final = template("values", "several")
_AFTER_COMMAND: Final = re.compile("^ ?/?(?:取消|改约|改期|cancel|move) ?([0-9]{1,2})[ .!。]*$")
_LISTED: Final = re.compile(r"^ ?([0-9]{1,2}) ?[.、)] ?(?=[^0-9 ])")
_ORDINALS: Final = {
    word: place
    for place, words in enumerate(
        (("first", "1st"), ("second", "2nd"), ("third", "3rd"), ("fourth", "4th"), ("fifth", "5th")), 1
    )
    for word in words
}
#: Steps that ask with numbered buttons.
NUMBERED: Final = frozenset({"", "service", "shop", "day", "slot", "first_visit", "confirm", "confirm_again"})


def number(text: str) -> int:
    """Figures, a Chinese numeral below 200, an English number word."""
    if text.isascii() and text.isdigit():
        return int(text)
    if text[0] in _CN:
        text = text.replace("有", "").replace("廿", "二十").replace("卅", "三十").replace("卌", "四十")
        hundreds, sign, rest = text.rpartition("百")
        tens, ten, ones = rest.partition("十")
        value = 100 * (CN_DIGITS.get(hundreds, 1) if sign else 0)
        if ten:
            return (
                value
                + 10 * CN_DIGITS.get(tens, 1 if not tens else int(_digits(tens) or 0))
                + int(_digits(ones) or 0)
            )
        return value + int(_digits(rest) or 0)
    english = {word: value for value, word in enumerate(EN_ONES)} | EN_TENS | {"seventy": 70, "eighty": 80}
    return sum(english.get(word, 0) for word in text.replace("-", " ").split())


def _digits(text: str) -> str:
    return "".join(_CN_CODE.get(char, char) for char in text)


_CODES: Final = Several((_CODE_PUT_RIGHT, *_CODE, _SPOKEN, _LIKE_CODE, _CODE_TO, _VERSION))
_PHONES: Final = Several((_NO_PHONE, _ABROAD, _PHONE, _BARE_PHONE, _SAID_PHONE, _ENGLISH_PHONE))


def read_codes(page: Page, *, spoken_of: bool) -> None:
    """Codes of appointments and orders, and the version that a button's command carries."""
    if page.may_hold_any(_CODES):
        _read_codes(page, spoken_of=spoken_of)


def _read_codes(page: Page, *, spoken_of: bool) -> None:
    for match in page.find(_CODE_PUT_RIGHT):
        page.take(*match.span(), Cover.HARMLESS)
    for pattern in _CODE:
        for match in page.find(pattern):
            page.take_act(Kind.GIVE, "code", _digits(match[0]).upper(), match.span())
    for match in page.find(_SPOKEN):
        spelt = _LONE_WORD.sub("", match[1]) if len(match[1].replace(" ", "")) > _SHORTEST else match[1]
        code = spelt.replace(" ", "")
        if not code.isalpha() and not code.isdigit() and len(code) in (4, 5, 6):
            page.take_act(Kind.GIVE, "code", code.upper(), (match.start(1), match.start(1) + len(spelt)))
    if spoken_of or _COMMANDED.match(page.words):
        for match in page.find(_LIKE_CODE):
            page.take_act(Kind.GIVE, "code", match[0].upper(), match.span())
    for match in page.find(_LIKE_CODE):  # M3PX in capitals is meant for one
        if page.typed(*match.span()).isupper() and not page.has(Kind.GIVE, "code"):
            page.take_act(Kind.GIVE, "code", match[0].upper(), match.span())
    for match in page.find(_CODE_TO):
        page.sheet.blank(*match.span("to"), ASIDE_MARK)
        page.explain(*match.span("to"), Cover.HARMLESS)
    for match in page.find(_VERSION):
        page.take_act(Kind.GIVE, "version", int(match[1]), match.span())


def read_phones(page: Page, step: str) -> None:
    """Telephone numbers, as figures with the plus if there was one."""
    if not page.may_hold_any(_PHONES):
        return
    for match in page.find(_NO_PHONE):
        page.take_act(Kind.REFUSE, "phone", None, match.span())
    for pattern in (_ABROAD, _PHONE, *((_BARE_PHONE,) if step == "phone" else ())):
        for match in page.find(pattern):
            figures = "".join(char for char in match[0] if char.isdigit() or char == "+")
            if not 9 <= len(figures.lstrip("+")) <= 15 and step != "phone":
                continue
            extension = _EXTENSION.match(page.open, match.end())
            lead = _PHONE_LEAD.search(page.open[: match.start()])
            start = lead.start() if lead else match.start()
            corrects = lead is not None and _CHANGED.search(lead[0])
            page.take_act(
                Kind.CORRECT if corrects else Kind.GIVE,
                "phone",
                figures,
                (start, extension.end() if extension else match.end()),
            )
    for match in page.find(_SAID_PHONE):
        figures = "".join(char for char in _digits(match[0]) if char.isdigit())
        if len(figures) == 11 or step == "phone":
            page.take_act(Kind.GIVE, "phone", figures, match.span())
    for match in page.find(_ENGLISH_PHONE):
        figures = _dictated(match[0])
        if 9 <= len(figures) <= 15 or (step == "phone" and len(figures) > 6):
            page.take_act(Kind.GIVE, "phone", figures, match.span())


def _dictated(text: str) -> str:
    """ "Oh double seven nine" is 0779."""
    figures, many = "", 1
    for word in text.replace("-", " ").split():
        if word in _TIMES_SAID:
            many = _TIMES_SAID[word]
        else:
            figures, many = figures + many * (word if word.isdigit() else _FIGURE.get(word, "")), 1
    return figures


def read_first(page: Page, step: str) -> None:
    """What answers "is it your first visit?" and says so nowhere else: "new", 应该没有."""
    if step != "first_visit":
        return
    for pattern, value in ((_BEEN_BEFORE, False), (_NEVER_BEEN, True)):
        if match := pattern.search(page.open):
            page.take_act(Kind.GIVE, "first", value, match.span())
            return


_AGES: Final = Several((_ABOUT, _PAIR, _BOUND, _SEVERAL, *_YEARS.patterns))


def read_ages(page: Page, scene: Scene, lexicon: Lexicon) -> None:
    """Ages: said, said about, by school, by a birthday; a bare number where an age was asked."""
    asked = scene.step == "age"
    if asked:
        _first_of_all(page, scene.now.date(), lexicon)
    _birthdays(page, scene.now.date(), asked=asked)
    if page.may_hold_any(_AGES):
        _anywhere(page, lexicon, corrects=scene.step.startswith("confirm"), asked=asked)
    elif asked:
        _roughly(page, lexicon)
    if asked:
        _asked_age(page, lexicon)
        _only_figure(page)


def _anywhere(page: Page, lexicon: Lexicon, *, corrects: bool, asked: bool) -> None:
    """What is an age whatever was asked: 五十多, 30岁以下, 8岁."""
    for match in page.find(_ABOUT):
        page.take_act(Kind.GIVE, "age", lexicon.band_of(_about(match)), match.span())
    for match in page.find(_PAIR) if corrects or _OF_AGE.search(page.words) else ():
        page.take_act(Kind.CORRECT, "age", number(match[1] or match[4] or match[5]), match.span())
    if asked:
        _roughly(page, lexicon)
    for match in page.find(_BOUND):
        page.take_act(Kind.GIVE, "age", lexicon.band_of(number(match[1]) - (match[2] == "下")), match.span())
    for match in page.find(_SEVERAL):
        for group in (1, 2):
            page.add(Kind.GIVE, "age", number(match[group]), match.span(group))
        page.take(match.start(1), match.end(2))
    for said in page.among(_YEARS):
        for match in page.find(said):
            if _is_age(match[1]):
                page.take_act(Kind.GIVE, "age", number(match[1]), match.span())


def _roughly(page: Page, lexicon: Lexicon) -> None:
    """奔五了, "retired", 大学生."""
    for pattern, years in _ROUGHLY:
        for match in page.find(pattern) if not page.has(Kind.GIVE, "age") else ():
            page.take_act(Kind.GIVE, "age", lexicon.band_of(years), match.span())


def _first_of_all(page: Page, today: date, lexicon: Lexicon) -> None:
    """Where an age was asked: what is not told, an age put right, months, a year in words, 85后."""
    for match in page.find(_NOT_SAID):
        page.take_act(Kind.REFUSE, "age", None, match.span())
    for match in page.find(_PUT_RIGHT):
        years = match["age"] or match["said"]
        if _is_age(years):
            page.take_act(Kind.GIVE, "age", number(years), match.span())
    for match in page.find(_MONTHS_OLD):
        page.take_act(Kind.GIVE, "age", lexicon.band_of(_BABY), match.span())
    for match in page.find(_YEAR_SAID):
        year = _full_year(_digits(match["year"] or match["figures"]), today)
        if 1900 < year <= today.year:
            page.take_act(Kind.GIVE, "age", today.year - year, match.span())
    for match in page.find(_GENERATION):
        year = _full_year(_digits(match[1] + match[2]), today)
        page.take_act(Kind.GIVE, "age", lexicon.band_of(max(1, today.year - year - 3)), match.span())


def _only_figure(page: Page) -> None:
    """今年本命年36, "same as you'd guess, 38": of a text the only figure, if it counts nothing else."""
    if page.has(Kind.GIVE, "age") or _NO_AGE.search(page.words):
        return
    figures = list(_ANY_FIGURE.finditer(page.open))
    if len(figures) == 1 and len(_ANY_NUMBER.findall(page.words)) == 1 and _is_age(figures[0][0]):
        page.take_act(Kind.GIVE, "age", number(figures[0][0]), figures[0].span())
        page.explain(0, len(page.words), Cover.NOTE)


def _asked_age(page: Page, lexicon: Lexicon) -> None:
    """What is an age only where one was asked: 30, 45+, 小学二年级."""
    for match in page.find(_OVER):
        page.take_act(Kind.GIVE, "age", lexicon.band_of(int(match[1] or match[2])), match.span())
    for start, end in page.clauses:
        if (said := _ASKED_ENGLISH.match(page.open[start:end])) and not page.has(Kind.GIVE, "age"):
            page.take_act(Kind.GIVE, "age", number(said[1]), (start, end))
        bare = _BARE.match(page.open[start:end])
        if bare and _is_age(bare[1]) and not page.has(Kind.GIVE, "age"):
            page.take_act(Kind.GIVE, "age", number(bare[1]), (start, end))
    for match in islice(page.find(_BEFORE_VISIT), 1) if not page.has(Kind.GIVE, "age") else ():
        page.take_act(Kind.GIVE, "age", number(match[1]), match.span(1))
    if not page.has(Kind.GIVE, "age") and not _NOT_LONE.search(page.words):
        for match in islice(page.find(_LONE), 1):
            page.take_act(Kind.GIVE, "age", number(match[1]), match.span(1))
    for match in page.find(_SCHOOL):
        if not page.has(Kind.GIVE, "age"):
            page.take_act(Kind.GIVE, "age", lexicon.band_of(_PUPIL), match.span())
    for match in page.find(_RETIRED):
        if not page.has(Kind.GIVE, "age"):
            page.take_act(Kind.GIVE, "age", lexicon.band_of(_PENSIONER), match.span())


def _is_age(text: str) -> bool:
    return 0 < number(text) <= _OLDEST


def read_age_behind_name(page: Page) -> None:
    """ "John Smith, 34", "John Smith (34)": a bare number behind a name is an age."""
    if not (page.has(Kind.GIVE, "name") or page.has(Kind.CORRECT, "name")) or page.has(Kind.GIVE, "age"):
        return
    for match in page.find(_BRACKETED):
        page.take_act(Kind.GIVE, "age", int(match[1]), match.span())
        return
    for start, end in page.clauses:
        plain = _PLAIN.fullmatch(page.open[start:end])
        if plain and int(plain[1]) < _HOURS and page.open[:start].rstrip(" ,.")[-1:] != ASIDE_MARK:
            continue  # "sat. 4. collect. Moss."
        if words := _SPELT_AGE.fullmatch(page.open[start:end]):
            page.take_act(Kind.GIVE, "age", number(words[1]), (start, end))
            return
        bare = plain or _BEHIND_NAME.search(page.open[start:end])
        if bare:
            page.take_act(
                Kind.GIVE, "age", int(bare[bare.lastindex or 1]), (start + bare.start(), start + bare.end())
            )
            return


def _birthdays(page: Page, today: date, *, asked: bool) -> None:
    if not (asked or page.search(_BORN)):
        return
    for match in page.find(_BIRTHDAY):
        year = _full_year(match[1] or match[4], today)
        month, day = int(match[2] or 1), int(match[3] or 1)
        if not (1 <= month <= 12 and 1 <= day <= 31 and 1900 < year <= today.year):
            continue
        later = match[2] is not None and (month, day) > (today.month, today.day)
        page.take_act(Kind.GIVE, "age", today.year - year - later, match.span())
        return
    for match in page.find(_BORN_ENGLISH):
        page.take_act(Kind.GIVE, "age", today.year - int(match[1]), match.span())


def _full_year(text: str, today: date) -> int:
    year = int(text)
    return year if year > 99 else year + (2000 if year <= today.year % 100 else 1900)


def _about(match: re.Match[str]) -> int:
    """Somewhere inside a decade: 五十多 is about 55, 三十出头 about 32."""
    if match[1]:
        text = match[0]
        return number(match[1]) + (2 if "出头" in text else 7 if "好几" in text else 5)
    decade = match[5]
    tens = int(decade[0]) if decade[0].isdigit() else _DECADES.index(decade) + 2
    return 10 * tens + {"early": 2, "late": 8}.get((match[3] or match[4] or "").strip(), 5)


def read_number(page: Page, scene: Scene) -> None:
    """The number of a button, where buttons with numbers were shown."""
    if scene.step not in NUMBERED:
        return
    if match := _AFTER_COMMAND.match(page.open):
        page.take_act(Kind.GIVE, "number", int(match[1]), match.span(1))
        return
    if match := _LISTED.match(page.open):
        page.take_act(Kind.GIVE, "number", int(match[1]), match.span())
        return
    if match := _BARE.match(page.open):
        if "ish" in match[0]:
            return  # an hour
        if scene.step == "day" and match[0].strip() in _HOLIDAYS:
            return
        if (not match[1].isalpha() or match[1][0] in _CN) and number(match[1]) < 100:
            page.take_act(Kind.GIVE, "number", number(match[1]), match.span())
        return
    for match in page.find(_ORDINAL):
        if _PART_BEFORE.search(page.open[: match.start()]):
            continue  # 下午第一个: the first of the afternoon
        said = match[1] or match[3]
        page.take_act(Kind.GIVE, "number", number(said) if said else _ORDINALS[match[2]], match.span())

"""Text that only looks like a time: telephones, ages, lenses, prices, codes. It is set aside before any rule runs."""

from __future__ import annotations

import re
from typing import Final

from .rules import ALONE as UNTAILED
from .rules import CN, EN_NUM, NUM
from .sieve import Sieve, grams_on
from .text import ASIDE_MARK, Sheet

ALONE: Final = f"{UNTAILED}(?<![周期拜])"
"""Before a number that is counted: 周五人多不多 is about Friday."""

TELEPHONES: Final = (
    r"(?<![0-9])(?:0[0-9]{2,3}-[0-9]{7,8}|1[3-9][0-9][ -][0-9]{4}[ -][0-9]{4})(?![0-9])",
    r"(?<![0-9])\(?[0-9]{3}\)?[ -][0-9]{3}-[0-9]{4}(?![0-9])",
    # eight figures that begin like a year may be a date
    r"(?<![0-9])(?:1[3-9][0-9]{9}|0[0-9]{9,11}|(?!19|20)[0-9]{7,8}|[0-9]{17}[0-9x])(?![0-9])",
    r"\+[0-9]{1,3}[ -]?(?=[0-9])",
)
COUNTS: Final = (
    f"(?:今年 ?)?(?:[0-9]{{1,3}}|{CN}) ?岁半?|(?:今年|小学|初中|高中)?[一二三四五六七八九1-9] ?年级",
    "(?:aged? )?[0-9]{1,2}(?: ?(?:yo|y/o)(?![a-z])|[ -](?:years?|yrs?)[ -]olds?)|(?<![a-z])aged? [0-9]{1,2}",
    f"{ALONE}{NUM} ?(?:个 ?)?(?:人(?!民)|大人|孩子|小孩|老人|朋友|[位名口副](?!于))",
    f"(?<![a-z0-9])(?:[0-9]{{1,2}}|{EN_NUM}) (?:people|persons?|adults?|kids?|child(?:ren)?|pairs?|boxes|of us)(?![a-z])",
    (
        f"第 ?{NUM} ?(?:[次位副家]|个(?! ?(?:周|星期|礼拜)))|(?<![a-z0-9])(?:first|second|third|1st|2nd|"
        f"3rd) (?:time|visit|pair|exam|appointment|floor)"
    ),
    f"{ALONE}{NUM} ?(?:号 ?)?(?:[楼层店线房]|诊室)|(?<![a-z])(?:room|floor|desk) [0-9]{{1,4}}(?![0-9:])",
    r"[¥$€£] ?[0-9]{1,6}(?:\.[0-9]{1,2})?|[0-9]{1,6}(?:\.[0-9]{1,2})? ?(?:元|块钱?|(?:yuan|rmb)(?![a-z]))",
    r"(?:订单|单号|尾号|会员号?|编号|order|(?<![a-z])no\.) ?#?[0-9]{3,12}",
)
LENSES: Final = (
    r"(?<![0-9])[+-][0-9]{1,2}\.[0-9]{2}(?:/[+-]?[0-9]{1,2}\.[0-9]{2})?(?: ?[x×*] ?[0-9]{1,3})?",
    "(?:近视|远视|散光|老花|度数|轴位?) ?[0-9]{1,4} ?度?|(?<![0-9])[0-9]{2,4} ?度",
    "(?<![a-z])(?:pd|axis) ?[0-9]{1,3}(?![0-9])",
    r"视力 ?[0-9]\.[0-9]|1\.[5-7][0-9]? ?(?:折射率|镜片)|折射率 ?1\.[5-7][0-9]?|20/20 ?vision",
    r"(?<![点分半刻0-9])左右[两双]?[眼镜]|(?:半年|双周|两周|[日周月季年])抛",
)
ASIDES: Final = tuple(map(re.compile, (*TELEPHONES, *COUNTS, *LENSES)))
"""Text that is set aside before any rule runs. It stays in the leftover."""
_SIEVE: Final = Sieve(ASIDES)


def set_aside(sheet: Sheet) -> None:
    """Blank out what cannot be a time; it stays in the leftover."""
    for number in grams_on(sheet).passed(_SIEVE):
        for match in tuple(ASIDES[number].finditer(sheet.text)):
            sheet.blank(*match.span(), ASIDE_MARK)

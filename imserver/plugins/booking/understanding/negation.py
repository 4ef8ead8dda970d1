"""What looks like a refusal or a time and is none, and the templates by which a value is refused or put right."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from imserver.plugins.booking.dates.text import ASIDE_MARK, Sheet

FALSE_REFUSALS: Final = re.compile(
    "能不能|可不可以|行不行|好不好|要不要|对不对|是不是|有没有|方不方便|不好意思|对不起|没问题|没关系|没事|不客气|不见不散|"
    "不错|要不(?!是)|不如|差不多|说不定|不只|不光|(?<![a-z])(?:no (?:problem|rush|worries)|why not)(?![a-z])"
)
NOTES: Final = re.compile("(?:工号|尾号|瞳距|会员号?|订单号?) ?[:#]? ?[0-9]{1,12}")
COMPARATIVES: Final = re.compile("(?<=[快慢好多少大小近远高低贵亮宜楚])[一两]点(?:[点儿])?(?!钟|半)")
NO_CLOCK: Final = re.compile("(?<=[有差说])[一二两三四五六七八九十]点(?=要求|建议|意见|水|$)")


class Masked(NamedTuple):
    """Characters of a sheet that were masked: as a `refusal` that is none, a `note`, a `comparative`, or `no_clock`."""

    name: str
    start: int
    end: int


MASKS: Final = (
    ("refusal", FALSE_REFUSALS),
    ("note", NOTES),
    ("comparative", COMPARATIVES),
    ("no_clock", NO_CLOCK),
)


def mask(sheet: Sheet) -> list[Masked]:
    """Put near misses of day words right, and blank out what looks like a refusal or a time and is none."""
    masked = []
    for name, pattern in MASKS:
        for match in tuple(pattern.finditer(sheet.text)):
            masked.append(Masked(name, *match.span()))
            sheet.blank(*match.span(), ASIDE_MARK)
    return masked

"""Times on another clock: London time, 北京时间 abroad. They are converted and asked about, never taken."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from imserver.plugins.booking.dates.alternatives import flat
from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.sieve import Sieve
from imserver.plugins.booking.dates.text import WORD_MARK, Sheet
from imserver.plugins.booking.understanding.acts import Scene

PLACES: Final = {
    "Asia/Shanghai": "北京|中国|国内|上海|beijing|china|shanghai",
    "Asia/Hong_Kong": "香港|hong ?kong|hkt?",
    "Asia/Tokyo": "东京|日本|tokyo|japan|jst",
    "Asia/Seoul": "首尔|韩国|seoul|korea|kst",
    "Asia/Singapore": "新加坡|singapore|sgt",
    "Asia/Dubai": "迪拜|dubai",
    "Asia/Kolkata": "印度|india|delhi|mumbai|ist",
    "Asia/Bangkok": "曼谷|泰国|越南|bangkok|thailand|vietnam",
    "Asia/Kuala_Lumpur": "吉隆坡|马来西亚|kuala lumpur|malaysia",
    "Europe/London": "伦敦|英国|曼彻斯特|爱丁堡|london|uk|british|bst|manchester|edinburgh",
    "Europe/Paris": "巴黎|法国|paris|french",
    "Europe/Berlin": "柏林|德国|欧洲|berlin|german|europe|cet|cest",
    "Europe/Moscow": "莫斯科|moscow",
    "America/New_York": "纽约|美东|美国|东部|波士顿|华盛顿|boston|washington|new ?york|ny|eastern|e[sd]?t|us|american",
    "America/Chicago": "芝加哥|chicago|central|c[sd]t|ct",
    "America/Vancouver": "温哥华|vancouver",
    "America/Los_Angeles": "西雅图|seattle|洛杉矶|旧金山|加州|美西|los angeles|la|san francisco|california|pacific|p[sd]t|pt",
    "America/Denver": "denver|mountain|m[sd]t|mt",
    "America/Toronto": "多伦多|加拿大|toronto",
    "Australia/Sydney": "悉尼|澳洲|澳大利亚|sydney|aest|aedt",
    "Australia/Melbourne": "墨尔本|melbourne",
    "Pacific/Auckland": "新西兰|奥克兰|auckland|new zealand",
    "UTC": "utc|gmt|格林威治|zulu",
}
"""What people call a clock, and a zone of it."""
ALONE: Final = (
    "e[sd]?t|c[sd]t|ct|p[sd]t|pt|m[sd]t|mt|utc|gmt|jst|kst|hkt|cet|cest|bst|ist|sgt|aest|aedt|pacific|eastern"
)
"""What names a clock without the word time."""


def _names(mark: str, latin: bool) -> str:
    """A group for each zone with its Latin names, or its others."""
    named = (
        (number, "|".join(name for name in words.split("|") if name[0].isascii() is latin))
        for number, words in enumerate(PLACES.values())
    )
    return "|".join(f"(?P<{mark}{number}>{names})" for number, names in named if names)


_STAYING: Final = "(?<![a-z])(?:i'?m|i am|we'?re)(?: now| still| currently)? in |calling from |based in "
_HERE: Final = "(?=.{0,60}(?:(?<![a-z])(?:here|my (?:time|side|end))(?![a-z])|我?这边|我这))"
"""I'm in London … 9am here: the clock where one stays is meant only if it is said so."""
NAMED: Final = (
    rf"(?:{_names('han', False)})(?:当地|本地)?时间|"
    rf"(?<![a-z])(?:{_names('word', True)}) (?:local )?time(?![a-z])|(?<![a-z])(?P<alone>{ALONE})(?![a-z])|"
    rf"(?<=\x01) ?(?P<zulu>z)(?![a-z])|, ?(?:{_names('last', True)})(?=$|[.?!])|"
    rf"(?<=\x01) (?:in |\()(?:{_names('in', True)})(?=$|[ ,.?!)])|(?<=\x01) ?\((?:{_names('at', False)})\)|"
    rf"(?:{_STAYING})(?:{_names('stay', True)})(?![a-z]){_HERE}|(?:我人?现?在?在|人在)(?:{_names('stand', False)}){_HERE}"
)
"""Each alternative of it has one group: the clock's."""
_NAMED: Final = Sieve(map(deferred, flat(NAMED)))
OWN: Final = re.compile(
    "(?:你们|店里|贵店)(?:那边|这边|那里)?(?:的)?时间|(?<![a-z])(?:your|local|shop) (?:local )?time(?![a-z])"
)
UNKNOWN: Final = re.compile(
    "当地时间|我这(?:边|里)?(?:的)?时间|(?<![a-z])(?:my|our) (?:local )?time(?![a-z])"
)


def other_clock(sheet: Sheet, scene: Scene) -> str | None:
    """The zone of another clock that the text speaks of, "" if it is not known which; None if it is the shop's own.

    The words of a known one are blanked out.
    """
    for own in tuple(OWN.finditer(sheet.text)):
        sheet.blank(*own.span(), WORD_MARK)
    match = _NAMED.search(sheet)
    if match is None:
        return "" if UNKNOWN.search(sheet.text) else None
    zone = _zone(match)
    sheet.blank(*match.span(), WORD_MARK)
    return None if at_home(scene.now, scene.zone, zone) == scene.now else zone


def at_home(wall: datetime, zone: str, home: str) -> datetime:
    """What the clocks of `home` show when those of `zone` show `wall`."""
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo(home)).replace(tzinfo=None)


def _zone(match: re.Match[str]) -> str:
    """The zone that was named."""
    group = match.lastgroup or ""
    if group == "zulu":
        return "UTC"
    if group == "alone":
        return next(zone for zone, words in PLACES.items() if re.fullmatch(words, match[group]))
    return list(PLACES)[int(re.sub("[a-z]", "", group))]

"""Facts of one text, in the words of this chain: a code, a shop, a service, an age, a yes, a time; nothing is decided here.

The order matters: certain words (codes, names of shops and services) are cut out before the date grammar sees the rest, so
that they do not confuse it.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any

from imserver.plugins.booking.dates.text import TRADITIONAL
from imserver.plugins.booking.schedule import codes
from imserver.plugins.booking.schedule.hours import wall_of, zone_of
from imserver.plugins.booking.schedule.shops import AgeBand, Chain, Service, Shop
from imserver.plugins.booking.understanding.when import Reading, read_when

#: A longer text is no instruction to a bot: it is for staff.
MAX_CHARS = 300
MAX_NAME_CHARS = 40

#: Traditional characters of shops, eyes and answers; those of dates are the date grammar's.
_SIMPLIFIED = TRADITIONAL | dict(
    zip(
        "見閃劇傷濺強鹼噴確認復複檢測隱軟園師報幫舊頭動燈約貓聯絡鐵顏漲運壓腫癢帶",
        "见闪剧伤溅强碱喷确认复复检测隐软园师报帮旧头动灯约猫联络铁颜涨运压肿痒带",
        strict=True,
    )
)

_VERSION = re.compile(r"(?<![A-Za-z0-9])v(\d{1,9})(?![A-Za-z0-9])", re.IGNORECASE)
_AGE = re.compile(
    r"(?<!\d)(\d{1,3})\s*(?:周?岁|years?[ -]?olds?|yrs?(?: old)?|yo)(?![A-Za-z])", re.IGNORECASE
)
_EDGES = " \t\n,，.。!！;；:：、~～\"'“”‘’()（）"


@dataclass(frozen=True, slots=True)
class Said:
    """The facts found. `rest` is the text that was not understood, `text` the whole: width and script folded, case kept."""

    text: str
    rest: str
    code: str = ""
    version: int | None = None
    shop: Shop | None = None
    service: Service | None = None
    band: AgeBand | None = None
    age: int | None = None
    first_visit: bool | None = None
    lenses: str = ""
    answer: bool | None = None
    number: int | None = None
    reading: Reading | None = None
    #: The input of the date grammar: read again behind a day when it names only a time.
    when_text: str = ""

    @property
    def names_time(self) -> bool:
        """True if it speaks of a day or a time at all, understood or not."""
        reading = self.reading
        return reading is not None and bool(
            reading.candidates or reading.day or reading.part or reading.reason not in (None, "no_time")
        )


def fold(text: str, max_chars: int = 4 * MAX_CHARS) -> str:
    """Full-width to half-width, the traditional characters of our trade to simplified, emoji and controls to blanks."""
    pieces = []
    for char in unicodedata.normalize("NFKC", text[:max_chars]):
        kind = unicodedata.category(char)
        if kind in ("Cf", "Mn", "Me"):
            continue
        pieces.append(" " if kind[0] in "CZ" or kind == "So" else _SIMPLIFIED.get(char, char))
    return " ".join("".join(pieces).split())


@cache
def load_heard() -> Mapping[str, Any]:
    """The shipped words of answers. Read once; not to be changed."""
    file = resources.files("imserver.plugins.booking") / "words" / "heard.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


@cache
def _spelled(word: str) -> str:
    """The pattern of a word of a chain, of which there are some hundreds."""
    return fold(word).casefold()


class Ear:
    """The words of a chain, ready to be found in texts."""

    def __init__(self, chain: Chain) -> None:
        heard = load_heard()
        self._chain = chain
        self._stores = _Finder({shop.id: (*shop.words, shop.id) for shop in chain.stores})
        self._services = _Finder({service.id: service.words for service in chain.services})
        self._bands = _Finder(
            {band.id: (*band.words, band.names.zh, band.names.en) for band in chain.age_bands}
        )
        self._visits = _Finder({"new": heard["first_visit"], "returning": heard["returning"]})
        self._lenses = _Finder(heard["lenses"])
        self._yes, self._no = frozenset(heard["yes"]), frozenset(heard["no"])
        self._before_name = re.compile(
            rf"^(?:{'|'.join(map(_bounded, sorted(heard['name_before'], key=len, reverse=True)))})\s*[:：]?\s*",
            re.IGNORECASE,
        )
        self._not_a_name = tuple(heard["not_a_name"])
        self._instead = re.compile(
            rf"^\s*(?:{'|'.join(map(_bounded, sorted(heard['instead'], key=len, reverse=True)))})\s*",
            re.IGNORECASE,
        )

    def hear(self, text: str, now_ms: int, shop: Shop | None) -> Said:
        """Everything in `text`; dates are read in the zone of the shop that is named, or else of `shop`."""
        whole = fold(text)
        if len(whole) > MAX_CHARS:
            return Said(whole, whole)
        code, rest = _cut(codes.PATTERN, whole)
        version, rest = _cut(_VERSION, rest)
        plain = rest.strip(_EDGES).casefold()
        store_id, rest = self._stores.cut(rest)
        visit, rest = self._visits.cut(rest)
        service_id, rest = self._services.cut(rest)
        age, rest = _cut(_AGE, rest)
        band_id, rest = self._bands.cut(rest)
        lenses, rest = self._lenses.cut(rest)
        years = int(age) if age else None
        rest = self._instead.sub(" ", rest)
        named = self._chain.shop(store_id) or shop or self._chain.stores[0]
        reading = self.read(rest, now_ms, named)
        return Said(
            text=whole,
            rest=reading.leftover,
            code=code.upper(),
            version=int(version) if version else None,
            shop=self._chain.shop(store_id),
            service=self._chain.service(service_id),
            band=self._chain.band(band_id) or (None if years is None else self._chain.band_of_age(years)),
            age=years,
            first_visit={"new": True, "returning": False}.get(visit),
            lenses=lenses,
            answer=True if plain in self._yes else False if plain in self._no else None,
            number=int(plain) if re.fullmatch(r"[0-9]{1,2}", plain) else None,
            reading=reading,
            when_text=rest,
        )

    def read(self, text: str, now_ms: int, shop: Shop, day: date | None = None) -> Reading:
        """The date grammar in a shop's time; with `day`, as if the text had named that day before."""
        now: datetime = wall_of(now_ms, zone_of(shop))
        return read_when(text if day is None else f"{day.isoformat()} {text}", now, zone_of(shop))

    def asks_people(self, said: Said) -> bool:
        """True for a question that only begins like a command (预约要多少钱): nothing in it is for the bot."""
        found = (said.service, said.shop, said.band, said.first_visit, said.answer, said.version)
        if said.code or said.names_time or any(value is not None for value in found):
            return False
        return any(_within(word, said.rest.casefold()) for word in self._not_a_name)

    def name_in(self, said: Said) -> str:
        """A name that was announced as one (`我叫…`, `for …`), or ""."""
        rest = said.rest.strip(_EDGES)
        found = self._before_name.match(rest)
        return self._name(rest[found.end() :]) if found else ""

    def name_answer(self, said: Said) -> str:
        """The answer to "what is your name?", or "" if it does not look like one."""
        rest = said.rest.strip(_EDGES)
        if said.number is not None or said.answer is not None or said.code:
            return ""
        if said.names_time and (not rest or not _short_chinese(said.text)):
            return ""
        # 周一鸣 is a name although 周一 is a day.
        rest = said.text if said.names_time else rest
        return self._name(self._before_name.sub("", rest.strip(_EDGES)))

    def _name(self, text: str) -> str:
        name = " ".join(text.strip(_EDGES).split())
        lower = name.casefold()
        if not 1 <= len(name) <= MAX_NAME_CHARS or not any(char.isalpha() for char in name):
            return ""
        if name.startswith("/") or any(_within(word, lower) for word in self._not_a_name):
            return ""
        return name


@dataclass(frozen=True, slots=True)
class _Finder:
    """Finds the longest of many words and says whose it is."""

    words: Mapping[str, Iterable[str]]
    owner: dict[str, str] = field(init=False)
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        owner = {_spelled(word): name for name, words in self.words.items() for word in words}
        spelled = "|".join(_bounded(word) for word in sorted(owner, key=len, reverse=True))
        object.__setattr__(self, "owner", owner)
        object.__setattr__(self, "pattern", re.compile(spelled or r"(?!)", re.IGNORECASE))

    def cut(self, text: str) -> tuple[str, str]:
        """(whose word it is or "", the text without it)."""
        word, rest = _cut(self.pattern, text)
        return self.owner.get(word.casefold(), ""), rest


def _bounded(word: str) -> str:
    """A pattern for a word; Latin words end where letters end, Chinese ones stand anywhere."""
    escaped = re.escape(word)
    if word[:1].isascii() and word[:1].isalnum():
        escaped = rf"(?<![A-Za-z0-9]){escaped}"
    if word[-1:].isascii() and word[-1:].isalnum():
        escaped = rf"{escaped}(?![A-Za-z0-9])"
    return escaped


def _within(word: str, text: str) -> bool:
    return re.search(_bounded(word), text) is not None


def _cut(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    found = pattern.search(text)
    if found is None:
        return "", text
    word = found.group(found.lastindex) if pattern in (_VERSION, _AGE) and found.lastindex else found.group()
    return word, f"{text[: found.start()]} {text[found.end() :]}"


def _short_chinese(text: str) -> bool:
    return len(text) <= 4 and all("\u4e00" <= char <= "\u9fff" for char in text)

"""Every text that a user reads: `words/zh.toml` and `words/en.toml`, the same keys and placeholders in both.

Code names a key and passes values; it never joins pieces of a sentence. A shop may replace a text in the chain file.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any

from imserver.plugins.booking.schedule.chain_file import ChainError
from imserver.plugins.booking.schedule.faults import Fault
from imserver.plugins.booking.schedule.shops import Chain, Shop

LANGUAGES = ("zh", "en")

#: A text, or a list of them (weekdays, months).
Entry = str | list[str]


def language_of(tag: str) -> str:
    """`zh` for zh, zh-CN, zh-Hant …, otherwise `en`."""
    return "zh" if tag.lower().startswith("zh") else "en"


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language, with a shop's own in place."""

    language: str
    entries: Mapping[str, Entry]

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key` with its placeholders filled."""
        text = self.entries[key]
        assert isinstance(text, str), key
        return text.format_map(values) if values else text

    def has(self, key: str) -> bool:
        return key in self.entries

    def day(self, day: date) -> str:
        """`11月19日 周四`, `Thu 19 Nov`."""
        return self("date", month=day.month, day=day.day, weekday=self._item("weekdays", day.weekday()),
                    month_name=self._item("months", day.month - 1))  # fmt: skip

    def weekday(self, index: int) -> str:
        """0 is Monday: `周一`, `Mon`."""
        return self._item("weekdays", index)

    def moment(self, wall: datetime) -> str:
        """Date, weekday and time."""
        return self("moment", date=self.day(wall.date()), time=f"{wall:%H:%M}")

    def relative(self, wall: datetime, today: date) -> str:
        """`今天 15:00`, `tomorrow 15:00`, or the full date."""
        ahead = (wall.date() - today).days
        if ahead not in (0, 1):
            return self.moment(wall)
        return self("today_at" if ahead == 0 else "tomorrow_at", time=f"{wall:%H:%M}")

    def _item(self, key: str, index: int) -> str:
        return self.entries[key][index]


class Catalogue:
    """The shipped texts and each shop's replacements, checked when made."""

    def __init__(self, chain: Chain) -> None:
        shipped = {language: load_words(language) for language in LANGUAGES}
        self._words = {("", language): Words(language, entries) for language, entries in shipped.items()}
        fault = next(text_faults(chain), None)
        if fault is not None:
            raise ChainError(f"chain: {fault}")
        for shop in chain.stores:
            for language, texts in shop.texts.items():
                self._words[shop.id, language] = Words(language, {**shipped[language], **texts})

    def words(self, language: str, shop: Shop | None = None) -> Words:
        key = ("" if shop is None else shop.id, language)
        return self._words.get(key) or self._words["", language]


@cache
def load_words(language: str) -> Mapping[str, Entry]:
    """The shipped texts of a language, with dots for tables: `ask.name`. Read once; not to be changed."""
    file = resources.files("imserver.plugins.booking") / "words" / f"{language}.toml"
    return dict(_flat("", tomllib.loads(file.read_text(encoding="utf-8"))))


def placeholders(text: Entry) -> set[str]:
    """Names between braces."""
    texts = [text] if isinstance(text, str) else text
    return {name for one in texts for _, name, _, _ in string.Formatter().parse(one) if name is not None}


def _flat(prefix: str, table: Mapping[str, Any]) -> list[tuple[str, Entry]]:
    rows: list[tuple[str, Entry]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            rows += _flat(f"{prefix}{key}.", value)
        else:
            rows.append((prefix + key, value.strip("\n") if isinstance(value, str) else value))
    return rows


def text_faults(chain: Chain) -> Iterator[Fault]:
    """What is wrong with the shops' own texts: a name that no text has, and placeholders without a value."""
    for shop in chain.stores:
        for language, texts in shop.texts.items():
            for key, text in texts.items():
                wrong = _text_fault(text, load_words(language).get(key))
                if wrong:
                    yield Fault(("stores", shop.id, "texts", language, key), wrong)


def _text_fault(text: str, shipped: Entry | None) -> str:
    if not isinstance(shipped, str):
        return "there is no text of this name"
    try:
        unknown = placeholders(text) - placeholders(shipped)
    except ValueError as error:
        return f"{text}: {error}"
    return f"{text}: no value for {{{', '.join(sorted(unknown))}}}" if unknown else ""

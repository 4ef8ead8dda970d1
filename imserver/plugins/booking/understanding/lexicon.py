"""The words of a chain, compiled once: shops, services, age bands, first visits, lenses, the people who work there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.sieve import Several, TextGrams
from imserver.plugins.booking.schedule.shops import Chain

from .rewrite import fold
from .word_lists import load_words


def bounded(word: str) -> str:
    """A pattern for a word; Latin words end where letters end, Chinese ones stand anywhere."""
    escaped = re.escape(word)
    if word[:1].isascii() and word[:1].isalnum():
        escaped = rf"(?<![a-z0-9]){escaped}"
    if word[-1:].isascii() and word[-1:].isalnum():
        escaped = rf"{escaped}(?![a-z0-9])"
    return escaped


def either(patterns: Iterable[str]) -> re.Pattern[str]:
    """One pattern of many; those that begin or end with a Latin letter are whole words."""
    return deferred("|".join(f"(?:{one})" for one in patterns) or "(?!)")


@dataclass(frozen=True, slots=True)
class Found:
    """A word of the chain in a text."""

    id: str
    start: int
    end: int


class Finder:
    """Finds words and patterns and says whose each is; of two that overlap the longer one counts."""

    def __init__(self, rows: Iterable[tuple[str, Iterable[str], Iterable[str]]]) -> None:
        self._rows = [
            (name, deferred("|".join([*_plain(words), *(f"(?:{one})" for one in patterns)]) or "(?!)"))
            for name, words, patterns in rows
        ]
        self._all = Several(pattern for _, pattern in self._rows)

    def find(self, text: str, grams: TextGrams | None = None) -> Iterator[Found]:
        """The words found, in the order of the text. `grams`: its strings, or those of the longer text that it is what is left
        of."""
        grams = grams or TextGrams(text)
        if not grams.holds_any(self._all):
            return iter(())
        narrowed = grams.narrowed
        found = [
            Found(name, *match.span())
            for name, pattern in self._rows
            if (words := narrowed(pattern)) is not None
            for match in words.finditer(text)
            if match.end() > match.start()
        ]
        if len(found) < 2:
            return iter(found)
        kept: list[Found] = []
        for one in sorted(found, key=lambda found: (found.start - found.end, found.start)):
            if all(one.end <= other.start or other.end <= one.start for other in kept):
                kept.append(one)
        return iter(sorted(kept, key=lambda found: found.start))


def _plain(words: Iterable[str]) -> list[str]:
    """The longest first, and in the same order in each process: what its pattern needs is looked up by the pattern's text."""
    each = sorted({fold(word) for word in words}, key=lambda word: (-len(word), word))
    return [bounded(word) for word in each if word]


_LATIN_EDGE = re.compile("^[a-z(]")


def whole(pattern: str) -> str:
    """A pattern of English words as whole words."""
    return (
        rf"(?<![a-z])(?:{pattern})(?![a-z])" if _LATIN_EDGE.match(pattern) and pattern.isascii() else pattern
    )


class Lexicon:
    """What the reader knows of a chain."""

    def __init__(self, chain: Chain) -> None:
        words = load_words("services")
        self.chain = chain
        self.shops = Finder(
            (shop.id, (*_firm(shop.words), shop.id, shop.names.zh, shop.names.en), _loose(shop.words))
            for shop in chain.stores
        )
        groups = [(set(map(fold, group["of"])), group["also"]) for group in words["service"]]
        also: dict[str, list[str]] = {}
        for of, patterns in groups:
            for service in chain.services:
                if of & set(map(fold, (*service.words, service.names.zh, service.names.en))) and _owns(
                    service.id, of, chain
                ):
                    also.setdefault(service.id, []).extend(map(whole, patterns))
                    break
        self.services = Finder(
            (service.id, (*service.words, service.names.zh, service.names.en), also.get(service.id, ()))
            for service in chain.services
        )
        self.bands = Finder(
            (band.id, (*band.words, band.names.zh, band.names.en), ()) for band in chain.age_bands
        )
        self.visits = Finder((name, (), map(whole, words["first"][name])) for name in ("returning", "new"))
        self.lenses = Finder((name, (), map(whole, words["lenses"][name])) for name in words["lenses"])
        people = [
            resource for shop in chain.stores for resource in shop.resources if resource.kind == "person"
        ]
        self.staff = Finder(
            (one.names.zh, (one.names.zh, one.names.en, one.names.en.split()[0]), ()) for one in people
        )

    def band_of(self, years: int) -> str:
        """The band of an age."""
        return self.chain.band_of_age(years).id


def _owns(service_id: str, of: set[str], chain: Chain) -> bool:
    """The group is of the service that is *called* so, if there is one."""
    called = [one.id for one in chain.services if of & {fold(one.names.zh), fold(one.names.en)}]
    return not called or service_id in called


def _firm(words: Iterable[str]) -> list[str]:
    return [word for word in words if not _is_loose(fold(word))]


def _loose(words: Iterable[str]) -> list[str]:
    """A word of two Chinese characters may be of everyday speech: not after 个, 有, 的."""
    return [f"(?<![个有的座大]){re.escape(fold(word))}(?![里边])" for word in words if _is_loose(fold(word))]


def _is_loose(word: str) -> bool:
    return len(word) <= 2 and not word.isascii()

"""What a pattern needs: short strings of which every match holds one, itself or looked at beside it.

They are read off a pattern as `re` itself parses it; of what is not known there nothing is concluded. What the patterns
that ship need is worked out before and ships with them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import import_module, resources
from math import fsum, prod
from typing import Any, Final, NamedTuple

from .alternatives import alternatives
from .text import MARKS

Grams = frozenset[str]
"""Strings of one to four characters."""

ALWAYS: Final[Grams] = frozenset(MARKS)
"""Marks appear while a text is read, so every text counts as having them."""


def _parser() -> Any:
    """The parser of `re`; None with a Python that keeps it elsewhere: then everything is tried."""
    try:
        return import_module("re._parser")
    except ImportError:
        return None


_PARSER: Final = _parser()
_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_WIDEST: Final = 40
"""A longer range of characters says little."""
CUTS: Final = re.compile(f"[{MARKS}\ue000<T>]+")
"""What is put into a text for what was read of it, as marks, values of `negation`, or the `<T>` of sayings: no string goes over
one, so what can be found around them is known of the text itself."""
MAX_GRAM: Final = 4
"""Longer ones let a tenth fewer patterns through, and are twice as many."""
_MAX_WORDS: Final = 30
"""More words than these, one behind the other, are looked at apart."""
_SHARES: Final = {
    " ": 0.2, **dict.fromkeys(",.?!", 0.1), **dict.fromkeys("aeinorst", 0.08),
    **dict.fromkeys("的一我", 0.03), **dict.fromkeys("bcdfghjklmpquvwxyz0123456789", 0.02),
}  # fmt: skip
"""How common a character is in texts, roughly; any other is rare."""
_RARE: Final = 0.005
_RAREST: Final = 0.0001
_OFTEN: Final = 0.02
_COMMON: Final = (
    "my name is appointment booking book cancel can you could please would want need to an eye exam test check for the "
    "been here before first time adult friday saturday tomorrow next week after at on in have it is this that with "
    "下午 上午 明天 预约 可以 取消 眼镜 验光 时间 一下 我想 不是 那个"
)
"""Words of many texts here, and so their pieces: what else a pattern needs sifts better."""


def needed(pattern: str, flags: int = 0) -> Grams:
    """Strings of which every text that the pattern matches has one; the marks if that is not known."""
    return frozenset().union(*needs_of(pattern, flags))


def needs_of(pattern: str, flags: int = 0) -> tuple[Grams, ...]:
    """What each alternative of a pattern needs; it counts as one where its alternatives cannot be told apart."""
    _KNOWN[pattern, flags] = None
    shipped = load_needed().get(key_of(pattern, flags))
    return work_out(pattern, flags) if shipped is None else tuple(_shipped(shipped))


_KNOWN: Final[dict[tuple[str, int], None]] = {}


def _shipped(line: bytes) -> Iterator[Grams]:
    return (frozenset(one.split("\t")) if one else ALWAYS for one in line.decode().split(BETWEEN))


BETWEEN: Final = "\t\t"
"""Stands between the strings of two alternatives in the table."""


def known() -> Iterable[tuple[str, int]]:
    """The patterns whose needs were asked for, and their flags."""
    return _KNOWN.keys()


def key_of(pattern: str, flags: int) -> str:
    """Stands for a pattern in the table of what was worked out."""
    return hashlib.blake2b(f"{flags}:{pattern}".encode(), digest_size=8).hexdigest()


@cache
def load_needed() -> Mapping[str, bytes]:
    """What was worked out of the patterns that ship; of any other it is worked out here. To read them all takes half a
    second. Written by `python -m tests.understanding.work_out`."""
    file = resources.files("imserver.plugins.booking") / "words" / "needed.tsv"
    lines = (line.split(b"\t", 1) for line in file.read_bytes().splitlines())
    return {key.decode(): needs for key, needs in lines}  # as bytes it is half as large


@lru_cache(64)
def work_out(pattern: str, flags: int) -> tuple[Grams, ...]:
    """`needs_of`, from the pattern itself. Of the words of a shop it takes a third of a second, and it is asked three times."""
    if _PARSER is None or flags & re.IGNORECASE:
        return (ALWAYS,)
    parsed = [_PARSER.parse(one, flags) for one in parts(pattern, flags)]
    if any(one.getwidth()[0] == 0 for one in parsed):  # what matches nothing at all is found otherwise
        parsed = [_PARSER.parse(pattern, flags)]
    return tuple(_of_all(one).needs or ALWAYS for one in parsed)


def parts(pattern: str, flags: int) -> tuple[str, ...]:
    """Its alternatives, each to be compiled without flags of its own."""
    if flags in (0, re.UNICODE):
        return alternatives(pattern)
    return tuple(f"(?a:{one})" for one in alternatives(pattern)) if flags == re.ASCII else (pattern,)


class _Part(NamedTuple):
    """What is known of a part of a pattern. words: all that it can match, where these are few.  needs: the strings of which
    each of its matches has one, itself or beside it."""

    words: Grams | None
    needs: Grams | None


_UNKNOWN: Final = _Part(None, None)
_NOTHING: Final = frozenset({""})


def _of_all(items: Iterable[tuple[Any, Any]]) -> _Part:
    """Things one behind the other: neighbours of which all words are known are looked at together."""
    known: list[Grams | None] = []
    run, whole = _NOTHING, True
    for item in items:
        part = _of(*item)
        joined = _joined(run, part.words)
        if joined is None:
            whole = False
            known += (_rarest(run), part.needs)
            run = part.words or _NOTHING
        else:
            run = joined
            known += (part.needs,) if part.words == _NOTHING else ()  # what is looked at beside it
    known.append(_rarest(run))
    return _Part(run if whole else None, min(filter(None, known), key=_commonness, default=None))


def _joined(run: Grams, words: Grams | None) -> Grams | None:
    """Each word of a run with each that follows; None if that is not known, or too much."""
    if words is None or len(run) * len(words) > _MAX_WORDS:
        return None
    return words if run is _NOTHING else frozenset([one + other for one in run for other in words])


def _of(operation: Any, value: Any) -> _Part:
    """One thing. `operation` and `value` are the parser's own."""
    name = str(operation)
    if name == "LITERAL":
        return _any_of(frozenset(chr(value)))
    if name == "IN":
        return _any_of(_of_class(value))
    if name == "BRANCH":
        return _of_any([_of_all(branch) for branch in value[1]])
    if name == "SUBPATTERN":
        return _UNKNOWN if value[1] & re.IGNORECASE else _of_all(value[3])
    if name == "ATOMIC_GROUP":
        return _of_all(value)
    if name in _REPEATS:
        return _repeated(*value)
    if name == "ASSERT":
        return _Part(_NOTHING, _of_all(value[1]).needs)
    return _Part(_NOTHING, None) if name in ("ASSERT_NOT", "AT") else _UNKNOWN


def _any_of(words: Grams | None) -> _Part:
    return _Part(words, _rarest(words or _NOTHING))


def _of_any(branches: Sequence[_Part]) -> _Part:
    """Alternatives: something is needed only if each of them needs something."""
    words = [part.words for part in branches if part.words is not None]
    needs = [part.needs for part in branches if part.needs is not None]
    every = frozenset().union(*words)
    return _Part(
        every if len(words) == len(branches) and len(every) <= _MAX_WORDS else None,
        frozenset().union(*needs) if len(needs) == len(branches) else None,
    )


def _repeated(least: int, most: Any, items: Iterable[tuple[Any, Any]]) -> _Part:
    """A thing again and again: not at all, or once, adds to the words."""
    part = _of_all(items)
    needs = part.needs if least else None
    once = part.words if int(most) == 1 else None
    return _Part(once if once is None or least else once | _NOTHING, needs)


def _of_class(members: Iterable[tuple[Any, Any]]) -> Grams | None:
    """The characters of a class, if they are few and named."""
    letters: list[str] = []
    for operation, value in members:
        if str(operation) == "LITERAL":
            letters.append(chr(value))
        elif str(operation) == "RANGE" and value[1] - value[0] < _WIDEST:
            letters += map(chr, range(value[0], value[1] + 1))
        else:
            return None
    return frozenset(letters)


@lru_cache(maxsize=500)  # mostly of one letter
def _rarest(words: Grams) -> Grams | None:
    """A string of each word, the one that is least common in texts; None if a word has nothing but marks."""
    found: set[str] = set()
    for word in words:
        grams = [gram for piece in CUTS.split(word) for gram in _longest(piece)]
        if not grams:
            return None
        found.add(min(grams, key=_order))
    return frozenset(found)


def _longest(piece: str) -> list[str]:
    if len(piece) <= MAX_GRAM:
        return [piece] if piece else []
    return [piece[start : start + MAX_GRAM] for start in range(len(piece) - MAX_GRAM + 1)]


@lru_cache(maxsize=1_000)
def _share(gram: str) -> float:
    """How many texts have it, roughly."""
    pieces = gram.split()
    often = len(gram) > 1 and pieces and all(piece in _COMMON for piece in pieces)
    return max(prod(_SHARES.get(char, _RARE) for char in gram), _OFTEN if often else 0.0)


def _order(gram: str) -> tuple[float, str]:
    """Of equally common ones always the same."""
    return _share(gram), gram


def _commonness(grams: Grams) -> tuple[float, float]:
    """What sifts best has few strings, none of them a common one. None is so rare that it costs nothing to look for."""
    shares = list(map(_share, grams))
    return fsum(max(_RAREST, share) for share in shares), fsum(shares)

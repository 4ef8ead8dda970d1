"""Red flags: words of an emergency that cannot wait for an appointment. The plugin looks for them before all else in a text.

Two readers look at each text, and neither takes away what the other finds: rules over sets of words (`words/red_flags.toml`)
and a table of weights (`alarm_model`). A flag is *urgent* (go now) or *careful* (a symptom that is denied or over, a story, or
too little to be sure). The bot never grades symptoms: it finds words, and no text of it says that a symptom is harmless.

A long text is read in windows, and a window by a few expressions at a time, so that other events run in between. Each spans a
bounded number of characters, so that the time grows as the length does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Literal, TypeVar

from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.sieve import Asked, Sieve, TextGrams

from .alarm_model import Table, grams, load_table, pieces
from .alarm_text import Folding
from .word_lists import load_words

#: One window: some 10 ms of patterns at worst.
WINDOW_CHARS = 1000
#: Rules that look at a window in one step, some 2 ms at worst.
RULES_IN_STEP = 6
#: A text of so many characters needs no more time than one step does.
STEP_CHARS = 200
#: Neighbouring windows share so much. No rule spans more.
OVERLAP_CHARS = 200
#: Windows of one text that speak of eyes at all and are read in full: the first ones, and then the last ones. Others cost
#: next to nothing.
MAX_FIRST, MAX_LAST = 12, 4
#: Pieces that the table scores in one step, and strings of a piece that an explanation names.
PIECES_IN_STEP = 4
HEAVIEST = 12
#: Letters, each Chinese one for two, that a piece has beside the names of eyes.
LEAST_SAID = 4
#: Words of one set that are noted in one window.
MAX_HITS = 40
#: A rule's words stand within so many characters if it does not say another number.
NEAR_CHARS = 60
#: Words that soften a find stand no farther from it than this.
SOFT_CHARS = 40
#: `now` so near to a denied symptom undoes the denial.
NOW_CHARS = 12
#: What stands directly before a symptom is looked for in so many characters.
DENIAL_CHARS = 12

#: Those that need something done before the way to the hospital come first.
KINDS = (
    "chemical", "stroke", "sight_lost", "curtain", "flashes", "double", "injury", "foreign_body", "after_surgery",
    "swollen_lid", "temple", "halos", "lens_red", "distortion", "white_pupil", "pain",
)  # fmt: skip

FIRST_KINDS = frozenset({"chemical"})
#: Kinds with an advice of their own: the table alone names them only beside a word of this set.
NAMED = {"chemical": "chemical", "stroke": "stroke_sign"}
#: Softening words that count beside a "now", too: others are undone by one.
ALWAYS_SOFT = frozenset({"story", "past"})

#: The alarms' own patterns: a text is looked through for them before it is for the reader's.
_ASKED = Asked()

T = TypeVar("T")
FlagWeight = Literal["urgent", "careful"]
FLAG_WEIGHTS: tuple[FlagWeight, ...] = ("urgent", "careful")


@dataclass(frozen=True, slots=True)
class RedFlag:
    """`kind`: one of `KINDS`; `words`: what says so, folded; `rule`: which rule found it, "" for the table of weights;
    `start`: where in its window."""

    kind: str
    weight: FlagWeight
    words: str
    rule: str = field(default="", compare=False)
    start: int = field(default=0, compare=False)

    @property
    def urgent(self) -> bool:
        return self.weight == "urgent"


_SPAN = re.Match.span
Hit = tuple[int, int]
"""Where a word was found: its first character, and the one behind its last."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Sets of words that must all be found, in any order, within `near` characters."""

    kind: str
    weight: FlagWeight
    parts: tuple[str, ...]
    near: int
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """For people who keep the words: what the rules found in a window, and the piece of it that the table scores highest."""

    flags: tuple[RedFlag, ...]
    score: float
    heaviest: tuple[tuple[str, float], ...]
    table: Table


class RedFlags:
    """The compiled words and rules. `table`: the weights; the shipped ones, read at the first text, if it is None."""

    def __init__(self, table: Table | None = None) -> None:
        words = load_words("red_flags")
        self._table = table
        self._folding = Folding(words["rewrite"])
        self._about = _compiled(words["about"])
        self._not_meant = _compiled([one for reason in words["not_meant"].values() for one in reason])
        self._softens = {name: _compiled(expressions) for name, expressions in words["softens"].items()}
        self._denied, self._denied_within, self._denied_behind = (
            re.compile(words["meaning"][name], re.ASCII)
            for name in ("denied", "denied_within", "denied_behind")
        )
        self._now = re.compile(words["meaning"]["now"], re.ASCII)
        self._not_deniable = frozenset(words["not_deniable"])
        self.rules = [
            _rule(kind, weight, text)
            for kind in KINDS
            for weight in FLAG_WEIGHTS
            for text in words["kinds"][kind].get(weight, ())
        ]
        sets = _sets(words["words"])
        self._anchors = tuple(words["anchors"])
        parts = (part for rule in self.rules for part in rule.parts)
        names = dict.fromkeys((*parts, *self._anchors, *NAMED.values(), "eye", "side"))
        self._sets = {name: deferred(sets.get(name, name), re.ASCII) for name in names}
        self._names = tuple(self._sets)
        self._sieve = Sieve(self._sets.values(), _ASKED)
        self._beginning: dict[str, list[int]] = {}
        for number, rule in enumerate(self.rules):
            self._beginning.setdefault(rule.parts[0], []).append(number)
        #: Of each rule its parts, those first that are soon looked for: one that is nowhere in a text is enough.
        self._soonest = {
            rule: sorted(rule.parts, key=lambda part: len(self._sets[part].pattern)) for rule in self.rules
        }

    @property
    def table(self) -> Table:
        """The weights in use."""
        if self._table is None:
            self._table = load_table()
        return self._table

    def steps_of_window(self, chars: int = WINDOW_CHARS) -> int:
        """Steps for a window that speaks of eyes, of so many characters when folded."""
        rules = -(-len(self.rules) // RULES_IN_STEP)
        return 1 + rules + -(-sum(1 for _ in pieces(" " * chars)) // PIECES_IN_STEP)

    def find(self, text: str) -> RedFlag | None:
        """The flag that counts most of all in a text."""
        return strongest(self.look(text))

    def look(self, text: str) -> Iterator[RedFlag | None]:
        """The flags of a text, one a window at most, and None for each step; the caller may pause between two."""
        starts = range(0, max(len(text) - OVERLAP_CHARS, 1), WINDOW_CHARS - OVERLAP_CHARS)
        read = 0
        for left, start in zip(range(len(starts), 0, -1), starts, strict=True):
            if read >= MAX_FIRST and left > MAX_LAST:
                continue
            hits = self._read(text[start : start + WINDOW_CHARS])
            speaks_of_eyes = len(text) <= STEP_CHARS or self._about.search(hits.plain) is not None
            yield None
            if speaks_of_eyes:
                read += 1
                yield from self._in_window(hits)

    def fold(self, window: str) -> str:
        """A window as rules and table read it: in one way of writing, without what is certainly not meant."""
        return self._read(window).plain

    def _read(self, window: str) -> Hits:
        whole = Hits(self, self._folding.fold(window, WINDOW_CHARS))
        kept, last = list[str](), 0
        for start, end in whole.of(self._not_meant):
            kept.append(whole.plain[last:start])
            last = end
        return Hits(self, " ".join((*kept, whole.plain[last:]))) if kept else whole

    def explain(self, text: str) -> Explanation:
        """Everything that was found in the beginning of a text."""
        hits = self._read(text[:WINDOW_CHARS])
        flags = self._by_rules(self.rules, hits)
        piece, score = max(self.table.scores(hits.plain), key=lambda one: one[1])
        heaviest = tuple(self.table.heaviest(piece, HEAVIEST))
        return Explanation(tuple(sorted(flags, key=_order)), score, heaviest, self.table)

    def _in_window(self, hits: Hits) -> Iterator[RedFlag | None]:
        flags = list[RedFlag]()
        for rules in batched(self._possible(hits), RULES_IN_STEP):
            flags += self._by_rules(rules, hits)
            yield None
        if not any(flag.urgent for flag in flags):
            for some in batched(list(hits.pieces), PIECES_IN_STEP):
                flags += self._by_table(some, hits)
                yield None
        if flags:
            yield min(flags, key=_order)

    # -- rules ----------------------------------------------------------------------------------------------------------

    def _possible(self, hits: Hits) -> list[Rule]:
        """The rules of which each set of words may be in a window: in most texts few of them."""
        may_be = {self._names[number] for number in hits.passed(self._sieve)}
        begun = sorted(number for name in may_be for number in self._beginning.get(name, ()))
        return [rule for rule in map(self.rules.__getitem__, begun) if may_be.issuperset(rule.parts)]

    def words(self, name: str) -> re.Pattern[str]:
        """Those of a set."""
        return self._sets[name]

    def said(self, name: str, found: list[Hit], plain: str) -> list[Hit]:
        """Those of the words found that are not denied."""
        if name in self._not_deniable:
            return found
        return [one for one in found if not self._is_denied(plain, one)]

    def _is_denied(self, plain: str, hit: Hit) -> bool:
        start, end = hit
        denials = (
            self._denied.search(plain[max(start - DENIAL_CHARS, 0) : start])
            or self._denied_within.search(plain[start:end])
            or self._denied_behind.search(plain[end : end + DENIAL_CHARS])
        )
        if denials is None:
            return False
        return self._now.search(plain, max(start - NOW_CHARS, 0), end + NOW_CHARS) is None

    def _by_rules(self, rules: Iterable[Rule], hits: Hits) -> list[RedFlag]:
        found = (self._by_rule(rule, hits) for rule in rules if all(map(hits.all, self._soonest[rule])))
        return [flag for flag in found if flag is not None]

    def _by_rule(self, rule: Rule, hits: Hits) -> RedFlag | None:
        said = _together([hits.said(part) for part in rule.parts], rule.near)
        where = said or _together([hits.all(part) for part in rule.parts], rule.near)
        if where is None:
            return None
        sure = said is not None and rule.weight == "urgent" and not self._softened(hits.plain, where)
        words = hits.plain[where[0] : where[1]].strip()
        return RedFlag(rule.kind, "urgent" if sure else "careful", words, rule.text, where[0])

    def _softened(self, plain: str, where: Hit) -> bool:
        """Whether it is told as a story, as over, or asked in general; the last not beside a word such as `now`."""
        start, end = max(where[0] - SOFT_CHARS, 0), where[1] + SOFT_CHARS
        found = [name for name, words in self._softens.items() if words.search(plain, start, end)]
        if not found:
            return False
        return any(name in ALWAYS_SOFT for name in found) or not self._now.search(plain, start, end)

    # -- table ----------------------------------------------------------------------------------------------------------

    def _by_table(self, some: Iterable[str], hits: Hits) -> Iterator[RedFlag]:
        """What the table finds in some pieces. Without a word of an eye or a symptom it has to be surer, half-way to an urgent
        flag, and the flag is a careful one."""
        table = self.table
        unanchored = (table.urgent + table.careful) / 2
        for piece in some:
            score = table.weigh(hits.pieces[piece])
            if score < table.careful or not self._says_enough(piece):
                continue
            anchored = self._is_anchored(piece)
            if not anchored and score < unanchored:
                continue
            sure = anchored and score >= table.urgent and not self._softened(piece, (0, len(piece)))
            words = table.words(piece)
            yield RedFlag(
                self._kind(piece),
                "urgent" if sure else "careful",
                words,
                start=hits.plain.find(words),
            )

    def is_for_the_table(self, piece: str) -> bool:
        """Whether a piece is of those from which the table has learnt: it speaks of an eye or a symptom, and says a little more
        ("right eye" does not)."""
        return self._is_anchored(piece) and self._says_enough(piece)

    def _is_anchored(self, piece: str) -> bool:
        return any(self._sets[name].search(piece) for name in self._anchors)

    def _says_enough(self, piece: str) -> bool:
        left = self._sets["eye"].sub("", self._sets["side"].sub("", piece))
        return sum(1 if char.isascii() else 2 for char in left if char.isalnum()) >= LEAST_SAID

    def _kind(self, piece: str) -> str:
        not_these = {kind for kind, name in NAMED.items() if not self._sets[name].search(piece)}
        return self.table.kind(piece, not_these) or KINDS[-1]


class Hits:
    """The words found in one window, set by set, each looked for when a rule first asks.

    plain: the window.  pieces: those of it, and their strings: they are the window's, as the pieces overlap.  passed: which
    patterns of a sieve it can match.
    """

    def __init__(self, flags: RedFlags, plain: str) -> None:
        self._flags, self.plain = flags, plain
        self.pieces = {piece: grams(piece) for piece in pieces(plain)}
        strings = [*self.pieces.values()]
        self._grams = TextGrams(plain, _ASKED, strings[0] if len(strings) == 1 else set().union(*strings))
        self.passed = self._grams.passed
        self._all: dict[str, list[Hit]] = {}
        self._said: dict[str, list[Hit]] = {}

    def of(self, words: re.Pattern[str]) -> Iterator[Hit]:
        """Where some words stand."""
        narrowed = self._grams.narrowed(words)
        return iter(()) if narrowed is None else map(_SPAN, narrowed.finditer(self.plain))

    def all(self, name: str) -> list[Hit]:
        """All words of a set, denied or not."""
        found = self._all.get(name)
        if found is None:
            found = self._all[name] = list(islice(self.of(self._flags.words(name)), MAX_HITS))
        return found

    def said(self, name: str) -> list[Hit]:
        """Those that are not denied."""
        found = self._said.get(name)
        if found is None:
            found = self._said[name] = self._flags.said(name, self.all(name), self.plain)
        return found


@cache
def shipped_flags() -> RedFlags:
    """By the words and weights that ship: the same for every shop, and made once."""
    return RedFlags()


def strongest(flags: Iterable[RedFlag | None]) -> RedFlag | None:
    """The first urgent flag, or else the first one."""
    first = None
    for flag in flags:
        if flag is not None and flag.urgent:
            return flag
        first = first or flag
    return first


def batched(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Things in their order, a few at a time."""
    return (things[start : start + size] for start in range(0, len(things), size))


def _order(flag: RedFlag) -> tuple[bool | int, ...]:
    """Urgent ones first, of these those by rules, what has to be rinsed before others, then the first in the text."""
    first = flag.kind in FIRST_KINDS
    place = flag.start, len(flag.words), KINDS.index(flag.kind)
    return not flag.urgent, not flag.rule, not first, *place


def _together(parts: Sequence[Sequence[Hit]], near: int) -> Hit | None:
    """Where one hit of each part first stands within so many characters."""
    if len(parts) == 1:
        return parts[0][0] if parts[0] else None
    ends = sorted((hit, part) for part, hits in enumerate(parts) for hit in hits)
    last: dict[int, Hit] = {}
    for hit, part in ends:
        last[part] = hit
        if len(last) == len(parts):
            start, end = min(one[0] for one in last.values()), max(one[1] for one in last.values())
            if end - start <= near:
                return start, end
    return None


def _rule(kind: str, weight: FlagWeight, text: str) -> Rule:
    names, _, near = text.partition(" @")
    parts = tuple(part[1:-1] if part.startswith("/") else part for part in names.split(" & "))
    return Rule(kind, weight, parts, int(near or NEAR_CHARS), text)


def _sets(words: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Of each set its expression, with those that it names in it."""
    whole = {name: "|".join(expressions) for name, expressions in words.items()}
    return {
        name: re.sub(r"<(\w+)>", lambda other: f"(?:{whole[other[1]]})", text) for name, text in whole.items()
    }


def _compiled(expressions: Iterable[str]) -> re.Pattern[str]:
    return deferred("|".join(f"(?:{one})" for one in expressions), re.ASCII)

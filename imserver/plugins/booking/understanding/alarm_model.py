"""A table of weights of short strings: how much each speaks for an emergency. It can be read, and it only calls people.

A text is cut into pieces. The score of a piece is the sum of the weights of all strings of one to four characters in it, each
counted once, over the square root of their number, plus a constant; that of a text is its highest. The table was learnt by
`tests/understanding/train_alarms.py` from texts that were written for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import chain
from math import sqrt
from operator import add

#: A piece of a text, and how far its next one begins behind it.
PIECE_CHARS, PIECE_STEP = 96, 64
MAX_GRAM = 4
#: A piece of fewer strings counts as if it had so many: few say little.
LEAST_GRAMS = 40
#: What one of a weight in the table stands for.
UNIT = 1 / 100


@dataclass(frozen=True, slots=True)
class Table:
    """`weights`: of each string, in units; `kinds`: the kind of alarm in which it is most at home; the two thresholds."""

    constant: float
    urgent: float
    careful: float
    weights: Mapping[str, int]
    kinds: Mapping[str, str]

    def scores(self, text: str) -> Iterator[tuple[str, float]]:
        """Each piece of a text and its score."""
        return ((piece, self.score(piece)) for piece in pieces(text))

    def score(self, piece: str) -> float:
        """The score of one piece."""
        return self.weigh(grams(piece))

    def weigh(self, strings: Iterable[str]) -> float:
        """The score of a piece with these strings, of which each stands there once."""
        found = list(filter(None, map(self.weights.get, strings)))
        return self.constant + UNIT * sum(found) / sqrt(max(len(found), LEAST_GRAMS))

    def heaviest(self, piece: str, count: int) -> list[tuple[str, float]]:
        """The strings of a piece that weigh most, either way, and by how much of the score."""
        found = [(gram, self.weights[gram]) for gram in grams(piece) if gram in self.weights]
        unit = UNIT / sqrt(max(len(found), LEAST_GRAMS))
        found.sort(key=lambda one: (-abs(one[1]), one[0]))
        return [(gram, unit * weight) for gram, weight in found[:count]]

    def kind(self, piece: str, without: Collection[str] = ()) -> str:
        """The kind for which most in a piece speaks, of all but some; "" if nothing speaks for any."""
        sums: dict[str, int] = {}
        for gram in grams(piece):
            weight = self.weights.get(gram, 0)
            if weight > 0 and self.kinds[gram] not in without:
                sums[self.kinds[gram]] = sums.get(self.kinds[gram], 0) + weight
        return max(sorted(sums), key=lambda kind: sums[kind], default="")

    def words(self, piece: str) -> str:
        """The stretch of a piece that speaks most for an alarm."""
        shares = [0.0] * len(piece)
        for start in range(len(piece)):
            for end in range(start + 1, min(start + MAX_GRAM, len(piece)) + 1):
                weight = self.weights.get(piece[start:end], 0) / (end - start)
                for at in range(start, end):
                    shares[at] += weight
        first, last = _heaviest_stretch(shares)
        return piece[first:last].strip()


def pieces(text: str) -> Iterator[str]:
    """A short text whole, a longer one in pieces that overlap."""
    last = max(len(text) - (PIECE_CHARS - PIECE_STEP), 1)
    return (text[start : start + PIECE_CHARS] for start in range(0, last, PIECE_STEP))


def grams(piece: str) -> dict[str, None]:
    """The strings of one to four characters in a piece, each once, in their order; a blank stands at both ends."""
    whole = f" {piece} "
    twos = list(map(add, whole, whole[1:]))
    found = dict.fromkeys(chain(whole, twos, map(add, twos, whole[2:]), map(add, twos, twos[2:])))
    del found[" "]
    return found


@cache
def load_table() -> Table:
    """The shipped table, read at the first text."""
    file = resources.files("imserver.plugins.booking") / "words" / "alarm_weights.tsv"
    return read_table(file.read_text(encoding="utf-8"))


def read_table(text: str) -> Table:
    """A table from its file: constant and thresholds, the kinds, then a line for each weight: kind, weight, its strings."""
    first, second, *lines = text.rstrip("\n").split("\n")
    constant, urgent, careful = map(float, first.split("\t"))
    names = second.split("\t")
    weights: dict[str, int] = {}
    kinds: dict[str, str] = {}
    for line in lines:
        kind, weight, *strings = line.split("\t")
        weights.update(dict.fromkeys(strings, int(weight)))
        if int(weight) > 0:  # what speaks against an alarm is of no kind
            kinds.update(dict.fromkeys(strings, names[int(kind)]))
    return Table(constant, urgent, careful, weights, kinds)


def _heaviest_stretch(shares: Sequence[float]) -> tuple[int, int]:
    best, first, last, start, total = 0.0, 0, len(shares), 0, 0.0
    for at, share in enumerate(shares):
        if total <= 0:
            start, total = at, 0.0
        total += share
        if total > best:
            best, first, last = total, start, at + 1
    return first, last

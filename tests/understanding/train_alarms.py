"""Learns the table of alarm weights from the open half of the corpus, and says how well it would do on texts not learnt from.

    python -m tests.understanding.train_alarms            # cross-validates, prints, writes the table
    python -m tests.understanding.train_alarms --check    # fails if the table that ships is not what would be written

A linear support vector machine (squared hinge loss, dual coordinate descent, as LIBLINEAR does it) in plain Python: sums,
products and square roots alone, in an order that a seed fixes, so that every machine writes the same table.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from imserver.plugins.booking.understanding.alarm_model import LEAST_GRAMS, UNIT, Table, grams, read_table
from imserver.plugins.booking.understanding.alarms import KINDS, RedFlags

from . import corpus

HERE = Path(__file__).parent
#: Files of the open half: alarms and what is none, and what people write to a shop.
TOLD, SAID = ("alarms", "others"), ("utterances", "more_zh", "more_en", "more_staff")
PHRASES = HERE.parent / "booking" / "when_phrases.json"
TABLE = HERE.parents[1] / "imserver" / "plugins" / "booking" / "words" / "alarm_weights.tsv"

SEED = 15
FOLDS = 5
ROUNDS = 12
#: How dear a mistake is: with an alarm, with anything else.
COST_OF_MISS, COST_OF_ALARM = 6.0, 3.0
#: The score of a text of which the table does not speak.
UNHEARD = -9.0
#: Strings that stand in fewer texts teach nothing about others.
LEAST_TEXTS = 2
#: The file holds at most so many bytes.
MAX_BYTES = 300_000
#: Shares of the texts that are none that a threshold lets through, in cross-validation: of ordinary ones.
URGENT_ORDINARY, CAREFUL_ORDINARY = 0.0007, 0.007
#: So much further is the urgent one set: texts that nobody has thought of are more than those of the corpus.
URGENT_MARGIN = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """A text of the corpus. `kind` is "" and `near` the reason where it is no alarm."""

    text: str
    kind: str
    near: str
    gravest: bool
    grams: tuple[str, ...]


def samples(flags: RedFlags) -> list[Sample]:
    """The texts to learn from, as the reader sees them."""
    known = [
        row for name in (*TOLD, *SAID) for row in corpus.rows("open", name) if name in TOLD or _is_none(row)
    ]
    known += [{"text": text} for text in _phrases()]
    return [
        Sample(
            row["text"],
            row.get("kind", ""),
            row.get("near", ""),
            bool(row.get("gravest")),
            tuple(grams(flags.fold(row["text"]))),
        )
        for row in known
    ]


def learn(known: Sequence[Sample], thresholds: tuple[float, float] = (0.0, 0.0)) -> Table:
    """The table of some samples."""
    count = Counter(gram for sample in known for gram in sample.grams)
    names = sorted(gram for gram, texts in count.items() if texts >= LEAST_TEXTS)
    number = {gram: at for at, gram in enumerate(names)}
    rows = [[number[gram] for gram in sample.grams if gram in number] for sample in known]
    signs = [1.0 if sample.kind else -1.0 for sample in known]
    weights, constant = _descend(rows, signs, len(names))
    units = [round(weight / UNIT) for weight in weights]
    homes = _homes(known, number)
    table = {gram: units[at] for gram, at in number.items() if units[at]}
    kinds = {gram: homes[number[gram]] for gram in table}
    return Table(round(constant, 4), *thresholds, *_small_enough(table, kinds))


def scored(known: Sequence[Sample]) -> list[float]:
    """What each sample scores with a table that has not learnt from it."""
    order = list(range(len(known)))
    random.Random(SEED).shuffle(order)
    scores = [0.0] * len(known)
    flags = RedFlags()
    for fold in range(FOLDS):
        held_out = set(order[fold::FOLDS])
        table = learn([sample for at, sample in enumerate(known) if at not in held_out])
        for at in held_out:
            scores[at] = max(
                score if flags.is_for_the_table(piece) else UNHEARD
                for piece, score in table.scores(flags.fold(known[at].text))
            )
    return scores


def thresholds(known: Sequence[Sample], scores: Sequence[float]) -> tuple[float, float]:
    """Urgent and careful: what so many ordinary texts may reach."""
    ordinary = sorted(
        (score for sample, score in zip(known, scores, strict=True) if not sample.kind and not sample.near),
        reverse=True,
    )
    urgent, careful = (ordinary[int(share * len(ordinary))] for share in (URGENT_ORDINARY, CAREFUL_ORDINARY))
    return round(urgent + URGENT_MARGIN, 3), round(careful + 0.001, 3)


def written(table: Table) -> str:
    """The file of a table: strings of one kind and weight stand on one line."""
    lines: dict[tuple[int, int], list[str]] = {}
    names = sorted(set(table.kinds.values()))
    for gram, weight in table.weights.items():
        lines.setdefault((names.index(table.kinds[gram]), weight), []).append(gram)
    head = f"{table.constant}\t{table.urgent}\t{table.careful}\n" + "\t".join(names) + "\n"
    return head + "".join(
        "\t".join((str(kind), str(weight), *sorted(found))) + "\n"
        for (kind, weight), found in sorted(lines.items())
    )


def _descend(rows: Sequence[Sequence[int]], signs: Sequence[float], size: int) -> tuple[list[float], float]:
    """Weights and constant. A row is the strings of a text, each worth one over the square root of their number."""
    weights, constant = [0.0] * size, 0.0
    alphas = [0.0] * len(rows)
    softness = [0.5 / (COST_OF_MISS if sign > 0 else COST_OF_ALARM) for sign in signs]
    order = list(range(len(rows)))
    dice = random.Random(SEED)
    for _ in range(ROUNDS):
        dice.shuffle(order)
        for at in order:
            row, sign = rows[at], signs[at]
            scale = 1 / sqrt(max(len(row), LEAST_GRAMS))
            margin = sign * (constant + scale * sum([weights[gram] for gram in row]))
            alpha = alphas[at]
            square = 1 + scale * scale * len(row)
            step = (1 - margin - softness[at] * alpha) / (square + softness[at])
            new = max(alpha + step, 0.0)
            if new != alpha:
                alphas[at] = new
                change = (new - alpha) * sign
                constant += change
                change *= scale
                for gram in row:
                    weights[gram] += change
    return weights, constant


def _homes(known: Iterable[Sample], number: Mapping[str, int]) -> dict[int, str]:
    """Of each string the kind among whose texts it is most frequent."""
    alarms = [sample for sample in known if sample.kind]
    sizes = Counter(sample.kind for sample in alarms)
    found: dict[int, Counter[str]] = {}
    for sample in alarms:
        for gram in sample.grams:
            if gram in number:
                found.setdefault(number[gram], Counter())[sample.kind] += 1
    default = KINDS[-1]
    homes = dict.fromkeys(number.values(), default)
    for at, counts in found.items():
        homes[at] = max(sorted(counts), key=lambda kind: counts[kind] / sizes[kind])
    return homes


def _small_enough(table: dict[str, int], kinds: dict[str, str]) -> tuple[dict[str, int], dict[str, str]]:
    """Without the strings that weigh least, until the file is small enough."""
    least = 1
    while len(written(Table(0.0, 0.0, 0.0, table, kinds)).encode()) > MAX_BYTES:
        least += 1
        table = {gram: weight for gram, weight in table.items() if abs(weight) >= least}
    return table, {gram: kinds[gram] for gram in table}


def _is_none(utterance: Mapping[str, Any]) -> bool:
    """Whether nothing in an utterance may be taken for an alarm."""
    acts = [act for part in ("acts", "may") for act in utterance.get(part, ()) if isinstance(act, dict)]
    return all(act["act"] != "alarm" for act in acts)


def _phrases() -> list[str]:
    """Shared phrases about times: none speaks of an eye."""
    return [phrase["text"] for phrase in json.loads(PHRASES.read_text("utf-8"))["phrases"]]


def report(known: Sequence[Sample], scores: Sequence[float], table: Table) -> list[str]:
    """Lines of what is missed and what is alarmed: by the table on texts that it has not learnt from, and with the rules."""
    rules = RedFlags(Table(0.0, 1.0, 1.0, {}, {}))
    found = [rules.find(sample.text) for sample in known]
    lines = []
    for name, with_rules in (("table alone", False), ("table and rules", True)):
        urgent = [score >= table.urgent for score in scores]
        any_ = [score >= table.careful for score in scores]
        if with_rules:
            urgent = [
                one or (flag is not None and flag.urgent) for one, flag in zip(urgent, found, strict=True)
            ]
            any_ = [one or flag is not None for one, flag in zip(any_, found, strict=True)]
        alarms = [at for at, sample in enumerate(known) if sample.kind]
        missed = [at for at in alarms if not any_[at]]
        by_kind = Counter(known[at].kind for at in missed)
        size = Counter(known[at].kind for at in alarms)
        gravest = sum(known[at].gravest for at in missed)
        lines.append(
            f"{name}: missed {_share(len(missed), len(alarms))}, of the gravest {gravest};"
            f" urgent {_share(sum(urgent[at] for at in alarms), len(alarms))}"
        )
        lines.append(
            "  missed by kind: " + ", ".join(f"{kind} {_share(by_kind[kind], size[kind])}" for kind in KINDS)
        )
        for title, some in (
            ("ordinary", [at for at, sample in enumerate(known) if not sample.kind and not sample.near]),
            ("near misses", [at for at, sample in enumerate(known) if sample.near]),
        ):
            lines.append(
                f"  {title}: urgent {_share(sum(urgent[at] for at in some), len(some))},"
                f" careful {_share(sum(any_[at] and not urgent[at] for at in some), len(some))}"
            )
    return lines


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} = {100 * part / max(whole, 1):.1f} %"


def main(arguments: Sequence[str]) -> int:
    """Print and write, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="compare with the table that ships; write nothing"
    )
    checks = parser.parse_args(arguments).check
    known = samples(RedFlags(Table(0.0, 1.0, 1.0, {}, {})))
    if checks:
        shipped = read_table(TABLE.read_text("utf-8"))
        return int(written(learn(known, (shipped.urgent, shipped.careful))) != TABLE.read_text("utf-8"))
    scores = scored(known)
    table = learn(known, thresholds(known, scores))
    TABLE.write_text(written(table), "utf-8")
    print(f"{len(known)} texts, {len(table.weights)} weights, {len(written(table).encode())} bytes")
    print(f"thresholds: urgent {table.urgent}, careful {table.careful}; five-fold cross-validation:")
    print("\n".join(report(known, scores, table)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Red flags measured: which alarms are missed, by kind, and which ordinary texts and near misses raise one, by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from imserver.plugins.booking.understanding.alarms import RedFlags

from .corpus import Half, kind_of_alarm, near_of, rows

URGENT, CAREFUL = "urgent", "careful"


@dataclass(frozen=True, slots=True)
class Found:
    """What the red flags found in one text: its kind, and whether it is `urgent` or `careful`; "" and "" for nothing."""

    kind: str = ""
    weight: str = ""


@dataclass(slots=True)
class AlarmScore:
    """Counts of one half. By kind: texts, urgent, careful; by reason of near misses ("" is an ordinary text) the same."""

    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    near: dict[str, Counter[str]] = field(default_factory=dict)
    gravest: int = 0
    gravest_missed: int = 0
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)


def look(flags: RedFlags, text: str) -> Found:
    """The first red flag of a text."""
    flag = flags.find(text)
    if flag is None:
        return Found()
    return Found(flag.kind, str(getattr(flag, "weight", URGENT)))


def measure_alarms(half: Half, flags: RedFlags) -> AlarmScore:
    """Look at every text of one half."""
    score = AlarmScore()
    for row in rows(half, "alarms"):
        found = look(flags, row["text"])
        counts = score.kinds.setdefault(kind_of_alarm(row), Counter())
        _count(counts, found)
        score.gravest += bool(row["gravest"])
        if not found.weight:
            score.gravest_missed += bool(row["gravest"])
            score.missed.append(f"{row['id']} {counts_name(row)} {row['text']}")
    for row in rows(half, "others"):
        found = look(flags, row["text"])
        _count(score.near.setdefault(near_of(row), Counter()), found)
        if found.weight:
            score.false.append(f"{row['id']} {found.weight} ({near_of(row) or 'ordinary'}) {row['text']}")
    return score


def counts_name(row: Mapping[str, str]) -> str:
    """Kind, and a mark on the gravest."""
    return kind_of_alarm(row) + ("!" if row["gravest"] else "")


def missed_share(counts: Counter[str]) -> float:
    """Neither urgent nor careful."""
    return 1 - (counts[URGENT] + counts[CAREFUL]) / max(1, counts["texts"])


def summed(counters: Mapping[str, Counter[str]], *, near: bool | None = None) -> Counter[str]:
    """All together; of others the ordinary ones or the near misses alone."""
    return sum(
        (counts for name, counts in counters.items() if near is None or bool(name) is near), Counter[str]()
    )


def _count(counts: Counter[str], found: Found) -> None:
    counts["texts"] += 1
    if found.weight:
        counts[found.weight] += 1

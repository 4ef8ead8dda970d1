"""Phrases about time with the readings that are accepted, and what became of each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1]
#: Two files of phrases said on Wed 18 Nov 2026 at 10:00 in Shanghai, written apart from the grammar.
FILES = ("when_phrases", "when_phrases_2")

#: The starts that a phrase comes to: one that would be taken, several that would be asked about, none.
Read = Callable[[str, datetime, str], Sequence[str]]


@dataclass(slots=True)
class Tally:
    """`asked`: needlessly, since one reading alone is accepted. `wrong`: the phrase, and what was read."""

    right: int = 0
    asked: list[str] = field(default_factory=list)
    wrong: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


def load(name: str) -> Mapping[str, Any]:
    """One file."""
    data: Mapping[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return data


def judge(name: str, read: Read) -> Tally:
    """Read every phrase of a file."""
    data, tally = load(name), Tally()
    now = datetime.fromisoformat(data["now"])
    for row in data["phrases"]:
        got = tuple(read(row["text"], now, data["zone"]))
        _count(tally, row, got)
    return tally


def stamps(starts: Iterable[datetime]) -> tuple[str, ...]:
    """As the files write them."""
    return tuple(f"{start:%Y-%m-%d %H:%M}" for start in starts)


def _count(tally: Tally, row: Mapping[str, Any], got: tuple[str, ...]) -> None:
    accepted = row["accept"]
    if accepted is None:
        right = len(got) != 1  # it must ask
    elif len(got) > 1:
        right = set(got) == set(accepted)
    else:
        right = not got or got[0] in accepted
    if accepted is not None and len(got) > 1 and not right and set(accepted) & set(got):
        tally.asked.append(row["text"])  # the accepted one is among the buttons
    elif not right:
        tally.wrong.append((row["text"], got))
    elif accepted is not None and len(accepted) == 1 and not got and not row.get("may_ask"):
        tally.asked.append(row["text"])
    else:
        tally.right += 1

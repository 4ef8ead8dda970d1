"""The scores on docs/understanding.md: the first one of the sealed half, which stays, and the present one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"(<!-- score: [^>]*-->\n).*?(<!-- /score -->)", re.DOTALL)
#: The figures of a score, in words and in the order of the page.
_WORDS = {
    "right": "right, of {texts} texts",
    "asked_needlessly": "asked needlessly",
    "offered_wrong": "wrong, in what is offered",
    "acted_wrong": "wrong, in what books, moves or cancels",
    "neutral_share": "texts with a neutral rest, passed on",
    "dialogues right": "dialogues right, of {dialogues}",
    "dialogues open": "dialogues open: not reached, and nothing wrong",
    "dialogues wrong": "dialogues wrong",
    "dialogues broken": "dialogues broken",
    "alarms_missed_share": "alarms missed, of {alarms}",
    "alarms_missed_share_of_worst_kind": "alarms missed, of the worst kind",
    "gravest_missed": "gravest alarms missed",
    "ordinary_urgent_share": "ordinary texts called urgent",
    "ordinary_careful_share": "ordinary texts answered carefully",
    "near_urgent_share": "near misses called urgent",
}


def flat(score: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Figures by name: `dialogues right`."""
    figures: dict[str, Any] = {}
    for name, value in score.items():
        figures.update(
            flat(value, f"{prefix}{name} ") if isinstance(value, Mapping) else {prefix + name: value}
        )
    return figures


def rows(first: Mapping[str, Any], present: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What, first, present."""
    one, other = flat(first), flat(present)
    of = {**other, "dialogues": sum(value for name, value in other.items() if name.startswith("dialogues "))}
    return [
        (words.format_map(of), _figure(name, one.get(name)), _figure(name, other.get(name)))
        for name, words in _WORDS.items()
    ]


def filled(page: str, kept: Mapping[str, Any], present: Mapping[str, Any], day: str) -> str:
    """The page with both scores between its marks. `kept`: what `first-score` wrote."""
    head = f"| sealed half | first ({kept['day']}, {kept['commit'][:7]}) | {day} |\n|---|---|---|\n"
    table = head + "".join(f"| {' | '.join(row)} |\n" for row in rows(kept["score"], present))
    return _BLOCK.sub(lambda block: block[1] + table + block[2], page)


def fill(file: Path, kept: Mapping[str, Any], present: Mapping[str, Any], day: str) -> None:
    """Write it."""
    file.write_text(filled(file.read_text("utf-8"), kept, present, day), "utf-8")


def _figure(name: str, value: Any) -> str:
    if value is None:
        return ""
    return f"{100 * value:.1f} %" if "share" in name else f"{value}"

"""The digests of the corpus: it only grows. A text that is taken away or expects something else has to be named in a decision.

`digests.txt` has a line for each text, `open/utterances o001 3f2a…`. A decision (a page in docs/decisions) that lets one change
names it as `open/utterances o001`; then `python -m tests.understanding keep` notes the new digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .corpus import APART, APART_DIALOGUES, FILES, FOLDER, HALVES, rows

FILE = FOLDER / "digests.txt"
#: Hexadecimal digits: twelve are never the same by accident among some thousand texts.
DIGITS = 12
_NAMED = re.compile(r"\b((?:open|sealed)/[a-z_]+) ([a-z]+\d+)\b")

Digests = Mapping[str, str]


@dataclass(slots=True)
class Difference:
    """Between the digests that are kept and the corpus as it is."""

    new: int = 0
    decided: int = 0
    undecided: list[str] = field(default_factory=list)
    unkept: list[str] = field(default_factory=list)


def digest(row: Mapping[str, Any]) -> str:
    """Of a text with everything that is expected of it."""
    whole = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()[:DIGITS]


def present() -> dict[str, str]:
    """The corpus as it is: `open/utterances o001` and its digest."""
    return {
        f"{half}/{name} {row['id']}": digest(row)
        for half in HALVES
        for name in (*FILES, *APART, *APART_DIALOGUES)
        for row in rows(half, name)
    }


def kept(text: str | None = None) -> dict[str, str]:
    """The lines of `digests.txt`, or of an older copy of it."""
    if text is None:
        text = FILE.read_text("utf-8") if FILE.exists() else ""
    return dict(line.rsplit(" ", 1) for line in text.splitlines())


def write(digests: Digests) -> None:
    """Note them all."""
    FILE.write_text("".join(f"{name} {digest}\n" for name, digest in digests.items()), "utf-8")


def decided(root: Path) -> frozenset[str]:
    """The texts that decisions name."""
    pages = sorted((root / "docs" / "decisions").glob("*.md"))
    return frozenset(
        f"{file} {id_}" for page in pages for file, id_ in _NAMED.findall(page.read_text("utf-8"))
    )


def compare(before: Digests, now: Digests, decisions: frozenset[str]) -> Difference:
    """What is new, and what is another one or gone, with a decision and without."""
    found = Difference(unkept=sorted(set(now) - set(before)))
    found.new = len(found.unkept)
    for name, was in before.items():
        if now.get(name) != was:
            if name in decisions:
                found.decided += 1
            else:
                found.undecided.append(name)
    return found

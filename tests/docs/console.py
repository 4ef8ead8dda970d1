"""Pages whose console blocks are run: what is typed there, what is shown of it, and how that is compared with what comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(r"(?:^`(/[^`]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TYPED = re.compile(r"^([$#]) (.+)\n((?:(?![$#] ).*\n)*)", re.MULTILINE)
#: What differs from run to run: ids of tokens, numbers with their units, times, the small picture of a rate, and words that are
#: left out.
_ANY = re.compile(
    r"(?P<more>…)"
    r"|(?P<id>\b[0-9a-f]{16}\b)"
    r"|(?P<picture>[▁▂▃▄▅▆▇█]+)"
    r"|(?P<length>\d+ (?:s|min|h|d)(?: \d+ (?:h|min))?\b)"
    r"|(?P<ago>\d+ (?:second|minute|hour|day)s?)"
    r"|(?P<size>[\d,.]+ (?:B|bytes|KiB|MiB|GiB|TiB)\b)"
    r"|(?P<counted>\b\d[\d,]* (?:message|connection|record|frame)s?)"
    r"|(?P<number>\b\d[\d,.:TZ-]*)"
    r"|(?P<blank> +)"
)
_FOR = {
    "more": r".*",
    "id": r"[0-9a-f]{16}",
    "picture": r"[▁▂▃▄▅▆▇█]+",
    "length": r"\d+ (?:s|min|h|d)(?: \d+ (?:h|min))?",
    "ago": r"\d+ (?:second|minute|hour|day)s?",
    "size": r"[\d,.]+ (?:B|bytes|KiB|MiB|GiB|TiB)",
    "counted": r"\d[\d,]* (?:message|connection|record|frame)s?",
    "number": r"\d[\d,.:TZ-]*",
    "blank": r" +",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `file` is named in the paragraph in front of it, if that is nothing but a path."""

    file: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Typed:
    """One line that is typed, and what is shown to come of it."""

    root: bool
    line: str
    shown: str

    @property
    def command(self) -> str:
        """Without its comment."""
        return re.sub(r"\s+# .*", "", self.line).strip()


def blocks(page: str) -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall(page)]


def typed(block: Block) -> Iterator[Typed]:
    found = list(_TYPED.finditer(block.text))
    assert "".join(each[0] for each in found) == block.text, f"not all of it is read: {block.text}"
    for prompt, line, shown in (each.groups() for each in found):
        yield Typed(prompt == "#", line, shown)


def pattern(shown: str) -> re.Pattern[str]:
    """What may come where the page shows this. A line of nothing but `…` stands for any number of lines."""
    return re.compile(
        "".join(r"(?:.*\n)*?" if line == "…" else f"{_line(line)}\n" for line in shown.splitlines())
    )


def _line(line: str) -> str:
    made, at = "", 0
    for found in _ANY.finditer(line):
        assert found.lastgroup is not None
        made += re.escape(line[at : found.start()]) + _FOR[found.lastgroup]
        at = found.end()
    return made + re.escape(line[at:])


def fits(shown: str, came: str) -> bool:
    """Whether this is what the page shows."""
    return pattern(shown).fullmatch(came) is not None

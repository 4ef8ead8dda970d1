"""Red flags: words after which nobody may wait for an appointment. Looked for before anything else is done with a text.

The patterns are data (`words/red_flags.toml`). What they find is answered with the way to the emergency department; nothing
here or there ever says that a symptom is harmless.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib import resources

from .heard import fold

#: Symptoms stand in what people write, not far into a pasted text; and the search stays within a few ms.
MAX_CHARS = 1000

KINDS = ("chemical", "urgent")


@dataclass(frozen=True, slots=True)
class RedFlag:
    """`kind` is `chemical` (rinse first) or `urgent`; `words` is what was recognised."""

    kind: str
    words: str


class RedFlags:
    """The compiled patterns."""

    def __init__(self) -> None:
        file = resources.files(__package__) / "words" / "red_flags.toml"
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        self._not_meant = _compiled(table["not_meant"], {})
        self._kinds = [(kind, _compiled(table[kind], table["parts"])) for kind in KINDS]

    def find(self, text: str) -> RedFlag | None:
        """The first red flag in a text, chemicals before everything else."""
        plain = self._not_meant.sub(" ", fold(text[:MAX_CHARS], MAX_CHARS))
        for kind, pattern in self._kinds:
            found = pattern.search(plain)
            if found is not None:
                return RedFlag(kind, found.group())
        return None


def _compiled(patterns: list[str], parts: dict[str, str]) -> re.Pattern[str]:
    whole = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re.compile(re.sub(r"<([A-Z_]+)>", lambda part: parts[part[1]], whole), re.IGNORECASE)

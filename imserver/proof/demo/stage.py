"""What a demonstration needs of whoever shows it: a stage. The play says what happens; how it looks is the stage's affair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Line:
    """A message on somebody's screen. `tick`: how far one's own has come (`queued`, `committed`, `delivered`, `read`)."""

    who: str
    sent_at: int
    content: Mapping[str, Any]
    tick: str = ""
    changed: bool = False


class Stage(Protocol):
    """Where a play is shown. Each call is one thing that appears; `pause` gives people the time to read it."""

    def scene(self, title: str) -> None:
        """A new chapter."""
        ...

    def tell(self, text: str, *, bad: bool = False) -> None:
        """What is done to the machines, in a sentence. `bad`: something that should not happen to a server."""
        ...

    def screen(self, owner: str, place: str) -> None:
        """From here on we look at this person's screen, at this conversation."""
        ...

    def line(self, line: Line) -> None:
        """A message appears on that screen."""
        ...

    def note(self, text: str, *, bad: bool = False) -> None:
        """What the screen says beside messages: receipts, news of other conversations, lost and restored connections."""
        ...

    def box(self, title: str, rows: Sequence[tuple[str, str]], verdict: str, *, right: bool) -> None:
        """The end: facts with their labels, and what they amount to."""
        ...

    def finding(self, text: str) -> None:
        """Something that is wrong."""
        ...

    async def pause(self) -> None:
        """Long enough to read what has just appeared."""
        ...

"""The stage: the interface between a demonstration and its display. The play reports events; the stage draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Line:
    """A message on a person's screen. `tick`: the progress of an own one (`queued`, `committed`, `delivered`, `read`)."""

    who: str
    sent_at: int
    content: Mapping[str, Any]
    tick: str = ""
    changed: bool = False


class Stage(Protocol):
    """The display of a play. Each call shows one thing; `pause` gives people the time to read it."""

    def scene(self, title: str) -> None:
        """A new chapter."""
        ...

    def tell(self, text: str, *, bad: bool = False) -> None:
        """A fault or a restart, in a sentence. `bad`: something that should not happen to a server."""
        ...

    def screen(self, owner: str, place: str) -> None:
        """Turn to this person's screen and this conversation."""
        ...

    def line(self, line: Line) -> None:
        """A message appears on that screen."""
        ...

    def note(self, text: str, *, bad: bool = False) -> None:
        """A notice on the screen beside messages: receipts, news of other conversations, lost and restored connections."""
        ...

    def box(self, title: str, rows: Sequence[tuple[str, str]], verdict: str, *, right: bool) -> None:
        """The end: facts with their labels, and the verdict."""
        ...

    def finding(self, text: str) -> None:
        """Something that is wrong."""
        ...

    async def pause(self) -> None:
        """Long enough to read what has just appeared."""
        ...

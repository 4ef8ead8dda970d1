"""The stage of `imserver demo`: a chat, the narrator beside it, and the box at the end, drawn by rich on a terminal or as plain
text into a pipe."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from rich.console import Console
from rich.style import Style
from rich.text import Text

from imserver.proof.demo.stage import Line

from .chat.render import STYLES, Page, Row, Shown, Tick, message_rows
from .sanitize import safe, safe_line
from .text_width import clip, pad, width, wrap

#: Narrower terminals get lines that the terminal itself wraps; wider ones are not filled: long lines read badly.
MIN_CELLS, MAX_CELLS = 40, 100
#: Room in the frame of a card; and what stands beside it on a line: the indent, the frame.
MAX_TITLE_CELLS = 56
AROUND_TITLE_CELLS = 13
#: Up to the first end of a sentence that is followed by another.
_SENTENCE = re.compile(r".*?(?:[。？！]|[.?!](?=\s|$))|.+")
#: Prefix of each message on a person's screen.
BAR = "│ "
#: Each person's screen has a colour of its own, in the order of appearance.
COLOURS = ("cyan", "green", "magenta", "yellow")


class DemoScreen:
    """`pace_s`: seconds to read what has just appeared."""

    def __init__(self, console: Console, zone: tzinfo, pace_s: float) -> None:
        self._console = console
        self._zone = zone
        self._pace_s = pace_s
        self._colours: dict[str, str] = {}
        self._colour = COLOURS[0]
        self._scene = 0

    @property
    def _cells(self) -> int:
        return min(max(self._console.width, MIN_CELLS), MAX_CELLS)

    def title(self, text: str, legend: str) -> None:
        """Above everything."""
        for style, words in (("bold", text), ("dim", legend)):
            for line in wrap(words, self._cells):
                self._print(Text(line, style=style))

    def scene(self, title: str) -> None:
        self._scene += 1
        *above, last = wrap(f"━━ {self._scene}  {title}", self._cells - 3)
        self._print(Text())
        for line in (*above, f"{last} " + "━" * (self._cells - width(last) - 1)):
            self._print(Text(line, style="bold"))

    def tell(self, text: str, *, bad: bool = False) -> None:
        for number, line in enumerate(wrap(safe(text), self._cells - 2)):
            self._print(Text(("» " if number == 0 else "  ") + line, style="bold red" if bad else "yellow"))

    def screen(self, owner: str, place: str) -> None:
        self._colour = self._colours.setdefault(owner, COLOURS[len(self._colours) % len(COLOURS)])
        head = f"╭─ {owner}'s screen: {place} "
        self._print(Text(head + "─" * max(min(self._cells, 60) - width(head), 2), style=self._colour))

    def line(self, line: Line) -> None:
        tick = Tick[line.tick.upper()] if line.tick else None
        page = Page(self._cells - width(BAR), line.sent_at, self._zone)
        content = tidy(line.content, line.who, min(MAX_TITLE_CELLS, page.width - AROUND_TITLE_CELLS))
        shown = Shown(line.who, line.sent_at, content, tick=tick, changed=line.changed)
        for row in message_rows(shown, page):
            self._bar(_styled(row))

    def note(self, text: str, *, bad: bool = False) -> None:
        for line in wrap(safe(text), self._cells - width(BAR) - 8):
            self._bar(Text(" " * 7 + line, style="red" if bad else "blue"))

    def finding(self, text: str) -> None:
        self._print(Text(safe_line(text), style="bold red"))  # on one line, whatever its length: for grep

    def box(self, title: str, rows: Sequence[tuple[str, str]], verdict: str, *, right: bool) -> None:
        inner = self._cells - 4
        column = max(width(label) for label, _ in rows) + 2
        title = clip(title, inner - 3)
        self._print(Text())
        self._print(Text(f"┌─ {title} " + "─" * (inner - width(title) - 1) + "┐"))
        for label, value in rows:
            for number, line in enumerate(wrap(value, inner - column)):
                text = pad(label if number == 0 else "", column) + line
                self._print(Text("│ " + pad(text, inner) + " │"))
        self._print(Text("├" + "─" * (inner + 2) + "┤"))
        for line in wrap(verdict, inner):
            inside = Text(pad(line, inner), style="bold green" if right else "bold red")
            self._print(Text("│ ").append_text(inside).append(" │"))
        self._print(Text("└" + "─" * (inner + 2) + "┘"))

    async def pause(self) -> None:
        await asyncio.sleep(self._pace_s)

    def _bar(self, text: Text) -> None:
        self._print(Text().append(BAR, style=self._colour).append_text(text))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True, highlight=False)


def tidy(content: Mapping[str, Any], who: str, cells: int) -> Mapping[str, Any]:
    """A card's question without a title gets its first sentence as one, if that fits into `cells`."""
    if content.get("type") != "card":
        return content
    text, title = str(content.get("text", "")), str(content.get("title", ""))
    if not title:
        first = _SENTENCE.match(text)
        title = first.group() if first and width(first.group()) <= cells else who
        text = text.removeprefix(title).strip()
    return {**content, "title": title.strip(), "text": text}


def _styled(row: Row) -> Text:
    text = Text()
    for style, fragment in row:
        text.append(fragment, style=_RICH_STYLES.get(style.removeprefix("class:"), Style()))
    text.rstrip()
    return text


def _rich(style: str) -> Style:
    """prompt_toolkit's `ansibrightblack italic` in rich's words."""
    words = [word.replace("ansibright", "bright_").removeprefix("ansi") for word in style.split()]
    return Style.parse(" ".join(words) or "none")


_RICH_STYLES = {name: _rich(style) for name, style in STYLES.items()}

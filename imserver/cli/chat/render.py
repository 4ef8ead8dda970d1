"""Messages as lines of a terminal: sender, time, ticks, text, cards as boxes. Pure functions: values in, rows out.

A row is one line of the screen as (style, text) fragments; the styles are names that `STYLES` explains. `plain` turns a row
into text for a pipe. All text from outside goes through `sanitize.safe` here, and only here: the rows are safe to print.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from enum import Enum
from typing import Any

from imserver.cli.sanitize import safe, safe_line
from imserver.cli.text_width import clip, pad, width, wrap

#: One line: fragments of (style, text), the form that prompt_toolkit prints.
Row = Sequence[tuple[str, str]]
#: A user id as a name to show (not yet sanitized).
NameOf = Callable[[str], str]
#: A system message of a feature as a sentence about somebody; "" if it is none.
Words = Callable[[str, Mapping[str, Any]], str]

#: The look of each style name, for prompt_toolkit's `Style.from_dict`.
STYLES: Mapping[str, str] = {
    "when": "ansibrightblack",
    "who": "ansicyan bold",
    "you": "ansigreen bold",
    "text": "",
    "bot": "ansibrightblack",
    "tick": "ansibrightblack",
    "read": "ansiblue bold",
    "box": "ansibrightblack",
    "title": "bold",
    "label": "ansibrightblack",
    "button": "ansiyellow bold",
    "changed": "ansiyellow",
    "marks": "ansicyan",
    "notice": "ansibrightblack italic",
    "error": "ansired",
}

#: Lines of one message; a longer one is cut, so that no message pushes all others off the screen.
MAX_MESSAGE_LINES = 60
#: Fields and buttons drawn of one card.
MAX_FIELDS = 40
MAX_BUTTONS = 20
#: Cells of a name before the text.
MAX_NAME_CELLS = 24
#: A box is not drawn wider: a line of text that is longer is hard to read.
MAX_BOX_CELLS = 64
MIN_CELLS = 20
#: Behind a bot's name, which no name can push out of the line.
BOT = " (bot)"
INDENT = " " * 7  # as wide as "12:31  "
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: A line of a card's text that may be a button: `2. Not now`, `2、先不约了`.
_NUMBERED = re.compile(r"\s*(\d{1,3})\s*[.)、．:：]\s*(.*?)\s*")


class Tick(Enum):
    """The progress of an own message. The value is the drawn mark."""

    QUEUED = "…"
    COMMITTED = "✓"
    DELIVERED = "✓✓"
    READ = "✓✓ read"


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as it is to be drawn. `who` is a display name; `content` None is one that was taken back, `by` another."""

    who: str
    sent_at: int
    content: Mapping[str, Any] | None
    own: bool = False
    tick: Tick | None = None
    changed: bool = False
    #: A line below it.
    marks: str = ""
    by: str = ""
    #: A program wrote it.
    bot: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """How to draw: cells of a line, the present time (UTC milliseconds), the zone (None: the machine's)."""

    width: int = 80
    now_ms: int = 0
    zone: tzinfo | None = None
    name_of: NameOf = field(default=str)
    words: Words = field(default=lambda who, content: "")


@dataclass(frozen=True, slots=True)
class Action:
    """A button of a card: tapping it posts `command` as a message."""

    label: str
    command: str


def plain(row: Row) -> str:
    """The row as text."""
    return "".join(text for _, text in row).rstrip()


def notice(text: str, style: str = "notice", cells: int = 10_000) -> list[Row]:
    """A line that is not a message: connection, help, unread counts. Wraps at line feeds and at the end of the line."""
    return [[(f"class:{style}", line)] for line in wrap(safe(text), max(cells - 1, MIN_CELLS))]


def message_rows(shown: Shown, page: Page) -> list[Row]:
    """The message, its first line headed by when and who."""
    rows = _rows_of_content(shown, page)
    if shown.marks:
        marks = clip(safe_line(shown.marks), max(page.width, MIN_CELLS) - len(INDENT) - 1)
        rows = [*rows, [("class:marks", f"{INDENT}{marks}")]]
    return rows


def _rows_of_content(shown: Shown, page: Page) -> list[Row]:
    content = shown.content
    if content is None:
        return _cut_off(_text_rows(replace(shown, changed=False, tick=None), page))
    if content.get("type") == "system":
        told = f"{clock_text(shown.sent_at, page)}  — {system_text(shown, page.name_of, page.words)}"
        return _cut_off([[("class:notice", line)] for line in wrap(told, max(page.width, MIN_CELLS))])
    if content.get("type") == "card":
        return [_head(shown, page), *card_rows(content, page)]
    return _cut_off(_text_rows(shown, page))


def clock_text(sent_at: int, page: Page) -> str:
    """`12:31` today, `9 Mar 12:31` in this year, else with the year."""
    zone = page.zone
    then = datetime.fromtimestamp(_sane(sent_at) / 1000, UTC).astimezone(zone)
    now = datetime.fromtimestamp(page.now_ms / 1000, UTC).astimezone(zone)
    day = "" if then.date() == now.date() else f"{then.day} {MONTHS[then.month - 1]} "
    return f"{day}{'' if then.year == now.year else f'{then.year} '}{then:%H:%M}"


def tick_of(position: int, others: Iterable[tuple[int, int]]) -> Tick:
    """The tick of a committed message, from the (delivered, read) cursors of the *other* members: the lowest counts."""
    cursors = list(others)
    if cursors and all(read >= position for _, read in cursors):
        return Tick.READ
    if cursors and all(max(cursor) >= position for cursor in cursors):
        return Tick.DELIVERED
    return Tick.COMMITTED


def text_of(content: Mapping[str, Any] | None) -> str:
    """The text of a message, on as many lines as it has. For unknown types it names the type."""
    if content is None:
        return "message taken back"
    kind, text = str(content.get("type", "?")), content.get("text")
    if kind == "text" and isinstance(text, str):
        return safe(text)
    if kind == "card":
        return safe(" — ".join(part for part in (_string(content, "title"), _card_text(content)) if part))
    name = _string(content, "name") or (text if isinstance(text, str) else "")
    return safe(f"[{kind}] {name}".rstrip())


def preview(content: Mapping[str, Any] | None, cells: int) -> str:
    """The message on one line of at most `cells`."""
    return clip(" ".join(text_of(content).split()), cells)


def actions_of(content: Mapping[str, Any] | None) -> list[Action]:
    """The buttons of a card; empty for everything else. Malformed ones are left out."""
    if content is None or content.get("type") != "card":
        return []
    found = []
    for action in _list(content, "actions"):
        if isinstance(action, Mapping):
            label, command = action.get("label"), action.get("command")
            if isinstance(command, str) and command:
                found.append(Action(label if isinstance(label, str) else command, command))
    return found[:MAX_BUTTONS]


def card_rows(content: Mapping[str, Any], page: Page) -> list[Row]:
    """The box of a card: title, text, fields with their labels in a column, numbered buttons, with room between them."""
    inner = min(max(page.width, MIN_CELLS) - len(INDENT), MAX_BOX_CELLS) - 4
    title = clip(safe_line(_string(content, "title")), inner - 2)
    text = _card_text(content)
    body: list[Row] = [[("class:text", line)] for line in wrap(safe(text), inner)] if text else []
    fields = _field_rows(_fields(content), inner)
    if fields and body:
        body.append([("", "")])
    body += fields
    buttons = _button_rows(actions_of(content), inner)
    if buttons and body:
        body.append([("", "")])
    body = [*_cut_off(body), *buttons]
    used = max([width(title) + 2, *(width("".join(text for _, text in row)) for row in body)])
    used = min(used, inner)
    frame = "class:box"
    rows: list[Row] = [_top(title, used)]
    for row in body:
        gap = " " * (used - width("".join(text for _, text in row)))
        rows.append([(frame, f"{INDENT}│ "), *row, ("", gap), (frame, " │")])
    rows.append([(frame, f"{INDENT}└{'─' * (used + 2)}┘")])
    return rows


def system_text(shown: Shown, name_of: NameOf, words: Words = lambda who, content: "") -> str:
    """A system message as a sentence. For an event that neither we nor `words` know, it names the event."""
    content = shown.content or {}
    user = safe_line(name_of(_string(content, "user"))) if content.get("user") else ""
    who = safe_line(shown.who)
    match content.get("event"):
        case "created":
            return f"{who} created “{safe_line(_string(content, 'title'))}”"
        case "added":
            role = safe_line(_string(content, "role"))
            return f"{who} added {user}{'' if role == 'member' else f' ({role})'}"
        case "removed":
            return f"{who} removed {user}"
        case "left":
            return f"{user or who} left"
        case "retracted":
            return f"{who} took back message {content.get('target')}"
        case event:
            return safe_line(words(who, content) or f"{who}: {event}")


# -- the parts ----------------------------------------------------------------------------------------------------------


def _head(shown: Shown, page: Page) -> list[tuple[str, str]]:
    who = "you" if shown.own else clip(safe_line(shown.who) or "?", MAX_NAME_CELLS)
    head = [
        ("class:when", f"{clock_text(shown.sent_at, page)}  "),
        ("class:you" if shown.own else "class:who", who),
    ]
    if shown.bot and not shown.own:
        head.append(("class:bot", BOT))
    if shown.changed:
        head.append(("class:changed", " (changed)"))
    if shown.tick is not None and shown.content is not None and shown.content.get("type") == "card":
        head.append(_tick_fragment(shown.tick))
    return head


def _text_rows(shown: Shown, page: Page) -> list[Row]:
    head = [*_head(shown, page), ("class:text", ": ")]
    lead = width(plain(head) + " ")
    room = max(page.width, MIN_CELLS) - 1
    tick = f" {shown.tick.value}" if shown.tick is not None else ""
    indent = INDENT if lead > room // 2 else " " * lead
    by = f" by {clip(safe_line(shown.by), MAX_NAME_CELLS)}" if shown.by else ""
    style = "class:notice" if shown.content is None else "class:text"
    # The first line is shorter if the name is long: then the text begins below the time.
    lines = wrap(text_of(shown.content) + by, room - len(indent))
    if width(lines[0]) > room - lead:
        lines = ["", *lines]
    rows: list[list[tuple[str, str]]] = [[*head, (style, lines[0])]]
    rows += [[("", indent), (style, line)] for line in lines[1:]]
    if tick and shown.tick is not None:
        if width(plain(rows[-1])) + width(tick) > room:
            rows.append([("", indent)])
        rows[-1].append(_tick_fragment(shown.tick))
    return list(rows)


def _tick_fragment(tick: Tick) -> tuple[str, str]:
    return ("class:read" if tick is Tick.READ else "class:tick", f" {tick.value}")


def _top(title: str, used: int) -> Row:
    """The upper edge, with the title in it; a card without one has a plain edge."""
    if not title:
        return [("class:box", f"{INDENT}┌{'─' * (used + 2)}┐")]
    return [
        ("class:box", f"{INDENT}┌─ "),
        ("class:title", title),
        ("class:box", f" {'─' * (used - width(title) - 1)}┐"),
    ]


def _card_text(content: Mapping[str, Any]) -> str:
    """The text without the lines that its buttons say again, which are for clients without buttons."""
    labels = [action.label for action in actions_of(content)]
    lines = _string(content, "text").split("\n")
    return "\n".join(line for line in lines if not _is_button(line, labels))


def _is_button(line: str, labels: Sequence[str]) -> bool:
    found = _NUMBERED.fullmatch(line)
    return found is not None and found[2] in labels[int(found[1]) - 1 : int(found[1])]


def _field_rows(fields: Sequence[tuple[str, str]], inner: int) -> list[Row]:
    if not fields:
        return []
    column = min(max(width(label) for label, _ in fields), inner // 3)
    rows: list[Row] = []
    for label, value in fields:
        lines = wrap(value, inner - column - 2)
        rows.append([("class:label", pad(clip(label, column), column + 2)), ("class:text", lines[0])])
        rows += [[("", " " * (column + 2)), ("class:text", line)] for line in lines[1:]]
    return rows


def _button_rows(actions: Sequence[Action], inner: int) -> list[Row]:
    """Buttons side by side as far as they fit."""
    rows: list[list[tuple[str, str]]] = []
    used = inner + 1
    for number, action in enumerate(actions, 1):
        key = f"[{number}] "
        label = clip(safe_line(action.label), inner - width(key))
        cells = width(key) + width(label)
        if used + 3 + cells > inner:
            rows.append([])
            used = -3
        if rows[-1]:
            rows[-1].append(("", "   "))
        rows[-1] += [("class:button", key), ("class:text", label)]
        used += 3 + cells
    return list(rows)


def _fields(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of label and value; malformed fields of a card are left out."""
    found = []
    for pair in _list(content, "fields")[:MAX_FIELDS]:
        if isinstance(pair, Sequence) and not isinstance(pair, str | bytes) and len(pair) == 2:
            label, value = pair
            found.append((safe_line(str(label)), safe(str(value))))
    return found


def _cut_off(rows: list[Row]) -> list[Row]:
    if len(rows) <= MAX_MESSAGE_LINES:
        return rows
    left = len(rows) - MAX_MESSAGE_LINES
    return [*rows[:MAX_MESSAGE_LINES], [("class:notice", f"… {left} more lines")]]


def _string(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    return value if isinstance(value, str) else ""


def _list(content: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = content.get(name)
    return value if isinstance(value, list | tuple) else ()


def _sane(at_ms: int) -> int:
    """The time, cut to the range of datetime: another clock may say anything."""
    return min(max(at_ms, 0), 253_402_214_400_000)

"""What is wrong with a text that is no TOML, in words for people who never heard of it: the line, and what to do."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

#: What Chinese keyboards and word processors put in the place of a mark.
_MEANT: Mapping[str, str] = {
    **dict.fromkeys("“”„＂", '"'),
    **dict.fromkeys("‘’＇", "'"),
    **dict.fromkeys("，、", ","),
    **dict.fromkeys("［【", "["),
    **dict.fromkeys("］】", "]"),
    "｛": "{",
    "｝": "}",
    "＝": "=",
    "＃": "#",
    "\u00a0": "a blank",
    "\u3000": "a blank",
}
#: The beginning of what `tomllib` says, and what to do about it.
_WORDS: tuple[tuple[str, str], ...] = (
    ("Illegal character '\\n'", 'a text does not end: the closing " is missing'),
    ("Illegal character '\\r'", 'a text does not end: the closing " is missing'),
    ("Unterminated string", "a text does not end: its closing quotes are missing"),
    ("Unclosed array", "a list does not end: a ] is missing, or a comma between two of its values"),
    ("Unclosed inline table", "the braces do not end: a } is missing, or a comma between two fields"),
    ("Unescaped '\\'", "\\ stands for something else in a text: write \\\\"),
    ("Invalid value", 'a value is wanted here: "a text in quotes", a number, true, false, or a list in [ ]'),
    ("Invalid date", "there is no such day or time; a text stands in quotes"),
    ("Invalid statement", "`field = value` is wanted here, or a header such as [[stores]]"),
    ("Invalid initial character", "`field = value` is wanted here; a name with other signs stands in quotes"),
    ("Expected '='", "`field = value` is wanted here: the = is missing"),
    ("Expected newline", "nothing more is wanted here: one field a line, and a remark begins with #"),
    ("Expected ']", "a header looks like [stores.hours] or [[stores]]"),
    ("Cannot", "this stands in the file twice"),
    ("Duplicate inline table key", "a field stands in the braces twice"),
)
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
#: A list begins at the end of such a line.
_LIST = re.compile(r"""\s*["'\w.-]+\s*=\s*\[""")
#: So much of a line is shown.
_SHOWN = 60


def toml_fault(text: str, error: tomllib.TOMLDecodeError) -> str:
    """`line 88: mon = ["10:00-19:00": a list does not end: a ] is missing …`."""
    place = _PLACE.fullmatch(str(error))
    if place is None:
        return str(error)
    lines = text.replace("\r\n", "\n").split("\n")
    said, number, column = place[1], int(place[2] or len(lines)), int(place[3] or 0)
    line = lines[number - 1] if number <= len(lines) else ""
    sign = line[column - 1 : column] if column else ""
    if sign in _MEANT and sign:
        words = (
            f"write {_MEANT[sign]} where {sign} stands"
            if sign.strip()
            else "a blank that is none: write it anew"
        )
    else:
        words = next((words for begin, words in _WORDS if said.startswith(begin)), said)
        if said.startswith("Unclosed array"):
            number = _begin(lines, number)
    while number > 1 and not lines[number - 1].strip():
        number -= 1  # what is missing is missing above
    return f"line {number}: {_short(lines[number - 1].strip())}: {words}"


def _begin(lines: list[str], number: int) -> int:
    """The line where the list begins that has no end."""
    return next(
        (one for one in range(number, 0, -1) if _LIST.match(lines[one - 1]) and _opens(lines[one - 1])),
        number,
    )


def _opens(line: str) -> bool:
    return line.count("[") > line.count("]")


def _short(line: str) -> str:
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"

"""The corpus, read into one form: the two halves use other words for some things (their READMEs), the form does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal

from imserver.plugins.booking.understanding.acts import Kind

FOLDER = Path(__file__).parent
ZONE = "Asia/Shanghai"
Half = Literal["open", "sealed"]
HALVES: tuple[Half, ...] = ("open", "sealed")
FILES = ("utterances", "dialogues", "alarms", "others")
#: Written later, each against what had been missed until then: read with the file that they add to.
LATER = {"alarms": ("more_alarms", "everyday_alarms"), "others": ("everyday_others",)}
#: Files of the open half by other authors, who had seen neither it nor the reader: texts, and dialogues.
APART = ("more_zh", "more_en", "more_staff", "third_zh", "third_en", "fourth_zh", "fourth_en", "fifth_en")
APART_DIALOGUES = ("more_dialogues", "third_dialogues", "fifth_dialogues")

#: Words of the sealed half that have another spelling in the open one, in the chain and in the reader.
SERVICES = {"child_exam": "child-exam", "contact_fitting": "lens-fitting", "contact_recheck": "lens-check"}
ALARMS = {
    "flashes_floaters": "flashes", "double_sight": "double", "strong_pain": "pain", "red_eye_lenses": "lens_red",
    "bent_lines": "distortion", "lid_fever_bulging": "swollen_lid", "temple_jaw": "temple",
}  # fmt: skip
COMMANDS = {"arrived": "arrive", "done": "finish"}
#: Commands that the reader has a word for; the corpus lists them under "other".
_BEGUN = frozenset({"report", "order", "human", "help", "stores", "info", "list", "slots"})
_FIRST = {"yes": True, "no": False}
#: A value that cannot be, or that nothing settles: nothing of it is taken.
CANNOT_BE = "?"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_CLOCK = re.compile(r"\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Days:
    """A range of days, both ends meant; `last` None: any day behind `first`."""

    first: date
    last: date | None


@dataclass(frozen=True, slots=True)
class Want:
    """An act that is to be read. `values`: any of them is right; none: the text names no value. `asked`: where there are
    several, taking one of them for granted is wrong."""

    kind: Kind
    what: str = ""
    values: tuple[Any, ...] = ()
    asked: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind} {self.what}".strip()


@dataclass(frozen=True, slots=True)
class Utterance:
    """A text, its moment, and what it says. A test that fails does not print the words."""

    id: str
    text: str = field(repr=False)
    now: datetime
    step: str
    shown_day: date | None
    shown_start: datetime | None
    staff: bool
    wants: tuple[Want, ...]
    may: tuple[Want, ...]
    never: tuple[str, ...]
    note: str = field(repr=False)

    def allows(self) -> tuple[Want, ...]:
        return self.wants + self.may


def rows(half: Half, name: str) -> list[dict[str, Any]]:
    """The lines of one file and of those that add to it, which the open half alone has."""
    files = (FOLDER / half / f"{one}.jsonl" for one in (name, *LATER.get(name, ())))
    lines = (line for file in files if file.exists() for line in file.read_text("utf-8").splitlines())
    return [json.loads(line) for line in lines]


def utterances(half: Half, name: str = "utterances") -> list[Utterance]:
    """The utterances of one half, or of another file of it."""
    return [_utterance(row) for row in rows(half, name)]


def kind_of_alarm(row: Mapping[str, Any]) -> str:
    """The kind in the words of the open half."""
    return ALARMS.get(row["kind"], str(row["kind"]))


def near_of(row: Mapping[str, Any]) -> str:
    """Why a text looks like an alarm; "" if it does not."""
    return str(row["near"] or "")


def shop_words(half: Half) -> list[str]:
    """The shops that texts of a half name and that are not in the demo chain."""
    if half == "open":
        return []
    acts = (act for row in rows(half, "utterances") for act in (*row["acts"], *row["may"]))
    found = {act["value"] for act in acts if act["what"] == "shop" and act["value"] not in ("", "last", None)}
    return sorted(found)


def _utterance(row: Mapping[str, Any]) -> Utterance:
    shown, now = row["shown"], datetime.fromisoformat(row["now"])
    day = date.fromisoformat(shown["day"]) if shown else None
    start = datetime.fromisoformat(f"{shown['day']}T{shown['start']}") if shown else None
    doubtful = "without asking" in " ".join(row["never"]) or _says_ask(row["note"])
    return Utterance(
        row["id"], row["text"], now, row["step"], day, start,
        row["source"].startswith("staff") or row.get("who") == "staff",
        tuple(_wants(row["acts"], doubtful)), (*_wants(row["may"], False), *_said(row["acts"])),
        tuple(row["never"]), row["note"],
    )  # fmt: skip


def _says_ask(note: str) -> bool:
    return any(word in note for word in ("ask", "two readings", "disagree"))


def _wants(acts: Sequence[Mapping[str, Any]], doubtful: bool) -> Iterator[Want]:
    for act in acts:
        kind, what, value = Kind(act["act"]), act["what"] or "", act["value"]
        if kind is Kind.ALARM:
            yield Want(kind, ALARMS.get(value, value))
        elif kind is Kind.BEGIN:
            yield _begin(what, value)
        elif kind is Kind.QUESTION:
            yield Want(kind, what)
        elif kind is Kind.GIVE and (what == "other" or value == CANNOT_BE):
            continue  # "says something and must do nothing"; a value that cannot be
        elif value in (None, ""):
            yield Want(kind, what)
        else:
            values = tuple(_values(what, value))
            yield Want(kind, what, values, asked=doubtful and len(values) > 1)


def _said(acts: Sequence[Mapping[str, Any]]) -> Iterator[Want]:
    """What is said and must do nothing: it may be read, and is not missed."""
    for act in acts:
        if act["act"] == "give" and (act["what"] == "other" or act["value"] == CANNOT_BE):
            yield Want(Kind.GIVE, act["what"], (act["value"],))


def _begin(what: str, value: Any) -> Want:
    if what != "other":
        return Want(Kind.BEGIN, what)
    command = COMMANDS.get(value, value)
    return (
        Want(Kind.BEGIN, command)
        if command in _BEGUN
        else Want(Kind.BEGIN, "other", (command,) if command else ())
    )


def _values(what: str, value: Any) -> Iterator[Any]:
    if what in ("day", "time", "range"):
        yield from _time_values(what, str(value))
    elif what == "first":
        yield _FIRST.get(value, value)
    elif what == "service":
        yield SERVICES.get(value, value)
    elif what in ("age", "number") and str(value).isdecimal():
        yield int(value)
    else:
        yield value


def _time_values(what: str, value: str) -> Iterator[Any]:
    days = [date.fromisoformat(found) for found in _DAY.findall(value)]
    if what == "range" and days:
        yield Days(days[0], None if value.startswith("after") else days[-1])
    elif what == "range" and "-" in value:
        for part in value.split("/"):
            begin, end = (_minutes(clock) for clock in part.split("-"))
            yield (begin, end)
    elif what == "range":
        yield value
    elif what == "day":
        yield from days
    else:
        yield from (time.fromisoformat(clock) for clock in _CLOCK.findall(value))


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)

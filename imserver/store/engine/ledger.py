"""The ledger: what must hold whatever copy of the database comes back (an erasure, a revocation). Rules and format, no I/O.

A file of lines beside the database, only ever appended to. The first line names the ledger; each other one is a record: a
number, a time, a kind, a body, and in front a sum over all of it and over the sum before. So a record that was cut off,
changed, left out or moved shows, and two files of one ledger tell how far they are the same.

A record is on the disk before anything of it is in the database; the database knows the last one that it has (`Applied`).
So at every opening the file is level with it, or ahead: then the rest is applied. A file that lacks what the database has had
is an older copy, and somebody has to look for the newer one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from imserver.chat.transaction import Transaction

#: Bytes of a sum, written in hexadecimal.
SUM_BYTES = 16
#: Bytes of the number that a ledger has for a name.
NAME_BYTES = 8
_BEGINNING = "imserver ledger 1 "
_FIRST_LINE = re.compile(_BEGINNING + f"([0-9a-f]{{{2 * NAME_BYTES}}})")


class Record(NamedTuple):
    """One line. Numbers rise; a gap is what an older copy of the file had lost when it was written on."""

    number: int
    at: int
    kind: str
    body: Mapping[str, Any]
    sum: bytes


#: Makes what the record says true in the caller's transaction. It may be true already: a record may be applied again.
Apply = Callable[[Transaction, Record], None]
#: Every kind that this version knows.
Kinds = Mapping[str, Apply]


class Applied(NamedTuple):
    """The last record that a database has."""

    number: int = 0
    sum: bytes = b""

    def encoded(self) -> str:
        return f"{self.number} {self.sum.hex()}"

    @classmethod
    def decoded(cls, text: str | None) -> Applied:
        if text is None:
            return cls()
        number, _, total = text.partition(" ")
        return cls(int(number), bytes.fromhex(total))


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a file holds."""

    name: str
    records: Sequence[Record] = ()
    #: Length of the good lines, and of what follows them: a record that was not wholly written.
    size: int = 0
    cut_off: int = 0
    #: What is wrong with it, if it cannot be read to its end.
    damage: str = ""

    @property
    def last(self) -> Applied:
        """What a database has that has all of it."""
        return Applied(self.records[-1].number, self.records[-1].sum) if self.records else Applied()

    @property
    def gaps(self) -> int:
        """How many numbers were given that no record has."""
        return self.last.number - len(self.records)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a ledger and a database stand to each other."""

    #: Records to apply, in order.
    ahead: Sequence[Record]
    #: Records that the database has had, and the file has not.
    lacking: int = 0
    #: The file has another record under the number of the database's last.
    parted: bool = False


def plan(ledger: Ledger, applied: Applied) -> Plan:
    """What is to be applied to a database that has all up to `applied`."""
    known = next((record for record in ledger.records if record.number == applied.number), None)
    if known is not None and known.sum != applied.sum:
        return Plan(ledger.records, parted=True)  # all of it again: nobody knows which of it the database has
    ahead = [record for record in ledger.records if record.number > applied.number]
    lacking = 0
    if known is None:
        below = [record.number for record in ledger.records if record.number < applied.number]
        lacking = applied.number - max(below, default=0)
    return Plan(ahead, lacking=lacking)


def begins_with(longer: Ledger, shorter: Ledger) -> bool:
    """Whether one file is the other one, written on (or the same)."""
    return longer.name == shorter.name and longer.records[: len(shorter.records)] == shorter.records


def is_storable(body: Mapping[str, Any]) -> bool:
    """Whether every database takes the texts of a record: a lone surrogate is a text for Python and JSON alone."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def first_line(name: bytes) -> bytes:
    """The line with which a ledger of this name begins."""
    return f"{_BEGINNING}{name.hex()}\n".encode("ascii")


def line(number: int, at: int, kind: str, body: Mapping[str, Any], after: bytes) -> tuple[bytes, Record]:
    """The line of a record behind one with the sum `after` (or the first line's, see `sum_of`), and the record as it will be
    read."""
    text = json.dumps({"number": number, "at": at, "kind": kind, "body": body}, separators=(",", ":")).encode(
        "ascii"
    )
    total = sum_of(after, text)
    # As it will be read: JSON has no tuples, and no keys but texts.
    return total.hex().encode() + b" " + text + b"\n", Record(**json.loads(text), sum=total)


def sum_of(before: bytes, text: bytes) -> bytes:
    return hashlib.blake2b(before + text, digest_size=SUM_BYTES).digest()


def parse(data: bytes) -> Ledger:
    """Read a file. Of a last line that is not whole only the length is told."""
    beginning, newline, _ = data.partition(b"\n")
    if not newline and _BEGINNING.encode().startswith(data.rstrip(b"\0")[: len(_BEGINNING)]):
        return Ledger("", cut_off=len(data))  # begun, and never written to
    match = _FIRST_LINE.fullmatch(beginning.decode("ascii", "replace"))
    if match is None:
        newer = beginning.startswith(_BEGINNING.rpartition("1")[0].encode())
        return Ledger("", damage="is of a newer imserver" if newer else "is no ledger")
    name = match[1]
    records: list[Record] = []
    total, size = sum_of(b"", beginning), len(beginning) + 1
    while size < len(data):  # by numbers: to copy the rest for each record would take minutes for many
        end = data.find(b"\n", size)
        record = _record(data[size:end], total) if end >= 0 else None
        if record is None or record.number <= (records[-1].number if records else 0):
            if 0 <= end < len(data) - 1:
                where = f"behind record {records[-1].number}" if records else "at its first record"
                return Ledger(name, records, size, damage=f"is damaged {where}")
            return Ledger(name, records, size, cut_off=len(data) - size)
        records.append(record)
        total, size = record.sum, end + 1
    return Ledger(name, records, size)


def _record(written: bytes, before: bytes) -> Record | None:
    total, _, text = written.partition(b" ")
    if total.decode("ascii", "replace") != sum_of(before, text).hex():
        return None
    try:
        record = Record(**json.loads(text), sum=sum_of(before, text))
    except (ValueError, TypeError):  # somebody made the sum for it
        return None
    right = type(record.number) is int and type(record.at) is int and type(record.kind) is str
    return record if right and type(record.body) is dict else None

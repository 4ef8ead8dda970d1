"""`CheckRun`, the tool of every check: reads rows of the snapshot, counts, reports, and finds messages by position.

It walks the chain of messages itself, with a bound, because a broken chain may be a ring.
"""

# ruff: noqa: S608 - the SQL built here is made of constants
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple, Protocol

from imserver.content import decode_content
from imserver.store.checks.report import Report
from imserver.store.engine.ledger import Ledger
from imserver.store.sqlite.positions import MILESTONE_EVERY

#: Called from time to time: name of the check, how many things it has looked at, and of how many (0: not known).
Progress = Callable[[str, int, int], None]
#: Rows between two such calls.
TELL_EVERY = 5_000

_STEPS = (
    "WITH RECURSIVE walk (change, position, previous) AS ("
    "SELECT change, position, previous FROM messages WHERE change = ?"
    " UNION ALL SELECT m.change, m.position, m.previous FROM walk JOIN messages m ON m.change = walk.previous"
    f" WHERE walk.position > ? LIMIT {MILESTONE_EVERY + 1})"
    " SELECT m.change, m.sender_no, m.unread_no, m.revision, m.content FROM walk JOIN messages m ON m.change = walk.change"
    " WHERE walk.position = ? LIMIT 1"
)


def read_content(data: bytes) -> Mapping[str, Any] | str:
    """The decoded map, or the text of the decoding error."""
    try:
        return decode_content(data)
    except Exception as error:  # the codec declares one error, of a package that the store need not know
        return str(error)


class Looked(NamedTuple):
    """What an engine says of itself: how many things it looked at, and each fault as a line, as it is found."""

    checked: int
    findings: Iterable[str]


class Rows(Protocol):
    """One snapshot of a database, as checks see it: what it says of itself, and rows, for SQL and rules over them.

    The SQL names the tables and columns that `imserver/store/sqlite/migrations` make. An engine with the same tables answers
    it, and puts its own words for those that differ; one with others has checks of its own.
    """

    def version(self) -> int:
        """The number of the schema; 0 for a database that was never set up, which holds nothing to check."""
        ...

    def integrity(self) -> Looked:
        """The engine's own check of what it stores things in: pages, rows, indexes."""
        ...

    def dangling(self) -> Looked:
        """Rows that refer to a row that does not exist, where a table declares such a reference."""
        ...

    def schema(self, version: int, plugins: AbstractSet[str]) -> Looked:
        """Tables and indexes that are not as the migrations up to this one make them, that are missing, or that belong to none
        of these plugins either."""
        ...

    def incomplete_since(self) -> int | None:
        """When something was stored here last (ms), if this is a copy that lacks what came behind it; None if it is whole."""
        ...

    def timers_given(self) -> int:
        """The highest id that a timer ever got; 0 before the first."""
        ...

    @property
    def broken(self) -> tuple[type[Exception], ...]:
        """Errors by which it says that it cannot be read any further."""
        ...

    def rows(
        self, statement: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """Rows of a SELECT as tuples, one at a time: a large database needs no more memory than a small one."""
        ...


class SideMark(Protocol):
    """Epoch and newest change in the side file."""

    @property
    def epoch(self) -> str: ...

    @property
    def change(self) -> int: ...


class CheckRun:
    """One run of all checks on one snapshot; a new object for each run."""

    def __init__(
        self,
        snapshot: Rows,
        report: Report,
        *,
        side: SideMark | None = None,
        ledger: Ledger | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.snapshot = snapshot
        self._report = report
        self._progress = progress
        self.side = side
        self.ledger = ledger
        #: The schema's version: a database that is not yet migrated is checked as what it is.
        self.version = 0
        #: The newest change of this snapshot.
        self.head_change = 0
        #: Names met in maps of state.
        self.state_names: set[str] = set()

    def rows(
        self, statement: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """Rows as tuples, one at a time."""
        return self.snapshot.rows(statement, params)

    def one(self, statement: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row, if there is one."""
        return next(self.rows(statement, params), None)

    def number(self, statement: str, params: Sequence[Any] = ()) -> int:
        """The single number that a statement returns."""
        row = self.one(statement, params)
        return int(row[0] or 0) if row else 0

    def looked_at(self, check: str, count: int) -> None:
        """Add to the number of things that the check has looked at."""
        self._report.result(check).checked += count

    def found(self, check: str, text: str) -> None:
        """Report a finding."""
        self._report.result(check).add(text)

    def take(self, check: str, looked: Looked) -> None:
        """Report what an engine found out about itself."""
        self.looked_at(check, looked.checked)
        for text in looked.findings:
            self.found(check, text)

    def notified(self, check: str) -> int:
        """The number of this check's findings."""
        return self._report.result(check).found

    def list(self, check: str, statement: str, text: Callable[..., str], params: Sequence[Any] = ()) -> None:
        """Report every row of a statement as a finding; `text(*row)` puts it into words."""
        for row in self.rows(statement, params):
            self.found(check, text(*row))

    def progress(self, check: str, done: int, total: int) -> None:
        """Report the check's progress."""
        if self._progress is not None:
            self._progress(check, done, total)

    # -- names and messages -------------------------------------------------------------------------------------------

    def conversation(self, no: int) -> str:
        """The conversation's id, for a finding."""
        row = self.one("SELECT conversation_id FROM conversations WHERE no = ?", (no,))
        return str(row[0]) if row else f"no. {no}, which does not exist"

    def user(self, no: int) -> str:
        """The user's id, for a finding."""
        row = self.one("SELECT user_id FROM users WHERE no = ?", (no,))
        return str(row[0]) if row else f"no. {no}, who does not exist"

    def user_no(self, user_id: str) -> int | None:
        """The number of a user, if there is one of this name."""
        try:
            row = self.one("SELECT no FROM users WHERE user_id = ?", (user_id,))
        except UnicodeEncodeError:
            return None
        return row[0] if row else None

    def message_at(self, no: int, position: int) -> Stored | None:
        """The message at this position: go to a milestone or the head, and from there down."""
        start = self.one(
            "SELECT change FROM milestones WHERE conversation_no = ? AND position >= ? ORDER BY position LIMIT 1",
            (no, position),
        ) or self.one("SELECT change FROM heads WHERE conversation_no = ?", (no,))
        if start is None or position < 1:
            return None
        row = self.one(_STEPS, (start[0], position, position))
        return Stored(*row) if row else None

    def unread_at(self, no: int, position: int) -> int | None:
        """How many messages up to this position count as unread; None if there is no such position."""
        if position == 0:
            return 0
        message = self.message_at(no, position)
        return None if message is None else message.unread_no


class Stored:
    """The fields of a message that other rows refer to."""

    __slots__ = ("change", "content", "revision", "sender_no", "unread_no")

    def __init__(
        self, change: int, sender_no: int, unread_no: int, revision: int, content: bytes | None
    ) -> None:
        self.change = change
        self.sender_no = sender_no
        self.unread_no = unread_no
        self.revision = revision
        self.content = content


def telling_of(message: Stored | None) -> Mapping[str, Any]:
    """The content of a system message; empty for a user's own message."""
    content = read_content(message.content) if message is not None and message.content else ""
    return {} if isinstance(content, str) or content.get("type") != "system" else content

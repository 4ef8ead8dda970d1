"""Names of state that this server leaves out of all it shows: features and plugins wrote them here that it does not have.

The rows keep them, for the server that has them again. A store without such names has no `Hidden`: maps pass as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from imserver.content import decode_content, encode_content
from imserver.model import EMPTY_MAP, Account, ConversationRow


class Hidden:
    """Takes some names out of encoded maps."""

    __slots__ = ("_names",)

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def left(self, data: bytes) -> bytes:
        """The map without them: these very bytes if it has none of them."""
        values = decode_content(data)
        shown = {name: value for name, value in values.items() if name not in self._names}
        return data if len(shown) == len(values) else encode_content(shown)

    def maps(self, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Rows that end with a map for everybody and the reader's own, or None."""
        return [
            (*row, self.left(extra), None if mine is None or (own := self.left(mine)) == EMPTY_MAP else own)
            for *row, extra, mine in rows
        ]

    def row(self, row: ConversationRow) -> ConversationRow:
        """A row of a list."""
        if row.settings is None and row.about is None:
            return row
        settings, about = (None if data is None else self.left(data) for data in (row.settings, row.about))
        return replace(row, settings=settings, about=about)

    def account(self, account: Account) -> Account:
        """An account's state."""
        return account._replace(data=self.left(account.data))


def hidden_of(used: Iterable[str], shown: Iterable[str] | None) -> Hidden | None:
    """What is to be hidden of the names that were ever used, if `shown` are those that this server has; None: it has all."""
    gone = set() if shown is None else {*used} - {*shown}
    return Hidden(gone) if gone else None

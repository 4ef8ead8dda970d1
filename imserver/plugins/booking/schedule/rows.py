"""What a function needs that only reads: a `Transaction` is one, and so is a snapshot at a moment (`AsOf`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from imserver.plugin_api import GuestOf, Reader, User


class Rows(Protocol):
    """The plugin's own tables and the accounts at a moment."""

    @property
    def now_ms(self) -> int:
        """UTC milliseconds."""
        ...

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT."""
        ...

    def user(self, user_id: str) -> User | None:
        """An account."""
        ...

    def guest_of(self, user_id: str) -> GuestOf | None:
        """How a guest's account began."""
        ...


@dataclass(frozen=True, slots=True)
class AsOf:
    """A snapshot, and the time for which it is read."""

    reader: Reader
    now_ms: int

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.reader.execute(sql, params)

    def user(self, user_id: str) -> User | None:
        return self.reader.user(user_id)

    def guest_of(self, user_id: str) -> GuestOf | None:
        return self.reader.guest_of(user_id)

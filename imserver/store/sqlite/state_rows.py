"""The rows of state that is no message: what `engine.state` has to be kept, in SQL."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from imserver.model import EMPTY_MAP
from imserver.store.engine.conversation_cache import ConversationState
from imserver.store.engine.transaction import RuledTransaction

#: Whose a value is that is for everybody.
EVERYBODY = 0


def by_team(state: ConversationState, user_id: str) -> bool:
    """Whether this member has no row, but is here by the team: then cursors and settings are in `team_cursors`."""
    return state.team is not None and user_id not in state.rows


class SqliteStateRows(RuledTransaction):
    """The row operations of state; `SqliteTransaction` has all others."""

    @abstractmethod
    def sql(
        self, statement: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def user_no(self, user_id: str) -> int | None: ...

    @abstractmethod
    def _seen_by_team(self, state: ConversationState, user_id: str, read: int) -> int: ...

    def _whose(self, user_id: str | None) -> int | None:
        return EVERYBODY if user_id is None else self.user_no(user_id)

    def _put_state_name(self, name: str) -> None:
        self.sql("INSERT INTO state_names (name) VALUES (?)", (name,))

    def _put_modseq(self, state: ConversationState, modseq: int, change: int) -> None:
        self.sql("UPDATE conversations SET modseq = ?, changed = ? WHERE no = ?", (modseq, change, state.no))
        self.sql(
            "INSERT INTO first_modseqs (conversation_no, lineage_no, modseq)"
            " VALUES (?, (SELECT max(no) FROM lineage), ?) ON CONFLICT (conversation_no, lineage_no) DO NOTHING",
            (state.no, modseq),
        )

    def _item_value(self, state: ConversationState, position: int, user_id: str | None) -> bytes | None:
        rows = self.sql(
            "SELECT data FROM item_values WHERE conversation_no = ? AND position = ? AND user_no = ?",
            (state.no, position, self._whose(user_id)),
        )
        return rows[0][0] if rows else None

    def _put_item_value(
        self, state: ConversationState, position: int, user_id: str | None, modseq: int, data: bytes
    ) -> None:
        whose = self._whose(user_id)
        if data == EMPTY_MAP and whose != EVERYBODY:
            self.sql(
                "DELETE FROM item_values WHERE conversation_no = ? AND position = ? AND user_no = ?",
                (state.no, position, whose),
            )
            return
        self.sql(
            "INSERT INTO item_values (conversation_no, position, user_no, modseq, data) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (conversation_no, position, user_no) DO UPDATE SET"
            " modseq = excluded.modseq, data = excluded.data",
            (state.no, position, whose, modseq, data),
        )

    def _drop_own_values(self, state: ConversationState, position: int) -> None:
        self.sql(
            "DELETE FROM item_values WHERE conversation_no = ? AND position = ? AND user_no > ?",
            (state.no, position, EVERYBODY),
        )

    def _about(self, state: ConversationState) -> bytes | None:
        about: bytes | None = self.sql("SELECT about FROM conversations WHERE no = ?", (state.no,))[0][0]
        return about

    def _put_about(self, state: ConversationState, data: bytes) -> None:
        self.sql("UPDATE conversations SET about = ? WHERE no = ?", (data, state.no))

    def _settings(self, state: ConversationState, user_id: str) -> tuple[int, bytes | None]:
        if by_team(state, user_id):
            kept = self.sql(
                "SELECT settings_seq, settings FROM team_cursors WHERE user_no = ? AND conversation_no = ?",
                (self.user_no(user_id), state.no),
            )
            return (kept[0][0], kept[0][1]) if kept else (0, None)
        rows = self.sql(
            "SELECT settings_seq, settings FROM members WHERE conversation_no = ? AND user_no = ?",
            (state.no, self.user_no(user_id)),
        )
        return rows[0][0], rows[0][1]

    def _put_settings(
        self, state: ConversationState, user_id: str, seq: int, data: bytes, change: int
    ) -> None:
        if by_team(state, user_id):
            self.sql(
                "INSERT INTO team_cursors (user_no, conversation_no, seen_no, settings, settings_seq)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT (user_no, conversation_no) DO UPDATE SET"
                " settings = excluded.settings, settings_seq = excluded.settings_seq",
                (self.user_no(user_id), state.no, self._seen_by_team(state, user_id, 0), data, seq),
            )
            self.sql("UPDATE conversations SET changed = ? WHERE no = ?", (change, state.no))
            return
        self.sql(
            "UPDATE members SET settings_seq = ?, settings = ?, changed = ? WHERE conversation_no = ? AND user_no = ?",
            (seq, data, change, state.no, self.user_no(user_id)),
        )

    def _account(self, user_id: str) -> tuple[int, bytes | None]:
        rows = self.sql("SELECT seq, data FROM user_values WHERE user_no = ?", (self.user_no(user_id),))
        return (rows[0][0], rows[0][1]) if rows else (0, None)

    def _put_account(self, user_id: str, seq: int, data: bytes, change: int) -> None:
        self.sql(
            "INSERT INTO user_values (user_no, seq, data, changed) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (user_no) DO UPDATE SET seq = excluded.seq, data = excluded.data, changed = excluded.changed",
            (self.user_no(user_id), seq, data, change),
        )

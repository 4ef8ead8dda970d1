"""A full disk for a server in this process, where nothing can be mounted."""

from __future__ import annotations

import sqlite3

from imserver.store.sqlite.store import SqliteStore


class SmallStore(SqliteStore):
    """A store whose file may not grow, until it is told that it may."""

    async def allow(self, more_pages: int | None) -> None:
        """So many pages more than now; None: as many as it likes."""
        assert self._connection is not None

        def set_limit(raw: sqlite3.Connection) -> None:
            now = raw.execute("PRAGMA page_count").fetchone()[0]
            most = 2**31 if more_pages is None else now + more_pages
            raw.execute(f"PRAGMA max_page_count = {most}")

        await self._connection.run(set_limit)

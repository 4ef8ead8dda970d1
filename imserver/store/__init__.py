"""Databases behind `imserver.chat.ports.Store`: SQLite. The policy that a second engine shares is in `engine`."""

from __future__ import annotations

from imserver.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]

"""Databases behind `imserver.chat.ports.Store`: SQLite in production, memory as its twin for tests."""

from __future__ import annotations

from imserver.store.memory.store import MemoryStore
from imserver.store.sqlite.store import SqliteStore

__all__ = ["MemoryStore", "SqliteStore"]

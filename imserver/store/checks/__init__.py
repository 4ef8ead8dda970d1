"""Consistency checks of a database: the store's part of `imserver check`.

`check_database(connection)` reads one snapshot and writes nothing. Every check has a name, and reports how much it looked at
and its findings. Rows are streamed, so that a large database needs no more memory than a small one.
"""

from __future__ import annotations

from imserver.store.checks.report import Finding, Report
from imserver.store.checks.snapshot import (
    ChangedMeanwhile,
    SideFile,
    Snapshot,
    check_database,
    open_snapshot,
)

__all__ = ["ChangedMeanwhile", "Finding", "Report", "SideFile", "Snapshot", "check_database", "open_snapshot"]

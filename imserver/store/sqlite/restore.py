"""Putting a copy of the database back: looked at, copied beside the database, checked, and put in its place in one step.

What stands there is kept under another name. A process that is killed in between leaves the database of before or the copy: the
copy is whole, synced and marked as one (`copied_at`) before it takes the place, and whoever opens it for writing first, this
command or a server, begins a life that says so.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imserver.errors import BackupFailed, StartError
from imserver.passing import passes
from imserver.store.checks import open_snapshot
from imserver.store.engine.ledger import Ledger, begins_with, plan
from imserver.store.sqlite import database
from imserver.store.sqlite.backup import Pace, State, Unfinished, check, copied_at, copy, has, mark, state_of
from imserver.store.sqlite.ledger import ledger_path, put_file, sound_ledger

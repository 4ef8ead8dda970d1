"""Checks of the whole: what the engine says of itself, whether all of it is here, the counter of changes, and the side file."""

from __future__ import annotations

import re

from imserver.clock import time_text
from imserver.store.checks.check_run import CheckRun

INTEGRITY, COMPLETE, FOREIGN_KEYS, SCHEMA = "integrity", "complete", "foreign keys", "schema"
CHANGES, SIDE_FILE = "changes", "side file"

_EPOCH = re.compile(r"[0-9a-f]{16}")

#: Every column that holds a number of the one counter, and the name of its rows.
_CHANGE_COLUMNS = (
    ("conversations", "changed", "conversation {}", "conversation_id"),
    ("conversations", "membership", "the membership of conversation {}", "conversation_id"),
    ("members", "changed", "member no. {}", "user_no"),
    ("heads", "change", "the head of conversation no. {}", "conversation_no"),
    ("milestones", "change", "a milestone of conversation no. {}", "conversation_no"),
    ("plugin_cursors", "change", "the mark of plugin {}", "plugin"),
)
_CHANGE_COLUMNS_SINCE_2 = (
    ("heads", "spoken", "what was last said in conversation no. {}", "conversation_no"),
    ("user_values", "changed", "the state of user no. {}", "user_no"),
    ("team_members", "joined", "user no. {} in a team", "user_no"),
)
_CHANGE_COLUMNS_SINCE_5 = (("plugin_handled", "change", "what plugin {} has handled", "plugin"),)


def integrity(run: CheckRun) -> None:
    """Let the engine check what it stores things in."""
    run.take(INTEGRITY, run.snapshot.integrity())


def complete(run: CheckRun) -> None:
    """Check that this is no copy of the file of a server that ran, without the log beside it."""
    run.looked_at(COMPLETE, 1)
    last_ms = run.snapshot.incomplete_since()
    if last_ms is not None:
        text = "a copy taken beside a running server, without its log (-wal): what was stored after"
        run.found(COMPLETE, f"{text} {time_text(last_ms)} is not in it, and perhaps more")


def foreign_keys(run: CheckRun) -> None:
    """Find rows that refer to a row that does not exist (tables of plugins declare such references)."""
    run.take(FOREIGN_KEYS, run.snapshot.dangling())


def schema(run: CheckRun) -> None:
    """Check that tables and indexes are as the migrations make them, and no others exist but those of plugins."""
    plugins = {row[0] for row in run.rows("SELECT DISTINCT plugin FROM plugin_migrations")}
    run.take(SCHEMA, run.snapshot.schema(run.version, plugins))


def changes(run: CheckRun) -> None:
    """Check the counter of changes: no row has a number that was not given out."""
    meta = dict(run.rows("SELECT name, value FROM meta"))
    value, epoch = meta.get("change"), meta.get("epoch")
    used = run.number("SELECT count(*) FROM (SELECT 1 FROM users LIMIT 1)")
    if value is None and used:
        run.found(CHANGES, "the counter of changes is missing")
    elif value is not None and (not isinstance(value, int) or value < 0):
        run.found(CHANGES, f"the counter of changes is {value!r}")
    if (epoch is None and used) or (epoch is not None and not _EPOCH.fullmatch(str(epoch))):
        run.found(CHANGES, f"the epoch is {epoch!r}")
    run.head_change = max(
        value if isinstance(value, int) else 0, run.number("SELECT max(change) FROM messages")
    )
    run.list(
        CHANGES,
        "SELECT change FROM messages WHERE change < 1",
        lambda change: f"a message bears change {change}",
    )
    since_2 = _CHANGE_COLUMNS_SINCE_2 if run.version >= 2 else ()
    since_5 = _CHANGE_COLUMNS_SINCE_5 if run.version >= 5 else ()
    for table, column, text, name in (*_CHANGE_COLUMNS, *since_2, *since_5):
        run.looked_at(CHANGES, run.number(f"SELECT count(*) FROM {table}"))  # noqa: S608 - of the table above
        run.list(
            CHANGES,
            f"SELECT {name}, {column} FROM {table} WHERE {column} < 0 OR {column} > ?",  # noqa: S608
            lambda who, change, text=text: (
                f"{text.format(who)} bears change {change}, and the newest is {run.head_change}"
            ),
            (run.head_change,),
        )


def side_file(run: CheckRun) -> None:
    """Check that `PATH.high` names this history and is never ahead of it."""
    side = run.side
    if side is None:
        return
    run.looked_at(SIDE_FILE, 1)
    row = run.one("SELECT value FROM meta WHERE name = 'epoch'")
    if row is None or row[0] != side.epoch:
        run.found(
            SIDE_FILE, f"it speaks of epoch {side.epoch}, and the database is of {row[0] if row else 'none'}"
        )
    elif side.change > run.head_change:
        text = f"it has seen change {side.change}, and the database ends at {run.head_change}: an old copy?"
        run.found(SIDE_FILE, text)

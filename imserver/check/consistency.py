"""`imserver check`: checks a database's invariants, the store's and its plugins', in one snapshot, writing nothing.

A plugin registers its checks when it starts. So each plugin is started on an empty store in memory, and its checks then read
the snapshot: its start never touches the real database.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from imserver.chat.units import Unit
from imserver.clock import SystemClock
from imserver.errors import ConfigError, ImserverError
from imserver.plugin_api import Plugin
from imserver.plugin_host import Enabled, PluginCheck, PluginHost, enabled, installed
from imserver.store.checks import ChangedMeanwhile, Report, check_database, open_snapshot
from imserver.store.checks.check_run import Progress
from imserver.store.engine.places import of_no_store
from imserver.store.memory.store import MemoryStore
from imserver.store.sqlite.plugin_sandbox import PluginSandbox
from imserver.store.sqlite.reader import SqliteReader

Sections = Mapping[str, Mapping[str, Any]]

#: Seconds of SQL that one plugin's check may take: a bound against a query that never ends, not against a large database.
CHECK_BUDGET_S = 3600.0
#: A database at rest that was written before the check had finished is read again so many times.
_TRIES = 3
#: A plugin that is started only for its checks logs nothing.
_SILENT = structlog.wrap_logger(structlog.ReturnLogger(), processors=[])


async def check_file(
    path: Path, sections: Sections, *, plugins: Iterable[Plugin] = (), progress: Progress | None = None
) -> Report:
    """Check a live or stopped database. `sections` is `Config.plugins`; `plugins` are those of an embedding application.

    An installed plugin that has tables here is checked too if it has no section: with its defaults, if they are valid.
    Raises `StartError` (the file cannot be read, or is not ours) or `ConfigError` (a wrong section).
    """
    known = {one.plugin.name: one for one in enabled(sections, list(plugins))}
    async with AsyncExitStack() as running:
        checks: list[PluginCheck] = []
        skipped: dict[str, str] = {}
        for name, version in (await asyncio.to_thread(_plugins_of, path)).items():
            try:
                one = known[name] if name in known else _installed(name)
                _same_tables(one, version)
                host = await running.enter_async_context(_started(one, sections.get(name, {})))
                checks += host.checks
            except ImserverError as error:
                if name in known and isinstance(error, ConfigError):
                    raise
                if version:
                    skipped[name] = str(error).removeprefix("$: ")
        report = await asyncio.to_thread(_check, path, checks, progress)
        report.skipped.update(skipped)
        return report


def ask_plugins(connection: sqlite3.Connection, checks: Sequence[PluginCheck], report: Report) -> None:
    """Run plugins' checks in the transaction that is open on `connection`, each a row `PLUGIN: CHECK` of the report."""
    sandbox = PluginSandbox(connection, budget_s=CHECK_BUDGET_S)
    reader = SqliteReader(connection, sandbox, of_no_store())
    for check in checks:
        sandbox.begin_unit()
        answer = check.ask(reader)
        result = report.result(f"{check.plugin}: {check.name}")
        result.checked += answer.looked_at
        for text in answer.findings:
            result.add(text)


def _check(path: Path, checks: Sequence[PluginCheck], progress: Progress | None) -> Report:
    for tries_left in reversed(range(_TRIES)):
        try:
            with open_snapshot(path) as snapshot:
                report = check_database(snapshot.connection, side=snapshot.side, progress=progress)
                ask_plugins(snapshot.connection, checks, report)
            return report
        except ChangedMeanwhile:
            if not tries_left:
                raise
    raise AssertionError


def _plugins_of(path: Path) -> dict[str, int]:
    """Every plugin that ever ran on this database, and the number of its applied migrations."""
    with open_snapshot(path) as snapshot:
        sql = snapshot.connection.execute
        if not sql("SELECT 1 FROM sqlite_master WHERE name = 'plugin_cursors'").fetchone():
            return {}
        return dict(
            sql(
                "SELECT name, (SELECT count(*) FROM plugin_migrations WHERE plugin = name) FROM"
                " (SELECT plugin AS name FROM plugin_migrations UNION SELECT plugin FROM plugin_cursors) ORDER BY name"
            )
        )


def _installed(name: str) -> Enabled:
    if name not in installed():
        raise ImserverError("is not installed")
    try:
        return enabled({name: {}})[0]
    except ConfigError as error:
        raise ImserverError(f"needs its section in the configuration ({error})") from error


def _same_tables(one: Enabled, version: int) -> None:
    if len(one.migrations) != version:
        text = (
            f"its tables are of version {version}, and the installed plugin has version {len(one.migrations)}"
        )
        raise ImserverError(text)


@asynccontextmanager
async def _started(one: Enabled, section: Mapping[str, Any]) -> AsyncIterator[PluginHost]:
    """The plugin, started on an empty store of its own, without deliveries."""
    clock, store = SystemClock(), MemoryStore()
    await store.open(_Alone())
    host = PluginHost(store, {one.plugin.name: section}, clock=clock, log=_SILENT, plugins=[one.plugin])
    try:
        await host.start(deliver=False)
        yield host
    finally:
        await host.stop()
        await store.close()


class _Alone:
    """The listener of a store without clients."""

    def committed(self, units: Sequence[Unit]) -> None:
        for unit in units:
            unit.settle()

    def saturated(self) -> bool:
        return False

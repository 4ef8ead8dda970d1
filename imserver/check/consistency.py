"""`imserver check`: checks the invariants of a database: of the store, its features and its plugins. One snapshot, no write.

Checks are data: a feature or plugin names them, and is not started. So this works on a full disk, on a read-only one, and on
a copy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from imserver.errors import PluginError
from imserver.feature_api import Feature
from imserver.feature_host import checks as feature_checks
from imserver.features import FEATURES
from imserver.plugin_api import Plugin
from imserver.plugin_host import PluginCheck, checks_of, enabled, installed, load, migrations_of
from imserver.store.checks import ChangedMeanwhile, Report, Snapshot, open_snapshot
from imserver.store.checks.check_run import Progress
from imserver.store.checks.plugins import PLUGINS

Sections = Mapping[str, Mapping[str, Any]]

#: Seconds of SQL that one check of a feature or plugin may take: a bound against a query that never ends, not against a large
#: database.
CHECK_BUDGET_S = 3600.0
#: A database at rest that was written before the check had finished is read again so many times.
_TRIES = 3


async def check_file(
    path: Path,
    sections: Sections,
    *,
    plugins: Iterable[Plugin] = (),
    features: Iterable[Feature] = FEATURES,
    progress: Progress | None = None,
) -> Report:
    """Check a live or stopped database. `sections` is `Config.plugins`; `plugins` are those of an embedding application, and
    `features` those of its server.

    An installed plugin that has tables here is checked too if it has no section. Raises `StartError` (the file cannot be
    read, or is not ours) or `ConfigError` (a wrong section).
    """
    known = {one.plugin.name: one.plugin for one in enabled(sections, list(plugins))}
    return await asyncio.to_thread(_check, path, known, list(features), progress)


def ask_features(snapshot: Snapshot, features: Iterable[Feature], report: Report) -> None:
    """Run features' checks in the snapshot, each a row `FEATURE: CHECK` of the report. A feature whose tables are not here, or
    not those that it knows, is not asked."""
    here = snapshot.plugins()
    for feature in features:
        version = here.get(feature.name, 0)
        if version == len(feature.migrations):
            for name, check in feature_checks.checks_of(feature).items():
                rows = snapshot.feature(feature.name, budget_s=CHECK_BUDGET_S)
                feature_checks.ask(check, rows, report.result(name))
        elif version:
            report.skipped[feature.name] = _other_tables(version, len(feature.migrations), "this server")


def ask_plugins(snapshot: Snapshot, checks: Sequence[PluginCheck], report: Report) -> None:
    """Run plugins' checks in the snapshot, each a row `PLUGIN: CHECK` of the report."""
    for check in checks:
        answer = check.ask(snapshot.reader(budget_s=CHECK_BUDGET_S))
        result = report.result(f"{check.plugin}: {check.name}")
        result.checked += answer.looked_at
        for text in answer.findings:
            result.add(text)


def _check(
    path: Path, known: Mapping[str, Plugin], features: Sequence[Feature], progress: Progress | None
) -> Report:
    for tries_left in reversed(range(_TRIES)):
        try:
            with open_snapshot(path) as snapshot:
                report = snapshot.check(progress)
                try:
                    _ask_all(snapshot, known, features, report)
                except Snapshot.broken as error:  # the store's own checks have said what they could
                    report.result(PLUGINS).add(f"cannot go on: {type(error).__name__}: {error}")
            return report
        except ChangedMeanwhile:
            if not tries_left:
                raise
    raise AssertionError


def _ask_all(
    snapshot: Snapshot, known: Mapping[str, Plugin], features: Sequence[Feature], report: Report
) -> None:
    if snapshot.has_features:
        ask_features(snapshot, features, report)
    others = snapshot.plugins().keys() - {feature.name for feature in features}
    ask_plugins(snapshot, _checks_here(snapshot, known, others, report), report)


def _checks_here(
    snapshot: Snapshot, known: Mapping[str, Plugin], names: AbstractSet[str], report: Report
) -> list[PluginCheck]:
    """The checks of every plugin that ever ran on this database; why another's tables are not checked goes to the report. So
    do the tables of a feature that this server does not have: nobody here knows what they hold."""
    checks: list[PluginCheck] = []
    for name, version in snapshot.plugins().items():
        if name not in names:
            continue
        try:
            plugin = known[name] if name in known else _installed(name)
            _same_tables(plugin, version)
            checks += [PluginCheck(name, title, query) for title, query in checks_of(plugin).items()]
        except PluginError as error:
            if version:
                report.skipped[name] = str(error)
    return checks


def _installed(name: str) -> Plugin:
    entry = installed().get(name)
    if entry is None:
        raise PluginError("no such feature is here, and no such plugin is installed")
    return load(entry)


def _same_tables(plugin: Plugin, version: int) -> None:
    here = len(migrations_of(plugin))
    if here != version:
        raise PluginError(_other_tables(version, here, "the installed plugin"))


def _other_tables(version: int, here: int, owner: str) -> str:
    return f"its tables are of version {version}, and {owner} has version {here}"

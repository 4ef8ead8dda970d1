"""Checks of the store's rows for plugins: marks, migrations, timers, failures. Plugins check their own tables."""

from __future__ import annotations

from imserver.errors import PluginError
from imserver.store.checks.check_run import CheckRun, read_content
from imserver.store.sqlite.plugin_sandbox import check_plugin_name

PLUGINS, TIMERS = "plugins", "timers"

#: Each table that names plugins.
_NAMES = (
    "SELECT plugin FROM plugin_cursors UNION SELECT plugin FROM plugin_migrations"
    " UNION SELECT plugin FROM timers UNION SELECT plugin FROM plugin_failures"
)


def plugins(run: CheckRun) -> None:
    """Check that plugin names are valid, migrations have no gap, and failures can be found again."""
    for (name,) in run.rows(_NAMES):
        run.looked_at(PLUGINS, 1)
        try:
            check_plugin_name(name)
        except PluginError as error:
            run.found(PLUGINS, str(error))
    run.list(
        PLUGINS,
        "SELECT plugin, count(*), max(number) FROM plugin_migrations GROUP BY plugin"
        " HAVING min(number) <> 1 OR max(number) <> count(*)",
        lambda name, count, last: f"{name}: {count} migrations up to number {last}",
    )
    run.list(
        PLUGINS,
        "SELECT plugin, failure_no FROM plugin_failures WHERE event = '' OR error_id = ''",
        lambda name, number: f"{name}: failure {number} does not say of what",
    )
    if run.version >= 5:
        run.list(
            PLUGINS,
            "SELECT h.plugin, h.change, c.change FROM plugin_handled h LEFT JOIN plugin_cursors c ON c.plugin = h.plugin"
            " WHERE c.change IS NULL OR h.change <= c.change",
            lambda name, change, cursor: (
                f"{name}: change {change} is remembered by itself, and its mark is {'missing' if cursor is None else cursor}"
            ),
        )


def timers(run: CheckRun) -> None:
    """Check that payloads decode and no timer id will be given out a second time."""
    for number, plugin, name, payload in run.rows("SELECT timer_id, plugin, name, payload FROM timers"):
        run.looked_at(TIMERS, 1)
        content = read_content(payload)
        if isinstance(content, str):
            run.found(TIMERS, f"timer {number} of {plugin}: {content}")
        if not name:
            run.found(TIMERS, f"timer {number} of {plugin} has no name")
    newest = run.number("SELECT max(timer_id) FROM timers")
    given = run.snapshot.timers_given()
    if newest > given:
        run.found(TIMERS, f"timer {newest} exists, and only {given} were given out")

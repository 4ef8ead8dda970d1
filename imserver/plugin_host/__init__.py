"""Plugin host: finds and starts plugins, delivers committed messages from durable cursors, fires timers, runs transactions.

PluginHost.notify ─▶ Worker ─▶ Handling ─▶ the plugin's handler ─▶ PluginContext.transaction ─▶ PluginUnit ─▶ Store
                       ▲ Feed (messages)      deadline, attempts                                 marks the event first
                       └ Timers
"""

from imserver.plugin_host.discovery import (
    checks_of,
    enabled,
    file_faults,
    installed,
    load,
    load_cli,
    migrations_of,
)
from imserver.plugin_host.host import Finding, PluginFigures, PluginHost
from imserver.plugin_host.limits import HostLimits
from imserver.plugin_host.snapshot import Answer, PluginCheck

__all__ = [
    "Answer",
    "Finding",
    "HostLimits",
    "PluginCheck",
    "PluginFigures",
    "PluginHost",
    "checks_of",
    "enabled",
    "file_faults",
    "installed",
    "load",
    "load_cli",
    "migrations_of",
]

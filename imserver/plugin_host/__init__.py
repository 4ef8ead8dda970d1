"""Plugin host: finds and starts plugins, delivers committed messages from durable cursors, fires timers, runs transactions.

PluginHost.notify ─▶ Worker ─▶ Handling ─▶ the plugin's handler ─▶ PluginContext.transaction ─▶ PluginUnit ─▶ Store
                       ▲ Feed (messages)      deadline, attempts                                 marks the event first
                       └ Timers
"""

from imserver.plugin_host.discovery import Enabled, enabled, installed, load_cli
from imserver.plugin_host.host import Finding, PluginFigures, PluginHost
from imserver.plugin_host.limits import HostLimits
from imserver.plugin_host.snapshot import Answer, PluginCheck

__all__ = [
    "Answer",
    "Enabled",
    "Finding",
    "HostLimits",
    "PluginCheck",
    "PluginFigures",
    "PluginHost",
    "enabled",
    "installed",
    "load_cli",
]

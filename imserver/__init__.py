"""imserver: a standalone instant-messaging server that acknowledges a message only once it is durable.

The embedding surface is `Server`, `Config` and the errors; everything else is reached through them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imserver.config import Config, load_config
from imserver.errors import (
    ConfigError,
    ImserverError,
    NotAuthorized,
    PluginError,
    Refusal,
    RefusalCode,
    StartError,
)

if TYPE_CHECKING:
    from imserver.server import Server

__all__ = [
    "Config",
    "ConfigError",
    "ImserverError",
    "NotAuthorized",
    "PluginError",
    "Refusal",
    "RefusalCode",
    "Server",
    "StartError",
    "load_config",
]


def __getattr__(name: str) -> Any:
    """Load `Server` when it is first named: it needs the packages of `imserver[server]`, the errors do not."""
    if name == "Server":
        from imserver.server import Server

        return Server
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The configuration: one TOML file plus `IMSERVER_*` environment variables, every field documented and checked.

    [server]            -> IMSERVER_SERVER__PORT=7410 overrides server.port
    port = 7410

A typo is an error that names its path (`$.server.prot`) and what was meant, never a silent default.
"""

from .changes import Changes, changes
from .environment import ENVIRONMENT_PREFIX
from .loading import Reading, load_config, read_config
from .rules import check_config, faults, host_of_url, is_loopback
from .sections import (
    AdminConfig,
    AuthConfig,
    ClockConfig,
    Config,
    HttpConfig,
    KeyConfig,
    LimitsConfig,
    LogConfig,
    ServerConfig,
    StoreConfig,
)

__all__ = [
    "ENVIRONMENT_PREFIX",
    "AdminConfig",
    "AuthConfig",
    "Changes",
    "ClockConfig",
    "Config",
    "HttpConfig",
    "KeyConfig",
    "LimitsConfig",
    "LogConfig",
    "Reading",
    "ServerConfig",
    "StoreConfig",
    "changes",
    "check_config",
    "faults",
    "host_of_url",
    "is_loopback",
    "load_config",
    "read_config",
]

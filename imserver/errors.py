"""The server's errors as one tree: whose fault it is, a stable code, a line for a person, and whether trying again
helps.

`Refusal` answers a request; every other `ImserverError` is for the operator or the embedding application.
`RefusalCode` is the wire's: server and clients share the codes, and nothing else that concerns frames.
"""

from __future__ import annotations

from typing import Any

from imserver_protocol.shared.refusals import RefusalCode

__all__ = [
    "AlreadyHandled",
    "ConfigError",
    "ImserverError",
    "NotAuthorized",
    "PluginError",
    "Refusal",
    "RefusalCode",
    "StartError",
    "StoreFailed",
    "UniqueViolation",
]


class ImserverError(Exception):
    """Root of every error of ours."""


class ConfigError(ImserverError):
    """The configuration is wrong: `path` names the field (`$.server.port`). The command line exits 2 with one line."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path}: {text}")
        self.path = path


class StartError(ImserverError):
    """The server cannot start (port in use, database unreadable, full or from a newer version). Exit 2 with one line."""


class StoreFailed(ImserverError):
    """The store met an error of unknown outcome: no unit may be answered; the server must stop and recover by restarting."""


class PluginError(ImserverError):
    """A plugin broke its contract (own tables only, no COMMIT, time bound), or could not be loaded."""


class UniqueViolation(ImserverError):
    """A row of a plugin's has a key that is taken. Only its statement is undone: it may be caught, and the unit goes on."""


class AlreadyHandled(ImserverError):
    """Another unit of work marked this event first; this one is rolled back. Normal after a crash or a deadline."""


class NotAuthorized(ImserverError):
    """A token or a connection was not accepted. One text for every cause: the cause is in our log only."""


class Refusal(ImserverError):
    """A refused request, and why. `retry_after_ms` is 0 when waiting does not help; `detail` is a small value for programs."""

    def __init__(self, code: RefusalCode, text: str, *, retry_after_ms: int = 0, detail: Any = None) -> None:
        super().__init__(f"{code.name}: {text}")
        self.code = code
        self.text = text
        self.retry_after_ms = retry_after_ms
        self.detail = detail

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
    "BackupFailed",
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

    #: True if the same may work later without a change by a person: a supervisor tries again.
    again = False


class ConfigError(ImserverError):
    """The configuration is wrong: `path` names the field (`$.server.port`). The command line exits 2 with one line, or 75 if
    it may pass by itself (`again`: a file that is not there yet)."""

    def __init__(self, path: str, text: str, *, again: bool = False, source: str = "") -> None:
        """`source`: who said it, if that is not the configuration's file."""
        where = path if not source else source if path == "$" else f"{source}: {path}"
        super().__init__(f"{where}: {text}")
        self.path = path
        self.why = text
        self.again = again
        self.source = source

    def adding(self, text: str) -> ConfigError:
        """The same with more words."""
        return ConfigError(self.path, self.why + text, again=self.again, source=self.source)


class StartError(ImserverError):
    """The server cannot start. The command line exits 2 with one line (database of a newer version, or of something else), or
    75 if it may pass by itself (`again`: port in use, database open elsewhere, full disk; `imserver.passing`)."""

    def __init__(self, text: str, *, again: bool = False) -> None:
        super().__init__(text)
        self.again = again


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


class BackupFailed(ImserverError):
    """A backup was not made, and nothing of it is left behind; the database is untouched. Exit 2 with one line, or 75."""

    def __init__(self, text: str, *, again: bool = False) -> None:
        super().__init__(text)
        self.again = again

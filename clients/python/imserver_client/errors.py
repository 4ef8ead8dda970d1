"""The client's exceptions, as one tree: whose fault it is, and whether trying again helps.

Retryable refusals, lost connections and server restarts raise nothing: the client handles them itself.
"""

from __future__ import annotations

from typing import Any

from imserver_protocol import CloseCode, RefusalCode

#: Characters of a server's line for people that are shown or logged.
_MAX_TEXT_CHARACTERS = 300


def plain(text: str) -> str:
    """A server's text for people, as one short line that is safe to show and log: no control or bidi characters."""
    line = " ".join(text[: 4 * _MAX_TEXT_CHARACTERS].split())[:_MAX_TEXT_CHARACTERS]
    if line.isprintable():
        return line
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line)


class ClientError(Exception):
    """Root of everything that this package raises."""


class Misuse(ClientError, ValueError):
    """The caller's mistake, found before anything was sent or stored: content too large, bad key, bad address, …"""


class OutboxFull(ClientError):
    """The outbox is full (`ClientLimits.max_outbox_entries` / `_bytes`), or too many writes of features wait for an answer
    (`max_writes`). Await some first."""


class StoreError(ClientError):
    """The store's file cannot be used: locked by another process, damaged, of another user or device, disk full."""


class Refused(ClientError):
    """The server's final no: nothing was stored. `code` is a `RefusalCode` (or a newer server's integer)."""

    def __init__(self, code: int, text: str, detail: Any = None) -> None:
        text = plain(text)
        super().__init__(f"{_name(RefusalCode, code)}: {text}")
        self.code = code
        self.text = text
        self.detail = detail


class NotOffered(Refused):
    """The server does not have this feature: WELCOME names those that it has."""

    def __init__(self, feature: str) -> None:
        super().__init__(RefusalCode.UNKNOWN_METHOD, f"this server has no feature {feature!r}")
        self.feature = feature


class Abandoned(ClientError):
    """`Client.abandon` gave the post up; it is certainly not stored."""


class Undeliverable(ClientError):
    """The server closed the connection on this post twice: the client drops it. Whether it is stored is unknown."""

    def __init__(self, code: int, text: str) -> None:
        text = plain(text)
        super().__init__(f"the post closed the connection twice ({_name(CloseCode, code)}: {text})")
        self.code = code
        self.text = text


class Stopped(ClientError):
    """The client gave up connecting and does not come back by itself.

    `code` is the server's `CloseCode` (REPLACED: another program uses this device id; AUTH_FAILED: bad token; …), or 0
    when the reason is our own.
    """

    def __init__(self, code: int, text: str) -> None:
        text = plain(text)
        super().__init__(f"{_name(CloseCode, code)}: {text}" if code else text)
        self.code = code
        self.text = text


class CannotConnect(ClientError):
    """`connect(timeout=…)` ran out. The text has the last attempt's error."""


class Disconnected(ClientError):
    """The client was closed while the caller waited. A post stays in the outbox (kept across restarts if on disk)."""


def _name(codes: type[CloseCode | RefusalCode], code: int) -> str:
    try:
        return codes(code).name
    except ValueError:
        return str(code)

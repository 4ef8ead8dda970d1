"""Taps: who looks at the bytes of live connections, for `imserver trace`. Without one, a connection tests an empty tuple.

A tap gets whole frames and changes nothing: what it does is bounded by itself, and what it raises is its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from imserver.net.sessions import DeviceSession


class Tap(Protocol):
    """Looks at one connection."""

    def read(self, data: bytes, *, up: bool) -> None:
        """These bytes go over; `up`: to the server."""
        ...

    def ended(self) -> None:
        """The connection has gone."""
        ...


class Tapped(Protocol):
    """A connection as taps see it."""

    taps: tuple[Tap, ...]
    session: DeviceSession | None
    address: str
    number: int

    @property
    def unfinished(self) -> bytes:
        """The beginning of a frame of the client's, the rest of which is still to come."""
        ...

    @property
    def log(self) -> Any: ...


class Watcher(Protocol):
    """Decides of whom it wants to see frames."""

    def tap(self, connection: Tapped, *, new: bool) -> Tap | None:
        """A tap for a connection that speaks for a session; None if it is none of its. `new`: it has just logged in, and
        WELCOME is still to come."""
        ...


class Taps:
    """All watchers of one server."""

    def __init__(self) -> None:
        self._watchers: list[Watcher] = []

    def __len__(self) -> int:
        return len(self._watchers)

    def begin(self, watcher: Watcher, connections: Iterable[Tapped]) -> None:
        """Show it these connections, and from now on those that log in."""
        self._watchers.append(watcher)
        for connection in connections:
            _offer(watcher, connection, new=False)

    def end(self, watcher: Watcher) -> None:
        """Show it no new connection any more. It takes its taps away itself (`remove`)."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def logged_in(self, connection: Tapped) -> None:
        """The connection speaks for a session from now on."""
        for watcher in self._watchers:
            _offer(watcher, connection, new=True)


def _offer(watcher: Watcher, connection: Tapped, *, new: bool) -> None:
    tap = watcher.tap(connection, new=new)
    if tap is not None:
        connection.taps = (*connection.taps, tap)


def show(transport: Tapped, data: bytes, *, up: bool) -> None:
    """Give these bytes to all taps of the connection. A fault of one is its own: it is removed, and the connection goes on."""
    for tap in transport.taps:
        try:
            tap.read(data, up=up)
        except Exception as error:
            remove(transport, tap)
            transport.log.error("tap_failed", exc_info=error)


def remove(connection: Tapped, tap: Tap) -> None:
    """Take it away; one that is not there is no fault."""
    connection.taps = tuple(one for one in connection.taps if one is not tap)

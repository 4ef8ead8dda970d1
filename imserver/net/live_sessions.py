"""The sessions of a running server, as operators see them."""

from __future__ import annotations

import heapq
from operator import itemgetter
from typing import Any

from imserver.net.attach import Attachments
from imserver.net.sessions import DeviceSession, logged_id
from imserver_protocol.errors import CloseCode

#: Told to whoever is kicked. Its program does not come back by itself; its person may.
KICKED_TEXT = "ended by an operator"


class LiveSessionList:
    """`imserver.chat.administration.Sessions` of one server."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments

    def listed(self, user_id: str | None, after: str | None, limit: int) -> list[dict[str, Any]]:
        """Sessions in the order of their ids, behind this one: of a user, or all."""
        sessions = self._attachments.sessions
        named = (
            (found.stream.session_id, found)
            for found in (sessions if user_id is None else sessions.of_user(user_id))
            if after is None or found.stream.session_id > after
        )
        return [_told(found) for _, found in heapq.nsmallest(limit, named, key=itemgetter(0))]

    def count(self, user_id: str) -> int:
        """How many a user has."""
        return len(self._attachments.sessions.of_user(user_id))

    def kick(self, user_id: str, device_id: str | None) -> int:
        """End the sessions of a user, or of one device, and say how many."""
        kicked = [
            found
            for found in self._attachments.sessions.of_user(user_id)
            if device_id in (None, found.device_id)
        ]
        self._attachments.end_sessions(kicked, CloseCode.OK, KICKED_TEXT)
        return len(kicked)


def _told(found: DeviceSession) -> dict[str, Any]:
    transport = found.transport
    return {
        "id": found.stream.session_id,
        "session": logged_id(found.stream.session_id),
        "user_id": found.user_id,
        "device_id": found.device_id,
        "connected": transport is not None,
        "address": transport.address if transport is not None else "",
        "began_at": found.began_at,
        "expires_at": found.identity.expires_at_s * 1000,
    }

"""A world with one open connection."""

from __future__ import annotations

from imserver_protocol import (
    Limits,
    Session,
)
from tests.protocol.world import World


def open_world(limits: Limits | None = None) -> tuple[World, Session, Session]:
    """A world with one open connection: the client's and the server's session."""
    world = World(limits)
    world.connect()
    world.pump()
    client = world.client_session
    assert client is not None
    return world, client, world.sessions[client.session_id]

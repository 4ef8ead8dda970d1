"""The deadline: what was done at its time does not fall due again."""

from __future__ import annotations

from imserver_protocol import Session

from .world import World


def test_an_ack_that_cannot_be_written_yet_is_not_due_again_and_again() -> None:
    """Else an adapter whose peer does not read would be woken without a pause."""
    world = World()
    link = world.connect()
    world.pump()
    session = world.client_session
    assert isinstance(session, Session)
    world.push(world.sessions[session.session_id])
    world.flush_server(link)
    world.deliver_down(link, len(link.down))
    due_at = link.client.deadline
    assert due_at is not None
    link.client.on_time(due_at)
    assert link.client.has_data_to_send
    assert link.client.deadline is not None
    assert link.client.deadline > due_at
    assert link.client.data_to_send(due_at)

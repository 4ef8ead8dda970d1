"""Who may resume a session, and the reason in WELCOME for those who may not."""

from __future__ import annotations

from typing import Any

import pytest

from imserver_protocol import Limits, Session, Side, choose_version, push_tail, resume_refusal
from tests.protocol.open_world import open_world


def detached() -> Session:
    _, _, session = open_world()
    for _ in range(3):
        session.push(push_tail("message"))
    session.queue.take_unsent()
    session.receive_ack(1)
    session.rotate_token(b"newer", b"older")
    session.detached_at = 100.0
    return session


GOOD: dict[str, Any] = {"user_id": "alice", "device_id": "phone", "token": b"newer", "ack": 2, "now": 110.0}


@pytest.mark.parametrize("change", [{}, {"token": b"older"}, {"ack": 1}, {"ack": 3}, {"now": 219.9}])
def test_may_resume(change: dict[str, Any]) -> None:
    assert resume_refusal(detached(), **GOOD | change) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user_id": "bob"}, "unknown session"),
        ({"device_id": "tablet"}, "unknown session"),
        ({"token": b"guess"}, "unknown session"),
        ({"token": b""}, "unknown session"),
        ({"ack": 0}, "ack out of range"),
        ({"ack": 4}, "ack out of range"),
        ({"now": 220.0}, "expired"),
        ({"now": 105.0, "ttl_s": 5.0}, "expired"),
    ],
)
def test_may_not_resume(change: dict[str, Any], reason: str) -> None:
    session = detached()
    before = repr(session)
    assert resume_refusal(session, **GOOD | change) == reason
    assert repr(session) == before


def test_a_session_that_lives_on_after_a_resume_does_not_age_from_its_first_cut() -> None:
    """A client may come again while the server still believes in its old socket."""
    world, session, _ = open_world()
    world.cut(world.link)
    world.connect()
    world.pump()
    server_session = world.sessions[session.session_id]
    later = world.now + 10 * server_session.limits.session_ttl_s
    good = GOOD | {"token": session.resume_token, "ack": 0, "now": later}
    assert resume_refusal(server_session, **good) is None


def test_absent_and_ended_sessions_look_like_foreign_ones() -> None:
    session = detached()
    session.end(101.0)
    assert resume_refusal(session, **GOOD) == resume_refusal(None, **GOOD) == "unknown session"


def test_the_older_token_is_worth_nothing_once_the_newer_was_used() -> None:
    session = detached()
    session.confirm_token()
    assert resume_refusal(session, **GOOD | {"token": b"older"}) == "unknown session"


def test_a_session_without_a_token_is_not_resumed() -> None:
    session = Session(Side.SERVER, session_id="s", user_id="alice", device_id="phone", limits=Limits())
    assert resume_refusal(session, **GOOD | {"token": b"", "ack": 0}) == "unknown session"


@pytest.mark.parametrize(
    ("versions", "chosen"), [((1, 1), 1), ((0, 5), 1), ((2, 3), None), ((0, 0), None), ((2, 1), None)]
)
def test_versions(versions: tuple[int, int], chosen: int | None) -> None:
    assert choose_version(versions) == chosen

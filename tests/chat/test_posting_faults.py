"""Posts of sessions that misbehave, and reviewers that do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from imserver.chat.holds import HELD_WINDOWS, MAX_UNDER_WAY, RELEASED_WINDOWS
from imserver.errors import Refusal, RefusalCode, StoreFailed
from tests.chat.sessions import SAID, Session, messages


async def test_holds_do_not_keep_keys_of_any_length() -> None:
    """Memory of a session is bounded whatever it sends: only keys that can be one are held."""
    chat, _ = messages(posts_burst=1, posts_per_second=0.001)
    session = Session()
    for number in range(1024):
        chat.post_all(session, [(number, f"group/{number}", b"%d" % number * 1000, SAID)])
    kept = sum(len(name) + sum(len(key) for _, key in keys) for name, keys in session.holds._held.items())
    assert kept < 100_000
    assert len(session.refused) >= 1023


async def test_refusals_in_ever_new_conversations_do_not_pile_up() -> None:
    """Each post above the rate holds one more conversation: refusing it for that, too, must not hold it either."""
    chat, _ = messages(posts_burst=1, posts_per_second=0.001)
    session = Session()
    for number in range(5000):
        chat.post_all(session, [(number, f"group/{number}", b"%016d" % number, SAID)])
    assert len(session.refused) >= 4999
    assert len(session.holds) <= (HELD_WINDOWS + RELEASED_WINDOWS) * MAX_UNDER_WAY


async def test_a_reviewer_that_is_cancelled_refuses_the_post_and_those_behind_it_go_on() -> None:
    chat, _ = messages()
    session = Session()
    asked = 0

    async def reviewer(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise asyncio.CancelledError  # as from a task of the plugin's that was cancelled
        return None

    chat.reviewers = [reviewer]
    chat.post_all(session, [(1, "group/1", bytes(16), SAID)])
    chat.post_all(session, [(2, "group/1", bytes(15) + b"2", SAID)])
    async with asyncio.timeout(1):
        await session.answered.wait()
    assert session.codes() == [RefusalCode.OVERLOADED, RefusalCode.HELD]


async def test_who_posts_in_process_is_told_when_the_store_failed_and_does_not_wait_for_ever() -> None:
    chat, queue = messages()
    waiting = asyncio.create_task(chat.post_local("group/1", "ann", bytes(16), SAID))
    await asyncio.sleep(0)
    queue.units[0].lost(StoreFailed("the disk is gone"))
    with pytest.raises(StoreFailed):
        await waiting

"""The simulation notices what it is there for: each sabotage of the product makes a run fail, and in the right words."""

import asyncio
import re
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from imserver.chat.posting import SessionPost
from imserver.net import attach
from imserver.proof.simulation import world as worlds
from imserver.proof.simulation.device import Device
from imserver.proof.simulation.runs import run_one
from imserver.proof.simulation.setting import Setting, draw
from imserver.store.sqlite.transaction import SqliteTransaction
from imserver_client.core.catch_up import CatchUp
from imserver_client.core.inbox import Inbox, Place
from imserver_client.core.posting import Posting
from imserver_protocol.session.handshake import resume_refusal
from imserver_protocol.session.session import Session
from imserver_protocol.session.window import ResendQueue

pytestmark = pytest.mark.prove

#: Runs that are tried before a sabotage counts as unnoticed.
SEEDS = range(300, 360)


def findings_of(seeds) -> str:
    """Of the first run that finds anything; "" if none does."""
    for seed in seeds:
        found = run_one(seed).findings
        if found:
            print("seed", seed, "finds it")
            return "\n".join(found)
    return ""


def reply_before_commit(monkeypatch):
    queued, told = SessionPost.withdrawn, set()

    def withdrawn(self):
        # Asked when it enters the queue and when a batch is formed: answered at the first.
        refused = queued(self)
        if refused is None and (self.poster, self.request_seq) not in told:
            told.add((self.poster, self.request_seq))
            self.poster.posts_done([(self.request_seq, (1, self.sent_at, False))])
        return refused

    monkeypatch.setattr(SessionPost, "withdrawn", withdrawn)
    monkeypatch.setattr(SessionPost, "settle", lambda self: None)
    monkeypatch.setattr(SessionPost, "settle_together", lambda self, run: None)


def deduplication_off(monkeypatch):
    monkeypatch.setattr(SqliteTransaction, "_find", lambda self, state, actor_id, key: None)


def lagging_not_told(monkeypatch):
    def end_lagging(self):
        if self.pushes_unacked_frames > self._window_frames // 2:
            return False
        self.lagging = False
        return False

    monkeypatch.setattr(Session, "_end_lagging", end_lagging)


def resume_without_token(monkeypatch):
    def refusal(session, **asked):
        if session is None:
            return "unknown session"
        mine = {"user_id": session.user_id, "device_id": session.device_id, "token": session.resume_token}
        return resume_refusal(session, **{**asked, **mine})

    monkeypatch.setattr(attach, "resume_refusal", refusal)


def gaps_passed_over(monkeypatch):
    def place(self, conversation_id, position):
        track = self._tracks.get(conversation_id)
        if track is None:
            return Place.AHEAD
        return Place.DUPLICATE if position <= track.have else Place.NEXT

    monkeypatch.setattr(Inbox, "place", place)


def acked_one_too_many(monkeypatch):
    ack = ResendQueue.ack
    monkeypatch.setattr(
        ResendQueue, "ack", lambda self, seq: ack(self, seq + 1 if seq < self.transmitted_seq else seq)
    )


def plugin_event_not_marked(monkeypatch):
    monkeypatch.setattr(SqliteTransaction, "mark_handled", lambda self, plugin, change: None)


def no_sync_after_a_fresh_session(monkeypatch):
    want = CatchUp.want_sync
    monkeypatch.setattr(CatchUp, "want_sync", lambda self: None if self.started else want(self))


def lost_session_forgets_posts(monkeypatch):
    monkeypatch.setattr(Posting, "session_lost", lambda self: None)


#: Sabotage -> a seed that notices it (others do, too), and what it says.
SABOTAGES = {
    reply_before_commit: (300, "was called stored|was stored and then stored"),
    deduplication_off: (300, "abandon says that it is not|doubled|UNIQUE"),
    resume_without_token: (302, "a stranger resumed|newer connection"),
    gaps_passed_over: (301, "never shown"),
    acked_one_too_many: (300, "violation|waits for|ended|outbox|connection"),
    plugin_event_not_marked: (301, "echo|plugin"),
    no_sync_after_a_fresh_session: (300, "was shown|never"),
    lost_session_forgets_posts: (301, "outbox|waits for"),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.__name__)
def test_a_sabotage_is_noticed(sabotage, monkeypatch):
    sabotage(monkeypatch)
    seed, words = SABOTAGES[sabotage]
    found = findings_of([seed, *SEEDS])
    assert found
    assert re.search(words, found), found[:2000]


def test_the_same_runs_are_clean_without():
    assert findings_of([300, 301]) == ""


#: Pushes that a device of the next runs lets come without an ack.
WINDOW = 4


class Silence(worlds.World):
    """One says more at once than any window takes, and nobody anything more: no later push shows what is missing."""

    def _add_device(self, user_id: str, number: int) -> None:
        super()._add_device(user_id, number)
        device = self.devices[-1]
        device.application = partial(self._says, device, 3 * WINDOW if user_id == "ann" else 0)

    def _chaos(self) -> list[Any]:
        return []

    def _heal(self) -> None:
        self.calm = True  # the clock stays: with another one all would begin anew, and read what they lack

    async def _says(self, device: Device, texts: int) -> None:
        await asyncio.sleep(1.0)
        for _ in range(texts):
            device.post(self.conversations[0], {"type": "text", "text": "and one more"})
        await self.loop.create_future()


def narrow(seed: int) -> Setting:
    """Two seconds of a network without trouble."""
    # fmt: off
    return replace(
        draw(seed), people=False, copies=False, runs=False, booking=False, bulky=False, limits={"window_frames": WINDOW},
        store={}, clock_step_s=0.0, trouble=0.0, busy_s=2.0,
        devices={"ann": 1, "ben": 1},
    )
    # fmt: on


def test_lagging_that_is_not_told_is_noticed_by_who_waits(monkeypatch):
    monkeypatch.setattr(worlds, "World", Silence)
    monkeypatch.setattr(worlds, "draw", narrow)
    assert findings_of(range(2)) == ""
    lagging_not_told(monkeypatch)
    for seed in range(2):
        assert re.search("ben.*was shown", findings_of([seed])), seed

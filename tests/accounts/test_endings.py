"""Whoever is just coming in hears of what ended meanwhile, each for itself, and nothing is kept of who has gone."""

from __future__ import annotations

from imserver.chat.endings import Endings
from imserver.events import AccessEnded


def test_each_of_two_who_come_in_at_once_hears_of_it_until_it_has_gone() -> None:
    endings, event = Endings(), AccessEnded(1, "alice")
    with endings.watch("alice") as slow:
        with endings.watch("alice") as quick:
            pass
        with endings.watch("bob") as other:
            endings.told(event)
        assert (slow, quick, other) == ([event], [], [])


def test_nothing_is_kept_of_who_has_gone() -> None:
    endings = Endings()
    with endings.watch("alice"), endings.watch("alice"), endings.watch("bob"):
        assert endings._watching.keys() == {"alice", "bob"}
    assert not endings._watching

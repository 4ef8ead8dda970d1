"""The application's calls: pages up to the last, what one's own calls make, keys, ids, receipts."""

from __future__ import annotations

from hypothesis import given

from imserver.model import direct_pair
from imserver_client import (
    direct_conversation_id,
)
from imserver_client.storage import LineageStep, SavedPosition, SavedTrail, adopt
from tests.client.stories.calls import *  # noqa: F403
from tests.client.stories.calls import names


@given(names, names)
def test_the_id_of_a_direct_conversation_names_its_two(one: str, other: str) -> None:
    found = direct_conversation_id(one, other)
    assert found == direct_conversation_id(other, one)
    assert set(direct_pair(found) or ()) == ({one, other} if one != other else set())


def test_direct_conversations_are_called_as_the_spec_says() -> None:
    assert direct_conversation_id("bob", "alice") == "direct/alice/bob"
    assert direct_conversation_id("a/b", "50%") == "direct/50%25/a%2Fb"


# -- cursors and receipts -----------------------------------------------------------------------------------------------


# -- coming back --------------------------------------------------------------------------------------------------------


def test_positions_of_the_application_overrule_and_hide_nothing(storage) -> None:
    storage.open()
    storage.save_sync("t", True, {"c": SavedPosition(5, 7, 9), "d": SavedPosition(1, 1, 1)})
    storage.close()
    saved = storage.open()
    adopt(saved, {"c": 3, "new": 4})
    storage.close()
    assert saved.positions == {
        "c": SavedPosition(3, 0, 9),
        "d": SavedPosition(1, 1, 1),
        "new": SavedPosition(4, 0, 4),
    }


def test_another_epoch_keeps_positions_and_begins_without_a_token(storage) -> None:
    storage.open()
    storage.save_identity("phone", "alice", "one")
    storage.save_sync("t", True, {"c": SavedPosition(5, 7, 9)})
    storage.forget_since("two", LineageStep({"c": SavedTrail("t")}))
    storage.close()
    saved = storage.open()
    storage.close()
    assert (saved.device_id, saved.user_id, saved.store_epoch) == ("phone", "alice", "two")
    assert (saved.since, saved.synced, saved.positions) == (None, True, {"c": SavedPosition(5, 7, 9)})
    assert saved.trails == {"c": SavedTrail("t")}

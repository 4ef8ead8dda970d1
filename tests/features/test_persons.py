"""Whatever a feature keeps of a person is exported and erased: also what somebody adds to it next year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imserver.check.consistency import check_file
from imserver.feature_api import MOST_ITEMS, Feature, Follow, Hooks, Reader, Transaction
from imserver.features import FEATURES
from imserver.proof.acts import Act, Acts, Hand, all_acts
from tests.features.persons import HERE, WHO, filled, wrongs
from tests.features.trial import VOTE, Trial, VoteParams
from tests.support.servers import config, running

AB = "direct/alice/bob"


def vote(hand: Hand) -> None:
    """For any message; the client has nothing of its own for it."""
    conversation_id, position = hand.random.choice(hand.seen())
    params = VoteParams(conversation_id, position, hand.random.choice(("yes", "no")))
    hand.ask(lambda client: client._core.writes.write("trial", VOTE, params))


VOTES = Acts((Act(10, vote),))
SCHEMA = Trial().feature().migrations[0][1]


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
async def test_a_feature_gives_back_and_forgets_what_it_keeps_of_a_person(
    tmp_path: Path, feature: Feature
) -> None:
    others = tuple(one for one in FEATURES if one is not feature)
    async with filled(tmp_path, feature, all_acts().get(feature.name), others) as here:
        assert await wrongs(here) == []


async def test_so_does_one_with_tables_and_state(tmp_path: Path) -> None:
    async with filled(tmp_path, Trial().feature(), VOTES, FEATURES) as here:
        assert here.of_the_person() == {"trial_votes"}
        assert here.state_of_the_person()
        assert await wrongs(here) == []


async def test_more_is_erased_than_one_transaction_may_change(tmp_path: Path) -> None:
    """Each takes a part; no other write has to wait for all of it."""
    trial = Trial().feature()
    async with running(tmp_path, features=(trial,)) as server:
        for number in range(2 * MOST_ITEMS + 3):
            await server.chat.post("alice", AB, f"message {number}")
            await server.call(VOTE, "bob", VoteParams(AB, number + 1, "yes"))
        assert (await server.features.export("bob"))["trial"] == {"votes": ["yes"] * (2 * MOST_ITEMS + 3)}
        await server.features.erase("bob")
        assert (await server.features.export("bob"))["trial"] == {"votes": []}
    report = await check_file(Path(config(tmp_path).store.path), {}, features=(trial,))
    assert (report.findings, report.checked["trial: counts"]) == ([], 0)


def nothing(*given: Any) -> None:
    """Whatever should have been done."""


def half(tx: Transaction, user_id: str) -> None:
    tx.execute("DELETE FROM trial_votes WHERE user_no = ? AND choice = 'yes'", (tx.user_no(user_id),))


def rows_only(tx: Transaction, user_id: str) -> None:
    tx.execute("DELETE FROM trial_votes WHERE user_no = ?", (tx.user_no(user_id),))


def named_to_all(tx: Transaction, user_id: str) -> bool:
    """Their rows and own values go, and what everybody sees names them."""
    user_no = tx.user_no(user_id)
    voted = tx.execute("SELECT place, position FROM trial_votes WHERE user_no = ? LIMIT 16", (user_no,))
    for place, position in voted:
        tx.execute(
            "DELETE FROM trial_votes WHERE place = ? AND position = ? AND user_no = ?",
            (place, position, user_no),
        )
        tx.set_item(tx.conversation_id(place), position, {"by": [user_id]}, {user_id: None})
    return len(voted) == 16


def of_somebody_else(reader: Reader, user_id: str) -> Mapping[str, Any]:
    return {"votes": reader.execute("SELECT choice FROM trial_votes WHERE user_no = ?", (-1,))}


#: What somebody forgets, and who notices.
SABOTAGED = {
    "never erased": (replace(Trial().feature(), erase=nothing), "trial_votes: not erased"),
    "erased by half": (replace(Trial().feature(), erase=half), "trial_votes: not erased"),
    "still shown": (replace(Trial().feature(), erase=rows_only), "state: not erased"),
    "named to all": (replace(Trial().feature(), erase=named_to_all), "state: not erased"),
    "not exported": (
        replace(Trial().feature(), export=lambda reader, user_id: {"votes": ["?"]}),
        "trial_votes: not exported",
    ),
    "somebody else's": (replace(Trial().feature(), export=of_somebody_else), "exported: {'votes': []}"),
}


@pytest.mark.parametrize("what", SABOTAGED)
async def test_what_is_forgotten_is_found(tmp_path: Path, what: str) -> None:
    feature, noticed = SABOTAGED[what]
    async with filled(tmp_path, feature, VOTES) as here:
        wrong = await wrongs(here)
    assert [text for text in wrong if text.startswith(noticed)], wrong


async def test_a_new_table_that_nobody_names_is_found(tmp_path: Path) -> None:
    """By number in a column of any name, or by the person's own id."""
    trial = Trial()
    more = "CREATE TABLE trial_seen (who INTEGER NOT NULL); CREATE TABLE trial_named (name TEXT NOT NULL);"
    idle = "CREATE TABLE trial_idle (a INTEGER NOT NULL);"

    def follow(tx: Transaction, messages: Any) -> None:
        trial.count(tx, messages)
        for _, message in messages:
            tx.execute("INSERT INTO trial_seen VALUES (?)", (tx.user_no(message.sender_id),))
            tx.execute("INSERT INTO trial_named VALUES (?)", (message.sender_id,))

    feature = replace(trial.feature(), migrations=((1, SCHEMA), (2, more), (3, idle)), follow=Follow(follow))
    async with filled(tmp_path, feature, VOTES) as here:
        assert await wrongs(here) == [
            "trial_idle: no act fills it",
            "trial_named: not exported",
            "trial_seen: not exported",
            "trial_named: not erased",
            "trial_seen: not erased",
        ]


async def test_state_without_a_table_is_of_a_person_too(tmp_path: Path) -> None:
    """A feature without tables may be registered without export and erase; not if it keeps something of people."""

    def keep(tx: Transaction, messages: Any) -> None:
        tx.set_account(WHO, {"theme": "dark"})
        tx.set_own(HERE, WHO, {"muted": True})

    feature = Feature("tables0", follow=Follow(keep), hooks=Hooks())
    async with filled(tmp_path, feature, None) as here:
        wrong = await wrongs(here)
    assert [text.rpartition(": ")[2] for text in wrong] == [
        "kept of a person, and neither exported nor erased"
    ] * 2

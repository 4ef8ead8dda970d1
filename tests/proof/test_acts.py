"""Acts of features are found by name, done by devices, noted over kills, and judged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from imserver.features import FEATURES
from imserver.proof import acts as acts_module
from imserver.proof import checker
from imserver.proof.acts import Act, Acts, Evidence, Hand, all_acts, digest_of
from imserver.proof.checker import Fault, check
from imserver.proof.simulation import oracle, workload
from imserver.proof.simulation.runs import run_one
from imserver.proof.torture import actor as actors
from imserver.proof.torture import talker
from imserver.proof.torture.client_journal import ClientJournal, read_journal
from imserver.proof.torture.talker import Talkers
from imserver.proof.transcript import Transcript
from imserver_client import Client, ClientEvent, CursorMoved
from tests.proof.histories import HERE, WORDS, rows
from tests.proof.living import PAIR, living
from tests.support.servers import running


def test_every_feature_has_acts_or_none_and_nothing_lists_them() -> None:
    """A feature without acts is one that nothing is proved of: it would have to be named here."""
    # What blocks do is the kernel's (tests/chat/test_contacts.py): judges of deliveries know no posts that a block keeps away.
    assert {feature.name for feature in FEATURES} - all_acts().keys() == {"blocks"}
    assert acts_module._acts_of("nothing") is None


def test_acts_whose_own_import_fails_are_no_missing_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts_module, "__name__", "tests.cli")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        acts_module._acts_of("broken_look")


def note(transcript: Transcript, feature: str, *facts: Any) -> Transcript:
    transcript.notes.setdefault(feature, []).append(facts)
    return transcript


def test_an_edit_that_was_answered_is_stored_and_told() -> None:
    stored = rows(1, 2, 3)
    stored.messages[0] = replace(stored.messages[0], revision=2, digests={1: b"digest 1", 2: b"new"})
    telling = {"type": "system", "event": "edited", "target": 1, "revision": 2}
    stored.messages[2] = replace(stored.messages[2], telling=telling)

    def found(*facts: Any) -> list[tuple[Fault, str]]:
        report = check([note(Transcript("ann"), "edits", HERE, *facts)], stored, WORDS)
        return [(one.fault, one.text) for one in report.findings if one.fault is Fault.FEATURE]

    assert found(1, 2, b"new", 3) == []
    assert found(1, 2, b"other", 3) == [
        (Fault.FEATURE, f"edits: lost: revision 2 of message 1 of {HERE} by ann is not stored")
    ]
    assert found(1, 2, b"new", 2) == [
        (Fault.FEATURE, f"edits: message 2 of {HERE} does not tell of that edit")
    ]
    assert found(1, 1, b"digest 1", 3) == [
        (Fault.FEATURE, f"edits: message 3 of {HERE} does not tell of that edit")
    ]


def test_a_judge_gets_what_was_noted_what_was_found_at_rest_and_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def judge(evidence: Evidence) -> Iterator[str]:
        yield f"{[(one.user_id, list(one.facts), one.rest) for one in evidence.notes]}"
        yield f"{evidence.members(HERE)} {evidence.row(HERE, 9)} {list(evidence.query('SELECT 1'))}"

    for module in (checker, acts_module):
        monkeypatch.setattr(module, "all_acts", lambda: {"trial": Acts(judge=judge)})
    stored = rows(1)
    stored.members = {"ann": {HERE: (1, None)}, "bob": {HERE: (1, 3)}, "cy": {}}
    ann, bob = note(Transcript("ann"), "trial", 1, b"x"), Transcript("bob")
    ann.rests["trial"] = [(7,)]
    report = check([ann, bob], stored, WORDS, lambda statement: [(statement,)])
    assert [finding.text for finding in report.findings if finding.fault is Fault.FEATURE] == [
        "trial: [('ann', [(1, b'x')], [(7,)]), ('bob', [], None)]",
        "trial: {'ann': (1, None), 'bob': (1, 3)} None [('SELECT 1',)]",
    ]


def test_of_two_devices_of_one_person_nobody_knows_who_spoke_last() -> None:
    """Their transcripts are read one after the other, whatever the order was."""
    phone, desk = Transcript("ann", device_id="ann-1"), Transcript("ann", device_id="ann-2")
    for transcript, number, on in ((phone, 1, True), (desk, 2, False)):
        note(transcript, "reactions", "said", number, HERE, 1, "👍", on)
        note(transcript, "reactions", "done", number)

    def found(*transcripts: Transcript) -> list[Fault]:
        report = check(transcripts, rows(1), WORDS, lambda statement, params=(): [])
        return [finding.fault for finding in report.findings if finding.fault is Fault.FEATURE]

    assert found(phone, desk) == found(desk, phone) == found(desk) == []
    assert found(phone) == [Fault.FEATURE]


def test_notes_outlive_the_process_and_the_last_rest_counts(tmp_path: Path) -> None:
    for life in range(2):
        book = ClientJournal(tmp_path, "ann-1", life)
        book.noted("trial", (life, b"key", "where"))
        book.rested("trial", [(life, 1), (life, 2)])
        book.close()
    read = read_journal(tmp_path, "ann-1", "ann")
    assert read.notes == {"trial": [(0, b"key", "where"), (1, b"key", "where")]}
    assert read.rests == {"trial": [(1, 1), (1, 2)]}


async def test_an_actor_does_what_features_offer_and_writes_it_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also at rest; refusals are answers, and whatever else its client raises breaks the run."""
    shown: list[tuple[str, int]] = []

    def act(hand: Hand) -> None:
        shown[:] = hand.own()
        assert hand.seen()
        assert hand.where() == PAIR
        content = hand.text()
        conversation_id, position = shown[0]
        hand.ask(
            lambda client: client.edits.edit(conversation_id, position, content),
            lambda edit: hand.note(position, edit.revision, digest_of(content)),
        )
        hand.ask(lambda client: client.edits.edit(conversation_id, 999, content))

    async def rest(hand: Hand) -> list[tuple[Any, ...]]:
        page = await hand.client.history(PAIR)
        return [(item.position, item.revision) for item in page.items]

    def hears(listener: Any, event: ClientEvent) -> None:
        if isinstance(event, CursorMoved):
            listener.note("cursor")

    trial = Acts((Act(1, act),), hears=hears, rest=rest)
    monkeypatch.setattr(actors, "all_acts", lambda: {"trial": trial})
    async with running(tmp_path) as server, living(tmp_path, server) as actor:
        posting = actor.post(PAIR, "hello")
        assert posting is not None
        await posting
        assert await actor.settle(30) == ""
        actor.act(Random(1), [PAIR], lambda: "hello again")
        await asyncio.gather(*actor._waiting)
        assert await actor.settle(30) == ""
        assert actor.broken == ""
        page = await server.chat.history("bob", PAIR)
    assert shown == [(PAIR, 1)]
    read = read_journal(tmp_path, actor.part.name, "alice")
    facts = [one for one in read.notes["trial"] if one != ("cursor",)]
    assert facts == [(1, 2, digest_of({"type": "text", "text": "hello again"}))]
    assert read.rests["trial"] == [(item.position, item.revision) for item in page.items] == [(1, 2), (2, 1)]


async def test_an_actor_has_not_settled_before_the_act_that_its_last_answer_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others would be asked what they see while it still changes that."""

    async def asked_often(client: Client) -> None:
        for _ in range(10):
            await client.conversations()

    async def rest(hand: Hand) -> list[tuple[Any, ...]]:
        return [(len(done),)]

    done: list[None] = []
    trial = Acts((Act(1, lambda hand: hand.ask(asked_often, done.append)),), rest=rest)
    monkeypatch.setattr(actors, "all_acts", lambda: {"trial": trial})
    monkeypatch.setattr(talker, "GIVE_UP_SHARE", 0.0)
    monkeypatch.setattr(talker, "ACT_SHARE", 1.0)
    async with running(tmp_path) as server, living(tmp_path, server) as actor:
        talkers = Talkers(Random(1), rate=1.0)
        talkers.places[actor] = [PAIR]
        assert talkers.say(actor)
        assert await actor.settle(30) == ""
    assert read_journal(tmp_path, actor.part.name, "alice").rests["trial"] == [(1,)]


def test_the_simulation_asks_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its devices act, hear and rest; its judge is asked with the whole database behind it."""
    acted: list[str] = []
    judged: list[Evidence] = []

    async def rest(hand: Hand) -> list[tuple[Any, ...]]:
        return [(hand.user_id, len((await hand.client.conversations()).conversations))]

    def judge(evidence: Evidence) -> Iterator[str]:
        judged.append(evidence)
        [(count,)] = evidence.query("SELECT count(*) FROM messages")
        if count and all(one.rest == [(one.user_id, one.rest[0][1])] for one in evidence.notes if one.rest):
            yield "this is judged"

    trial = Acts((Act(20, lambda hand: acted.append(hand.where())),), rest=rest, judge=judge)
    known = all_acts()
    for module in (oracle, workload):
        monkeypatch.setattr(module, "all_acts", lambda: {**known, "trial": trial})
    outcome = run_one(7)
    assert outcome.findings == ["this is judged"]
    assert acted
    assert [one.rest is not None for one in judged[0].notes] == [True] * len(judged[0].notes)

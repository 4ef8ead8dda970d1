"""What the chat shows and understands of features: found by name, and only of those that the server has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.cli.chat import looks
from imserver.cli.chat.looks import ChatCommand, Look
from imserver.cli.chat.typing import TELL_EVERY_S
from imserver.feature_api import Feature
from imserver.features import FEATURES
from imserver_client import direct_conversation_id
from imserver_client.features.typing import Typing
from tests.cli.terminals import terminal
from tests.features.trial import VOTE, Trial, VoteParams
from tests.support.servers import people, running

from .people import Chatting, chatting

AB = direct_conversation_id("alice", "bob")


class TrialLook(Look):
    """Votes stand below the message."""

    def commands(self) -> Mapping[str, ChatCommand]:
        return {
            "/vote": ChatCommand(self._vote, "/vote WORD", "vote"),
            "/quit": ChatCommand(self._vote, "", ""),
        }

    async def _vote(self, _: Any, text: str) -> bool:
        await self.chat.say(f"voted {text}")
        return True

    def marks(self, extra: Any, mine: Any) -> str:
        return " ".join(f"{choice}×{count}" for choice, count in (extra or {}).items()) + (
            f" ({mine})" if mine else ""
        )


@pytest.fixture
def trial_look(monkeypatch: pytest.MonkeyPatch) -> None:
    known = looks._all_looks()
    monkeypatch.setattr(looks, "_all_looks", lambda: {**known, "trial": TrialLook})


@asynccontextmanager
async def both(
    folder: Path, features: Sequence[Feature] = (*FEATURES, Trial().feature())
) -> AsyncIterator[tuple[Server, Chatting, Chatting]]:
    async with (
        running(folder, features=features) as server,
        people(server) as enter,
        chatting(await enter("alice"), "bob") as alice,
        chatting(await enter("bob"), "alice") as bob,
    ):
        yield server, alice, bob


async def test_edit_changes_the_last_message_of_ones_own(tmp_path: Path) -> None:
    async with both(tmp_path) as (_, alice, bob):
        await alice.type("/edit too early")
        await alice.says("there is no message of yours here")
        await alice.type("see you at three")
        await bob.says("Alice: see you at three")
        await alice.says("you: see you at three")
        await bob.type("good")
        await alice.says("Bob: good")
        await alice.type("/edit", "/edit see you at four")
        await alice.says("say what instead?")
        await bob.says("Alice (changed): see you at four")
        await alice.says("you (changed): see you at four")
        await alice.type("/help")
        await alice.says("/edit TEXT         say TEXT instead of your last message here")


async def test_what_a_server_does_not_have_is_not_understood(tmp_path: Path) -> None:
    """The word goes to bots, as all words that are not ours."""
    async with both(tmp_path, features=()) as (_, alice, bob):
        assert not alice.session.client.server_features
        await alice.type("hello", "/edit bye")
        await bob.says("Alice: hello")


async def test_one_left_out_is_no_word_of_the_chat(tmp_path: Path) -> None:
    only_typing = tuple(feature for feature in FEATURES if feature.name == "typing")
    async with both(tmp_path, features=only_typing) as (_, alice, bob):
        assert [*alice.session.looks] == ["typing"]
        await alice.type("/edit bye", "/help")
        await bob.says("Alice: /edit bye")
        await alice.says("/help")
        assert not [line for line in alice.paper.lines if "/edit TEXT" in line]


async def test_who_writes_here_is_seen_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imserver.cli.chat.typing.BELIEVED_S", 0.2)
    async with both(tmp_path) as (_, alice, bob):
        await bob.type("hello")
        await alice.says("Bob: hello")
        refreshed = asyncio.Event()
        alice.session.screen.refresh = refreshed.set  # type: ignore[method-assign]
        bob.session.typed()
        while "Bob writing …" not in alice.session.status():
            await asyncio.wait_for(refreshed.wait(), 20)
            refreshed.clear()
        while "Bob writing …" in alice.session.status():
            await asyncio.wait_for(refreshed.wait(), 20)
            refreshed.clear()


async def test_typing_a_line_tells_the_others_now_and_then(tmp_path: Path) -> None:
    assert TELL_EVERY_S > 1
    async with running(tmp_path) as server, people(server) as enter:
        bob = await enter("bob")
        events = bob.events()
        await bob.post(AB, "hello")
        async with terminal(await enter("alice"), "bob") as alice:
            await alice.shows("Bob> ")
            alice.type("some words")
            async with asyncio.timeout(20):
                async for event in events:
                    if isinstance(event, Typing):
                        assert event == Typing(AB, "alice")
                        break
            await alice.shows("some words")


@pytest.mark.usefixtures("trial_look")
async def test_state_stands_below_a_message_and_shows_it_again_when_it_changes(tmp_path: Path) -> None:
    async with both(tmp_path) as (server, alice, bob):
        await alice.type("shall we?")
        await bob.says("Alice: shall we?")
        await alice.says("you: shall we?")
        await server.call(VOTE, "bob", VoteParams(AB, 1, "yes"))
        assert await alice.says("yes×1") == "       yes×1"
        assert await bob.says("yes×1") == "       yes×1 (yes)"
        await bob.says("Alice: shall we?", times=2)
        await alice.type("/history")
        await alice.says("yes×1", times=2)
        await server.call(VOTE, "bob", VoteParams(AB, 1, None))
        await alice.says("you: shall we?", times=4)
        assert not [line for line in alice.paper.lines[-1:] if "yes" in line]
        await server.call(VOTE, "bob", VoteParams(AB, 1, "yes"))
        await alice.says("yes×1", times=3)


@pytest.mark.usefixtures("trial_look")
async def test_no_feature_takes_a_word_of_ours(tmp_path: Path) -> None:
    async with both(tmp_path) as (_, alice, _):
        await alice.type("/vote yes")
        await alice.says("voted yes")
        assert await alice.session.commands["/quit"].handler(alice.session, "") is True
        from imserver.cli.chat.commands import handle_line

        assert await handle_line(alice.session, "/quit") is False


def test_looks_are_found_by_name_and_a_module_that_fails_is_no_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert looks._look_of("nothing") is None
    assert looks._look_of("places") is None, "a module of the chat's own"
    monkeypatch.setattr(looks, "__package__", "tests.cli")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        looks._look_of("broken_look")

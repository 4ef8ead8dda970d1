"""Whatever people do one after another: the handlers answer what the rules say, and pages, checks and export agree with it."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from imserver.errors import Refusal, RefusalCode
from imserver.features.reactions import rules
from imserver.model import Kind
from imserver_protocol.methods.reactions import REACTED_BY, ReactedByParams
from tests.support.servers import people, running

from .homes import found_by_checks, react

VIEWER = "p1"
NAMES = [f"p{number}" for number in range(10)]
#: More than a message takes, and some that are long enough for names, and then kinds, to have no room.
LONG = ["\u200d".join(("👩" * 6) + chr(0x1F600 + number)) for number in range(9)]
EMOJI = [*"👍🎉👀🙏😂😮😢🔥💯", *LONG, "x"]
POSITIONS = (1, 2, 3)


class Reacting(RuleBasedStateMachine):
    """One group of ten, three messages."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        #: position -> emoji -> who, in the order of their numbers. None: taken back.
        self.put: dict[int, dict[str, list[str]] | None] = {position: {} for position in POSITIONS}

    @initialize()
    def start(self) -> None:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.runner.run(self._start(folder))

    async def _start(self, folder: Path) -> None:
        self.server = await self.stack.enter_async_context(running(folder, " ".join(NAMES)))
        chat = self.server.chat
        self.group, _, _ = await chat.create_conversation(NAMES[0], Kind.GROUP, "g", NAMES[1:])
        for position in POSITIONS[1:]:
            await chat.post(NAMES[0], self.group, f"{position}")
        enter = await self.stack.enter_async_context(people(self.server))
        self.client = await enter(VIEWER)

    def teardown(self) -> None:
        async def end() -> list[str]:
            findings, _ = await found_by_checks(self.server)
            exported = {name: await self.server.features.export(name) for name in NAMES}
            await self.stack.aclose()
            for name in NAMES:
                put = {(position, emoji) for _, position, emoji, _ in exported[name]["reactions"]["put"]}
                assert put == {(at, emoji) for at in POSITIONS for emoji in self.of_one(at, name)}
            return findings

        try:
            if hasattr(self, "server"):
                assert self.runner.run(end()) == []
        finally:
            self.runner.close()

    def kinds(self, position: int) -> dict[str, list[str]]:
        return self.put[position] or {}

    def of_one(self, position: int, name: str) -> list[str]:
        return sorted(emoji for emoji, who in self.kinds(position).items() if name in who)

    def expected(self, position: int, name: str) -> tuple[Any, Any]:
        kinds = self.kinds(position)
        shown = rules.shown({emoji: len(who) for emoji, who in kinds.items()}, kinds)
        return shown, rules.own(self.of_one(position, name))

    @rule(
        position=st.sampled_from(POSITIONS),
        name=st.sampled_from(NAMES),
        emoji=st.lists(st.sampled_from(EMOJI), min_size=1, max_size=12),
        on=st.sampled_from((True, True, False)),
    )
    def react(self, position: int, name: str, emoji: list[str], on: bool) -> None:
        for one in emoji:
            self._react(position, name, one, on=on)

    @rule(numbers=st.lists(st.integers(0, 1_000), min_size=1, max_size=6))
    def remove(self, numbers: list[int]) -> None:
        """Of what was put."""
        for number in numbers:
            put = [
                (position, name, emoji)
                for position in POSITIONS
                for emoji, who in sorted(self.kinds(position).items())
                for name in who
            ]
            if put:
                self._react(*put[number % len(put)], on=False)

    def _react(self, position: int, name: str, emoji: str, *, on: bool) -> None:
        kinds, own = self.put[position], self.of_one(position, name)
        refusal = None
        if kinds is None:
            refusal = RefusalCode.GONE
        elif on and emoji not in own:
            try:
                rules.may_put(emoji, own, kinds)
            except Refusal as refused:
                refusal = refused.code
            else:
                kinds[emoji] = sorted([*kinds.get(emoji, ()), name])
        elif not on and emoji in own:
            kinds[emoji].remove(name)
            if not kinds[emoji]:
                del kinds[emoji]
        answer = self.runner.run(self._answer(position, name, emoji, on=on))
        assert answer == (self.expected(position, name) if refusal is None else refusal)

    async def _answer(self, position: int, name: str, emoji: str, *, on: bool) -> Any:
        """How the message stands then, or the refusal."""
        try:
            stands = await react(self.server, name, self.group, emoji, position, on=on)
        except Refusal as refused:
            return refused.code
        return stands.extra.get("reactions"), stands.mine.get("reactions")

    @rule(position=st.sampled_from(POSITIONS[1:]))
    def take_back(self, position: int) -> None:
        if self.put[position] is not None:
            self.put[position] = None
            self.runner.run(
                self.server.store.write(lambda tx: tx.replace_content(self.group, position, None))
            )

    @rule(name=st.sampled_from(NAMES))
    def erase(self, name: str) -> None:
        for position in POSITIONS:
            for emoji in self.of_one(position, name):
                self.kinds(position)[emoji].remove(name)
                if not self.kinds(position)[emoji]:
                    del self.kinds(position)[emoji]
        self.runner.run(self.server.features.erase(name))

    @rule(
        position=st.sampled_from(POSITIONS),
        emoji=st.one_of(st.none(), st.sampled_from(EMOJI)),
        limit=st.integers(1, 4),
    )
    def ask_who(self, position: int, emoji: str | None, limit: int) -> None:
        async def walk() -> list[tuple[str, tuple[str, ...]]]:
            found, after = [], None
            while True:
                params = ReactedByParams(self.group, position, emoji, after, limit)
                page = await self.server.call(REACTED_BY, NAMES[0], params)
                assert len(page.people) <= limit
                found += [(one.user_id, one.emoji) for one in page.people]
                if (after := page.next) is None:
                    return found

        everybody = [(name, tuple(self.of_one(position, name))) for name in NAMES]
        if emoji is not None:
            everybody = [(name, (emoji,)) for name, own in everybody if emoji in own]
        assert self.runner.run(walk()) == [one for one in everybody if one[1]]

    @rule()
    def look(self) -> None:
        """A page shows everybody's and one's own."""
        page = self.runner.run(self.client.history(self.group))
        assert [one.position for one in page.items] == [*POSITIONS]
        for item in page.items:
            shown = item.extra.get("reactions"), item.mine.get("reactions")
            assert shown == self.expected(item.position, VIEWER)


def test_handlers_answer_what_the_rules_say() -> None:
    run_state_machine_as_test(
        Reacting, settings=settings(max_examples=25, stateful_step_count=15, deadline=None)
    )

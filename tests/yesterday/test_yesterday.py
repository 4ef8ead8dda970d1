"""Shops, phones and pages are upgraded one after the other: whatever is older talks with whatever is younger.

Each test runs one side as an earlier version had it (`versions.KEPT`), in processes of its own.
"""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imserver.conformance.driver import BadDriver
from imserver.conformance.judge import Verdict
from imserver.conformance.scenarios import SCENARIOS
from imserver.proof.fault_proxy import Faults
from imserver.proof.server_process import environment
from tests.conformance.drivers import judged, said

from .company import Company, Phone, company
from .versions import KEPT, TODAY, Code, Version, kept

PHONES = ("python", "javascript")


@dataclass(frozen=True, slots=True)
class Meeting:
    """A client on a server of another age. The other phone is as old as the server."""

    client: Version
    server: Version
    other: Version
    door: str

    def __str__(self) -> str:
        return f"{self.client} on {self.server} over {self.door}"


MEETINGS = [
    *(
        Meeting(client, TODAY["server"], TODAY["python"], door)
        for part in PHONES
        for client in kept(part)
        for door in client.doors
    ),
    *(
        Meeting(TODAY[part], server, kept("python")[0], door)
        for part in PHONES
        for server in kept("server")
        for door in TODAY[part].doors
        if door in server.doors
    ),
]


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[Version, Code]:
    """The code of every version."""
    folder = tmp_path_factory.mktemp("versions")
    return {version: version.unpack(folder) for version in (*TODAY.values(), *KEPT)}


@pytest.mark.parametrize("version", [one for one in KEPT if one.part != "javascript"], ids=str)
def test_a_kept_version_imports_nothing_of_ours(version: Version, unpacked: dict[Version, Code]) -> None:
    """Else the other tests would compare ours with ours."""
    code = unpacked[version]
    names = "imserver_protocol", {"server": "imserver.cli.serve", "python": "imserver_client"}[version.part]
    program = f"import {', '.join(names)}, sys; print(*(sys.modules[name].__file__ for name in {names}))"
    ran = subprocess.run(
        code.python("-c", program), capture_output=True, text=True, env=environment(), timeout=30, check=True
    )
    assert all(Path(file).is_relative_to(code.root) for file in ran.stdout.split()), ran.stdout


@pytest.mark.parametrize("meeting", MEETINGS, ids=str)
async def test_they_talk_and_a_cut_line_loses_nothing(
    meeting: Meeting, unpacked: dict[Version, Code], tmp_path: Path
) -> None:
    async with company(tmp_path, unpacked[meeting.server], meeting.door) as there:
        ann = await there.phone("ann", unpacked[meeting.client])
        bob = await there.phone("bob", unpacked[meeting.other], straight=True)
        room = await ann.do("direct", user="bob")
        await talk(ann, bob, room)
        await see_the_state_of_messages(ann, bob, room)
        await gather_in_a_group(ann, bob)
        await be_cut(there, ann, bob, room)
        await be_away(there, ann, bob, room)


async def talk(ann: Phone, bob: Phone, room: str) -> None:
    """Posts, what was read of them, and who is typing."""
    first = await ann.do("post", conversation=room, text="are you there?")
    await bob.hears("message", conversation=room, position=first, sender="ann", text="are you there?")
    ((*_, head, unread),) = await bob.do("conversations")
    assert (head, unread) == (first, 1)
    await ann.hears("cursor", conversation=room, user="bob", delivered=first)
    await bob.do("read", conversation=room, position=first)
    await ann.hears("cursor", conversation=room, user="bob", read=first)
    await bob.do("typing", conversation=room)
    await ann.hears("typing", conversation=room, user="bob")
    second = await bob.do("post", conversation=room, text="yes 👋")
    await ann.hears("message", conversation=room, position=second, sender="bob", text="yes 👋")
    await ann.do("read", conversation=room, position=second)
    await bob.hears("cursor", conversation=room, user="ann", read=second)
    for phone in (ann, bob):
        ((*row, head, unread),) = await phone.do("conversations")
        assert (row, head, unread) == ([room, "direct", ""], second, 0)
        assert (await phone.do("cursors", conversation=room))["ann"][1] == second


async def see_the_state_of_messages(ann: Phone, bob: Phone, room: str) -> None:
    """Edits and reactions of each, on the other's phone and in everybody's history."""
    for phone in (ann, bob):
        await phone.do("show", conversation=room)
    for one, other, position in ((ann, bob, 1), (bob, ann, 2)):
        await one.do("edit", conversation=room, position=position, text=f"{one.name} says it better")
        await other.hears("edited", conversation=room, position=position, text=f"{one.name} says it better")
        await other.do("react", conversation=room, position=position, emoji="❤️")
        await one.hears("item", conversation=room, position=position)
        assert await one.do("reactions", conversation=room, position=position) == [["❤️", 1, [other.name]]]
    page = await same_history(ann, bob, room)
    shown = [(sender, text, revision) for _, sender, text, revision, *_ in page[:2]]
    assert shown == [("ann", "ann says it better", 2), ("bob", "bob says it better", 2)]
    assert all("❤️" in str(extra) for *_, extra in page[:2])


async def gather_in_a_group(ann: Phone, bob: Phone) -> None:
    for one, other in ((ann, bob), (bob, ann)):
        title = f"{one.name}'s friends"
        group = await one.do("create", title=title, members=[other.name])
        position = await one.do("post", conversation=group, text="welcome")
        await other.hears("message", conversation=group, position=position, text="welcome")
        assert group in [row[0] for row in await other.do("conversations") if row[1:3] == ["group", title]]
        assert await other.do("members", conversation=group) == {one.name: "owner", other.name: "member"}


async def be_cut(there: Company, ann: Phone, bob: Phone, room: str) -> None:
    """The line breaks; both write on; her phone resumes, and each message is there once."""
    ann.forget()
    there.proxy.accepting = False
    there.proxy.cut()
    posting = asyncio.create_task(ann.do("post", conversation=room, text="in a tunnel"))
    await ann.hears("connection", state="waiting")
    missed = [await bob.do("post", conversation=room, text=f"missed {number}") for number in range(3)]
    there.proxy.accepting = True
    mine = await posting
    await ann.hears("connection", state="connected", resumed=True)
    await ann.hears("message", conversation=room, position=mine, text="in a tunnel")
    await bob.hears("message", conversation=room, position=mine, text="in a tunnel")
    handed = [(position, text) for position, _, text in ann.messages(room)]
    assert handed == sorted([*((at, f"missed {n}") for n, at in enumerate(missed)), (mine, "in a tunnel")])


async def be_away(there: Company, ann: Phone, bob: Phone, room: str) -> None:
    """Her phone is off for a while: its store knows where to go on."""
    await ann.do("close")
    await ann.end()
    missed = [await bob.do("post", conversation=room, text=f"while off {number}") for number in range(2)]
    ann = await there.phone("ann", ann.code)
    await ann.hears("message", conversation=room, position=missed[-1])
    assert [position for position, *_ in ann.messages(room)] == missed
    await same_history(ann, bob, room)


async def same_history(one: Phone, other: Phone, room: str) -> Any:
    page = await one.do("history", conversation=room)
    assert await other.do("history", conversation=room) == page
    assert [position for position, *_ in page] == list(range(1, len(page) + 1))
    return page


@pytest.mark.timeout(58)  # two starts of a server, the second one while four clients back off
@pytest.mark.parametrize("version", kept("server"), ids=str)
async def test_a_server_is_upgraded_and_its_people_stay(
    version: Version, unpacked: dict[Version, Code], tmp_path: Path
) -> None:
    """In its folder and on its port, with phones of either age connected before, meanwhile and after."""
    codes = [unpacked[one] for part in PHONES for one in (TODAY[part], *kept(part))]
    async with company(tmp_path, unpacked[version]) as there:
        phones = [await there.phone(f"user{number}", code) for number, code in enumerate(codes)]
        first, *others = phones
        group = await first.do("create", title="all ages", members=[phone.name for phone in others])
        for phone in phones:
            posted = await phone.do("post", conversation=group, text=f"before, says {phone.name}")
            await phone.do("edit", conversation=group, position=posted, text=f"before, said {phone.name}")
            for other in phones:
                await other.hears("edited", conversation=group, position=posted)
            await others[0].do("react", conversation=group, position=posted, emoji="👍")
            await first.do("read", conversation=group, position=posted)
            await others[0].hears("cursor", conversation=group, user=first.name, read=posted)
        before = [await told(phone, group) for phone in phones]

        there.server.terminate()
        assert await there.server.ended() == 0
        posting = [
            asyncio.create_task(phone.do("post", conversation=group, text=f"meanwhile, says {phone.name}"))
            for phone in phones
        ]
        for phone in phones:
            await phone.hears("connection", state="waiting")
        there.server.packages = ()
        await there.server.start()

        meanwhile = await asyncio.gather(*posting)
        # Everybody wrote one message, and nobody's became two.
        page = (await told(first, group))["history"]
        head = len(before[0]["history"])
        assert [row[0] for row in page[head:]] == sorted(meanwhile)
        for phone, shown in zip(phones, before, strict=True):
            now = await told(phone, group)
            assert now["history"] == page
            assert now["history"][:head] == shown["history"]
            assert now["members"] == shown["members"]
            assert now["cursors"][first.name][1] == shown["cursors"][first.name][1]
            await phone.hears("message", conversation=group, position=max(meanwhile))
            handed = [position for position, *_ in phone.messages(group)]
            assert handed == sorted(set(handed))
            assert set(meanwhile) <= set(handed)


async def told(phone: Phone, group: str) -> dict[str, Any]:
    """What a phone shows of a conversation."""
    return {what: await phone.do(what, conversation=group) for what in ("history", "members", "cursors")}


@pytest.mark.parametrize("version", [one for part in PHONES for one in kept(part)], ids=str)
async def test_a_phone_is_upgraded_and_its_store_stays(
    version: Version, unpacked: dict[Version, Code], tmp_path: Path
) -> None:
    """With a post that waits in it, and with messages that it has shown already."""
    async with company(tmp_path, unpacked[TODAY["server"]]) as there:
        ann = await there.phone("ann", unpacked[version])
        bob = await there.phone("bob", unpacked[TODAY["python"]], straight=True)
        room = await ann.do("direct", user="bob")
        await ann.do("post", conversation=room, text="hello")
        shown = await bob.do("post", conversation=room, text="hello, too")
        await ann.hears("message", conversation=room, position=shown)
        await bob.hears(
            "cursor", conversation=room, user="ann", delivered=shown
        )  # so it is done, and not only shown
        there.proxy.apply(Faults(swallow_down=True))
        posting = asyncio.create_task(ann.do("post", conversation=room, text="did you get this?"))
        mine = (await bob.hears("message", conversation=room, text="did you get this?"))["position"]
        await ann.end()
        with pytest.raises(BadDriver):
            await posting
        missed = await bob.do("post", conversation=room, text="I did")

        there.proxy.apply(Faults())
        ann = await there.phone("ann", unpacked[TODAY[version.part]])
        await ann.hears("message", conversation=room, position=missed, text="I did")
        after = await ann.do("post", conversation=room, text="on a new phone")
        await ann.hears("message", conversation=room, position=after)
        await bob.hears("message", conversation=room, position=after)
        assert await ann.do("outbox") == 0
        assert [position for position, *_ in ann.messages(room)] == [mine, missed, after]
        assert [text for _, sender, text in bob.messages(room) if sender == "ann"] == [
            "hello", "did you get this?", "on a new phone"
        ]  # fmt: skip
        await same_history(ann, bob, room)


#: What the server of tomorrow says that ours does not: more at the ends of arrays, kinds of pushes and signals, methods, codes.
TOMORROW = [one for one in SCENARIOS if one.name.startswith("growth/") or "unknown" in one.name]


@pytest.mark.parametrize("version", [one for part in PHONES for one in kept(part)], ids=str)
async def test_a_phone_of_yesterday_bears_what_only_tomorrow_says(
    version: Version, unpacked: dict[Version, Code], tmp_path: Path
) -> None:
    outcomes = await judged(unpacked[version].conformance_driver, TOMORROW, tmp_path)
    assert {one.verdict for one in outcomes.values()} == {Verdict.PASSED}, said(outcomes)

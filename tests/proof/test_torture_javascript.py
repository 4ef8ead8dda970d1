"""The torture's JavaScript clients: killed with posts in their outboxes they lose none, and one whose store only seems to keep
them is found out."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from imserver.cli.torture import with_javascript
from imserver.proof.checker import Report, check
from imserver.proof.fault_proxy import FaultProxy, Faults
from imserver.proof.findings import Fault
from imserver.proof.server_process import ServerProcess
from imserver.proof.stored_rows import read_rows
from imserver.proof.torture import javascript
from imserver.proof.torture.client_journal import read_journal
from imserver.proof.torture.client_pool import ClientPool
from imserver.proof.torture.client_process import Role
from imserver.proof.torture.javascript import javascript_command
from imserver.proof.torture.options import Options
from imserver.proof.torture.participants import Group, Part, Participants
from imserver.proof.torture.verdict import WORDS

CLIENT = Path(__file__).parents[2] / "clients" / "js"
PARTICIPANTS = Participants(
    processes=((Part("ann", "ann-1", "talker", (0,)), Part("bob", "bob-1", "talker", (0,), ("ann",))),),
    groups=(Group(0, "ann", ("bob",)),),
    directs=(("ann", "bob"),),
    javascript_processes=1,
)
#: Long enough for the slowest machine.
PATIENCE_S = 40.0
BURST_POSTS = 24
#: Posts by themselves would only blur what this is about.
HARDLY_EVER = 0.001


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder with a short name: a socket's path may be no longer than about 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="im-") as name:
        yield Path(name).resolve()


def taken(journals: Path) -> int:
    """How many posts the outboxes have."""
    read = [read_journal(journals, part.name, part.user_id) for part in PARTICIPANTS.parts]
    return sum(post.taken for transcript in read for post in transcript.posts.values())


async def killed_with_a_full_outbox(folder: Path, command: Sequence[str], broken: list[str]) -> list[str]:
    """Both clients post while their lines swallow everything, and are killed; then they go on with their stores. Returns who
    waits for what in vain."""
    journals = folder / "clients"
    journals.mkdir()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ServerProcess(folder, {}, dies_with_parent=True))
        roles, proxies = [], []
        for part in PARTICIPANTS.parts:
            proxy = await stack.enter_async_context(FaultProxy("127.0.0.1", server.port))
            token = server.token(part.user_id, device_id=part.device_id)
            roles.append(Role(part, f"imserver://127.0.0.1:{proxy.port}", token))
            proxies.append(proxy)
        pool = ClientPool(PARTICIPANTS, [roles], journals, 1, HARDLY_EVER, broken.append, command)
        stack.push_async_callback(pool.kill_all)
        await pool.begin()
        (clients,) = pool.handles
        for proxy in proxies:
            proxy.apply(Faults(blackhole=True))
        clients.tell(do="burst", count=BURST_POSTS)
        said = await clients.answer("said", PATIENCE_S)
        assert said is not None
        assert taken(journals) == said["count"]
        await clients.kill()
        for proxy in proxies:
            proxy.apply(Faults())
            proxy.cut()
        await clients.start(pool.groups)
        (settled,) = await pool.ask_all("settled", PATIENCE_S, do="settle", timeout_s=PATIENCE_S / 2)
        clients.tell(do="leave")
        assert await clients.ended() == 0
        assert await server.stop() == 0
    return [*settled["stuck"]]


def judged(folder: Path) -> Report:
    """As a whole run is judged."""
    journals = (read_journal(folder / "clients", part.name, part.user_id) for part in PARTICIPANTS.parts)
    return check(journals, read_rows(folder / "chat.db"), WORDS)


def test_a_killed_javascript_client_loses_nothing_of_its_outbox(place: Path) -> None:
    broken: list[str] = []
    assert asyncio.run(killed_with_a_full_outbox(place, javascript_command(), broken)) == []
    assert broken == []
    report = judged(place)
    assert report.findings == []
    assert report.acknowledged >= BURST_POSTS
    assert report.shown >= 2 * BURST_POSTS


def test_one_whose_outbox_is_on_disk_only_later_is_found_out(place: Path) -> None:
    copy = place / "js"
    for folder in ("src", "torture"):
        shutil.copytree(CLIENT / folder, copy / folder)
    shutil.copy(CLIENT / "package.json", copy)
    disk = copy / "src" / "storage" / "file_disk.js"
    written = "await writeAll(file, record, this.#bytes);\n      await file.datasync();"
    later = "const at = this.#bytes;\n      setTimeout(() => writeAll(file, record, at), 60_000);"
    assert written in disk.read_text()
    disk.write_text(disk.read_text().replace(written, later))
    run = place / "run"
    run.mkdir()
    asyncio.run(
        killed_with_a_full_outbox(run, javascript_command(copy / "torture" / "client_process.js"), [])
    )
    lost = [finding for finding in judged(run).findings if finding.fault is Fault.LOST]
    assert len(lost) >= BURST_POSTS


def test_every_fourth_client_is_in_javascript_where_it_can_be(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options(seed=1, folder=place)
    assert with_javascript(options, None).javascript == 12
    assert with_javascript(options, 3).javascript == 3
    assert with_javascript(options, 0) == options
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(javascript, "PROGRAM", place / "client_process.js")
    assert with_javascript(options, None) == options
    assert "All clients are Python's: the JavaScript client is not here" in capsys.readouterr().out

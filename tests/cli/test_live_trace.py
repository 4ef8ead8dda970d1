"""`imserver trace NAME`: frames of a running server's user, explained, bounded, and without a secret."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TextIO

import pytest

from imserver.cli import trace_lines, watching
from imserver.cli.app import run
from imserver.cli.control import MAX_LINE_BYTES, as_json
from imserver.cli.text_width import width
from imserver.cli.trace_lines import shown
from imserver.cli.watching import TraceOperations
from imserver.clock import SystemClock
from imserver.errors import ImserverError, StartError
from imserver.net.taps import Taps
from imserver.server import Server
from imserver.testing import ManualClock
from imserver.trace import live
from imserver.trace.explainer import Line
from tests.cli import warm
from tests.limits.raw import PATIENCE_S, REQUEST, Raw, eventually, new_key, packed, said
from tests.support.servers import running

from .processes import environment, imserver, serving

AB = "direct/alice/bob"


class Watched:
    """A trace that is asked as the command does."""

    def __init__(self, operations: TraceOperations, number: int, watched: int) -> None:
        self._operations = operations.operations
        self._number = number
        self.watched = watched
        self.lines: list[Line] = []
        self.lost = 0

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    async def more(self) -> None:
        told = await self._operations["trace_more"]({"number": self._number})
        self.lines += [Line(*row) for row in told["rows"]]
        self.lost += told["lost"]

    async def until(self, words: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while words not in self.text:
                await self.more()

    async def end(self) -> None:
        await self._operations["trace_end"]({"number": self._number})


async def watch(operations: TraceOperations, contents: bool = False, **wanted: Any) -> Watched:
    asked = {"user_id": None, "device_id": None, "connection": None, **wanted}
    told = await operations.operations["trace"]({**asked, "contents": contents})
    return Watched(operations, told["number"], told["watched"])


@asynccontextmanager
async def entered(server: Server, name: str, device: str = "raw") -> AsyncIterator[Raw]:
    async with await Raw.open(server) as raw:
        await raw.enter(server, name, device)
        yield raw


async def acts(server: Server) -> list[tuple[str, bool]]:
    """What the audit log has of operators: the act, and whether it is about somebody."""
    rows = await server.store.read(lambda reader: reader.audit_after(0, 100))
    return [(row.act, row.about_no is not None) for row in rows if row.source == "operator"]


async def test_frames_of_a_user_who_is_there_and_of_one_who_comes(tmp_path: Path) -> None:
    async with running(tmp_path) as server, entered(server, "alice") as alice:
        trace = await watch(TraceOperations(server), user_id="alice")
        assert trace.watched == 1
        assert (await alice.ask("post", AB, new_key(), said("the secret garden"))).code == 0
        await trace.until("post conversation_id")
        await trace.until("position=1")
        async with entered(server, "alice", "phone") as phone, entered(server, "bob") as bob:
            await trace.until("logged in: alice on phone from 127.0.0.1, session=")
            await trace.until("user_id=alice")  # of WELCOME
            assert (await bob.ask("post", AB, new_key(), said("and to you"))).code == 0
            await trace.until("message conversation_id=direct/alice/bob")
            assert (await phone.ask("sync", None)).code == 0
        await trace.until("closed: ")
        told = trace.text
        assert "watched from here on: alice on raw" in told
        assert "bob on raw" not in told
        assert "resume_token=(hidden)" in told
        for secret in ("secret garden", "and to you", "eyJ"):
            assert secret not in told
        assert trace.lost == 0
        assert await acts(server) == [("trace.begun", True)]
        await trace.end()
        assert len(server.listener.taps) == 0
        assert all(one.taps == () for one in server.listener.admission.transports)  # type: ignore[attr-defined]


async def test_contents_are_shown_for_who_asks_and_it_is_on_record(tmp_path: Path) -> None:
    async with running(tmp_path) as server, entered(server, "alice") as alice:
        trace = await watch(TraceOperations(server), contents=True, user_id="alice")
        token = server.accounts.make_token("alice", ttl_s=60)
        await alice.ask("post", AB, new_key(), said(f"the secret garden {token}"))
        await trace.until("the secret garden")
        assert token not in trace.text
        assert await acts(server) == [("trace.contents", True)]


async def test_one_device_or_one_connection(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as server,
        entered(server, "alice", "desk") as desk,
        entered(server, "alice", "phone") as phone,
    ):
        operations = TraceOperations(server)
        [number] = [
            one.number
            for one in server.listener.admission.transports
            if getattr(one, "session", None) and one.session.device_id == "desk"  # type: ignore[attr-defined]
        ]
        of_device = await watch(operations, user_id="alice", device_id="phone")
        of_connection = await watch(operations, connection=number)
        for raw in (desk, phone):
            assert (await raw.ask("sync", None)).code == 0
        await of_device.until("sync")
        await of_connection.until("sync")
        assert {line.connection for line in of_connection.lines} == {number}
        assert number not in {line.connection for line in of_device.lines}
        with pytest.raises(StartError, match="there is no connection 99"):
            await watch(operations, connection=99)


async def test_it_begins_within_a_frame_and_survives_what_is_none(tmp_path: Path) -> None:
    async with running(tmp_path) as server, entered(server, "alice") as alice:
        whole = packed(REQUEST, 1, 0, "sync", [None])
        alice.send_bytes(whole[:7])
        transport = next(iter(server.listener.admission.transports))
        await eventually(lambda: len(transport.unfinished) == 7)  # type: ignore[attr-defined]
        trace = await watch(TraceOperations(server), user_id="alice")
        alice.send_bytes(whole[7:])
        await trace.until("sync")
        alice.send_bytes(b"\xff" * 40)
        await trace.until("not a frame")


async def test_a_slow_watcher_loses_lines_is_told_how_many_and_slows_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_LINES", 5)
    async with running(tmp_path) as server, entered(server, "alice") as alice:
        trace = await watch(TraceOperations(server), user_id="alice")
        for _ in range(20):
            assert (await alice.ask("sync", None)).code == 0
        await trace.more()
        assert len(trace.lines) == 5
        assert trace.lost >= 36  # 20 requests and 20 answers, and the first line of the trace
        # Behind the gap it goes on.
        assert (await alice.ask("users", ["bob"])).code == 0
        await trace.until("users")


async def test_more_frames_than_may_be_explained_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_FRAMES_A_S", 3)
    async with running(tmp_path) as server, entered(server, "alice") as alice:
        monkeypatch.setattr(server.clock, "monotonic", lambda: 1000.5, raising=False)
        trace = await watch(TraceOperations(server), user_id="alice")
        for _ in range(10):
            assert (await alice.ask("sync", None)).code == 0
        while trace.lost < 15:
            await trace.more()
        assert len([line for line in trace.lines if line.kind]) <= 3


async def test_one_that_asks_no_more_ends_and_so_many_run_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MAX_TRACES", 2)
    async with running(tmp_path) as server, entered(server, "alice") as alice:
        operations = TraceOperations(server)
        first, second = [await watch(operations, user_id="alice") for _ in range(2)]
        with pytest.raises(StartError, match="2 traces run already"):
            await watch(operations, user_id="alice")
        await first.end()
        monkeypatch.setattr(watching, "SILENT_S", 0.05)
        await second.more()
        await eventually(lambda: len(server.listener.taps) == 0)
        with pytest.raises(StartError, match="that trace has ended"):
            await second.more()
        assert (await alice.ask("sync", None)).code == 0


async def test_traces_that_begin_at_once_share_the_places_and_miss_no_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MAX_TRACES", 2)
    async with running(tmp_path) as server, entered(server, "alice"):
        operations, kept = TraceOperations(server), server.administration.traced
        numbers = itertools.count()  # two logins of one device would end each other

        async def traced(user_id: str, *, contents: bool) -> None:
            async with entered(server, "alice", f"phone {next(numbers)}"):
                await kept(user_id, contents=contents)

        monkeypatch.setattr(server.administration, "traced", traced)
        begun = await asyncio.gather(
            *(watch(operations, user_id="alice") for _ in range(5)), return_exceptions=True
        )
        assert [type(one) for one in begun] == [Watched] * 2 + [StartError] * 3
        assert isinstance(begun[0], Watched)
        await begun[0].until("logged in: alice on phone")


async def test_what_does_not_fit_an_answer_is_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contents in Chinese: nothing is thrown away, and what has no end is cut with its length."""
    trace = live.LiveTrace(live.Wanted("alice"), Taps(), SystemClock(), contents=True)
    texts = [*(f"{number} {'中' * 2000}" for number in range(40)), "文" * 70_000, "last"]
    trace.add([Line(0, 1, "→", "REQUEST", 1, 1, 1, text) for text in texts])
    operations = TraceOperations(None)  # type: ignore[arg-type]  # a trace that runs asks no server
    operations._keep(1, trace)
    watched = Watched(operations, 1, 0)
    answers = 0
    while len(watched.lines) < len(texts):
        told = await operations.operations["trace_more"]({"number": 1})
        assert len(as_json({"result": told})) < MAX_LINE_BYTES
        watched.lines += [Line(*row) for row in told["rows"]]
        assert told["lost"] == 0
        answers += 1
    operations._forget(1)
    assert [line.text for line in watched.lines if line.text in texts] == [*texts[:40], "last"]
    assert watched.lines[40].text.endswith(f"({70_000 - watching.MAX_LINE_CHARS} more characters)")
    assert answers <= 7


async def test_who_asks_begins_the_silence_anew(tmp_path: Path) -> None:
    async with running(tmp_path) as server, entered(server, "alice"):
        operations = TraceOperations(server)
        trace = await watch(operations, user_id="alice")
        [(_, timer)] = operations._traces.values()
        await trace.more()
        assert timer.cancelled()


def of_bytes(size: int, text: str = "") -> Line:
    return Line(0, 1, "→", "REQUEST", 1, 0, size, text)


async def test_a_gap_is_behind_all_lines_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_LINES", 2)
    trace = live.LiveTrace(live.Wanted("alice"), Taps(), ManualClock())
    first, second, third, fourth = (of_bytes(10, text) for text in "1234")
    trace.add([first, second, third])
    assert await trace.take(1, PATIENCE_S) == ([first], 0)
    trace.add([fourth])
    assert await trace.take(10, PATIENCE_S) == ([second], 2)


def test_a_long_frame_counts_as_several() -> None:
    trace = live.LiveTrace(live.Wanted("alice"), Taps(), ManualClock())
    before = trace.room()
    trace.add([of_bytes(5 * 1024)])
    assert before - trace.room() == 6


@pytest.mark.parametrize(("cells", "has"), [(None, True), (80, True), (79, False)])
def test_columns_have_a_heading_where_there_is_room(
    cells: int | None, has: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_lines, "terminal_cells", lambda: cells)
    assert bool(trace_lines.heading()) is has


async def test_a_fault_of_a_tap_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as server, entered(server, "alice") as alice:
        await watch(TraceOperations(server), user_id="alice")
        monkeypatch.setattr(live.LiveTrace, "room", lambda self: 1 / 0)
        for _ in range(3):
            assert (await alice.ask("sync", None)).code == 0


async def test_nobody_is_watched_who_is_not_there(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        with pytest.raises(ImserverError, match="no such user"):
            await watch(TraceOperations(server), user_id="nobody")
        assert len(server.listener.taps) == 0


# -- the command --------------------------------------------------------------------------------------------------------


@contextmanager
def tracing(folder: Path, name: str) -> Iterator[tuple[warm.Forked, TextIO, TextIO]]:
    """The command while it runs, with what it prints and what it says."""
    pipes = [os.pipe() for _ in range(2)]
    with open(os.devnull, "rb") as nothing:
        streams = [nothing.fileno(), *(end for _, end in pipes)]
        process = warm.Forked(folder, ["trace", name], environment(), streams, [])
    for _, end in pipes:
        os.close(end)
    out, err = (os.fdopen(reading, encoding="utf-8") for reading, _ in pipes)
    try:
        with out, err:
            yield process, out, err
    finally:
        process.kill()


def test_the_command_shows_a_user_beside_a_running_server(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        for name in ("alice", "bob"):
            imserver(tmp_path, "user", "add", name)
        with tracing(tmp_path, "alice") as (process, out, err):
            assert err.readline() == "Watching 0 connections of alice, and those to come; Ctrl-C ends it.\n"
            words = ("chat", "--as", "alice", "--with", "bob", "--server", server.url)
            assert imserver(tmp_path, *words, stdin="hello\n").returncode == 0
            text = ""
            while "closed: " not in text:
                text += out.readline()
            assert "post conversation_id=direct/alice/bob" in text
            assert "hello" not in text
            assert "eyJ" not in text
            process.send_signal(signal.SIGINT)
            assert (out.read(), err.read().strip()) == ("", "")
            eventually_ended(process, 130)
        with tracing(tmp_path, "alice") as (process, out, err):
            err.readline()
            code, log = server.stop()  # and no line of its log is about who watched
            assert (code, "trace" in log.partition("stopping")[2], "Traceback" in log) == (0, False, False)
            assert "ended" in err.read()
            eventually_ended(process, 75)
    with serving(tmp_path):
        mistyped = imserver(tmp_path, "trace", "alcie")
        assert (mistyped.returncode, mistyped.stderr.count("\n")) == (2, 1)
        assert "there is no user 'alcie'. Did you mean 'alice'?" in mistyped.stderr
    stopped = imserver(tmp_path, "trace", "alice")
    assert (stopped.returncode, stopped.stderr) == (75, "imserver: no server runs on imserver.db\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert imserver(empty, "trace", "alice").returncode == 75
    assert [*empty.iterdir()] == []


def eventually_ended(process: warm.Forked, code: int) -> None:
    """Both of its streams have ended, so it does."""
    process.read([], PATIENCE_S)
    assert process.returncode == code


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("alice", "--listen", "127.0.0.1:0"), "for a trace without NAME"),
        (("--device", "x"), "--device belongs to a NAME"),
        (("--connection", "0"), "0 is not in the range"),
        (("a\nb",), "without control characters"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["trace", *words]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("cells", [40, 79])
def test_on_a_narrow_terminal_what_a_frame_says_stands_below(cells: int) -> None:
    says = "to 5 post (1.6 ms) position=1 sent_at_ms=1795936429162 duplicate=no"
    line = Line(1_795_936_429_162, 12, "←", "REPLY", 5, 6, 17, says)
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown(line, cells)).split("\n")
    assert lines[0] == "07:13:49.162   #12 ← REPLY"
    assert all(width(one) <= cells for one in lines)
    assert " ".join(one.strip() for one in lines[1:]) == f"17 B seq 5 ack 6 {says}"
    noted = shown(Line(0, 12, "", "", 0, 0, 0, "closed: " + "x" * 60), cells)
    assert all(width(one) <= cells for one in re.sub(r"\x1b\[[\d;]*m", "", noted).split("\n"))
    assert "\n" not in shown(line, 120)

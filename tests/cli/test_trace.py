"""`imserver trace` passes every byte on, says on one line what each frame is, and never shows a secret."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.cli.app import run
from imserver.cli.trace_lines import shown
from imserver.clock import SystemClock
from imserver.testing import ManualClock
from imserver.trace import proxy as proxy_module
from imserver.trace.explainer import LIMITS, MAX_ASKED, Explainer, Line
from imserver.trace.proxy import Proxy
from tests.limits.raw import PATIENCE_S, REQUEST, Raw, eventually, framed, new_key, packed, said
from tests.support.servers import Inbox, people, running

from .processes import environment

AB = "direct/alice/bob"


class Trace:
    """A proxy that runs, and what it said."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.port = 0

    @property
    def text(self) -> str:
        return "\n".join(shown(line) for line in self.lines)

    def told(self, kind: str, arrow: str = "") -> list[str]:
        return [line.text for line in self.lines if line.kind == kind and arrow in ("", line.arrow)]

    def noted(self, words: str) -> bool:
        return any(not line.kind and words in line.text for line in self.lines)


@asynccontextmanager
async def tracing(port: int, *, contents: bool = False) -> AsyncIterator[Trace]:
    trace = Trace()
    proxy = Proxy("127.0.0.1", port, trace.lines.append, SystemClock(), contents=contents)
    await proxy.open("127.0.0.1", 0)
    trace.port = proxy.port
    task = asyncio.create_task(proxy.run())
    try:
        yield trace
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def peer(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A server that talks like this; its port."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def pieces(data: bytes, dice: random.Random) -> list[bytes]:
    """The data in pieces of any length, many of one byte."""
    ends = sorted({0, len(data), *(dice.randrange(len(data) + 1) for _ in range(dice.randrange(60)))})
    return [data[start:end] for start, end in itertools.pairwise(ends)]


# -- bytes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
async def test_bytes_go_through_unchanged_whatever_they_are(seed: int) -> None:
    dice = random.Random(seed)
    frame = packed(REQUEST, 1, 0, "post", (AB, new_key(), said("x" * 500)))
    kinds = [
        dice.randbytes(3000),
        frame * 40,
        frame * 3 + b"\x00\x00\x00\x00" + frame,
        b"\x16\x03\x01" + frame,
    ]
    up, down = dice.choice(kinds), dice.choice(kinds)
    got = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces(down, dice):
            writer.write(piece)
            await asyncio.sleep(0)
        got.extend(await reader.read(-1))
        writer.close()

    async with peer(talk) as port, tracing(port) as trace:
        reader, writer = await asyncio.open_connection("127.0.0.1", trace.port)
        for piece in pieces(up, dice):
            writer.write(piece)
            await asyncio.sleep(0)
        writer.write_eof()
        assert await reader.read(-1) == down
        assert bytes(got) == up
        writer.close()
        await eventually(lambda: trace.noted("closed by both"))
        assert trace.noted(f"{len(up)} B;")
        assert trace.noted(f"{len(down)} B")


async def test_half_closed_and_reset_connections_are_passed_on_as_such() -> None:
    ends: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            said = await reader.read(-1)
            ends.append(f"FIN after {len(said)}")
            writer.write(b"still here")
            await writer.drain()
            writer.close()
        except ConnectionResetError:
            ends.append("RST")

    async with peer(talk) as port, tracing(port) as trace:
        reader, writer = await asyncio.open_connection("127.0.0.1", trace.port)
        writer.write(b"ab")
        writer.write_eof()
        assert await reader.read(-1) == b"still here", "one direction outlives the other"
        writer.close()
        async with await Raw.open(trace.port) as raw:
            raw.send_bytes(b"ab")
            await eventually(lambda: trace.text.count("opened by") == 2)
            raw.reset()
        await eventually(lambda: len(ends) == 2 and trace.noted("reset by the client"))
        assert ends == ["FIN after 2", "RST"]
        order = [
            words
            for words in ("client sends no more", "server sends no more", "closed by both")
            if trace.noted(words)
        ]
        assert len(order) == 3


async def test_a_server_that_resets_resets_the_client() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.transport.get_extra_info("socket").setsockopt(
            1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00"
        )  # SO_LINGER 0
        writer.transport.abort()

    async with peer(talk) as port, tracing(port) as trace:
        reader, writer = await asyncio.open_connection("127.0.0.1", trace.port)
        writer.write(b"x")
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        writer.close()
        await eventually(lambda: trace.noted("reset by the server"))


async def test_no_server_and_too_many_connections_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_module, "MAX_CONNECTIONS", 1)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    async with peer(talk) as port, tracing(port) as trace, await Raw.open(trace.port):
        await eventually(lambda: trace.noted("opened by"))
        async with await Raw.open(trace.port):
            await eventually(lambda: trace.noted("refused: 1 connections"))
    async with tracing(port) as trace, await Raw.open(trace.port):
        await eventually(lambda: trace.noted("no way to the server: "))


async def test_a_reader_of_the_lines_that_has_gone_ends_the_run() -> None:
    def gone(line: Line) -> None:
        raise BrokenPipeError

    proxy = Proxy("127.0.0.1", 1, gone, SystemClock())
    await proxy.open("127.0.0.1", 0)
    async with await Raw.open(proxy.port):
        with pytest.raises(BrokenPipeError):
            await proxy.run()


# -- lines --------------------------------------------------------------------------------------------------------------


async def test_a_conversation_is_told_frame_by_frame(tmp_path: Path) -> None:
    async with running(tmp_path) as server, tracing(server.port) as trace:
        async with await Raw.open(trace.port) as raw:
            welcomed = await raw.enter(server, "alice", "my phone")
            assert (await raw.ask("post", AB, new_key(), said("a secret appointment"))).code == 0
            assert (await raw.ask("history", AB)).code == 0
            assert (await raw.ask("post", AB, b"short", said("x"))).code == 600
            assert (await raw.ask("frobnicate", "what of it")).code == 601
            raw.send(6, 0, raw.received, "typing", AB)
            raw.send(3, 0, raw.received, 77)
            raw.send(5, 0, raw.received, 200, "bye for now", 0)
            await raw.flushed()
        await eventually(lambda: trace.noted("closed by both"))
    (hello,), (welcome,) = trace.told("HELLO", "→"), trace.told("WELCOME", "←")
    assert (
        hello == 'versions=[1, 1] features=[] token=(hidden) device_id="my phone" client_info={0} resume=nil'
    )
    session = welcomed.session_id[:8]
    assert f"user_id=alice session={session} resume_token=(hidden) resumed=no" in welcome
    posted, paged, short, unknown = trace.told("REQUEST", "→")
    assert re.fullmatch(rf"post conversation_id={AB} key=[0-9a-f]{{32}} content=\(\d+ B\)", posted)
    assert paged == f"history conversation_id={AB}"
    assert short.startswith(f"post conversation_id={AB} key=(5 B)")
    assert unknown == "frobnicate 1 fields"
    one, page = trace.told("REPLY", "←")
    assert re.fullmatch(r"to 1 post \(\d+\.\d ms\) position=1 sent_at_ms=\d+ duplicate=no", one)
    assert re.fullmatch(r"to 2 history \(\d+\.\d ms\) items=\[1\] first=1 last=1 head=1", page)
    invalid, no_method = trace.told("REFUSAL", "←")
    assert re.fullmatch(
        r"to 3 post \(.+\) 600 INVALID text=\(\d+ chars\) retry_after_ms=0 detail=key", invalid
    )
    assert "601 UNKNOWN_METHOD" in no_method
    assert trace.told("SIGNAL", "→") == [f"typing conversation_id={AB}"]
    assert trace.told("PING", "→") == ["nonce=77"]
    assert trace.told("GOODBYE", "→") == ["200 OK text=(11 chars) retry_after_ms=0"]
    for private in ("secret appointment", "what of it", "bye for now"):
        assert private not in trace.text
    seqs = [line.seq for line in trace.lines if line.kind == "REQUEST"]
    assert seqs == [1, 2, 3, 4]


async def test_contents_are_shown_when_asked_for_and_tokens_never(tmp_path: Path) -> None:
    async with running(tmp_path) as server, tracing(server.port, contents=True) as trace:
        token = server.accounts.make_token("alice", ttl_s=3600)
        longer = server.accounts.make_token("alice", ttl_s=7200, device_id="raw")
        async with await Raw.open(trace.port) as raw:
            raw.hello(token)
            first = await raw.welcome()
            assert (await raw.ask("post", AB, new_key(), said(f"look: {longer} is mine"))).code == 0
            assert (await raw.ask("renew", longer)).code == 0
            assert (await raw.ask("history", AB)).code == 0
            raw.request(longer, longer)
        async with await Raw.open(trace.port) as raw:
            raw.hello(token, resume=(first.session_id, first.token), ack=0)
            again = await raw.welcome()
        async with await Raw.open(trace.port) as raw:  # at the wrong place
            raw.send(0, 0, 0, (1, 1), [token], "rubbish", token, {token: token, "token": "x"}, (token, b"y"))
            await raw.goodbye()
        await eventually(lambda: trace.text.count("sends no more") >= 5)
    assert '"text": "look: (hidden) is mine"' in trace.text
    assert trace.text.count('"text": "look: (hidden) is mine"') == 2, "posted, and read in a page"
    assert "renew token=(hidden)" in trace.text
    assert f"resume={first.session_id[:8]}" in trace.text
    for secret in (token, longer):
        for part in secret.split("."):
            assert part not in trace.text
    for resume_token in (first.token, again.token):
        assert resume_token.hex() not in trace.text
        assert repr(resume_token)[2:-1] not in trace.text
    assert first.session_id not in trace.text


async def test_a_client_works_through_it_as_without(tmp_path: Path) -> None:
    async with running(tmp_path) as server, tracing(server.port) as trace, people(server) as enter:
        alice, bob = await enter("alice", port=trace.port), await enter("bob", port=trace.port)
        inbox = Inbox(bob)
        await alice.post(AB, "你好，今天几点？")
        await inbox.text("你好，今天几点？")
        await inbox.close()
    pushed = trace.told("PUSH", "←")
    assert any(re.match(rf"message conversation_id={AB} position=1 sender_id=alice", text) for text in pushed)
    assert "你好" not in trace.text
    assert not trace.told("?")


# -- what is no frame -----------------------------------------------------------------------------------------------------


def explained(
    data: bytes, sizes: list[int] | None = None, *, contents: bool = True
) -> list[tuple[str, int, int, str]]:
    explainer = Explainer(1, ManualClock(), contents=contents)
    cuts = [*itertools.accumulate(sizes or []), len(data)]
    told: list[Line] = []
    start = 0
    for end in cuts:
        told += explainer.read(data[start:end], up=True)
        start = max(start, end)
    return [(line.kind, line.seq, line.size, line.text) for line in told]


def test_what_is_no_frame_is_told_as_such() -> None:
    odd = [
        (framed(b"\xc1"), "not a frame: "),
        (packed(16, 1), "not a frame: MALFORMED: not an array"),
        (packed(16, 1, 0), "not shaped as a REQUEST: 0 fields"),
        (packed(16, 1, 0, {"a": 1}, 7), "not shaped as a REQUEST: 2 fields"),
        (packed(16, 1, 0, 5, [1]), "not shaped as a REQUEST: 2 fields"),
        (packed(16, 1, 0, "POST\n\x1b[2J", [1]), "(no name: (9 chars)) 1 fields"),
        (packed(17, 1, 0, {"a": 1}, "text"), "not shaped as a REPLY: 2 fields"),
        (packed(42, 9, 0, "text"), "unknown, 1 fields"),
        (packed(5, 0, 0, 999, "t", 0), "999 text="),
        (b"\x00\x00\x00\x00", "not a frame: "),
        (b"\x7f\xff\xff\xff", "passed on unread"),
        (b"\x16\x03\x01\x02", "this looks like TLS"),
    ]
    for data, words in odd:
        told = explained(data, contents=False)
        assert len(told) == 1, data
        assert words in told[0][3], told


def test_a_header_of_a_proxy_names_the_client_however_it_is_cut() -> None:
    one = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 7410\r\n"
    own = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
    for header, words in ((one, "the client is 203.0.113.9"), (own, "the proxy speaks for itself")):
        data = header + packed(2, 0, 0)
        for sizes in ([], [1] * (len(data) - 1), [5]):
            told = explained(data, sizes)
            assert [kind for kind, *_ in told] == ["", "ACK"]
            assert words in told[0][3]


def test_after_a_bad_length_a_direction_is_only_counted() -> None:
    explainer = Explainer(1, ManualClock())
    good = packed(2, 0, 0)
    told = explainer.read(good + b"\x00\x00\x00\x00" + good, up=True)
    assert [line.kind for line in told] == ["ACK", "?"]
    assert explainer.read(good, up=True) == []
    assert [line.kind for line in explainer.read(good, up=False)] == ["ACK"], "the other direction goes on"
    assert explainer.sums() == f"→ 1 frames, {3 * len(good) + 4} B; ← 1 frames, {len(good)} B"


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
words = st.sampled_from(
    ["post", "history", "sync", "message", "item", "cursor", "typing", "edit", "check", "renew"]
)
frames = st.builds(
    lambda kind, seq, ack, behind: packed(kind, seq, ack, *behind),
    st.integers(0, 24),
    st.integers(0, 9),
    st.integers(0, 9),
    st.lists(values | words, max_size=8),
)


streams = st.lists(frames | st.binary(max_size=40).map(framed) | st.binary(max_size=9), max_size=8)


@given(streams, st.lists(st.integers(0, 50), max_size=12), st.booleans())
def test_any_bytes_are_explained_and_alike_however_they_are_cut(
    stream: list[bytes], sizes: list[int], contents: bool
) -> None:
    data = b"".join(stream)
    whole = explained(data, contents=contents)
    assert explained(data, sizes, contents=contents) == whole
    for kind, *_, text in whole:
        line = shown(Line(0, 1, "→", kind, 1, 1, 1, text))
        assert "\n" not in line
        assert "\x1b[2J" not in line


def test_memory_is_bounded() -> None:
    explainer = Explainer(1, ManualClock())
    for seq in range(1, 3 * MAX_ASKED):
        explainer.read(packed(REQUEST, seq, 0, "sync", []), up=True)
    assert explainer.waiting_count == MAX_ASKED
    (answered,) = explainer.read(packed(17, 1, 0, 3 * MAX_ASKED - 1, [[], "x", False]), up=False)
    assert " sync (" in answered.text
    (forgotten,) = explainer.read(packed(17, 2, 0, 1, [[], "x", False]), up=False)
    assert forgotten.text == "to 1 [3]"
    huge = (LIMITS.max_frame_bytes + 1).to_bytes(4, "big")
    assert "FRAME_TOO_LARGE" in explainer.read(huge, up=True)[0].text


# -- the command ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_lines_and_ends_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    command = [
        sys.executable,
        "-m",
        "imserver.cli",
        "trace",
        "--listen",
        "127.0.0.1:0",
        "--to",
        "127.0.0.1:1",
    ]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stdout is not None
    begun = process.stderr.readline()
    found = re.fullmatch(
        r"Connect to 127\.0\.0\.1:(\d+) instead of 127\.0\.0\.1:1; Ctrl-C ends it\.\n", begun
    )
    assert found, begun

    with suppress(OSError), socket.create_connection(("127.0.0.1", int(found[1]))) as knocking:
        knocking.recv(1)
    heading, opened, failed = (process.stdout.readline() for _ in range(3))
    assert heading.startswith("time (UTC)")
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3}    #1    opened by 127\.0\.0\.1:", opened)
    assert "no way to the server" in failed
    os.kill(process.pid, number)
    _, rest = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, rest.strip()) == (130 if number == signal.SIGINT else 0, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--to", "nowhere"), "is not HOST:PORT"),
        (("--listen", "127.0.0.1:99999"), "is not HOST:PORT"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["trace", *arguments]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_a_port_in_use_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        assert run(["trace", "--listen", where, "--to", "127.0.0.1:1"]) == 75
    told = capsys.readouterr().err
    assert f"cannot listen on {where}" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ('unix_socket = "x.sock"', "on a Unix socket"),
        ('tls_certificate = "c.pem"\ntls_key = "k.pem"', "with TLS"),
        ("port = 0", "takes any port"),
    ],
)
def test_a_configured_server_that_cannot_be_read_is_refused(
    section: str,
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imserver.toml").write_text(f"[server]\n{section}\n")
    assert run(["trace"]) == 2
    assert says in capsys.readouterr().err

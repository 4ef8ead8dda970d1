"""The chat at a terminal: a half-typed line survives, keys do what they should, and the process ends in good order."""

from __future__ import annotations

import asyncio
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imserver_client import direct_conversation_id
from tests.cli.terminals import terminal
from tests.support.servers import Inbox, people, running

from .processes import IMSERVER, PATIENCE_S, environment, imserver, serving

AB = direct_conversation_id("alice", "bob")


@pytest.mark.asyncio(loop_factories=["uvloop", "asyncio"])
async def test_a_half_typed_line_survives_what_arrives(tmp_path: Path) -> None:
    async with running(tmp_path) as server, people(server) as enter:
        bob = await enter("bob")
        heard = Inbox(bob)
        async with terminal(await enter("alice"), "bob") as alice:
            await alice.shows("Bob> ")
            alice.type("half a 句子")
            await alice.shows("half a 句子")
            for number in range(5):
                await bob.post(AB, f"interruption {number}")
                await alice.shows(f"Bob: interruption {number}")
            alice.type(", finished\r")
            await heard.text("half a 句子, finished")
            await alice.shows("you: half a 句子, finished ✓")

            shown = [alice.text.index(f"Bob: interruption {number}") for number in range(5)]
            assert shown == sorted(shown)
            alice.type("\x04")
            await asyncio.wait_for(alice.task, 20)
        await heard.close()


async def test_a_digit_taps_and_ctrl_c_drops_the_line_before_it_leaves(tmp_path: Path) -> None:
    async with running(tmp_path) as server, people(server) as enter:
        bob = await enter("bob")
        async with terminal(await enter("alice"), "bob") as alice:
            await alice.shows("Bob> ")
            await bob.post(
                AB, {"type": "card", "title": "When?", "actions": [{"label": "3", "command": "/book 3"}]}
            )
            await alice.shows("[1] 3")
            alice.type("no!\x03")
            alice.type("1\r")
            await alice.shows("you: /book 3 ✓")
            assert "you: no!" not in alice.text
            alice.type("\x03")
            await asyncio.wait_for(alice.task, 20)


async def test_a_burst_is_printed_whole_and_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as server, people(server) as enter:
        bob = await enter("bob")
        async with terminal(await enter("alice"), "bob") as alice:
            await alice.shows("Bob> ")
            await asyncio.gather(*(bob.post(AB, f"n{number}.") for number in range(150)))
            await alice.shows("n149.")
            assert re.findall(r"Bob: (n\d+)\.", alice.text) == [f"n{number}" for number in range(150)]
            alice.type("/quit\r")
            await asyncio.wait_for(alice.task, 20)


#: Plays the terminal: runs a command on a pty of its own, and passes on what is typed and what is shown.
PTY = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


#: Forty columns, as a phone has: the first line is broken between words.
NARROW = ["sh", "-c", 'stty cols 40; exec "$@"', "sh"]


def test_the_process_on_a_real_terminal(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        for name in ("alice", "bob"):
            assert imserver(tmp_path, "user", "add", name).returncode == 0
        command = [*IMSERVER, "chat", "--as", "alice", "--with", "bob", "--server", server.url]
        with subprocess.Popen(
            [sys.executable, "-c", PTY, *NARROW, *command],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        ) as process:
            try:
                assert process.stdin is not None
                _read_until(process, "/help lists what one can type; Ctrl-D\nleaves.")
                process.stdin.write(b"hi\r")
                _read_until(process, "hi \u2713")
                process.stdin.write(b"\x04")
                assert process.wait(PATIENCE_S) == 0
            finally:
                process.kill()


def _read_until(process: subprocess.Popen[bytes], text: str) -> str:
    assert process.stdout is not None
    seen, end = b"", time.monotonic() + PATIENCE_S
    while text not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", seen.decode("utf-8", "replace")):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))
        assert ready, seen.decode("utf-8", "replace")
        seen += os.read(process.stdout.fileno(), 65536)
    return seen.decode("utf-8", "replace")

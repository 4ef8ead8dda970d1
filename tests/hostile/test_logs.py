"""Strangers' words in the server's log: escaped, on one line, harmless to a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import jwt
import pytest

from imserver.proof.server_process import ServerProcess
from tests.limits.raw import Ended, Raw, new_key, said

FORGED = '{"event": "forged", "level": "critical"}'
ODD = [
    f"a\n{FORGED}",
    f"a\r\n{FORGED}\r\n",
    "\x1b[2J\x1b[1;1H",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202eevil",
    "\u2066x\u2069",
    "\u2028x",
    "\x85x",
    "\x00",
    "\x08" * 9,
]
#: What our own renderer may put on a terminal: colours.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


async def write_into_the_log(process: ServerProcess) -> None:
    """Everywhere that a peer's text might be logged."""
    for odd in ODD:
        head = urlsafe_b64encode(json.dumps({"alg": odd, "kid": odd}).encode()).rstrip(b"=").decode()
        for token, device in (
            (process.token("eve"), odd),
            (process.token(f"eve{odd}"), "phone"),
            (f"{head}.e30.x", "phone"),
            (odd, "phone"),
            (jwt.encode({"sub": "eve", "exp": odd}, process.secret, algorithm="HS256"), odd),
        ):
            async with await Raw.open(process.port) as raw:
                raw.hello(token, device)
                await raw.goodbye()
        async with await Raw.open(process.port) as raw:
            raw.hello(process.token("eve"), f"phone {ODD.index(odd)}")
            await raw.welcome()
            for method, params in (
                (odd, ()),
                ("post", (odd, new_key(), said(odd))),
                ("create", (new_key(), "group", odd, [odd])),
                ("create", (new_key(), odd, odd, [])),
                ("sync", (odd,)),
                ("renew", (odd,)),
            ):
                await raw.ask(method, *params)
            raw.send(5, 0, raw.received, 200, odd, 0)
            try:
                while True:
                    await raw.frame()
            except Ended:
                pass


def harmless(text: str, lines_are_json: bool) -> None:
    """Each line is one of ours, and holds nothing that a terminal or a reader of lines would act upon."""
    assert text.count("login_refused") >= 30, text
    for line in text.removesuffix("\n").split("\n"):
        assert line.isprintable(), repr(line)
        if lines_are_json:
            event: Any = json.loads(line)
            assert event["event"] != "forged"
        else:
            assert not line.startswith("{"), line


@pytest.mark.parametrize("format", ["json", "console"])
async def test_nobody_forges_a_line_of_the_log(tmp_path: Path, format: str) -> None:
    sections: dict[str, dict[str, Any]] = {
        "log": {"format": format, "level": "debug"},
        "limits": {"failed_logins_per_minute": 1000},
    }
    async with ServerProcess(tmp_path, sections) as process:
        await write_into_the_log(process)
        assert await process.stop() == 0
    harmless(process.log.read_text(), format == "json")


async def test_nobody_moves_the_operators_cursor(tmp_path: Path) -> None:
    """On a terminal, with colours."""
    sections: dict[str, dict[str, Any]] = {
        "log": {"format": "console", "level": "debug"},
        "limits": {"failed_logins_per_minute": 1000},
    }
    process = ServerProcess(tmp_path, sections)
    async with process:
        await process.stop()  # leaves a configuration with a port
    ours, theirs = pty.openpty()
    ready = tmp_path / "again"
    command = [sys.executable, "-m", "imserver.cli", "--config", str(tmp_path / "imserver.toml"), "serve"]
    server = await asyncio.create_subprocess_exec(
        *command, "--ready-file", str(ready), stdin=asyncio.subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown: list[bytes] = []
    reading = asyncio.create_task(asyncio.to_thread(read_all, ours, shown))
    try:
        async with asyncio.timeout(60):
            while not ready.exists():  # noqa: ASYNC110  another process: nobody there sets an event
                await asyncio.sleep(0.02)
        await write_into_the_log(process)
    finally:
        server.terminate()
        await server.wait()
        await reading
        os.close(ours)
    text = b"".join(shown).decode().replace("\r\n", "\n")
    assert COLOUR.search(text), "colours"
    harmless(COLOUR.sub("", text), lines_are_json=False)


def read_all(terminal: int, shown: list[bytes]) -> None:
    """Until the other end is closed, which a pseudo-terminal reports as an error."""
    try:
        while data := os.read(terminal, 65536):
            shown.append(data)
    except OSError:
        pass

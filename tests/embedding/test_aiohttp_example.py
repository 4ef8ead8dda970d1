"""clients/python/examples/embed_in_aiohttp.py: inside a test's own loop, and as the process that its readers start."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import signal
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from imserver import Config, Server
from imserver_client import connect
from tests.embedding.hosts import surroundings
from tests.support.servers import Inbox, config

EXAMPLE = Path(__file__).parents[2] / "clients" / "python" / "examples" / "embed_in_aiohttp.py"
DOCUMENT = Path(__file__).parents[2] / "docs" / "embedding.md"
BOTH = pytest.mark.asyncio(loop_factories=["uvloop", "asyncio"])


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("embed_in_aiohttp", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def visit(web_url: str) -> None:
    """Log in by HTTP, chat by TCP."""
    async with aiohttp.ClientSession(web_url) as http:

        async def post(path: str, **form: str) -> dict[str, Any]:
            async with http.post(path, data=form, raise_for_status=True) as response:
                answer: dict[str, Any] = await response.json()
                return answer

        entry = await post("/login", user="ann")
        async with connect(f"imserver://127.0.0.1:{entry['port']}", token=entry["token"], timeout=15) as ann:
            told = Inbox(ann)
            posted = await post("/ready", user="ann")
            assert posted == {"conversation": "direct/ann/shop", "position": 1}
            assert (await told.text("Your glasses are ready.")).sender_id == "shop"
            await ann.post("direct/ann/shop", "I am on my way")
            async with http.get("/heard") as response:
                assert await response.json() == [{"from": "ann", "text": "I am on my way"}]
            await told.close()


@BOTH
async def test_in_the_loop_of_an_aiohttp_application(tmp_path: Path) -> None:
    before = surroundings()
    runner = web.AppRunner(example().make_application(config(tmp_path)))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        await visit(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()
    after = surroundings()
    assert {name: after[name] for name in before if name != "tasks"} == {
        name: before[name] for name in before if name != "tasks"
    }


async def test_as_a_process(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE),
        str(tmp_path),
        env={**os.environ, "PORT": str(port), "IMSERVER_SERVER__PORT": "0", "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
        assert b"Running on" in line, line + await process.stdout.read()
        await visit(f"http://127.0.0.1:{port}/")
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        assert (process.returncode, b"Traceback" in output) == (0, False), output
        assert set(os.listdir(tmp_path)) >= {"imserver.db", "imserver.secret"}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_first_program_of_the_document_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)[0]
    program = program.replace("Config(store=", "Config(server=ServerConfig(port=0), store=")
    lines = program.replace("import AuthConfig", "import ServerConfig, AuthConfig").splitlines()
    body = "\n".join(f"    {line}" for line in [*lines, "return config"])
    made: dict[str, Any] = {}
    exec("async def program():\n" + body, made)
    settings: Config = await made["program"]()
    async with Server(settings) as server:
        page = await server.chat.history("ann", "direct/ann/shop")
        assert page.head == 1


def test_every_call_that_the_document_names_exists(tmp_path: Path) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    server = Server(config(tmp_path))
    assert "chat.post" in text
    for name in re.findall(r"`chat\.(\w+)", text):
        assert callable(getattr(server.chat, name)), name
    for path in re.findall(r"`((?:docs|clients)/[\w/.]+)`", text):
        assert (DOCUMENT.parents[1] / path).exists(), path

"""What a server loads: a package that only some configurations use stands in no other one's memory, nor in its start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imserver.proof.server_process import environment

#: Package -> the configuration that uses it.
PACKAGES = {"aiohttp": "[http]\nport = 0\n"}
#: Of no configuration: they served once, or are of commands and of pages that somebody asks for.
NEVER = ("argon2", "websockets", "segno", "icalendar")
PROGRAM = """
import asyncio, sys
from pathlib import Path
import imserver.cli.serve
from imserver.config import load_config
from imserver.server import Server

async def main():
    async with Server(load_config(Path("imserver.toml"), {})):
        print(*sys.modules)

asyncio.run(main())
"""


@pytest.mark.parametrize("used", ["", *PACKAGES])
def test_a_server_loads_what_its_configuration_uses(used: str, tmp_path: Path) -> None:
    (tmp_path / "imserver.toml").write_text(f"[server]\nport = 0\n{PACKAGES.get(used, '')}")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    loaded = set(ran.stdout.split())
    assert "imserver.store.sqlite.store" in loaded
    assert loaded & set(PACKAGES) == {used} - {""}
    assert loaded & set(NEVER) == set()

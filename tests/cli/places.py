"""A folder with a server, and commands beside it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.cli import warm
from tests.cli.processes import Serving, environment, imserver


class Place:
    """A folder with a database, and perhaps a server on it."""

    def __init__(self, folder: Path, server: Serving | None) -> None:
        self.folder = folder
        self.server = server

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return imserver(self.folder, *words, **env)

    def did(self, *words: str, **env: str) -> str:
        ended = self.run(*words, **env)
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout

    def rows(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.did(*words, "--json").splitlines()]

    def refused(self, *words: str) -> str:
        ended = self.run(*words)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.count("\n") == 1
        return ended.stderr.removeprefix("imserver: ").removesuffix("\n")

    def chat(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        assert self.server is not None
        words = ("chat", "--as", name, "--server", self.server.url, "--settle", "0.01", *options)
        return imserver(self.folder, *words, stdin="/list\n")

    @contextlib.contextmanager
    def chatting(self, name: str, device: str) -> Iterator[warm.Forked]:
        """Somebody who is connected."""
        assert self.server is not None
        reading, writing = os.pipe()
        os.write(writing, b"/list\n")
        os.close(writing)
        out, out_end = os.pipe()
        words = ["chat", "--as", name, "--device", device, "--server", self.server.url, "--settle", "600"]
        process = warm.Forked(self.folder, words, environment(), [reading, out_end, out_end], [])
        try:
            os.close(reading)
            os.close(out_end)
            assert os.read(out, 1000).startswith(b"no conversations yet")
            yield process
        finally:
            process.kill()
            os.close(out)

"""Every vector of `protocol/vectors`, read and written by the JavaScript client in Node. (In Chromium: `tests/browser`.)"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.node import NODE
from tests.vectors import second_reader
from tests.vectors.second_reader import Fault, Player
from tests.vectors.transcripts import CONTENTS, FRAMES, LATER, TOKENS, TRANSCRIPTS, play_all

from .driver import Node

HERE = Path(__file__).parent


def test_frames_contents_tokens_and_a_later_version() -> None:
    ran = subprocess.run(
        [NODE, HERE / "run_vectors.js"], capture_output=True, text=True, timeout=50, check=True
    )
    found = json.loads(ran.stdout)
    assert found["faults"] == []
    of_servers = [one for one in (*FRAMES, *LATER) if one["by"] == "server"]
    assert found["looked"] > len(of_servers) + len(CONTENTS) + len(TOKENS)


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript["name"])
async def test_a_transcript_is_packed_and_read_to_the_byte(
    transcript: dict[str, Any], tmp_path: Path, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a real server: the second reader plays, and each frame goes through the JavaScript client's codec."""

    def unpack(data: bytes) -> Any:
        try:
            return node.unpack(data)
        except RuntimeError as error:
            raise Fault(second_reader.MALFORMED, str(error)) from None

    monkeypatch.setattr(second_reader, "unpack", unpack)
    monkeypatch.setattr(second_reader, "msgpack", SimpleNamespace(packb=node.pack))
    await play_all(transcript, tmp_path, Player)

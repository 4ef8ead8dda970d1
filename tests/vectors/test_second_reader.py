"""The second reader decodes every vector, and plays every transcript against a living server, over TCP and over WebSocket."""

from __future__ import annotations

import ast
import hmac
import json
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import msgpack
import pytest

from benchmarks.web import WebSocket
from imserver import Config, Server
from imserver.config import AuthConfig, HttpConfig, ServerConfig, StoreConfig
from tests.support.case import case
from tests.vectors import second_reader, second_shapes
from tests.vectors.second_reader import Fault, Player, filled, read, split, unpack
from tests.vectors.second_shapes import known
from tests.vectors.transcripts import (
    CONTENTS,
    FRAMES,
    LATER,
    TOKENS,
    TRANSCRIPTS,
    play_all,
)

#: As long as a configuration may let a token live (a hundred years): vectors are good for ever.
MOST_S = 100 * 366 * 24 * 3600
#: What a reader finds only with a session at hand: the number that comes next, what was sent, what was offered.
NEEDS_A_SESSION = {"SEQ_ORDER", "ACK_TOO_HIGH"}
NEEDS_AN_OPEN_REQUEST = {"REPLY to a request that was not sent", "WELCOME that resumes what was not offered"}


def imported_by(source: str) -> set[str]:
    """Modules, and names that may be modules."""
    nodes = list(ast.walk(ast.parse(source)))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            imported |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return imported


def test_vectors_stay_literals() -> None:
    """A field that is added to a shape must not change what the vectors expect. Only the SPEC is compared with the shapes."""
    for path in Path(__file__).parent.glob("*.py"):
        if path.name != "test_spec.py":
            imported = imported_by(path.read_text(encoding="utf-8"))
            assert not {name for name in imported if "imserver_protocol.methods" in name}, path.name


def test_it_stands_alone() -> None:
    for module, lines in ((second_reader, 220), (second_shapes, 80)):
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        assert not {name for name in imported_by(source) if name.startswith(("imserver", "tests"))}
        assert len(source.splitlines()) <= lines
        assert module is second_shapes or {"struct", "msgpack"} <= imported_by(source)


def test_it_reads_the_frame() -> None:
    for row in FRAMES:
        with case(row["name"]):
            data = bytes.fromhex(row["hex"])
            if row["good"]:
                found = split(data)
                assert found is not None
                assert found[1] == b""
                before_welcome = row["decoded"][0] in (0, 1)
                assert repr(read(found[0], row["by"], before_welcome)) == repr(filled(row["decoded"], {}))
                packed = msgpack.packb(filled(row["decoded"], {}))
                assert (packed == found[0]) is row["canonical"]
            elif row["close"] not in NEEDS_A_SESSION and row["name"] not in NEEDS_AN_OPEN_REQUEST:
                before_welcome = row.get("before_welcome", False)
                with pytest.raises(Fault) as caught:
                    read_stream(data, row["by"], before_welcome)
                assert caught.value.args[0] == row["code"]


def test_it_takes_a_later_version_for_what_it_knows() -> None:
    for row in LATER:
        with case(row["name"]):
            (body, _) = split(bytes.fromhex(row["hex"])) or (b"", b"")
            frame = read(body, row["by"], before_welcome=row["decoded"][0] in (0, 1))
            assert repr(frame) == repr(filled(row["decoded"], {}))
            assert msgpack.packb(frame) == body
            said, meant = (
                known(one, row["by"], row.get("method", "")) for one in (frame, filled(row["known"], {}))
            )
            assert said == meant
            assert len(frame) > len(said) or frame[0] == second_reader.WELCOME


@pytest.mark.parametrize("row", TOKENS, ids=lambda row: row["name"])
async def test_a_token_is_signed_with_the_bytes_of_the_secrets_text(
    row: dict[str, Any], tmp_path: Path
) -> None:
    head, claims, signature = (urlsafe_b64decode(part + "==") for part in row["token"].split("."))
    signed = row["token"].rpartition(".")[0].encode()
    key = bytes.fromhex(row["key"]["hex"])
    assert (json.loads(head), json.loads(claims)) == ({"alg": "HS256", "typ": "JWT"}, row["claims"])
    assert signature == hmac.digest(key, signed, "sha256")
    config = Config(
        server=ServerConfig(port=0),
        store=StoreConfig(path=str(tmp_path / "chat.db")),
        # Vectors are good for ever; tokens are not.
        auth=AuthConfig(secret=row["secret"], create_users=True, max_token_ttl_s=MOST_S),
    )
    async with Server(config) as server:
        identity = await server.accounts.authenticate(row["token"], "phone")
        assert identity.user.user_id == row["claims"]["sub"]


def read_stream(data: bytes, by: str, before_welcome: bool) -> None:
    found = split(data, 4096 if before_welcome else 65536)
    assert found is not None
    read(found[0], by, before_welcome)


def test_it_reads_the_content() -> None:
    for row in CONTENTS:
        with case(row["name"]):
            data = bytes.fromhex(row["hex"])
            if row["good"]:
                assert repr(unpack(data)) == repr(filled(row["decoded"], {}))
            elif row["fault"] == "msgpack":
                with pytest.raises(Fault):
                    unpack(data)
            elif row["fault"] == "value":
                with pytest.raises(Fault):
                    as_map(unpack(data))


def as_map(value: Any) -> None:
    if type(value) is not dict:
        raise Fault(second_reader.MALFORMED, "not a map")


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript["name"])
@pytest.mark.parametrize("web", [False, True], ids=["tcp", "websocket"])
async def test_it_plays_the_transcript(transcript: dict[str, Any], web: bool, tmp_path: Path) -> None:
    if web:
        await play_all(transcript, tmp_path, WebPlayer, http=HttpConfig(port=0))
    else:
        await play_all(transcript, tmp_path, Player)


class WebPlayer(Player):
    """The same bytes, in messages of a WebSocket."""

    def connected(self) -> WebSocket:
        return WebSocket.dial(*self.address)


def test_the_transcripts_cover_what_they_promise() -> None:
    promised = {
        "plain",
        "pipelined",
        "resume",
        "resume_refused",
        "take_over",
        "lagging",
        "window_exceeded",
        "malformed",
        "held_burst",
        "order",
        "frame_limit",
    }
    assert promised <= {each["name"] for each in TRANSCRIPTS}

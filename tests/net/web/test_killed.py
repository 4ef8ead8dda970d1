"""A server that is killed between a commit and its answer: the page asks the next one, and is the same guest."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.cli.processes import serving
from tests.cli.test_browser_commands import free_port, post
from tests.cli.test_user_commands import Place
from tests.net.web.browser import KEY

pytestmark = pytest.mark.timeout(60)


def asked_and_gone(port: int, body: bytes) -> None:
    """Ask, and do not wait for the answer."""
    head = (
        f"POST /api/session HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as asking:
        asking.sendall(head.encode() + body)
        asking.recv(1)  # committed: an answer has begun, and the page never sees it


def test_a_guest_whose_answer_was_lost_with_the_server_is_the_same_one(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "imserver.toml").write_text(f"[server]\nport = 0\n[http]\nport = {port}\nguests = true\n")
    wish = {"guest": {"language": "en", "shop": "garden"}, "key": KEY}
    with serving(tmp_path) as server:
        asked_and_gone(port, json.dumps(wish).encode())
        os.kill(server.process.pid, signal.SIGKILL)
    with serving(tmp_path) as server:
        status, told, cookie = post(port, "session", wish)
        assert (status, told["guest"]) == (200, True)
        assert post(port, "session", {}, cookie)[1]["user_id"] == told["user_id"]
        users = Place(tmp_path, server).rows("user", "list")
        assert [each["user_id"] for each in users] == [told["user_id"]]
        server.stop()

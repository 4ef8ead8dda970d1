"""A server that is killed between a commit and its answer: the page asks the next one, and is who it was to be."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import free_port
from tests.cli.places import Place
from tests.cli.processes import imserver, serving
from tests.net.web.browser import KEY
from tests.support.sites import post

pytestmark = pytest.mark.timeout(60)


def asked_and_gone(port: int, path: str, wanted: Any, cookie: str = "") -> None:
    """Ask, and do not wait for the answer."""
    body = json.dumps(wanted).encode()
    head = (
        f"POST /api/{path} HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\nCookie: {cookie}\r\n"
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
        asked_and_gone(port, "session", wish)
        os.kill(server.process.pid, signal.SIGKILL)
    with serving(tmp_path) as server:
        status, told, cookie = post(port, "session", wish)
        assert (status, told["guest"]) == (200, True)
        assert post(port, "session", {}, cookie)[1]["user_id"] == told["user_id"]
        users = Place(tmp_path, server).rows("user", "list")
        assert [each["user_id"] for each in users] == [told["user_id"]]
        server.stop()


def test_a_yes_at_the_counter_whose_answer_was_lost_with_the_server_counts_once(tmp_path: Path) -> None:
    """The shop's bot, real people and a kill -9 behind the yes: the phone asks the next server, and is the old account."""
    port = free_port()
    (tmp_path / "imserver.toml").write_text(
        f"[server]\nport = 0\n[http]\nport = {port}\nguests = true\n[plugins.booking]\n"
    )

    def chats(name: str, *lines: str) -> str:
        words = ("chat", "--as", name, "--server", server.url, "--settle", "0.2")
        return imserver(tmp_path, *words, stdin="\n".join(lines) + "\n").stdout

    with serving(tmp_path) as server:
        place = Place(tmp_path, server)
        place.did("user", "add", "ann", "--name", "Ann")
        imserver(
            tmp_path,
            "chat",
            "--as",
            "ann",
            "--server",
            server.url,
            "--with",
            "store-garden",
            stdin="/stores garden\n",
        )
        status, guest, cookie = post(port, "session", {"guest": {"language": "en"}, "key": KEY})
        assert status == 200
        code = post(port, "joins", {"shop": "garden"}, cookie)[1]["code"]
        assert code in chats("staff-li", "/open Garden Road · Ann", f"/say /link {code}")
        asked_and_gone(port, "joins/accept", {"code": code, "key": KEY}, cookie)
        os.kill(server.process.pid, signal.SIGKILL)
    with serving(tmp_path) as server:
        status, told, new = post(port, "joins/accept", {"code": code, "key": KEY}, cookie)
        assert (status, told["user_id"]) == (200, "ann")
        assert post(port, "session", {}, new)[1]["user_id"] == "ann"
        assert post(port, "session", {}, cookie)[0] == 401, "whoever had the guest's cookie"
        place = Place(tmp_path, server)
        assert [each["label"] for each in place.rows("browser", "list", "ann")] == ["Browser"]
        assert place.rows("browser", "list", guest["user_id"]) == []
        assert "another phone sees this conversation" in chats("ann", "/open Garden Road · Ann")
        assert "all is right" in place.did("check")
        server.stop()

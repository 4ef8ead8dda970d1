"""The demonstration's page as a user starts it: it says where the shops are, outlives kills of its server, and tidies up."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.request
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from imserver.chat.guests import GUEST, GuestLimits
from imserver.cli.demo_web import http_settings
from imserver.config import HttpConfig
from imserver.proof.server_process import alive
from imserver.testing import ManualClock
from tests.proof.demos import PATIENCE_S, demo, play, until

pytestmark = pytest.mark.timeout(PATIENCE_S + 10)


def asked(url: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.status, answer.read()


def signed_in(site: str, secret: str) -> str:
    """Who a browser is that opens this link and taps."""
    body = json.dumps({"secret": secret}).encode()
    headers = {"Content-Type": "application/json", "Origin": site}
    request = urllib.request.Request(f"{site}/api/links/redeem", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.load(answer)["user_id"])


def test_the_page_is_there_until_ctrl_c_whoever_kills_its_server(place: Path) -> None:
    port = free_port()
    with demo(place, "--web", "--port", str(port)) as process:
        told = until(process, "Ctrl-C ends it")
        address = f"http://localhost:{port}"
        assert re.search(rf"花园店 · Garden Road +{address}/s/garden\n", told)
        assert f"{address}/\n" in told
        assert [shop["id"] for shop in json.loads(asked(f"{address}/x/booking/chain")[1])["shops"]] == [
            "garden",
            "river",
        ]
        assert re.search(r"user link staff-li\n", told), "how to get another link"
        garden, river = re.findall(rf"staff-\w+, .* (http://127\.0\.0\.1:{port})/link#(\S+)\n", told)
        assert [signed_in(*garden), signed_in(*river)] == ["staff-li", "staff-zhang"]
        (pid,) = {int(number) for number in re.findall(r"kill -9 (\d+)", told)}
        os.kill(pid, signal.SIGKILL)
        again = until(process, "there again")
        (second,) = {int(number) for number in re.findall(r"process (\d+)", again)}
        assert second != pid
        assert asked(f"{address}/x/booking/chain")[0] == 200
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, "Traceback" in rest) == (0, False), rest
    assert not alive(second)
    assert not list(place.iterdir()), "the temporary folder is removed"


def test_a_folder_of_ones_own_is_kept(place: Path) -> None:
    folder = place / "kept"
    for _ in range(2):
        with demo(place, "--web", "--port", str(free_port()), "--folder", str(folder)) as process:
            assert f"The data lie in {folder}. " in until(process, "Ctrl-C ends it")
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        assert (folder / "chat.db").exists()


@pytest.mark.parametrize("lan", [False, True])
def test_whoever_tries_it_a_hundred_times_is_no_crowd(lan: bool) -> None:
    """No staff is there, for whom a guest of a crowd would wait."""
    config = HttpConfig(**http_settings("127.0.0.1", 7480, lan=lan))
    limits = GuestLimits(config, ManualClock())
    assert {limits.admit("192.0.2.7", "garden") for _ in range(100)} == {(GUEST,)}


@pytest.mark.parametrize("words", ["being opened", "The shops are open"], ids=["while it opens", "just open"])
def test_an_early_ctrl_c_ends_it(words: str, place: Path) -> None:
    with demo(place, "--web", "--port", str(free_port())) as process:
        until(process, words)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, "Traceback" in rest) == (0, False), rest
    assert not list(place.iterdir()), "the temporary folder is removed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--web", "--chat"), "two different things"),
        (("--lan",), "are for --web"),
        (("--port", "8000"), "are for --web"),
    ],
)
def test_what_does_not_go_together_is_said(arguments: tuple[str, ...], words: str, place: Path) -> None:
    code, output = play(place, *arguments)
    assert (code, words in output) == (2, True), output

"""`imserver chat` fed by a pipe, as processes against a server process with the ping plugin."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from imserver.cli.chat.command import device_of, server_of
from imserver.cli.chat.tls_hint import tls_hint
from imserver.cli.token import make_token
from imserver.config import AuthConfig, Config, ServerConfig

from .processes import Serving, imserver, serving


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Serving]]:
    folder = tmp_path_factory.mktemp("piped")
    (folder / "imserver.toml").write_text("[plugins.ping]\n")
    with serving(folder) as server:
        for name in ("alice", "bob", "carol"):
            assert imserver(folder, "user", "add", name).returncode == 0
        yield folder, server


def chat(
    place: tuple[Path, Serving], *arguments: str, stdin: str, settle: str = "0.3"
) -> subprocess.CompletedProcess[str]:
    folder, server = place
    return imserver(
        folder, "chat", *arguments, "--server", server.url, "--settle", settle, stdin=stdin, PYTHONUTF8="0"
    )


def without_times(output: str) -> list[str]:
    return [re.sub(r"^\d\d:\d\d  ", "", line) for line in output.splitlines()]


def test_lines_are_posted_in_order_and_read_by_the_other(place: tuple[Path, Serving]) -> None:
    said = chat(place, "--as", "alice", "--with", "bob", stdin="first\n第二\n\nlast without a line feed")
    assert (said.returncode, said.stderr) == (0, "")
    assert without_times(said.stdout) == ["you: first ✓", "you: 第二 ✓", "you: last without a line feed ✓"]

    read = chat(place, "--as", "bob", stdin="/list\n/open alice\n")
    assert "3 unread" in read.stdout
    assert without_times(read.stdout)[-3:] == [
        "alice: first",
        "alice: 第二",
        "alice: last without a line feed",
    ]


def test_the_answers_of_a_bot_are_waited_for(place: tuple[Path, Serving]) -> None:
    ended = chat(place, "--as", "carol", "--with", "ping", stdin="/ping one\n/ping two\n", settle="2")

    assert ended.returncode == 0, ended.stderr
    assert re.findall(r"Ping \(bot\): pong (\w+)", ended.stdout) == ["one", "two"]


def test_what_went_wrong_is_on_standard_error_and_in_the_exit_code(place: tuple[Path, Serving]) -> None:
    ended = chat(place, "--as", "alice", stdin="to nobody\n/open bob\nto bob\n")

    assert ended.returncode == 1
    assert "no conversation is open" in ended.stderr
    assert "you: to bob ✓" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--as", "mallory"), 1, "there is no such account"),
        (("--as", "alice", "--with", "nobody"), 2, "there is no user 'nobody'"),
        (("--as", "alice", "--with", "alice"), 2, "there is no other user 'alice'"),
        (("--as", "alice", "--token", "garbage"), 1, "the token is not valid there"),
    ],
)
def test_who_cannot_chat_is_told_why(
    place: tuple[Path, Serving], arguments: tuple[str, ...], code: int, says: str
) -> None:
    ended = chat(place, *arguments, stdin="hello\n")

    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.count("\n") == 1
    assert says in ended.stderr


def test_a_token_that_was_given_works_again_and_again(place: tuple[Path, Serving]) -> None:
    token = imserver(place[0], "token", "alice").stdout.strip()

    for _ in range(2):
        assert chat(place, "--token", token, "--with", "bob", stdin="again\n").returncode == 0
    wrong = chat(place, "--as", "bob", "--token", token, stdin="hm\n")
    assert (wrong.returncode, "not of 'bob'" in wrong.stderr) == (2, True)


def test_the_device_of_a_token() -> None:
    config = Config(auth=AuthConfig(secret="a secret for tests that is long enough"))
    bound = make_token(config, "alice", ttl_s=60, device_id="phone")
    free = make_token(config, "alice", ttl_s=60, device_id=None)

    assert device_of(bound) == "phone"
    assert device_of(free) == device_of(free) != device_of(bound)
    assert device_of("no token") != device_of("another")


def test_a_refused_certificate_says_by_which_name_and_which_option(tmp_path: Path) -> None:
    certificate = tmp_path / "chain.pem"
    trustme.CA().issue_cert("chat.example.org", "*.example.org").cert_chain_pems[0].write_to_path(certificate)
    config = Config(server=ServerConfig(tls_certificate=str(certificate), tls_key="key.pem"))
    names = (
        "; the certificate is for chat.example.org, *.example.org: --server imservers://chat.example.org:7410"
    )
    trust = "; --ca FILE trusts a certificate of your own"
    mismatch = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: IP address mismatch"
    signed = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"

    assert tls_hint(mismatch, config) == names
    assert tls_hint(signed, config) == names + trust
    assert tls_hint(signed, None) == trust  # another server than the configured one
    assert tls_hint("Connection refused", config) == ""
    certificate.unlink()
    assert tls_hint(mismatch, config) == ""


@pytest.mark.parametrize(
    ("server", "url"),
    [
        (ServerConfig(), "imserver://127.0.0.1:7410"),
        (ServerConfig(host="0.0.0.0", insecure=True, port=1), "imserver://127.0.0.1:1"),
        (ServerConfig(host="::1"), "imserver://[::1]:7410"),
        (ServerConfig(unix_socket="/run/im.sock"), "imserver+unix:///run/im.sock"),
        (ServerConfig(host="im.example", tls_certificate="c", tls_key="k"), "imservers://im.example:7410"),
    ],
)
def test_the_server_of_a_configuration(server: ServerConfig, url: str) -> None:
    assert server_of(Config(server=server)) == url

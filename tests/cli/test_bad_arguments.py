"""What no command can do anything with, as an argument or in its configuration: one line on standard error, an exit code of the
table, and never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imserver.cli.app import EXIT_AGAIN, EXIT_FAILED, EXIT_MISTAKE

from .processes import imserver

#: As a byte of another encoding arrives.
NO_UTF8 = "\udcff"
ODD = ("", "a-folder", "some-bytes", "nowhere/at-all", NO_UTF8, "x" * 300, "-1", "/proc/self/mem")
COMMANDS = (
    "check {}", "backup {}", "restore {}", "restore --rehearse {}", "user show {}", "user disable {}",
    "token al --ttl {}", "session kick {}", "browser list {}", "serve --ready-fd {}", "--config {} serve",
    "--config {} user list", "booking check {}", "simulate --seeds {}", "status {}",
)  # fmt: skip
#: Lines of a configuration that no server can start with.
CONFIGURATIONS = (
    'store.path = "a\\u0000b"', 'auth.secret_file = "a\\u0000b"', 'server.unix_socket = "a\\u0000b"',
    'server.host = "a\\u0000b"', 'admin.unix_socket = "a\\u0000b"', 'plugins.booking.chain = "a\\u0000b"',
    'plugins.booking.chain = "a\\u0000b.toml"', f'plugins.booking.chain = "{"x" * 300}"', f'store.path = "{"x" * 300}"',
    'server.unix_socket = "a-folder"', "server = 5", "plugins.ping = 1", 'log.level = "loud"', "[server", "a = " + "[" * 3000,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "some-bytes").write_bytes(bytes(range(256)))
    return tmp_path


def refused(arguments: list[str], folder: Path) -> str:
    """In a process of its own: a server that does not start leaves its log behind."""
    done = imserver(folder, *arguments)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]  # the log's
    assert done.returncode in (EXIT_FAILED, EXIT_MISTAKE, EXIT_AGAIN), lines
    assert len(lines) == 1 or done.returncode == EXIT_FAILED, lines
    return lines[-1] if lines else ""


@pytest.mark.parametrize("command", COMMANDS)
def test_an_argument_that_means_nothing_is_said_in_one_line(command: str, folder: Path) -> None:
    for odd in ODD:
        refused([word.replace("{}", odd) for word in command.split()], folder)


def test_what_is_no_text_is_no_token_and_no_shop_s_name(folder: Path) -> None:
    assert "that is no token" in refused(["chat", "--token", NO_UTF8], folder)
    assert "is not UTF-8 text" in refused(["booking", "init", "--name", NO_UTF8, "shop.toml"], folder)
    assert not (folder / "shop.toml").exists()


@pytest.mark.parametrize("line", CONFIGURATIONS, ids=range(len(CONFIGURATIONS)))
def test_a_configuration_that_means_nothing_is_said_in_one_line(line: str, folder: Path) -> None:
    (folder / "imserver.toml").write_text(f"{line}\n")
    said = refused(["serve"], folder)
    assert said.startswith("imserver: ")
    assert not [name for name in os.listdir(folder) if name.endswith(".new")]

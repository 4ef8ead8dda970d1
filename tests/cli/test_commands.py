"""The command line without a server: the table, mistakes, missing packages, accounts, tokens, plugins' commands."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import click
import jwt
import pytest

from imserver import plugin_host
from imserver.cli import EXTRA_MODULES
from imserver.cli.app import COMMANDS, run
from imserver.errors import PluginError

from .processes import environment


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in list(environment()):
        if name.startswith("IMSERVER_"):
            monkeypatch.delenv(name, raising=False)

    def run_it(*arguments: str) -> Ended:
        code = run(arguments)
        return Ended(code, *capsys.readouterr())

    return run_it


# -- the table ----------------------------------------------------------------------------------------------------------


def test_the_overview_lists_every_command_and_says_how_to_begin(command: Run) -> None:
    code, out, err = command()

    assert (code, err) == (2, "")
    for name, row in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(row.summary)}", out, re.MULTILINE)
    assert "imserver user add" in " ".join(out.split())
    assert command("--help").code == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_row_leads_to_a_command_with_help(command: Run, name: str) -> None:
    code, out, _ = command(name, "--help")

    assert code == 0
    assert out.startswith(f"Usage: imserver {name}")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("tokn", "x"), "No such command 'tokn'. Did you mean 'token'?"),
        (("xyzzy",), "No such command 'xyzzy'. `imserver --help` lists them."),
        (("token", "make"), "Missing argument 'NAME'. (see: imserver token make --help)"),
        (("token", "list"), "Missing argument 'NAME'. (see: imserver token list --help)"),
        (("token", "al", "--tll", "3d"), "No such option"),
        (("token", "al", "--ttl", "3"), "a number and a unit"),
        (("token", "al", "--ttl", "0s"), "above 0"),
        (("token", "al", "--ttl", "99999w"), "at most ten years"),
        (("token", "a\nb"), "without control characters"),
        (("user", "add", "x" * 65), "1-64 bytes"),
        (("user", "add", "x", "--language", "chinese!"), "a tag such as en or zh-CN"),
        (("user", "add", "x", "--role", "two words"), "a word without spaces"),
        (("chat",), "--as NAME"),
        (("chat", "--as", "a", "--with", "b", "--conversation", "c"), "one of them"),
        (("chat", "--as", "alice"), "there is no imserver.secret"),
        (("--config", "nowhere.toml", "token", "a"), "nowhere.toml: No such file"),
        (("--config", ".", "token", "a"), "is a folder, not a file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(command: Run, typed: tuple[str, ...], says: str) -> None:
    code, out, err = command(*typed)

    assert code == (75 if "No such file" in says else 2)  # an unmounted disk looks so, too
    assert out == ""
    assert err.startswith("imserver: ")
    assert err.count("\n") == 1
    assert says in err


def test_the_version_is_that_of_the_distribution(command: Run) -> None:
    assert command("--version").out == f"imserver {metadata.version('imserver')}\n"


# -- configuration ------------------------------------------------------------------------------------------------------


def test_a_typo_names_the_file_and_the_field(command: Run, tmp_path: Path) -> None:
    (tmp_path / "imserver.toml").write_text("[server]\nprot = 1\n")

    assert (
        command("token", "alice").err
        == "imserver: imserver.toml: $.server.prot: no such field; did you mean port?\n"
    )


def test_a_typo_in_the_environment_is_not_blamed_on_a_file(
    command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMSERVER_SERVER__PROT", "1")

    assert "environment: $.server.prot: no such field" in command("token", "alice").err


def test_the_environment_names_the_file(
    command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.toml").write_text("[auth]\nsecret = 'short'\n")
    monkeypatch.setenv("IMSERVER_CONFIG", "other.toml")

    assert "other.toml: $.auth.secret: at least 32 bytes" in command("token", "alice").err


# -- tokens and accounts ------------------------------------------------------------------------------------------------


def test_a_token_is_signed_with_a_secret_made_on_first_use(command: Run, tmp_path: Path) -> None:
    token = command("token", "李", "--ttl", "2h", "--device", "phone").out.strip()

    secret = tmp_path / "imserver.secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    claims = jwt.decode(token, secret.read_text().strip(), algorithms=["HS256"])
    assert (claims["sub"], claims["device"]) == ("李", "phone")
    assert 7199 < claims["exp"] - claims["iat"] <= 7200, "issued to the millisecond"
    assert command("token", "bob").code == 0
    assert jwt.decode(token, secret.read_text().strip(), algorithms=["HS256"]) == claims


def test_who_has_only_the_public_key_makes_no_tokens(command: Run, tmp_path: Path) -> None:
    (tmp_path / "imserver.toml").write_text("[auth]\npublic_key_file = 'key.pem'\n")
    (tmp_path / "key.pem").write_text("-----BEGIN PUBLIC KEY-----")

    assert "made by whoever holds the private key" in command("token", "alice").err


def test_accounts_are_made_and_changed_without_a_server(command: Run, tmp_path: Path) -> None:
    added = command(
        *("user", "add", "li", "--create", "--name", "李雷"),
        *("--language", "zh-CN", "--role", "staff", "--role", "x"),
    )
    changed = command("user", "add", "li", "--language", "en")

    assert (added.code, added.out) == (0, "added li (李雷, zh-CN, staff, x)\n")
    assert (changed.code, changed.out) == (0, "changed li (李雷, en, staff, x)\n")


def test_a_database_in_memory_keeps_no_accounts(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMSERVER_STORE__PATH", ":memory:")

    assert "keeps no accounts" in command("user", "add", "li").err


def test_another_program_s_database_is_left_alone(command: Run, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "imserver.db") as other:
        other.execute("CREATE TABLE cookies (id)")
    other.close()

    code, _, err = command("user", "add", "li")

    assert (code, err.count("\n")) == (2, 1)
    assert "something else" in err


# -- plugins' commands --------------------------------------------------------------------------------------------------


@click.command("greet", help="Says hello.")
@click.argument("name")
def greet(name: str) -> None:
    click.echo(f"hello {name}")


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """One plugin with a command, one that cannot be loaded."""

    def load_cli(on_error: Callable[[str, PluginError], None]) -> list[tuple[str, object]]:
        on_error("broken", PluginError("the plugin 'broken' cannot be loaded: boom"))
        return [("greet", greet)]

    monkeypatch.setattr(plugin_host, "load_cli", load_cli)


@pytest.mark.usefixtures("plugins")
def test_a_plugin_s_command_is_mounted_and_listed(command: Run) -> None:
    assert command("greet", "bob").out == "hello bob\n"
    assert re.search(r"Commands of plugins:\n  greet +Says hello", command("--help").out)
    assert "Did you mean 'greet'?" in command("gret").err


@pytest.mark.usefixtures("plugins")
def test_a_broken_plugin_breaks_only_its_own_command(command: Run) -> None:
    assert command("--help").code == 0
    assert command("token", "bob").code == 0
    broken = command("broken", "x")
    assert (broken.code, broken.err) == (2, "imserver: the plugin 'broken' cannot be loaded: boom\n")


# -- missing packages ---------------------------------------------------------------------------------------------------

WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from imserver.cli import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        (",".join(sorted(EXTRA_MODULES)), "serve"),
        ("uvloop", "serve"),
        ("aiosqlite", "user add li --create"),
        ("wcwidth", "chat --as li"),
    ],
)
def test_without_the_extra_s_packages_it_says_how_to_install_them(
    tmp_path: Path, missing: str, arguments: str
) -> None:
    (tmp_path / "imserver.secret").write_text("a secret for tests that is long enough")

    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, missing, *arguments.split()],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.endswith("pip install 'imserver[server]'\n")


def test_the_list_of_extra_packages_is_that_of_the_distribution() -> None:
    required = {
        re.split(r"[^\w-]", requirement)[0].lower().replace("_", "-")
        for requirement in metadata.requires("imserver") or ()
        if "extra == 'server'" in requirement.replace('"', "'")
    }
    provided = {
        distribution.lower().replace("_", "-"): module
        for module, distributions in metadata.packages_distributions().items()
        for distribution in distributions
        if module in EXTRA_MODULES
    }

    assert set(provided) == required
    assert set(provided.values()) == EXTRA_MODULES

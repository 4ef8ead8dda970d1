"""The import contracts hold: each is broken once, in a copy, and the checker must report it by name."""

import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from importlinter import configuration
from importlinter.application import use_cases

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("imserver", "protocol/imserver_protocol", "clients/python/imserver_client", "benchmarks")

ROWS = "A module imports only from rows below its own"
PURE = "The protocol does no I/O, reads no clock and rolls no dice"
SHARED = "What chat and clients share knows nothing of the wire"
SHAPES = "Methods are shapes, and know neither frames nor sessions"
FRAMES = "Frames and sessions carry any method, and know none"
CLIENT = "The client never imports the server"
SERVER = "The server never imports the client, only its commands and proofs do"
CHAT = "The chat layer knows neither frames nor sockets nor SQL"
PERMISSIONS = "Permissions are rules over what there is, and know neither time nor chat"
PLUGIN = "A plugin sees imserver.plugin_api and nothing else of ours"
STRANGERS = "A plugin does not know another plugin"
NEVER_IMPORTED = "A plugin is found by its entry point, never imported"
DOOR = "A feature sees its API, the model and methods, and nothing else of ours"
FEATURE_STRANGERS = "A feature does not know another feature"
LISTED = "A feature is found in the list, never imported"
ACT_STRANGERS = "Acts of a feature do not know those of another"
PORT = "A feature of the client sees its port, and not what is behind it"
CLIENT_STRANGERS = "A feature of the client does not know another"
CLIENT_FEATURES = "The client names no feature of its own"
CHECK = "What an operator runs to check a database needs no test kit"
SQLITE = "SQLite is named behind the ports of store and checks, and in proofs"
POLICY = "The policy of the store knows no database"
OUTSIDE = "Nothing imports benchmarks or tests"
CYCLES = "Siblings do not import each other in circles"


#: Asked for nothing, all contracts are looked at.
Verdicts = Callable[..., dict[str, str]]


@dataclass(frozen=True, slots=True)
class Offence:
    """Import lines that break a contract, and the contract that must object."""

    contract: str
    lines: tuple[tuple[str, str], ...]  # (file, import line to append)

    def __str__(self) -> str:
        path, line = self.lines[0]
        return f"{path}: {line}"


def offence(contract: str, *lines: tuple[str, str]) -> Offence:
    return Offence(contract, lines)


PROTOCOL = "protocol/imserver_protocol/__init__.py"
OFFENCES = [
    *(
        offence(PURE, (PROTOCOL, f"import {module}"))
        for module in (
            "asyncio",
            "socket",
            "ssl",
            "time",
            "random",
            "secrets",
            "uuid",
            "threading",
            "sqlite3",
            "imserver",
        )
    ),
    # Through a module that looks innocent.
    offence(
        PURE,
        ("protocol/imserver_protocol/innocent.py", "import time"),
        (PROTOCOL, "from imserver_protocol import innocent"),
    ),
    offence(SHARED, ("protocol/imserver_protocol/shared/ids.py", "import imserver_protocol.wire.codec")),
    offence(SHARED, ("protocol/imserver_protocol/shared/ids.py", "import msgspec")),
    offence(SHARED, ("protocol/imserver_protocol/shared/ids.py", "import imserver_protocol.methods.post")),
    offence(SHAPES, ("protocol/imserver_protocol/methods/post.py", "import imserver_protocol.session.posts")),
    offence(FRAMES, ("protocol/imserver_protocol/wire/codec.py", "import imserver_protocol.methods.post")),
    offence(FRAMES, ("protocol/imserver_protocol/session/posts.py", "import imserver_protocol.methods")),
    offence(CLIENT, ("clients/python/imserver_client/__init__.py", "import imserver.chat")),
    offence(SERVER, ("imserver/chat/__init__.py", "import imserver_client")),
    offence(SERVER, ("imserver/__init__.py", "import imserver_client")),
    offence(CHAT, ("imserver/chat/__init__.py", "import imserver_protocol")),
    offence(CHAT, ("imserver/chat/__init__.py", "import imserver_protocol.errors")),
    offence(CHAT, ("imserver/chat/__init__.py", "import imserver_protocol.wire.codec")),
    offence(CHAT, ("imserver/chat/__init__.py", "import imserver_protocol.methods.post")),
    # Through a module below it, to what that module may not import either.
    offence(CHAT, ("imserver/model.py", "import imserver_protocol.limits")),
    offence(CHAT, ("imserver/chat/__init__.py", "import sqlite3")),
    offence(PERMISSIONS, ("imserver/chat/permissions.py", "import imserver.chat.transaction")),
    offence(PERMISSIONS, ("imserver/chat/permissions.py", "import imserver.clock")),
    offence(PERMISSIONS, ("imserver/chat/permissions.py", "import time")),
    offence(PLUGIN, ("imserver/plugins/ping/__init__.py", "import imserver.store")),
    offence(
        PLUGIN, ("imserver/plugins/ping/__init__.py", "import imserver.model"), ("imserver/model.py", "")
    ),
    offence(PLUGIN, ("imserver/plugins/booking/__init__.py", "import imserver_protocol")),
    offence(STRANGERS, ("imserver/plugins/booking/__init__.py", "import imserver.plugins.ping")),
    offence(NEVER_IMPORTED, ("imserver/cli/__init__.py", "import imserver.plugins.ping")),
    *(
        offence(DOOR, (f"imserver/features/{file}", f"import {module}"))
        for file, module in (
            ("edits/__init__.py", "imserver.store"),
            ("edits/__init__.py", "imserver.events"),
            ("edits/__init__.py", "imserver.chat.transaction"),
            ("edits/rules.py", "imserver.feature_host"),
            ("edits/rules.py", "imserver_protocol.wire.codec"),
            ("typing/__init__.py", "imserver_client"),
        )
    ),
    offence(
        DOOR,
        ("imserver/features/typing/__init__.py", "import imserver.plugin_api"),
        ("imserver/plugin_api.py", ""),
    ),
    offence(FEATURE_STRANGERS, ("imserver/features/edits/__init__.py", "import imserver.features.typing")),
    offence(FEATURE_STRANGERS, ("imserver/features/typing/rules.py", "import imserver.features.edits")),
    *(
        offence(LISTED, (file, "import imserver.features.edits"))
        for file in (
            "imserver/server.py",
            "imserver/check/consistency.py",
            "imserver/proof/acts/edits.py",
            "imserver/cli/chat/edits.py",
        )
    ),
    # The kernel does not know the list either.
    *(
        offence(ROWS, (file, "import imserver.features"))
        for file in (
            "imserver/net/dispatch.py",
            "imserver/store/engine/batch.py",
            "imserver/chat/posting.py",
            "imserver/feature_host/host.py",
            "imserver/feature_api.py",
        )
    ),
    offence(ACT_STRANGERS, ("imserver/proof/acts/edits.py", "import imserver.proof.acts.typing")),
    offence(PORT, ("clients/python/imserver_client/features/edits.py", "import imserver_client.core.calls")),
    offence(PORT, ("clients/python/imserver_client/features/base.py", "import imserver_client.storage")),
    offence(
        CLIENT_STRANGERS,
        ("clients/python/imserver_client/features/edits.py", "import imserver_client.features.typing"),
    ),
    offence(
        CLIENT_FEATURES,
        ("clients/python/imserver_client/core/core.py", "import imserver_client.features.edits"),
    ),
    offence(
        CLIENT_FEATURES,
        ("clients/python/imserver_client/client.py", "import imserver_client.features.typing"),
    ),
    offence(CHECK, ("imserver/check/__init__.py", "import imserver.testing"), ("imserver/testing.py", "")),
    *(
        offence(SQLITE, (file, "import sqlite3"))
        for file in (
            "imserver/store/__init__.py",
            "imserver/store/engine/batch.py",
            "imserver/store/checks/run.py",
            "imserver/check/consistency.py",
            "imserver/testing.py",
            "imserver/cli/check.py",
        )
    ),
    offence(SQLITE, ("imserver/store/sqlite/store.py", "import aiosqlite")),
    offence(POLICY, ("imserver/store/engine/batch.py", "import imserver.store.sqlite.faults")),
    offence(POLICY, ("imserver/store/engine/pages.py", "import imserver.store.checks.report")),
    offence(OUTSIDE, ("imserver/proof/__init__.py", "import benchmarks")),
    offence(OUTSIDE, ("imserver/proof/__init__.py", "import tests")),
    offence(ROWS, ("imserver/store/__init__.py", "import imserver.server"), ("imserver/server.py", "")),
    offence(ROWS, ("imserver/store/__init__.py", "import imserver.net")),
    offence(
        ROWS, ("imserver/chat/__init__.py", "import imserver.plugin_api"), ("imserver/plugin_api.py", "")
    ),
    offence(ROWS, ("imserver/errors.py", "import imserver.config"), ("imserver/config/__init__.py", "")),
    offence(ROWS, ("imserver/proof/__init__.py", "import imserver.cli")),
    offence(ROWS, ("imserver/check/__init__.py", "import imserver.proof")),
    # Through the package itself, which sees everything.
    offence(
        ROWS,
        ("imserver/__init__.py", "import imserver.server"),
        ("imserver/server.py", ""),
        ("imserver/store/__init__.py", "from imserver import Server"),
    ),
    # A module outside every row.
    offence(ROWS, ("imserver/helpers.py", "")),
    offence(
        CYCLES,
        ("imserver/chat/first.py", "import imserver.chat.second"),
        ("imserver/chat/second.py", "import imserver.chat.first"),
    ),
]


class House:
    """A copy of the packages and their contracts, that can be broken and mended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before: dict[Path, tuple[bytes, float] | None] = {}
        for package in PACKAGES:
            for file in (ROOT / package).rglob("*.py"):
                place = folder / file.relative_to(ROOT)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, place)  # with its time, by which what was read of it is known again
        (folder / "tests").mkdir()
        (folder / "tests" / "__init__.py").touch()
        shutil.copy(ROOT / "pyproject.toml", folder)

    def append(self, path: str, line: str) -> None:
        """Put an import line behind a module, which need not be there."""
        file = self.folder / path
        if file not in self._before:
            self._before[file] = (file.read_bytes(), file.stat().st_mtime) if file.exists() else None
        with file.open("a") as module:
            module.write(f"\n{line}\n")

    def mend(self) -> None:
        """Everything is as it was copied, its times too."""
        for file, before in self._before.items():
            if before is None:
                file.unlink()
                continue
            content, changed = before
            file.write_bytes(content)
            os.utime(file, (changed, changed))
        self._before.clear()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture
def house(copied: House) -> Iterator[House]:
    """One copy for all: to make it takes longer than to have it judged."""
    yield copied
    copied.mend()


@pytest.fixture(scope="module")
def read_before(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the checker keeps what it read of modules that are as they were."""
    return str(tmp_path_factory.mktemp("read"))


@pytest.fixture
def verdicts(
    house: House, read_before: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Verdicts:
    """The checker's verdict on each contract in the copy, or on those of these names: KEPT or BROKEN.

    It runs in this process: a new process for every offence would cost four times as much.
    """
    configuration.configure()
    monkeypatch.chdir(house.folder)
    for shelf in ("", "protocol", "clients/python"):
        monkeypatch.syspath_prepend(house.folder / shelf)
    for package in ("imserver", "imserver_protocol", "imserver_client", "benchmarks"):
        monkeypatch.delitem(
            sys.modules, package, raising=False
        )  # else the checker would find its folder there

    def check(*names: str) -> dict[str, str]:
        ids = tuple(contract_ids()[name] for name in names)
        passed = use_cases.lint_imports(limit_to_contracts=ids, no_logo=True, cache_dir=read_before)
        printed = capsys.readouterr().out
        said = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b.*$", printed, re.MULTILINE))
        assert said, printed
        assert passed == ("BROKEN" not in said.values())
        return said

    return check


@cache
def contract_ids() -> dict[str, str]:
    """Their ids, by their names."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["name"]: contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]}


def test_the_untouched_house_keeps_every_contract(verdicts: Verdicts) -> None:
    assert verdicts() == dict.fromkeys(contract_ids(), "KEPT")


def test_every_contract_has_an_offence() -> None:
    assert {offence.contract for offence in OFFENCES} == set(contract_ids())


@pytest.mark.parametrize("offence", OFFENCES, ids=str)
def test_an_offence_is_reported(house: House, verdicts: Verdicts, offence: Offence) -> None:
    for path, line in offence.lines:
        house.append(path, line)

    assert verdicts(offence.contract)[offence.contract] == "BROKEN"


def test_commands_and_proofs_may_use_the_client(house: House, verdicts: Verdicts) -> None:
    for package in ("cli", "proof"):
        house.append(f"imserver/{package}/__init__.py", "import imserver_client")

    assert verdicts(SERVER)[SERVER] == "KEPT"


def test_chat_may_use_what_clients_use_too(house: House, verdicts: Verdicts) -> None:
    house.append("imserver/chat/__init__.py", "import imserver_protocol.shared.bounds")

    assert verdicts(CHAT)[CHAT] == "KEPT"

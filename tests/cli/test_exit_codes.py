"""Exit codes of every command: 0 for success, 1 for a finding or a failure at its work, 2 for a mistake."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from imserver.cli import demo, serve, simulate, torture
from imserver.cli.app import run
from imserver.cli.chat import command as chat
from imserver.config import Config, ServerConfig
from imserver.errors import ImserverError, StartError
from imserver.proof.player import PlayBroken
from imserver.proof.server_process import ServerFailed
from imserver.proof.simulation.copies import COPIES
from imserver.proof.simulation.office import COMINGS_AND_GOINGS
from imserver.proof.simulation.report import ENOUGH_COPIES, ENOUGH_FAULTS, FAULTS, Failure, Totals
from imserver.proof.simulation.runs import run_one
from imserver.proof.simulation.world import Outcome
from imserver.proof.torture.client_pool import ClientPoolFailed
from imserver.proof.torture.options import Options
from imserver_client import CannotConnect, CloseCode, Disconnected, Stopped, StoreError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- simulate -----------------------------------------------------------------------------------------------------------


@cache
def replayed(seed: int) -> Outcome:
    """A real run, once."""
    return run_one(seed, whole=True)


def failing(*seeds: int, findings: int = 1) -> Totals:
    failures = [
        Failure(seed, [f"lost {number} of {seed}" for number in range(findings)], [f"line {number}" for number in range(40)])
        for seed in seeds
    ]  # fmt: skip
    return Totals(seeds=9, failures=failures)


@pytest.mark.parametrize(
    ("totals", "arguments", "code"),
    [
        (failing(), (), 0),
        (failing(3), (), 1),
        (failing(3, 4, 5, 6, 7, 8), (), 1),
        (failing(), ("--thorough",), 1),
        (failing(3), ("--thorough",), 1),
        (Totals(seeds=200), (), 1),
    ],
)
def test_a_seed_that_finds_something_ends_with_1(
    totals: Totals,
    arguments: tuple[str, ...],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[tuple[int, int]] = []

    def many(first: int, count: int, **_: Any) -> Totals:
        asked.append((first, count))
        return totals

    monkeypatch.setattr(simulate, "run_many", many)
    assert run(["simulate", "--first", "3", "--seeds", "9", "--report", "totals.json", *arguments]) == code
    assert asked == [(3, 9)]
    out = capsys.readouterr().out
    for failure in totals.failures[: simulate.MAX_FAILURES]:
        assert f"seed {failure.seed} failed; replay it: imserver simulate --seed {failure.seed} -v" in out
        assert f"lost 0 of {failure.seed}" in out
    assert out.count("replay it") == min(len(totals.failures), simulate.MAX_FAILURES)
    if totals.failures:
        assert f"seeds that failed: {' '.join(str(one.seed) for one in totals.failures)}\n" in out
        assert "line 39" in out
        assert "line 14\n" not in out, "only the last lines"
    assert json.loads(Path("totals.json").read_text())["seeds"] == totals.seeds


def test_the_findings_of_a_seed_are_cut_off(monkeypatch, capsys) -> None:
    monkeypatch.setattr(simulate, "run_many", lambda *_, **__: failing(3, findings=30))
    assert run(["simulate"]) == 1
    assert len(re.findall(r"lost \d+ of", capsys.readouterr().out)) == simulate.MAX_FINDINGS


def test_a_thorough_run_says_what_it_has_not_reached(monkeypatch, capsys) -> None:
    totals = failing()
    totals.counts.update(dict.fromkeys(FAULTS, ENOUGH_FAULTS))
    totals.counts.update(dict.fromkeys((*COPIES, *COMINGS_AND_GOINGS), ENOUGH_COPIES))
    totals.counts["cut"] -= 1
    monkeypatch.setattr(simulate, "run_many", lambda *_, **__: totals)
    assert run(["simulate", "--thorough"]) == 1
    out = capsys.readouterr().out
    assert f"not enough: only {ENOUGH_FAULTS - 1} of 'cut', not {ENOUGH_FAULTS}" in out
    assert out.count("not enough: only") == 1


@pytest.mark.parametrize(("findings", "code"), [([], 0), (["a post is lost"], 1)])
def test_a_replayed_seed_ends_with_1_if_it_finds_anything(
    findings: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(seed: int, *, whole: bool) -> Any:
        return replace(replayed(seed), findings=findings)

    monkeypatch.setattr(simulate, "run_one", found)
    assert run(["simulate", "--seed", "7", "--events", "events.txt"]) == code
    out = capsys.readouterr().out
    assert f"{len(findings)} findings, log digest" in out
    for text in findings:
        assert f"seed 7: {text}\n" in out
    assert Path("events.txt").read_text().count("\n") > 100


@pytest.mark.parametrize("option", ["--report", "--events"])
def test_a_file_that_cannot_be_written_is_a_mistake(option: str, monkeypatch, capsys) -> None:
    monkeypatch.setattr(simulate, "run_many", lambda *_, **__: failing())
    monkeypatch.setattr(simulate, "run_one", lambda seed, **_: replayed(seed))
    seed = ("--seed", "7") if option == "--events" else ()
    assert run(["simulate", *seed, option, "nowhere/file"]) == 2
    assert "nowhere/file: No such file" in capsys.readouterr().err


# -- torture ------------------------------------------------------------------------------------------------------------


@dataclass
class Judged:
    """A verdict with planted findings."""

    count: int = 0
    check_findings: list[str] = field(default_factory=list)

    @property
    def findings(self) -> list[str]:
        return [*(f"lost {number}" for number in range(self.count)), *self.check_findings]

    @property
    def right(self) -> bool:
        return not self.findings

    def rows(self) -> list[tuple[str, str]]:
        return [("kills", "7 of the server")]

    def as_json(self) -> dict[str, Any]:
        return {"right": self.right, "findings": self.findings}


@pytest.fixture
def tortured(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, dict[str, list[str]]], None]:
    """A run with so many findings of the judge, and these of `imserver check`."""

    def plant(count: int, checks: dict[str, list[str]]) -> None:
        async def ran(options: Options, told: object) -> Any:
            (options.folder / "chat.db").touch()
            return SimpleNamespace(database=options.folder / "chat.db")

        async def checked(path: Path, sections: object) -> Any:
            assert path.name == "chat.db"
            return SimpleNamespace(
                results=[SimpleNamespace(name=name, texts=texts) for name, texts in checks.items()]
            )

        monkeypatch.setattr(torture, "run_torture", ran)
        monkeypatch.setattr(torture, "judge", lambda evidence: Judged(count))
        monkeypatch.setattr(torture, "check_file", checked)

    return plant


@pytest.mark.parametrize(
    ("count", "checks", "code"),
    [
        (0, {"keys": [], "positions": []}, 0),
        (1, {}, 1),
        (0, {"keys": [], "positions": ["chat/1: a gap"]}, 1),
        (torture.MAX_FINDINGS + 3, {}, 1),
    ],
)
def test_a_torture_that_finds_anything_ends_with_1_and_keeps_its_folder(
    tortured, count: int, checks: dict[str, list[str]], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tortured(count, checks)
    assert run(["torture", "--seed", "4", "--minutes", "0.05", "--report", "verdict.json"]) == code
    out = capsys.readouterr().out
    assert "seed 4, 0.05 minutes" in out
    assert json.loads(Path("verdict.json").read_text())["right"] is (code == 0)
    assert ("All is right." in out, "NOT right" in out) == (code == 0, code == 1)
    assert out.count("lost ") == min(count, torture.MAX_FINDINGS)
    assert ("… and 3 more" in out) is (count > torture.MAX_FINDINGS)
    for name, texts in checks.items():
        for text in texts:
            assert f"{name}: {text}" in out
    if code:
        kept = Path(out.rsplit("Database, logs and transcripts are in ")[1].strip())
        assert (kept / "chat.db").exists()
        (kept / "chat.db").unlink()
        kept.rmdir()
    else:
        assert "Database, logs" not in out


def test_a_folder_that_was_named_stays(tortured, capsys) -> None:
    tortured(0, {})
    assert run(["torture", "--folder", "here"]) == 0
    assert Path("here/chat.db").exists()
    assert run(["torture", "--folder", "here"]) == 2
    assert "--folder here: is not empty" in capsys.readouterr().err
    assert run(["torture", "--folder", "here2", "--report", "nowhere/file"]) == 2
    assert not Path("here2").exists()


@pytest.mark.parametrize(
    "error", [ServerFailed("no port"), ClientPoolFailed("one died"), asyncio.CancelledError()]
)
def test_a_torture_that_broke_off_ends_with_1(error: BaseException, monkeypatch, capsys) -> None:
    async def broken(options: Options, told: object) -> Any:
        raise error

    monkeypatch.setattr(torture, "run_torture", broken)
    assert run(["torture", "--folder", "here"]) == 1
    assert str(error) in capsys.readouterr().err


# -- demo ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        (True, 0, ""),
        (False, 1, ""),
        (PlayBroken("the shop is silent"), 1, "the shop is silent"),
        (StoreError("disk full"), 1, "disk full"),
        (ServerFailed("gone\nimserver: port in use"), 2, "the server did not start: gone: port in use"),
        (asyncio.CancelledError(), 1, ""),
    ],
)
def test_a_demo_that_proves_nothing_does_not_end_with_0(
    outcome: Any, code: int, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def played(*_: Any) -> bool:
        if isinstance(outcome, BaseException):
            raise outcome
        return bool(outcome)

    monkeypatch.setattr(demo, "run_demo", played)
    assert run(["demo", "--folder", "here"]) == code
    assert says in capsys.readouterr().err


# -- serve --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "decided", "code"), [(None, True, 0), (None, False, 1), (OSError("disk"), True, 1)]
)
async def test_a_server_ends_with_0_only_if_everything_accepted_was_decided(
    failure: Exception | None, decided: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    class Served:
        """A server that fails, or is told to stop at once."""

        store = port = administration = plugin_host = None
        decided = False

        def __init__(self, *_: object, **__: object) -> None: ...

        async def start(self) -> None: ...

        async def failed(self) -> Exception:
            if failure is None:
                await asyncio.Event().wait()
            assert failure is not None
            return failure

        async def stop(self) -> None:
            self.decided = decided

    async def told(stop: asyncio.Event, server: Any) -> Exception | None:
        if failure is None:
            stop.set()
        return await until(stop, server)

    until = serve._until
    monkeypatch.setattr(serve, "Server", Served)
    monkeypatch.setattr(serve, "_until", told)
    log = SimpleNamespace(info=lambda *_, **__: None, warning=lambda *_, **__: None)
    assert await serve.run_server(Config(), log, lambda server: None) == code
    assert ("the store failed" in capsys.readouterr().err) is (failure is not None)


# -- chat ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (Stopped(CloseCode.AUTH_FAILED, "no"), 1, "does not let alice in: there is no such account"),
        (Stopped(CloseCode.REPLACED, "no"), 1, "another program uses this device id"),
        (Stopped(CloseCode.VERSION, "newer please"), 1, "newer please"),
        (CannotConnect("refused"), 1, "cannot connect to imserver://127.0.0.1:9: refused"),
        (Disconnected("gone"), 1, "gone"),
        (click.UsageError("not you"), 2, "not you"),
        (KeyboardInterrupt(), 130, ""),
        (None, 0, ""),
    ],
)
def test_a_chat_that_ended_badly_says_why(
    error: BaseException | None, code: int, says: str, monkeypatch, capsys
) -> None:
    Path("imserver.secret").write_text("a secret for tests that is long enough")

    def ran(work: Coroutine[Any, Any, int]) -> int:
        work.close()
        if error is not None:
            raise error
        return 0

    monkeypatch.setattr(chat, "_run", ran)
    assert run(["chat", "--as", "alice", "--server", "imserver://127.0.0.1:9"]) == code
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.strip().count("\n") == 0


# -- all of them --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (None, 0),
        (0, 0),
        (1, 1),
        (7, 7),
        ("text", 0),
        (StartError("no"), 2),
        (ImserverError("no"), 2),
        (click.ClickException("no"), 1),
        (click.BadParameter("no"), 2),
        (click.Abort(), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_becomes_of_a_result_or_an_error(outcome: Any, code: int, monkeypatch, capsys) -> None:
    def invoked(*_: Any, **__: Any) -> Any:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr("imserver.cli.app.imserver.main", invoked)
    assert run(["token", "x"]) == code
    assert capsys.readouterr().err.count("no") == (1 if "no" in str(outcome) else 0)


def test_the_server_of_a_configuration_is_this_machine_s() -> None:
    assert chat.server_of(Config(server=ServerConfig(host="::", insecure=True))) == "imserver://[::1]:7410"

"""Exit codes of `imserver simulate`: 1 if anything was found or too little was tried, however many seeds were clean."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imserver.cli import simulate as command
from imserver.cli.app import run
from imserver.proof.simulation.copies import COPIES
from imserver.proof.simulation.journal import Journal
from imserver.proof.simulation.office import COMINGS_AND_GOINGS
from imserver.proof.simulation.report import (
    ENOUGH_COPIES,
    ENOUGH_FAULTS,
    ENOUGH_FRAMES,
    FAULTS,
    SEEDS_FOR_ALL_ROWS,
    Failure,
    Totals,
)
from imserver.proof.simulation.world import Outcome
from imserver_protocol.session.states import (
    CONNECTION_TRANSITIONS,
    SESSION_TRANSITIONS,
    ConnectionInput,
    ConnectionState,
)

ROOT = Path(__file__).parents[2]
ROWS = [(type(state), state, given) for state, given in (*CONNECTION_TRANSITIONS, *SESSION_TRANSITIONS)]
PAYLOAD = (ConnectionState, ConnectionState.OPEN, ConnectionInput.PAYLOAD)


def enough() -> Totals:
    """Just as much as a thorough run has to have tried, and nothing found."""
    rows: Counter[tuple[type, int, int]] = Counter(dict.fromkeys(ROWS, 1))
    rows[PAYLOAD] = ENOUGH_FRAMES
    counts = Counter(
        dict.fromkeys(FAULTS, ENOUGH_FAULTS) | dict.fromkeys((*COPIES, *COMINGS_AND_GOINGS), ENOUGH_COPIES)
    )
    return Totals(seeds=SEEDS_FOR_ALL_ROWS, counts=counts, rows=rows)


def found() -> Totals:
    return replace(enough(), failures=[Failure(7, ["lost: message 1"], ["the end"])])


def lacking() -> Iterator[Any]:
    """A run that has tried everything but one thing, and the words for it."""
    for kind in FAULTS:
        fewer = enough()
        fewer.counts[kind] -= 1
        yield pytest.param(fewer, f"only {ENOUGH_FAULTS - 1} of {kind!r}, not {ENOUGH_FAULTS}", id=kind)
    for kind in (*COPIES, *COMINGS_AND_GOINGS):
        fewer = enough()
        fewer.counts[kind] -= 1
        yield pytest.param(fewer, f"only {ENOUGH_COPIES - 1} of {kind!r}, not {ENOUGH_COPIES}", id=kind)
    for row in ROWS:
        fewer = enough()
        if row != PAYLOAD:
            del fewer.rows[row]
            name = f"{row[0].__name__}.{row[1].name} {row[2].name}"
            yield pytest.param(fewer, f"never visited: {name}", id=name)
    fewer = enough()
    fewer.rows[PAYLOAD] -= 1
    yield pytest.param(fewer, "999,999 payload frames are less than 1,000,000", id="frames")


def simulate(monkeypatch: pytest.MonkeyPatch, totals: Totals, *options: str) -> int:
    """Exit code of the command whose seeds came to this."""
    monkeypatch.setattr(command, "run_many", lambda *given, **more: totals)
    return run(["simulate", "--seeds", "2", *options])


def test_a_clean_and_thorough_run_exits_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(enough().shortcomings(thorough=True)) == []
    assert simulate(monkeypatch, enough(), "--thorough") == 0


@pytest.mark.parametrize("options", [(), ("--thorough",)])
def test_a_finding_exits_with_1_and_says_how_to_replay_it(
    options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Alone: nothing else is short."""
    assert simulate(monkeypatch, found(), *options) == 1
    shown = capfd.readouterr().out
    assert "seed 7 failed; replay it: imserver simulate --seed 7 -v" in shown
    assert "lost: message 1" in shown
    assert "seeds that failed: 7" in shown
    assert "not enough" not in shown


@pytest.mark.parametrize(("totals", "words"), [*lacking()])
def test_too_little_of_any_one_thing_is_told(totals: Totals, words: str) -> None:
    """Every row is asked for also without `--thorough`, of so many seeds."""
    assert list(totals.shortcomings(thorough=True)) == [words]
    assert list(totals.shortcomings(thorough=False)) == ([words] if words.startswith("never visited") else [])
    totals.seeds = SEEDS_FOR_ALL_ROWS - 1
    assert list(totals.shortcomings(thorough=False)) == []


def test_too_little_exits_with_1(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    rare, unvisited = enough(), enough()
    rare.counts["cut"] -= 1
    del unvisited.rows[ROWS[-1]]
    assert [simulate(monkeypatch, totals, "--thorough") for totals in (rare, unvisited)] == [1, 1]
    assert "not enough: only 499 of 'cut', not 500" in capfd.readouterr().out
    assert [simulate(monkeypatch, totals) for totals in (rare, unvisited)] == [0, 1]


def test_the_report_has_the_failures_and_what_was_not_visited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    totals, path = found(), tmp_path / "report.json"
    del totals.rows[ROWS[-1]]
    assert simulate(monkeypatch, totals, "--report", str(path)) == 1
    told = json.loads(path.read_text())
    assert told["failures"] == [{"seed": 7, "findings": ["lost: message 1"]}]
    assert len(told["rows_not_visited"]) == 1


def outcome(*findings: str) -> Outcome:
    journal = Journal(lambda: 1.0)
    for kind in FAULTS:
        journal.fault(kind)
    journal.row(ConnectionState.OPEN, ConnectionInput.PAYLOAD)
    journal.raise_to("batch", 7)
    return Outcome(7, 3.0, journal, journal.digest, list(findings))


@pytest.mark.parametrize("findings", [(), ("lost: message 1",)])
def test_a_replayed_seed_that_finds_something_exits_with_1(
    findings: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "run_one", lambda seed, **more: outcome(*findings))
    assert run(["simulate", "--seed", "7"]) == len(findings)
    shown = capfd.readouterr().out
    assert f"{len(findings)} findings" in shown
    assert all(f"seed 7: {text}" in shown for text in findings)


def test_what_seeds_and_processes_found_and_tried_is_added_up() -> None:
    """A failure in whichever process is a failure of the run."""
    one, other = Totals(), Totals()
    one.add(outcome(), 1.0)
    one.add(outcome("lost"), 1.0)
    other.add(outcome("doubled"), 1.0)
    one.merge(other)
    assert (one.seeds, one.virtual_s, one.cpu_s, one.payload_frames) == (3, 9.0, 3.0, 3)
    assert [failure.findings for failure in one.failures] == [["lost"], ["doubled"]]
    assert {one.counts[kind] for kind in FAULTS} == {3}
    assert one.most["batch"] == 7


# -- make prove -----------------------------------------------------------------------------------------------------------

#: Proof -> the program that it runs, and what it has to be asked for.
PROOFS = {
    "simulation": ("imserver", ["simulate", "--seeds", "1000", "--thorough"]),
    "torture": ("imserver", ["torture", "--kills", "25"]),
    "storage-faults": ("pytest", ["-m", "prove", "tests/storage_faults"]),
    "hostile-peers": ("pytest", ["-m", "prove", "tests/hostile"]),
    "random-input": ("pytest", ["-m", "prove", "tests/fuzz"]),
    "conformance": ("python", ["judged.py prove-conformance", "-n 3", "-m", "prove", "tests/conformance"]),
    "tests": (
        "python",
        [
            "judged.py prove-tests",
            "-n auto",
            "--dist worksteal",
            "-m",
            "prove",
            "tests/store/test_planted.py",
        ],
    ),
}


def make(folder: Path, *targets: str, fails: str = "") -> tuple[int, list[str], str]:
    """`make` with programs that only note how they were called; the one whose call has this word in it fails. What runs the
    gates is the real one."""
    folder.mkdir()
    noted = folder / "calls"
    for name in ("imserver", "pytest", "python"):
        program = folder / name
        program.write_text(
            f'#!/bin/sh\ncase "$*" in .ci/gates.py*) exec {sys.executable} "$@";; *clients.bundler*) exit 0;; esac\n'
            f'echo "{name} $*" >> {noted}\ncase "$*" in *"{fails or "no such word"}"*) exit 1;; esac\n'
        )
        program.chmod(0o755)
    variables = [f"bin={folder}", "ready="]
    done = subprocess.run(
        ["make", *variables, *targets], cwd=ROOT, capture_output=True, text=True, check=False
    )
    calls = noted.read_text().splitlines() if noted.exists() else []
    return done.returncode, calls, done.stdout + done.stderr


def test_make_prove_runs_every_proof_as_it_should(tmp_path: Path) -> None:
    code, calls, said = make(tmp_path / "bin", "prove")
    assert code == 0, said
    assert "all gates passed" in said
    assert len(calls) == len(PROOFS)
    plain = [call.replace("-s ", "").replace("-q ", "").replace(" --jobs 1", "") for call in calls]
    for program, words in PROOFS.values():  # side by side: in any order
        assert sum(call.split()[0] == program and " ".join(words) in call for call in plain) == 1, words


@pytest.mark.parametrize("proof", PROOFS)
def test_make_prove_fails_with_any_of_its_proofs(proof: str, tmp_path: Path) -> None:
    words = PROOFS[proof][1]
    word = words[-1] if "-m" in words else words[0]
    for number, targets in enumerate((("prove",), (f"prove-{proof}",))):
        code, _, said = make(tmp_path / str(number), *targets, fails=word)
        assert code != 0
        assert "all gates passed" not in said

"""The torture run's verdict: each reason to fail does so alone, and `imserver torture` exits with 1 for it."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imserver.cli import torture as command
from imserver.cli.app import run
from imserver.proof.checker import Fault, Finding, Report
from imserver.proof.server_process import ServerFailed
from imserver.proof.simulation.template import template
from imserver.proof.stored_rows import StoredMessage
from imserver.proof.taken_back import Restore
from imserver.proof.torture import verdict as verdicts
from imserver.proof.torture.client_pool import ClientPoolFailed
from imserver.proof.torture.director import Deeds, Kill, Way
from imserver.proof.torture.older_copies import Kind, PutBack
from imserver.proof.torture.options import SMALL, Options
from imserver.proof.torture.participants import draw_participants
from imserver.proof.torture.verdict import MIN_CLIENTS, MIN_CONVERSATIONS, Evidence, Verdict, judge
from imserver.store.checks import Report as CheckReport

ROW = StoredMessage("group/g", 1, b"key", "ann", 1000, 1, {})


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    """Of a run that ended well, as far as what was done goes; the database has a group and nothing else."""
    database, _ = template()
    (tmp_path / "chat.db").write_bytes(database)
    (tmp_path / "clients").mkdir()
    deeds = Deeds(kills=[Kill(Way.BURST, 2, 1), Kill(Way.ANY_MOMENT, 0, 0)], client_kills=1)
    deeds.restores = [PutBack(Kind.FOLDER, Restore(1.0)), PutBack(Kind.DATABASE, Restore(2.0))]
    participants = draw_participants(1, 50, 5, 24)
    return Evidence(
        Options(1, tmp_path), participants, deeds, Counter(shut_out=1), tmp_path / "chat.db", tmp_path / "clients",
        datetime.now(UTC), 60.0,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def plenty(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the checker and the database would say of a large run; tests change it."""
    said = SimpleNamespace(
        report=Report(shown=9, promised=1, present=1, told=1),
        conversations=MIN_CONVERSATIONS,
        removed=1,
        went=1,
    )
    monkeypatch.setattr(verdicts, "check", lambda journals, rows, words, query, taken, outs: said.report)
    monkeypatch.setattr(verdicts, "_conversations", lambda rows: said.conversations)
    monkeypatch.setattr(verdicts, "_removed", lambda rows: said.removed)
    monkeypatch.setattr(verdicts, "_went", lambda rows: said.went)
    return said


def kills(*of_each: tuple[int, int]) -> Callable[[Evidence, Any], None]:
    """Unanswered, and stored of them."""
    return lambda evidence, said: setattr(
        evidence, "deeds", replace(evidence.deeds, kills=[Kill(Way.BURST, *one) for one in of_each])
    )


def report(**changes: Any) -> Callable[[Evidence, Any], None]:
    return lambda evidence, said: setattr(said, "report", replace(said.report, **changes))


def options(**changes: Any) -> Callable[[Evidence, Any], None]:
    return lambda evidence, said: setattr(evidence, "options", replace(evidence.options, **changes))


def plugin_gave_up(evidence: Evidence, said: Any) -> None:
    with closing(sqlite3.connect(evidence.database)) as sql, sql:
        names = [row[1] for row in sql.execute("PRAGMA table_info(plugin_failures)")]
        values = {"plugin": "'booking'", "event": "'7'", "text": "'ValueError'"}
        sql.execute(
            f"INSERT INTO plugin_failures VALUES ({','.join(values.get(name, '1') for name in names)})"
        )


#: What is done to a run that is right, and the one line that is then said of it.
WRONG: dict[str, tuple[Callable[[Evidence, Any], Any], str]] = {
    "the checker found something": (report(findings=[Finding(Fault.LOST, "message 1")]), "lost: message 1"),
    "somebody is stuck": (lambda e, s: e.stuck.append("ann waits"), "stuck: ann waits"),
    "something broke": (lambda e, s: e.deeds.broken.append("exit code 3"), "broken: exit code 3"),
    "a plugin gave up": (plugin_gave_up, "broken: the plugin booking gave up 7: ValueError"),
    "too much came again": (
        report(marked=2 * MIN_CONVERSATIONS + 1),
        f"doubled: {2 * MIN_CONVERSATIONS + 1} messages came again, and at most {2 * MIN_CONVERSATIONS} may",
    ),
    "too few clients": (options(clients=MIN_CLIENTS - 1), "not reached: at least 50 clients and 20 conversations"),
    "too few conversations": (options(conversations=19), "not reached: at least 50 clients and 20 conversations"),
    "half of the kills hit nothing": (kills((2, 1), (0, 0), (0, 0)), "not reached: unanswered posts at half of the kills"),
    "nothing found committed": (kills((2, 0)), "not reached: an unanswered post found committed"),
    "everything found committed": (kills((2, 2)), "not reached: an unanswered post found not committed"),
    "older copies of one kind": (lambda e, s: e.deeds.restores.pop(), "not reached: older copies of two kinds"),
    "no older copy": (lambda e, s: e.deeds.restores.clear(), "not reached: older copies of two kinds"),
    "nobody was told of one": (report(told=0), "not reached: a client that was told of an older copy"),
    "nobody was removed": (lambda e, s: setattr(s, "removed", 0), "not reached: a member who was removed"),
    "nobody went": (lambda e, s: setattr(s, "went", 0), "not reached: somebody who went from the team"),
    "nobody was shut out": (
        lambda e, s: e.figures.clear(), "not reached: somebody who lost access and was told so",
    ),
    "nothing was shown": (report(shown=0), "not reached: a message"),
    "nothing was promised": (report(promised=0), "not reached: an appointment"),
}  # fmt: skip


def test_a_run_that_reached_everything_and_found_nothing_is_right(evidence: Evidence) -> None:
    verdict = judge(evidence)
    assert verdict.findings == []
    assert verdict.right


@pytest.mark.parametrize("what", WRONG)
def test_one_thing_wrong_and_a_run_is_not_right(
    what: str, evidence: Evidence, plenty: SimpleNamespace
) -> None:
    spoil, line = WRONG[what]
    spoil(evidence, plenty)
    verdict = judge(evidence)
    assert verdict.findings == [line]
    assert not verdict.right


def test_no_kill_proves_nothing(evidence: Evidence, plenty: SimpleNamespace) -> None:
    kills()(evidence, plenty)
    assert judge(evidence).findings[0] == "not reached: a kill"


def test_a_run_that_is_to_have_no_older_copy_need_have_none(
    evidence: Evidence, plenty: SimpleNamespace
) -> None:
    evidence.options, evidence.deeds.restores = replace(evidence.options, restore_every=0), []
    plenty.report.told = 0
    assert judge(evidence).findings == []


def test_older_copies_are_told_with_their_kinds_and_what_they_took(evidence: Evidence) -> None:
    evidence.deeds.restores[0] = PutBack(Kind.FOLDER, Restore(1.0, messages=(ROW, ROW)))
    verdict = judge(evidence)
    verdict.report.acknowledged, verdict.report.taken_back, verdict.report.stored_again = 9, 5, 2
    verdict.report.named_gone, verdict.report.refused_since, verdict.report.not_told = 2, 1, 3
    rows = dict(verdict.rows())
    assert rows["older copies"] == "2 came back (database 1, folder 1), 2 messages taken back"
    assert (
        rows["taken back"]
        == "5 of these by older copies: 2 stored again, 2 named as gone, 1 refused or given up since"
    )
    assert rows["told"] == "1 times a client was told of an older copy, 3 times it had nothing to hear"
    told = verdict.as_json()
    assert told["older_copies"][0] == {"kind": "folder", "messages_taken_back": 2}
    assert (told["acknowledged_taken_back"], told["clients_told"], told["clients_not_told"]) == (5, 1, 3)
    evidence.deeds.restores.clear()
    assert dict(judge(evidence).rows())["older copies"] == "none came back"


def test_a_small_run_is_asked_for_kills_only(evidence: Evidence, plenty: SimpleNamespace) -> None:
    evidence.options = replace(evidence.options, **SMALL)
    plenty.removed = 0
    assert judge(evidence).findings == []
    evidence.deeds = replace(evidence.deeds, kills=[])
    assert not judge(evidence).right


def test_what_imserver_check_finds_makes_a_run_wrong(evidence: Evidence) -> None:
    verdict = judge(evidence)
    verdict.check_findings = ["heads: too low"]
    assert (verdict.right, verdict.findings) == (False, ["imserver check: heads: too low"])


def test_kills_are_counted_by_what_was_unanswered() -> None:
    deeds = Deeds(kills=[Kill(Way.BURST, 5, 2), Kill(Way.FROZEN, 0, 0), Kill(Way.BURST, 3, 3)])
    assert (deeds.hits, deeds.found, deeds.not_found) == (2, 5, 3)


def test_every_fault_has_its_line_and_its_figure(evidence: Evidence, plenty: SimpleNamespace) -> None:
    plenty.report = Report(
        findings=[Finding(fault, "x") for n, fault in enumerate(Fault, 1) for _ in range(n)]
    )
    verdict = judge(evidence)
    rows, told = dict(verdict.rows()), verdict.as_json()
    for n, fault in enumerate(Fault, 1):
        assert rows[str(fault)] == str(n)
        assert told[str(fault).replace(" ", "_")] == n


# -- the command --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["right", "finding", "short", "check"])
def test_the_command_exits_with_1_and_keeps_its_folder_unless_all_is_right(
    what: str,
    evidence: Evidence,
    plenty: SimpleNamespace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if what == "finding":
        plenty.report = replace(plenty.report, findings=[Finding(Fault.DOUBLED, "message 7")])
    elif what == "short":
        plenty.removed = 0
    checked = CheckReport()
    if what == "check":
        checked.result("heads").add("too low")

    async def ended(options: Options, show: Any) -> Evidence:
        return evidence

    async def check_file(database: Path, sections: Any) -> CheckReport:
        assert (database, set(sections)) == (evidence.database, {"booking"})
        return checked

    monkeypatch.setattr(command, "run_torture", ended)
    monkeypatch.setattr(command, "check_file", check_file)
    monkeypatch.setattr("tempfile.mkdtemp", lambda **given: str(make(tmp_path / "place")))
    told = tmp_path / "report.json"
    code = run(["torture", "--seed", "1", "--report", str(told)])
    shown = capfd.readouterr().out
    words = {
        "right": "All is right.",
        "finding": "doubled: message 7",
        "short": "not reached: a member who was removed",
        "check": "imserver check: heads: too low",
    }
    assert words[what] in shown
    assert code == (what != "right")
    assert ("NOT right" in shown) is (what != "right")
    assert (tmp_path / "place").exists() is (what != "right")
    assert json.loads(told.read_text())["right"] is (what == "right")


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("error", [ServerFailed, ClientPoolFailed])
def test_a_run_that_broke_off_exits_with_1(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(options: Options, console: Any) -> Verdict:
        raise error("no more")

    monkeypatch.setattr(command, "_torture", broken)
    assert run(["torture", "--folder", str(tmp_path / "place")]) == 1

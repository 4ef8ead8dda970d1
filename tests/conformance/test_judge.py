"""The judge itself: drivers that are none, what a client lacks, and what the command prints and returns."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from imserver.cli.conform import CannotConform, conform
from imserver.conformance.driver import BadDriver
from imserver.conformance.judge import Judge, Outcome, Verdict
from imserver.conformance.scenarios import SCENARIOS

from .drivers import PYTHON, judged

BY_NAME = {one.name: one for one in SCENARIOS}
GREETING = {"driver": 1, "name": "a stub", "lacks": []}


def stub(says: str, then: str = "sys.stdin.read()") -> list[str]:
    """A driver that says one line."""
    return [sys.executable, "-c", f"import sys, time; print({says!r}, flush=True)\n{then}"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(conform, list(arguments), standalone_mode=False)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["no-such-program"], "cannot start no-such-program"),
        (stub("hello"), "no greeting"),
        (stub(json.dumps({"driver": 2, "name": "later"})), "speaks version 2, this judge 1"),
        (stub(json.dumps({**GREETING, "lacks": ["wings"]})), "lacks what this judge does not know: wings"),
        (stub(json.dumps({**GREETING, "transports": ["pigeon"]})), "does not speak tcp: pigeon"),
        ([sys.executable, "-c", ""], "ended before it said who it is"),
        (stub(json.dumps({**GREETING, "clients": 0})), "clients: at least 1"),
        (stub("[" * 100_000), "no greeting"),
        ([sys.executable, "-c", "print('x' * 20_000_000)"], "exceed the limit"),
    ],
)
async def test_what_is_no_driver_is_said(command: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadDriver, match=words):
        await judged(command, [BY_NAME["hello/first"]], tmp_path)


@pytest.mark.parametrize(
    "then",
    [
        "print('no line', flush=True)",
        "print('[' * 100_000, flush=True)",
        "print('x' * 20_000_000, flush=True)",
        """print('{"id": 1, "error": "words"}', flush=True)""",
        "sys.exit()",
    ],
    ids=["no line", "nested", "endless", "error of words", "end"],
)
async def test_a_driver_that_ends_fails_its_scenarios(then: str, tmp_path: Path) -> None:
    command = stub(json.dumps(GREETING), f"sys.stdin.readline(); {then}")
    outcome = (await judged(command, [BY_NAME["hello/first"]], tmp_path))["hello/first"]
    assert outcome.verdict is Verdict.FAILED
    assert outcome.text.startswith("the driver ")


async def test_a_client_that_does_nothing_fails_everything(tmp_path: Path) -> None:
    """Whatever a scenario forbids, it also asks for something: silence passes none of them."""
    # But it ends when it is told to, or the judge waits two seconds for each.
    silent = (
        "import json\n"
        "for said in map(json.loads, sys.stdin):\n"
        "    if said['do'] == 'kill': print(json.dumps({'id': said['id'], 'result': None}), flush=True)"
    )
    command = stub(json.dumps({**GREETING, "clients": 400}), silent)
    scenarios = [one for one in SCENARIOS if not one.kills and not one.slow]
    outcomes = await judged(command, scenarios, tmp_path, patience_s=0.2)
    assert [name for name, one in outcomes.items() if one.verdict is not Verdict.FAILED] == []


async def test_what_a_client_lacks_is_said_and_not_played(tmp_path: Path) -> None:
    told: list[Outcome] = []
    command = stub(json.dumps({**GREETING, "lacks": ["lineage", "kill"]}))
    judge = Judge(command, "tcp", tmp_path, told.append)
    chosen = [BY_NAME[name] for name in ("lineage/check", "hello/killed", "windows/silence")]
    _, outcomes = await judge.run(chosen)
    assert [(one.verdict, one.text) for one in outcomes] == [
        (Verdict.NOT_APPLICABLE, "the client lacks lineage"),
        (Verdict.NOT_APPLICABLE, "the client lacks kill"),
        (Verdict.LEFT_OUT, "takes long: --slow"),
    ]
    assert len(told) == 3


def test_the_command_says_what_failed_and_returns_1() -> None:
    passed = run("--only", "hello/first", "--", *PYTHON)
    assert (passed.return_value, "1 passed" in passed.output) == (0, True)
    ends = stub(json.dumps(GREETING), "sys.stdin.readline()")
    failed = run("--only", "hello/first", "--", *ends)
    assert failed.return_value == 1
    assert "hello/first: the driver ended (SPEC section 6)" in failed.output
    as_json = json.loads(run("--json", "--only", "hello/first", "--", *ends).output)
    assert (as_json["verdict"], as_json["section"]) == ("failed", "6")


def test_usage_that_is_none_is_said() -> None:
    assert isinstance(run().exception, CannotConform)
    assert "no scenario is called wings/*" in str(run("--only", "wings/*", "--", *PYTHON).exception)
    listed = [json.loads(line) for line in run("--list", "--json").output.splitlines()]
    assert [one["scenario"] for one in listed] == list(BY_NAME)

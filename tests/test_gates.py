"""`.ci/gates.py`: what a gate said is shown whole, a failed one hides none, one that hangs is ended, a table says the times.

`.ci/judged.py`: what failed twice fails the gate, what failed beside others is named."""

from __future__ import annotations

import importlib.util
import io
import itertools
import os
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def script(name: str) -> ModuleType:
    """A script of `.ci`, which lies on no path."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def gates() -> ModuleType:
    return script("gates")


def shell(folder: Path, **gates: str) -> list[str]:
    """What stands for make: each gate is a script."""
    for name, script in gates.items():
        (folder / name).write_text(script)
    return ["sh", "-c", f'. "{folder}/$0"']


def test_a_failed_gate_hides_none_and_no_line_stands_in_anothers(gates: ModuleType, tmp_path: Path) -> None:
    out = io.BytesIO()
    make = shell(
        tmp_path,
        one=f"echo one begins; while [ ! -e {tmp_path}/said ]; do sleep 0.01; done; echo one ends",
        two=f"echo two; touch {tmp_path}/said; exit 3",
        three="echo three",
    )
    run = gates.Gates(20, make, out)
    assert not run.run(((("one",), ("two", "three")),))
    said = out.getvalue().decode().splitlines()
    assert said[said.index("one begins") + 1] == "one ends"
    assert {"two", "three"} <= set(said)
    assert run.failed == ["two"]
    rows = run.table().splitlines()
    assert rows[0].split() == ["seconds", "CPU", "s", "gate"]
    assert sorted(row.split()[2:] for row in rows[1:]) == [["one"], ["three"], ["two", "FAILED"]]


def test_one_that_hangs_is_ended_with_what_it_started_and_what_it_said(
    gates: ModuleType, tmp_path: Path
) -> None:
    out = io.BytesIO()
    make = shell(tmp_path, hangs="echo before; sleep 60 & echo $! > child; wait", after="echo after")
    make = ["sh", "-c", f'cd {tmp_path}; . "./$0"']
    run = gates.Gates(0.5, make, out)
    begun = time.monotonic()
    assert not run.run(((("hangs",), ("after",)),))
    assert time.monotonic() - begun < 30
    assert "hangs: no end after 0.5 s" in out.getvalue().decode()
    assert "before" in out.getvalue().decode()
    assert run.failed == ["hangs"]
    assert gone(int((tmp_path / "child").read_text()))


def test_without_what_all_others_need_none_begins(gates: ModuleType, tmp_path: Path) -> None:
    make = shell(tmp_path, pages="exit 1", other=f"touch {tmp_path}/ran")
    with (tmp_path / "out").open("w+b") as out:
        run = gates.Gates(20, make, out)
        assert not run.run((gates.FIRST, (("other",), ("other",))))
    assert [one.gate for one in run.ran] == ["pages"]
    assert not (tmp_path / "ran").exists()


def test_every_gate_is_a_target_of_the_makefile_and_none_is_forgotten(gates: ModuleType) -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    named = {gate for plan in gates.PLANS.values() for step in plan for lane in step for gate in lane}
    targets = {line.partition(":")[0] for line in text.splitlines() if ":" in line and not line[0].isspace()}
    assert named <= targets
    assert {target for target in targets if target.startswith(("check-", "prove-"))} - named == {"prove-long"}
    everything = [gate for step in gates.PLANS["all"] for lane in step for gate in lane]
    # Its tests are in two of the others.
    assert sorted(everything) == sorted(named - {"check-tests"})


def test_what_coverage_is_measured_by_is_left_out_of_the_far_tests_and_nothing_else() -> None:
    printed = subprocess.check_output([sys.executable, ".ci/near_coverage.py", "--far"], cwd=ROOT, text=True)
    near = [tests for package in script("near_coverage").PACKAGES for tests in package.tests]
    assert printed.split() == [f"--ignore={tests}" for tests in near]
    assert all((ROOT / tests).is_dir() for tests in near)


# -- what single gates judge --------------------------------------------------------------------------------------------


def test_each_package_that_keeps_promises_has_a_floor_and_one_below_it_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coverage = script("near_coverage")
    assert {package.sources.rpartition("/")[2] for package in coverage.PACKAGES} == {
        *("chat", "net", "store", "imserver_protocol")
    }
    least = {package: float(package.floor) for package in coverage.PACKAGES}
    monkeypatch.setattr(coverage, "measured", lambda package, folder: (least[package], ""))
    assert coverage.main() == 0
    least[coverage.PACKAGES[-1]] -= 0.1
    assert coverage.main() == 1


def test_a_wheel_with_a_file_too_many_or_too_few_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = script("wheel")
    built, held = tmp_path / "x.whl", sorted(wheel._expected())
    monkeypatch.setattr(wheel, "_build", lambda folder: built)
    monkeypatch.setattr(wheel.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    for names, code in ((held, 0), (held[1:], 1), ([*held, "imserver/one_more.py"], 1)):
        with zipfile.ZipFile(built, "w") as archive:
            for name in names:
                archive.writestr(name, "")
        assert wheel.main() == code


def test_the_lowest_versions_are_those_of_everything_that_can_be_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    floors, ran = script("floors"), list[list[str]]()

    def run(command: list[object], **_: str) -> None:
        words = [str(word) for word in command]
        ran.append(words)
        if "-o" in words:
            Path(words[-1]).touch()
        if "-d" in words:
            (Path(words[-1]) / "x.whl").touch()

    monkeypatch.setattr(floors, "_run", run)
    floors.main("uv")
    compiled = ran[0]
    extras = {after for word, after in itertools.pairwise(compiled) if word == "--extra"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert extras == set(project["optional-dependencies"])
    assert compiled[compiled.index("--resolution") + 1] == "lowest-direct"
    assert ran[-1][-3:] == ["demo", "--pace", "0"]


def test_all_that_fetches_is_told_of_the_systems_certificates() -> None:
    told = subprocess.run(
        ["make", "-s", "--eval", "told:;@echo $$UV_SYSTEM_CERTS $$PIP_CERT $$NODE_EXTRA_CA_CERTS", "told"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "SSL_CERT_FILE": "/etc/own.pem"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["1", "/etc/own.pem", "/etc/own.pem"]


def gone(pid: int) -> bool:
    """Whether it ends soon."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_what_ends_it_ends_its_gates(tmp_path: Path) -> None:
    """As a build machine cancels a run."""
    program = tmp_path / "make"
    program.write_text(
        f"#!/bin/sh\necho $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 60\n"
    )
    program.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, ROOT / ".ci" / "gates.py", "all"],
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        for _ in range(2000):
            if (tmp_path / "pid").exists() or process.poll() is not None:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
        assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this system knows no autogroups")
def test_the_first_of_two_lanes_stands_back(gates: ModuleType, tmp_path: Path) -> None:
    out = io.BytesIO()
    told = "cat /proc/self/autogroup; nice"
    # Its session is told so behind its start, and may run before that.
    waits = f"for _ in $(seq 500); do grep -q 'nice {gates.NICE}$' /proc/self/autogroup && break; sleep 0.01; done"
    assert gates.Gates(20, shell(tmp_path, one=f"{waits}; {told}", two=told), out).run(
        ((("one",), ("two",)),)
    )
    said = out.getvalue().decode().split()
    assert sorted(word for word in said if word.isdigit()) == ["0", "0", str(gates.NICE), str(gates.NICE)]


#: Fails once, then passes; and always fails.
UNSTEADY = "def test_{0}(): said = __import__('pathlib').Path('{1}'); again = said.exists(); said.touch(); assert again"
BROKEN = "def test_{0}(): assert not {0}"


@pytest.mark.parametrize(
    ("unsteady", "broken", "again", "code"),
    [(2, 0, True, 0), (1, 1, True, 1), (2, 0, False, 1), (4, 0, True, 1)],
    ids=["unsteady", "one fails twice", "judged once", "too many"],
)
def test_few_failed_tests_are_judged_again(
    gates: ModuleType, tmp_path: Path, unsteady: int, broken: int, again: bool, code: int
) -> None:
    tests = [UNSTEADY.format(number, tmp_path / f"said{number}") for number in range(1, unsteady + 1)]
    tests += [BROKEN.format(number) for number in range(10, 10 + broken)]
    (tmp_path / "test_toy.py").write_text("\n".join([*tests, "def test_steady(): pass"]))
    (tmp_path / "pytest.ini").write_text("[pytest]")
    names = tmp_path / "names"
    names.touch()
    arguments = ["-q", "-c", str(tmp_path / "pytest.ini"), str(tmp_path / "test_toy.py")]
    judged = script("judged")
    assert judged.UNSTEADY == gates.UNSTEADY
    assert judged.judge("toy", arguments, tmp_path / "cache", names if again else None) == code
    told = names.read_text().splitlines()
    assert told == ([f"test_toy.py::test_{n}" for n in range(1, unsteady + 1)] if code == 0 else [])


def test_they_are_judged_again_under_what_they_ran_under(tmp_path: Path) -> None:
    """Under coverage, whose figures are of both runs."""
    said = tmp_path / "said"
    (tmp_path / "test_toy.py").write_text(f"{UNSTEADY.format(1, said)}\ndef test_steady(): pass")
    (tmp_path / "pytest.ini").write_text("[pytest]")
    (names := tmp_path / "names").touch()
    data = f"--data-file={tmp_path / 'data'}"
    under = ["coverage", "run", "--append", "--rcfile=/dev/null", data, f"--include={tmp_path}/*", "-m"]
    arguments = ["-q", "-c", str(tmp_path / "pytest.ini"), str(tmp_path / "test_toy.py")]
    assert script("judged").judge("toy", arguments, tmp_path / "cache", names, under) == 0
    assert names.read_text() == "test_toy.py::test_1\n"
    told = [sys.executable, "-m", "coverage", "report", "--rcfile=/dev/null", data, "--format=total"]
    assert subprocess.run(told, capture_output=True, text=True, check=True).stdout == "100\n"

"""docs/first-feature.md is true: its blocks, put into the files that it names, are a feature that works everywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imserver.features import FEATURES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "first-feature.md").read_text("utf-8")
#: A path in the line before a block says where the block goes.
BLOCKS = re.findall(r"`([\w/.-]+)`[^`\n]*:\n\n```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
[PRINTED] = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
#: The table of who may is whole, and right over a connection and of the rule alone.
OF_PERMISSIONS = (
    "test_each_method_has_lines_for_each_kind_and_no_line_is_of_another",
    "test_every_act_of_everybody_is_answered_as_the_table_says",
    "test_the_rule_alone_answers_as_the_table_says",
)
COPIED = ("imserver", "protocol", "clients/python", "tests", "pyproject.toml", "docs")
#: The page takes the next free number of the SPEC, as of when it was written.
SECTION = re.search(r"^\+### (18\.\d+) stars$", PAGE, re.MULTILINE)
#: Lives of the whole system in which stars are as frequent as posts; prints what the judge was shown.
SIMULATED = """
from dataclasses import replace
from imserver.proof.acts import stars
from imserver.proof.simulation.runs import run_one

shown = []

def judge(evidence):
    shown.extend(fact for notes in evidence.notes for fact in notes.rest or ())
    yield from stars.judge(evidence)

often = tuple(replace(act, weight=60) for act in stars.ACTS.acts)
stars.ACTS = replace(stars.ACTS, acts=often, judge=judge)
findings = [text for seed in (1, 2, 3) for text in run_one(seed).findings]
print(len(shown), sum(count > 0 for *_, count in shown), len(findings), *findings[:3])
"""


def applied(text: str, difference: str) -> str:
    """The file with the change that a block shows: what it keeps and removes stands there once."""
    before = "".join(f"{line[1:]}\n" for line in difference.splitlines() if line[:1] != "+")
    after = "".join(f"{line[1:]}\n" for line in difference.splitlines() if line[:1] != "-")
    assert text.count(before) == 1, difference
    return text.replace(before, after)


def with_next_section(difference: str, spec: str) -> str:
    """The same with a number that no section has yet."""
    assert SECTION is not None
    number, free = SECTION[1], 1 + max(int(one) for one in re.findall(r"^### 18\.(\d+) ", spec, re.MULTILINE))
    return difference.replace(number, f"18.{free}").replace(f"#{number.replace('.', '')}-", f"#18{free}-")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the page in it."""
    folder = tmp_path_factory.mktemp("house")
    ignore = shutil.ignore_patterns("__pycache__", "mutants", "fixtures", "*.so")
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_file():
            shutil.copy(source, target)
        else:
            shutil.copytree(source, target, ignore=ignore)
    for path, language, block in BLOCKS:
        target = folder / path
        if language == "diff":
            text = target.read_text("utf-8")
            change = with_next_section(block, text) if path.endswith("SPEC.md") else block
            target.write_text(applied(text, change), "utf-8")
        else:
            assert not target.exists(), path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block, "utf-8")
    return folder


def run(folder: Path, *arguments: str) -> str:
    """What a Python program says that runs on the copy."""
    paths = [folder, folder / "protocol", folder / "clients" / "python"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout


def test_the_page_names_every_file_of_a_feature_and_no_other() -> None:
    made = {path for path, language, _ in BLOCKS if language != "diff"}
    changed = {path for path, language, _ in BLOCKS if language == "diff"}
    ours = {path for path in made if path.startswith(("imserver/", "protocol/imserver_protocol", "clients/"))}
    assert len(ours) <= 9
    lists = {"imserver/features/__init__.py", "clients/python/imserver_client/features/__init__.py"}
    assert {path for path in changed if path.endswith(".py") and not path.startswith("tests/")} == lists
    for path, language, block in BLOCKS:
        if path in lists:
            assert (language, block.count("\n+") + block.startswith("+")) == ("diff", 1)
    assert "stars" not in {feature.name for feature in FEATURES}, "the page is about what is not there"


def test_its_session_prints_what_it_says(house: Path) -> None:
    assert run(house, "session.py") == PRINTED


def test_its_tests_pass_and_the_spec_and_the_transcript_are_right(house: Path) -> None:
    told = run(
        house,
        *("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"),
        "tests/features/stars",
        "tests/features/test_common_sql.py",
        "tests/features/test_slots.py",
        "tests/vectors/test_spec.py",
        "tests/vectors/test_second_reader.py::test_it_plays_the_transcript[stars]",
        *(f"tests/chat/test_permissions.py::{test}" for test in OF_PERMISSIONS),
        "tests/net/test_methods.py::test_every_answer_is_what_its_shape_says_field_by_field",
    )
    assert "passed" in told


def test_its_people_give_stars_in_the_simulation(house: Path) -> None:
    looked_at, stars, findings = map(int, run(house, "-c", SIMULATED).split())
    assert looked_at > stars > 0, "messages were looked at, and some have stars"
    assert findings == 0


def test_its_code_is_written_as_ours_is(house: Path) -> None:
    run(
        house,
        "-c",
        "from importlinter.cli import lint_imports_command as check; check(['--no-cache', '--no-logo'])",
    )
    files = [str(house / path) for path, language, _ in BLOCKS if language == "python"]
    run(
        house,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        *[path for path in files if not path.endswith("session.py")],
    )
    run(house, "-m", "ruff", "format", "--no-cache", "--check", *files)

"""docs/first-feature.md is true: its blocks, put into the files that it names, are a feature that works everywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imserver.chat import permissions as rules
from imserver.chat.permissions import Bars, Grant, Need, Seat, Standing, Target
from imserver.cli.chat.looks import Chat, Look
from imserver.feature_api import (
    Asker,
    Feature,
    Follow,
    Heard,
    Kind,
    Left,
    Read,
    Reader,
    Role,
    Services,
    Sessions,
    Task,
    Transaction,
    Write,
)
from imserver.features import FEATURES
from imserver.proof.acts import Acts, Evidence, Hand, Notes, Row
from imserver_client.features.base import Port
from tests.mutants.patches import read_mutant

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
stars_seen, findings = 0, []
for seed in range(30):  # not in every life is anything looked at; in most of them
    findings += run_one(seed).findings
    stars_seen = sum(count > 0 for *_, count in shown)
    if len(shown) > stars_seen > 0:
        break
print(len(shown), stars_seen, len(findings), *findings[:3])
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


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    """What a Python program says that runs on the copy."""
    paths = [folder, folder / "protocol", folder / "clients" / "python"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONPYCACHEPREFIX": str(
            folder / ".pycache"
        ),  # kept, or each process compiles the whole copy again
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout[-5000:] + done.stderr[-5000:]
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


#: Everything that a feature has to do with.
OFFERED = (
    Transaction, Reader, Services, Sessions, Asker, Left, Write, Read, Task, Heard, Follow, Feature, Port,
    Look, Chat, Acts, Hand, Evidence, Notes, Row,
)  # fmt: skip


def offered(kind: type) -> set[str]:
    """What a class offers: methods, properties and fields, inherited ones, too."""
    found: set[str] = set()
    for base in kind.__mro__[:-1]:
        if base.__module__.partition(".")[0] in {"imserver", "imserver_client"}:
            found |= {*vars(base), *vars(base).get("__annotations__", ())}
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize("kind", OFFERED, ids=lambda kind: kind.__name__)
def test_it_names_all_that_there_is(kind: type) -> None:
    words = set(
        re.findall(
            r"\w+", " ".join(re.findall(r"`[^`\n]+`|^```python\n.*?^```", PAGE, re.MULTILINE | re.DOTALL))
        )
    )
    missing = offered(kind) - words - {"method", "handler", "signal", "count", "index"}
    assert not missing, f"{kind.__name__}: {missing}"


# -- its table of needs ---------------------------------------------------------------------------------------------------

#: What each need is asked about, where that is somebody or something: allowed, and refused to who may the same of others.
ABOUT: dict[Need, Target] = {
    Need.CHANGE_OWN: rules.OWN_MESSAGE,
    Need.CHANGE_ANY: rules.message_of(None),
    Need.INVITE: rules.newcomer(Role.MEMBER),
    Need.MANAGE: rules.member(Role.MEMBER),
}
WHO = {
    "all": {*Role},
    "both": {*Role},
    "no readers": {*Role} - {Role.READER},
    "author": {*Role} - {Role.READER},
    "leaders": {Role.OWNER, Role.ADMIN},
    "nobody": set[Role](),
}
NEEDS = {
    cells[0].strip("` "): [cell.strip() for cell in cells[2:]]
    for line in re.findall(r"^\| `[A-Z_]+` \|.*$", PAGE, re.MULTILINE)
    for cells in [line.strip("|").split("|")]
}


def may(
    need: Need, kind: Kind, role: Role, standing: Standing = rules.MEMBER, bars: Bars = rules.FREE
) -> bool:
    seat = Seat(kind, standing, role, bars)
    return isinstance(rules.decide(need, *seat, target=ABOUT.get(need, rules.NOTHING)), Grant)


def test_its_needs_are_those_of_the_rule() -> None:
    assert set(NEEDS) == {need.name for need in Need}
    for name, (group, channel, direct, left, muted) in NEEDS.items():
        need = Need[name]
        if need in {Need.ACCOUNT, Need.OPERATE}:
            assert {group, channel, direct, left, muted} == {""}
            continue
        for kind, who in ((Kind.GROUP, group), (Kind.CHANNEL, channel), (Kind.DIRECT, direct)):
            roles = (
                {Role.MEMBER}
                if kind is Kind.DIRECT
                else {*Role} - ({Role.READER} if kind is Kind.GROUP else set())
            )
            assert {role for role in roles if may(need, kind, role)} == WHO[who] & roles, (name, kind)
            if who == "author":
                others = rules.decide(
                    need, kind, rules.MEMBER, Role.MEMBER, target=rules.message_of(Role.MEMBER)
                )
                assert not isinstance(others, Grant)
        assert may(need, Kind.GROUP, Role.OWNER, rules.standing_of(9)) is (left == "yes"), name
        assert may(need, Kind.GROUP, Role.OWNER, bars=Bars(muted_until=1)) is (muted == "no"), name


# -- its code -------------------------------------------------------------------------------------------------------------


@pytest.mark.prove
def test_its_session_prints_what_it_says(house: Path) -> None:
    assert run(house, "session.py") == PRINTED


@pytest.mark.prove
def test_its_tests_pass_and_the_spec_and_the_transcript_are_right(house: Path) -> None:
    told = run(
        house,
        *("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"),
        "tests/features/stars",
        "tests/features/test_common_sql.py",
        "tests/features/test_slots.py",
        "tests/vectors/test_spec.py",
        "tests/vectors/test_second_reader.py::test_it_plays_the_transcript[tcp-stars]",
        *(f"tests/chat/test_permissions.py::{test}" for test in OF_PERMISSIONS),
        "tests/net/test_methods.py::test_every_answer_is_what_its_shape_says_field_by_field",
    )
    assert "passed" in told


@pytest.mark.prove
def test_its_mutant_is_caught(house: Path, tmp_path: Path) -> None:
    [shown] = re.findall(r"^```diff\n(Breaks: .*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "stars.patch").write_text(shown)
    mutant = read_mutant(tmp_path / "stars.patch")
    [path], [test] = mutant.touched, mutant.tests
    whole = (house / path).read_text()
    subprocess.run(["patch", "-p1", "-s"], input=mutant.diff, text=True, cwd=house, check=True)
    try:
        told = run(house, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", test, code=1)
    finally:
        (house / path).write_text(whole)
    assert mutant.breaks
    assert mutant.what
    assert "1 failed" in told


@pytest.mark.prove
def test_its_people_give_stars_in_the_simulation(house: Path) -> None:
    looked_at, stars, findings, *texts = run(house, "-c", SIMULATED).split()
    assert int(looked_at) > int(stars) > 0, "messages were looked at, and some have stars"
    assert int(findings) == 0, " ".join(texts)


@pytest.mark.prove
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

"""The runner itself, on a toy tree: which mutants count as caught, and which do not."""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.prove

ROOT = Path(__file__).resolve().parents[2]

SOURCE = """\
def add(a, b):
    return a + b


def double(a):
    return 2 * a


def half(a):
    return a / 2


def count_down(n):
    while n > 0:
        n -= 1
    return n


def unknown(a):
    return a


def prepared(a):
    return [a]
"""
TESTS = """\
import pytest
from imserver.sums import *

def test_add():
    assert add(2, 3) == 5

def test_double():
    assert double(4) == 8

@pytest.mark.timeout(5)
def test_count_down():
    assert count_down(3) == 0

def test_half_with_room():
    assert half(4) > 0

@pytest.fixture
def ready():
    [one] = prepared(7)
    return one

def test_ready(ready):
    assert ready
"""
OTHERS = """\
from imserver.sums import half

def test_half():
    assert half(4) == 2
"""
#: A proof is sabotaged as a product is: and it is its own tests that have to notice.
PROOF = """\
def judge(grown):
    assert grown < 10
"""
PROOF_TESTS = """\
import pytest
from tests.hostile.arena import judge

def test_judge():
    with pytest.raises(AssertionError):
        judge(11)
"""
#: Some twenty runs of pytest, most of whose time is loading plugins: without those that no toy test needs.
PYPROJECT = """\
[tool.pytest.ini_options]
addopts = ["--import-mode=importlib", "-p", "no:asyncio", "-p", "no:hypothesispytest"]
timeout_method = "thread"
"""
#: `-n auto` is still asked for, and is one process.
CONFTEST = "def pytest_xdist_auto_num_workers():\n    return 1\n"
FILES = {
    ".gitignore": "__pycache__/\n",
    "pyproject.toml": PYPROJECT,
    "imserver/__init__.py": "",
    "imserver/sums.py": SOURCE,
    "imserver/plugins/__init__.py": "",
    "imserver/plugins/ping/__init__.py": "",
    "imserver/plugins/booking/__init__.py": "",
    "protocol/imserver_protocol/__init__.py": "",
    "clients/python/imserver_client/__init__.py": "",
    "tests/__init__.py": "",
    "tests/conftest.py": CONFTEST,
    "tests/hostile/arena.py": PROOF,
    "tests/hostile/test_arena.py": PROOF_TESTS,
    "tests/store/test_sums.py": TESTS,
    "tests/test_others.py": OTHERS,
}


def diff(old: str, new: str, name: str = "imserver/sums.py") -> str:
    source = FILES[name]
    changed = source.replace(old, new)
    assert changed != source
    lines = difflib.unified_diff(
        source.splitlines(True), changed.splitlines(True), f"a/{name}", f"b/{name}", n=2
    )
    return "".join(lines)


def header(test: str, **more: str) -> str:
    lines = {
        "Breaks": "1",
        "What": "It does\n not work.",
        "Caught-by": f"tests/store/test_sums.py::{test}",
        **more,
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items()) + "\n"


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A source tree as git sees it, with nothing committed yet."""
    root = tmp_path / "toy"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def run(root: Path, folder: Path, **patches: str) -> tuple[int, str]:
    """Exit code and output."""
    folder.mkdir()
    for name, text in patches.items():
        (folder / f"{name.replace('_', '-')}.patch").write_text(text)
    before = (root / "imserver/sums.py").read_text()
    command = [sys.executable, "-m", "tests.mutants", "--folder", str(folder), "--root", str(root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (root / "imserver/sums.py").read_text() == before
    return done.returncode, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_what_is_noticed(toy: Path, tmp_path: Path) -> None:
    code, said = run(
        toy,
        tmp_path / "mutants",
        by_its_test=header("test_add") + diff("a + b", "a - b"),
        bare=diff("2 * a", "3 * a"),
        by_another_test=header("test_half_with_room") + diff("a / 2", "a / 3"),
        in_a_proof=diff("< 10", "< 12", "tests/hostile/arena.py"),
        by_hanging=header("test_count_down", Hangs="yes") + diff("n -= 1", "n -= 0"),
    )
    assert "caught 5 / planted 5" in said, said
    assert code == 0
    assert re.search(r"^caught +by-another-test  tests/test_others.py::test_half$", said, re.MULTILINE)
    assert re.search(r"^ *by-another-test .*\(not the test of its header\)", said, re.MULTILINE)
    assert re.search(r"^caught +in-a-proof  tests/hostile/test_arena.py::test_judge$", said, re.MULTILINE)
    assert re.search(r"^caught +bare  tests/store/test_sums.py::test_double$", said, re.MULTILINE)


@pytest.mark.timeout(300)
def test_what_does_not_count(toy: Path, tmp_path: Path) -> None:
    code, said = run(
        toy,
        tmp_path / "mutants",
        survives=header("test_add") + diff("return a\n", "return -a\n"),
        hangs=header("test_count_down") + diff("n -= 1", "n -= 0"),
        no_python=header("test_add") + diff("a + b", "a +"),
        no_import=header("test_add") + diff("def add(a, b):", "def add(a, b, c=nobody):"),
        not_made_ready=header("test_ready") + diff("return [a]", "return []"),
        does_not_apply=header("test_add") + diff("a + b", "a - b").replace("def add", "def sum"),
    )
    assert code == 1
    assert "caught 0 / planted 6 (1 survived, 1 hung, 4 unusable)" in said, said
    assert re.search(r"^unusable +not-made-ready", said, re.MULTILINE), "its test never ran"
    assert re.search(r"^unusable +no-python  cannot be imported: SyntaxError", said, re.MULTILINE)
    assert re.search(r"^unusable +no-import  cannot be imported: NameError", said, re.MULTILINE)
    assert re.search(r"^unusable +does-not-apply  does not apply any more", said, re.MULTILINE)


@pytest.mark.timeout(120)
def test_a_named_test_has_to_pass_without_the_mutant(toy: Path, tmp_path: Path) -> None:
    (toy / "tests/store/test_sums.py").write_text(TESTS.replace("== 5", "== 6"))
    code, said = run(toy, tmp_path / "mutants", one=header("test_add") + diff("a + b", "a - b"))
    assert code == 1
    assert "not green without any mutant: tests/store/test_sums.py::test_add" in said


def test_a_folder_without_patches_is_a_mistake(toy: Path, tmp_path: Path) -> None:
    code, said = run(toy, tmp_path / "mutants")
    assert (code, "no .patch or .diff files" in said) == (1, True)

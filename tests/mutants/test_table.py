"""The table fits the present tree: every patch applies, and its tests exist. `make mutants` runs them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from .patches import AREAS, TABLE, Mutant, read_table

ROOT = Path(__file__).resolve().parents[2]
#: Among which workers share what takes a second: what surrounds each patch is parsed.
SHARES = 2
_HUNK = re.compile(r"^@@ .*@@.*\n", re.MULTILINE)


@cache
def named_in(file: str) -> set[str]:
    """The tests of a file, as they stand in node ids."""
    found: set[str] = set()
    for node in ast.parse((ROOT / file).read_text()).body:
        if isinstance(node, ast.ClassDef):
            inner = (
                item.name for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
            )
            found.update(f"{node.name}::{name}" for name in inner)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and node.module:
            found |= named_in(f"{node.module.replace('.', '/')}.py")  # stories, which several play
    return found


@cache
def mutants() -> list[Mutant]:
    return read_table(TABLE)


def faults(check: Callable[[Mutant], str], share: int = 0, shares: int = 1) -> str:
    """What a check says of the mutants of a share, a line for each. A test for each of a thousand would take longer to report
    than to run."""
    found = [(mutant.name, check(mutant)) for mutant in mutants()[share::shares]]
    return "\n".join(f"{name} {fault}" for name, fault in found if fault)


@pytest.mark.parametrize("share", range(SHARES))
def test_a_patch_changes_one_place_of_the_present_tree(share: int) -> None:
    assert faults(misfit, share, SHARES) == ""


def misfit(mutant: Mutant) -> str:
    """Why a patch does not apply, or makes a file that Python cannot read; "" if nothing is wrong."""
    if len(mutant.touched) != 1:
        return f"touches {len(mutant.touched)} files"
    (file,) = mutant.touched
    if mutant.diff.count("\n@@ ") != 1:
        return "is not one hunk"
    _, hunk = _HUNK.split(mutant.diff)
    lines = hunk.splitlines(keepends=True)
    before = "".join(line[1:] or line for line in lines if line[0] in " -\n")
    source = (ROOT / file).read_text()
    if source.count(before) != 1:
        return "does not apply any more, or at more than one place"
    new = "".join(line[1:] or line for line in lines if line[0] in " +\n")
    after, start = source.replace(before, new), source.index(before)
    try:
        if file.endswith(".py"):
            parse(after, start, start + len(new))
    except SyntaxError as error:
        return f"is no Python: {error}"
    return ""


#: Where something begins that Python reads by itself: a function or class of a module, or a method.
_DEFINITION = re.compile(r"^(?: {4})?(?:@|def |class |async def )", re.MULTILINE)


def parse(source: str, start: int, end: int) -> None:
    """Read the definitions around a change, and the whole file only if they do not stand by themselves: the whole files of a
    thousand patches take ten times as long. Raises SyntaxError."""
    places = [0, *(found.start() for found in _DEFINITION.finditer(source)), len(source)]
    around = source[max(at for at in places if at <= start) : min(at for at in places if at >= end)]
    try:
        ast.parse(f"if True:\n{around}" if around.startswith(" ") else around)
    except SyntaxError:
        ast.parse(source)


def test_a_patch_says_what_it_breaks_and_who_notices() -> None:
    assert faults(unsaid) == ""


def unsaid(mutant: Mutant) -> str:
    """What its header does not say, or says of a test that does not exist; "" if nothing is wrong."""
    if not (mutant.what and mutant.breaks and mutant.tests):
        return "lacks What, Breaks or Caught-by in its header"
    for test in mutant.tests:
        file, _, name = test.partition("::")
        if not (ROOT / file).is_file() or name.partition("[")[0] not in named_in(file):
            return f"names {test}, which is not there"
    return ""


def test_every_invariant_that_a_line_can_break_has_a_mutant() -> None:
    broken = {word.strip(",") for mutant in mutants() for word in mutant.breaks.split()}
    assert broken >= {str(number) for number in range(1, 25)} | {"plugins"}
    assert len(mutants()) >= 45


def test_every_source_folder_has_its_area() -> None:
    for folder in ("protocol", "imserver", "clients/python", "benchmarks"):
        assert any(f"{folder}/".startswith(start) or start.startswith(folder) for start, _ in AREAS)
    for start, areas in AREAS:
        assert any((ROOT / area).is_dir() for area in areas) or start == "benchmarks/"

"""The table fits the present tree: every patch applies, and its tests exist. `make mutants` runs them."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from .patches import AREAS, TABLE, Mutant, read_table

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = read_table(TABLE)
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
    return found


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_patch_changes_one_place_of_the_present_tree(mutant: Mutant) -> None:
    (file,) = mutant.touched
    _, hunk = _HUNK.split(mutant.diff)
    lines = hunk.splitlines(keepends=True)
    before = "".join(line[1:] or line for line in lines if line[0] in " -\n")
    source = (ROOT / file).read_text()
    assert source.count(before) == 1, f"{mutant.path.name} does not apply any more, or at more than one place"
    after = source.replace(before, "".join(line[1:] or line for line in lines if line[0] in " +\n"))
    if file.endswith(".py"):
        ast.parse(after)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_patch_says_what_it_breaks_and_who_notices(mutant: Mutant) -> None:
    assert mutant.what
    assert mutant.breaks
    assert mutant.tests
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert name.partition("[")[0] in named_in(file), test


def test_every_invariant_that_a_line_can_break_has_a_mutant() -> None:
    broken = {word.strip(",") for mutant in MUTANTS for word in mutant.breaks.split()}
    assert broken >= {str(number) for number in range(1, 25)} | {"plugins"}
    assert len(MUTANTS) >= 45


def test_every_source_folder_has_its_area() -> None:
    for folder in ("protocol", "imserver", "clients/python", "benchmarks"):
        assert any(f"{folder}/".startswith(start) or start.startswith(folder) for start, _ in AREAS)
    for start, areas in AREAS:
        assert any((ROOT / area).is_dir() for area in areas) or start == "benchmarks/"

"""What `compiled.txt` asks of the modules that may be compiled, and of those that deal with their errors."""

from __future__ import annotations

import ast
import importlib
import inspect
from dataclasses import is_dataclass
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).resolve().parent.parent
COMPILED = [line for line in (ROOT / "compiled.txt").read_text().splitlines() if not line.startswith("#")]
SHAPES_ROOT = ROOT / "protocol" / "imserver_protocol" / "methods"


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_module_defines_no_struct_and_no_dataclass(name: str) -> None:
    module = importlib.import_module(name)
    own = [each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == name]
    assert [each for each in own if issubclass(each, msgspec.Struct) or is_dataclass(each)] == []


@pytest.mark.parametrize(
    "folder", ["imserver", "protocol/imserver_protocol", "clients/python/imserver_client"]
)
def test_no_decision_hangs_on_the_cause_of_an_error(folder: str) -> None:
    """It may be set, for the log; whoever needs it reads an attribute of the error."""
    read = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("__cause__", "__context__")
        and isinstance(node.ctx, ast.Load)
    ]
    assert read == []


@pytest.mark.parametrize("path", sorted(SHAPES_ROOT.glob("*.py")), ids=lambda path: path.stem)
def test_methods_are_shapes_without_a_function(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, functions)] == []

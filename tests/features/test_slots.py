"""A feature is a handful of files of its name, and a line in each of two lists; no other file of ours names it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from imserver import features
from imserver.feature_api import Feature
from imserver.features import FEATURES

ROOT = Path(__file__).resolve().parents[2]
SHELVES = (ROOT / "imserver", ROOT / "protocol/imserver_protocol", ROOT / "clients/python/imserver_client")
#: The two lists.
LISTS = ("imserver/features/__init__.py", "clients/python/imserver_client/features/__init__.py")
MOST_FILES = 10
#: Files that use a feature's word for something else.
OTHERWISE = {
    ("blocks", "imserver/store/sqlite/positions.py"): "rows of messages are read in blocks",
    ("blocks", "imserver/store/sqlite/reader.py"): "rows of messages are read in blocks",
    ("edits", "imserver/store/sqlite/plugin_sandbox.py"): "SQLite has a function called edit",
    ("edits", "imserver/store/checks/contents.py"): "contents that were replaced, by whomever",
    ("edits", "imserver/plugin_api.py"): "plugins edit their own messages",
    ("edits", "imserver/plugin_host/transaction.py"): "plugins edit their own messages",
    ("edits", "imserver/plugins/booking/dialogue/joined.py"): "plugins edit their own messages",
    ("edits", "imserver/plugins/booking/journey/notify.py"): "plugins edit their own messages",
    ("edits", "imserver/plugins/booking/journey/offers.py"): "plugins edit their own messages",
    ("edits", "imserver/plugins/booking/read_once.py"): "plugins edit their own messages",
    ("reactions", "clients/python/imserver_client/core/reconnect.py"): "how a client reacts to a close",
    ("reactions", "imserver/proof/booking/customer.py"): "how a customer reacts to a card",
}


def slots(name: str) -> list[Path]:
    """The files that a feature may have, as far as it has them."""
    package = ROOT / "imserver/features" / name
    single = [
        ROOT / f"protocol/imserver_protocol/methods/{name}.py",
        ROOT / f"clients/python/imserver_client/features/{name}.py",
        ROOT / f"imserver/proof/acts/{name}.py",
        ROOT / f"imserver/conformance/parts/{name}.py",
        ROOT / f"imserver/cli/chat/{name}.py",
    ]
    mine = [path for path in package.rglob("*") if path.suffix in (".py", ".sql")]
    return [*mine, *(path for path in single if path.exists())]


def sources() -> Iterator[Path]:
    for shelf in SHELVES:
        yield from shelf.rglob("*.py")


def words_of(feature: Feature) -> set[str]:
    """Its name, the names of its methods, signals and pushes, and what its modules for others define."""
    said = {feature.name, *(row.method.name for row in feature.methods)}
    said |= {heard.signal.kind for heard in feature.signals} | {told.push.kind for told in feature.pushes}
    for path in slots(feature.name):
        if path.parent.name in ("methods", "features") and path.name == f"{feature.name}.py":
            said |= {*defined(ast.parse(path.read_text()))}
    return said


def defined(module: ast.Module) -> Iterator[str]:
    """Public names of a module."""
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


@cache
def words_of_file(path: Path) -> frozenset[str]:
    """Read once for all features."""
    return frozenset(words_in(path.read_text()))


def words_in(source: str) -> set[str]:
    """Every name and every string of a module, but its docstrings and what comes from Python itself."""
    found: set[str] = set()
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.arg(arg=word):
                found.add(word)
            case ast.FunctionDef(name=word) | ast.AsyncFunctionDef(name=word) | ast.ClassDef(name=word):
                found.add(word)
            case ast.keyword(arg=str(word)):
                found.add(word)
            case ast.Constant(value=str(word)) if id(node) not in docstrings:
                found.add(word)
            case ast.ImportFrom(module=module, names=names, level=level):
                if level or (module or "").partition(".")[0] not in sys.stdlib_module_names:
                    found |= {*(module or "").split("."), *(alias.name for alias in names)}
                found |= {alias.asname for alias in names if alias.asname}
            case ast.Import(names=names):
                for alias in names:
                    if alias.name.partition(".")[0] not in sys.stdlib_module_names:
                        found |= set(alias.name.split("."))
    return found


def named_elsewhere(feature: Feature) -> dict[str, set[str]]:
    """Files that are no slot of the feature and no list, and the words of the feature that stand there."""
    mine, words = {*slots(feature.name)}, words_of(feature)
    found = {
        str(path.relative_to(ROOT)): words & words_of_file(path) for path in sources() if path not in mine
    }
    return {
        path: said
        for path, said in found.items()
        if said and path not in LISTS and (feature.name, path) not in OTHERWISE
    }


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_no_file_beside_its_own_names_a_feature(feature: Feature) -> None:
    assert named_elsewhere(feature) == {}


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_is_a_handful_of_files_and_two_lines(feature: Feature) -> None:
    assert 1 <= len(slots(feature.name)) <= MOST_FILES
    for path in LISTS:
        lines = (ROOT / path).read_text().splitlines()
        assert (
            len([line for line in lines if feature.name in line and not line.startswith(("from ", '"""'))])
            == 1
        )


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_what_a_feature_says_stands_in_the_module_of_its_name(feature: Feature) -> None:
    said = [row.method.params for row in feature.methods]
    said += [heard.signal.said for heard in feature.signals] + [told.push.fields for told in feature.pushes]
    assert {kind.__module__ for kind in said} == {f"imserver_protocol.methods.{feature.name}"}


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_uses_its_own_methods_and_nobody_elses(feature: Feature) -> None:
    """On the server; a client's feature may ask the kernel, as edits read a page again."""
    theirs = {f"imserver_protocol.methods.{other.name}" for other in FEATURES if other is not feature}
    own = {f"imserver_protocol.methods.{feature.name}", "imserver_protocol.methods.descriptors"}
    for path in (path for path in slots(feature.name) if path.suffix == ".py"):
        used = {name for name in imports_of(path) if name.startswith("imserver_protocol.methods")}
        assert not used & theirs, path
        if ROOT / "imserver/features" in path.parents:
            assert used <= own, path


def test_the_list_is_what_stands_in_the_folder() -> None:
    folders = {path.parent.name for path in (ROOT / "imserver/features").glob("*/__init__.py")}
    assert {*features.NAMES} == folders
    assert [feature.name for feature in FEATURES] == [*features.NAMES]
    assert all(isinstance(feature, Feature) for feature in FEATURES)
    assert isinstance(features, ModuleType)


@pytest.mark.parametrize(
    "line",
    [
        "from imserver.features.typing import relay",
        "from imserver_protocol.methods.typing import TYPING",
        "import imserver_client.features.typing",
        "client.typing.tell('here')",
        "if kind == 'typing': pass",
        "def heard(said: TypingSaid) -> None: ...",
        "handle(typing=True)",
        "class Typists: ...",
    ],
)
def test_who_names_it_is_found(line: str) -> None:
    [feature] = [feature for feature in FEATURES if feature.name == "typing"]
    assert words_of(feature) & words_in(f'"""typing in a docstring"""\nfrom typing import Any\n{line}\n')


def test_other_words_are_not_meant() -> None:
    [feature] = [feature for feature in FEATURES if feature.name == "typing"]
    source = '"""Of typing."""\nfrom typing import Any\nimport typing\n#: typing\nx: Any = "typing a line"\n'
    assert not words_of(feature) & words_in(source)

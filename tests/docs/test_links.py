"""Every relative link of every page leads to a file, and to a heading in it. No network: other sites are not asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .anchors import anchors
from .console import DOCS

ROOT = DOCS.parent
FOLDERS = (".", "docs", "docs/decisions", "benchmarks", "clients", "protocol", "tests")
PAGES = sorted(
    {
        page
        for folder in FOLDERS
        for page in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
        if "node_modules" not in page.parts
    }
)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
#: `from` with its dots, a module and the names behind `import`, in brackets or not.
IMPORT = re.compile(r"^[ \t]*from (\.*)([\w.]*) import (\([^)]*\)|[^\n#]*)", re.MULTILINE)


def links(page: Path) -> list[str]:
    """The page's links, without those in code."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    return [one or other for one, other in LINK.findall(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_heading_that_is_there(page: Path) -> None:
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not heading or heading in anchors(file), target


def test_the_pages_that_a_stranger_looks_for_are_there() -> None:
    assert {"README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md"} <= {
        str(page.relative_to(ROOT)) for page in PAGES
    }


def imports(path: Path) -> Iterator[str]:
    """What a module imports by `from`: each name behind its module, with dots. Parsing them all would take seconds."""
    here = path.relative_to(ROOT).with_suffix("").parts
    for dots, module, names in IMPORT.findall(path.read_text("utf-8")):
        above = here[: -len(dots)] if dots else ()
        for name in re.findall(r"[\w*]+", names):
            yield ".".join(filter(None, [*above, module, name]))


def test_no_test_module_is_imported() -> None:
    """It would tie two tests together: what several use stands in a module of its own (tests/README.md)."""
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "tests").rglob("*.py")
        for name in imports(path)
        if re.match(r"tests\.(\w+\.)*test_", name)
    }
    assert found == set()

"""Tables of docs/operating.md are those of the code: lines of the log, what keeps a server from starting, commands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from imserver.cli.app import COMMANDS

from .console import DOCS

ROOT = DOCS.parent
PAGE = (DOCS / "operating.md").read_text("utf-8")
LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
#: Who logs under a name that was given: the places are read for it.
TOLD_BY = ("_complain", "_log_failure")
#: Faults of a program, which the page leaves to one sentence below its table.
FAULTS = {
    "backup_failed",
    "connection_failed",
    "control_request_failed",
    "fan_out_failed",
    "follow_failed",
    "access_not_ended",
    "handshake_failed",
    "http_connection_failed",
    "http_handler_failed",
    "http_handler_late",
    "http_request_failed",
    "observer_failed",
    "plugin_cursors_not_stored",
    "plugin_handler_failed_after_commit",
    "plugin_handler_failed_late",
    "plugin_handler_left_behind",
    "plugin_reload_failed",
    "plugin_worker_fault",
    "reply_failed",
    "request_failed",
    "review_failed",
    "settle_failed",
    "signal_failed",
    "sweep_failed",
    "tap_failed",
    "watcher_failed",
}
PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


@cache
def trees() -> list[ast.Module]:
    """The server, without its plugins (whose lines bear their name) and the proofs."""
    package = ROOT / "imserver"
    return [
        ast.parse(path.read_text("utf-8"))
        for path in sorted(package.rglob("*.py"))
        if not {"proof", "plugins"} & set(path.relative_to(package).parts)
    ]


def events() -> Iterator[str]:
    """Names of the lines that the code logs."""
    for tree in trees():
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=of, attr=name), args=[first, *_]) if (
                    name in LEVELS and "log" in ast.unparse(of).lower()
                ):
                    yield from _texts(first)
                case ast.Call(func=function, args=arguments) if any(
                    name in ast.unparse(each) for each in (function, *arguments) for name in TOLD_BY
                ):
                    yield from (text for each in arguments for text in _texts(each))
                case ast.Assign(targets=[ast.Subscript(value=ast.Name(id="warnings"), slice=name)]):
                    yield from _texts(name)
                case ast.Yield(value=ast.Tuple(elts=[name, ast.Dict()])):  # cautions
                    yield from _texts(name)


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id == "OLDER_COPY":
        yield "older_copy_suspected"


def table(head: str) -> list[list[str]]:
    rows = PAGE.split(head)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def test_each_line_of_the_log_is_explained_and_each_that_is_explained_is_logged() -> None:
    explained = {name for row in table("| line | means |") for name in re.findall(r"`(\w+)`", row[0])}
    logged = {name for name in events() if re.fullmatch(r"[a-z_]+", name)}
    assert logged - explained - FAULTS == set()
    assert explained - logged == set()
    assert not FAULTS - logged


def test_what_the_page_says_of_a_start_is_said_by_the_code() -> None:
    """Each piece of a line that holds no name, path or number."""
    texts = [
        node.value
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    said = "\n".join(texts)
    ours = {
        "No such file or directory",
        "No space left on device",
        "Permission denied",
        "file is not a database",
    }
    for row in table("| line | do |"):
        for line in re.findall(r"`([^`]+)`", row[0]):
            pieces = re.split(
                r"…|imserver\.(?:toml|db)(?:\.high)?|127[\d.:]+|\b\d+\b|\$[\w.]+|'\w+'|^: |: (?=no )", line
            )
            known = [piece.strip(" :,") for piece in pieces if len(piece.strip(" :,")) > 3]
            assert known, line
            missing = [
                piece for piece in known if piece.removeprefix("is ") not in said and piece not in ours
            ]
            assert missing == [], line


def test_every_command_is_on_the_page() -> None:
    named = set(re.findall(r"\bimserver (?:--config FILE )?([a-z]+)\b", PAGE))
    assert set(COMMANDS) - named == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_table_has_a_head_and_rows_of_its_width(page: Path) -> None:
    """A blank line inside a table leaves its other rows without a head: they are shown as a line of text."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for table in re.finditer(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = table[0].splitlines()
        assert len(rows) > 1, rows[0]
        assert re.fullmatch(r"(\|:?-+:?)+\|", rows[1]), rows[0]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1, rows[0]

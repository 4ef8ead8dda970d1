"""Finds the SQL of plugins: what stands in their source as text, and what they hand to the host while they run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from imserver.plugin_host.context import PluginContext
from imserver.plugin_host.snapshot import PluginSnapshot
from imserver.plugin_host.transaction import PluginTransaction

#: The begin of a statement; tables are made by migrations, which are asked for themselves.
_WHOLE = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\b")
#: What a text has that is a piece of one.
_PIECE = re.compile(
    r"\w [=<>]{1,2} \?(?=$|[ ,)])|\b(WHERE|ORDER BY|GROUP BY|LIMIT|VALUES|COALESCE|COUNT|SELECT)\b"
)

Params = Sequence[Any]


class Written:
    """A text of the source: `parts` are constant, None is what is only known when it runs."""

    def __init__(self, place: str, parts: Sequence[str | None]) -> None:
        self.place = place
        self._parts = parts

    @property
    def constant(self) -> str | None:
        """The whole text, if nothing of it waits for a value."""
        known = [part for part in self._parts if part is not None]
        return "".join(known) if len(known) == len(self._parts) else None

    @property
    def is_statement(self) -> bool:
        return bool(self._parts and _WHOLE.match(self._parts[0] or ""))

    @property
    def is_sql(self) -> bool:
        return self.is_statement or any(part and _PIECE.search(part) for part in self._parts)

    def is_in(self, statement: str) -> bool:
        pattern = "".join(".*" if part is None else re.escape(part) for part in self._parts)
        return re.search(pattern, statement, re.DOTALL) is not None

    def __repr__(self) -> str:
        return f"{self.place}: {''.join('…' if part is None else part for part in self._parts)}"


def written_in(source: str, name: str) -> list[Written]:
    """The SQL in a Python source, docstrings aside. Neighbours joined by `+`, and f-strings, are one text."""
    tree = ast.parse(source)
    return [found for found in _texts(tree, name) if found.is_sql]


def written_under(folder: Path) -> list[Written]:
    """The SQL in all modules of a folder."""
    return [
        found
        for path in sorted(folder.rglob("*.py"))
        for found in written_in(path.read_text("utf-8"), str(path.relative_to(folder.parent)))
    ]


def _texts(node: ast.AST, name: str) -> Iterator[Written]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    parts = _parts(node) if isinstance(node, ast.expr) else [None]
    if any(part is not None for part in parts):
        yield Written(f"{name}:{getattr(node, 'lineno', 0)}", parts)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _texts(child, name)


def _parts(node: ast.expr) -> list[str | None]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return [part for value in node.values for part in _parts(value)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_parts(node.left), *_parts(node.right)]
    return [None]


@contextmanager
def recorded() -> Iterator[list[str]]:
    """The statements that plugins hand to the host meanwhile: in transactions, reads and checks, in order, each once."""
    heard: dict[str, None] = {}
    execute, ask, read = PluginTransaction.execute, PluginSnapshot.__call__, PluginContext.read

    def heard_execute(self: PluginTransaction, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        heard[sql] = None
        return execute(self, sql, params)

    def heard_ask(self: PluginSnapshot, sql: str, params: Params = (), /) -> list[tuple[Any, ...]]:
        heard[sql] = None
        return ask(self, sql, params)

    async def heard_read(self: PluginContext, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        heard[sql] = None
        return await read(self, sql, params)

    found: list[str] = []
    with (
        patch.object(PluginTransaction, "execute", heard_execute),
        patch.object(PluginSnapshot, "__call__", heard_ask),
        patch.object(PluginContext, "read", heard_read),
    ):
        yield found
        found += heard

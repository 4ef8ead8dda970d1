"""The common subset of SQL: what SQLite and PostgreSQL both take, and both take for the same.

`faults` asks the parser of each: SQLite itself prepares the statement on the plugin's tables, and PostgreSQL's own grammar
(pglast, the server's parser as a library) makes the tree, in which this module looks for what parses there and means something
else, or fails when it runs. What a second engine translates is done before, by `for_postgresql`, which knows no more than that
engine will.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import pglast
from pglast import ast
from pglast.enums import A_Expr_Kind, ConstrType, SortByNulls, SubLinkType

from imserver.plugin_api import Migration
from imserver.store.sqlite.plugin_sandbox import statements

#: Functions that mean the same in both, with as many arguments. A new one is a decision: compare the two manuals first.
FUNCTIONS = {"abs": 1, "count": 1, "length": 1, "max": 1, "min": 1, "sum": 1}
AGGREGATES = frozenset({"count", "max", "min", "sum"})
OPERATORS = frozenset({"=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||"})
COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
#: As PostgreSQL's grammar calls INTEGER and TEXT.
TYPES = frozenset({"int4", "text"})
STATEMENTS = (
    ast.SelectStmt,
    ast.InsertStmt,
    ast.UpdateStmt,
    ast.DeleteStmt,
    ast.CreateStmt,
    ast.IndexStmt,
    ast.AlterTableStmt,
    ast.RenameStmt,
    ast.DropStmt,
)
_ROW_NUMBERS = frozenset({"rowid", "oid", "_rowid_"})
_CONDITIONS = (ast.BoolExpr, ast.NullTest, ast.BooleanTest, ast.SubLink)
_CONDITION_KINDS = frozenset(
    {
        A_Expr_Kind.AEXPR_IN,
        A_Expr_Kind.AEXPR_BETWEEN,
        A_Expr_Kind.AEXPR_NOT_BETWEEN,
    }
)
_KINDS = _CONDITION_KINDS | {A_Expr_Kind.AEXPR_OP, A_Expr_Kind.AEXPR_NULLIF}
#: Where a condition stands; everywhere else stands a value.
_CONDITION_PLACES = frozenset(
    {
        (ast.SelectStmt, "whereClause"),
        (ast.SelectStmt, "havingClause"),
        (ast.UpdateStmt, "whereClause"),
        (ast.DeleteStmt, "whereClause"),
        (ast.OnConflictClause, "whereClause"),
        (ast.InferClause, "whereClause"),
        (ast.IndexStmt, "whereClause"),
        (ast.JoinExpr, "quals"),
        (ast.BoolExpr, "args"),
        (ast.FuncCall, "agg_filter"),
    }
)

#: What is no code, a mark of a parameter, or a word of SQLite's that PostgreSQL gets without.
_TOKEN = re.compile(
    r"""(?P<skip> '(?:[^']|'')*' | --[^\n]* | /\*.*?\*/ )
      | (?P<quoted> "(?:[^"]|"")*" )
      | (?P<mark> \?(?!\d) )
      | (?P<named> \?\d+ | [:@$]\w+ )
      | (?P<without> \bWITHOUT\s+ROWID\b )""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


def for_postgresql(sql: str) -> str:
    """The statement as a second engine sends it: `?` outside literals is `$n`, and WITHOUT ROWID is gone.

    That it makes INTEGER bigint, and numbers INTEGER PRIMARY KEY itself, changes nothing for a parser.
    """
    count = 0

    def changed(token: re.Match[str]) -> str:
        nonlocal count
        if token["mark"]:
            count += 1
            return f"${count}"
        return "" if token["without"] else token[0]

    return _TOKEN.sub(changed, sql)


def faults(sql: str, tables: sqlite3.Connection) -> list[str]:
    """A line for each thing in a statement on `tables` that is outside the subset."""
    found = [*_strange_tokens(sql), *_sqlite_faults(sql, tables)]
    try:
        trees = pglast.parse_sql(for_postgresql(sql))
    except pglast.parser.ParseError as error:
        return [*found, f"PostgreSQL does not parse it: {error}"]
    for tree in trees:
        if not isinstance(tree.stmt, STATEMENTS):
            found.append(f"{type(tree.stmt).__name__}: a plugin only makes tables, and reads and writes rows")
        named = {table.relname for table in _below(tree.stmt, ast.RangeVar)}
        found += _walk(tree.stmt, Schema.of(tables, named), condition=False)
    return list(dict.fromkeys(found))


def _strange_tokens(sql: str) -> Iterator[str]:
    for token in _TOKEN.finditer(sql):
        if token["named"]:
            yield f"{token[0]}: a parameter is `?`"
        elif token["quoted"]:
            yield f"{token[0]}: a name needs no quotes, and a text has single ones (SQLite takes these for either)"


def _sqlite_faults(sql: str, tables: sqlite3.Connection) -> Iterator[str]:
    marks = sum(1 for token in _TOKEN.finditer(sql) if token["mark"])
    try:
        tables.execute(f"EXPLAIN {sql}", [None] * marks).fetchall()
    except (sqlite3.Error, sqlite3.Warning) as error:
        yield f"SQLite does not prepare it: {error}"


@dataclass(frozen=True, slots=True)
class Schema:
    """What a rule has to know of the tables that a statement names."""

    #: Table -> columns.
    primary_keys: Mapping[str, AbstractSet[str]]
    #: Columns of any of them that may be NULL.
    nullable: AbstractSet[str]

    @classmethod
    def of(cls, tables: sqlite3.Connection, named: AbstractSet[str]) -> Schema:
        keys: dict[str, set[str]] = {}
        nullable = set()
        for table in named:
            for _, column, _, filled, _, key in tables.execute(f"PRAGMA table_info({table})"):
                if key:
                    keys.setdefault(table, set()).add(column)
                elif not filled:
                    nullable.add(column)
        return cls(keys, nullable)


# -- the tree ---------------------------------------------------------------------------------------------------------


def _walk(node: Any, schema: Schema, *, condition: bool) -> Iterator[str]:
    """Faults of a node and of all below it. `condition` says which of the two its place wants; values are not booleans."""
    if isinstance(node, tuple):
        for part in node:
            yield from _walk(part, schema, condition=condition)
        return
    if not isinstance(node, ast.Node):
        return
    if condition and not _is_condition(node):
        yield "a value as a condition: compare it, `= 1`"
    if not condition and _is_condition(node):
        yield "a condition as a value: booleans by CASE WHEN … THEN 1 ELSE 0 END"
    if (rule := _RULES.get(type(node))) is not None:
        yield from rule(node)
    if isinstance(node, ast.SortBy):
        yield from _order_faults(node, schema)
    if isinstance(node, ast.SelectStmt):
        yield from _lone_columns(node, schema)
    if isinstance(node, ast.CaseExpr) and node.arg is not None:  # CASE value WHEN value
        for when in node.args or ():
            yield from _walk((when.expr, when.result), schema, condition=False)
        yield from _walk((node.arg, node.defresult), schema, condition=False)
        return
    for name in node:
        wanted = (type(node), name) in _CONDITION_PLACES or _is_place_of_condition(node, name)
        yield from _walk(getattr(node, name), schema, condition=wanted)


def _is_condition(node: ast.Node) -> bool:
    if isinstance(node, ast.A_Expr):
        return node.kind in _CONDITION_KINDS or (
            node.kind == A_Expr_Kind.AEXPR_OP and _named(node.name) in COMPARISONS
        )
    if isinstance(node, ast.SubLink):
        return node.subLinkType in {SubLinkType.EXISTS_SUBLINK, SubLinkType.ANY_SUBLINK}
    return isinstance(node, _CONDITIONS) or (
        isinstance(node, ast.A_Const) and isinstance(node.val, ast.Boolean)
    )


def _is_place_of_condition(node: ast.Node, name: str) -> bool:
    if isinstance(node, ast.Constraint):
        return name == "raw_expr" and node.contype == ConstrType.CONSTR_CHECK
    return isinstance(node, ast.CaseWhen) and name == "expr"


def _named(name: tuple[ast.String, ...] | None) -> str:
    return ".".join(part.sval or "" for part in name or ())


def _column(node: ast.ColumnRef) -> list[str]:
    return [part.sval or "" for part in node.fields or () if isinstance(part, ast.String)]


def _column_faults(node: ast.ColumnRef) -> Iterator[str]:
    name = _column(node)
    if name and name[-1].lower() in _ROW_NUMBERS:
        yield f"{name[-1]}: only SQLite numbers the rows"


def _function_faults(node: ast.FuncCall) -> Iterator[str]:
    name = _named(node.funcname)
    count = 1 if node.agg_star else len(node.args or ())
    if name not in FUNCTIONS:
        yield f"{name}(): not among the functions that mean the same in both ({', '.join(FUNCTIONS)})"
    elif count != FUNCTIONS[name]:
        yield f"{name}() of {count}: takes {FUNCTIONS[name]} argument here"
    if node.over is not None:
        yield "OVER: windows are not compared yet"


def _operator_faults(node: ast.A_Expr) -> Iterator[str]:
    name = _named(node.name)
    if node.kind not in _KINDS:
        yield f"{name}: LIKE, IS DISTINCT FROM and their kin are not the same in both"
    elif node.kind == A_Expr_Kind.AEXPR_OP and name not in OPERATORS:
        yield f"{name}: not among the operators that mean the same in both ({' '.join(sorted(OPERATORS))})"


def _conflict_faults(node: ast.OnConflictClause) -> Iterator[str]:
    if node.infer is None:
        yield "ON CONFLICT without a target: name the columns of the key"
    values = (part.val for part in node.targetList or () if isinstance(part, ast.ResTarget))
    for place in (*values, node.whereClause):
        for column in _below(place, ast.ColumnRef):
            if len(_column(column)) == 1:
                yield f"{_column(column)[0]} after DO UPDATE: say whose, the table's or excluded's"


def _null_test_faults(node: ast.NullTest) -> Iterator[str]:
    if isinstance(node.arg, ast.ParamRef):
        yield "? IS NULL: nothing gives the parameter a type; say COALESCE(?, column)"


def _order_faults(node: ast.SortBy, schema: Schema) -> Iterator[str]:
    column = _column(node.node)[-1:] if isinstance(node.node, ast.ColumnRef) else []
    if schema.nullable & set(column) and node.sortby_nulls == SortByNulls.SORTBY_NULLS_DEFAULT:
        yield f"ORDER BY {column[0]}, which may be NULL: say NULLS FIRST, as SQLite does, or NULLS LAST, as PostgreSQL"


def _type_faults(node: ast.TypeName) -> Iterator[str]:
    name = (node.names or ())[-1].sval if node.names else ""
    if name not in TYPES:
        yield f"the type {name}: a column is INTEGER or TEXT"


def _table_faults(node: ast.CreateStmt) -> Iterator[str]:
    for column in _below(node.tableElts, ast.ColumnDef):
        if column.typeName is None:
            yield f"the column {column.colname} has no type: a column is INTEGER or TEXT"


def _lone_columns(node: ast.SelectStmt, schema: Schema) -> Iterator[str]:
    """Columns beside an aggregate: of which row? SQLite takes one, PostgreSQL wants them, or their table's key, in GROUP BY."""
    outside = list(_outside_aggregates(node.targetList))
    calls = _below(node.targetList, ast.FuncCall, deep=False)
    if not node.groupClause and not any(_named(call.funcname) in AGGREGATES for call in calls):
        return
    grouped = {tuple(_column(column)) for column in _below(node.groupClause, ast.ColumnRef)}
    tables = {
        (table.alias.aliasname if table.alias else table.relname): table.relname
        for table in _below(node.fromClause, ast.RangeVar, deep=False)
    }
    only = next(iter(tables)) if len(tables) == 1 else ""
    whole = {
        name
        for name, table in tables.items()
        if (key := schema.primary_keys.get(table or ""))
        and key
        <= {column[-1] for column in grouped if column[:-1] in {(name,), () if name == only else (name,)}}
    }
    for column in outside:
        name = tuple(_column(column))
        if name not in grouped and (name[0] if len(name) > 1 else only) not in whole:
            yield f"{'.'.join(name)} beside an aggregate: group by it, or by the primary key of its table"


def _outside_aggregates(node: Any) -> Iterator[ast.ColumnRef]:
    if isinstance(node, tuple):
        for part in node:
            yield from _outside_aggregates(part)
    elif isinstance(node, ast.ColumnRef):
        yield node
    elif isinstance(node, ast.Node) and not isinstance(node, ast.SelectStmt):
        if isinstance(node, ast.FuncCall) and _named(node.funcname) in AGGREGATES:
            return
        for name in node:
            yield from _outside_aggregates(getattr(node, name))


def _below(node: Any, kind: type[Any], *, deep: bool = True) -> Iterator[Any]:
    """All nodes of a kind; without `deep`, not those of a SELECT inside."""
    if isinstance(node, tuple):
        for part in node:
            yield from _below(part, kind, deep=deep)
    elif isinstance(node, ast.Node) and (deep or not isinstance(node, ast.SelectStmt)):
        if isinstance(node, kind):
            yield node
        for name in node:
            yield from _below(getattr(node, name), kind, deep=deep)


def _always(fault: str) -> Callable[[Any], Iterator[str]]:
    return lambda node: iter((fault,))


_RULES: dict[type[ast.Node], Callable[[Any], Iterator[str]]] = {
    ast.ColumnRef: _column_faults,
    ast.FuncCall: _function_faults,
    ast.A_Expr: _operator_faults,
    ast.OnConflictClause: _conflict_faults,
    ast.NullTest: _null_test_faults,
    ast.TypeName: _type_faults,
    ast.CreateStmt: _table_faults,
    ast.SQLValueFunction: _always("the time is a parameter, in integer milliseconds: `tx.now_ms`"),
    ast.CollateClause: _always("COLLATE: texts compare by their bytes, in both, without a word"),
    ast.MinMaxExpr: _always("GREATEST, LEAST: unknown to SQLite"),
}


def made(migrations: Sequence[Migration]) -> tuple[sqlite3.Connection, list[str]]:
    """The tables of a plugin, and what is wrong with the statements that make them."""
    tables = sqlite3.connect(":memory:", isolation_level=None)
    found = []
    for migration in migrations:
        for statement in filter(lambda text: text.strip("\n ;"), statements(migration.sql)):
            found += [f"migration {migration.number}: {fault}" for fault in faults(statement, tables)]
            tables.execute(statement)
    return tables, found

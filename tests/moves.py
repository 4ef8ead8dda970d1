"""Moves and renames from commit 84f8d70 to the present tree, as one table (`moves.toml`): for the tree once, for patches since.

    python -m tests.moves --apply          move and rename the files of this tree (done once; the tree already stands)
    python -m tests.moves --patch FILE     print a patch made against 84f8d70 so that it applies to today's tree

A patch is translated by planting it in the old file, moving the old file twice, with and without the sabotage, and looking for
the place of the difference in today's tree: in the file that the table names, else in the file that holds the same lines.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import fnmatch
import io
import os
import re
import subprocess
import sys
import tempfile
import tokenize
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_suffix(".toml")
#: The commit that every name of the table's left side belongs to.
BASE = "84f8d70"
#: Folders that hold packages without being one.
SHELVES = ("protocol/", "clients/python/")
#: Files that are rewritten: by suffix, or by name.
SUFFIXES = frozenset({".py", ".md", ".toml", ".patch", ".json", ".sh", ".c", ".html", ".yml"})
NAMES = frozenset({"Makefile", ".gitignore", "run"})
#: Never rewritten: the table itself, its program, and what only quotes the past.
EXEMPT = ("tests/moves.", "CHANGELOG.md", "requirements.lock", "benchmarks/results/", "docs/decisions/")
#: What `make fmt` formats.
FORMATTED = ("imserver", "protocol/imserver_protocol", "clients/python", "benchmarks", "tests", ".ci")
#: Lines around a change that are looked for, and shown in a translated patch.
CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Names:
    """Renames of Python names (never inside texts or comments) in the files that `where` matches."""

    where: tuple[str, ...]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Words:
    """A regular expression and what replaces it, on the raw text of the files that `where` matches."""

    where: tuple[str, ...]
    pattern: re.Pattern[str]
    becomes: str


@dataclass(frozen=True)
class Table:
    """What moves and what is called otherwise. `symbols`: `old.module:Name` to the module that holds it now."""

    files: Mapping[str, str]
    symbols: Mapping[str, str]
    names: Sequence[Names]
    words: Sequence[Words]

    def path(self, old: str) -> str:
        """Where a file of the old tree is now; the longest matching folder counts."""
        if old in self.files:
            return self.files[old]
        for folder in sorted((one for one in self.files if one.endswith("/")), key=len, reverse=True):
            if old.startswith(folder):
                return self.files[folder] + old[len(folder) :]
        return old

    @cached_property
    def all_symbols(self) -> dict[str, str]:
        """The symbols under the old and under the new name of the module that they have left."""
        modules = self.modules
        renamed = {
            f"{modules.get(module, module)}:{name}": new
            for (module, _, name), new in ((old.partition(":"), new) for old, new in self.symbols.items())
        }
        return {**self.symbols, **renamed}

    @cached_property
    def modules(self) -> dict[str, str]:
        """Dotted names of the modules and packages that moved."""
        moved = {old: new for old, new in self.files.items() if old.endswith((".py", "/"))}
        return {module_of(old): module_of(new) for old, new in moved.items()}


@cache
def read_table() -> Table:
    """The table beside this program."""
    data = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return Table(
        files=data["files"],
        symbols=data["symbols"],
        names=[Names(tuple(row["where"]), row["names"]) for row in data["names"]],
        words=[
            Words(tuple(row["where"]), re.compile(pattern, re.MULTILINE), becomes)
            for row in data["words"]
            for pattern, becomes in row["words"]
        ],
    )


def module_of(path: str) -> str:
    """`imserver/net/listener.py` and `imserver/net/` as dotted names."""
    for shelf in SHELVES:
        path = path.removeprefix(shelf)
    return path.removesuffix("/").removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns fits; `**` at the end is a whole folder, `!` in front takes out what fits."""
    taken = False
    for pattern in patterns:
        if pattern.startswith("!"):
            taken = taken and not fnmatch.fnmatchcase(path, pattern[1:])
        else:
            taken = taken or fnmatch.fnmatchcase(path, pattern)
    return taken


def rewrite(old_path: str, text: str) -> str:
    """The text of a file of the old tree as it stands in the new one, before it is formatted."""
    table = read_table()
    text = _dotted(text)
    if old_path.endswith(".py"):
        text = rewrite_imports(old_path, text, table)
    for row in table.words:
        if matches(old_path, row.where):
            text = row.pattern.sub(row.becomes, text)
    if old_path.endswith(".py"):
        renames: dict[str, str] = {}
        for names in table.names:
            if matches(old_path, names.where):
                renames |= names.names
        text = rename(text, renames)
    return text


# ---------------------------------------------------------------------------------------------------------------- imports


_IMPORT = re.compile(r"\s*(from|import)\b")


@dataclass(frozen=True, slots=True)
class _Imported:
    """One name of one import statement: from which module, under which name here."""

    module: str
    name: str
    asname: str | None


def rewrite_imports(old_path: str, text: str, table: Table) -> str:
    """Import statements that say where things are now. A module that is bound under its own name is bound under the new one."""
    package = module_of(
        old_path if old_path.endswith("/__init__.py") else str(PurePosixPath(old_path).parent) + "/"
    )
    new_path = table.path(old_path)
    new_package = module_of(
        new_path if new_path.endswith("/__init__.py") else str(PurePosixPath(new_path).parent) + "/"
    )
    lines = text.splitlines(keepends=True)
    bound: dict[str, str] = {}
    used = _bare_names(text)
    for node in reversed([node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]):
        base = package if node.level else ""
        if node.level > 1:
            base = ".".join(package.split(".")[: -(node.level - 1)])
        source = ".".join(part for part in (base, node.module or "") if part)
        moved = [_moved(source, alias, table, bound, used) for alias in node.names]
        as_was = [_Imported(source, alias.name, alias.asname) for alias in node.names]
        if moved == as_was and (not node.level or new_package == package):
            continue
        statements = _statements(moved, new_package if node.level else None)
        indent = " " * node.col_offset
        assert node.end_lineno is not None
        rest = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
        lines[node.lineno - 1 : node.end_lineno] = ["\n".join(indent + one for one in statements) + rest]
    return rename("".join(lines), bound, bare=True) if bound else "".join(lines)


def _bare_names(text: str) -> set[str]:
    """Names that the file uses by themselves: neither behind a dot nor in an import."""
    found: set[str] = set()
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and before != "." and not _IMPORT.match(token.line):
            found.add(token.string)
        before = token.string
    return found


def _moved(source: str, alias: ast.alias, table: Table, bound: dict[str, str], used: set[str]) -> _Imported:
    """`bound` collects modules that get a new name here; where the file uses that name otherwise, the old one stays."""
    modules = table.modules
    whole = f"{source}.{alias.name}"
    if whole in modules:
        module, _, name = modules[whole].rpartition(".")
        if name == alias.name or alias.asname is not None:
            return _Imported(module, name, alias.asname)
        if name in used:
            return _Imported(module, name, alias.name)
        bound[alias.name] = name
        return _Imported(module, name, None)
    symbol = f"{source}:{alias.name}"
    if symbol in table.all_symbols:
        return _Imported(table.all_symbols[symbol], alias.name, alias.asname)
    return _Imported(modules.get(source, source), alias.name, alias.asname)


def _statements(imported: Sequence[_Imported], relative_to: str | None) -> list[str]:
    """One statement for each module, relative where the module stands in the same package and did so before."""
    by_module: dict[str, list[str]] = {}
    for one in imported:
        module = one.module
        if relative_to is not None and (module == relative_to or module.startswith(f"{relative_to}.")):
            module = "." + module[len(relative_to) + 1 :]
        by_module.setdefault(module, []).append(one.name + (f" as {one.asname}" if one.asname else ""))
    return [f"from {module} import {', '.join(names)}" for module, names in by_module.items()]


@cache
def _dotted_pattern() -> tuple[re.Pattern[str], dict[str, str]]:
    """Every old path and dotted name as one pattern, the longest first, so that nothing is replaced twice."""
    table = read_table()
    dotted = {old: new for old, new in table.modules.items() if "." in old}
    names = sorted(dotted, key=len, reverse=True)
    paths = sorted(table.files, key=len, reverse=True)
    alternatives = [
        rf"(?<![\w/])(?:{'|'.join(map(re.escape, paths))})(?![\w-])",
        rf"(?<![\w.])(?:{'|'.join(map(re.escape, names))})(?!\w)",
    ]
    return re.compile("|".join(alternatives)), {**table.files, **dotted}


def _dotted(text: str) -> str:
    """Dotted names and paths in imports, texts, comments, configuration and documents."""
    pattern, becomes = _dotted_pattern()
    return pattern.sub(lambda found: becomes[found[0]], text)


# ------------------------------------------------------------------------------------------------------------------ names


def rename(text: str, names: Mapping[str, str], *, bare: bool = False) -> str:
    """NAME tokens renamed, also those in the braces of f-strings; `a.b` in the mapping renames `b` behind `a` alone.

    With `bare` what stands behind a dot, or in an import, stays: then a module's own name is renamed.
    """
    if not names:
        return text
    pairs = {tuple(old.split(".")): new for old, new in names.items() if "." in old}
    single = {old: new for old, new in names.items() if "." not in old}
    lines = text.splitlines(keepends=True)
    edits: list[tuple[int, int, int, str]] = []
    before: list[str] = ["", ""]
    text_lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if bare and (before[1] == "." or _IMPORT.match(token.line)):
            new = None
        elif token.type == tokenize.NAME and not _is_keyword(before, token, text_lines):
            new = pairs.get((before[0], token.string)) if before[1] == "." else None
            new = new or single.get(token.string)
            if new is not None:
                edits.append((token.start[0], token.start[1], len(token.string), new))
        elif token.type == tokenize.STRING and "f" in token.string[:2].lower():
            edits.extend(_in_braces(token, single, pairs))
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            before = [before[1], token.string]
    for row, column, length, new in reversed(edits):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + new + line[column + length :]
    return "".join(lines)


#: Names of placeholders in texts that users may replace: they stay where they are the keyword of a call.
PLACEHOLDERS = frozenset({"store"})


def _is_keyword(before: Sequence[str], token: tokenize.TokenInfo, lines: Sequence[str]) -> bool:
    if token.string not in PLACEHOLDERS:
        return False
    behind = lines[token.end[0] - 1][token.end[1] :]
    return before[1] in ("(", ",") and behind.startswith("=") and not behind.startswith("==")


def _in_braces(
    token: tokenize.TokenInfo, single: Mapping[str, str], pairs: Mapping[tuple[str, ...], str]
) -> Iterator[tuple[int, int, int, str]]:
    """Edits inside the replacement fields of one f-string."""
    text = token.string
    code = _code_of(text)
    for found in re.finditer(r"[A-Za-z_]\w*", code):
        owner = re.search(r"(\w+)\.$", code[: found.start()])
        new = pairs.get((owner[1], found[0])) if owner else None
        new = new or single.get(found[0])
        if new is not None:
            above = text[: found.start()]
            column = len(above) - above.rfind("\n") - 1 if "\n" in above else token.start[1] + found.start()
            yield token.start[0] + above.count("\n"), column, len(found[0]), new


def _code_of(text: str) -> str:
    """An f-string in which all is blank but the code of its replacement fields, nested ones too."""
    quotes: list[tuple[str, bool]] = []
    fields: list[int] = [0]  # open brackets of the innermost field of each string
    out: list[str] = []
    at = 0
    while at < len(text):
        in_code = not quotes or fields[-1] > 0
        here = text[at]
        if not in_code and quotes and text.startswith(quotes[-1][0], at):
            width = len(quotes.pop()[0])
            fields.pop()
            out.append(" " * width)
            at += width
            continue
        if in_code and (opened := re.match(r"([A-Za-z]{0,2})(\"\"\"|'''|\"|')", text[at:])):
            quotes.append((opened[2], "f" in opened[1].lower()))
            fields.append(0)
            out.append(" " * len(opened[0]))
            at += len(opened[0])
            continue
        if not in_code and quotes[-1][1] and text[at : at + 2] in ("{{", "}}"):
            out.append("  ")
            at += 2
            continue
        if here == "{" and quotes and (in_code or quotes[-1][1]):
            fields[-1] += 1
            out.append(" ")
        elif here == "}" and quotes and in_code:
            fields[-1] -= 1
            out.append(" ")
        else:
            out.append(here if in_code and quotes else " ")
        at += 1
    return "".join(out)


# ------------------------------------------------------------------------------------------------------------- the tree


def is_ours(path: str) -> bool:
    """Whether a tracked file is rewritten."""
    name = PurePosixPath(path)
    return not path.startswith(EXEMPT) and (name.suffix in SUFFIXES or name.name in NAMES)


def apply() -> None:
    """Move and rewrite every tracked file of this tree, then its mutants."""
    table = read_table()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    sources = {name: (ROOT / name).read_text(encoding="utf-8") for name in names if is_ours(name)}
    for old in names:
        new = table.path(old)
        if new != old:
            (ROOT / new).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["git", "mv", old, new], cwd=ROOT, check=True)
        if old in sources and not old.startswith("tests/mutants/table/"):
            (ROOT / new).write_text(rewrite(old, sources[old]), encoding="utf-8")
    for folder in {str(PurePosixPath(new).parent) for new in table.files.values() if new.endswith(".py")}:
        if not (ROOT / folder / "__init__.py").exists() and not folder.startswith("tests"):
            (ROOT / folder / "__init__.py").touch()
    for arguments in (["check", "-q", "--select", "I", "--fix"], ["format", "-q"]):
        subprocess.run([sys.executable, "-m", "ruff", *arguments, *FORMATTED], cwd=ROOT, check=False)
    for old, text in sources.items():
        if old.startswith("tests/mutants/table/"):
            (ROOT / old).write_text(rewrite_mutant(text, sources.__getitem__), encoding="utf-8")


def formatted(path: str, text: str) -> str:
    """As `make fmt` leaves it."""
    if not path.endswith(".py"):
        return text
    for arguments in (["check", "-q", "--select", "I", "--fix"], ["format", "-q"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", path, "-"]
        done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
        text = done.stdout or text
    return text


# ---------------------------------------------------------------------------------------------------------------- patches


def moved(old_path: str, text: str) -> tuple[str, str]:
    """The path and the text of an old file in the new tree."""
    path = read_table().path(old_path)
    return path, formatted(path, rewrite(old_path, text))


def touched(patch: str) -> list[str]:
    """The files that a patch changes."""
    return [
        name for name in re.findall(r"^\+\+\+ (?:b/)?([^\t\n]+)", patch, re.MULTILINE) if name != "/dev/null"
    ]


def planted(patch: str, sources: Mapping[str, str]) -> dict[str, str]:
    """The files of a patch with the patch in them. Raises ValueError if it does not apply."""
    said = ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in sources.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        for how in (["-p1"], ["-p1", "-C1"], ["-p0"]):
            command = ["git", "apply", "--whitespace=nowarn", *how]
            done = subprocess.run(
                command, cwd=folder, input=patch + "\n", capture_output=True, text=True, check=False,
                env={"GIT_CEILING_DIRECTORIES": str(folder.parent), "PATH": os.environ["PATH"]},
            )  # fmt: skip
            if done.returncode == 0:
                return {path: (folder / path).read_text(encoding="utf-8") for path in sources}
            said = done.stderr.strip()
    raise ValueError(f"the patch does not apply to {BASE}: {said}")


def translate(patch: str, old: Callable[[str], str], new: Callable[[str], str | None]) -> str:
    """A patch of the old tree as one of the new tree. `old` and `new` read a file of either; `new` may say that there is none.

    Raises ValueError if it does not apply to the old tree, or its place is not found in the new one.
    """
    head = patch[: found.start()] if (found := re.search(r"^(?:diff |--- )", patch, re.MULTILINE)) else ""
    sources = {path: old(path) for path in touched(patch)}
    parts: dict[str, list[str]] = {}
    for path, sabotaged in planted(patch[len(head) :], sources).items():
        new_path, before = moved(path, sources[path])
        _, after = moved(path, sabotaged)
        for place, text in relocated(new_path, before, after, new).items():
            parts[place] = difflib_lines(place, new(place) or "", text)
    return _dotted(head) + "".join(line for lines in parts.values() for line in lines)


def difflib_lines(path: str, before: str, after: str) -> list[str]:
    """A unified diff of one file."""
    return list(
        difflib.unified_diff(
            before.splitlines(True), after.splitlines(True), f"a/{path}", f"b/{path}", n=CONTEXT
        )
    )


def relocated(path: str, before: str, after: str, new: Callable[[str], str | None]) -> dict[str, str]:
    """The change from `before` to `after` made in the files of today, by path. Raises ValueError."""
    today = new(path)
    if today == before:
        return {path: after}
    old_lines, new_lines = before.splitlines(), after.splitlines()
    edits: list[tuple[str, int, int, list[str]]] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(
        None, old_lines, new_lines, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            continue
        place, at = _find(path, old_lines, i1, i2, new)
        indent = _indent_difference(old_lines, (new(place) or "").splitlines(), i1, i2, at - i1)
        edits.append((place, at, i2 - i1, [_reindent(line, indent) for line in new_lines[j1:j2]]))
    texts = {place: (new(place) or "").splitlines() for place, *_ in edits}
    for place, at, count, lines in sorted(edits, key=lambda edit: edit[1], reverse=True):
        texts[place][at : at + count] = lines
    return {place: "\n".join(lines) + "\n" for place, lines in texts.items()}


def _find(
    path: str, old: list[str], begin: int, end: int, new: Callable[[str], str | None]
) -> tuple[str, int]:
    """Where the old lines `begin` to `end` are today: the file and the line, by the lines themselves and those around them."""
    best: tuple[float, str, int] = (0.0, "", 0)
    wanted = [_code(line) for line in old[begin:end]]
    above = [_code(line) for line in old[max(0, begin - 8) : begin]]
    below = [_code(line) for line in old[end : end + 8]]
    for place in _candidates(path):
        lines = [_code(line) for line in (new(place) or "").splitlines()]
        for at in range(len(lines) + 1 - len(wanted)):
            if lines[at : at + len(wanted)] != wanted:
                continue
            score = _alike(above[::-1], lines[max(0, at - 8) : at][::-1])
            score += _alike(below, lines[at + len(wanted) : at + len(wanted) + 8])
            score += 0.5 * (place == path) + (0.5 if wanted else 0.0)
            if score > best[0]:
                best = score, place, at
        if place == path and best[0] > 8:
            break
    if best[0] < (1.5 if wanted else 3.0):
        raise ValueError(
            f"{path}: nothing like line {begin + 1} is left: {old[begin] if begin < end else old[begin - 1]!r}"
        )
    return best[1], best[2]


def _code(line: str) -> str:
    """A line without its indentation and without what its comment says: sentences change, code stays."""
    line = line.strip()
    return "#" if line.startswith("#") else re.sub(r"\s{2}#.*", "", line)


def _alike(one: Sequence[str], other: Sequence[str]) -> float:
    """How far two lists of lines agree from their beginning on; what is nearer counts more."""
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return sum(
        block.size * (1.0 if block.a < 2 else 0.5) for block in matcher.get_matching_blocks() if block.size
    )


def _candidates(path: str) -> Iterator[str]:
    """The file itself, then those of its folder, then those of its package."""
    yield path
    seen = {path}
    for folder in list(PurePosixPath(path).parents)[:-1]:
        for file in sorted((ROOT / folder).rglob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            if name not in seen:
                seen.add(name)
                yield name


def _indent_difference(old: list[str], lines: list[str], begin: int, end: int, shift: int) -> int:
    """By how many blanks the place is indented otherwise than it was (a method became a function)."""
    for at in (
        *range(begin, end),
        *range(end, min(end + 4, len(old))),
        *range(begin - 1, max(begin - 5, -1), -1),
    ):
        if 0 <= at + shift < len(lines) and _code(old[at]) and _code(old[at]) == _code(lines[at + shift]):
            return (len(lines[at + shift]) - len(lines[at + shift].lstrip())) - (
                len(old[at]) - len(old[at].lstrip())
            )
    return 0


def _reindent(line: str, by: int) -> str:
    return (
        line
        if not line.strip()
        else " " * by + line
        if by >= 0
        else line[min(-by, len(line) - len(line.lstrip())) :]
    )


def rewrite_mutant(text: str, sources: Callable[[str], str]) -> str:
    """A planted mutant of the old tree, in the tree that has just been moved."""
    head, diff = text[: text.index("\n--- ") + 1], text[text.index("\n--- ") + 1 :]
    return _dotted(head) + translate(diff, sources, lambda path: (ROOT / path).read_text(encoding="utf-8"))


def _of_base(path: str) -> str:
    shown = subprocess.run(
        ["git", "show", f"{BASE}:{path}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if shown.returncode:
        raise ValueError(f"{path} is no file of {BASE}: {shown.stderr.strip()}")
    return shown.stdout


def _of_today(path: str) -> str | None:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else None


def main() -> int:
    """Exit code 1 if a patch cannot be translated."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.moves",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--apply", action="store_true", help="move this tree")
    what.add_argument(
        "--patch", type=Path, metavar="FILE", help=f"a patch against {BASE}; - for standard input"
    )
    chosen = parser.parse_args()
    if chosen.apply:
        apply()
        return 0
    text = sys.stdin.read() if str(chosen.patch) == "-" else chosen.patch.read_text(encoding="utf-8")
    try:
        print(translate(text, _of_base, _of_today), end="")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

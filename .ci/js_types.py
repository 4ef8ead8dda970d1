"""Checks the types of our JavaScript, clients and pages: `tsc --checkJs --strict`, as tests/js/package-lock.json names it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from clients.bundler.npm import ToolMissing, installed, node  # noqa: E402 - beside the sources, which are on no path

#: A page and its service worker know different things of a browser.
PROJECTS = ("tests/js/tsconfig.json", "clients/bundler/tsconfig.json", "clients/bundler/tsconfig.worker.json")


def main() -> int:
    """Install TypeScript if the lock has changed, and run it on each project."""
    try:
        tsc = installed(ROOT / "tests" / "js") / "typescript" / "bin" / "tsc"
    except ToolMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    ran = [subprocess.run([node(), tsc, "-p", ROOT / one], check=False).returncode for one in PROJECTS]
    return max(ran)


if __name__ == "__main__":
    sys.exit(main())

"""Runs a command that does not outlive its parent: `python -I -S die_with_parent.py PARENT COMMAND …`.

A parent that is killed cannot end its children. On Linux the kernel then ends them with SIGKILL, even a stopped one.
Elsewhere the command just runs. Imports nothing of ours: this runs before every start of a server.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def dying_with_parent(*command: str) -> list[str]:
    """The command line that runs this one and ends it with our process."""
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(os.getpid()), *command]


def end_with(parent: int, told: signal.Signals = signal.SIGKILL) -> None:
    """Let this process get that signal when its parent ends, however the parent ends (Linux)."""
    if sys.platform == "linux":
        import ctypes

        if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, told) != 0:
            sys.exit("prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:
            sys.exit("the parent has gone already")


def main() -> None:
    """Become the command."""
    parent, *command = sys.argv[1:]
    end_with(int(parent))
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()

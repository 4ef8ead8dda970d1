"""Runs a command that does not outlive its parent: `python -I -S leash.py PARENT COMMAND …`.

Who starts processes and is killed himself cannot end them any more. On Linux the kernel does it then, with SIGKILL, also to a
stopped process. Elsewhere the command just runs. Nothing of ours is imported: this stands before every start of a server.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def leashed(*command: str) -> list[str]:
    """The command line that runs this one on a leash of ours."""
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(os.getpid()), *command]


def end_with(parent: int, told: signal.Signals = signal.SIGKILL) -> None:
    """From now on this process gets that signal when its parent ends, however the parent ends (Linux)."""
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

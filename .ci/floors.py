"""Every lower bound in pyproject.toml is true: the demo passes with the lowest versions that it allows.

What is installed are the wheel and, of what it names, the lowest versions (of what these need in turn, the newest: their bounds
are theirs). Not of the tools in the group `dev`, which requirements.lock pins for everybody.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = "floors"


def _run(command: Sequence[str | Path], **more: str) -> None:
    """Run it; what it prints is shown if it fails, and this process fails, too."""
    ran = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **more}, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        print(ran.stdout, ran.stderr, sep="\n")
        sys.exit(f"{PROGRAM}: failed: {' '.join(map(str, command))}")


def main(uv: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lowest, python = folder / "lowest.txt", folder / "venv" / "bin" / "python"
        _run([
            uv, "pip", "compile", "-q", "pyproject.toml", "--extra", "server", "--extra", "websocket",
            "--resolution", "lowest-direct", "--python", sys.executable, "-o", lowest,
        ])  # fmt: skip
        _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder])
        (wheel,) = folder.glob("*.whl")
        _run([uv, "venv", "-q", "--python", sys.executable, folder / "venv"])
        _run([uv, "pip", "sync", "-q", "--python", python, lowest])
        _run([uv, "pip", "install", "-q", "--python", python, "--no-deps", wheel])
        # A version that hangs, as one did, is a failure.
        _run(["timeout", "300", folder / "venv" / "bin" / "imserver", "demo", "--pace", "0"], PYTHONPATH="")
        chosen = [line for line in lowest.read_text("utf-8").splitlines() if "==" in line]
    print(f"   {len(chosen)} packages, the lowest that are allowed: the demo passes")


if __name__ == "__main__":
    main(sys.argv[1])
